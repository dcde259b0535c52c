//! IPv6 (RFC 8200) with its extension headers.

use super::{Walk, Walked, be16};
use crate::anomaly::Anomaly;
use crate::counters::Counter;
use crate::packet::{Fragment, Network};

/// Length of the fixed header, in bytes.
const HEADER: u32 = 40;

/// Extension headers by protocol number.
mod extension {
    pub(super) const HOP_BY_HOP: u8 = 0;
    pub(super) const ROUTING: u8 = 43;
    pub(super) const FRAGMENT: u8 = 44;
    pub(super) const ESP: u8 = 50;
    pub(super) const AUTHENTICATION: u8 = 51;
    pub(super) const NONE: u8 = 59;
    pub(super) const DESTINATION: u8 = 60;
    pub(super) const MOBILITY: u8 = 135;
    pub(super) const HIP: u8 = 139;
    pub(super) const SHIM6: u8 = 140;
}

/// How often each extension header was seen.
#[derive(Default)]
struct Seen {
    hop: u8,
    routing: u8,
    fragment: u8,
    authentication: u8,
    destination: u8,
}

impl Walk<'_, '_> {
    pub(super) fn ipv6(&mut self, at: u32) -> Walked {
        self.deeper()?;
        self.counters.count(Counter::DecoderIpv6);
        let head = self.take::<40>(at, Anomaly::Ipv6PktTooSmall)?;
        if head[0] >> 4 != 6 {
            return self.invalid(Anomaly::Ipv6WrongIpVersion);
        }
        let end = at + HEADER + u32::from(be16([head[4], head[5]]));
        if self.packet.bytes.len() < end as usize {
            return self.invalid(Anomaly::Ipv6TruncPkt);
        }
        let layers = &mut self.packet.layers;
        layers.network = Network::Ipv6;
        (layers.network_at, layers.network_len, layers.network_end) = (at, HEADER, end);
        layers.proto = head[6];
        self.extensions(head[6], at + HEADER)
    }

    /// Walks the extension headers from `at` on.
    fn extensions(&mut self, mut next: u8, mut at: u32) -> Walked {
        let mut seen = Seen::default();
        loop {
            self.packet.layers.proto = next;
            self.packet.layers.network_len = at - self.packet.layers.network_at;
            match next {
                extension::HOP_BY_HOP
                | extension::DESTINATION
                | extension::ROUTING
                | extension::AUTHENTICATION
                | extension::MOBILITY
                | extension::HIP
                | extension::SHIM6 => {
                    self.deeper()?;
                    let (follows, length) = self.extension(next, at, &mut seen)?;
                    (next, at) = (follows, at + length);
                }
                extension::FRAGMENT => {
                    self.deeper()?;
                    let follows = self.fragment_header(at, &mut seen)?;
                    (next, at) = (follows, at + 8);
                    if self.packet.layers.fragment.is_some() {
                        self.packet.layers.proto = next;
                        self.packet.layers.network_len = at - self.packet.layers.network_at;
                        return Some(());
                    }
                }
                extension::NONE => {
                    if at < self.packet.layers.network_end {
                        self.note(Anomaly::Ipv6DataAfterNoneHeader);
                    }
                    return Some(());
                }
                1 => {
                    self.note(Anomaly::Ipv6Icmpv4);
                    return Some(());
                }
                extension::ESP | 4 | 6 | 17 | 41 | 47 | 58 | 132 | 136 => return self.transport(next, at),
                _ => {
                    self.note(Anomaly::Ipv6UnknownNextHeader);
                    return Some(());
                }
            }
        }
    }

    /// The bytes of the packet from `at` to the end that its header claims.
    fn rest(&self, at: u32) -> &[u8] {
        self.packet.bytes.get(at as usize..self.packet.layers.network_end as usize).unwrap_or_default()
    }

