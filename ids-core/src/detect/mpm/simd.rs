//! The filter of [`super::stage`] with AVX2: eight positions at a time, by gathering from the bitmap.
//!
//! The only unsafe code of the crate. It relies on three things: the processor has AVX2, which [`filter`] asks before
//! it calls the code compiled for it; loads stay within the block, whose size is part of its type; gathers stay
//! within the bitmap, because indices are masked to its size, a power of two. Hits are the same as those of the
//! scalar filter, in another order.
#![allow(unsafe_code)]

use std::arch::x86_64::{
    __m256i, _mm_cvtsi32_si128, _mm256_and_si256, _mm256_andnot_si256, _mm256_castsi256_ps, _mm256_i32gather_epi32,
    _mm256_loadu_si256, _mm256_movemask_ps, _mm256_mullo_epi32, _mm256_set1_epi32, _mm256_sllv_epi32, _mm256_srl_epi32,
    _mm256_xor_si256,
};

use super::stage::{BLOCK, HASH, Hits, PADDED, Stage};

/// Bytes whose windows are looked at in one round.
const ROUND: usize = 32;
/// Positions in one gather: every fourth.
const LANES: usize = 8;

// The last round starts before BLOCK, at the third byte of a group of four at most, and reads the upper halves of its
// windows, four bytes on.
const _: () = assert!(BLOCK.is_multiple_of(ROUND) && BLOCK - ROUND + 3 + 4 + ROUND <= PADDED);

/// Writes the positions that pass the bitmap. Out: how many, or `None` if the processor cannot do it.
pub(super) fn filter(stage: &Stage, block: &[u8; PADDED], length: usize, hits: &mut Hits) -> Option<usize> {
    if !is_x86_feature_detected!("avx2") || !stage.bitmap.len().is_power_of_two() {
        return None;
    }
    // SAFETY: the processor has AVX2.
    Some(unsafe { filter_avx2(stage, block, length.min(BLOCK), hits) })
}

#[target_feature(enable = "avx2")]
fn filter_avx2(stage: &Stage, block: &[u8; PADDED], length: usize, hits: &mut Hits) -> usize {
    let (low, high) = (stage.mask as u32 as i32, (stage.mask >> 32) as u32 as i32);
    let (low_mask, high_mask) = (_mm256_set1_epi32(low), _mm256_set1_epi32(high));
    let (low_factor, high_factor) = (_mm256_set1_epi32(HASH[0] as i32), _mm256_set1_epi32(HASH[1] as i32));
    let shifts = [0, 5, 10].map(|bits| _mm_cvtsi32_si128(stage.word_shift as i32 - bits));
    let within = _mm256_set1_epi32((stage.bitmap.len() - 1) as i32);
    let bit = _mm256_set1_epi32(31);
    let mut count = 0;
    for round in (0..length).step_by(ROUND) {
        for phase in (round..round + 4).step_by(stage.kind.stride) {
            let mut hash = _mm256_mullo_epi32(_mm256_and_si256(load(block, phase), low_mask), low_factor);
            if high != 0 {
                let upper = _mm256_mullo_epi32(_mm256_and_si256(load(block, phase + 4), high_mask), high_factor);
                hash = _mm256_xor_si256(hash, upper);
            }
            let [index, first, second] = shifts.map(|shift| _mm256_srl_epi32(hash, shift));
            let words = gather(&stage.bitmap, _mm256_and_si256(index, within));
            // The bits that are asked for move to the sign.
            let [first, second] =
                [first, second].map(|place| _mm256_sllv_epi32(words, _mm256_andnot_si256(place, bit)));
            let mut passed = _mm256_movemask_ps(_mm256_castsi256_ps(_mm256_and_si256(first, second))) as u32;
            while passed != 0 {
                if let Some(hit) = hits.get_mut(count) {
                    *hit = (phase + 4 * passed.trailing_zeros() as usize) as u16;
                }
                count += 1;
                passed &= passed - 1;
            }
        }
    }
    count.min(hits.len())
}

#[inline]
#[target_feature(enable = "avx2")]
fn load(block: &[u8; PADDED], at: usize) -> __m256i {
    let at = at.min(PADDED - ROUND);
    // SAFETY: ROUND bytes from `at` are in the block.
    unsafe { _mm256_loadu_si256(block.as_ptr().add(at).cast()) }
}

/// The words of the bitmap at `indices`, which must be less than its length.
#[inline]
#[target_feature(enable = "avx2")]
fn gather(bitmap: &[u32], indices: __m256i) -> __m256i {
    const { assert!(LANES * 4 == ROUND) };
    // SAFETY: the caller masked the indices with the length less one, a power of two less one.
    unsafe { _mm256_i32gather_epi32::<4>(bitmap.as_ptr().cast(), indices) }
}
