//! PPP over Ethernet (RFC 2516 §4).

use super::{Malformed, split};
use crate::anomaly::Anomaly;

/// A view over bytes proven to hold a PPPoE header.
#[derive(Clone, Copy, Debug)]
pub struct Pppoe<'a> {
    head: &'a [u8; 6],
    /// What follows the header, cut to the length it claims as far as that was captured.
    pub payload: &'a [u8],
}

impl<'a> Pppoe<'a> {
    /// Length of the header in bytes.
    pub const LEN: usize = 6;

    /// In: bytes after the EtherType. Out: the header, or why not.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let (head, rest) = split(bytes, Anomaly::PppoePktTooSmall)?;
        let length = usize::from(u16::from_be_bytes([head[4], head[5]]));
        Ok(Self { head, payload: rest.get(..length).unwrap_or(rest) })
    }

    /// What kind of packet: 0 in sessions.
    pub const fn code(&self) -> u8 {
        self.head[1]
    }

    /// A session packet says so by its code (§4).
    pub const fn check_session(&self) -> Result<(), Malformed> {
        match self.code() {
            0 => Ok(()),
            _ => Err(Malformed(Anomaly::PppoeWrongCode)),
        }
    }

    /// A discovery packet has a known code and a list of tags that ends where the packet ends (§5, appendix A).
    pub fn check_discovery(&self) -> Result<(), Malformed> {
        // PADI, PADO, PADR, PADS, PADT.
        if !matches!(self.code(), 0x09 | 0x07 | 0x19 | 0x65 | 0xa7) {
            return Err(Malformed(Anomaly::PppoeWrongCode));
        }
        let mut tags = self.payload;
        while !tags.is_empty() {
            let (head, rest) = split::<4>(tags, Anomaly::PppoeMalformedTags)?;
            let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
            tags = rest.get(length..).ok_or(Malformed(Anomaly::PppoeMalformedTags))?;
        }
        Ok(())
    }
}
