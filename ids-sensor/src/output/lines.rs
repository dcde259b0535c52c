//! Rendered records on their way from a worker to the writer: one piece of memory, and marks in it.

use std::net::IpAddr;

use ids_core::time::Time;

/// What a record is, so that a full queue can choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// An alert: dropped last.
    Alert,
    /// Odd traffic.
    Anomaly,
    /// A dropped packet.
    Drop,
    /// A file.
    File,
    /// A transaction.
    Transaction,
    /// The end of a flow.
    Flow,
    /// A tagged packet.
    Packet,
    /// Counters.
    Stats,
}

impl Kind {
    /// All kinds, in the order of their numbers.
    pub const ALL: [Self; 8] =
        [Self::Alert, Self::Anomaly, Self::Drop, Self::File, Self::Transaction, Self::Flow, Self::Packet, Self::Stats];

    /// Last part of the counter of lost records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Alert => "alert",
            Self::Anomaly => "anomaly",
            Self::Drop => "drop",
            Self::File => "fileinfo",
            Self::Transaction => "transaction",
            Self::Flow => "flow",
            Self::Packet => "packet",
            Self::Stats => "stats",
        }
    }
}

/// Where a record stands in the order of a run: number of the packet, then position among its events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Order {
    /// Number of the packet.
    pub packet: u64,
    /// Position among the events of the packet.
    pub event: u32,
}

/// What the store indexes an alert by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlertKey {
    /// When.
    pub time: Time,
    /// Which rule.
    pub sid: u32,
    /// Source and destination.
    pub addrs: [Option<IpAddr>; 2],
}

/// One record of a buffer.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    /// Which destination it is for.
    pub destination: u16,
    /// What it is.
    pub kind: Kind,
    /// Where it belongs.
    pub order: Order,
    /// The index of an alert for the store.
    pub alert: Option<AlertKey>,
    end: usize,
}

/// Records in the order they were rendered.
#[derive(Debug, Default)]
pub struct Lines {
    bytes: Vec<u8>,
    marks: Vec<Mark>,
    destination: u16,
    order: Order,
}

impl Lines {
    /// What is rendered next goes to this destination and belongs to this place.
    pub fn aim(&mut self, destination: u16, order: Order) {
        self.destination = destination;
        self.order = order;
    }

    /// Adds a record that `write` appends, line end included.
    pub fn add(&mut self, kind: Kind, write: impl FnOnce(&mut Vec<u8>)) {
        self.put(kind, None, write);
    }

    /// Adds an alert for the store.
    pub fn add_alert(&mut self, key: AlertKey, write: impl FnOnce(&mut Vec<u8>)) {
        self.put(Kind::Alert, Some(key), write);
    }

    fn put(&mut self, kind: Kind, alert: Option<AlertKey>, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.bytes);
        let (destination, order, end) = (self.destination, self.order, self.bytes.len());
        self.marks.push(Mark { destination, kind, order, alert, end });
    }

    /// Bytes of all records.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }

    /// Forgets all records, keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.marks.clear();
    }

    /// The records with their marks, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&Mark, &[u8])> {
        let mut start = 0;
        self.marks.iter().map(move |mark| {
            let bytes = self.bytes.get(start..mark.end).unwrap_or_default();
            start = mark.end;
            (mark, bytes)
        })
    }

    /// Keeps the records that `keep` wants, in order.
    pub fn retain(&mut self, mut keep: impl FnMut(&Mark) -> bool) {
        let (mut start, mut to) = (0, 0);
        let bytes = &mut self.bytes;
        self.marks.retain_mut(|mark| {
            let (from, end) = (start, mark.end);
            start = end;
            let kept = keep(mark);
            if kept {
                bytes.copy_within(from..end, to);
                to += end - from;
                mark.end = to;
            }
            kept
        });
        bytes.truncate(to);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_keeps_its_bytes() {
        let mut lines = Lines::default();
        for (number, kind) in [Kind::Alert, Kind::Flow, Kind::Flow, Kind::Alert, Kind::Stats].into_iter().enumerate() {
            lines.aim(7, Order { packet: number as u64, event: 0 });
            lines.add(kind, |out| out.extend(std::iter::repeat_n(b'0' + number as u8, number + 1)));
        }
        lines.retain(|mark| mark.kind == Kind::Alert);
        let left: Vec<(u64, &[u8])> = lines.iter().map(|(mark, bytes)| (mark.order.packet, bytes)).collect();
        assert_eq!(left, [(0, &b"0"[..]), (3, &b"3333"[..])]);
        lines.clear();
        assert!(lines.is_empty());
    }

    #[test]
    fn kinds_are_in_the_order_of_their_numbers() {
        for (number, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, number);
        }
    }
}
