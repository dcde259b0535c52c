//! Whole packets: what is found, what is noted, what tunnels carry; and another decoder as the oracle.

use etherparse::{LaxLinkExtSlice, LaxNetSlice, LaxSlicedPacket, PacketBuilder, TransportSlice};
use proptest::prelude::*;

use super::*;
use crate::packet::{Network, Transport};

/// One packet as tests look at it.
#[derive(Debug)]
struct Seen {
    source: Source,
    transport: Transport,
    network: Network,
    vlans: Vec<u16>,
    payload: Vec<u8>,
    depth: u8,
    anomalies: Vec<Anomaly>,
}

/// A packet and all that it carries.
fn run(link: LinkType, bytes: &[u8], config: &Config, counters: &mut Counters) -> Vec<Seen> {
    let frame = Frame { id: 1, port: 0, time: Time::ZERO, link, bytes };
    let mut next = Some(Start::captured(&frame, config, counters));
    let mut seen = Vec::new();
    while let Some(mut start) = next {
        next = decode(&mut start, config, counters);
        let packet = start.packet;
        seen.push(Seen {
            source: packet.source,
            transport: packet.layers.transport,
            network: packet.layers.network,
            vlans: packet.vlans().to_vec(),
            payload: packet.payload().to_vec(),
            depth: packet.tunnel.map_or(0, |tunnel| tunnel.depth),
            anomalies: packet.anomalies.to_vec(),
        });
    }
    seen
}

fn frame(bytes: &[u8]) -> Vec<Seen> {
    run(LinkType::Ethernet, bytes, &Config::default(), &mut Counters::default())
}

