//! ICMP (RFC 792) and ICMPv6 (RFC 4443), and the packets that their errors quote.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Walk, Walked};
use crate::anomaly::Anomaly;
use crate::counters::Counter;
use crate::packet::{Packet, Transport};

/// Length of the header with what is common to most messages, in bytes.
const HEADER: u32 = 8;

impl Walk<'_, '_> {
    pub(super) fn icmp4(&mut self, at: u32) -> Walked {
        self.counters.count(Counter::DecoderIcmpv4);
        let Some(&[kind, code, ..]) = self.body(at).first_chunk::<8>() else {
            return self.invalid(Anomaly::Icmpv4PktTooSmall);
        };
        self.found(Transport::Icmp4, at, HEADER);
        match codes4(kind) {
            None => self.note(Anomaly::Icmpv4UnknownType),
            Some(most) if code > most => self.note(Anomaly::Icmpv4UnknownCode),
            Some(_) => {}
        }
        if matches!(kind, 3 | 4 | 5 | 11 | 12) {
            let quote = self.body(at + HEADER);
            let odd = match quote.first() {
                Some(first) if first >> 4 != 4 => Some(Anomaly::Icmpv4Ipv4UnknownVer),
                _ if quote.len() < 20 => Some(Anomaly::Icmpv4Ipv4TruncPkt),
                _ => None,
            };
            if let Some(odd) = odd {
                self.note(odd);
            }
        }
        Some(())
    }

    pub(super) fn icmp6(&mut self, at: u32) -> Walked {
        self.counters.count(Counter::DecoderIcmpv6);
        let Some(&[kind, code, ..]) = self.body(at).first_chunk::<8>() else {
            return self.invalid(Anomaly::Icmpv6PktTooSmall);
        };
        self.found(Transport::Icmp6, at, HEADER);
        match kind {
            // Multicast listener messages never leave the link (RFC 3810 §5).
            130..=132 | 143 if self.packet.ttl() != Some(1) => self.note(Anomaly::Icmpv6MldMessageWithInvalidHl),
            100 | 101 | 200 | 201 => self.note(Anomaly::Icmpv6ExperimentationType),
            0 | 5..=99 | 102..=127 | 162..=199 | 202..=255 => self.note(Anomaly::Icmpv6UnassignedType),
            _ => {}
        }
        match codes6(kind) {
            None => {}
            Some(most) if code > most => self.note(Anomaly::Icmpv6UnknownCode),
            Some(_) => {}
        }
        if matches!(kind, 1..=4) {
            let quote = self.body(at + HEADER);
            let odd = match quote.first() {
                Some(first) if first >> 4 != 6 => Some(Anomaly::Icmpv6Ipv6UnknownVersion),
                _ if quote.len() < 40 => Some(Anomaly::Icmpv6Ipv6TruncPkt),
                _ => None,
            };
            if let Some(odd) = odd {
                self.note(odd);
            }
        }
        Some(())
    }
}

/// The largest code of an ICMP type (IANA); `None` for types that are not assigned.
fn codes4(kind: u8) -> Option<u8> {
    Some(match kind {
        3 => 15,
        5 | 10 | 12 => match kind {
            5 => 3,
            10 => 0,
            _ => 2,
        },
        9 => 16,
        11 => 1,
        40 => 5,
        0 | 4 | 6 | 8 | 13..=18 | 30..=39 => 0,
        _ => return None,
    })
}

/// The largest code of an ICMPv6 type (IANA), for the types that have a list of codes.
fn codes6(kind: u8) -> Option<u8> {
    match kind {
        1 => Some(8),
        2 | 128..=137 | 141..=143 => Some(0),
        3 => Some(1),
        4 => Some(10),
        _ => None,
    }
}

/// Sender, receiver and IP protocol of a packet that an ICMP error quotes.
pub(super) type Quoted = ((IpAddr, u16), (IpAddr, u16), u8);

impl Packet<'_> {
    /// The packet that this ICMP error is about; `None` if it is no error or quotes too little.
    pub fn quoted(&self) -> Option<Quoted> {
        let (kind, _) = self.icmp()?;
        let quote = self.payload();
        match self.layers.transport {
            Transport::Icmp4 if matches!(kind, 3 | 4 | 5 | 11 | 12) => {
                let head = quote.first_chunk::<20>()?;
                let length = usize::from(head[0] & 0x0f) * 4;
                let src: [u8; 4] = head.get(12..16)?.try_into().ok()?;
                let dst: [u8; 4] = head.get(16..20)?.try_into().ok()?;
                let ports = ports(head[9], quote.get(length..)?)?;
                Some(((Ipv4Addr::from(src).into(), ports.0), (Ipv4Addr::from(dst).into(), ports.1), head[9]))
            }
            Transport::Icmp6 if matches!(kind, 1..=4) => {
                let head = quote.first_chunk::<40>()?;
                let src: [u8; 16] = head.get(8..24)?.try_into().ok()?;
                let dst: [u8; 16] = head.get(24..40)?.try_into().ok()?;
                let ports = ports(head[6], quote.get(40..)?)?;
                Some(((Ipv6Addr::from(src).into(), ports.0), (Ipv6Addr::from(dst).into(), ports.1), head[6]))
            }
            _ => None,
        }
    }
}

/// Ports of a quoted packet: TCP, UDP and SCTP have them first.
fn ports(proto: u8, rest: &[u8]) -> Option<(u16, u16)> {
    match (proto, rest) {
        (6 | 17 | 132, [a, b, c, d, ..]) => Some((u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d]))),
        _ => None,
    }
}
