//! The filter for windows of three bytes: every position is asked, two at a time.
//!
//! Neighbouring windows share two of their bytes. What is shared chooses a word; its lower half tells which bytes
//! may stand before them, its upper half which behind, each by the low four bits of the byte. So one load answers
//! for two positions, and those of text, in which few pairs are frequent, stay in few lines of the cache. What passes
//! is asked a second time, by all three bytes and, where the pattern goes on, the one that follows.

use super::block::{Hits, LOAD, PADDED, load, log2};

/// Bytes of a window.
pub(super) const WIDTH: usize = 3;
/// Every how many positions there is a load.
pub(super) const STRIDE: usize = 2;
/// Windows for which six and seven bits of each byte of a pair choose its word; with fewer five tell enough apart, and
/// the words of many small sets stay in the cache.
const SIX_BITS: usize = 128;
const SEVEN_BITS: usize = 1024;
/// Words of the second filter for each window, at least.
const FOLLOW_PER_WINDOW: usize = 2;
/// Logarithms of the number of its words: 1 KiB to 128 KiB.
const FOLLOW: (u32, u32) = (8, 15);

#[derive(Debug)]
pub(super) struct Dense {
    /// One for each pair, by the low bits of both bytes.
    pub(super) words: Vec<u32>,
    /// How many of each.
    pub(super) pair_bits: u32,
    /// The second filter: for each window the bytes that may follow it, by their low five bits.
    follow: Vec<u32>,
    follow_shift: u32,
}

impl Dense {
    /// Of windows, each with the byte that follows it in the pattern, if there is one.
    pub(super) fn build(windows: impl ExactSizeIterator<Item = (u32, Option<u8>)>) -> Self {
        let follow = log2(windows.len() * FOLLOW_PER_WINDOW).clamp(FOLLOW.0, FOLLOW.1);
        let pair_bits = match windows.len() {
            ..SIX_BITS => 5,
            SIX_BITS..SEVEN_BITS => 6,
            SEVEN_BITS.. => 7,
        };
        let words = vec![0; 1 << (2 * pair_bits)];
        let mut dense = Self { words, pair_bits, follow: vec![0; 1 << follow], follow_shift: 32 - follow };
        for (window, next) in windows {
            // The pair with the byte behind it, then the pair with the byte before it.
            let behind = 1 << 16 << (window >> 16 & 15);
            let before = 1 << (window & 15);
            for (pair, bit) in [(window, behind), (window >> 8, before)] {
                if let Some(word) = dense.words.get_mut(place(pair, pair_bits)) {
                    *word |= bit;
                }
            }
            if let Some(word) = dense.follow.get_mut((hash(window) >> dense.follow_shift) as usize) {
                *word |= next.map_or(u32::MAX, |next| 1 << (next & 31));
            }
        }
        dense
    }

    /// Writes the positions that pass both filters. Out: how many.
    pub(super) fn filter(&self, block: &[u8; PADDED], length: usize, hits: &mut Hits) -> usize {
        let count = self.first(block, length, hits);
        self.second(block, hits, count)
    }

    fn first(&self, block: &[u8; PADDED], length: usize, hits: &mut Hits) -> usize {
        #[cfg(target_arch = "x86_64")]
        if let Some(count) = super::simd::dense(self, block, length, hits) {
            return count;
        }
        self.first_scalar(block, length, hits)
    }

    pub(super) fn first_scalar(&self, block: &[u8; PADDED], length: usize, hits: &mut Hits) -> usize {
        let mut count = 0;
        let loads = length.div_ceil(STRIDE);
        for (index, bytes) in block.windows(LOAD).step_by(STRIDE).take(loads).enumerate() {
            let bytes = load(bytes) as u32;
            let word = self.words.get(place(bytes >> 8, self.pair_bits)).copied().unwrap_or_default();
            let passed = [word >> (bytes & 15) & 1, word >> 16 >> (bytes >> 24 & 15) & 1];
            for (position, passed) in (index * STRIDE..).zip(passed) {
                // Written always, counted only if it passes: no branch to predict.
                if let Some(hit) = hits.get_mut(count) {
                    *hit = position as u16;
                }
                count += passed as usize;
            }
        }
        count
    }

    /// Keeps those of the first `count` hits that are windows, and do not continue a run of one byte: runs are searched
    /// for from their start.
    fn second(&self, block: &[u8; PADDED], hits: &mut Hits, count: usize) -> usize {
        let mut kept = 0;
        for index in 0..count {
            let Some(position) = hits.get(index).copied() else { break };
            let bytes = load(block.get(usize::from(position)..).unwrap_or_default()) as u32;
            let window = bytes & 0xFF_FFFF;
            let follow = self.follow.get((hash(window) >> self.follow_shift) as usize).copied().unwrap_or_default();
            // At the start of a block nothing is known of the byte before.
            let before = position.checked_sub(1).and_then(|before| block.get(usize::from(before)));
            let continues = before.is_some_and(|before| window == u32::from(*before) * 0x01_0101);
            if let Some(hit) = hits.get_mut(kept) {
                *hit = position;
            }
            kept += (follow >> (bytes >> 24 & 31) & u32::from(!continues)) as usize;
        }
        kept
    }

    pub(super) fn memory(&self) -> usize {
        (self.words.capacity() + self.follow.capacity()) * size_of::<u32>()
    }
}

/// The word of the pair in the lower two bytes.
#[inline]
const fn place(bytes: u32, pair_bits: u32) -> usize {
    let mask = (1 << pair_bits) - 1;
    (bytes & mask | (bytes >> 8 & mask) << pair_bits) as usize
}

/// Multiplicative hashing (Knuth, TAOCP 6.4): the upper bits are good.
#[inline]
const fn hash(window: u32) -> u32 {
    window.wrapping_mul(0x9E37_79B1)
}
