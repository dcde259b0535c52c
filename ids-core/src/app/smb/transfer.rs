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
pub struct Limits {
    /// Bytes; 0: any.
    pub size: u64,
    /// Pieces; 0: any.
    pub pieces: usize,
}

/// A file in one direction. What came first of a byte that comes twice is what counts.
#[derive(Debug)]
pub(super) struct Transfer {
    pub(super) file: File,
    limits: Limits,
    /// Where the file goes on in order.
    next: u64,
    /// Where the piece at hand goes on.
    at: u64,
    /// Where what waits of it begins in `waiting`: its latest part, where something of it was known.
    piece: u64,
    /// There was no room for it: what follows of it is refused as well.
    refused: bool,
    /// Pieces that came too early, by their place. None is empty, none overlaps another one, and all lie behind `next`.
    waiting: BTreeMap<u64, Vec<u8>>,
    waiting_bytes: u64,
    kept: Vec<u8>,
    /// Place of the first byte that is kept.
    kept_from: u64,
}

impl Transfer {
    pub(super) fn new(name: Vec<u8>, dir: Dir, care: &Care, limits: Limits) -> Self {
        Self {
            file: File::new(name, dir, care),
            limits,
            next: 0,
            at: 0,
            piece: 0,
            refused: false,
            waiting: BTreeMap::new(),
            waiting_bytes: 0,
            kept: Vec::new(),
            kept_from: 0,
        }
    }

    /// Where the file goes on in order.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// What stands before this place is not to come.
    pub(super) fn skip(&mut self, at: u64) {
        self.pass(at.saturating_sub(self.next));
    }

    /// A piece begins here. Out: what is odd about it.
    pub(super) fn begin(&mut self, at: u64) -> Option<Event> {
        (self.at, self.piece, self.refused) = (at, at, false);
        (at < self.next).then_some(Event::FileOverlap)
    }

    /// It goes on. Out: what is odd about it.
    pub(super) fn append(&mut self, bytes: &[u8]) -> Option<Event> {
        let mut at = self.at;
        // No file has bytes behind the last place that there is a number for.
        let mut rest = upto(bytes, u64::MAX - at);
        self.at = at + rest.len() as u64;
        while at <= self.next {
            rest = behind(rest, self.next - at);
            if rest.is_empty() {
                return None;
            }
            at = self.next;
            let first = self.waiting.first_key_value().map_or(u64::MAX, |(first, _)| *first);
            self.take(upto(rest, first - at));
            self.catch_up();
        }
        self.wait(at, rest)
    }

    /// So many bytes of it were lost.
    pub(super) fn gap(&mut self, bytes: u64) {
        if self.at <= self.next {
            let lost = self.at.saturating_add(bytes).saturating_sub(self.next);
            self.pass(lost);
        }
        self.at = self.at.saturating_add(bytes);
        self.catch_up();
    }

