//! GENEVE header (RFC 8926 §3.4).

/// What a GENEVE header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geneve {
    /// Length with options, in bytes.
    pub len: usize,
    /// EtherType of what follows.
    pub ether_type: u16,
    /// Virtual network identifier, 24 bits.
    pub network: u32,
}

impl Geneve {
    /// In: payload of a UDP packet to a GENEVE port. Out: the header, or `None` if this is something else.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let (head, _) = bytes.split_first_chunk::<8>()?;
        let len = 8 + usize::from(head[0] & 0x3f) * 4;
        // Version 0 is the only one; reserved bits are ignored on receipt.
        if head[0] >> 6 != 0 || bytes.len() < len {
            return None;
        }
        let network = u32::from_be_bytes([0, head[4], head[5], head[6]]);
        Some(Self { len, ether_type: u16::from_be_bytes([head[2], head[3]]), network })
    }
}
