//! Internet checksums (RFC 1071): whether those of a packet are right.

use crate::detect::scene::Scene;
use crate::packet::{Network, Packet, Transport};

/// 1 if right, 0 if wrong. Where checksums mean nothing every one counts as right.
fn verdict(scene: &Scene<'_>, sum: Option<u16>) -> Option<u64> {
    let sum = sum?;
    Some((!scene.checksums || sum == 0xffff).into())
}

pub(super) fn ipv4(scene: &Scene<'_>) -> Option<u64> {
    let packet = scene.packet;
    let ipv4 = packet.layers.network == Network::Ipv4 && !packet.network_header().is_empty();
    verdict(scene, ipv4.then(|| sum(0, packet.network_header())))
}

pub(super) fn tcp4(scene: &Scene<'_>) -> Option<u64> {
    transport(scene, Network::Ipv4, Transport::Tcp)
}

pub(super) fn tcp6(scene: &Scene<'_>) -> Option<u64> {
    transport(scene, Network::Ipv6, Transport::Tcp)
}

pub(super) fn udp4(scene: &Scene<'_>) -> Option<u64> {
    // Zero means that the sender made none (RFC 768).
    let none = matches!(scene.packet.transport_header(), [_, _, _, _, _, _, 0, 0, ..]);
    let verdict = transport(scene, Network::Ipv4, Transport::Udp)?;
    Some(if none { 1 } else { verdict })
}

pub(super) fn udp6(scene: &Scene<'_>) -> Option<u64> {
    transport(scene, Network::Ipv6, Transport::Udp)
}

pub(super) fn icmp4(scene: &Scene<'_>) -> Option<u64> {
    let icmp = scene.packet.layers.transport == Transport::Icmp4;
    verdict(scene, icmp.then(|| sum(0, scene.packet.network_payload())))
}

pub(super) fn icmp6(scene: &Scene<'_>) -> Option<u64> {
    transport(scene, Network::Ipv6, Transport::Icmp6)
}

fn transport(scene: &Scene<'_>, network: Network, transport: Transport) -> Option<u64> {
    let packet = scene.packet;
    let layers = &packet.layers;
    let fits = layers.network == network && layers.transport == transport && layers.fragment.is_none();
    verdict(scene, fits.then(|| sum(pseudo_header(packet), segment(packet))))
}

/// Header and payload; for UDP cut to the length its header claims.
fn segment<'a>(packet: &Packet<'a>) -> &'a [u8] {
    let bytes = packet.network_payload();
    match (packet.layers.transport, packet.transport_header()) {
        (Transport::Udp, [_, _, _, _, a, b, ..]) => bytes.get(..u16::from_be_bytes([*a, *b]).into()).unwrap_or(bytes),
        _ => bytes,
    }
}

/// Sum over addresses, protocol and length (RFC 9293 §3.1, RFC 8200 §8.1).
fn pseudo_header(packet: &Packet<'_>) -> u64 {
    let header = packet.network_header();
    let addresses = match packet.layers.network {
        Network::Ipv4 => header.get(12..20),
        _ => header.get(8..40),
    };
    let length = segment(packet).len() as u64;
    words(addresses.unwrap_or_default()) + u64::from(packet.layers.proto) + length
}

fn words(bytes: &[u8]) -> u64 {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let sum: u64 = pairs.iter().map(|pair| u64::from(u16::from_be_bytes(*pair))).sum();
    sum + rest.first().map_or(0, |byte| u64::from(*byte) << 8)
}

/// The folded sum; 0xffff if the checksum inside is right.
fn sum(start: u64, bytes: &[u8]) -> u16 {
    let mut sum = start + words(bytes);
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    u16::try_from(sum).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_1071() {
        assert_eq!(sum(0, &[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), 0xddf2);
        assert_eq!(sum(0, &[0xff, 0xff, 0x00]), 0xffff);
    }
}
