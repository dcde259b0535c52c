//! Whether the checksums of a packet are right: 1 if so, 0 if not.

use crate::checksum::{self, Checksum};
use crate::detect::scene::Scene;
use crate::packet::{Network, Transport};

/// Where checksums mean nothing every one counts as right; UDP over IPv4 may have none (RFC 768).
fn verdict(scene: &Scene<'_>, checksum: Checksum) -> u64 {
    (!scene.checksums || checksum != Checksum::Invalid).into()
}

pub(super) fn ipv4(scene: &Scene<'_>) -> Option<u64> {
    (scene.packet.layers.network == Network::Ipv4).then(|| verdict(scene, checksum::network(scene.packet)))
}

pub(super) fn tcp4(scene: &Scene<'_>) -> Option<u64> {
    transport(scene, Network::Ipv4, Transport::Tcp)
}

pub(super) fn tcp6(scene: &Scene<'_>) -> Option<u64> {
    transport(scene, Network::Ipv6, Transport::Tcp)
}

pub(super) fn udp4(scene: &Scene<'_>) -> Option<u64> {
    transport(scene, Network::Ipv4, Transport::Udp)
}

pub(super) fn udp6(scene: &Scene<'_>) -> Option<u64> {
    transport(scene, Network::Ipv6, Transport::Udp)
}

pub(super) fn icmp4(scene: &Scene<'_>) -> Option<u64> {
    transport(scene, Network::Ipv4, Transport::Icmp4)
}

pub(super) fn icmp6(scene: &Scene<'_>) -> Option<u64> {
    transport(scene, Network::Ipv6, Transport::Icmp6)
}

fn transport(scene: &Scene<'_>, network: Network, transport: Transport) -> Option<u64> {
    let layers = &scene.packet.layers;
    let has = layers.network == network && layers.transport == transport && layers.fragment.is_none();
    has.then(|| verdict(scene, checksum::transport(scene.packet)))
}