    /// One extension header but a fragment's. Out: what follows, and its length.
    fn extension(&mut self, kind: u8, at: u32, seen: &mut Seen) -> Option<(u8, u32)> {
        let Some([follows, units]) = self.rest(at).first_chunk::<2>().copied() else {
            self.invalid(Anomaly::Ipv6TruncExthdr)?;
            return None;
        };
        let length = match kind {
            // RFC 4302 §2.2: in units of four bytes, less two.
            extension::AUTHENTICATION => (u32::from(units) + 2) * 4,
            _ => (u32::from(units) + 1) * 8,
        };
        let Some(body) = self.rest(at).get(2..length as usize).map(<[u8]>::to_vec) else {
            self.invalid(Anomaly::Ipv6TruncExthdr)?;
            return None;
        };
        let (count, most, duplicate) = match kind {
            extension::HOP_BY_HOP => (&mut seen.hop, 1, Anomaly::Ipv6ExthdrDuplHh),
            extension::ROUTING => (&mut seen.routing, 1, Anomaly::Ipv6ExthdrDuplRh),
            extension::AUTHENTICATION => (&mut seen.authentication, 1, Anomaly::Ipv6ExthdrDuplAh),
            // One before and one after the routing header (RFC 8200 §4.1).
            _ => (&mut seen.destination, 2, Anomaly::Ipv6ExthdrDuplDh),
        };
        *count += u8::from(*count < u8::MAX);
        if *count > most {
            self.note(duplicate);
        }
        match kind {
            extension::HOP_BY_HOP => {
                self.padding(&body, Anomaly::Ipv6HopoptsUnknownOpt, Anomaly::Ipv6HopoptsOnlyPadding);
            }
            extension::DESTINATION => {
                self.padding(&body, Anomaly::Ipv6DstoptsUnknownOpt, Anomaly::Ipv6DstoptsOnlyPadding);
            }
            extension::ROUTING if body.first() == Some(&0) => self.note(Anomaly::Ipv6RhType0),
            extension::AUTHENTICATION if body.get(..2).is_some_and(|reserved| reserved != [0, 0]) => {
                self.note(Anomaly::Ipv6ExthdrAhResNotNull);
            }
            _ => {}
        }
        Some((follows, length))
    }

    /// Options of a hop-by-hop or destination header (RFC 8200 §4.2).
    fn padding(&mut self, mut rest: &[u8], unknown: Anomaly, only_padding: Anomaly) {
        let mut other = false;
        while let Some((&kind, after)) = rest.split_first() {
            if kind == 0 {
                rest = after;
                continue;
            }
            let Some((_, next)) =
                after.split_first().and_then(|(length, data)| data.split_at_checked(usize::from(*length)))
            else {
                return self.note(Anomaly::Ipv6ExthdrInvalidOptlen);
            };
            match (kind, after.first()) {
                (1, Some(0)) => self.note(Anomaly::Ipv6ZeroLenPadn),
                (1, _) => {}
                // Router alert, jumbo payload, home address, tunnel limit, quick start, endpoint id.
                (0x05 | 0xc2 | 0xc9 | 0x04 | 0x26 | 0x8a, _) => other = true,
                _ => {
                    other = true;
                    self.note(unknown);
                }
            }
            rest = next;
        }
        if !other {
            self.note(only_padding);
        }
    }

    /// RFC 8200 §4.5. Sets `fragment` unless it is the whole datagram. Out: what follows.
    fn fragment_header(&mut self, at: u32, seen: &mut Seen) -> Option<u8> {
        let Some(head) = self.rest(at).first_chunk::<8>().copied() else {
            self.invalid(Anomaly::Ipv6TruncExthdr)?;
            return None;
        };
        if std::mem::replace(&mut seen.fragment, 1) > 0 {
            self.note(Anomaly::Ipv6ExthdrDuplFh);
            return None;
        }
        let place = be16([head[2], head[3]]);
        if head[1] != 0 || place & 0x6 != 0 {
            self.note(Anomaly::Ipv6FhNonZeroReservedField);
        }
        let fragment = Fragment {
            id: u32::from_be_bytes([head[4], head[5], head[6], head[7]]),
            offset: u32::from(place & 0xfff8),
            more: place & 1 != 0,
        };
        if fragment.more && !(self.rest(at).len() - 8).is_multiple_of(8) {
            self.note(Anomaly::Ipv6FragInvalidLength);
        }
        if fragment.more || fragment.offset > 0 {
            self.packet.layers.fragment = Some(fragment);
        } else {
            self.note(Anomaly::Ipv6ExthdrUselessFh);
        }
        Some(head[0])
    }
}
