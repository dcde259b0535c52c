//! What is read or written of an open file: pieces, at any place of it, → the file in order.
//!
//! In: pieces with their place.  Out: a [`File`], and its latest bytes for rules. Pieces that come too early wait, as many
//! as the limits allow.

use std::collections::BTreeMap;

use super::events::Event;
use crate::app::file::{Care, File};
use crate::field::{Dir, Value};

/// Latest bytes of a file that are kept for rules once they were inspected.
const WINDOW: usize = 64 << 10;
/// Bytes that are kept at most.
const MOST_KEPT: usize = 1 << 20;

/// How much may wait for what comes before it.
#[derive(Clone, Copy, Debug)]
pub struct Queue {
    /// Bytes; 0: any.
    pub size: u64,
    /// Pieces; 0: any.
    pub pieces: usize,
}

/// A file in one direction.
#[derive(Debug)]
pub(super) struct Transfer {
    pub(super) file: File,
    limits: Queue,
    /// Where the file goes on in order.
    next: u64,
    /// Where the piece at hand goes on.
    at: u64,
    /// Where it begins in `waiting`, if it waits.
    piece: u64,
    waiting: BTreeMap<u64, Vec<u8>>,
    waiting_bytes: u64,
    kept: Vec<u8>,
    /// Place of the first byte that is kept.
    kept_from: u64,
}

impl Transfer {
    pub(super) fn new(name: Vec<u8>, dir: Dir, care: &Care, limits: Queue) -> Self {
        Self {
            file: File::new(name, dir, care),
            limits,
            next: 0,
            at: 0,
            piece: 0,
            waiting: BTreeMap::new(),
            waiting_bytes: 0,
            kept: Vec::new(),
            kept_from: 0,
        }
    }

    /// A piece begins here. Out: what is odd about it.
    pub(super) fn begin(&mut self, at: u64) -> Option<Event> {
        (self.at, self.piece) = (at, at);
        (at < self.next).then_some(Event::FileOverlap)
    }

    /// It goes on. Out: what is odd about it.
    pub(super) fn append(&mut self, bytes: &[u8]) -> Option<Event> {
        let known = usize::try_from(self.next.saturating_sub(self.at)).unwrap_or(usize::MAX).min(bytes.len());
        self.at = self.at.saturating_add(bytes.len() as u64);
        let fresh = bytes.get(known..).unwrap_or_default();
        if fresh.is_empty() {
            return None;
        }
        if self.at.saturating_sub(fresh.len() as u64) > self.next {
            return self.wait(fresh);
        }
        self.take(fresh);
        self.catch_up();
        None
    }

    /// So many bytes of it were lost.
    pub(super) fn gap(&mut self, bytes: u64) {
        if self.at <= self.next {
            let lost = self.at.saturating_add(bytes).saturating_sub(self.next);
            self.pass(lost);
        }
        self.at = self.at.saturating_add(bytes);
        self.piece = self.at;
        self.catch_up();
    }

    /// Nothing more comes; `whole`: it was closed.
    pub(super) fn end(&mut self, whole: bool) {
        while let Some((at, bytes)) = self.waiting.pop_first() {
            self.pass(at.saturating_sub(self.next));
            self.late(at, &bytes);
        }
        if whole { self.file.close() } else { self.file.truncate() }
    }