    /// Nothing more comes; `whole`: it was closed.
    pub(super) fn end(&mut self, whole: bool) {
        while let Some((at, bytes)) = self.waiting.pop_first() {
            self.skip(at);
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

    /// Bytes of the piece at hand are too early: those that do not wait yet do from now on.
    fn wait(&mut self, mut at: u64, mut rest: &[u8]) -> Option<Event> {
        while !rest.is_empty() && !self.refused {
            let before = self.waiting.range(..=at).next_back();
            let known = before.map_or(0, |(start, bytes)| (start + bytes.len() as u64).saturating_sub(at));
            let room = self.waiting.range(at..).next().map_or(u64::MAX, |(start, _)| start - at);
            let part = upto(rest, if known > 0 { known } else { room });
            if known == 0 {
                let odd = self.keep(at, part);
                self.refused = odd.is_some();
                if self.refused {
                    return odd;
                }
            }
            rest = behind(rest, part.len() as u64);
            at += part.len() as u64;
        }
        None
    }

    /// Adds bytes to what waits of the piece at hand if they follow it, else on their own. Out: why there is no room.
    fn keep(&mut self, at: u64, bytes: &[u8]) -> Option<Event> {
        let writes = self.file.dir == Some(Dir::ToServer);
        let size = self.waiting_bytes.saturating_add(bytes.len() as u64);
        if self.limits.size != 0 && size > self.limits.size {
            return Some(if writes { Event::WriteQueueSizeExceeded } else { Event::ReadQueueSizeExceeded });
        }
        let full = self.limits.pieces != 0 && self.waiting.len() >= self.limits.pieces;
        let piece = self.waiting.get_mut(&self.piece);
        match piece.filter(|piece| self.piece + piece.len() as u64 == at) {
            Some(piece) => piece.extend_from_slice(bytes),
            None if full => {
                return Some(if writes { Event::WriteQueueCntExceeded } else { Event::ReadQueueCntExceeded });
            }
            None => {
                self.waiting.insert(at, bytes.to_vec());
                self.piece = at;
            }
        }
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
        self.take(behind(bytes, self.next.saturating_sub(at)));
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

/// The first so many of these bytes.
fn upto(bytes: &[u8], most: u64) -> &[u8] {
    usize::try_from(most).ok().and_then(|most| bytes.get(..most)).unwrap_or(bytes)
}

/// What follows so many of these bytes.
fn behind(bytes: &[u8], known: u64) -> &[u8] {
    usize::try_from(known).ok().and_then(|known| bytes.get(known..)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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
            let limits = Limits { size: 8, pieces: 2 };
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
        let limits = Limits { size: 8, pieces: 2 };
        let mut transfer = Transfer::new(Vec::new(), Dir::ToClient, &Care::default(), limits);
        transfer.begin(0);
        transfer.append(b"abc");
        transfer.gap(5);
        transfer.append(b"ij");
        assert_eq!(transfer.value(), Value::Stream { data: b"ij", offset: 8, complete: false });
        transfer.end(true);
        assert_eq!((transfer.file.size, transfer.file.state.name()), (10, "TRUNCATED"));
    }

    #[test]
    fn what_comes_early_stays_where_it_belongs() {
        for (name, pieces, content) in [
            (
                "twice while it waits",
                &[(4, &["dddd"][..]), (4, &["DDDD"]), (0, &["aaaa"]), (8, &["gg"])][..],
                "aaaaddddgg",
            ),
            ("more of it while it waits", &[(4, &["dd"]), (4, &["DDee"]), (0, &["aaaa"])], "aaaaddee"),
            ("around what waits", &[(4, &["d"]), (3, &["ccc"]), (0, &["aaa"])], "aaacdc"),
            ("over what waits, in order", &[(2, &["cc"]), (0, &["aaaaaa"])], "aaccaa"),
            ("in parts", &[(4, &["d", "e", "f"]), (0, &["aaaa"])], "aaaadef"),
            ("refused to its end", &[(4, &["ddddddddd", "ee"]), (0, &["aaaa"])], "aaaa"),
            ("refused from its middle", &[(4, &["dd", "eeeeeeeee", "f"]), (0, &["aaaa"])], "aaaadd"),
            ("the next is not refused", &[(4, &["ddddddddd"]), (4, &["ee"]), (0, &["aaaa"])], "aaaaee"),
            ("where numbers end", &[(u64::MAX - 1, &["ab", "c"]), (u64::MAX, &["d"]), (0, &["aaaa"])], "aaaa"),
        ] {
            let mut transfer =
                Transfer::new(Vec::new(), Dir::ToServer, &Care::default(), Limits { size: 8, pieces: 4 });
            for (at, parts) in pieces {
                transfer.begin(*at);
                for part in *parts {
                    transfer.append(part.as_bytes());
                }
            }
            assert_eq!(String::from_utf8_lossy(&transfer.kept), content, "{name}");
        }
    }

    proptest! {
        /// Whatever the order and the cuts are, a file holds what came first of each byte.
        #[test]
        fn files_hold_the_first_of_each_byte(
            pieces in prop::collection::vec((0u64..40, prop::collection::vec("[a-y]{1,6}", 1..4)), 0..30)
        ) {
            let all = "z".repeat(64);
            let mut model = [None; 64];
            let mut transfer = Transfer::new(Vec::new(), Dir::ToServer, &Care::default(), Limits { size: 0, pieces: 0 });
            for (at, parts) in pieces.iter().cloned().chain([(0, vec![all])]) {
                transfer.begin(at);
                let places = &mut model[at as usize..];
                places.iter_mut().zip(parts.concat().bytes()).for_each(|(place, byte)| *place = place.or(Some(byte)));
                for part in parts {
                    prop_assert_eq!(transfer.append(part.as_bytes()), None);
                }
            }
            prop_assert_eq!(&transfer.kept, &model.map(Option::unwrap_or_default));
            prop_assert_eq!((transfer.next, transfer.waiting.len(), transfer.waiting_bytes), (64, 0, 0));
        }
    }
}
