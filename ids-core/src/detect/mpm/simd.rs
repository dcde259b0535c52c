//! The filters of [`super::sparse`] and [`super::dense`] with AVX2: eight positions at a time.
//!
//! The only unsafe code of the crate. It relies on three things: the processor has AVX2, POPCNT and BMI1, which is asked
//! before calling what is compiled for it; loads stay within the block, whose size is part of its type, and
//! within the bitmap, because indices are masked to its size, a power of two. Hits are the same as those of the
//! scalar filters, may go on for the rest of a round behind the end of the data, and may lack those that continue a
//! run, which [`super::dense`] drops in any case.
#![allow(unsafe_code)]

use std::arch::x86_64::{
    __m256i, _mm_cvtsi32_si128, _mm256_and_si256, _mm256_andnot_si256, _mm256_castsi256_ps, _mm256_cmpeq_epi8,
    _mm256_loadu_si256, _mm256_movemask_epi8, _mm256_movemask_ps, _mm256_mullo_epi32, _mm256_or_si256,
    _mm256_set1_epi8, _mm256_set1_epi32, _mm256_setr_epi32, _mm256_slli_epi32, _mm256_sllv_epi32, _mm256_srl_epi32,
    _mm256_srli_epi32, _mm256_storeu_si256, _mm256_xor_si256,
};

use super::block::{self, BLOCK, Hits, PADDED};
use super::dense::{self, Dense};
use super::sparse::{self, STRIDE, Sparse};

/// Bytes whose windows are looked at in one round.
const ROUND: usize = 32;
/// Positions in one gather: every fourth.
const LANES: usize = 8;

// The last round starts before BLOCK, at the third byte of a group of four at most, and reads the upper halves of its
// windows, four bytes on.
const _: () = assert!(BLOCK.is_multiple_of(ROUND) && BLOCK - ROUND + 3 + 4 + ROUND <= PADDED);

/// Whether the processor has what the code below is compiled for.
#[inline]
fn able() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("popcnt") && is_x86_feature_detected!("bmi1")
}

/// [`super::block::fold`]. Out: whether the processor can do it.
#[inline]
pub(super) fn fold(rest: &[u8], block: &mut [u8; PADDED]) -> bool {
    if able() {
        // SAFETY: the processor has AVX2, POPCNT and BMI1.
        unsafe { fold_avx2(rest, block) };
        return true;
    }
    false
}

#[target_feature(enable = "avx2,popcnt,bmi1")]
fn fold_avx2(rest: &[u8], block: &mut [u8; PADDED]) {
    block::fold_scalar(rest, block);
}

/// Writes the positions that pass. Out: how many, or `None` if the processor cannot do it.
pub(super) fn sparse(filter: &Sparse, block: &[u8; PADDED], length: usize, hits: &mut Hits) -> Option<usize> {
    if !able() || !filter.bitmap.len().is_power_of_two() {
        return None;
    }
    // SAFETY: the processor has AVX2, POPCNT and BMI1.
    Some(unsafe { sparse_avx2(filter, block, length.min(BLOCK), hits) })
}

#[target_feature(enable = "avx2,popcnt,bmi1")]
fn sparse_avx2(filter: &Sparse, block: &[u8; PADDED], length: usize, hits: &mut Hits) -> usize {
    let (low, high) = (filter.mask as u32 as i32, (filter.mask >> 32) as u32 as i32);
    let (low_mask, high_mask) = (_mm256_set1_epi32(low), _mm256_set1_epi32(high));
    let [low_factor, high_factor] = sparse::HASH.map(|factor| _mm256_set1_epi32(factor as i32));
    let shifts = [0, 5, 10, 15].map(|bits| _mm_cvtsi32_si128(filter.word_shift as i32 - bits));
    let within = _mm256_set1_epi32((filter.bitmap.len() - 1) as i32);
    let bit = _mm256_set1_epi32(31);
    let mut count = 0;
    for round in (0..length).step_by(ROUND) {
        let mut hash = _mm256_mullo_epi32(_mm256_and_si256(load(block, round), low_mask), low_factor);
        if high != 0 {
            let upper = _mm256_mullo_epi32(_mm256_and_si256(load(block, round + 4), high_mask), high_factor);
            hash = _mm256_xor_si256(hash, upper);
        }
        let [index, places @ ..] = shifts.map(|shift| _mm256_srl_epi32(hash, shift));
        let words = gather(&filter.bitmap, _mm256_and_si256(index, within));
        // The bits that are asked for move to the sign.
        let [first, second, third] = places.map(|place| _mm256_sllv_epi32(words, _mm256_andnot_si256(place, bit)));
        let passed = _mm256_and_si256(_mm256_and_si256(first, second), third);
        let signs = _mm256_movemask_ps(_mm256_castsi256_ps(passed)) as u32;
        count = note::<STRIDE>(signs, round, hits, count);
    }
    count.min(hits.len())
}

