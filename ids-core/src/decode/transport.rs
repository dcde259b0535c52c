//! Transport layers.

use super::{Walk, Walked, be16};
use crate::anomaly::Anomaly;
use crate::counters::Counter;
use crate::packet::Transport;

impl Walk<'_, '_> {
    /// What follows the network header at `at`.
    pub(super) fn transport(&mut self, proto: u8, at: u32) -> Walked {
        self.deeper()?;
        match proto {
            1 => self.icmp4(at),
            4 | 41 => self.ip_in_ip(proto, at),
            6 => self.tcp(at),
            17 => self.udp(at),
            47 => self.gre(at),
            50 => self.esp(at),
            58 => self.icmp6(at),
            132 => self.sctp(at),
            _ => Some(()),
        }
    }

    /// The bytes of the packet from `at` to the end that the network header claims.
    pub(super) fn body(&self, at: u32) -> &[u8] {
        self.packet.bytes.get(at as usize..self.packet.layers.network_end as usize).unwrap_or_default()
    }

    /// Takes note of a transport header.
    pub(super) fn found(&mut self, transport: Transport, at: u32, length: u32) {
        let layers = &mut self.packet.layers;
        (layers.transport, layers.transport_at, layers.transport_len) = (transport, at, length);
    }

    fn tcp(&mut self, at: u32) -> Walked {
        self.counters.count(Counter::DecoderTcp);
        let body = self.body(at);
        let Some(head) = body.first_chunk::<20>() else {
            return self.invalid(Anomaly::TcpPktTooSmall);
        };
        let length = u32::from(head[12] >> 4) * 4;
        let Some(header) = body.get(..length as usize) else {
            return self.invalid(Anomaly::TcpHlenTooSmall);
        };
        let Some(options) = header.get(20..) else {
            return self.invalid(Anomaly::TcpInvalidOptlen);
        };
        let odd = odd_options(options);
        self.found(Transport::Tcp, at, length);
        for anomaly in odd.into_iter().flatten() {
            self.note(anomaly);
        }
        Some(())
    }

    fn udp(&mut self, at: u32) -> Walked {
        self.counters.count(Counter::DecoderUdp);
        let body = self.body(at);
        let Some(head) = body.first_chunk::<8>() else {
            return self.invalid(Anomaly::UdpPktTooSmall);
        };
        let length = u32::from(be16([head[4], head[5]]));
        let (source, destination) = (be16([head[0], head[1]]), be16([head[2], head[3]]));
        if length < 8 {
            return self.invalid(Anomaly::UdpLenInvalid);
        }
        if length as usize > body.len() {
            return self.invalid(Anomaly::UdpHlenTooSmall);
        }
        self.packet.layers.network_end = at + length;
        self.found(Transport::Udp, at, 8);
        self.over_udp(source, destination, at + 8)
    }

    fn sctp(&mut self, at: u32) -> Walked {
        self.counters.count(Counter::DecoderSctp);
        if self.body(at).len() < 12 {
            return self.invalid(Anomaly::SctpPktTooSmall);
        }
        self.found(Transport::Sctp, at, 12);
        Some(())
    }

    /// RFC 4303: security parameters index and sequence number; the rest is encrypted.
    fn esp(&mut self, at: u32) -> Walked {
        self.counters.count(Counter::DecoderEsp);
        if self.body(at).len() < 8 {
            return self.invalid(Anomaly::EspPktTooSmall);
        }
        Some(())
    }
}

/// What is wrong with TCP options: a length that cannot be, and an option that stands twice.
fn odd_options(mut rest: &[u8]) -> [Option<Anomaly>; 2] {
    let mut odd = [None; 2];
    let mut seen = 0u64;
    while let Some((&kind, after)) = rest.split_first() {
        match kind {
            0 => break,
            1 => rest = after,
            _ => {
                let length = after.first().map_or(0, |length| usize::from(*length));
                let Some((_, next)) = rest.split_at_checked(length).filter(|_| length >= 2 && fits(kind, length))
                else {
                    odd = [Some(Anomaly::TcpOptInvalidLen), odd[1]];
                    break;
                };
                let bit = 1u64 << (kind & 63);
                if seen & bit != 0 {
                    odd = [odd[0], Some(Anomaly::TcpOptDuplicate)];
                }
                seen |= bit;
                rest = next;
            }
        }
    }
    odd
}

/// Whether an option of this kind can have this length (RFC 9293 §3.2, RFC 7323, RFC 2018, RFC 7413).
fn fits(kind: u8, length: usize) -> bool {
    match kind {
        2 => length == 4,
        3 => length == 3,
        4 => length == 2,
        5 => (10..=34).contains(&length) && (length - 2).is_multiple_of(8),
        8 => length == 10,
        34 => length == 2 || (6..=18).contains(&length) && length.is_multiple_of(2),
        _ => true,
    }
}
