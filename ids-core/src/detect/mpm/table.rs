//! Windows → the patterns that have them: what is asked for the few positions that pass a filter.
//!
//! Buckets of entries, chosen by a hash of the window. An entry has a check of the window and eight more bytes of its
//! pattern beside it, so that patterns which begin alike are told apart on the spot and the pattern itself is
//! seldom read.

use super::block::{PADDED, load, log2, mask};

/// Bytes of a pattern that an entry has beside its window.
const TAIL: usize = 8;
/// How far behind the start of its window they may begin: they must be in the block's padding.
const TAIL_REACH: usize = 60;
const _: () = assert!(super::block::BLOCK + TAIL_REACH + TAIL <= PADDED);

/// Positions whose buckets are looked for together.
const TOGETHER: usize = 32;

/// The entries of all windows of one width.
#[derive(Debug)]
pub(super) struct Table {
    mask: u64,
    /// Where the entries of each bucket start.
    buckets: Vec<u32>,
    bucket_shift: u32,
    entries: Vec<Entry>,
}

/// Buckets with entries.
pub(super) type Buckets = [Filled; TOGETHER];

/// A bucket with entries for what stands at a position.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Filled {
    position: u16,
    check: u32,
    start: u32,
    end: u32,
}

/// One window of one pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    /// The last bytes of the pattern within reach, in lower case.
    tail: u64,
    /// The part of the window's hash that does not choose the bucket.
    check: u32,
    pub(super) pattern: u32,
    /// Where in the pattern the window starts.
    pub(super) offset: u16,
    /// Where the tail starts, counted from the window.
    tail_at: i8,
    /// By how many bits a shorter tail is shifted to compare only what there is.
    tail_shift: u8,
}

impl Entry {
    /// The window at `offset` of a pattern in lower case.
    pub(super) fn new(pattern: u32, folded: &[u8], offset: usize, window: u64) -> Self {
        let end = folded.len().min(offset + TAIL_REACH + TAIL);
        let start = end.saturating_sub(TAIL);
        Self {
            tail: load(folded.get(start..end).unwrap_or_default()),
            check: hash(window) as u32,
            pattern,
            offset: offset as u16,
            tail_at: (start as i64 - offset as i64) as i8,
            tail_shift: 8 * (TAIL - (end - start)) as u8,
        }
    }

    /// Whether the bytes of the tail stand where they should, with the window at `position`; where the block
    /// does not have them, they may.
    #[inline]
    fn tail_fits(&self, block: &[u8; PADDED], position: usize) -> bool {
        let place = position.checked_add_signed(isize::from(self.tail_at));
        let bytes = place.and_then(|place| block.get(place..)).and_then(|rest| rest.first_chunk());
        bytes.is_none_or(|bytes| (u64::from_le_bytes(*bytes) ^ self.tail) << self.tail_shift == 0)
    }
}

impl Table {
    /// Of windows of `width` bytes, each with its entry.
    pub(super) fn build(width: usize, mut windows: Vec<(u64, Entry)>) -> Self {
        let bits = log2(windows.len()).clamp(4, 20);
        let bucket_shift = 64 - bits;
        let bucket = |window: u64| (hash(window) >> bucket_shift) as usize;
        windows.sort_unstable_by_key(|(window, entry)| (bucket(*window), *entry));
        let mut buckets = vec![0; (1 << bits) + 1];
        for (window, _) in &windows {
            if let Some(count) = buckets.get_mut(bucket(*window) + 1) {
                *count += 1;
            }
        }
        let mut sum = 0;
        for start in &mut buckets {
            sum += *start;
            *start = sum;
        }
        let entries = windows.into_iter().map(|(_, entry)| entry).collect();
        Self { mask: mask(width), buckets, bucket_shift, entries }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Calls `found` for the entries that have their window at one of these positions.
    pub(super) fn look_up(
        &self,
        block: &[u8; PADDED],
        hits: &[u16],
        filled: &mut Buckets,
        mut found: impl FnMut(usize, &Entry),
    ) {
        for hits in hits.chunks(TOGETHER) {
            let count = self.filled(block, hits, filled);
            let count = self.likely(filled, count);
            for Filled { position, check, start, end } in filled.iter().take(count).copied() {
                let position = usize::from(position);
                for entry in self.entries.get(start as usize..end as usize).unwrap_or_default() {
                    if entry.check == check && entry.tail_fits(block, position) {
                        found(position, entry);
                    }
                }
            }
        }
    }

    /// The buckets of these positions that have entries. Out: how many.
    ///
    /// Buckets are seldom in the cache: read in a row, with no branch between them, their misses overlap.
    #[inline]
    fn filled(&self, block: &[u8; PADDED], hits: &[u16], filled: &mut Buckets) -> usize {
        let mut count = 0;
        for position in hits.iter().copied() {
            let hash = hash(load(block.get(usize::from(position)..).unwrap_or_default()) & self.mask);
            let bucket = (hash >> self.bucket_shift) as usize;
            let Some([start, end]) = self.buckets.get(bucket..).and_then(|rest| rest.first_chunk()).copied() else {
                continue;
            };
            if let Some(place) = filled.get_mut(count) {
                *place = Filled { position, check: hash as u32, start, end };
            }
            count += usize::from(start < end);
        }
        count
    }

    /// Keeps those of the first `count` buckets whose entry, if it is the only one, has the right check.
    #[inline]
    fn likely(&self, filled: &mut Buckets, count: usize) -> usize {
        let mut kept = 0;
        for index in 0..count {
            let Some(bucket) = filled.get(index).copied() else { break };
            let only = bucket.end - bucket.start == 1;
            let fits = self.entries.get(bucket.start as usize).is_some_and(|entry| entry.check == bucket.check);
            if let Some(place) = filled.get_mut(kept) {
                *place = bucket;
            }
            kept += usize::from(!only | fits);
        }
        kept
    }

    pub(super) fn memory(&self) -> usize {
        self.buckets.capacity() * size_of::<u32>() + self.entries.capacity() * size_of::<Entry>()
    }
}

/// Multiplicative hashing (Knuth, TAOCP 6.4): the upper bits are good.
#[inline]
const fn hash(window: u64) -> u64 {
    window.wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails() {
        let long = [b'x'; 200];
        // Pattern, offset of the window; where the tail starts, counted from the window, and how long it is.
        let rows: [(&[u8], usize, i8, u8); 5] = [
            (b"abc", 0, 0, 3),
            (b"abc", 1, -1, 3),
            (b"abcdefghijkl", 0, 4, 8),
            (b"abcdefghijkl", 6, -2, 8),
            (&long, 24, 60, 8),
        ];
        for (pattern, offset, tail_at, length) in rows {
            let entry = Entry::new(0, pattern, offset, 0);
            let found = (entry.tail_at, 8 - entry.tail_shift / 8);
            assert_eq!(found, (tail_at, length), "{} from {offset}", pattern.escape_ascii());
        }
    }
}
