//! Several engines behind one port say what one would, whichever of them receives a packet.

use std::sync::Arc;

use etherparse::{IcmpEchoHeader, Icmpv4Type, Ipv4Header, PacketBuilder, icmpv4::DestUnreachableHeader};

use super::compile;
use crate::app::App;
use crate::detect::rule_set::RuleSet;
use crate::detect::shared::Shared;
use crate::engine::fixtures::{self, Carrier, Told, segment};
use crate::engine::{Claim, Engine, Part, Peers, Route};
use crate::packet::{LinkType, Packet, PacketIn};
use crate::time::Time;
use crate::verdict::Verdict;

/// The engines beside one of so many, and what it handed over.
struct Others {
    number: usize,
    engines: usize,
    handed: Vec<(usize, Part)>,
}

impl Peers for Others {
    fn owner(&self, hash: u64) -> Option<usize> {
        Some(Route::worker(hash, self.engines)).filter(|owner| *owner != self.number)
    }

    fn hand_over(&mut self, to: usize, packet: &Packet<'_>, claim: Claim) {
        self.handed.push((to, Part::new(packet, claim)));
    }
}

/// What engines make of frames: their verdicts and what becomes of their bytes, rules that fire, packets of flows.
type Made = (Vec<(Verdict, Vec<u8>)>, Vec<u32>, Vec<[u64; 2]>);

/// Frames go to one engine after the other. Out: what they make of them, and how many parts were handed over.
fn made_by(engines: usize, rules: &RuleSet, frames: &[Vec<u8>]) -> (Made, usize) {
    let config = Arc::new(fixtures::inline());
    let (app, shared) = (Arc::new(App::new(config.app.clone())), Shared::default());
    let mut team: Vec<Engine> =
        (0..engines).map(|_| Engine::new(Arc::clone(&config), Arc::clone(&app), shared.clone())).collect();
    let fragments = team[0].fragments();
    team[1..].iter_mut().for_each(|engine| engine.join(fragments.clone()));
    let (mut told, mut fates, mut handed) = (Told::default(), Vec::new(), 0);
    for (at, frame) in frames.iter().enumerate() {
        let (mut bytes, number) = (frame.clone(), at % engines);
        let (id, time) = (at as u64 + 1, Time::from_micros(1000 + at as u64, 0));
        let packet = PacketIn { id, port: 0, time, link: LinkType::Ethernet, bytes: &mut bytes };
        let mut others = Others { number, engines, handed: Vec::new() };
        let mut owed = team[number].share(rules, &packet, &mut others, &mut told);
        for (mut to, mut part) in others.handed {
            handed += 1;
            assert_eq!(part.id(), id);
            loop {
                let others = Others { number: to, engines, handed: Vec::new() };
                match team[to].take_over(rules, &mut part, &others, &mut told) {
                    Some(other) => to = other,
                    None => break,
                }
            }
            owed.add(&mut part);
        }
        let verdict = team[number].conclude(owed, &mut bytes);
        fates.push((verdict, bytes));
    }
    team.iter_mut().for_each(|engine| engine.finish(rules, &mut told));
    let mut ended: Vec<[u64; 2]> = told.ended.iter().map(|(packets, _)| *packets).collect();
    told.sids.sort_unstable();
    ended.sort_unstable();
    ((fates, told.sids, ended), handed)
}

/// A connection on which a copy of a byte differs from the first, and a request that is not allowed.
fn connection(carrier: Carrier) -> Vec<Vec<u8>> {
    let say = |seq, data: &[u8]| segment(carrier, true, "PA", seq, 501, data);
    vec![
        segment(carrier, true, "S", 100, 0, b""),
        segment(carrier, false, "SA", 500, 101, b""),
        segment(carrier, true, "A", 101, 501, b""),
        say(101, b"GET /one HTTP"),
        segment(carrier, false, "A", 501, 114, b""),
        say(101, b"GET /BAD HTTP"),
        say(114, b" is evil"),
        segment(carrier, false, "A", 501, 114, b""),
        say(122, b"and more"),
    ]
}

