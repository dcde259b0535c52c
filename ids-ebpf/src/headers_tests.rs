extern crate std;

use std::vec::Vec;

use proptest::prelude::*;

use super::*;

fn eth(tags: &[(u16, u16)], kind: u16) -> Vec<u8> {
    let mut frame = std::vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
    for (tag, id) in tags {
        frame.extend(tag.to_be_bytes());
        frame.extend(id.to_be_bytes());
    }
    frame.extend(kind.to_be_bytes());
    frame
}

fn ipv4(proto: u8, fragment: u16, options: usize, payload: &[u8]) -> Vec<u8> {
    let header = 20 + options;
    let mut packet = std::vec![0; header];
    packet[0] = 0x40 | (header / 4) as u8;
    packet[2..4].copy_from_slice(&((header + payload.len()) as u16).to_be_bytes());
    packet[6..8].copy_from_slice(&fragment.to_be_bytes());
    packet[8..10].copy_from_slice(&[64, proto]);
    packet[12..20].copy_from_slice(&[10, 0, 0, 1, 10, 0, 0, 2]);
    packet.extend(payload);
    packet
}

fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = std::vec![0; 40];
    packet[0] = 0x60;
    packet[4..6].copy_from_slice(&(payload.len() as u16).to_be_bytes());
    packet[6..8].copy_from_slice(&[next, 64]);
    packet[8] = 0x20;
    packet[23] = 1;
    packet[24] = 0x20;
    packet[39] = 2;
    packet.extend(payload);
    packet
}

fn tcp(flags: u8) -> Vec<u8> {
    let mut segment = std::vec![0; 20];
    segment[..4].copy_from_slice(&[0x04, 0xd2, 0, 80]);
    segment[12..14].copy_from_slice(&[0x50, flags]);
    segment
}

fn udp(data: usize) -> Vec<u8> {
    let mut datagram = std::vec![0; 8 + data];
    datagram[..6].copy_from_slice(&[0x04, 0xd2, 0, 53, 0, 8 + data as u8]);
    datagram
}

fn arp(operation: u8) -> Vec<u8> {
    let mut packet = std::vec![0; 28];
    packet[..8].copy_from_slice(&[0, 1, 8, 0, 6, 4, 0, operation]);
    packet
}

