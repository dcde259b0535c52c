//! Which of two overlapping fragments wins, and the pieces of a datagram that result.
//!
//! Source: J. Novak, "Target-Based Fragmentation Assembly" (2005), after Paxson and Shankar.

use std::ops::Range;

use crate::host_policy::Policy;

/// Whether a host of this policy lets a newer fragment overwrite an older one where they overlap. Both ranges
/// are those of the whole fragments, as they were sent.
fn newer_wins(policy: Policy, older: &Range<u32>, newer: &Range<u32>) -> bool {
    match policy {
        Policy::First | Policy::Hpux11 | Policy::Macos | Policy::OldSolaris => false,
        Policy::Last => true,
        // What starts further left wins, in doubt what came first.
        Policy::Bsd | Policy::Hpux10 | Policy::Irix => newer.start < older.start,
        // What starts further left wins, in doubt what came last.
        Policy::Linux | Policy::OldLinux => newer.start <= older.start,
        // What starts further right wins, in doubt what came last.
        Policy::BsdRight => newer.start >= older.start,
        // What came first, unless it is inside of what came last.
        Policy::Windows | Policy::Vista | Policy::Windows2k3 => newer.start < older.start && newer.end > older.end,
        Policy::Solaris => newer.start < older.start && newer.end >= older.end,
    }
}

/// A stretch of a datagram that belongs to one fragment.
#[derive(Clone, Copy, Debug)]
struct Piece {
    start: u32,
    end: u32,
    /// The whole fragment as it was sent.
    owner: (u32, u32),
    /// Where the bytes are in `Pieces::bytes`.
    at: u32,
}

/// The data of one datagram as far as it is there.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    /// In order, without overlaps. Fragments start at multiples of 8, so there are 8192 at most.
    pieces: Vec<Piece>,
    /// The bytes of all pieces, each byte of the datagram once.
    bytes: Vec<u8>,
}

impl Pieces {
    /// Adds a fragment that starts at `start`. Out: whether it overlaps earlier ones.
    pub(super) fn insert(&mut self, start: u32, data: &[u8], policy: Policy) -> bool {
        let end = start + as_u32(data.len());
        let overlap = self.overlaps(start, end);
        let mut index = self.pieces.partition_point(|piece| piece.end <= start);
        let mut cursor = start;
        while cursor < end {
            let next = self.pieces.get(index).copied();
            let stop = match next {
                Some(piece) if piece.start <= cursor => {
                    let stop = piece.end.min(end);
                    if newer_wins(policy, &(piece.owner.0..piece.owner.1), &(start..end)) {
                        index = self.overwrite(index, cursor..stop, (start, end), part(data, start, cursor..stop));
                    }
                    stop
                }
                _ => {
                    let stop = next.map_or(end, |piece| piece.start.min(end));
                    let at = as_u32(self.bytes.len());
                    self.bytes.extend_from_slice(part(data, start, cursor..stop));
                    self.pieces.insert(index, Piece { start: cursor, end: stop, owner: (start, end), at });
                    stop
                }
            };
            index += 1;
            cursor = stop;
        }
        overlap
    }

    /// Whether bytes between `start` and `end` are there already.
    pub(super) fn overlaps(&self, start: u32, end: u32) -> bool {
        let after = self.pieces.partition_point(|piece| piece.end <= start);
        self.pieces.get(after).is_some_and(|piece| piece.start < end)
    }

    /// Gives `range`, which lies within one piece, to another fragment. Out: where the piece for it is.
    fn overwrite(&mut self, index: usize, range: Range<u32>, owner: (u32, u32), data: &[u8]) -> usize {
        let Some(&old) = self.pieces.get(index) else { return index };
        let at = old.at + (range.start - old.start);
        if let Some(place) = self.bytes.get_mut(at as usize..at as usize + data.len()) {
            place.copy_from_slice(data);
        }
        let left = Piece { end: range.start, ..old };
        let new = Piece { start: range.start, end: range.end, owner, at };
        let right = Piece { start: range.end, at: old.at + (range.end - old.start), ..old };
        let parts = [left, new, right].into_iter().filter(|piece| piece.start < piece.end);
        self.pieces.splice(index..=index, parts);
        index + usize::from(left.start < left.end)
    }

    /// How many bytes of the datagram are there.
    pub(super) fn len(&self) -> u32 {
        as_u32(self.bytes.len())
    }

    /// Where the last piece ends.
    pub(super) fn end(&self) -> u32 {
        self.pieces.last().map_or(0, |piece| piece.end)
    }

    /// Appends the pieces in order.
    pub(super) fn copy_to(&self, out: &mut Vec<u8>) {
        for piece in &self.pieces {
            let at = piece.at as usize;
            let length = (piece.end - piece.start) as usize;
            out.extend_from_slice(self.bytes.get(at..at + length).unwrap_or_default());
        }
    }

    /// Bytes of memory held.
    pub(super) fn memory(&self) -> usize {
        self.bytes.capacity() + self.pieces.capacity() * size_of::<Piece>()
    }
}

/// The part of a fragment's data that belongs to `range`.
fn part(data: &[u8], start: u32, range: Range<u32>) -> &[u8] {
    data.get((range.start - start) as usize..(range.end - start) as usize).unwrap_or_default()
}

/// Datagrams are shorter than 64 KiB: longer ones were refused.
fn as_u32(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}
