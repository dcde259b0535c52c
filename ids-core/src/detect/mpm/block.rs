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
pub(super) fn fold(rest: &[u8], block: &mut [u8; PADDED]) {
    let length = rest.len().min(block.len());
    let (filled, empty) = block.split_at_mut(length);
    filled.copy_from_slice(rest.get(..length).unwrap_or_default());
    filled.make_ascii_lowercase();
    empty.iter_mut().take(PADDED - BLOCK).for_each(|byte| *byte = 0);
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
