//! ERSPAN type II (draft-foschiano-erspan §4.2): what follows GRE protocol 0x88be with a sequence number.

use super::{Malformed, split};
use crate::anomaly::Anomaly;

/// A view over bytes proven to hold an ERSPAN type II header.
#[derive(Clone, Copy, Debug)]
pub struct Erspan<'a> {
    head: &'a [u8; 8],
    /// The mirrored Ethernet frame.
    pub payload: &'a [u8],
}

impl<'a> Erspan<'a> {
    /// Length of the header in bytes.
    pub const LEN: usize = 8;

    /// In: bytes after the GRE header. Out: the header, or why not.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let (head, payload) = split::<8>(bytes, Anomaly::ErspanHeaderTooSmall)?;
        // Version 1 is type II.
        match head[0] >> 4 {
            1 => Ok(Self { head, payload }),
            _ => Err(Malformed(Anomaly::ErspanUnsupportedVersion)),
        }
    }

    /// VLAN that the frame was mirrored from; 0 if none.
    pub const fn vlan(&self) -> u16 {
        u16::from_be_bytes([self.head[0], self.head[1]]) & 0x0fff
    }
}