/// An IPv4 packet that carries `payload`.
fn ipv4(proto: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(20 + payload.len()).unwrap();
    let mut bytes = vec![0x45, 0];
    bytes.extend(length.to_be_bytes());
    bytes.extend([0, 0, 0, 0, 64, proto, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    bytes.extend(payload);
    bytes
}

fn ipv6(proto: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x60, 0, 0, 0];
    bytes.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
    bytes.extend([proto, 64]);
    bytes.extend([0xfd; 16]);
    bytes.extend([0xfe; 16]);
    bytes.extend(payload);
    bytes
}

fn udp(ports: (u16, u16), payload: &[u8]) -> Vec<u8> {
    let mut bytes = [ports.0.to_be_bytes(), ports.1.to_be_bytes()].concat();
    bytes.extend(u16::try_from(8 + payload.len()).unwrap().to_be_bytes());
    bytes.extend([0, 0]);
    bytes.extend(payload);
    bytes
}

fn ether(ether_type: u16, payload: &[u8]) -> Vec<u8> {
    [&[2; 12][..], &ether_type.to_be_bytes(), payload].concat()
}

/// What all tests carry: UDP with this payload.
const TEXT: &[u8] = b"text";

fn v4() -> Vec<u8> {
    ipv4(17, &udp((1, 2), TEXT))
}

fn v6() -> Vec<u8> {
    ipv6(17, &udp((1, 2), TEXT))
}

#[test]
fn every_way_to_ip_is_followed() {
    use LinkType::{CiscoHdlc, Ethernet, LinuxSll, LinuxSll2, Null, Ppp, Raw};
    let tag = |id: u16, next: u16| [id.to_be_bytes(), next.to_be_bytes()].concat();
    let label = |label: u32, last: u32| (label << 12 | last << 8).to_be_bytes();
    let cases: Vec<(&str, LinkType, Vec<u8>, Vec<u16>)> = vec![
        ("ethernet", Ethernet, ether(0x0800, &v4()), vec![]),
        ("ethernet, IPv6", Ethernet, ether(0x86dd, &v6()), vec![]),
        ("padding", Ethernet, [ether(0x0800, &v4()), vec![0; 14]].concat(), vec![]),
        ("snap", Ethernet, ether(40, &[&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0][..], &v4()].concat()), vec![]),
        ("vlan", Ethernet, ether(0x8100, &[tag(6, 0x0800), v4()].concat()), vec![6]),
        ("qinq", Ethernet, ether(0x88a8, &[tag(0xf001, 0x8100), tag(10, 0x86dd), v6()].concat()), vec![1, 10]),
        (
            "three tags",
            Ethernet,
            ether(0x9100, &[tag(1, 0x8100), tag(10, 0x8100), tag(100, 0x0800), v4()].concat()),
            vec![1, 10, 100],
        ),
        ("vntag", Ethernet, ether(0x8926, &[&[0; 4][..], &[8, 0], &v4()].concat()), vec![]),
        ("802.1ah", Ethernet, ether(0x88e7, &[&[0; 16][..], &[8, 0], &v4()].concat()), vec![]),
        ("fabric path", Ethernet, ether(0x8903, &[&[0; 2][..], &ether(0x0800, &v4())].concat()), vec![]),
        ("mpls", Ethernet, ether(0x8847, &[&label(16, 0)[..], &label(17, 1), &v4()].concat()), vec![]),
        ("pseudowire", Ethernet, ether(0x8848, &[&label(16, 1)[..], &[0; 4], &ether(0x0800, &v4())].concat()), vec![]),
        ("pppoe", Ethernet, ether(0x8864, &[&[0x11, 0, 0, 1, 0, 34, 0, 0x21][..], &v4()].concat()), vec![]),
        ("nsh", Ethernet, ether(0x894f, &[&[0, 2, 2, 1][..], &[0; 4], &v4()].concat()), vec![]),
        (
            "nsh, ethernet",
            Ethernet,
            ether(0x894f, &[&[0, 2, 2, 3][..], &[0; 4], &ether(0x86dd, &v6())].concat()),
            vec![],
        ),
        ("raw", Raw, v4(), vec![]),
        ("raw IPv6", LinkType::Ipv6, v6(), vec![]),
        ("null", Null, [&[2, 0, 0, 0][..], &v4()].concat(), vec![]),
        ("loop", Null, [&[0, 0, 0, 30][..], &v6()].concat(), vec![]),
        ("ppp", Ppp, [&[0xff, 3, 0, 0x21][..], &v4()].concat(), vec![]),
        ("ppp, compressed", Ppp, [&[0x57][..], &v6()].concat(), vec![]),
        ("hdlc", CiscoHdlc, [&[0x0f, 0, 8, 0][..], &v4()].concat(), vec![]),
        ("sll", LinuxSll, [&[0; 14][..], &[8, 0], &v4()].concat(), vec![]),
        ("sll2", LinuxSll2, [&[0x86, 0xdd][..], &[0; 18], &v6()].concat(), vec![]),
        ("udp-lite", Raw, ipv4(136, &udp((1, 2), TEXT)), vec![]),
    ];
    for (name, link, bytes, vlans) in cases {
        let seen = run(link, &bytes, &Config::default(), &mut Counters::default());
        let [packet] = &seen[..] else { panic!("{name}: {seen:?}") };
        assert_eq!((packet.transport, &packet.payload[..]), (Transport::Udp, TEXT), "{name}");
        assert_eq!((&packet.vlans, &packet.anomalies), (&vlans, &vec![]), "{name}");
        // Cut anywhere before the padding, it holds no such payload any more.
        let end = bytes.len() - bytes.iter().rev().take_while(|byte| **byte == 0).count();
        for cut in 0..end {
            let seen = run(link, &bytes[..cut], &Config::default(), &mut Counters::default());
            assert_ne!(seen[0].payload, TEXT, "{name} of {cut} bytes");
        }
    }
}

