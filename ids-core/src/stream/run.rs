//! Bytes in order, kept until everybody who reads them has passed.

use super::overlap::distance;

/// A stretch of a stream without holes that grows at its end and shrinks at its start.
#[derive(Debug, Default)]
pub(super) struct Run {
    start: u64,
    bytes: Vec<u8>,
    /// How many of `bytes` are gone; moved out once they are the larger part, so that every byte moves at most once.
    gone: usize,
}

/// Capacity that an empty run may keep, so that the next packet needs no allocation.
const KEEP: usize = 16 * 1024;

impl Run {
    /// An empty run at a stream offset.
    pub(super) fn at(start: u64) -> Self {
        Self { start, ..Self::default() }
    }

    /// Stream offset of the first byte.
    pub(super) const fn start(&self) -> u64 {
        self.start
    }

    /// Stream offset one past the last byte.
    pub(super) fn end(&self) -> u64 {
        self.start + self.bytes().len() as u64
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(self.gone..).unwrap_or_default()
    }

    /// The bytes between two stream offsets, as far as they are here.
    pub(super) fn slice(&self, from: u64, to: u64) -> &[u8] {
        let bytes = self.bytes();
        let to = distance(self.start, to).min(bytes.len());
        bytes.get(distance(self.start, from).min(to)..to).unwrap_or_default()
    }

    /// Makes place for bytes at the end: for as many again as there are, so that appending is cheap, but not for more
    /// than `room` unless they need it.
    pub(super) fn reserve(&mut self, bytes: usize, room: usize) {
        if self.bytes.capacity() - self.bytes.len() < bytes {
            self.bytes.reserve_exact(bytes.max(self.bytes.len().min(room)));
        }
    }

    /// Adds bytes at the end.
    pub(super) fn append(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Drops what comes at or after a stream offset and hands it to `into`.
    pub(super) fn cut(&mut self, from: u64) -> Vec<u8> {
        let at = (self.gone + distance(self.start, from)).min(self.bytes.len());
        self.bytes.split_off(at)
    }

    /// Drops what comes before a stream offset. Out: whether there was anything.
    pub(super) fn release(&mut self, before: u64) -> bool {
        let bytes = distance(self.start, before).min(self.bytes().len());
        self.start += bytes as u64;
        self.gone += bytes;
        if self.gone == self.bytes.len() {
            self.bytes.clear();
            self.bytes.shrink_to(KEEP);
            self.gone = 0;
        } else if self.gone > self.bytes.len() / 2 && self.gone >= KEEP / 4 {
            self.bytes.drain(..self.gone);
            self.gone = 0;
            if self.bytes.capacity() / 4 > self.bytes.len().max(KEEP) {
                self.bytes.shrink_to(self.bytes.len() * 2);
            }
        }
        bytes > 0
    }

    /// Memory in use, in bytes.
    pub(super) fn held(&self) -> usize {
        self.bytes.capacity()
    }
}
