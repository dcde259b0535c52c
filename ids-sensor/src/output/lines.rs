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
    /// Bytes of a stored file, or its end.
    FileContent,
    /// Certificates that are stored.
    Certificates,
    /// A tagged packet.
    Packet,
    /// Counters.
    Stats,
}

impl Kind {
    /// All kinds, in the order of their numbers.
    pub const ALL: [Self; 10] = [
        Self::Alert,
        Self::Anomaly,
        Self::Drop,
        Self::File,
        Self::Transaction,
        Self::Flow,
        Self::FileContent,
        Self::Certificates,
        Self::Packet,
        Self::Stats,
    ];

    /// Last part of the counter of lost records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Alert => "alert",
            Self::Anomaly => "anomaly",
            Self::Drop => "drop",
            Self::File => "fileinfo",
            Self::Transaction => "transaction",
            Self::Flow => "flow",
            Self::FileContent => "file_content",
            Self::Certificates => "certificates",
            Self::Packet => "packet",
            Self::Stats => "stats",
        }
    }
}

/// Where a record stands in the order of a run, so that records of several workers can be put in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Order {
    /// What the engine was at: packets and ticks, counted by whoever deals them out.
    pub step: u64,
    /// Where flows end together: number of the first packet, and id, of the one the record is about.
    pub flow: (u64, u64),
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

    /// Adds the records of several buffers, each of which is in order, in order.
    pub fn merge(&mut self, parts: &[Self]) {
        let mut parts: Vec<_> = parts.iter().map(|part| part.iter().peekable()).collect();
        let first = |part: &mut std::iter::Peekable<_>| -> Option<Order> {
            part.peek().map(|(mark, _): &(&Mark, &[u8])| mark.order)
        };
        loop {
            let least = parts.iter_mut().filter_map(|part| Some((first(part)?, part))).min_by_key(|(order, _)| *order);
            let Some((mark, bytes)) = least.and_then(|(_, part)| part.next()) else { return };
            self.bytes.extend_from_slice(bytes);
            self.marks.push(Mark { end: self.bytes.len(), ..*mark });
        }
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
            lines.aim(7, Order { step: number as u64, flow: (0, 0) });
            lines.add(kind, |out| out.extend(std::iter::repeat_n(b'0' + number as u8, number + 1)));
        }
        lines.retain(|mark| mark.kind == Kind::Alert);
        let left: Vec<(u64, &[u8])> = lines.iter().map(|(mark, bytes)| (mark.order.step, bytes)).collect();
        assert_eq!(left, [(0, &b"0"[..]), (3, &b"3333"[..])]);
        lines.clear();
        assert!(lines.is_empty());
    }

    #[test]
    fn merged_lines_are_in_order() {
        let part = |rows: &[(u64, u64, &str)]| {
            let mut lines = Lines::default();
            for (step, flow, text) in rows {
                lines.aim(0, Order { step: *step, flow: (*flow, 0) });
                lines.add(Kind::Flow, |out| out.extend_from_slice(text.as_bytes()));
            }
            lines
        };
        let mut all = Lines::default();
        all.merge(&[
            part(&[(2, 0, "b"), (2, 0, "c"), (9, 5, "g")]),
            part(&[]),
            part(&[(1, 0, "a"), (4, 0, "d"), (9, 1, "f")]),
        ]);
        let text: Vec<&[u8]> = all.iter().map(|(_, bytes)| bytes).collect();
        assert_eq!(text, [&b"a"[..], b"b", b"c", b"d", b"f", b"g"]);
    }

    #[test]
    fn kinds_are_in_the_order_of_their_numbers() {
        for (number, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, number);
        }
    }
}
