//! Packets through the first stage.

use arbitrary::Arbitrary;
use ids_core::counters::Counters;
use ids_core::decode::{self as decoder, Captured};
use ids_core::defrag;
use ids_core::host_policy::Policy;
use ids_core::intake::Intake;
use ids_core::packet::{LinkType, Network, Packet, Source, Transport};
use ids_core::time::Time;

const LINKS: [LinkType; 8] = [
    LinkType::Ethernet,
    LinkType::Null,
    LinkType::Raw,
    LinkType::Ppp,
    LinkType::CiscoHdlc,
    LinkType::LinuxSll,
    LinkType::LinuxSll2,
    LinkType::Other(147),
];

/// A packet: the first byte chooses the link layer.
pub fn decode(data: &[u8]) {
    let Some((link, bytes)) = data.split_first() else { return };
    let config = decoder::Config { vntag: true, teredo: Some(vec![]), ..decoder::Config::default() };
    let mut intake = Intake::new(config, defrag::Config::default());
    push(&mut intake, LINKS[usize::from(*link) % LINKS.len()], Time::ZERO, bytes);
}

/// Pushes a packet. Out: how many packets came out of it.
fn push(intake: &mut Intake, link: LinkType, time: Time, bytes: &[u8]) -> usize {
    let captured = Captured { id: 1, port: 0, time, link, bytes, source: Source::Wire, tunnel: None };
    let mut count = 0;
    intake.push(captured, &mut Counters::default(), &mut |packet, _| {
        count += 1;
        check_packet(packet);
    });
    count
}

/// Offsets lie in the bytes and in order; everything that can be asked of a packet is.
pub fn check_packet(packet: &Packet<'_>) {
    let l = &packet.layers;
    if l.network != Network::None {
        assert!(l.network_at + l.network_len <= l.network_end, "{l:?}");
        assert!(l.network_end as usize <= packet.bytes.len(), "{l:?}");
    }
    if l.transport != Transport::None {
        assert!(l.transport_at >= l.network_at + l.network_len, "{l:?}");
        assert!(l.transport_at + l.transport_len <= l.network_end, "{l:?}");
    }
    assert_eq!(packet.tcp().is_some(), l.transport == Transport::Tcp);
    assert_eq!(packet.addresses().is_some(), matches!(l.network, Network::Ipv4 | Network::Ipv6));
    assert!(packet.payload().len() <= packet.bytes.len());
    let _ = (packet.ports(), packet.icmp(), packet.ttl(), packet.vlans(), packet.quoted());
    let _ = (ids_core::checksum::network(packet), ids_core::checksum::transport(packet));
    if let Some(tcp) = packet.tcp() {
        let _ = (tcp.timestamps(), tcp.window_scale(), tcp.mss(), tcp.sack_permitted());
    }
}

/// Fragments for one receiver.
#[derive(Arbitrary, Debug)]
pub struct Pieces {
    policy: u8,
    pieces: Vec<Piece>,
}

#[derive(Arbitrary, Debug)]
struct Piece {
    v6: bool,
    id: u8,
    proto: u8,
    /// Offset in units of eight bytes.
    units: u16,
    more: bool,
    /// Seconds since the one before.
    wait: u8,
    /// In an IPv4 tunnel.
    inside: bool,
    data: Vec<u8>,
}

const POLICIES: [Policy; 7] = [
    Policy::Bsd,
    Policy::BsdRight,
    Policy::Linux,
    Policy::Solaris,
    Policy::Windows,
    Policy::First,
    Policy::Last,
];

/// Fragments in any order.
pub fn defrag(pieces: Pieces) {
    let mut config = defrag::Config { max_trackers: 16, memcap: 1 << 20, ..defrag::Config::default() };
    let policy = POLICIES[usize::from(pieces.policy) % POLICIES.len()];
    config.policies.add([0, 0, 0, 0].into(), 0, policy);
    config.policies.add([0u16; 8].into(), 0, policy);
    let mut intake = Intake::new(decoder::Config::default(), config);
    let mut seconds = 0;
    for piece in &pieces.pieces {
        seconds += u64::from(piece.wait);
        let bytes = if piece.v6 { ipv6(piece) } else { ipv4(piece) };
        let bytes = if piece.inside { header4(if piece.v6 { 41 } else { 4 }, 0, 0, &bytes) } else { bytes };
        let count = push(&mut intake, LinkType::Raw, Time::from_micros(seconds, 0), &bytes);
        assert!(count <= 64, "{count} packets out of one");
    }
}

fn ipv4(piece: &Piece) -> Vec<u8> {
    header4(piece.proto, piece.id, piece.units & 0x1fff | u16::from(piece.more) << 13, &piece.data)
}

fn header4(proto: u8, id: u8, fragment: u16, body: &[u8]) -> Vec<u8> {
    let body = &body[..body.len().min(65_000)];
    let total = u16::try_from(20 + body.len()).expect("cut above").to_be_bytes();
    let fragment = fragment.to_be_bytes();
    let head = [0x45, 0, total[0], total[1], 0, id, fragment[0], fragment[1], 64, proto, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
    [&head, body].concat()
}

fn ipv6(piece: &Piece) -> Vec<u8> {
    let body = &piece.data[..piece.data.len().min(60_000)];
    let length = u16::try_from(8 + body.len()).expect("cut above").to_be_bytes();
    let place = (piece.units << 3 | u16::from(piece.more)).to_be_bytes();
    let mut bytes = vec![0x60, 0, 0, 0, length[0], length[1], 44, 64];
    bytes.extend_from_slice(&[0xfd; 32]);
    bytes.extend_from_slice(&[piece.proto, 0, place[0], place[1], 0, 0, 0, piece.id]);
    bytes.extend_from_slice(body);
    bytes
}
