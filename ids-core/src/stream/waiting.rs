//! Segments that cannot be handed on yet: they lie behind a hole, or nobody acknowledged them.
//!
//! In: a segment and the overlap policy.  Out: bytes, from the front, when they are due.
//! Holds pieces that never overlap, each with the span that policies compare; every byte costs at most one copy,
//! every piece one step in a tree, so that no order of arrival is dear.

use std::collections::BTreeMap;

use super::overlap::{Policy, Span, distance};

/// What a piece costs beyond its bytes: its place in the tree and its own allocation.
pub(super) const PIECE_OVERHEAD: usize = 96;

/// Holes longer than this part two regions (`tcp.ts_max_regions`).
const REGION_DISTANCE: u64 = 256 * 1024;

/// Pieces by the position of their first byte.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    pieces: BTreeMap<u64, Piece>,
    bytes: usize,
    far_holes: u32,
}

/// Bytes that arrived in one segment; those before `from` are gone.
#[derive(Debug)]
struct Piece {
    data: Vec<u8>,
    from: usize,
}

impl Piece {
    fn bytes(&self) -> &[u8] {
        self.data.get(self.from..).unwrap_or_default()
    }
}

/// What a segment met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Met {
    /// Bytes that were there already.
    pub(super) overlap: bool,
    /// Some of them with another value.
    pub(super) differs: bool,
}

impl Waiting {
    /// Adds bytes of a segment; `later` is all of it that the policy compares. Equal bytes change nothing; different
    /// ones go to whom the policy says. `kept` is told of every stretch where the earlier, different copy stays.
    pub(super) fn insert(
        &mut self,
        start: u64,
        data: &[u8],
        later: Span,
        policy: Policy,
        mut kept: impl FnMut(u64, &[u8]),
    ) -> Met {
        let fresh = Span::of(start, data);
        let far_before = self.far_holes_near(fresh);
        let mut met = Met::default();
        let mut unsettled = start;
        let mut at = start;
        while let Some(earlier) = self.overlapping(at, fresh.end) {
            let common = Span { start: earlier.start.max(at), end: earlier.end.min(fresh.end) };
            let mine = common.within(start, data);
            let theirs = self.bytes_of(earlier.start, common);
            let differs = theirs != mine;
            met.overlap = true;
            met.differs |= differs;
            let wins = differs && policy.later_wins(earlier, later);
            if differs && !wins {
                kept(common.start, theirs);
            }
            if !(wins && self.yield_to(earlier, common, mine)) {
                self.store(unsettled, Span { start: unsettled, end: common.start }.within(start, data));
                unsettled = common.end;
            }
            at = common.end;
        }
        self.store(unsettled, Span { start: unsettled, end: fresh.end }.within(start, data));
        self.far_holes = (self.far_holes + self.far_holes_near(fresh)).saturating_sub(far_before);
        met
    }

    /// Takes the bytes of `common` from an earlier piece; true if they are free now. A piece that goes on at both sides
    /// is overwritten instead.
    fn yield_to(&mut self, earlier: Span, common: Span, mine: &[u8]) -> bool {
        let Some(piece) = self.pieces.get_mut(&earlier.start) else { return true };
        let lead = piece.from + distance(earlier.start, common.start);
        match (earlier.start < common.start, earlier.end > common.end) {
            (true, true) => {
                if let Some(place) = piece.data.get_mut(lead..lead + mine.len()) {
                    place.copy_from_slice(mine);
                }
                return false;
            }
            (true, false) => piece.data.truncate(lead),
            (false, true) => self.advance(earlier.start, mine.len()),
            (false, false) => self.remove(earlier.start),
        }
        true
    }

    /// Drops the first bytes of a piece, which moves it in the tree.
    fn advance(&mut self, start: u64, bytes: usize) {
        if let Some(mut piece) = self.pieces.remove(&start) {
            self.bytes -= piece.data.capacity();
            piece.from += bytes;
            if piece.from > piece.data.len() / 2 {
                piece.data.drain(..piece.from);
                piece.data.shrink_to_fit();
                piece.from = 0;
            }
            self.bytes += piece.data.capacity();
            self.pieces.insert(start + bytes as u64, piece);
        }
    }

