//! The filters of [`super::sparse`] and [`super::dense`] with AVX2: eight loads at a time, by gathering from the bitmap.
//!
//! The only unsafe code of the crate. It relies on three things: the processor has AVX2 and POPCNT, which is asked before
//! calling what is compiled for it; loads stay within the block, whose size is part of its type; gathers stay
//! within the bitmap, because indices are masked to its size, a power of two. Hits are the same as those of the
//! scalar filters, in another order, may go on for the rest of a round behind the end of the data, and may lack those
//! that continue a run, which [`super::dense`] drops in any case.
#![allow(unsafe_code)]

use std::arch::x86_64::{
    __m256i, _mm_cvtsi32_si128, _mm256_and_si256, _mm256_andnot_si256, _mm256_castsi256_ps, _mm256_cmpeq_epi8,
    _mm256_i32gather_epi32, _mm256_loadu_si256, _mm256_movemask_epi8, _mm256_movemask_ps, _mm256_mullo_epi32,
    _mm256_set1_epi8, _mm256_set1_epi32, _mm256_slli_epi32, _mm256_sllv_epi32, _mm256_srl_epi32, _mm256_srli_epi32,
    _mm256_xor_si256,
};

use super::block::{BLOCK, Hits, PADDED};
use super::dense::{self, Dense};
use super::sparse::{self, Sparse};

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
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("popcnt")
}

/// Writes the positions that pass. Out: how many, or `None` if the processor cannot do it.
pub(super) fn sparse(filter: &Sparse, block: &[u8; PADDED], length: usize, hits: &mut Hits) -> Option<usize> {
    if !able() || !filter.bitmap.len().is_power_of_two() {
        return None;
    }
    // SAFETY: the processor has AVX2 and POPCNT.
    Some(unsafe { sparse_avx2(filter, block, length.min(BLOCK), hits) })
}

#[target_feature(enable = "avx2,popcnt")]
fn sparse_avx2(filter: &Sparse, block: &[u8; PADDED], length: usize, hits: &mut Hits) -> usize {
    let (low, high) = (filter.mask as u32 as i32, (filter.mask >> 32) as u32 as i32);
    let (low_mask, high_mask) = (_mm256_set1_epi32(low), _mm256_set1_epi32(high));
    let [low_factor, high_factor] = sparse::HASH.map(|factor| _mm256_set1_epi32(factor as i32));
    let shifts = [0, 5, 10].map(|bits| _mm_cvtsi32_si128(filter.word_shift as i32 - bits));
    let within = _mm256_set1_epi32((filter.bitmap.len() - 1) as i32);
    let bit = _mm256_set1_epi32(31);
    let mut count = 0;
    for round in (0..length).step_by(ROUND) {
        let mut hash = _mm256_mullo_epi32(_mm256_and_si256(load(block, round), low_mask), low_factor);
        if high != 0 {
            let upper = _mm256_mullo_epi32(_mm256_and_si256(load(block, round + 4), high_mask), high_factor);
            hash = _mm256_xor_si256(hash, upper);
        }
        let [index, first, second] = shifts.map(|shift| _mm256_srl_epi32(hash, shift));
        let words = gather(&filter.bitmap, _mm256_and_si256(index, within));
        // The bits that are asked for move to the sign.
        let [first, second] = [first, second].map(|place| _mm256_sllv_epi32(words, _mm256_andnot_si256(place, bit)));
        count = note(signs(_mm256_and_si256(first, second)), round, hits, count);
    }
    count.min(hits.len())
}

/// Writes the positions that pass the first filter. Out: how many, or `None` if the processor cannot do it.
pub(super) fn dense(filter: &Dense, block: &[u8; PADDED], length: usize, hits: &mut Hits) -> Option<usize> {
    if !able() || !filter.words.len().is_power_of_two() {
        return None;
    }
    // SAFETY: the processor has AVX2 and POPCNT.
    Some(unsafe { dense_avx2(filter, block, length.min(BLOCK), hits) })
}

