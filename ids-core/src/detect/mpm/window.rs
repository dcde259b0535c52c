//! The window filter: large pattern sets at several times the speed of an automaton.
//!
//! Each pattern is represented by a window of it: 8, 6, 4, 3 or 2 bytes wide. Scanning hashes the window at
//! each position (or at every second or fourth: then all windows of that many consecutive places are entered) and
//! asks a bitmap whether any pattern has such a window. What passes is looked up in a table of windows and handed
//! to the caller with the place where the pattern would start.
//!
//! The bitmap is small enough for the cache, so a position costs a few instructions and no miss; nearly all
//! positions end there. What is left depends on how often the chosen windows occur in traffic, so for each pattern
//! the window is chosen that is rarest ([`super::rarity`]) and least used by others. Patterns of a single byte would
//! make most positions a hit; for them each buffer is asked once which bytes it has.

use std::collections::HashMap;

use super::rarity::{UNIT, cost};
use super::{Patterns, size};

/// How wide windows are and at which positions they are looked for, the best kind first.
const KINDS: [Kind; 5] = [
    Kind { width: 8, stride: 4 },
    Kind { width: 6, stride: 2 },
    Kind { width: 4, stride: 1 },
    Kind { width: 3, stride: 1 },
    Kind { width: 2, stride: 1 },
];

/// Windows that start further behind in a pattern are not considered.
const MAX_OFFSET: usize = 24;
/// Bytes that are folded to lower case and scanned in one go.
pub(super) const BLOCK: usize = 2048;
/// Bytes read for a window, whatever its width.
const LOAD: usize = 8;
/// A block with room behind it for reading windows in groups.
pub(super) const PADDED: usize = BLOCK + 64;
/// Positions of a block that passed the filter.
pub(super) type Hits = [u16; BLOCK];
/// Bits in the bitmap for each window, at least; more would cost cache, fewer would let too much through.
const BITS_PER_WINDOW: usize = 64;
/// Logarithms of the sizes of a bitmap in bits: 1 KiB to 512 KiB.
const BITMAP: (u32, u32) = (13, 22);

#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    width: usize,
    pub(super) stride: usize,
}

impl Kind {
    /// Bytes that a pattern needs for all the windows that are entered for it.
    const fn span(self) -> usize {
        self.width + self.stride - 1
    }
}

/// The windows of all patterns.
#[derive(Debug)]
pub(super) struct Windows {
    stages: Vec<Stage>,
    singles: Singles,
}

/// The patterns of one byte, each with that byte in lower case.
#[derive(Debug, Default)]
struct Singles(Vec<(u8, u32)>);

/// The windows of one kind.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) kind: Kind,
    pub(super) mask: u64,
    /// A bit for each hash, in a power of two of words.
    pub(super) bitmap: Vec<u32>,
    pub(super) bitmap_shift: u32,
    /// Where the entries of each bucket start.
    buckets: Vec<u32>,
    bucket_shift: u32,
    entries: Vec<Entry>,
}

/// One window of one pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    window: u64,
    pattern: u32,
    /// Where in the pattern it starts.
    offset: u32,
}

impl Windows {
    pub(super) fn build(patterns: &Patterns) -> Self {
        let mut chooser = Chooser::default();
        let mut order: Vec<_> = patterns.iter().zip(0..).collect();
        // Short patterns have the least choice.
        order.sort_by_key(|(bytes, _)| bytes.len());
        let mut entries: [Vec<Entry>; KINDS.len()] = Default::default();
        let mut singles = Singles::default();
        for (bytes, pattern) in order {
            let folded = bytes.to_ascii_lowercase();
            if let [byte] = *folded {
                singles.0.push((byte, pattern));
                continue;
            }
            let (choice, offset) = chooser.choose(&folded);
            let (Some(kind), Some(entries)) = (KINDS.get(choice), entries.get_mut(choice)) else { continue };
            for offset in offset..offset + kind.stride {
                let window = load(folded.get(offset..).unwrap_or_default()) & mask(kind.width);
                chooser.enter(choice, window);
                entries.push(Entry { window, pattern, offset: size(offset) });
            }
        }
        let used = KINDS.into_iter().zip(entries).filter(|(_, entries)| !entries.is_empty());
        Self { stages: used.map(|(kind, entries)| Stage::build(kind, entries)).collect(), singles }
    }

