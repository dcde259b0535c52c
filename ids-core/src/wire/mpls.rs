//! MPLS label stack (RFC 3032 §2.1).

use super::{Malformed, split};
use crate::anomaly::Anomaly;

/// One entry of the label stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry(u32);

impl Entry {
    /// Length of an entry in bytes.
    pub const LEN: usize = 4;

    /// In: bytes from an entry on. Out: the entry, or why not.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let (head, _) = split(bytes, Anomaly::MplsHeaderTooSmall)?;
        Ok(Self(u32::from_be_bytes(*head)))
    }

    /// The label, 20 bits.
    pub const fn label(self) -> u32 {
        self.0 >> 12
    }

    /// Whether this is the last entry of the stack.
    pub const fn bottom(self) -> bool {
        self.0 & 0x100 != 0
    }
}

/// What the last label and the first byte after it say of the payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
    /// A pseudowire control word (RFC 4385 §3) with Ethernet behind it.
    ControlWord,
}

/// Length of a pseudowire control word in bytes.
pub const CONTROL_WORD_LEN: usize = 4;

/// What follows the label stack that ends with `last` (RFC 3032 §2.1 for the reserved labels, RFC 4928 for the
/// first nibble).
pub fn payload(last: Entry, bytes: &[u8]) -> Result<Payload, Malformed> {
    let nibble = bytes.first().map(|byte| byte >> 4);
    match (last.label(), nibble) {
        (1, _) => Err(Malformed(Anomaly::MplsBadLabelRouterAlert)),
        (3, _) => Err(Malformed(Anomaly::MplsBadLabelImplicitNull)),
        (4..=15, _) => Err(Malformed(Anomaly::MplsBadLabelReserved)),
        (_, None) => Err(Malformed(Anomaly::MplsPktTooSmall)),
        (0, _) | (_, Some(4)) => Ok(Payload::Ipv4),
        (2, _) | (_, Some(6)) => Ok(Payload::Ipv6),
        (_, Some(0)) if bytes.len() < CONTROL_WORD_LEN => Err(Malformed(Anomaly::MplsPktTooSmall)),
        (_, Some(0)) => Ok(Payload::ControlWord),
        _ => Err(Malformed(Anomaly::MplsUnknownPayloadType)),
    }
}
