//! UDP header (RFC 768) and UDP-Lite header (RFC 3828 §3.1), which has a checksum coverage in place of the
//! length.

use super::{Malformed, split};
use crate::anomaly::Anomaly;

/// A view over bytes proven to hold a UDP header and all of the payload that it claims.
#[derive(Clone, Copy, Debug)]
pub struct Udp<'a> {
    head: &'a [u8; 8],
    /// Bytes after the header, cut to the length field.
    pub payload: &'a [u8],
}

impl<'a> Udp<'a> {
    /// Length of the header in bytes.
    pub const LEN: usize = 8;

    /// In: bytes after the IP header, cut to the length it claims. Out: header and payload, or why not.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let (head, rest) = split(bytes, Anomaly::UdpHlenTooSmall)?;
        let udp = Self { head, payload: rest };
        let length = usize::from(udp.length()).checked_sub(Self::LEN).ok_or(Malformed(Anomaly::UdpLenInvalid))?;
        Ok(Self { payload: rest.get(..length).ok_or(Malformed(Anomaly::UdpPktTooSmall))?, ..udp })
    }

    /// A UDP-Lite header: everything after it is payload.
    pub fn parse_lite(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let (head, payload) = split(bytes, Anomaly::UdpHlenTooSmall)?;
        Ok(Self { head, payload })
    }

    /// Source port.
    pub const fn source_port(&self) -> u16 {
        u16::from_be_bytes([self.head[0], self.head[1]])
    }

    /// Destination port.
    pub const fn destination_port(&self) -> u16 {
        u16::from_be_bytes([self.head[2], self.head[3]])
    }

    /// Header and payload in bytes, as the sender claims; in UDP-Lite what the checksum covers.
    pub const fn length(&self) -> u16 {
        u16::from_be_bytes([self.head[4], self.head[5]])
    }

    /// Checksum as sent; 0 means none.
    pub const fn checksum(&self) -> u16 {
        u16::from_be_bytes([self.head[6], self.head[7]])
    }
}
