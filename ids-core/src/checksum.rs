//! Whether the checksums of a packet are right (RFC 1071, RFC 8200 §8.1), on demand: only where somebody asks.
//!
//! In: a decoded [`Packet`].  Out: a [`Checksum`] per layer.

use etherparse::checksum::Sum16BitWords;

use crate::packet::{Network, Packet, Transport};
use crate::wire::ipv6::Ipv6;
use crate::wire::{ip_proto, ipv6_chain};

/// What a checksum says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// It fits.
    Valid,
    /// It does not.
    Invalid,
    /// There is none: no such layer, or its sender left it out.
    Absent,
}

impl Checksum {
    /// Bytes that contain their own checksum add up to zero.
    fn of(sum: Sum16BitWords) -> Self {
        if sum.ones_complement() == 0 { Self::Valid } else { Self::Invalid }
    }
}

/// The checksum of the IPv4 header.
pub fn network(packet: &Packet<'_>) -> Checksum {
    match packet.layers.network {
        Network::Ipv4 => Checksum::of(Sum16BitWords::new().add_slice(packet.network_header())),
        _ => Checksum::Absent,
    }
}

/// The checksum of TCP, UDP, UDP-Lite, ICMP or ICMPv6. SCTP's CRC is not verified.
pub fn transport(packet: &Packet<'_>) -> Checksum {
    let (header, payload) = (packet.transport_header(), packet.payload());
    let over = |sum: Sum16BitWords| Checksum::of(sum.add_slice(header).add_slice(payload));
    let length = header.len() + payload.len();
    match packet.layers.transport {
        Transport::Icmp4 => over(Sum16BitWords::new()),
        Transport::Udp if packet.layers.proto == ip_proto::UDP_LITE => udp_lite(packet, header, payload),
        // A UDP sender over IPv4 may leave the checksum out (RFC 768).
        Transport::Udp if packet.layers.network == Network::Ipv4 && header.get(6..8) == Some(&[0, 0]) => {
            Checksum::Absent
        }
        Transport::Tcp | Transport::Udp | Transport::Icmp6 => {
            pseudo_header(packet, length).map_or(Checksum::Absent, over)
        }
        Transport::Sctp | Transport::None => Checksum::Absent,
    }
}

/// UDP-Lite covers as many bytes as it says, all of them if it says 0 (RFC 3828 §3.1).
fn udp_lite(packet: &Packet<'_>, header: &[u8], payload: &[u8]) -> Checksum {
    let coverage = match header {
        [_, _, _, _, a, b, ..] => usize::from(u16::from_be_bytes([*a, *b])),
        _ => return Checksum::Absent,
    };
    let length = header.len() + payload.len();
    let covered = if coverage == 0 { length } else { coverage };
    match (payload.get(..covered.saturating_sub(header.len())), pseudo_header(packet, length)) {
        (Some(part), Some(sum)) if covered >= header.len() => Checksum::of(sum.add_slice(header).add_slice(part)),
        _ => Checksum::Invalid,
    }
}

/// The sum over addresses, protocol and length of the upper layer; `None` without an IP header.
fn pseudo_header(packet: &Packet<'_>, length: usize) -> Option<Sum16BitWords> {
    let head = packet.network_header();
    let sum = match packet.layers.network {
        Network::Ipv4 => Sum16BitWords::new().add_slice(head.get(12..20)?),
        Network::Ipv6 => {
            let ip = Ipv6::parse_quoted(head).ok()?;
            // With a routing header the last stop counts (RFC 8200 §8.1).
            let chain = ipv6_chain::walk(ip.next_header(), ip.payload, &mut |_| {}).ok();
            let last = chain.and_then(|chain| chain.destination).unwrap_or_else(|| ip.destination());
            Sum16BitWords::new().add_slice(&ip.source().octets()).add_slice(&last.octets())
        }
        Network::None | Network::Arp => return None,
    };
    let length = u32::try_from(length).ok()?;
    Some(sum.add_slice(&length.to_be_bytes()).add_2bytes([0, packet.layers.proto]))
}
