//! The filter for wide windows: every fourth position is asked.
//!
//! All of four consecutive windows of a pattern are entered, so one of them stands at a position that is asked.
//! A blocked Bloom filter (Putze, Sanders, Singler 2007): a window sets three bits in one word of the bitmap, so a
//! position costs one load, and few pass that are no window.

use super::block::{Hits, LOAD, PADDED, load, log2, mask};

/// Every how many positions.
pub(super) const STRIDE: usize = 4;
/// Bits in the bitmap for each window, at least; more would cost cache, fewer would let too much through.
const BITS_PER_WINDOW: usize = 16;
/// Logarithms of the sizes of a bitmap in bits: 1 KiB to 512 KiB.
const BITMAP: (u32, u32) = (13, 22);
/// Factors for the halves of a window.
pub(super) const HASH: [u32; 2] = [0x9E37_79B1, 0x85EB_CA6B];

#[derive(Debug)]
pub(super) struct Sparse {
    pub(super) mask: u64,
    /// A power of two of words.
    pub(super) bitmap: Vec<u32>,
    /// By how much a hash is shifted to give the word; the next bits name the three bits in it.
    pub(super) word_shift: u32,
}

impl Sparse {
    /// Of windows of `width` bytes.
    pub(super) fn build(width: usize, windows: impl ExactSizeIterator<Item = u64>) -> Self {
        let bits = log2(windows.len() * BITS_PER_WINDOW).clamp(BITMAP.0, BITMAP.1);
        let word_shift = 32 - (bits - 5);
        let mut bitmap = vec![0_u32; 1 << (bits - 5)];
        for window in windows {
            let hash = hash(window);
            if let Some(word) = bitmap.get_mut((hash >> word_shift) as usize) {
                *word |= marks(hash, word_shift);
            }
        }
        Self { mask: mask(width), bitmap, word_shift }
    }

    /// Writes the positions that pass. Out: how many.
    pub(super) fn filter(&self, block: &[u8; PADDED], length: usize, hits: &mut Hits) -> usize {
        #[cfg(target_arch = "x86_64")]
        if let Some(count) = super::simd::sparse(self, block, length, hits) {
            return count;
        }
        self.filter_scalar(block, length, hits)
    }

    pub(super) fn filter_scalar(&self, block: &[u8; PADDED], length: usize, hits: &mut Hits) -> usize {
        let mut count = 0;
        let positions = length.div_ceil(STRIDE);
        for (index, bytes) in block.windows(LOAD).step_by(STRIDE).take(positions).enumerate() {
            let hash = hash(load(bytes) & self.mask);
            let word = self.bitmap.get((hash >> self.word_shift) as usize).copied().unwrap_or_default();
            let marks = marks(hash, self.word_shift);
            // Written always, counted only if it passes: no branch to predict.
            if let Some(hit) = hits.get_mut(count) {
                *hit = (index * STRIDE) as u16;
            }
            count += usize::from(word & marks == marks);
        }
        count
    }

    pub(super) fn memory(&self) -> usize {
        self.bitmap.capacity() * size_of::<u32>()
    }
}

/// Multiplicative hashing (Knuth, TAOCP 6.4) of both halves: the upper bits are good.
#[inline]
const fn hash(window: u64) -> u32 {
    (window as u32).wrapping_mul(HASH[0]) ^ ((window >> 32) as u32).wrapping_mul(HASH[1])
}

/// The bits of a window in its word.
#[inline]
const fn marks(hash: u32, word_shift: u32) -> u32 {
    1 << (hash >> (word_shift - 5) & 31) | 1 << (hash >> (word_shift - 10) & 31) | 1 << (hash >> (word_shift - 15) & 31)
}
