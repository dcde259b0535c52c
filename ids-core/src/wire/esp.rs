//! Encapsulating security payload (RFC 4303 §2): the two words that are not encrypted.

use super::{Malformed, split};
use crate::anomaly::Anomaly;

/// A view over bytes proven to hold an ESP header.
#[derive(Clone, Copy, Debug)]
pub struct Esp<'a> {
    head: &'a [u8; 8],
}

impl<'a> Esp<'a> {
    /// In: bytes after the IP header. Out: the header, or why not.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let (head, _) = split(bytes, Anomaly::EspPktTooSmall)?;
        Ok(Self { head })
    }

    /// Security parameters index.
    pub const fn spi(&self) -> u32 {
        u32::from_be_bytes([self.head[0], self.head[1], self.head[2], self.head[3]])
    }
}
