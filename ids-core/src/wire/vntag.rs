//! VN-Tag (Cisco VN-Tag, the draft of 802.1Qbh): what follows EtherType 0x8926.

use super::{Malformed, split};
use crate::anomaly::Anomaly;

/// A view over bytes proven to hold a VN-Tag.
#[derive(Clone, Copy, Debug)]
pub struct Vntag<'a> {
    head: &'a [u8; 6],
    /// What follows the tag.
    pub payload: &'a [u8],
}

impl<'a> Vntag<'a> {
    /// Length of the tag in bytes.
    pub const LEN: usize = 6;

    /// In: bytes after the EtherType of the tag. Out: the tag, or why not.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let (head, payload) = split(bytes, Anomaly::VntagHeaderTooSmall)?;
        Ok(Self { head, payload })
    }

    /// EtherType of what follows.
    pub const fn ether_type(&self) -> u16 {
        u16::from_be_bytes([self.head[4], self.head[5]])
    }
}
