//! How each row gets its value.

use crate::detect::scene::Scene;
use crate::field::Dir;
use crate::flow::Count;
use crate::packet::{Network, Transport};

/// The IPv4 header with options.
pub(super) fn ipv4_header<'a>(scene: &Scene<'a>) -> Option<&'a [u8]> {
    let header = scene.packet.network_header();
    (scene.packet.layers.network == Network::Ipv4 && !header.is_empty()).then_some(header)
}

/// The IPv6 header with extension headers.
pub(super) fn ipv6_header<'a>(scene: &Scene<'a>) -> Option<&'a [u8]> {
    let header = scene.packet.network_header();
    (scene.packet.layers.network == Network::Ipv6 && !header.is_empty()).then_some(header)
}

fn transport_header<'a>(scene: &Scene<'a>, transport: Transport) -> Option<&'a [u8]> {
    let header = scene.packet.transport_header();
    (scene.packet.layers.transport == transport && !header.is_empty()).then_some(header)
}

pub(super) fn tcp_header<'a>(scene: &Scene<'a>) -> Option<&'a [u8]> {
    transport_header(scene, Transport::Tcp)
}

pub(super) fn udp_header<'a>(scene: &Scene<'a>) -> Option<&'a [u8]> {
    transport_header(scene, Transport::Udp)
}

/// The ICMP header with what belongs to it by type: the addresses of a router advertisement (RFC 1256 §3), times
/// (RFC 792), a mask (RFC 950).
pub(super) fn icmp4_header<'a>(scene: &Scene<'a>) -> Option<&'a [u8]> {
    transport_header(scene, Transport::Icmp4)?;
    let message = scene.packet.network_payload();
    let length = match message {
        [9, _, _, _, count, words, ..] => 8 + usize::from(*count) * usize::from(*words) * 4,
        [13 | 14, ..] => 20,
        [17 | 18, ..] => 12,
        _ => 8,
    };
    Some(message.get(..length).unwrap_or(message))
}

pub(super) fn icmp6_header<'a>(scene: &Scene<'a>) -> Option<&'a [u8]> {
    transport_header(scene, Transport::Icmp6)
}

pub(super) fn src<'a>(scene: &Scene<'a>) -> Option<&'a [u8]> {
    let (src, dst) = addresses(scene)?;
    Some(if against(scene) { dst } else { src })
}

pub(super) fn dst<'a>(scene: &Scene<'a>) -> Option<&'a [u8]> {
    let (src, dst) = addresses(scene)?;
    Some(if against(scene) { src } else { dst })
}

/// Source and destination address of the packet.
fn addresses<'a>(scene: &Scene<'a>) -> Option<(&'a [u8], &'a [u8])> {
    let header = scene.packet.network_header();
    match scene.packet.layers.network {
        Network::Ipv4 => header.get(12..16).zip(header.get(16..20)),
        Network::Ipv6 => header.get(8..24).zip(header.get(24..40)),
        Network::None | Network::Arp => None,
    }
}

/// Whether the packet goes against the direction that is inspected, as an acknowledgment does.
fn against(scene: &Scene<'_>) -> bool {
    let ends = scene.packet.addresses().zip(scene.ends());
    ends.is_some_and(|((src, dst), (from, to))| src != from.addr && (src, dst) == (to.addr, from.addr))
}

fn be16(bytes: Option<&[u8]>, at: usize) -> Option<u64> {
    let pair: [u8; 2] = bytes?.get(at..at + 2)?.try_into().ok()?;
    Some(u16::from_be_bytes(pair).into())
}

fn be32(bytes: Option<&[u8]>, at: usize) -> Option<u64> {
    let four: [u8; 4] = bytes?.get(at..at + 4)?.try_into().ok()?;
    Some(u32::from_be_bytes(four).into())
}

pub(super) fn ttl(scene: &Scene<'_>) -> Option<u64> {
    scene.packet.ttl().map(u64::from)
}

pub(super) fn ip_id(scene: &Scene<'_>) -> Option<u64> {
    be16(ipv4_header(scene), 4)
}

pub(super) fn tos(scene: &Scene<'_>) -> Option<u64> {
    ipv4_header(scene)?.get(1).map(|byte| (*byte).into())
}

pub(super) fn ip_proto(scene: &Scene<'_>) -> Option<u64> {
    scene.packet.addresses().map(|_| scene.packet.layers.proto.into())
}

pub(super) fn ip_version(scene: &Scene<'_>) -> Option<u64> {
    match scene.packet.layers.network {
        Network::Ipv4 => Some(4),
        Network::Ipv6 => Some(6),
        Network::None | Network::Arp => None,
    }
}

pub(super) fn same_ip(scene: &Scene<'_>) -> Option<u64> {
    scene.packet.addresses().map(|(src, dst)| (src == dst).into())
}