#[test]
fn tunnels_carry_packets() {
    let vxlan = |inner: &[u8]| udp((1, 4789), &[&[8, 0, 0, 0, 0, 0, 9, 0][..], inner].concat());
    let geneve = |kind: u16, inner: &[u8]| udp((1, 6081), &[&[1, 0][..], &kind.to_be_bytes(), &[0; 8], inner].concat());
    let gre = |kind: u16, inner: &[u8]| [&[0, 0][..], &kind.to_be_bytes(), inner].concat();
    let erspan = |inner: &[u8]| [&[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 23, 0, 0, 0, 0, 0, 0][..], inner].concat();
    let pptp = |inner: &[u8]| [&[0x20, 1, 0x88, 0x0b, 0, 0, 0, 0, 0x21][..], inner].concat();
    for (name, bytes, source) in [
        ("gre", ipv4(47, &gre(0x0800, &v4())), Source::Gre),
        ("gre over IPv6", ipv6(47, &gre(0x86dd, &v6())), Source::Gre),
        ("nvgre", ipv4(47, &gre(0x6558, &ether(0x0800, &v4()))), Source::Gre),
        ("gre, vlan", ipv4(47, &gre(0x8100, &[&[0, 5, 8, 0][..], &v4()].concat())), Source::Gre),
        ("pptp", ipv4(47, &pptp(&v4())), Source::Gre),
        ("erspan", ipv4(47, &erspan(&ether(0x0800, &v4()))), Source::Gre),
        ("ipip", ipv4(4, &v4()), Source::Ipv4Tunnel),
        ("6in4", ipv4(41, &v6()), Source::Ipv4Tunnel),
        ("4in6", ipv6(4, &v4()), Source::Ipv6Tunnel),
        ("6in6", ipv6(41, &v6()), Source::Ipv6Tunnel),
        ("vxlan", ipv4(17, &vxlan(&ether(0x0800, &v4()))), Source::Vxlan),
        ("geneve", ipv4(17, &geneve(0x6558, &ether(0x86dd, &v6()))), Source::Geneve),
        ("geneve, IP", ipv6(17, &geneve(0x0800, &v4())), Source::Geneve),
        ("teredo", ipv4(17, &udp((3544, 9), &v6())), Source::Teredo),
    ] {
        let seen = run(LinkType::Raw, &bytes, &Config::default(), &mut Counters::default());
        let [outer, inner] = &seen[..] else { panic!("{name}: {seen:?}") };
        assert_eq!((outer.source, outer.depth), (Source::Wire, 0), "{name}");
        assert_eq!((inner.source, inner.depth), (source, 1), "{name}");
        assert_eq!((inner.transport, &inner.payload[..]), (Transport::Udp, TEXT), "{name}");
        assert!(outer.anomalies.is_empty() && inner.anomalies.is_empty(), "{name}: {seen:?}");
    }
}

#[test]
fn what_is_no_tunnel_is_left_alone() {
    let none = Config { vxlan: Ports::None, geneve: Ports::None, teredo: Ports::None, ..Config::default() };
    let vxlan = ipv4(17, &udp((1, 4789), &[&[8, 0, 0, 0, 0, 0, 9, 0][..], &ether(0x0800, &v4())].concat()));
    for (name, bytes, config) in [
        ("vxlan switched off", vxlan, &none),
        ("vxlan without its flag", ipv4(17, &udp((1, 4789), &ether(0x0800, &v4()))), &Config::default()),
        ("teredo switched off", ipv4(17, &udp((3544, 9), &v6())), &none),
        ("teredo on another port", ipv4(17, &udp((3545, 9), &v6())), &Config::default()),
        ("erspan type I", ipv4(47, &[&[0, 0, 0x88, 0xbe][..], &ether(0x0800, &v4())].concat()), &Config::default()),
        ("gre of something", ipv4(47, &[0, 0, 0x12, 0x34, 0, 0]), &Config::default()),
        ("nothing inside", ipv4(4, &[]), &Config::default()),
    ] {
        let seen = run(LinkType::Raw, &bytes, config, &mut Counters::default());
        assert_eq!((seen.len(), &seen[0].anomalies[..]), (1, &[][..]), "{name}");
    }
}