fn join(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

#[test]
fn classes() {
    let plain = eth(&[], IPV4);
    let with = |packet: Vec<u8>| join(&[&plain, &packet]);
    let with6 = |packet: Vec<u8>| join(&[&eth(&[], IPV6), &packet]);
    let bad = |at: usize, byte: u8| {
        let mut frame = with(ipv4(TCP, 0, 0, &tcp(0x10)));
        frame[at] = byte;
        frame
    };
    let cases: &[(&str, Vec<u8>, Class)] = &[
        ("empty", Vec::new(), Class::Malformed),
        ("13 bytes", eth(&[], 0)[..13].to_vec(), Class::Malformed),
        ("arp", join(&[&eth(&[], ARP), &arp(1)]), Class::NonIp),
        ("arp in a vlan", join(&[&eth(&[(VLAN, 7)], ARP), &arp(9)]), Class::NonIp),
        ("arp of another kind", join(&[&eth(&[], ARP), &arp(5)]), Class::Malformed),
        ("arp cut off", join(&[&eth(&[], ARP), &arp(1)[..27]]), Class::Malformed),
        ("802.3", join(&[&eth(&[], 38), &[0; 38]]), Class::Unknown),
        ("lldp", join(&[&eth(&[], 0x88cc), &[0; 38]]), Class::Unknown),
        ("mpls", join(&[&eth(&[], 0x8847), &[0; 38]]), Class::Unknown),
        ("pppoe session", join(&[&eth(&[], 0x8864), &[0; 38]]), Class::Unknown),
        ("tcp", with(ipv4(TCP, 0, 0, &tcp(0x10))), Class::Whole),
        ("tcp, don't fragment", with(ipv4(TCP, 0x4000, 0, &tcp(0x10))), Class::Whole),
        ("ip options", with(ipv4(TCP, 0, 40, &tcp(0x10))), Class::Partly),
        ("ip options, tcp header of 16", with(ipv4(TCP, 0, 4, &[0; 20])), Class::Malformed),
        ("padded to 60 bytes", join(&[&with(ipv4(TCP, 0, 0, &tcp(0x10))), &[0; 6]]), Class::Whole),
        ("first fragment", with(ipv4(TCP, 0x2000, 0, &tcp(0x10))), Class::Fragment),
        ("last fragment", with(ipv4(TCP, 0x0001, 0, &[0; 8])), Class::Fragment),
        ("ip version 5", bad(14, 0x55), Class::Malformed),
        ("ip header of 16", bad(14, 0x44), Class::Malformed),
        ("ip length below the header", bad(17, 19), Class::Malformed),
        ("ip length beyond the frame", bad(17, 41), Class::Malformed),
        ("tcp header of 16", bad(46, 0x40), Class::Malformed),
        ("tcp header beyond the packet", bad(46, 0x60), Class::Malformed),
        ("tcp of 19 bytes", with(ipv4(TCP, 0, 0, &tcp(0)[..19])), Class::Malformed),
        ("udp", with(ipv4(UDP, 0, 0, &udp(4))), Class::Whole),
        ("udp length beyond the packet", with(ipv4(UDP, 0, 0, &udp(4)[..11])), Class::Malformed),
        ("udp length below 8", with(ipv4(UDP, 0, 0, &[0; 8])), Class::Malformed),
        ("echo", with(ipv4(ICMP4, 0, 0, &[8, 0, 0, 0, 0, 0, 0, 0])), Class::Whole),
        ("echo with a code", with(ipv4(ICMP4, 0, 0, &[8, 1, 0, 0, 0, 0, 0, 0])), Class::Partly),
        ("icmp that quotes", with(ipv4(ICMP4, 0, 0, &[3, 0, 0, 0, 0, 0, 0, 0])), Class::Partly),
        ("icmp of 7 bytes", with(ipv4(ICMP4, 0, 0, &[8, 0, 0, 0, 0, 0, 0])), Class::Malformed),
        ("icmpv6 in ipv4", with(ipv4(ICMP6, 0, 0, &[128, 0, 0, 0, 0, 0, 0, 0])), Class::Partly),
        ("sctp", with(ipv4(SCTP, 0, 0, &[0; 12])), Class::Whole),
        ("igmp", with(ipv4(2, 0, 0, &[])), Class::Whole),
        ("esp", with(ipv4(ESP, 0, 0, &[0; 8])), Class::Partly),
        ("ip in ip", with(ipv4(IN_IPV4, 0, 0, &[0; 8])), Class::Partly),
        ("udp-lite", with(ipv4(UDP_LITE, 0, 0, &[0; 8])), Class::Whole),
        ("ipv6 tcp", with6(ipv6(TCP, &tcp(2))), Class::Whole),
        (
            "ipv6 hop-by-hop, routing",
            with6(ipv6(0, &join(&[&[43, 0], &[0; 6], &[6, 1], &[0; 14], &tcp(2)]))),
            Class::Partly,
        ),
        ("ipv6 authentication", with6(ipv6(51, &join(&[&[6, 4], &[0; 22], &tcp(2)]))), Class::Partly),
        ("ipv6 first fragment", with6(ipv6(44, &join(&[&[6, 0, 0, 1], &[0; 4], &tcp(2)]))), Class::Fragment),
        ("ipv6 last fragment", with6(ipv6(44, &join(&[&[6, 0, 0, 8], &[0; 4], &tcp(2)]))), Class::Fragment),
        ("ipv6 in one fragment", with6(ipv6(44, &join(&[&[6, 0], &[0; 6], &tcp(2)]))), Class::Unknown),
        ("ipv6 mobility", with6(ipv6(135, &[59, 0, 0, 0, 0, 0, 0, 0])), Class::Partly),
        ("icmp in ipv6", with6(ipv6(ICMP4, &[8, 0, 0, 0, 0, 0, 0, 0])), Class::Partly),
        ("ipv6 extension beyond the packet", with6(ipv6(0, &[6, 200, 0, 0, 0, 0, 0, 0])), Class::Malformed),
        ("ipv6 nothing follows", with6(ipv6(59, &[])), Class::Partly),
        ("ipv6 eight extensions", with6(ipv6(60, &[[60, 0, 0, 0, 0, 0, 0, 0]; 8].concat())), Class::Unknown),
        ("ipv6 length beyond the frame", with6(ipv6(6, &tcp(2))[..59].to_vec()), Class::Malformed),
        ("ipv6 jumbogram", with6(join(&[&ipv6(0, &[]), &[6, 0, 0xc2, 4, 0, 1, 0, 0]])), Class::Malformed),
        ("one tag", join(&[&eth(&[(VLAN, 7)], IPV4), &ipv4(TCP, 0, 0, &tcp(2))]), Class::Whole),
        ("two tags", join(&[&eth(&[(VLAN_AD, 7), (VLAN, 9)], IPV4), &ipv4(TCP, 0, 0, &tcp(2))]), Class::Whole),
        ("an old service tag", join(&[&eth(&[(VLAN_OLD, 7)], IPV4), &ipv4(TCP, 0, 0, &tcp(2))]), Class::Whole),
        ("three tags", join(&[&eth(&[(VLAN, 7); 3], IPV4), &ipv4(TCP, 0, 0, &tcp(2))]), Class::Unknown),
        ("cut in a tag", eth(&[(VLAN, 7)], 0)[..17].to_vec(), Class::Malformed),
    ];
    for (name, frame, class) in cases {
        assert_eq!(Headers::parse(frame.as_slice()).class, *class, "{name}");
    }
}

#[test]
fn tcp_options() {
    let sack = [&[1, 1, 5, 34][..], &[0; 32]].concat();
    let both = [&[1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 1, 5, 10][..], &[0; 8]].concat();
    let cases: &[(&str, &[u8], bool)] = &[
        ("none", &[], true),
        ("timestamps", &[1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2], true),
        ("four selective acknowledgments", &sack, true),
        ("timestamps and one selective acknowledgment", &both, true),
        ("more than that", &[&both[..], &[1; 4]].concat(), false),
        ("selective acknowledgments cut off", &sack[..32], false),
        ("timestamps cut off", &[1, 1, 8, 10], false),
        ("twice", &[1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2], false),
        ("those of a SYN", &[2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 3, 3, 7], false),
        ("a wrong length", &[1, 1, 8, 12, 0, 0, 0, 1, 0, 0, 0, 2], false),
        ("not aligned", &[8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 1], false),
        ("a rare one", &[34, 2, 1, 1], false),
    ];
    for (name, options, usual) in cases {
        let mut segment = tcp(2);
        segment[12] += (options.len() as u8 / 4) << 4;
        segment.extend(*options);
        // What follows the options must not be taken for one.
        segment.extend([2; 8]);
        let frame = join(&[&eth(&[], IPV4), &ipv4(TCP, 0, 0, &segment)]);
        let class = if *usual { Class::Whole } else { Class::Partly };
        assert_eq!(Headers::parse(frame.as_slice()).class, class, "{name}");
    }
}

#[test]
fn fields() {
    let frame = join(&[&eth(&[(VLAN_AD, 0xe007), (VLAN, 9)], IPV4), &ipv4(TCP, 0, 4, &tcp(0x12))]);
    let found = Headers::parse(frame.as_slice());
    assert_eq!(found.vlan, [7, 9]);
    assert_eq!((found.version, found.proto, found.tcp_flags), (4, 6, 0x12));
    assert_eq!((found.src, found.dst), (Addr::v4([10, 0, 0, 1]), Addr::v4([10, 0, 0, 2])));
    assert_eq!((found.src_port, found.dst_port), (1234, 80));
    assert!(!found.opens() && found.turns() && !found.carries());
    for (flags, data, turns, carries) in [(0x10, &b""[..], false, false), (0x18, b"a", false, true)] {
        let segment = join(&[&tcp(flags), data]);
        // Padding of a short frame is no data.
        let frame = join(&[&eth(&[], IPV4), &ipv4(TCP, 0, 0, &segment), &[0; 6]]);
        let found = Headers::parse(frame.as_slice());
        assert_eq!((found.turns(), found.carries()), (turns, carries), "{flags:x}");
    }

    let frame = join(&[&eth(&[], IPV6), &ipv6(0, &join(&[&[58, 0], &[0; 6], &[135, 0, 0, 0, 0, 0, 0, 0]]))]);
    let found = Headers::parse(frame.as_slice());
    assert_eq!((found.version, found.proto, found.icmp_type), (6, 58, 135));
    assert_eq!(found.src, Addr::v6([0x20, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 1]));
    assert_eq!((found.src_port, found.dst_port), (135, 136));
}

#[test]
fn a_fragment_has_addresses_to_block_on() {
    let frame = join(&[&eth(&[], IPV4), &ipv4(UDP, 0x2000, 0, &udp(4))]);
    let found = Headers::parse(frame.as_slice());
    assert_eq!((found.class, found.version), (Class::Fragment, 4));
    assert_eq!(found.src, Addr::v4([10, 0, 0, 1]));
}

proptest! {
    /// A whole packet cut anywhere is not whole any more, and nothing panics.
    #[test]
    fn cut_anywhere(cut in 0usize..74, tags in 0usize..3, six: bool) {
        let tags = std::vec![(VLAN, 7); tags];
        let frame = if six {
            join(&[&eth(&tags, IPV6), &ipv6(TCP, &tcp(2))])
        } else {
            join(&[&eth(&tags, IPV4), &ipv4(TCP, 0, 0, &tcp(2))])
        };
        prop_assert_eq!(Headers::parse(frame.as_slice()).class, Class::Whole);
        if cut < frame.len() {
            prop_assert_eq!(Headers::parse(&frame[..cut]).class, Class::Malformed);
        }
    }

    /// Any bytes give some class.
    #[test]
    fn any_bytes(tail in proptest::collection::vec(any::<u8>(), 0..120), kind in prop_oneof![Just(IPV4), Just(IPV6), Just(VLAN), any::<u16>()]) {
        Headers::parse(join(&[&eth(&[], kind), &tail]).as_slice());
    }
}
