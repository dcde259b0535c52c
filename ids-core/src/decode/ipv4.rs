//! IPv4 (RFC 791).

use super::{Walk, Walked, be16};
use crate::anomaly::Anomaly;
use crate::counters::Counter;
use crate::packet::{Fragment, Network};

/// Shortest header, in bytes.
const SHORTEST: u32 = 20;

/// Option numbers (IANA), with the length where it is fixed.
const OPTIONS: &[(u8, Option<u8>)] = &[
    (7, None),      // record route
    (25, Some(8)),  // quick start
    (68, None),     // time stamp
    (130, None),    // security
    (131, None),    // loose source route
    (133, None),    // extended security
    (134, None),    // commercial security
    (136, Some(4)), // stream id
    (137, None),    // strict source route
    (148, Some(4)), // router alert
];
/// Options that hold a list of addresses with a pointer into it.
const ROUTES: [u8; 3] = [7, 131, 137];

impl Walk<'_, '_> {
    pub(super) fn ipv4(&mut self, at: u32) -> Walked {
        self.deeper()?;
        self.counters.count(Counter::DecoderIpv4);
        let head = self.take::<20>(at, Anomaly::Ipv4PktTooSmall)?;
        if head[0] >> 4 != 4 {
            return self.invalid(Anomaly::Ipv4WrongIpVersion);
        }
        let length = u32::from(head[0] & 0x0f) * 4;
        let total = u32::from(be16([head[2], head[3]]));
        if length < SHORTEST {
            return self.invalid(Anomaly::Ipv4HlenTooSmall);
        }
        if total < length {
            return self.invalid(Anomaly::Ipv4IplenSmallerThanHlen);
        }
        let Some(packet) = self.from(at).get(..total as usize) else {
            return self.invalid(Anomaly::Ipv4TruncPkt);
        };
        let flags = be16([head[6], head[7]]);
        let fragment = Fragment {
            id: u32::from(be16([head[4], head[5]])),
            offset: u32::from(flags & 0x1fff) * 8,
            more: flags & 0x2000 != 0,
        };
        let layers = &mut self.packet.layers;
        layers.network = Network::Ipv4;
        (layers.network_at, layers.network_len, layers.network_end) = (at, length, at + total);
        layers.proto = head[9];
        layers.fragment = (fragment.more || fragment.offset > 0).then_some(fragment);
        let options = packet.get(SHORTEST as usize..length as usize).unwrap_or_default();
        if !options.is_empty() {
            self.ipv4_options(options);
        }
        if head[9] == 58 {
            self.note(Anomaly::Ipv4Icmpv6);
        }
        if self.packet.layers.fragment.is_some() {
            return Some(());
        }
        self.transport(head[9], at + length)
    }

    /// Walks the options; the first malformed one ends the walk, not the packet.
    fn ipv4_options(&mut self, mut rest: &[u8]) {
        if !rest.len().is_multiple_of(8) {
            self.note(Anomaly::Ipv4OptPadRequired);
        }
        let mut seen = [false; 256];
        while let Some((&kind, after)) = rest.split_first() {
            match kind {
                0 => return,
                1 => {
                    rest = after;
                    continue;
                }
                _ => {}
            }
            let Some((&length, _)) = after.split_first() else {
                return self.note(Anomaly::Ipv4OptInvalidLen);
            };
            let Some((option, next)) = rest.split_at_checked(usize::from(length)).filter(|_| length >= 2) else {
                return self.note(Anomaly::Ipv4OptInvalidLen);
            };
            rest = next;
            let Some((_, fixed)) = OPTIONS.iter().find(|(known, _)| *known == kind) else {
                self.note(Anomaly::Ipv4OptUnknown);
                continue;
            };
            if fixed.is_some_and(|fixed| fixed != length) {
                return self.note(Anomaly::Ipv4OptInvalidLen);
            }
            if let Some(seen) = seen.get_mut(usize::from(kind))
                && std::mem::replace(seen, true)
            {
                self.note(Anomaly::Ipv4OptDuplicate);
            }
            if ROUTES.contains(&kind) && !is_route(option) || kind == 68 && !is_time_stamp(option) {
                self.note(Anomaly::Ipv4OptMalformed);
            }
        }
    }
}

/// Whether a source or record route has whole addresses and a pointer to one of them, or just past the last.
fn is_route(option: &[u8]) -> bool {
    let length = option.len();
    let pointer = option.get(2).map_or(0, |pointer| usize::from(*pointer));
    length >= 3 && (length - 3).is_multiple_of(4) && pointer >= 4 && pointer.is_multiple_of(4) && pointer <= length + 1
}

/// Whether a time stamp has a pointer behind its own header, and whole stamps of its kind.
fn is_time_stamp(option: &[u8]) -> bool {
    let [_, _, pointer, flag, stamps @ ..] = option else { return false };
    let size = if flag & 0x0f == 0 { 4 } else { 8 };
    matches!(flag & 0x0f, 0 | 1 | 3) && *pointer >= 5 && stamps.len() % size == 0
}
