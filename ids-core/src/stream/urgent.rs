//! Urgent bytes that the receiver reads out of band: they take a sequence number but are no part of the stream.
//!
//! Positions here come in two kinds: *sequence* offsets count every byte from the first after the SYN, *stream* offsets
//! leave the urgent ones out. Source: RFC 6093.

use std::collections::VecDeque;

use super::overlap::distance;

/// The urgent bytes of one direction.
#[derive(Debug, Default)]
pub(super) struct Urgent {
    /// Sequence offsets still of interest, in order.
    at: VecDeque<u64>,
    /// How many came before those.
    gone: u64,
    /// Sequence offset before which they are forgotten.
    known_from: u64,
}

impl Urgent {
    /// Notes the urgent byte at a sequence offset; false if it was known.
    pub(super) fn note(&mut self, at: u64) -> bool {
        let place = self.at.partition_point(|known| *known < at);
        if self.at.get(place) == Some(&at) {
            return false;
        }
        self.at.insert(place, at);
        true
    }

    /// Whether the byte at a sequence offset is urgent.
    pub(super) fn is_at(&self, sequence: u64) -> bool {
        self.at.binary_search(&sequence).is_ok()
    }

    /// How many urgent bytes lie before a sequence offset.
    pub(super) fn before(&self, sequence: u64) -> u64 {
        self.gone + self.at.partition_point(|known| *known < sequence) as u64
    }

    /// How many were noted in all.
    pub(super) fn total(&self) -> u64 {
        self.gone + self.at.len() as u64
    }

    /// Calls back with every stretch of `data`, which begins at a sequence offset, that belongs to the stream: its
    /// stream offset, its place in `data`, its bytes. What lies where urgent bytes are forgotten is left out: its stream
    /// offset is not known any more.
    pub(super) fn split(&self, start: u64, data: &[u8], mut each: impl FnMut(u64, usize, &[u8])) {
        let end = start + data.len() as u64;
        let mut from = start.max(self.known_from);
        let first = self.at.partition_point(|known| *known < from);
        let mut removed = self.gone + first as u64;
        for &urgent in self.at.iter().skip(first).take_while(|urgent| **urgent < end) {
            give(start, data, from, urgent, removed, &mut each);
            removed += 1;
            from = urgent + 1;
        }
        give(start, data, from, end, removed, &mut each);
    }

    /// Forgets those before a sequence offset but for their number.
    pub(super) fn forget(&mut self, before: u64) {
        self.known_from = self.known_from.max(before);
        while self.at.front().is_some_and(|at| *at < before) {
            self.at.pop_front();
            self.gone += 1;
        }
    }

    /// Memory in use, in bytes.
    pub(super) fn held(&self) -> usize {
        self.at.capacity() * size_of::<u64>()
    }
}

fn give(start: u64, data: &[u8], from: u64, to: u64, removed: u64, each: &mut impl FnMut(u64, usize, &[u8])) {
    // Bytes before the forgotten ones have no stream offset any more.
    let from = from.max(removed);
    let place = distance(start, from);
    let bytes = data.get(place..distance(start, to)).unwrap_or_default();
    if !bytes.is_empty() {
        each(from - removed, place, bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stretches of ten bytes from 0 on: stream offset, place, length.
    fn stretches(urgent: &Urgent) -> Vec<(u64, usize, usize)> {
        let mut all = Vec::new();
        urgent.split(0, &[0; 10], |stream, place, bytes| all.push((stream, place, bytes.len())));
        all
    }

    #[test]
    fn urgent_bytes_are_left_out_also_when_they_are_forgotten() {
        let mut urgent = Urgent::default();
        for at in [7, 5, 5] {
            urgent.note(at);
        }
        assert_eq!(stretches(&urgent), [(0, 0, 5), (5, 6, 1), (6, 8, 2)]);
        urgent.forget(6);
        assert_eq!(stretches(&urgent), [(5, 6, 1), (6, 8, 2)]);
        urgent.forget(20);
        assert_eq!(stretches(&urgent), []);
        assert_eq!((urgent.total(), urgent.before(30)), (2, 2));
    }
}