    /// Hands every place where a window stands to `candidate`: the pattern, and where it would start.
    pub(super) fn scan(&self, haystack: &[u8], candidate: &mut impl FnMut(u32, usize)) {
        self.singles.scan(haystack, candidate);
        let mut block = [0; PADDED];
        let mut hits = [0; BLOCK];
        let mut base = 0;
        while let Some(rest) = haystack.get(base..).filter(|rest| !rest.is_empty()) {
            fold(rest, &mut block);
            let here = rest.len().min(BLOCK);
            for stage in &self.stages {
                let count = stage.filter(&block, here, &mut hits);
                for position in hits.iter().take(count) {
                    stage.look_up(&block, usize::from(*position), |entry| {
                        if let Some(start) = (base + usize::from(*position)).checked_sub(entry.offset as usize) {
                            candidate(entry.pattern, start);
                        }
                    });
                }
            }
            base += BLOCK;
        }
    }

    pub(super) fn memory(&self) -> usize {
        let stage = |stage: &Stage| {
            stage.bitmap.capacity() * size_of::<u32>()
                + stage.buckets.capacity() * size_of::<u32>()
                + stage.entries.capacity() * size_of::<Entry>()
        };
        self.stages.iter().map(stage).sum::<usize>() + self.singles.0.capacity() * size_of::<(u8, u32)>()
    }
}

impl Singles {
    /// Hands over the first place of each byte, in either case.
    fn scan(&self, haystack: &[u8], candidate: &mut impl FnMut(u32, usize)) {
        if self.0.is_empty() {
            return;
        }
        let mut first = [usize::MAX; 256];
        for (at, byte) in haystack.iter().enumerate().rev() {
            if let Some(first) = first.get_mut(usize::from(*byte)) {
                *first = at;
            }
        }
        for (byte, pattern) in &self.0 {
            let upper = byte.to_ascii_uppercase();
            let places = [Some(*byte), (upper != *byte).then_some(upper)];
            let places = places.iter().flatten().filter_map(|byte| first.get(usize::from(*byte)));
            places.filter(|at| **at != usize::MAX).for_each(|at| candidate(*pattern, *at));
        }
    }
}

impl Stage {
    fn build(kind: Kind, mut entries: Vec<Entry>) -> Self {
        let bits = log2(entries.len() * BITS_PER_WINDOW).clamp(BITMAP.0, BITMAP.1);
        let buckets = log2(entries.len() * 2).clamp(4, 20);
        let (bitmap_shift, bucket_shift) = (32 - bits, 64 - buckets);
        let mut bitmap = vec![0_u32; 1 << (bits - 5)];
        for entry in &entries {
            let hash = filter_hash(entry.window) >> bitmap_shift;
            if let Some(word) = bitmap.get_mut(hash as usize / 32) {
                *word |= 1 << (hash % 32);
            }
        }
        entries.sort_unstable_by_key(|entry| (bucket_hash(entry.window) >> bucket_shift, *entry));
        let mut starts = vec![0; (1 << buckets) + 1];
        for entry in &entries {
            let bucket = (bucket_hash(entry.window) >> bucket_shift) as usize;
            if let Some(count) = starts.get_mut(bucket + 1) {
                *count += 1;
            }
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        Self { kind, mask: mask(kind.width), bitmap, bitmap_shift, buckets: starts, bucket_shift, entries }
    }

    /// Writes the positions that pass the bitmap. Out: how many.
    fn filter(&self, block: &[u8; PADDED], length: usize, hits: &mut Hits) -> usize {
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
            let hash = filter_hash(load(bytes) & self.mask) >> self.bitmap_shift;
            let word = self.bitmap.get(hash as usize / 32).copied().unwrap_or_default();
            // Written always, counted only if it passes: no branch to predict.
            if let Some(hit) = hits.get_mut(count) {
                *hit = (index * STRIDE) as u16;
            }
            count += (word >> (hash % 32) & 1) as usize;
        }
        count
    }

    /// Calls `found` for the entries with the window at `position`.
    fn look_up(&self, block: &[u8; PADDED], position: usize, mut found: impl FnMut(&Entry)) {
        let window = load(block.get(position..).unwrap_or_default()) & self.mask;
        let bucket = (bucket_hash(window) >> self.bucket_shift) as usize;
        let Some([start, end]) = self.buckets.get(bucket..).and_then(|rest| rest.first_chunk()) else { return };
        let entries = self.entries.get(*start as usize..*end as usize).unwrap_or_default();
        entries.iter().filter(|entry| entry.window == window).for_each(&mut found);
    }
}