#[test]
fn oddities_are_noted_where_they_are() {
    use Anomaly::*;
    let ip = |at: usize, value: u8| {
        let mut bytes = v4();
        bytes[at] = value;
        ether(0x0800, &bytes)
    };
    let tag = |next: u16| [[0, 5], next.to_be_bytes()].concat();
    let in_v6 = |proto, payload: &[u8]| ether(0x86dd, &ipv6(proto, payload));
    let in_v4 = |proto, payload: &[u8]| ether(0x0800, &ipv4(proto, payload));
    for (name, bytes, network, anomalies) in [
        ("short frame", vec![0; 13], Network::None, vec![EthernetPktTooSmall]),
        ("unknown type", ether(0xfbb7, &[]), Network::None, vec![EthernetUnknownEthertype]),
        ("unknown type behind a tag", ether(0x8100, &tag(0xfbb7)), Network::None, vec![VlanUnknownType]),
        ("unknown type behind a VN-Tag", ether(0x8926, &[0; 6]), Network::None, vec![VntagUnknownType]),
        ("four tags", ether(0x8100, &tag(0x8100).repeat(4)), Network::None, vec![VlanTooManyLayers]),
        ("no tag", ether(0x8903, &[0]), Network::None, vec![DcePktTooSmall]),
        ("version", ip(0, 0x55), Network::None, vec![Ipv4WrongIpVersion]),
        ("header length", ip(0, 0x44), Network::None, vec![Ipv4HlenTooSmall]),
        ("length below the header's", ip(3, 19), Network::None, vec![Ipv4IplenSmallerThanHlen]),
        ("length above what is there", ip(3, 200), Network::None, vec![Ipv4TruncPkt]),
        ("short IPv4", ether(0x0800, &v4()[..19]), Network::None, vec![Ipv4PktTooSmall]),
        ("short IPv6", ether(0x86dd, &v6()[..39]), Network::None, vec![Ipv6PktTooSmall]),
        ("cut IPv6", ether(0x86dd, &v6()[..45]), Network::None, vec![Ipv6TruncPkt]),
        ("version of IPv6", ether(0x86dd, &[&v4()[..], &[0; 40]].concat()), Network::None, vec![Ipv6WrongIpVersion]),
        ("ICMPv6 in IPv4", in_v4(58, &[128, 0, 0, 0]), Network::Ipv4, vec![Ipv4Icmpv6]),
        ("ICMP in IPv6", in_v6(1, &[8, 0, 0, 0]), Network::Ipv6, vec![Ipv6Icmpv4]),
        ("data behind nothing", in_v6(59, &[1]), Network::Ipv6, vec![Ipv6DataAfterNoneHeader]),
        ("unknown header", in_v6(253, &[1]), Network::Ipv6, vec![Ipv6UnknownNextHeader]),
        ("short TCP", in_v4(6, &[0; 19]), Network::Ipv4, vec![TcpPktTooSmall]),
        ("TCP header length", in_v4(6, &[0; 20]), Network::Ipv4, vec![TcpInvalidOptlen]),
        ("TCP header past the end", in_v6(6, &[0x60; 20]), Network::Ipv6, vec![TcpHlenTooSmall]),
        ("short UDP", in_v4(17, &[0; 7]), Network::Ipv4, vec![UdpHlenTooSmall]),
        ("UDP length", in_v4(17, &[0, 1, 0, 2, 0, 7, 0, 0]), Network::Ipv4, vec![UdpLenInvalid]),
        ("UDP past the end", in_v4(17, &[0, 1, 0, 2, 0, 9, 0, 0]), Network::Ipv4, vec![UdpPktTooSmall]),
        ("short ICMP", in_v4(1, &[8; 7]), Network::Ipv4, vec![Icmpv4PktTooSmall]),
        ("short ICMPv6", in_v6(58, &[128; 7]), Network::Ipv6, vec![Icmpv6PktTooSmall]),
        ("short SCTP", in_v4(132, &[0; 11]), Network::Ipv4, vec![SctpPktTooSmall]),
        ("short ESP", in_v6(50, &[0; 7]), Network::Ipv6, vec![EspPktTooSmall]),
        ("short GRE", in_v4(47, &[0; 3]), Network::Ipv4, vec![GrePktTooSmall]),
        ("short IPv4 in IPv6", in_v6(4, &[0x45; 19]), Network::Ipv6, vec![Ipv6Ipv4InIpv6TooSmall]),
        ("no IPv4 in IPv6", in_v6(4, &[0x65; 20]), Network::Ipv6, vec![Ipv6Ipv4InIpv6WrongVersion]),
        ("short IPv6 in IPv6", in_v6(41, &[0x60; 39]), Network::Ipv6, vec![Ipv6Ipv6InIpv6TooSmall]),
        ("no IPv6 in IPv6", in_v6(41, &[0x40; 40]), Network::Ipv6, vec![Ipv6Ipv6InIpv6WrongVersion]),
        (
            "unknown type in VXLAN",
            in_v4(17, &udp((1, 4789), &[&[8, 0, 0, 0, 0, 0, 0, 0][..], &ether(0xfbb7, &[])].concat())),
            Network::Ipv4,
            vec![VxlanUnknownPayloadType],
        ),
        ("unknown type in GENEVE", in_v4(17, &udp((1, 6081), &[0; 8])), Network::Ipv4, vec![GeneveUnknownPayloadType]),
    ] {
        let mut counters = Counters::default();
        let seen = run(LinkType::Ethernet, &bytes, &Config::default(), &mut counters);
        assert_eq!((seen[0].network, &seen[0].anomalies), (network, &anomalies), "{name}");
        assert_eq!(counters.anomalies(anomalies[0]), 1, "{name}");
        let malformed = u64::from(anomalies.iter().any(|anomaly| anomaly.is_malformed()));
        assert_eq!(counters.get(Counter::DecoderInvalid), malformed, "{name}");
        assert_eq!((seen.len(), counters.get(Counter::DecoderPkts)), (1, 1), "{name}");
    }
}

