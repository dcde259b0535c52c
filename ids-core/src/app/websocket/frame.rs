//! Heads of frames (RFC 6455 §5.2).

use crate::app::cursor::Cursor;

/// The head of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// Its own bytes.
    pub size: usize,
    /// The upper four bits of the first byte: the last frame of a message, and three for extensions.
    pub flags: u8,
    pub opcode: u8,
    /// What the payload is to be combined with, if it is masked.
    pub mask: Option<u32>,
    /// Bytes of payload.
    pub length: u64,
}

impl Head {
    /// Reads the head at the start of `data`; `None` if it is not all there.
    pub(super) fn read(data: &[u8]) -> Option<Self> {
        let mut rest = Cursor::big(data);
        let (first, second) = (rest.u8()?, rest.u8()?);
        let length = match second & 0x7f {
            126 => rest.u16()?.into(),
            127 => rest.u64()?,
            length => length.into(),
        };
        let mask = if second & 0x80 == 0 { None } else { Some(rest.u32()?) };
        let size = data.len() - rest.rest().len();
        Some(Self { size, flags: first & 0xf0, opcode: first & 0x0f, mask, length })
    }
}

/// Bits of the first byte.
pub(super) mod flag {
    pub(in super::super) const FIN: u8 = 0x80;
    /// The message is compressed (RFC 7692 §6).
    pub(in super::super) const COMPRESSED: u8 = 0x40;

    /// As rules write them.
    pub(in super::super) const NAMES: &[(&str, u64)] = &[("fin", FIN as u64), ("comp", COMPRESSED as u64)];
}

/// Kinds of messages (RFC 6455 §11.8).
pub(super) mod opcode {
    pub(in super::super) const CONTINUATION: u8 = 0;

    /// As rules write them and records show them.
    pub(in super::super) const NAMES: &[(&str, u64)] =
        &[("continuation", 0), ("text", 1), ("binary", 2), ("close", 8), ("ping", 9), ("pong", 10)];

    /// Whether it is about the connection: whole in one frame, which may stand between those of a message (§5.5).
    pub(in super::super) const fn is_control(opcode: u8) -> bool {
        opcode & 0x08 != 0
    }
}
