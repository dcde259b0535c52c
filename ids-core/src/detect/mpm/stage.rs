//! The windows of one kind: a filter in front of a table.
//!
//! The filter is a blocked Bloom filter (Putze, Sanders, Singler 2007): a window sets two bits in one word of the bitmap, so
//! a position costs one load, and few pass that are no window. The table is read for those that pass; each of its entries has
//! four more bytes of its pattern beside the window, so that patterns which begin alike are told apart on the spot.

/// How wide windows are and at which positions they are looked for, the best kind first.
pub(super) const KINDS: [Kind; 4] = [
    Kind { width: 8, stride: 4 },
    Kind { width: 5, stride: 2 },
    Kind { width: 3, stride: 1 },
    Kind { width: 2, stride: 1 },
];

/// Bytes that are folded to lower case and scanned in one go.
pub(super) const BLOCK: usize = 2048;
/// Bytes read for a window, whatever its width.
pub(super) const LOAD: usize = 8;
/// A block with room behind it for reading windows in groups, and the bytes that follow them.
pub(super) const PADDED: usize = BLOCK + 128;
/// Positions of a block that passed the filter.
pub(super) type Hits = [u16; BLOCK];
/// Bits in the bitmap for each window, at least; more would cost cache, fewer would let too much through.
const BITS_PER_WINDOW: usize = 16;
/// Logarithms of the sizes of a bitmap in bits: 1 KiB to 512 KiB.
const BITMAP: (u32, u32) = (13, 22);
/// Bytes of a pattern that an entry has beside its window.
const TAIL: usize = 4;
/// How far behind the start of its window they may begin: they must be in the block's padding.
const TAIL_REACH: usize = 60;
const _: () = assert!(BLOCK + TAIL_REACH + TAIL <= PADDED);

#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    pub(super) width: usize,
    pub(super) stride: usize,
}

impl Kind {
    /// Bytes that a pattern needs for all the windows that are entered for it.
    pub(super) const fn span(self) -> usize {
        self.width + self.stride - 1
    }
}

/// The windows of one kind.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) kind: Kind,
    pub(super) mask: u64,
    /// A power of two of words.
    pub(super) bitmap: Vec<u32>,
    /// By how much a hash is shifted to give the word; the next bits name the two bits in it.
    pub(super) word_shift: u32,
    /// Where the entries of each bucket start.
    buckets: Vec<u32>,
    bucket_shift: u32,
    entries: Vec<Entry>,
}

/// One window of one pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    /// The part of the window's hash that does not choose the bucket.
    check: u32,
    pub(super) pattern: u32,
    /// The last bytes of the pattern within reach, in lower case.
    tail: u32,
    /// Where in the pattern the window starts.
    pub(super) offset: u8,
    /// Where those bytes start, counted from the window.
    tail_at: i8,
    /// By how many bits a shorter tail is shifted to compare only what there is.
    tail_shift: u8,
}