/// The next block in lower case, zeroes behind the end.
fn fold(rest: &[u8], block: &mut [u8; PADDED]) {
    let length = rest.len().min(block.len());
    let (filled, empty) = block.split_at_mut(length);
    filled.copy_from_slice(rest.get(..length).unwrap_or_default());
    filled.make_ascii_lowercase();
    empty.fill(0);
}

/// Up to eight bytes as a number, the first in the lowest place; missing ones are zero.
#[inline]
fn load(bytes: &[u8]) -> u64 {
    match bytes.first_chunk() {
        Some(bytes) => u64::from_le_bytes(*bytes),
        None => {
            let mut padded = [0; LOAD];
            padded.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
            u64::from_le_bytes(padded)
        }
    }
}

const fn mask(width: usize) -> u64 {
    if width >= 8 { u64::MAX } else { (1 << (width * 8)) - 1 }
}

/// Factors for the halves of a window.
pub(super) const HASH: [u32; 2] = [0x9E37_79B1, 0x85EB_CA6B];

/// Multiplicative hashing (Knuth, TAOCP 6.4) of both halves: the upper bits are good.
#[inline]
const fn filter_hash(window: u64) -> u32 {
    (window as u32).wrapping_mul(HASH[0]) ^ ((window >> 32) as u32).wrapping_mul(HASH[1])
}

#[inline]
const fn bucket_hash(window: u64) -> u64 {
    window.wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// The logarithm of the next power of two.
const fn log2(value: usize) -> u32 {
    value.next_power_of_two().trailing_zeros()
}

/// Chooses the windows of patterns.
#[derive(Default)]
struct Chooser {
    /// How many patterns have a window already.
    used: [HashMap<u64, u32, ahash::RandomState>; KINDS.len()],
}

impl Chooser {
    fn enter(&mut self, kind: usize, window: u64) {
        if let Some(used) = self.used.get_mut(kind) {
            *used.entry(window).or_default() += 1;
        }
    }

    /// Kind and offset of the windows that are expected to cost least.
    fn choose(&self, pattern: &[u8]) -> (usize, usize) {
        // surprise[i]: of the first i bytes, each after the one before it.
        let mut surprise = [0_u32; MAX_OFFSET + LOAD + 4];
        let mut sum = 0;
        let mut before = None;
        for (place, byte) in surprise.iter_mut().skip(1).zip(pattern) {
            sum += u32::from(cost(before, *byte));
            before = Some(*byte);
            *place = sum;
        }
        let mut best = (u64::MAX, 0, 0);
        for (index, kind) in KINDS.iter().enumerate() {
            let Some(last) = pattern.len().checked_sub(kind.span()) else { continue };
            for offset in 0..=last.min(MAX_OFFSET) {
                let cost = self.expected(index, *kind, pattern, offset, &surprise);
                if cost < best.0 {
                    best = (cost, index, offset);
                }
            }
            // Narrow windows are only for patterns that are too short for wider ones.
            if best.0 < u64::MAX && kind.width <= 4 {
                break;
            }
        }
        (best.1, best.2)
    }

    /// What the windows at `offset` will cost: how often they occur, times how many patterns must then be compared.
    fn expected(&self, index: usize, kind: Kind, pattern: &[u8], offset: usize, surprise: &[u32]) -> u64 {
        let Some(used) = self.used.get(index) else { return u64::MAX };
        let at = |place: usize| surprise.get(place).copied().unwrap_or_default();
        let windows = offset..offset + kind.stride;
        let total: u64 = windows
            .map(|start| {
                let first = pattern.get(start).map_or(0, |byte| u32::from(cost(None, *byte)));
                let bits = (first + at(start + kind.width).saturating_sub(at(start + 1))) / UNIT;
                let others = pattern.get(start..).map(|bytes| load(bytes) & mask(kind.width));
                let others = others.and_then(|window| used.get(&window)).copied().unwrap_or_default();
                // Occurrences in 2^32 bytes; windows that are hardly ever seen differ in how many share them.
                ((1_u64 << 32 >> bits.min(32)) + 1) * u64::from(others + 2) + u64::from(others) * 64
            })
            .sum();
        total / kind.stride as u64 + PASS.get(index).copied().unwrap_or_default()
    }
}

/// What another window of a kind adds to the cost of its pass over the data, so that cheap kinds are preferred.
const PASS: [u64; KINDS.len()] = [0, 60 << 8, 240 << 8, 0, 0];

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
            let windows = block.windows(LOAD).skip(number).step_by(37).take(40);
            let entry = |bytes: &[u8]| Entry { window: load(bytes) & mask(kind.width), pattern: 0, offset: 0 };
            let stage = Stage::build(kind, windows.map(entry).collect());
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
}
