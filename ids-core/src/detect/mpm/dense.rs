//! The filter for windows of three bytes: every position is asked, two at a time.
//!
//! Neighbouring windows share two of their bytes. What is shared chooses a word; its lower half tells which bytes
//! may stand before them, its upper half which behind, each by the low four bits of the byte. So one load answers
//! for two positions. What passes is asked a second time, by all three bytes and the one that follows.

use super::block::{Hits, LOAD, PADDED, load, log2};

/// Bytes of a window.
pub(super) const WIDTH: usize = 3;
/// Every how many positions there is a load.
pub(super) const STRIDE: usize = 2;
/// Words for each window, at least.
const WORDS_PER_WINDOW: usize = 4;
/// Logarithms of the number of words: 1 KiB to 256 KiB, where each pair of bytes has a word of its own.
const WORDS: (u32, u32) = (8, 16);
/// The same for the second filter, in bytes.
const BYTES_PER_WINDOW: usize = 8;
const BYTES: (u32, u32) = (10, 17);
pub(super) const HASH: u32 = 0x9E37_79B1;

#[derive(Debug)]
pub(super) struct Dense {
    /// A power of two of words.
    pub(super) words: Vec<u32>,
    /// By how much the hash of a pair is shifted to give its word.
    pub(super) word_shift: u32,
    /// A power of two of bytes: for each window the bytes that may follow it, by their low three bits.
    follow: Vec<u8>,
    follow_shift: u32,
}

impl Dense {
    /// Of windows, each with the byte that follows it in the pattern, if there is one.
    pub(super) fn build(windows: impl ExactSizeIterator<Item = (u32, Option<u8>)>) -> Self {
        let words = log2(windows.len() * WORDS_PER_WINDOW).clamp(WORDS.0, WORDS.1);
        let bytes = log2(windows.len() * BYTES_PER_WINDOW).clamp(BYTES.0, BYTES.1);
        let mut dense = Self {
            words: vec![0; 1 << words],
            word_shift: 32 - words,
            follow: vec![0; 1 << bytes],
            follow_shift: 32 - bytes,
        };
        for (window, next) in windows {
            // The pair with the byte behind it, then the pair with the byte before it.
            let behind = 1 << 16 << (window >> 16 & 15);
            let before = 1 << (window & 15);
            for (pair, bit) in [(window & 0xFFFF, behind), (window >> 8, before)] {
                if let Some(word) = dense.words.get_mut(place(pair, dense.word_shift)) {
                    *word |= bit;
                }
            }
            if let Some(byte) = dense.follow.get_mut(place(window, dense.follow_shift)) {
                *byte |= next.map_or(u8::MAX, |next| 1 << (next & 7));
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
            let word = self.words.get(place(bytes >> 8 & 0xFFFF, self.word_shift)).copied().unwrap_or_default();
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

    /// Keeps those of the first `count` hits that are followed by the right byte, and do not continue a run of one
    /// byte: runs are searched for from their start.
    fn second(&self, block: &[u8; PADDED], hits: &mut Hits, count: usize) -> usize {
        let mut kept = 0;
        for index in 0..count {
            let Some(position) = hits.get(index).copied() else { break };
            let bytes = load(block.get(usize::from(position)..).unwrap_or_default()) as u32;
            let window = bytes & 0xFF_FFFF;
            let follow = self.follow.get(place(window, self.follow_shift)).copied().unwrap_or_default();
            // At the start of a block nothing is known of the byte before.
            let before = position.checked_sub(1).and_then(|before| block.get(usize::from(before)));
            let continues = before.is_some_and(|before| window == u32::from(*before) * 0x01_0101);
            if let Some(hit) = hits.get_mut(kept) {
                *hit = position;
            }
            kept += usize::from(follow >> (bytes >> 24 & 7) & 1 & u8::from(!continues));
        }
        kept
    }

    pub(super) fn memory(&self) -> usize {
        self.words.capacity() * size_of::<u32>() + self.follow.capacity()
    }
}

/// Multiplicative hashing (Knuth, TAOCP 6.4): the upper bits are good.
#[inline]
const fn place(bytes: u32, shift: u32) -> usize {
    (bytes.wrapping_mul(HASH) >> shift) as usize
}
