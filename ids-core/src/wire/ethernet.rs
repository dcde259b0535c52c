//! Ethernet II and 802.3 frames with LLC/SNAP (IEEE 802.3 §3, IEEE 802 §9, RFC 1042).

use super::{Malformed, split};
use crate::anomaly::Anomaly;

/// Type fields below this are lengths (IEEE 802.3 §3.2.6).
const FIRST_TYPE: u16 = 0x0600;

/// A view over bytes proven to hold an Ethernet header.
#[derive(Clone, Copy, Debug)]
pub struct Ethernet<'a> {
    head: &'a [u8; 14],
    /// What follows the header, LLC included.
    pub payload: &'a [u8],
}

impl<'a> Ethernet<'a> {
    /// Length of the header in bytes.
    pub const LEN: usize = 14;

    /// In: a frame without preamble. Out: the header, or why not.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let (head, payload) = split(bytes, Anomaly::EthernetPktTooSmall)?;
        Ok(Self { head, payload })
    }

    /// Destination address.
    pub const fn destination(&self) -> [u8; 6] {
        let h = self.head;
        [h[0], h[1], h[2], h[3], h[4], h[5]]
    }

    /// Source address.
    pub const fn source(&self) -> [u8; 6] {
        let h = self.head;
        [h[6], h[7], h[8], h[9], h[10], h[11]]
    }

    /// The type field as it stands; a length in 802.3 frames.
    pub const fn ether_type(&self) -> u16 {
        u16::from_be_bytes([self.head[12], self.head[13]])
    }

    /// EtherType of what follows and how many bytes of LLC/SNAP stand before it: 0, or 8 where an 802.3
    /// frame names an EtherType. `None` for other 802.3 frames.
    pub fn content(&self) -> Option<(u16, usize)> {
        let ether_type = self.ether_type();
        if ether_type >= FIRST_TYPE {
            return Some((ether_type, 0));
        }
        match self.payload {
            [0xaa, 0xaa, 0x03, 0, 0, 0, a, b, ..] => Some((u16::from_be_bytes([*a, *b]), 8)),
            _ => None,
        }
    }
}
