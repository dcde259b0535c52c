//! Provider backbone bridging (IEEE 802.1ah): the service tag and the customer's addresses that follow
//! EtherType 0x88e7.

use super::{Malformed, split};
use crate::anomaly::Anomaly;

/// A view over bytes proven to hold an I-TAG with the customer's Ethernet header.
#[derive(Clone, Copy, Debug)]
pub struct Pbb<'a> {
    head: &'a [u8; 18],
    /// What follows the customer's header.
    pub payload: &'a [u8],
}

impl<'a> Pbb<'a> {
    /// Length of flags, service id, addresses and type in bytes.
    pub const LEN: usize = 18;

    /// In: bytes after the EtherType. Out: the header, or why not.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let (head, payload) = split(bytes, Anomaly::Ieee8021ahHeaderTooSmall)?;
        Ok(Self { head, payload })
    }

    /// Service id, 24 bits.
    pub const fn service(&self) -> u32 {
        u32::from_be_bytes([0, self.head[1], self.head[2], self.head[3]])
    }

    /// EtherType of what follows.
    pub const fn ether_type(&self) -> u16 {
        u16::from_be_bytes([self.head[16], self.head[17]])
    }
}