#[test]
fn malformed_options_end_an_ipv4_packet_and_are_noted_each() {
    use Anomaly::*;
    let mut bytes = v4();
    bytes[0] = 0x48;
    bytes[3] += 12;
    bytes.splice(20..20, [130, 2, 0xf1, 0x35, 0, 0, 0, 0, 0, 0, 0, 0]);
    let seen = frame(&ether(0x0800, &bytes));
    assert_eq!(seen[0].anomalies, [Ipv4OptInvalidLen, Ipv4OptInvalidLen, Ipv4OptPadRequired]);
    assert_eq!(seen[0].network, Network::None);
}

#[test]
fn fragments_have_no_transport() {
    for (name, field) in [("first", [0x20, 0]), ("last", [0, 1])] {
        let mut bytes = v4();
        bytes[6..8].copy_from_slice(&field);
        let seen = run(LinkType::Raw, &bytes, &Config::default(), &mut Counters::default());
        assert_eq!((seen[0].transport, seen[0].payload.len()), (Transport::None, 12), "{name}");
    }
    let mut bytes = v4();
    bytes[6] = 0x40;
    assert_eq!(run(LinkType::Raw, &bytes, &Config::default(), &mut Counters::default())[0].transport, Transport::Udp);
}

#[test]
fn layers_end_at_the_limit() {
    let mut bytes = v4();
    for _ in 0..20 {
        bytes = ipv4(4, &bytes);
    }
    let mut counters = Counters::default();
    let seen = run(LinkType::Raw, &bytes, &Config::default(), &mut counters);
    // Two steps for each: header and protocol; one more for the link.
    assert_eq!(seen.len(), 8);
    assert_eq!(seen.last().unwrap().anomalies, [Anomaly::TooManyLayers]);
    assert_eq!(counters.get(Counter::DecoderTooManyLayers), 1);
}