/// Writes the positions that pass the first filter. Out: how many, or `None` if the processor cannot do it.
pub(super) fn dense(filter: &Dense, block: &[u8; PADDED], length: usize, hits: &mut Hits) -> Option<usize> {
    if !able() || filter.words.len() != 1 << (2 * filter.pair_bits) {
        return None;
    }
    // SAFETY: the processor has AVX2, POPCNT and BMI1.
    Some(unsafe { dense_avx2(filter, block, length.min(BLOCK), hits) })
}

#[target_feature(enable = "avx2,popcnt,bmi1")]
fn dense_avx2(filter: &Dense, block: &[u8; PADDED], length: usize, hits: &mut Hits) -> usize {
    // What chooses the word: the low bits of the second byte, and behind them those of the third.
    let mask = (1 << filter.pair_bits) - 1;
    let (first_half, second_half) = (_mm256_set1_epi32(mask), _mm256_set1_epi32(mask << filter.pair_bits));
    let to_second_half = _mm_cvtsi32_si128(16 - filter.pair_bits as i32);
    let nibble = _mm256_set1_epi32(15);
    let mut count = 0;
    for round in (0..length).step_by(ROUND) {
        if continues_run(block, round) {
            continue;
        }
        let both = [round, round + dense::STRIDE].map(|phase| {
            let bytes = load(block, phase);
            let index = _mm256_or_si256(
                _mm256_and_si256(_mm256_srli_epi32::<8>(bytes), first_half),
                _mm256_and_si256(_mm256_srl_epi32(bytes, to_second_half), second_half),
            );
            let words = gather(&filter.words, index);
            // The bits that are asked for move to the sign: 15 less the low bits of the byte, from the lower half.
            let before = _mm256_sllv_epi32(_mm256_slli_epi32::<16>(words), _mm256_andnot_si256(bytes, nibble));
            let last = _mm256_srli_epi32::<24>(bytes);
            [before, _mm256_sllv_epi32(words, _mm256_andnot_si256(last, nibble))]
        });
        count = note::<1>(signs(both), round, hits, count);
    }
    count.min(hits.len())
}

/// Whether all windows of a round continue a run of one byte: none of them counts, and padding has many of them.
#[inline]
#[target_feature(enable = "avx2,popcnt,bmi1")]
fn continues_run(block: &[u8; PADDED], round: usize) -> bool {
    /// Bytes by which the last window reaches beyond the round.
    const BEYOND: usize = dense::WIDTH - 1;
    let Some(before) = round.checked_sub(1).and_then(|before| block.get(before)) else { return false };
    let before = _mm256_set1_epi8(*before as i8);
    let same = [round, round + BEYOND].map(|at| _mm256_cmpeq_epi8(load(block, at), before));
    _mm256_movemask_epi8(_mm256_and_si256(same[0], same[1])) == -1
}

/// Notes the positions of the bits that are set, so far apart, from `start`. Out: how many there are now.
///
/// The first few are written in any case, and only counted if they are set: how many are is not to be predicted.
#[inline]
#[target_feature(enable = "avx2,popcnt,bmi1")]
fn note<const APART: usize>(mut set: u32, start: usize, hits: &mut Hits, count: usize) -> usize {
    const FEW: usize = 3;
    let total = set.count_ones() as usize;
    let Some(places) = hits.get_mut(count..count + total.max(FEW)) else { return count };
    let mut write = |place: &mut u16| {
        *place = (start + APART * set.trailing_zeros() as usize) as u16;
        set &= set.wrapping_sub(1);
    };
    let (few, more) = places.split_at_mut(FEW);
    few.iter_mut().for_each(&mut write);
    more.iter_mut().for_each(&mut write);
    count + total
}

