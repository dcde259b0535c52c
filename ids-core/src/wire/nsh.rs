//! Network service header (RFC 8300 §2).

use super::{Malformed, split};
use crate::anomaly::Anomaly;

/// What follows a network service header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
    /// An Ethernet frame.
    Ethernet,
    /// Another network service header.
    Nsh,
    /// MPLS.
    Mpls,
}

/// What a network service header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nsh {
    /// Length in bytes, metadata included.
    pub len: usize,
    /// Next protocol (§2.2).
    next: u8,
}

impl Nsh {
    /// In: bytes from the header on. Out: the header, or why not.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let (head, _) = split::<8>(bytes, Anomaly::NshHeaderTooSmall)?;
        if head[0] >> 6 != 0 {
            return Err(Malformed(Anomaly::NshUnsupportedVersion));
        }
        let words = head[1] & 0x3f;
        let len = usize::from(words) * 4;
        match head[2] & 0x0f {
            0 | 15 => return Err(Malformed(Anomaly::NshReservedType)),
            // Type 1 has 16 bytes of context always, type 2 any number (§2.4, §2.5).
            1 if words != 6 => return Err(Malformed(Anomaly::NshBadHeaderLength)),
            2 if words < 2 => return Err(Malformed(Anomaly::NshBadHeaderLength)),
            1 | 2 => {}
            _ => return Err(Malformed(Anomaly::NshUnsupportedType)),
        }
        if bytes.len() < len {
            return Err(Malformed(Anomaly::NshBadHeaderLength));
        }
        Ok(Self { len, next: head[3] })
    }

    /// What follows, if it is decoded.
    pub const fn content(self) -> Result<Content, Malformed> {
        match self.next {
            1 => Ok(Content::Ipv4),
            2 => Ok(Content::Ipv6),
            3 => Ok(Content::Ethernet),
            4 => Ok(Content::Nsh),
            5 => Ok(Content::Mpls),
            _ => Err(Malformed(Anomaly::NshUnknownPayload)),
        }
    }
}