#[target_feature(enable = "avx2,popcnt")]
fn dense_avx2(filter: &Dense, block: &[u8; PADDED], length: usize, hits: &mut Hits) -> usize {
    let pair = _mm256_set1_epi32(0xFFFF);
    let factor = _mm256_set1_epi32(dense::HASH as i32);
    let shift = _mm_cvtsi32_si128(filter.word_shift as i32);
    let within = _mm256_set1_epi32((filter.words.len() - 1) as i32);
    let nibble = _mm256_set1_epi32(15);
    let mut count = 0;
    for round in (0..length).step_by(ROUND) {
        if continues_run(block, round) {
            continue;
        }
        for phase in (round..round + 4).step_by(dense::STRIDE) {
            let bytes = load(block, phase);
            let pairs = _mm256_and_si256(_mm256_srli_epi32::<8>(bytes), pair);
            let index = _mm256_srl_epi32(_mm256_mullo_epi32(pairs, factor), shift);
            let words = gather(&filter.words, _mm256_and_si256(index, within));
            // The bits that are asked for move to the sign: 15 less the low bits of the byte, from the lower half.
            let before = _mm256_sllv_epi32(_mm256_slli_epi32::<16>(words), _mm256_andnot_si256(bytes, nibble));
            let last = _mm256_srli_epi32::<24>(bytes);
            let behind = _mm256_sllv_epi32(words, _mm256_andnot_si256(last, nibble));
            count = note(signs(before), phase, hits, count);
            count = note(signs(behind), phase + 1, hits, count);
        }
    }
    count.min(hits.len())
}

/// Whether all windows of a round continue a run of one byte: none of them counts, and padding has many of them.
#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn continues_run(block: &[u8; PADDED], round: usize) -> bool {
    /// Bytes by which the last window reaches beyond the round.
    const BEYOND: usize = dense::WIDTH - 1;
    let Some(before) = round.checked_sub(1).and_then(|before| block.get(before)) else { return false };
    let before = _mm256_set1_epi8(*before as i8);
    let same = [round, round + BEYOND].map(|at| _mm256_cmpeq_epi8(load(block, at), before));
    _mm256_movemask_epi8(_mm256_and_si256(same[0], same[1])) == -1
}

/// Notes every fourth position from `start` that has its bit. Out: how many there are now.
///
/// All eight places are written and only those that count are kept: which bits are set is not to be predicted.
#[inline]
fn note(passed: u32, start: usize, hits: &mut Hits, count: usize) -> usize {
    let Some(places) = hits.get_mut(count..).and_then(|rest| rest.first_chunk_mut::<LANES>()) else { return count };
    let passed = (passed & 0xFF) as usize;
    *places = SET.get(passed).copied().unwrap_or_default().map(|lane| start as u16 + lane);
    count + passed.count_ones() as usize
}

/// For eight bits: four times the number of each that is set, the lowest first.
#[allow(clippy::indexing_slicing, reason = "computed by the compiler, which refuses an index out of bounds")]
static SET: [[u16; LANES]; 256] = {
    let mut table = [[0; LANES]; 256];
    let mut bits = 0;
    while bits < 256 {
        let (mut bit, mut set) = (0, 0);
        while bit < LANES {
            if bits >> bit & 1 == 1 {
                table[bits][set] = 4 * bit as u16;
                set += 1;
            }
            bit += 1;
        }
        bits += 1;
    }
    table
};

/// One bit for each sign.
#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn signs(lanes: __m256i) -> u32 {
    _mm256_movemask_ps(_mm256_castsi256_ps(lanes)) as u32
}

#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn load(block: &[u8; PADDED], at: usize) -> __m256i {
    let at = at.min(PADDED - ROUND);
    // SAFETY: ROUND bytes from `at` are in the block.
    unsafe { _mm256_loadu_si256(block.as_ptr().add(at).cast()) }
}

/// The words of the bitmap at `indices`, which must be less than its length.
#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn gather(bitmap: &[u32], indices: __m256i) -> __m256i {
    const { assert!(LANES * 4 == ROUND) };
    // SAFETY: the caller masked the indices with the length less one, a power of two less one.
    unsafe { _mm256_i32gather_epi32::<4>(bitmap.as_ptr().cast(), indices) }
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
