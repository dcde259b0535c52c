//! ICMP (RFC 792) and ICMPv6 (RFC 4443) headers, and the packet that an error quotes.

use std::net::IpAddr;

use super::ipv4::Ipv4;
use super::ipv6::Ipv6;
use super::ipv6_chain::{self, Chain};
use super::{Malformed, ip_proto, split};
use crate::anomaly::Anomaly;

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// ICMP.
    V4,
    /// ICMPv6.
    V6,
}

/// A view over bytes proven to hold an ICMP or ICMPv6 header.
#[derive(Clone, Copy, Debug)]
pub struct Icmp<'a> {
    head: &'a [u8; 8],
    version: Version,
    /// What follows the first eight bytes: the quoted packet in errors.
    pub payload: &'a [u8],
}

/// What a quoted packet says of the flow that the error is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Embedded {
    /// Its source address.
    pub src: IpAddr,
    /// Its destination address.
    pub dst: IpAddr,
    /// Its source port; 0 where the protocol has none, or where it was not quoted.
    pub sport: u16,
    /// Its destination port.
    pub dport: u16,
    /// Its IP protocol number.
    pub proto: u8,
}

impl<'a> Icmp<'a> {
    /// Length of the header in bytes.
    pub const LEN: usize = 8;

    /// In: bytes after the IP header, cut to the length it claims. Out: the header, or why not.
    pub fn parse(bytes: &'a [u8], version: Version) -> Result<Self, Malformed> {
        let short = match version {
            Version::V4 => Anomaly::Icmpv4PktTooSmall,
            Version::V6 => Anomaly::Icmpv6PktTooSmall,
        };
        let (head, payload) = split(bytes, short)?;
        Ok(Self { head, version, payload })
    }

    /// Type.
    pub const fn kind(&self) -> u8 {
        self.head[0]
    }

    /// Code.
    pub const fn code(&self) -> u8 {
        self.head[1]
    }

    /// Notes types, codes, hop limits and quoted packets that should not be.
    pub fn check(&self, hop_limit: u8, note: &mut impl FnMut(Anomaly)) {
        let odd = match self.version {
            Version::V4 => odd_v4(self.kind(), self.code()),
            Version::V6 => odd_v6(self.kind(), self.code()),
        };
        if let Some(anomaly) = odd {
            note(anomaly);
        }
        // Multicast listener discovery stays on the link (RFC 2710 §3, RFC 3810 §5).
        if self.version == Version::V6 && matches!(self.kind(), 130..=132 | 143) && hop_limit != 1 {
            note(Anomaly::Icmpv6MldMessageWithInvalidHl);
        }
        // What a message of unknown meaning holds is not known either.
        if odd.is_none()
            && self.quotes()
            && let Err(Malformed(anomaly)) = self.quoted()
        {
            note(anomaly);
        }
    }

    /// The flow that an error is about; `None` for messages that quote nothing, or not enough.
    pub fn embedded(&self) -> Option<Embedded> {
        if self.quotes() { self.quoted().ok() } else { None }
    }

    /// Whether this type quotes the packet that it is about.
    const fn quotes(&self) -> bool {
        match self.version {
            Version::V4 => matches!(self.kind(), 3 | 4 | 5 | 11 | 12),
            Version::V6 => matches!(self.kind(), 1..=4),
        }
    }

    fn quoted(&self) -> Result<Embedded, Malformed> {
        let (src, dst, proto, payload): (IpAddr, IpAddr, _, _) = match self.version {
            Version::V4 => {
                let ip = Ipv4::parse_quoted(self.payload).map_err(in_icmp)?;
                // Only the first fragment begins with ports.
                let first = ip.fragment().is_none_or(|(_, offset, _)| offset == 0);
                let payload = if first { ip.payload } else { &[] };
                (ip.source().into(), ip.destination().into(), ip.protocol(), payload)
            }
            Version::V6 => {
                let ip = Ipv6::parse_quoted(self.payload).map_err(in_icmp)?;
                // A quoted packet may be cut anywhere, also within its extension headers.
                let chain = ipv6_chain::walk(ip.next_header(), ip.payload, &mut |_| {});
                let cut = Chain { proto: ip.next_header(), len: ip.payload.len(), ..Chain::default() };
                let chain = chain.unwrap_or(cut);
                let first = chain.fragment.is_none_or(|fragment| fragment.offset == 0);
                let payload = if first { ip.payload.get(chain.len..).unwrap_or_default() } else { &[] };
                (ip.source().into(), ip.destination().into(), chain.proto, payload)
            }
        };
        let (sport, dport) = match (proto, payload) {
            (ip_proto::TCP | ip_proto::UDP | ip_proto::SCTP, [a, b, c, d, ..]) => {
                (u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d]))
            }
            _ => (0, 0),
        };
        Ok(Embedded { src, dst, sport, dport, proto })
    }
}

/// The same fault in a quoted packet is another oddity.
const fn in_icmp(fault: Malformed) -> Malformed {
    Malformed(match fault.0 {
        Anomaly::Ipv4WrongIpVersion => Anomaly::Icmpv4Ipv4UnknownVer,
        Anomaly::Ipv6PktTooSmall => Anomaly::Icmpv6Ipv6TruncPkt,
        Anomaly::Ipv6WrongIpVersion => Anomaly::Icmpv6Ipv6UnknownVersion,
        _ => Anomaly::Icmpv4Ipv4TruncPkt,
    })
}

/// Types and codes of ICMP (IANA, ICMP Parameters).
const fn odd_v4(kind: u8, code: u8) -> Option<Anomaly> {
    let codes = match kind {
        0 | 4 | 8 | 10 | 13..=18 | 42 => 0,
        3 => 15,
        5 => 3,
        9 if code == 16 => return None, // does not route common traffic (RFC 5944)
        9 => 0,
        11 => 1,
        12 => 2,
        43 => 4,
        _ => return Some(Anomaly::Icmpv4UnknownType),
    };
    if code > codes { Some(Anomaly::Icmpv4UnknownCode) } else { None }
}

/// Types and codes of ICMPv6 (IANA, ICMPv6 Parameters).
const fn odd_v6(kind: u8, code: u8) -> Option<Anomaly> {
    let codes = match kind {
        1 => 8,
        4 => 10,
        3 => 1,
        2 | 128..=137 | 141..=153 | 157 | 158 | 160 => 0,
        138 if code == 255 => return None, // sequence number reset (RFC 2894)
        138 => 1,
        139 | 140 => 2,
        155 => return None, // RPL: the code is the kind of message (RFC 6550)
        161 => 4,
        100 | 101 | 200 | 201 => return Some(Anomaly::Icmpv6ExperimentationType),
        // Reserved for expansion.
        0 | 127 | 255 => return Some(Anomaly::Icmpv6UnknownType),
        _ => return Some(Anomaly::Icmpv6UnassignedType),
    };
    if code > codes { Some(Anomaly::Icmpv6UnknownCode) } else { None }
}