/// A packet that another library built: link, VLAN tags, IP version, transport, payload.
fn built() -> impl Strategy<Value = Vec<u8>> {
    let payload = prop::collection::vec(any::<u8>(), 0..40);
    (prop::collection::vec(0u16..4096, 0..3), any::<bool>(), 0u8..3, payload, any::<(u16, u16)>()).prop_map(
        |(tags, v6, transport, payload, ports)| {
            let ip = match v6 {
                false => PacketBuilder::ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64),
                true => PacketBuilder::ipv6([0xfd; 16], [0xfe; 16], 64),
            };
            let mut network = Vec::new();
            match transport {
                0 => ip.tcp(ports.0, ports.1, 1, 2).write(&mut network, &payload).unwrap(),
                // Ports of tunnels are for other tests.
                1 => ip.udp(ports.0 & 0x07ff, ports.1 & 0x07ff).write(&mut network, &payload).unwrap(),
                _ if v6 => ip.icmpv6_echo_request(1, 2).write(&mut network, &payload).unwrap(),
                _ => ip.icmpv4_echo_request(1, 2).write(&mut network, &payload).unwrap(),
            }
            let mut bytes = vec![2; 12];
            for tag in tags {
                bytes.extend([0x81, 0]);
                bytes.extend(tag.to_be_bytes());
            }
            bytes.extend(if v6 { [0x86, 0xdd] } else { [8, 0] });
            bytes.extend(network);
            bytes
        },
    )
}

/// What the oracle finds, in our terms.
fn oracle(packet: &LaxSlicedPacket<'_>) -> (Vec<u16>, Network, Transport) {
    let vlans = packet.link_exts.iter().filter_map(|ext| match ext {
        LaxLinkExtSlice::Vlan(vlan) => Some(vlan.vlan_identifier().value()),
        LaxLinkExtSlice::Macsec(_) => None,
    });
    let network = match packet.net {
        Some(LaxNetSlice::Ipv4(_)) => Network::Ipv4,
        Some(LaxNetSlice::Ipv6(_)) => Network::Ipv6,
        Some(LaxNetSlice::Arp(_)) => Network::Arp,
        None => Network::None,
    };
    let transport = match packet.transport {
        Some(TransportSlice::Tcp(_)) => Transport::Tcp,
        Some(TransportSlice::Udp(_)) => Transport::Udp,
        Some(TransportSlice::Icmpv4(_)) => Transport::Icmp4,
        Some(TransportSlice::Icmpv6(_)) => Transport::Icmp6,
        _ => Transport::None,
    };
    (vlans.collect(), network, transport)
}

proptest! {
    #[test]
    fn another_decoder_finds_the_same(bytes in built()) {
        let seen = frame(&bytes);
        let other = LaxSlicedPacket::from_ethernet(&bytes).unwrap();
        let (vlans, network, transport) = oracle(&other);
        prop_assert_eq!((&seen[0].vlans, seen[0].network, seen[0].transport), (&vlans, network, transport));
        prop_assert_eq!(seen.len(), 1);
    }

    /// The oracle goes on with what is cut; what we find it must find, too.
    #[test]
    fn cut_packets_hold_nothing_that_is_not_there(bytes in built(), cut in any::<prop::sample::Index>()) {
        let bytes = &bytes[..cut.index(bytes.len())];
        let seen = frame(bytes);
        match LaxSlicedPacket::from_ethernet(bytes) {
            Err(_) => prop_assert_eq!(&seen[0].anomalies, &[Anomaly::EthernetPktTooSmall]),
            Ok(other) => {
                let (vlans, network, transport) = oracle(&other);
                prop_assert_eq!(&seen[0].vlans, &vlans);
                prop_assert!(seen[0].network == Network::None || seen[0].network == network);
                prop_assert!(seen[0].transport == Transport::None || seen[0].transport == transport);
                prop_assert!(!seen[0].anomalies.is_empty());
            }
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), link in 0u32..300) {
        run(LinkType::from_number(link), &bytes, &Config::default(), &mut Counters::default());
    }

    /// Near misses go deeper than noise.
    #[test]
    fn no_damage_makes_it_panic(bytes in built(), damage in prop::collection::vec(any::<(prop::sample::Index, u8)>(), 1..6)) {
        let mut bytes = ipv4(47, &[&[0, 0, 0x65, 0x58][..], &bytes].concat());
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        run(LinkType::Raw, &bytes, &Config::default(), &mut Counters::default());
    }
}
