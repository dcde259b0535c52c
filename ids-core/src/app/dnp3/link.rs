//! Frames of the data link layer (IEEE 1815 §9.2): a header of ten bytes, and user data in blocks, each with a checksum.

use crate::app::cursor::Cursor;
use crate::app::parser::Probe;
use crate::field::Dir;

/// What a frame begins with.
pub(super) const START: [u8; 2] = [0x05, 0x64];
/// Bytes of the header.
pub(super) const HEADER: usize = 10;
/// Bytes of user data with one checksum.
const BLOCK: usize = 16;
/// Bytes of a checksum.
const CRC: usize = 2;
/// What the length counts besides user data.
const COUNTED: usize = 5;

/// Bits of the control byte (IEEE 1815 §9.2.4.1.3).
pub(super) mod control {
    /// The master sends.
    pub(in super::super) const DIR: u8 = 0x80;
    /// The station that began sends.
    pub(in super::super) const PRI: u8 = 0x40;
    pub(in super::super) const FCB: u8 = 0x20;
    pub(in super::super) const FCV: u8 = 0x10;
    pub(in super::super) const FUNCTION: u8 = 0x0f;
}

/// The header of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Bytes of user data; `None` if the length is too small for any frame.
    pub(super) user: Option<usize>,
    pub(super) control: u8,
    pub(super) destination: u16,
    pub(super) source: u16,
    /// The checksum is right.
    pub(super) sound: bool,
}

impl Header {
    /// Reads it; `None` if no frame begins so.
    pub(super) fn read(bytes: &[u8; HEADER]) -> Option<Self> {
        let [a, b, length, control, d0, d1, s0, s1, crc @ ..] = *bytes;
        let covered = bytes.first_chunk::<8>()?;
        ([a, b] == START).then_some(Self {
            user: usize::from(length).checked_sub(COUNTED),
            control,
            destination: u16::from_le_bytes([d0, d1]),
            source: u16::from_le_bytes([s0, s1]),
            sound: checksum(covered) == u16::from_le_bytes(crc),
        })
    }

    /// Bytes of the whole frame.
    pub(super) fn frame(&self) -> usize {
        let user = self.user.unwrap_or(0);
        HEADER + user + CRC * user.div_ceil(BLOCK)
    }

    /// Whether it carries user data: a primary station's, confirmed or not (IEEE 1815 §9.2.4.1.3.5).
    pub(super) const fn carries(&self) -> bool {
        self.control & control::PRI != 0 && matches!(self.control & control::FUNCTION, 3 | 4)
    }
}

/// The user data of a frame. In: what follows its header. Out: nothing if a checksum is wrong.
pub(super) fn user_data(blocks: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(blocks.len());
    for block in blocks.chunks(BLOCK + CRC) {
        let (data, crc) = block.split_last_chunk::<CRC>()?;
        if checksum(data) != u16::from_le_bytes(*crc) {
            return None;
        }
        out.extend_from_slice(data);
    }
    Some(out)
}

/// The checksum of DNP3 (IEEE 1815 annex E): reflected, its polynomial 0x3d65, its result inverted.
pub(super) fn checksum(bytes: &[u8]) -> u16 {
    const REFLECTED: u16 = 0xa6bc;
    let mut crc = 0_u16;
    for byte in bytes {
        crc ^= u16::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 0 { crc >> 1 } else { crc >> 1 ^ REFLECTED };
        }
    }
    !crc
}

/// Start bytes and a length of a frame; who sends them its control byte says.
pub(super) fn probe(data: &[u8], dir: Dir, _: bool) -> Probe {
    let mut at = Cursor::big(data);
    let starts = START.iter().all(|expected| at.u8().is_none_or(|byte| byte == *expected));
    match (starts, at.u8(), at.u8()) {
        (false, ..) | (true, Some(0..=4), _) => Probe::No,
        (true, Some(_), Some(control)) if control & control::PRI != 0 => {
            Probe::Yes(if control & control::DIR == 0 { Dir::ToClient } else { Dir::ToServer })
        }
        (true, Some(_), Some(_)) => Probe::Yes(dir),
        (true, ..) => Probe::Unsure,
    }
}