    /// Drops a piece.
    fn remove(&mut self, start: u64) {
        if let Some(piece) = self.pieces.remove(&start) {
            self.bytes -= piece.data.capacity();
        }
    }

    /// Stores bytes where nothing is.
    fn store(&mut self, start: u64, bytes: &[u8]) {
        if !bytes.is_empty() {
            let piece = Piece { data: bytes.to_vec(), from: 0 };
            self.bytes += piece.data.capacity();
            self.pieces.insert(start, piece);
        }
    }

    /// How many of the holes in and next to a span part two regions.
    fn far_holes_near(&self, span: Span) -> u32 {
        let mut last = self.pieces.range(..span.start).next_back().map(|(at, piece)| Span::of(*at, piece.bytes()).end);
        let mut count = 0;
        for (at, piece) in self.pieces.range(span.start..) {
            count += u32::from(last.is_some_and(|last| is_far(last, *at)));
            last = Some(Span::of(*at, piece.bytes()).end);
            if *at >= span.end {
                break;
            }
        }
        count
    }

    /// The first piece that has bytes between `at` and `end`.
    fn overlapping(&self, at: u64, end: u64) -> Option<Span> {
        if at >= end {
            return None;
        }
        let left = self.pieces.range(..=at).next_back().map(|(start, piece)| Span::of(*start, piece.bytes()));
        left.filter(|span| span.end > at)
            .or_else(|| self.pieces.range(at..end).next().map(|(start, piece)| Span::of(*start, piece.bytes())))
    }

    /// The bytes of a part of the piece that begins at `start`.
    fn bytes_of(&self, start: u64, part: Span) -> &[u8] {
        self.pieces.get(&start).map(|piece| part.within(start, piece.bytes())).unwrap_or_default()
    }

    /// Hands over the bytes that begin at `at`, as far as `limit`; false if there are none.
    pub(super) fn take(&mut self, at: u64, limit: u64, into: impl FnOnce(&[u8])) -> bool {
        let Some(bytes) = self.pieces.get(&at).map(Piece::bytes).filter(|_| at < limit) else { return false };
        let ready = bytes.len().min(distance(at, limit));
        into(bytes.get(..ready).unwrap_or_default());
        if ready < bytes.len() {
            self.advance(at, ready);
            return true;
        }
        self.remove(at);
        if self.first().is_some_and(|next| is_far(at + ready as u64, next)) {
            self.far_holes = self.far_holes.saturating_sub(1);
        }
        true
    }

    /// Position of the first byte that waits.
    pub(super) fn first(&self) -> Option<u64> {
        self.pieces.first_key_value().map(|(start, _)| *start)
    }

    /// Appends to `out` the bytes without a hole around `span`, at most `margin` more on each side; returns the position
    /// of the first.
    pub(super) fn around(&self, span: Span, margin: u64, out: &mut Vec<u8>) -> u64 {
        let floor = span.start.saturating_sub(margin);
        let mut start = span.start;
        for (at, piece) in self.pieces.range(..=span.start).rev() {
            if Span::of(*at, piece.bytes()).end < start || start <= floor {
                break;
            }
            start = *at;
        }
        let window = Span { start: start.max(floor), end: span.end.saturating_add(margin) };
        let mut next = window.start;
        for (at, piece) in self.pieces.range(start..window.end) {
            if *at > next {
                break;
            }
            out.extend_from_slice(window.within(*at, piece.bytes()));
            next = Span::of(*at, piece.bytes()).end;
        }
        window.start
    }

    /// How many pieces there are.
    pub(super) fn len(&self) -> usize {
        self.pieces.len()
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Memory in use, in bytes.
    pub(super) fn held(&self) -> usize {
        self.bytes + self.pieces.len() * PIECE_OVERHEAD
    }

    /// Number of separate regions, with `end`, the end of what is in order, as the first.
    pub(super) fn regions(&self, end: u64) -> u32 {
        let first = self.first().is_some_and(|first| is_far(end, first));
        1 + self.far_holes + u32::from(first)
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

/// Whether the hole between two positions parts two regions.
const fn is_far(end: u64, start: u64) -> bool {
    start.saturating_sub(end) > REGION_DISTANCE
}
