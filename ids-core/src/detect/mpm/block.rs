//! What a scan works on: a piece of the buffer in lower case, and the positions in it that passed a filter.

use super::table::Buckets;

/// Bytes that are folded to lower case and scanned in one go.
pub(super) const BLOCK: usize = 2048;
/// Bytes read for a window, whatever its width.
pub(super) const LOAD: usize = 8;
/// A block with room behind it for reading windows in groups, and the bytes that follow them.
pub(super) const PADDED: usize = BLOCK + 128;
/// Positions of a block that passed a filter. Rounds of a filter are whole and may end behind the block.
pub(super) type Hits = [u16; PADDED];

/// Room for a scan. Kept between scans: clearing it would cost as much as a small packet.
#[derive(Clone, Debug)]
pub(super) struct Room {
    pub(super) block: [u8; PADDED],
    pub(super) hits: Hits,
    pub(super) buckets: Buckets,
}

impl Default for Room {
    fn default() -> Self {
        Self { block: [0; PADDED], hits: [0; PADDED], buckets: Buckets::default() }
    }
}

/// The next block in lower case, with zeroes behind the end as far as anybody reads.
#[inline]
pub(super) fn fold(rest: &[u8], block: &mut [u8; PADDED]) {
    #[cfg(target_arch = "x86_64")]
    if super::simd::fold(rest, block) {
        return;
    }
    fold_scalar(rest, block);
}

/// In pieces of a fixed size, for which no copying function is called.
#[inline(always)]
pub(super) fn fold_scalar(rest: &[u8], block: &mut [u8; PADDED]) {
    const PIECE: usize = 32;
    let rest = rest.get(..PADDED).unwrap_or(rest);
    let (filled, empty) = block.split_at_mut(rest.len());
    let (from, from_end) = rest.as_chunks::<PIECE>();
    let (to, to_end) = filled.as_chunks_mut::<PIECE>();
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
        to.make_ascii_lowercase();
    }
    to_end.iter_mut().zip(from_end).for_each(|(to, from)| *to = from.to_ascii_lowercase());
    match empty.first_chunk_mut() {
        Some(room) => *room = [0; PADDED - BLOCK],
        None => empty.fill(0),
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
    if width >= LOAD { u64::MAX } else { (1 << (width * 8)) - 1 }
}

/// The logarithm of the next power of two.
pub(super) const fn log2(value: usize) -> u32 {
    value.next_power_of_two().trailing_zeros()
}
