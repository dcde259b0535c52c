//! VXLAN header (RFC 7348 §5).

use super::ethernet::Ethernet;

/// A view over bytes proven to hold a VXLAN header with an Ethernet header behind it.
#[derive(Clone, Copy, Debug)]
pub struct Vxlan<'a> {
    head: &'a [u8; 8],
    /// The frame inside.
    pub frame: Ethernet<'a>,
}

impl<'a> Vxlan<'a> {
    /// Length of the header in bytes.
    pub const LEN: usize = 8;

    /// In: payload of a UDP packet to a VXLAN port. Out: the header, or `None` if this is something else.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (head, rest) = bytes.split_first_chunk::<8>()?;
        let frame = Ethernet::parse(rest).ok()?;
        // The network identifier must be marked valid; reserved bits are ignored on receipt.
        (head[0] & 0x08 != 0).then_some(Self { head, frame })
    }

    /// Network identifier, 24 bits.
    pub const fn network(&self) -> u32 {
        u32::from_be_bytes([0, self.head[4], self.head[5], self.head[6]])
    }
}