    /// What rules see.
    pub(super) fn value(&self) -> Value<'_> {
        if self.file.size == 0 {
            return Value::Absent;
        }
        let complete = self.file.state != crate::app::file::State::Open;
        Value::Stream { data: &self.kept, offset: self.kept_from, complete }
    }

    /// What is kept was inspected.
    pub(super) fn inspected(&mut self) {
        self.trim(WINDOW);
    }

    fn wait(&mut self, bytes: &[u8]) -> Option<Event> {
        let writes = self.file.dir == Some(Dir::ToServer);
        let pieces = self.waiting.len() + usize::from(!self.waiting.contains_key(&self.piece));
        let size = self.waiting_bytes.saturating_add(bytes.len() as u64);
        if self.limits.size != 0 && size > self.limits.size {
            return Some(if writes { Event::WriteQueueSizeExceeded } else { Event::ReadQueueSizeExceeded });
        }
        if self.limits.pieces != 0 && pieces > self.limits.pieces {
            return Some(if writes { Event::WriteQueueCntExceeded } else { Event::ReadQueueCntExceeded });
        }
        self.waiting.entry(self.piece).or_default().extend_from_slice(bytes);
        self.waiting_bytes = size;
        None
    }

    /// Takes what waited and follows now.
    fn catch_up(&mut self) {
        while let Some(first) = self.waiting.first_entry().filter(|first| *first.key() <= self.next) {
            let (at, bytes) = first.remove_entry();
            self.late(at, &bytes);
        }
    }

    fn late(&mut self, at: u64, bytes: &[u8]) {
        self.waiting_bytes = self.waiting_bytes.saturating_sub(bytes.len() as u64);
        let known = usize::try_from(self.next.saturating_sub(at)).unwrap_or(usize::MAX).min(bytes.len());
        self.take(bytes.get(known..).unwrap_or_default());
    }

    fn take(&mut self, bytes: &[u8]) {
        self.next = self.next.saturating_add(bytes.len() as u64);
        self.file.append(bytes);
        self.kept.extend_from_slice(bytes);
        self.trim(MOST_KEPT);
    }

    fn pass(&mut self, lost: u64) {
        if lost > 0 {
            self.next = self.next.saturating_add(lost);
            self.file.gap(lost);
            self.kept.clear();
            self.kept_from = self.next;
        }
    }

    /// Keeps only the latest bytes. Moving the rest costs as much as is dropped, so each byte is moved only a few times.
    fn trim(&mut self, window: usize) {
        let extra = self.kept.len().saturating_sub(window);
        if extra >= window {
            self.kept.drain(..extra);
            self.kept_from += extra as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_put_in_order() {
        for (name, pieces, size, gaps, event) in [
            ("in order", &[(0, "ab"), (2, "cd")][..], 4, false, None),
            ("the last first", &[(2, "cd"), (0, "ab")], 4, false, None),
            ("twice", &[(0, "ab"), (1, "bc")], 3, false, Some(Event::FileOverlap)),
            ("a hole", &[(0, "ab"), (3, "d")], 4, true, None),
            ("too many wait", &[(9, "a"), (7, "b"), (5, "c")], 10, true, Some(Event::WriteQueueCntExceeded)),
            ("too much waits", &[(9, "aaaaaaaaa")], 0, false, Some(Event::WriteQueueSizeExceeded)),
        ] {
            let limits = Queue { size: 8, pieces: 2 };
            let mut transfer = Transfer::new(Vec::new(), Dir::ToServer, &Care::default(), limits);
            let mut odd = None;
            for (at, text) in pieces {
                odd = odd.or(transfer.begin(*at));
                odd = odd.or(transfer.append(text.as_bytes()));
            }
            transfer.end(true);
            assert_eq!((transfer.file.size, transfer.file.gaps, odd), (size, gaps, event), "{name}");
            assert_eq!(transfer.waiting_bytes, 0, "{name}");
        }
    }

    #[test]
    fn what_is_lost_leaves_a_hole() {
        let limits = Queue { size: 8, pieces: 2 };
        let mut transfer = Transfer::new(Vec::new(), Dir::ToClient, &Care::default(), limits);
        transfer.begin(0);
        transfer.append(b"abc");
        transfer.gap(5);
        transfer.append(b"ij");
        assert_eq!(transfer.value(), Value::Stream { data: b"ij", offset: 8, complete: false });
        transfer.end(true);
        assert_eq!((transfer.file.size, transfer.file.state.name()), (10, "TRUNCATED"));
    }
}
