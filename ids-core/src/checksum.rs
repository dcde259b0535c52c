//! The Internet checksum (RFC 1071), and whether a packet's are right.

use std::net::IpAddr;

use crate::packet::{Network, Packet, Transport};

/// What a packet's checksum turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// Right.
    Valid,
    /// Wrong.
    Invalid,
    /// There is none: another protocol, or UDP over IPv4 without one.
    Absent,
}

/// The checksum of these bytes: what belongs into a field that was zero.
pub fn sum(bytes: &[u8]) -> u16 {
    fold(add(0, bytes))
}

fn add(start: u64, bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<2>();
    let total: u64 = words.iter().map(|word| u64::from(u16::from_be_bytes(*word))).sum();
    start + total + rest.first().map_or(0, |last| u64::from(*last) << 8)
}

fn fold(mut total: u64) -> u16 {
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16);
    }
    !(total as u16)
}

/// The checksum of the IPv4 header.
pub fn network(packet: &Packet<'_>) -> Checksum {
    match packet.layers.network {
        Network::Ipv4 => judge(sum(packet.network_header()) == 0),
        Network::Ipv6 | Network::Arp | Network::None => Checksum::Absent,
    }
}

/// The checksum of TCP, UDP, ICMP or ICMPv6.
pub fn transport(packet: &Packet<'_>) -> Checksum {
    let layers = &packet.layers;
    let range = layers.transport_at as usize..layers.network_end as usize;
    let Some(bytes) = packet.bytes.get(range) else { return Checksum::Absent };
    let proto = match layers.transport {
        Transport::Tcp => 6,
        Transport::Udp if is_unset(bytes) && layers.network == Network::Ipv4 => return Checksum::Absent,
        Transport::Udp => 17,
        Transport::Icmp6 => 58,
        Transport::Icmp4 => return judge(sum(bytes) == 0),
        Transport::Sctp | Transport::None => return Checksum::Absent,
    };
    let Some(addresses) = packet.addresses() else { return Checksum::Absent };
    let pseudo = match addresses {
        (IpAddr::V4(src), IpAddr::V4(dst)) => add(add(0, &src.octets()), &dst.octets()),
        (IpAddr::V6(src), IpAddr::V6(dst)) => add(add(0, &src.octets()), &dst.octets()),
        _ => return Checksum::Absent,
    };
    judge(fold(add(pseudo + proto + bytes.len() as u64, bytes)) == 0)
}

/// UDP: zero means that there is no checksum.
fn is_unset(udp: &[u8]) -> bool {
    udp.get(6..8) == Some(&[0, 0])
}

const fn judge(right: bool) -> Checksum {
    if right { Checksum::Valid } else { Checksum::Invalid }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_1071() {
        assert_eq!(sum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), !0xddf2);
        assert_eq!(sum(&[1]), !0x0100);
    }
}