fn datagram(from_client: bool, data: &[u8]) -> Vec<u8> {
    let ether = PacketBuilder::ethernet2([2; 6], [4; 6]);
    let udp = if from_client {
        ether.ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64).udp(4000, 53)
    } else {
        ether.ipv4([10, 0, 0, 2], [10, 0, 0, 1], 64).udp(53, 4000)
    };
    let mut frame = Vec::new();
    udp.write(&mut frame, data).unwrap();
    frame
}

/// Says that a packet did not arrive.
fn unreachable(packet: &[u8]) -> Vec<u8> {
    let ip = PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4([10, 0, 0, 2], [10, 0, 0, 1], 64);
    let mut frame = Vec::new();
    ip.icmpv4(Icmpv4Type::DestinationUnreachable(DestUnreachableHeader::Port))
        .write(&mut frame, &packet[14..42])
        .unwrap();
    frame
}

/// An IPv4 packet in two fragments.
fn halves(whole: &[u8]) -> Vec<Vec<u8>> {
    let (head, body) = whole.split_at(34);
    let (first, last) = body.split_at(16);
    let fragment = |part: &[u8], field: u16| {
        let mut ip = Ipv4Header::from_slice(&head[14..]).unwrap().0;
        ip.set_payload_len(part.len()).unwrap();
        let mut bytes = ip.to_bytes();
        bytes[6..8].copy_from_slice(&field.to_be_bytes());
        let sum = Ipv4Header::from_slice(&bytes).unwrap().0.calc_header_checksum();
        bytes[10..12].copy_from_slice(&sum.to_be_bytes());
        [&head[..14], &bytes, part].concat()
    };
    vec![fragment(first, 0x2000), fragment(last, 2)]
}

#[test]
fn whoever_receives_a_packet_its_flow_decides() {
    let rules = compile(
        "drop tcp any any -> any any (flow:established,to_server; content:\"HTTP is evil\"; sid:1;)\n\
         alert udp any any -> any any (content:\"both halves\"; sid:2;)\n\
         drop udp any any -> any any (content:\"never whole\"; sid:3;)\n\
         alert icmp any any -> any any (itype:3; sid:4;)\n",
    );
    let echo = |id| {
        let ip = PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64);
        let mut frame = Vec::new();
        let kind = Icmpv4Type::EchoRequest(IcmpEchoHeader { id, seq: 1 });
        ip.icmpv4(kind).write(&mut frame, b"ping").unwrap();
        frame
    };
    let query = datagram(true, b"a question to nobody");
    let late = halves(&datagram(true, b"this is never whole, is it"));
    let cases: [(&str, Vec<Vec<u8>>); 7] = [
        ("a connection", connection(Carrier::V4)),
        ("over IPv6", connection(Carrier::V6)),
        ("in a tunnel", connection(Carrier::Vxlan)),
        ("fragments", halves(&datagram(true, b"both halves are needed here"))),
        ("late copies of a dropped datagram", [&late[..], &late[1..], &late[1..]].concat()),
        (
            "an error about a flow",
            vec![query.clone(), datagram(false, b"wait"), unreachable(&query), unreachable(&query)],
        ),
        ("an error about none", vec![unreachable(&query), echo(1), unreachable(&query), query.clone()]),
    ];
    for (name, frames) in cases {
        let (alone, _) = made_by(1, &rules, &frames);
        assert!(!alone.2.is_empty(), "{name}: there is a flow: {alone:?}");
        let mut handed = 0;
        for engines in [2, 3, 5, 16] {
            let (together, parts) = made_by(engines, &rules, &frames);
            assert!(together == alone, "{name}, {engines} engines: {together:?}, not {alone:?}");
            handed += parts;
        }
        assert!(handed > 0, "{name}: it was put to the test");
    }
}
