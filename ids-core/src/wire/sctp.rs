//! SCTP common header (RFC 9260 §3.1).

use super::{Malformed, split};
use crate::anomaly::Anomaly;

/// A view over bytes proven to hold an SCTP common header.
#[derive(Clone, Copy, Debug)]
pub struct Sctp<'a> {
    head: &'a [u8; 12],
    /// The chunks.
    pub payload: &'a [u8],
}

impl<'a> Sctp<'a> {
    /// Length of the header in bytes.
    pub const LEN: usize = 12;

    /// In: bytes after the IP header, cut to the length it claims. Out: the header, or why not.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let (head, payload) = split(bytes, Anomaly::SctpPktTooSmall)?;
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
}