/// The signs of four vectors, whose lanes are next to each other in turn.
#[inline]
#[target_feature(enable = "avx2,popcnt,bmi1")]
fn signs([[one, two], [three, four]]: [[__m256i; 2]; 2]) -> u32 {
    // Each gives one byte of a lane, the sign its highest bit.
    let byte = |number: i32| _mm256_set1_epi32(0x80 << (8 * number));
    let low = _mm256_or_si256(
        _mm256_and_si256(_mm256_srli_epi32::<24>(one), byte(0)),
        _mm256_and_si256(_mm256_srli_epi32::<16>(two), byte(1)),
    );
    let high =
        _mm256_or_si256(_mm256_and_si256(_mm256_srli_epi32::<8>(three), byte(2)), _mm256_and_si256(four, byte(3)));
    _mm256_movemask_epi8(_mm256_or_si256(low, high)) as u32
}

#[inline]
#[target_feature(enable = "avx2,popcnt,bmi1")]
fn load(block: &[u8; PADDED], at: usize) -> __m256i {
    let at = at.min(PADDED - ROUND);
    // SAFETY: ROUND bytes from `at` are in the block.
    unsafe { _mm256_loadu_si256(block.as_ptr().add(at).cast()) }
}

/// The words of the bitmap at `indices`, which must be less than its length.
///
/// By plain loads: the instruction that gathers takes a sixth longer in all (Zen 4).
#[inline]
#[target_feature(enable = "avx2,popcnt,bmi1")]
fn gather(bitmap: &[u32], indices: __m256i) -> __m256i {
    let mut places = [0_u32; LANES];
    const { assert!(size_of::<[u32; LANES]>() == ROUND) };
    // SAFETY: the array has the size of a vector.
    unsafe { _mm256_storeu_si256(places.as_mut_ptr().cast(), indices) };
    // SAFETY: the caller masked the indices with the length less one, a power of two less one.
    let [a, b, c, d, e, f, g, h] = places.map(|place| unsafe { *bitmap.get_unchecked(place as usize) } as i32);
    _mm256_setr_epi32(a, b, c, d, e, f, g, h)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::mpm::block::{LOAD, load, mask};

    const LENGTHS: [usize; 7] = [0, 1, 31, 32, 33, 1000, BLOCK];

    /// Data, and some windows of it.
    fn data(width: usize, number: usize) -> (Box<[u8; PADDED]>, Vec<u64>) {
        let byte = |n: u32| (n.wrapping_mul(0x9E37_79B1) >> 13) as u8 & 0x3F;
        let mut block = Box::new([0; PADDED]);
        block.iter_mut().zip(0..).for_each(|(place, n)| *place = byte(n));
        let windows = block.windows(LOAD).skip(number).step_by(37).take(40);
        let windows = windows.map(|bytes| load(bytes) & mask(width)).collect();
        (block, windows)
    }

    /// The vectors must find what the loop finds; rounds are whole, positions behind the end may be among them.
    fn agree(what: &str, length: usize, vectors: Option<usize>, hits: &Hits, scalar: usize, expected: &Hits) {
        let Some(count) = vectors else { return };
        let within = |hits: &[u16]| {
            let mut hits: Vec<_> = hits.iter().copied().filter(|hit| usize::from(*hit) < length).collect();
            hits.sort_unstable();
            hits
        };
        let found = within(&hits[..count]);
        assert_eq!(found, within(&expected[..scalar]), "{what}, {length}");
        assert!(length < BLOCK || !found.is_empty(), "{what}: nothing is tested");
    }

    #[test]
    fn vectors_and_scalars_agree() {
        for (number, length) in LENGTHS.into_iter().enumerate() {
            let (mut hits, mut expected) = ([0; PADDED], [0; PADDED]);
            for width in [4, 8] {
                let (block, windows) = data(width, number);
                let filter = Sparse::build(width, windows.into_iter());
                let count = filter.filter_scalar(&block, length, &mut expected);
                let vectors = sparse(&filter, &block, length, &mut hits);
                agree("sparse", length, vectors, &hits, count, &expected);
            }
            let (block, windows) = data(dense::WIDTH, number);
            let filter = Dense::build(windows.into_iter().map(|window| (window as u32, None)));
            let count = filter.first_scalar(&block, length, &mut expected);
            let vectors = super::dense(&filter, &block, length, &mut hits);
            agree("dense", length, vectors, &hits, count, &expected);
        }
    }
}