impl Entry {
    /// The window at `offset` of a pattern in lower case.
    fn new(pattern: u32, folded: &[u8], offset: usize, window: u64) -> Self {
        let end = folded.len().min(offset + TAIL_REACH + TAIL);
        let start = end.saturating_sub(TAIL);
        let mut tail = [0; TAIL];
        tail.iter_mut().zip(folded.get(start..end).unwrap_or_default()).for_each(|(to, from)| *to = *from);
        Self {
            check: bucket_hash(window) as u32,
            pattern,
            tail: u32::from_le_bytes(tail),
            offset: offset as u8,
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
        bytes.is_none_or(|bytes| (u32::from_le_bytes(*bytes) ^ self.tail) << self.tail_shift == 0)
    }
}

/// Collects the windows of one kind.
#[derive(Default)]
pub(super) struct StageBuilder(Vec<(u64, Entry)>);

impl StageBuilder {
    /// Adds the window at `offset` of a pattern in lower case. Out: the window.
    pub(super) fn add(&mut self, kind: Kind, pattern: u32, folded: &[u8], offset: usize) -> u64 {
        let window = load(folded.get(offset..).unwrap_or_default()) & mask(kind.width);
        self.0.push((window, Entry::new(pattern, folded, offset, window)));
        window
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn build(self, kind: Kind) -> Stage {
        let mut windows = self.0;
        let bits = log2(windows.len() * BITS_PER_WINDOW).clamp(BITMAP.0, BITMAP.1);
        let buckets = log2(windows.len()).clamp(4, 20);
        let (word_shift, bucket_shift) = (32 - (bits - 5), 64 - buckets);
        let mut bitmap = vec![0_u32; 1 << (bits - 5)];
        for (window, _) in &windows {
            let hash = filter_hash(*window);
            if let Some(word) = bitmap.get_mut((hash >> word_shift) as usize) {
                *word |= both_bits(hash, word_shift);
            }
        }
        let bucket = |window: u64| (bucket_hash(window) >> bucket_shift) as usize;
        windows.sort_unstable_by_key(|(window, entry)| (bucket(*window), *entry));
        let mut starts = vec![0; (1 << buckets) + 1];
        for (window, _) in &windows {
            if let Some(count) = starts.get_mut(bucket(*window) + 1) {
                *count += 1;
            }
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        let entries = windows.into_iter().map(|(_, entry)| entry).collect();
        Stage { kind, mask: mask(kind.width), bitmap, word_shift, buckets: starts, bucket_shift, entries }
    }
}

impl Stage {
    /// Writes the positions that pass the bitmap. Out: how many.
    pub(super) fn filter(&self, block: &[u8; PADDED], length: usize, hits: &mut Hits) -> usize {
        #[cfg(target_arch = "x86_64")]
        if let Some(count) = super::simd::filter(self, block, length, hits) {
            return count;
        }
        self.filter_scalar(block, length, hits)
    }

    fn filter_scalar(&self, block: &[u8; PADDED], length: usize, hits: &mut Hits) -> usize {
        // The stride is known to the loop that is compiled for it.
        match self.kind.stride {
            4 => self.filter_every::<4>(block, length, hits),
            2 => self.filter_every::<2>(block, length, hits),
            _ => self.filter_every::<1>(block, length, hits),
        }
    }

    fn filter_every<const STRIDE: usize>(&self, block: &[u8; PADDED], length: usize, hits: &mut Hits) -> usize {
        let mut count = 0;
        let positions = length.div_ceil(STRIDE);
        for (index, bytes) in block.windows(LOAD).step_by(STRIDE).take(positions).enumerate() {
            let hash = filter_hash(load(bytes) & self.mask);
            let word = self.bitmap.get((hash >> self.word_shift) as usize).copied().unwrap_or_default();
            let bits = both_bits(hash, self.word_shift);
            // Written always, counted only if it passes: no branch to predict.
            if let Some(hit) = hits.get_mut(count) {
                *hit = (index * STRIDE) as u16;
            }
            count += usize::from(word & bits == bits);
        }
        count
    }

    /// Calls `found` for the entries with the window at `position`.
    #[inline]
    pub(super) fn look_up(&self, block: &[u8; PADDED], position: usize, mut found: impl FnMut(&Entry)) {
        let hash = bucket_hash(load(block.get(position..).unwrap_or_default()) & self.mask);
        let bucket = (hash >> self.bucket_shift) as usize;
        let Some([start, end]) = self.buckets.get(bucket..).and_then(|rest| rest.first_chunk()) else { return };
        let entries = self.entries.get(*start as usize..*end as usize).unwrap_or_default();
        let same = entries.iter().filter(|entry| entry.check == hash as u32 && entry.tail_fits(block, position));
        same.for_each(&mut found);
    }

    pub(super) fn memory(&self) -> usize {
        (self.bitmap.capacity() + self.buckets.capacity()) * size_of::<u32>()
            + self.entries.capacity() * size_of::<Entry>()
    }
}

/// Up to eight bytes as a number, the first in the lowest place; missing ones are zero.
#[inline]
pub(super) fn load(bytes: &[u8]) -> u64 {
    match bytes.first_chunk() {
        Some(bytes) => u64::from_le_bytes(*bytes),
        None => {
            let mut padded = [0; LOAD];
            padded.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
            u64::from_le_bytes(padded)
        }
    }
}

pub(super) const fn mask(width: usize) -> u64 {
    if width >= 8 { u64::MAX } else { (1 << (width * 8)) - 1 }
}

/// Factors for the halves of a window.
pub(super) const HASH: [u32; 2] = [0x9E37_79B1, 0x85EB_CA6B];

/// Multiplicative hashing (Knuth, TAOCP 6.4) of both halves: the upper bits are good.
#[inline]
const fn filter_hash(window: u64) -> u32 {
    (window as u32).wrapping_mul(HASH[0]) ^ ((window >> 32) as u32).wrapping_mul(HASH[1])
}

/// The bits of a window in its word.
#[inline]
const fn both_bits(hash: u32, word_shift: u32) -> u32 {
    1 << (hash >> (word_shift - 5) & 31) | 1 << (hash >> (word_shift - 10) & 31)
}

#[inline]
const fn bucket_hash(window: u64) -> u64 {
    window.wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// The logarithm of the next power of two.
const fn log2(value: usize) -> u32 {
    value.next_power_of_two().trailing_zeros()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors must find what the loop finds.
    #[test]
    fn vectors_and_scalars_agree() {
        let byte = |n: u32| (n.wrapping_mul(0x9E37_79B1) >> 13) as u8 & 0x3F;
        let mut block = [0; PADDED];
        block.iter_mut().zip(0..).for_each(|(place, n)| *place = byte(n));
        for (kind, number) in KINDS.into_iter().zip(0..) {
            let mut windows = StageBuilder::default();
            for pattern in block.windows(LOAD).skip(number).step_by(37).take(40) {
                windows.add(kind, 0, pattern, 0);
            }
            let stage = windows.build(kind);
            for length in [0, 1, 31, 32, 33, 1000, BLOCK] {
                let mut hits = [0; BLOCK];
                let count = stage.filter(&block, length, &mut hits);
                // Rounds are whole: positions behind the end may be among them.
                let mut found: Vec<_> =
                    hits[..count].iter().copied().filter(|hit| usize::from(*hit) < length).collect();
                found.sort_unstable();
                let mut expected = [0; BLOCK];
                let count = stage.filter_scalar(&block, length, &mut expected);
                assert_eq!(found, expected[..count], "{kind:?}, {length}");
                assert!(length < BLOCK || count > 0, "{kind:?}: nothing is tested");
            }
        }
    }

    #[test]
    fn tails() {
        let long = [b'x'; 200];
        // Pattern, offset of the window; where the tail starts, counted from the window, and how long it is.
        let rows: [(&[u8], usize, i8, u8); 5] = [
            (b"abc", 0, 0, 3),
            (b"abc", 1, -1, 3),
            (b"abcdefgh", 0, 4, 4),
            (b"abcdefgh", 6, -2, 4),
            (&long, 24, 60, 4),
        ];
        for (pattern, offset, tail_at, length) in rows {
            let entry = Entry::new(0, pattern, offset, 0);
            let found = (entry.tail_at, 4 - entry.tail_shift / 8);
            assert_eq!(found, (tail_at, length), "{} from {offset}", pattern.escape_ascii());
        }
    }
}
