//! VLAN tag (IEEE 802.1Q §9.6): what follows a tag's EtherType.

use super::{Malformed, split};
use crate::anomaly::Anomaly;

/// A view over bytes proven to hold a VLAN tag.
#[derive(Clone, Copy, Debug)]
pub struct Vlan<'a> {
    head: &'a [u8; 4],
    /// What follows the tag.
    pub payload: &'a [u8],
}

impl<'a> Vlan<'a> {
    /// Length of the tag in bytes.
    pub const LEN: usize = 4;

    /// In: bytes after the EtherType of the tag. Out: the tag, or why not.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let (head, payload) = split(bytes, Anomaly::VlanHeaderTooSmall)?;
        Ok(Self { head, payload })
    }

    /// VLAN id, 0 to 4095.
    pub const fn id(&self) -> u16 {
        u16::from_be_bytes([self.head[0], self.head[1]]) & 0x0fff
    }

    /// EtherType of what follows.
    pub const fn ether_type(&self) -> u16 {
        u16::from_be_bytes([self.head[2], self.head[3]])
    }
}