/// The kinds of all options, up to the first that makes no sense.
pub(super) fn ip_options(scene: &Scene<'_>, out: &mut Vec<u64>) {
    let mut rest = ipv4_header(scene).and_then(|header| header.get(20..)).unwrap_or_default();
    while let Some((&kind, after)) = rest.split_first() {
        out.push(kind.into());
        rest = match kind {
            0 => return,
            1 => after,
            _ => match after.first().and_then(|length| rest.get(usize::from(*length).max(2)..)) {
                Some(rest) => rest,
                None => return,
            },
        };
    }
}

/// More fragments 1, don't fragment 2, reserved 4.
pub(super) fn frag_bits(scene: &Scene<'_>) -> Option<u64> {
    be16(ipv4_header(scene), 6).map(|bits| bits >> 13)
}

pub(super) fn frag_offset(scene: &Scene<'_>) -> Option<u64> {
    be16(ipv4_header(scene), 6).map(|bits| bits & 0x1fff)
}

pub(super) fn dsize(scene: &Scene<'_>) -> Option<u64> {
    scene.packet.addresses().map(|_| scene.packet.payload().len() as u64)
}

pub(super) fn icmp_type(scene: &Scene<'_>) -> Option<u64> {
    scene.packet.icmp().map(|icmp| icmp.0.into())
}

pub(super) fn icmp_code(scene: &Scene<'_>) -> Option<u64> {
    scene.packet.icmp().map(|icmp| icmp.1.into())
}

/// The message, if it is one that has an identifier and a sequence number.
fn icmp_query<'a>(scene: &Scene<'a>) -> Option<&'a [u8]> {
    let has = match (scene.packet.layers.transport, scene.packet.icmp()?.0) {
        (Transport::Icmp4, kind) => matches!(kind, 0 | 8 | 13..=18),
        (Transport::Icmp6, kind) => matches!(kind, 128 | 129),
        _ => false,
    };
    has.then(|| scene.packet.network_payload())
}

pub(super) fn icmp_id(scene: &Scene<'_>) -> Option<u64> {
    be16(icmp_query(scene), 4)
}

pub(super) fn icmp_seq(scene: &Scene<'_>) -> Option<u64> {
    be16(icmp_query(scene), 6)
}

pub(super) fn icmp6_mtu(scene: &Scene<'_>) -> Option<u64> {
    let too_big = scene.packet.layers.transport == Transport::Icmp6 && scene.packet.icmp()?.0 == 2;
    if too_big { be32(Some(scene.packet.network_payload()), 4) } else { None }
}

pub(super) fn tcp_flags(scene: &Scene<'_>) -> Option<u64> {
    scene.packet.tcp().map(|tcp| tcp.flags().0.into())
}

pub(super) fn tcp_seq(scene: &Scene<'_>) -> Option<u64> {
    scene.packet.tcp().map(|tcp| tcp.seq().into())
}

pub(super) fn tcp_ack(scene: &Scene<'_>) -> Option<u64> {
    scene.packet.tcp().map(|tcp| tcp.ack().into())
}

pub(super) fn tcp_window(scene: &Scene<'_>) -> Option<u64> {
    scene.packet.tcp().map(|tcp| tcp.window().into())
}

pub(super) fn tcp_mss(scene: &Scene<'_>) -> Option<u64> {
    scene.packet.tcp()?.mss().map(u64::from)
}

pub(super) fn tcp_wscale(scene: &Scene<'_>) -> Option<u64> {
    scene.packet.tcp()?.window_scale().map(u64::from)
}

pub(super) fn vlan_ids(scene: &Scene<'_>, out: &mut Vec<u64>) {
    out.extend(scene.packet.vlans().iter().map(|id| u64::from(*id)));
}

pub(super) fn vlan_layers(scene: &Scene<'_>) -> Option<u64> {
    Some(scene.packet.layers.vlans.into())
}

pub(super) fn flow_age(scene: &Scene<'_>) -> Option<u64> {
    scene.flow.map(|flow| scene.packet.time.seconds().saturating_sub(flow.start.seconds()))
}

fn count(scene: &Scene<'_>, dir: Dir) -> Option<Count> {
    scene.flow.map(|flow| {
        let [to_server, to_client] = flow.counts;
        if dir == Dir::ToServer { to_server } else { to_client }
    })
}

pub(super) fn packets_to_server(scene: &Scene<'_>) -> Option<u64> {
    count(scene, Dir::ToServer).map(|count| count.packets)
}

pub(super) fn packets_to_client(scene: &Scene<'_>) -> Option<u64> {
    count(scene, Dir::ToClient).map(|count| count.packets)
}

pub(super) fn bytes_to_server(scene: &Scene<'_>) -> Option<u64> {
    count(scene, Dir::ToServer).map(|count| count.bytes)
}

pub(super) fn bytes_to_client(scene: &Scene<'_>) -> Option<u64> {
    count(scene, Dir::ToClient).map(|count| count.bytes)
}

pub(super) fn each_side(scene: &Scene<'_>, out: &mut Vec<u64>, of: fn(&Count) -> u64) {
    out.extend(scene.flow.iter().flat_map(|flow| flow.counts.iter()).map(of));
}
