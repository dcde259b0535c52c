//! PPP (RFC 1661 §2), with or without HDLC-like framing (RFC 1662 §3.1), protocol field compressed or not
//! (RFC 1661 §6.5).

use super::Malformed;
use crate::anomaly::Anomaly;

/// What a PPP header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ppp {
    /// Protocol number.
    pub protocol: u16,
    /// Length of framing and protocol field in bytes, 1 to 4.
    pub len: usize,
}

impl Ppp {
    /// In: bytes from the framing or the protocol field on. Out: the header, or why not.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let framing = if bytes.starts_with(&[0xff, 0x03]) { 2 } else { 0 };
        match bytes.get(framing..) {
            // Protocol numbers end in an odd byte and begin with an even one (RFC 1661 §2).
            Some([low, ..]) if low & 1 == 1 => Ok(Self { protocol: u16::from(*low), len: framing + 1 }),
            Some([high, low, ..]) => Ok(Self { protocol: u16::from_be_bytes([*high, *low]), len: framing + 2 }),
            _ => Err(Malformed(Anomaly::PppPktTooSmall)),
        }
    }
}

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// IPv4, also with a TCP header that is not compressed (RFC 1144 §3.2.2).
    Ipv4,
    /// IPv6.
    Ipv6,
    /// MPLS.
    Mpls,
    /// Set-up and control of the link; nothing to inspect.
    Control,
}

/// Content of packets of this protocol, or why it is not decoded. `rest` is what follows the protocol field.
pub fn content(protocol: u16, rest: &[u8]) -> Result<Content, Malformed> {
    let at_least = |len: usize, content, short| if rest.len() < len { Err(Malformed(short)) } else { Ok(content) };
    match protocol {
        0x0021 => at_least(20, Content::Ipv4, Anomaly::PppIp4PktTooSmall),
        0x002f => at_least(20, Content::Ipv4, Anomaly::PppVjuPktTooSmall),
        0x0057 => at_least(40, Content::Ipv6, Anomaly::PppIp6PktTooSmall),
        0x0281 | 0x0283 => Ok(Content::Mpls),
        // 8*** are network control, c*** link layer control protocols (RFC 1661 §2).
        0x8000..=0xffff if protocol & 1 == 1 => Ok(Content::Control),
        _ if protocol & 1 == 0 => Err(Malformed(Anomaly::PppWrongType)),
        _ => Err(Malformed(Anomaly::PppUnsupProto)),
    }
}
