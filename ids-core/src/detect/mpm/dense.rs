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
/// Bits of each byte of a pair that choose its word.
pub(super) const PAIR_BITS: u32 = 7;
/// Words: one for each pair.
pub(super) const WORDS: usize = 1 << (2 * PAIR_BITS);
/// Bits of the second filter for each window, at least.
const BITS_PER_WINDOW: usize = 16;
/// Logarithms of the number of its bits: 1 KiB to 64 KiB.
const BITS: (u32, u32) = (13, 19);

#[derive(Debug)]
pub(super) struct Dense {
    pub(super) words: Box<[u32; WORDS]>,
    /// The second filter: a bit for each window with the byte that follows it, or for the window alone.
    bits: Vec<u64>,
    bit_shift: u32,
}

impl Dense {
    /// Of windows, each with the byte that follows it in the pattern, if there is one.
    pub(super) fn build(windows: impl ExactSizeIterator<Item = (u32, Option<u8>)>) -> Self {
        let bits = log2(windows.len() * BITS_PER_WINDOW).clamp(BITS.0, BITS.1);
        let mut dense = Self { words: Box::new([0; WORDS]), bits: vec![0; 1 << (bits - 6)], bit_shift: 32 - bits };
        for (window, next) in windows {
            // The pair with the byte behind it, then the pair with the byte before it.
            let behind = 1 << 16 << (window >> 16 & 15);
            let before = 1 << (window & 15);
            for (pair, bit) in [(window, behind), (window >> 8, before)] {
                if let Some(word) = dense.words.get_mut(place(pair)) {
                    *word |= bit;
                }
            }
            let hash = next.map_or(alone(window), |next| followed(window | u32::from(next) << 24)) >> dense.bit_shift;
            if let Some(word) = dense.bits.get_mut(hash as usize / 64) {
                *word |= 1 << (hash % 64);
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
            let word = self.words.get(place(bytes >> 8)).copied().unwrap_or_default();
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
        let bit = |hash: u32| {
            let hash = hash >> self.bit_shift;
            self.bits.get(hash as usize / 64).copied().unwrap_or_default() >> (hash % 64)
        };
        for index in 0..count {
            let Some(position) = hits.get(index).copied() else { break };
            let bytes = load(block.get(usize::from(position)..).unwrap_or_default()) as u32;
            let window = bytes & 0xFF_FFFF;
            let is_window = bit(followed(bytes)) | bit(alone(window));
            // At the start of a block nothing is known of the byte before.
            let before = position.checked_sub(1).and_then(|before| block.get(usize::from(before)));
            let continues = before.is_some_and(|before| window == u32::from(*before) * 0x01_0101);
            if let Some(hit) = hits.get_mut(kept) {
                *hit = position;
            }
            kept += usize::from(is_window as u8 & 1 & u8::from(!continues));
        }
        kept
    }

    pub(super) fn memory(&self) -> usize {
        size_of_val(&*self.words) + self.bits.capacity() * size_of::<u64>()
    }
}

/// The word of the pair in the lower two bytes.
#[inline]
const fn place(bytes: u32) -> usize {
    const MASK: u32 = (1 << PAIR_BITS) - 1;
    (bytes & MASK | (bytes >> 8 & MASK) << PAIR_BITS) as usize
}

/// Multiplicative hashing (Knuth, TAOCP 6.4) of a window and the byte that follows it: the upper bits are good.
#[inline]
const fn followed(bytes: u32) -> u32 {
    bytes.wrapping_mul(0x9E37_79B1)
}

/// The same for a window that anything may follow.
#[inline]
const fn alone(window: u32) -> u32 {
    window.wrapping_mul(0x85EB_CA6B)
}
