//! What all headers have in common: bytes that are too short are refused, at every length.

use super::*;
use crate::anomaly::Anomaly;

/// One header: its name, bytes that hold it and a few more, its length, how it is parsed, and the anomaly for
/// too few bytes.
struct Row {
    name: &'static str,
    bytes: Vec<u8>,
    len: usize,
    parse: fn(&[u8]) -> Result<(), Malformed>,
    short: Option<Anomaly>,
}

/// `start`, and then zeroes up to `total` bytes.
fn padded(start: &[u8], total: usize) -> Vec<u8> {
    let mut bytes = start.to_vec();
    bytes.resize(total, 0);
    bytes
}

/// For parsers that say `None` to what is not theirs.
fn some<T>(found: Option<T>) -> Result<(), Malformed> {
    found.map(drop).ok_or(Malformed(Anomaly::TooManyLayers))
}

fn rows() -> Vec<Row> {
    let row = |name, bytes, len, parse, short| Row { name, bytes, len, parse, short };
    let ipv4 =
        [0x46, 0, 0, 32, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 148, 4, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
    let arp = [0, 1, 8, 0, 6, 4, 0, 1];
    vec![
        row(
            "ethernet",
            padded(&[], 20),
            14,
            |b| ethernet::Ethernet::parse(b).map(drop),
            Some(Anomaly::EthernetPktTooSmall),
        ),
        row("vlan", padded(&[], 8), 4, |b| vlan::Vlan::parse(b).map(drop), Some(Anomaly::VlanHeaderTooSmall)),
        row("vntag", padded(&[], 8), 6, |b| vntag::Vntag::parse(b).map(drop), Some(Anomaly::VntagHeaderTooSmall)),
        row("pbb", padded(&[], 20), 18, |b| pbb::Pbb::parse(b).map(drop), Some(Anomaly::Ieee8021ahHeaderTooSmall)),
        row(
            "sll",
            padded(&[], 20),
            16,
            |b| cooked::Cooked::parse(b, cooked::Version::V1).map(drop),
            Some(Anomaly::SllPktTooSmall),
        ),
        row(
            "sll2",
            padded(&[], 24),
            20,
            |b| cooked::Cooked::parse(b, cooked::Version::V2).map(drop),
            Some(Anomaly::Sll2PktTooSmall),
        ),
        row("null", padded(&[2, 0, 0, 0], 8), 4, |b| null::parse(b).map(drop), Some(Anomaly::LtnullPktTooSmall)),
        row("chdlc", padded(&[], 8), 4, |b| chdlc::parse(b).map(drop), Some(Anomaly::ChdlcPktTooSmall)),
        row("mpls", padded(&[], 8), 4, |b| mpls::Entry::parse(b).map(drop), Some(Anomaly::MplsHeaderTooSmall)),
        row("ppp", padded(&[0, 0x21], 8), 2, |b| ppp::Ppp::parse(b).map(drop), Some(Anomaly::PppPktTooSmall)),
        row("ppp compressed", padded(&[0x21], 8), 1, |b| ppp::Ppp::parse(b).map(drop), Some(Anomaly::PppPktTooSmall)),
        row("pppoe", padded(&[0x11], 8), 6, |b| pppoe::Pppoe::parse(b).map(drop), Some(Anomaly::PppoePktTooSmall)),
        row("nsh", padded(&[0, 6, 1, 1], 30), 24, |b| nsh::Nsh::parse(b).map(drop), None),
        row("arp", padded(&arp, 46), 28, |b| arp::Arp::parse(b).map(drop), None),
        row("ipv4", ipv4.to_vec(), 32, |b| ipv4::Ipv4::parse(b).map(drop), None),
        row("ipv4 quoted", ipv4.to_vec(), 24, |b| ipv4::Ipv4::parse_quoted(b).map(drop), None),
        row("ipv6", padded(&[0x60, 0, 0, 0, 0, 4], 50), 44, |b| ipv6::Ipv6::parse(b).map(drop), None),
        row(
            "ipv6 quoted",
            padded(&[0x60, 0, 0, 0, 0, 4], 50),
            40,
            |b| ipv6::Ipv6::parse_quoted(b).map(drop),
            Some(Anomaly::Ipv6PktTooSmall),
        ),
        row("udp", padded(&[0, 1, 0, 2, 0, 12], 16), 12, |b| udp::Udp::parse(b).map(drop), None),
        row(
            "udp-lite",
            padded(&[0, 1, 0, 2], 16),
            8,
            |b| udp::Udp::parse_lite(b).map(drop),
            Some(Anomaly::UdpHlenTooSmall),
        ),
        row("sctp", padded(&[], 16), 12, |b| sctp::Sctp::parse(b).map(drop), Some(Anomaly::SctpPktTooSmall)),
        row("esp", padded(&[], 16), 8, |b| esp::Esp::parse(b).map(drop), Some(Anomaly::EspPktTooSmall)),
        row(
            "icmp",
            padded(&[8], 16),
            8,
            |b| icmp::Icmp::parse(b, icmp::Version::V4).map(drop),
            Some(Anomaly::Icmpv4PktTooSmall),
        ),
        row(
            "icmpv6",
            padded(&[128], 16),
            8,
            |b| icmp::Icmp::parse(b, icmp::Version::V6).map(drop),
            Some(Anomaly::Icmpv6PktTooSmall),
        ),
        row("gre", padded(&[0, 0, 8, 0], 8), 4, |b| gre::Gre::parse(b).map(drop), Some(Anomaly::GrePktTooSmall)),
        row("gre with all fields", padded(&[0xb0, 0, 8, 0], 20), 16, |b| gre::Gre::parse(b).map(drop), None),
        row(
            "gre with source route",
            padded(&[0x40, 0, 8, 0, 0, 0, 0, 0, 8, 0, 0, 4], 24),
            20,
            |b| gre::Gre::parse(b).map(drop),
            None,
        ),
        row("gre version 1", padded(&[0x30, 0x81, 0x88, 0x0b], 20), 16, |b| gre::Gre::parse(b).map(drop), None),
        row(
            "erspan",
            padded(&[0x10], 12),
            8,
            |b| erspan::Erspan::parse(b).map(drop),
            Some(Anomaly::ErspanHeaderTooSmall),
        ),
        row("vxlan", padded(&[8], 24), 22, |b| some(vxlan::Vxlan::parse(b)), None),
        row("geneve", padded(&[2, 0, 8, 0], 20), 16, |b| some(geneve::Geneve::parse(b)), None),
        row("tcp", padded(&[0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0x60], 30), 24, |b| tcp::Tcp::parse(b).map(drop), None),
    ]
}

#[test]
fn too_few_bytes_are_refused_and_enough_are_not() {
    for Row { name, bytes, len, parse, short } in rows() {
        for cut in 0..=bytes.len() {
            let result = parse(&bytes[..cut]);
            assert_eq!(result.is_ok(), cut >= len, "{name} of {cut} bytes: {result:?}");
            if let (Err(malformed), Some(short)) = (result, short) {
                assert_eq!(malformed.0, short, "{name} of {cut} bytes");
            }
        }
    }
}

#[test]
fn no_bytes_make_a_header_panic() {
    // Each byte of each header takes extreme values in turn, at every length.
    for Row { bytes, parse, .. } in rows() {
        for at in 0..bytes.len() {
            for value in [0, 1, 0x0f, 0x45, 0x60, 0x7f, 0x80, 0xff] {
                let mut odd = bytes.clone();
                odd[at] = value;
                for cut in 0..=odd.len() {
                    let _ = parse(&odd[..cut]);
                }
            }
        }
    }
}

#[test]
fn ethernet_names_what_it_carries() {
    let frame = |tail: &[u8]| [&[0; 12], tail].concat();
    for (name, tail, content) in [
        ("a type", vec![0x08, 0x00], Some((0x0800, 0))),
        ("the smallest type", vec![0x06, 0x00], Some((0x0600, 0))),
        ("snap", vec![0, 8, 0xaa, 0xaa, 3, 0, 0, 0, 0x86, 0xdd], Some((0x86dd, 8))),
        ("snap of another organisation", vec![0, 8, 0xaa, 0xaa, 3, 0, 0, 0xc, 0x20, 0], None),
        ("spanning tree", vec![0, 3, 0x42, 0x42, 3], None),
        ("nothing behind a length", vec![0, 3], None),
    ] {
        assert_eq!(ethernet::Ethernet::parse(&frame(&tail)).unwrap().content(), content, "{name}");
    }
}

#[test]
fn arp_says_what_is_not_supported() {
    let right = [0, 1, 8, 0, 6, 4, 0, 1];
    for (name, at, value, anomaly) in [
        ("hardware", 1, 6, Anomaly::ArpUnsupportedHardware),
        ("protocol", 2, 9, Anomaly::ArpUnsupportedProtocol),
        ("hardware size", 4, 8, Anomaly::ArpInvalidHardwareSize),
        ("protocol size", 5, 16, Anomaly::ArpInvalidProtocolSize),
        ("operation", 7, 11, Anomaly::ArpUnsupportedOpcode),
    ] {
        let mut bytes = padded(&right, 28);
        bytes[at] = value;
        assert_eq!(arp::Arp::parse(&bytes).err(), Some(Malformed(anomaly)), "{name}");
    }
    assert_eq!(arp::Arp::parse(&right).err(), Some(Malformed(Anomaly::ArpInvalidPkt)));
    assert_eq!(arp::Arp::parse(&right[..7]).err(), Some(Malformed(Anomaly::ArpPktTooSmall)));
}

#[test]
fn gre_says_what_is_wrong() {
    for (name, bytes, anomaly) in [
        ("version", padded(&[0, 2, 8, 0], 8), Anomaly::GreWrongVersion),
        ("recursion", padded(&[1, 0, 8, 0], 8), Anomaly::GreVersion0Recur),
        ("flags", padded(&[0, 8, 8, 0], 8), Anomaly::GreVersion0Flags),
        ("too long", padded(&[0xb0, 0, 8, 0], 15), Anomaly::GreVersion0HdrTooBig),
        (
            "route without end",
            padded(&[0x40, 0, 8, 0, 0, 0, 0, 0, 8, 0, 0, 4], 16),
            Anomaly::GreVersion0MalformedSreHdr,
        ),
        ("route too long", padded(&[0x40, 0, 8, 0, 0, 0, 0, 0, 8, 0, 0, 9], 16), Anomaly::GreVersion0HdrTooBig),
        (
            "empty route entry",
            padded(&[0x40, 0, 8, 0, 0, 0, 0, 0, 8, 0, 0, 0], 20),
            Anomaly::GreVersion0MalformedSreHdr,
        ),
        ("v1 checksum", padded(&[0xa0, 1, 0x88, 0x0b], 8), Anomaly::GreVersion1Chksum),
        ("v1 route", padded(&[0x60, 1, 0x88, 0x0b], 8), Anomaly::GreVersion1Route),
        ("v1 strict route", padded(&[0x28, 1, 0x88, 0x0b], 8), Anomaly::GreVersion1Ssr),
        ("v1 recursion", padded(&[0x21, 1, 0x88, 0x0b], 8), Anomaly::GreVersion1Recur),
        ("v1 flags", padded(&[0x20, 0x41, 0x88, 0x0b], 8), Anomaly::GreVersion1Flags),
        ("v1 protocol", padded(&[0x20, 1, 8, 0], 8), Anomaly::GreVersion1WrongProtocol),
        ("v1 no key", padded(&[0, 1, 0x88, 0x0b], 8), Anomaly::GreVersion1NoKey),
        ("v1 too long", padded(&[0x30, 0x81, 0x88, 0x0b], 15), Anomaly::GreVersion1HdrTooBig),
    ] {
        assert_eq!(gre::Gre::parse(&bytes), Err(Malformed(anomaly)), "{name}");
    }
}

#[test]
fn mpls_labels_say_what_follows() {
    use mpls::Payload;
    for (name, label, first, expected) in [
        ("explicit null", 0, 0x45, Ok(Payload::Ipv4)),
        ("explicit null of IPv6", 2, 0x60, Ok(Payload::Ipv6)),
        ("router alert", 1, 0x45, Err(Malformed(Anomaly::MplsBadLabelRouterAlert))),
        ("implicit null", 3, 0x45, Err(Malformed(Anomaly::MplsBadLabelImplicitNull))),
        ("reserved", 15, 0x45, Err(Malformed(Anomaly::MplsBadLabelReserved))),
        ("IPv4", 16, 0x45, Ok(Payload::Ipv4)),
        ("IPv6", 16, 0x60, Ok(Payload::Ipv6)),
        ("control word", 16, 0x00, Ok(Payload::ControlWord)),
        ("unknown", 16, 0xf0, Err(Malformed(Anomaly::MplsUnknownPayloadType))),
    ] {
        let entry = mpls::Entry::parse(&u32::to_be_bytes(label << 12 | 0x100)).unwrap();
        assert!(entry.bottom());
        assert_eq!(mpls::payload(entry, &[first, 0, 0, 0]), expected, "{name}");
        assert!(mpls::payload(entry, &[]).is_err(), "{name}, empty");
    }
}

#[test]
fn nsh_says_what_is_wrong() {
    for (name, bytes, anomaly) in [
        ("version", padded(&[0x40, 6, 1, 1], 24), Anomaly::NshUnsupportedVersion),
        ("type 1 of another length", padded(&[0, 5, 1, 1], 24), Anomaly::NshBadHeaderLength),
        ("type 2 too short", padded(&[0, 1, 2, 1], 24), Anomaly::NshBadHeaderLength),
        ("longer than the packet", padded(&[0, 63, 2, 1], 24), Anomaly::NshBadHeaderLength),
        ("reserved type", padded(&[0, 6, 0, 1], 24), Anomaly::NshReservedType),
        ("unknown type", padded(&[0, 6, 3, 1], 24), Anomaly::NshUnsupportedType),
    ] {
        assert_eq!(nsh::Nsh::parse(&bytes), Err(Malformed(anomaly)), "{name}");
    }
    let unknown = nsh::Nsh::parse(&padded(&[0, 6, 1, 9], 24)).unwrap();
    assert_eq!(unknown.content(), Err(Malformed(Anomaly::NshUnknownPayload)));
}

#[test]
fn ppp_protocols_are_told_apart() {
    use ppp::{Content, Ppp};
    for bytes in [&[0xff, 3, 0, 0x21][..], &[0, 0x21], &[0x21], &[0xff, 3, 0x21]] {
        assert_eq!(Ppp::parse(bytes), Ok(Ppp { protocol: 0x21, len: bytes.len() }));
    }
    for (protocol, rest, expected) in [
        (0x0021, 20, Ok(Content::Ipv4)),
        (0x0021, 19, Err(Anomaly::PppIp4PktTooSmall)),
        (0x002f, 19, Err(Anomaly::PppVjuPktTooSmall)),
        (0x0057, 40, Ok(Content::Ipv6)),
        (0x0057, 39, Err(Anomaly::PppIp6PktTooSmall)),
        (0x0281, 0, Ok(Content::Mpls)),
        (0xc021, 4, Ok(Content::Control)),
        (0x8021, 4, Ok(Content::Control)),
        (0x000f, 4, Err(Anomaly::PppUnsupProto)),
        (0x0800, 4, Err(Anomaly::PppWrongType)),
    ] {
        assert_eq!(ppp::content(protocol, &vec![0; rest]), expected.map_err(Malformed), "{protocol:#06x}");
    }
}

#[test]
fn pppoe_checks_codes_and_tags() {
    let discovery = |code, tags: &[u8]| {
        let bytes = [&[0x11, code, 0, 0, 0, u8::try_from(tags.len()).unwrap()], tags].concat();
        pppoe::Pppoe::parse(&bytes).unwrap().check_discovery()
    };
    assert_eq!(discovery(0x09, &[1, 1, 0, 0, 1, 3, 0, 2, 7, 7]), Ok(()));
    assert_eq!(discovery(0x08, &[]), Err(Malformed(Anomaly::PppoeWrongCode)));
    assert_eq!(discovery(0x07, &[1, 1, 0, 5, 7]), Err(Malformed(Anomaly::PppoeMalformedTags)));
    assert_eq!(discovery(0x07, &[1, 1, 0]), Err(Malformed(Anomaly::PppoeMalformedTags)));
    let session = pppoe::Pppoe::parse(&[0x11, 1, 0, 1, 0, 0]).unwrap().check_session();
    assert_eq!(session, Err(Malformed(Anomaly::PppoeWrongCode)));
}

#[test]
fn teredo_is_told_by_an_ipv6_packet_that_fills_the_rest() {
    let ipv6 = padded(&[0x60, 0, 0, 0, 0, 2], 42);
    let auth = [&[0, 1, 1, 2, 9, 8, 8][..], &[0; 9]].concat();
    let origin = [0, 0, 1, 2, 3, 4, 5, 6];
    for (name, bytes, at) in [
        ("bare", ipv6.clone(), Some(0)),
        ("with origin", [&origin[..], &ipv6].concat(), Some(8)),
        ("with authentication", [&auth[..], &ipv6].concat(), Some(16)),
        ("with both", [&auth[..], &origin, &ipv6].concat(), Some(24)),
        ("too long", padded(&ipv6, 43), None),
        ("too short", ipv6[..41].to_vec(), None),
        ("IPv4", padded(&[0x45, 0, 0, 42], 42), None),
    ] {
        assert_eq!(teredo::ipv6_at(&bytes), at, "{name}");
    }
}

/// What a check notes.
fn noted(check: impl FnOnce(&mut Vec<Anomaly>)) -> Vec<Anomaly> {
    let mut anomalies = Vec::new();
    check(&mut anomalies);
    anomalies
}

#[test]
fn ipv4_options_are_checked() {
    use Anomaly::*;
    for (name, options, expected) in [
        ("router alert", vec![148, 4, 0, 0], vec![]),
        ("record route", vec![7, 7, 4, 0, 0, 0, 0, 0], vec![]),
        ("full route", vec![7, 7, 8, 1, 1, 1, 1, 0], vec![]),
        ("pointer too small", vec![7, 7, 3, 0, 0, 0, 0, 0], vec![Ipv4OptMalformed]),
        ("pointer past the end", vec![131, 7, 12, 0, 0, 0, 0, 0], vec![Ipv4OptMalformed]),
        ("half an address", vec![137, 6, 4, 0, 0, 0, 0, 0], vec![Ipv4OptMalformed]),
        ("timestamp flags", vec![68, 8, 5, 2, 0, 0, 0, 0], vec![Ipv4OptMalformed]),
        ("cipso", vec![134, 10, 0, 0, 0, 1, 1, 4, 0, 0, 0, 0], vec![]),
        ("cipso tag too long", vec![134, 10, 0, 0, 0, 1, 1, 5, 0, 0, 0, 0], vec![Ipv4OptMalformed]),
        ("wrong length", vec![148, 3, 0, 0], vec![Ipv4OptInvalidLen]),
        ("twice", vec![148, 4, 0, 0, 148, 4, 0, 0], vec![Ipv4OptDuplicate]),
        ("unknown", vec![30, 4, 0, 0], vec![Ipv4OptUnknown]),
        ("reserved class", vec![0x20 | 3, 4, 0, 0], vec![Ipv4OptInvalid]),
        ("no length", vec![1, 1, 1, 148], vec![Ipv4OptEolRequired]),
        ("past the end", vec![148, 5, 0, 0], vec![Ipv4OptInvalidLen, Ipv4OptPadRequired]),
        ("two wrong lengths", vec![130, 2, 0xf1, 0x35], vec![Ipv4OptInvalidLen, Ipv4OptInvalidLen, Ipv4OptPadRequired]),
        ("anything behind the end", vec![0, 148, 1, 1], vec![]),
    ] {
        assert_eq!(noted(|n| ipv4_options::check(&options, &mut |a| n.push(a))), expected, "{name}");
    }
}

#[test]
fn tcp_options_are_checked() {
    use Anomaly::*;
    for (name, options, expected) in [
        ("as usual", vec![2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 3, 3, 7], vec![]),
        ("wrong length", vec![3, 4, 7, 0], vec![TcpOptInvalidLen]),
        ("acknowledges nothing selectively", vec![5, 2, 0, 0], vec![]),
        ("acknowledges half a block", vec![5, 6, 0, 0, 0, 1, 0, 0], vec![TcpOptInvalidLen]),
        ("past the end", vec![2, 4, 5], vec![TcpOptInvalidLen]),
        ("shorter than itself", vec![254, 1, 0, 0], vec![TcpOptInvalidLen]),
        ("no length", vec![1, 1, 1, 2], vec![TcpOptInvalidLen]),
        ("twice", vec![3, 3, 7, 3, 3, 7, 0, 0], vec![TcpOptDuplicate]),
        ("unknown twice", vec![254, 4, 0, 0, 254, 4, 0, 0], vec![]),
    ] {
        assert_eq!(noted(|n| tcp_options::check(&options, &mut |a| n.push(a))), expected, "{name}");
    }
}

#[test]
fn ipv6_chains_are_followed_and_checked() {
    use Anomaly::*;
    let hop = |next| vec![next, 0, 5, 2, 0, 0, 0, 0];
    let dst = |next| vec![next, 0, 4, 1, 0, 1, 1, 0];
    let tcp = vec![0; 20];
    for (name, first, bytes, proto, len, expected) in [
        ("none", 6, tcp.clone(), 6, 0, vec![]),
        ("hop by hop", 0, [hop(6), tcp.clone()].concat(), 6, 8, vec![]),
        ("only padding", 0, [vec![6, 0, 1, 4, 0, 0, 0, 0], tcp.clone()].concat(), 6, 8, vec![Ipv6HopoptsOnlyPadding]),
        ("empty padding", 0, [vec![6, 0, 5, 2, 0, 0, 1, 0], tcp.clone()].concat(), 6, 8, vec![Ipv6ZeroLenPadn]),
        (
            "unknown option",
            60,
            [vec![6, 0, 0x1e, 4, 0, 0, 0, 0], tcp.clone()].concat(),
            6,
            8,
            vec![Ipv6DstoptsUnknownOpt],
        ),
        (
            "option past the end",
            60,
            [vec![6, 0, 4, 9, 0, 0, 0, 0], tcp.clone()].concat(),
            6,
            8,
            vec![Ipv6ExthdrInvalidOptlen],
        ),
        ("destination twice", 60, [dst(60), dst(6), tcp.clone()].concat(), 6, 16, vec![]),
        ("routing type 0", 43, [vec![6, 0, 0, 0, 0, 0, 0, 0], tcp.clone()].concat(), 6, 8, vec![Ipv6RhType0]),
        (
            "authentication",
            51,
            [vec![6, 4, 0, 1], vec![0; 20], tcp.clone()].concat(),
            6,
            24,
            vec![Ipv6ExthdrAhResNotNull],
        ),
        ("whole fragment", 44, [vec![6, 0, 0, 0, 0, 0, 0, 1], tcp.clone()].concat(), 6, 8, vec![Ipv6ExthdrUselessFh]),
        ("fragment", 44, [vec![6, 1, 0, 9, 0, 0, 0, 1], tcp.clone()].concat(), 6, 8, vec![Ipv6FhNonZeroReservedField]),
    ] {
        let mut chain = None;
        let anomalies = noted(|n| chain = ipv6_chain::walk(first, &bytes, &mut |a| n.push(a)).ok());
        assert_eq!(chain.map(|c| (c.proto, c.len)), Some((proto, len)), "{name}");
        assert_eq!(anomalies, expected, "{name}");
    }
}

/// What a chain notes, whether or not it ends well.
fn chain_notes(first: u8, bytes: &[u8]) -> Vec<Anomaly> {
    noted(|n| {
        let _ = ipv6_chain::walk(first, bytes, &mut |a| n.push(a));
    })
}

#[test]
fn ipv6_headers_that_come_too_often_are_noted() {
    use Anomaly::*;
    for (kind, times, anomaly) in [
        (0, 2, Ipv6ExthdrDuplHh),
        (43, 2, Ipv6ExthdrDuplRh),
        (60, 3, Ipv6ExthdrDuplDh),
        (51, 2, Ipv6ExthdrDuplAh),
        (44, 2, Ipv6ExthdrDuplFh),
    ] {
        let header = |next| [next, 0, 0, 0, 0, 0, 0, 0];
        let mut bytes: Vec<u8> = (1..times).flat_map(|_| header(kind)).collect();
        bytes.extend(header(59));
        let anomalies = chain_notes(kind, &bytes);
        assert_eq!(anomalies.iter().filter(|a| **a == anomaly).count(), 1, "{kind}: {anomalies:?}");
        bytes.drain(..8);
        let anomalies = chain_notes(kind, &bytes);
        assert!(!anomalies.contains(&anomaly), "{kind}: {anomalies:?}");
    }
}

#[test]
fn ipv6_chains_end() {
    let endless = [0; 1000];
    assert_eq!(ipv6_chain::walk(0, &endless, &mut |_| {}), Err(Malformed(Anomaly::TooManyLayers)));
    for cut in 0..8 {
        let short = &[6, 0, 1, 4, 0, 0, 0, 0][..cut];
        assert_eq!(ipv6_chain::walk(0, short, &mut |_| {}), Err(Malformed(Anomaly::Ipv6TruncExthdr)), "{cut}");
    }
    let nothing_behind = [6, 0, 1, 4, 0, 0, 0, 0, 1];
    assert_eq!(ipv6_chain::walk(0, &nothing_behind, &mut |_| {}), Err(Malformed(Anomaly::Ipv6TruncExthdr)));
}

#[test]
fn icmp_types_and_codes_are_checked() {
    use Anomaly::*;
    use icmp::Version::{V4, V6};
    for (version, kind, code, hop_limit, expected) in [
        (V4, 8, 0, 64, vec![]),
        (V4, 8, 1, 64, vec![Icmpv4UnknownCode]),
        (V4, 0x5a, 0, 64, vec![Icmpv4UnknownType]),
        (V4, 9, 16, 64, vec![]),
        (V4, 3, 1, 64, vec![Icmpv4Ipv4TruncPkt]),
        (V4, 3, 16, 64, vec![Icmpv4UnknownCode]),
        (V6, 128, 0, 64, vec![]),
        (V6, 135, 1, 255, vec![Icmpv6UnknownCode]),
        (V6, 131, 0, 1, vec![]),
        (V6, 131, 0, 64, vec![Icmpv6MldMessageWithInvalidHl]),
        (V6, 5, 0, 64, vec![Icmpv6UnassignedType]),
        (V6, 200, 0, 64, vec![Icmpv6ExperimentationType]),
        (V6, 255, 0, 64, vec![Icmpv6UnknownType]),
        (V6, 1, 0, 64, vec![Icmpv6Ipv6TruncPkt]),
    ] {
        let bytes = padded(&[kind, code], 12);
        let icmp = icmp::Icmp::parse(&bytes, version).unwrap();
        assert_eq!(noted(|n| icmp.check(hop_limit, &mut |a| n.push(a))), expected, "{version:?} {kind} {code}");
    }
}

#[test]
fn icmp_errors_name_the_flow_that_they_quote() {
    use icmp::{Icmp, Version};
    let mut v4 = padded(&[3, 3], 8);
    v4.extend([0x45, 0, 1, 0, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0x12, 0x34, 0, 53]);
    let embedded = Icmp::parse(&v4, Version::V4).unwrap().embedded().unwrap();
    assert_eq!((embedded.src.to_string(), embedded.dst.to_string()), ("10.0.0.1".into(), "10.0.0.2".into()));
    assert_eq!((embedded.sport, embedded.dport, embedded.proto), (0x1234, 53, 17));
    v4[8] = 0x65;
    let odd = Icmp::parse(&v4, Version::V4).unwrap();
    assert_eq!(odd.embedded(), None);
    assert_eq!(noted(|n| odd.check(64, &mut |a| n.push(a))), [Anomaly::Icmpv4Ipv4UnknownVer]);

    let mut v6 = padded(&[1, 4], 8);
    v6.extend(padded(&[0x60, 0, 0, 0, 1, 0, 60, 64], 40));
    v6.extend([6, 0, 4, 1, 0, 1, 1, 0, 0, 80, 0x12, 0x34]);
    let embedded = Icmp::parse(&v6, Version::V6).unwrap().embedded().unwrap();
    assert_eq!((embedded.sport, embedded.dport, embedded.proto), (80, 0x1234, 6));
    v6[8] = 0x40;
    let odd = Icmp::parse(&v6, Version::V6).unwrap();
    assert_eq!(noted(|n| odd.check(64, &mut |a| n.push(a))), [Anomaly::Icmpv6Ipv6UnknownVersion]);
    // An echo quotes nothing.
    v6[0] = 128;
    assert_eq!(Icmp::parse(&v6, Version::V6).unwrap().embedded(), None);
}
