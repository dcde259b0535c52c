//! The program in the kernel, fed by BPF_PROG_RUN: what it decides, and what it counts.

use std::time::Duration;

use aya::programs::loaded_programs;
use ids_ebpf::Outcome::{self, *};
use ids_ebpf::config::{FailPolicy, Mode, PortConfig};
use ids_ebpf::flow::{Dir, FlowKey, Released};
use ids_ebpf::headers::Headers;
use ids_ebpf::interest::{Group, Interest};
use ids_sensor::kernel::clock::Monotonic;
use ids_sensor::kernel::tables::Sides;
use ids_sensor::kernel::{Frames, Pins, Port, Sizes};

use crate::needs_root;
use crate::support::Bench;
use crate::support::packet::{ACK, Frame, SYN, ping, tcp, udp};

const DROP: u32 = 1;
const PASS: u32 = 2;
const REDIRECT: u32 = 4;

const MINUTE: Duration = Duration::from_secs(60);

fn config(mode: Mode, policy: FailPolicy) -> PortConfig {
    PortConfig::new(mode, policy, 3_600_000_000_000)
}

/// A program with a live worker on queue 0, whose socket is open.
fn inspected(mode: Mode) -> Bench {
    let mut bench = Bench::new();
    bench.port.configure(config(mode, FailPolicy::Open)).unwrap();
    bench.inspect();
    bench
}

fn key(frame: &Frame) -> FlowKey {
    FlowKey::of(&Headers::parse(frame.bytes().as_slice()), &config(Mode::Mirror, FailPolicy::Open)).0
}

#[test]
fn a_program_without_configuration_lets_everything_pass() {
    needs_root!();
    let bench = Bench::new();
    assert_eq!(bench.run(&ping("10.0.0.1", "10.0.0.2").bytes()), (FastUnconfigured, PASS));
}

#[test]
fn headers_are_told_apart() {
    needs_root!();
    let mut bench = inspected(Mode::Mirror);
    bench.tables.set_interest(&Interest::NOTHING).unwrap();
    let (a, b) = (("10.0.0.1", 1234), ("10.0.0.2", 80));
    let (a6, b6) = (("2001:db8::1", 1234), ("2001:db8::2", 80));
    let mut truncated = tcp(a, b, ACK, b"").bytes();
    truncated.truncate(50);
    let mut bad_length = udp(a, b, b"four").bytes();
    bad_length[38..40].copy_from_slice(&13u16.to_be_bytes());
    let mut no_arp = vec![0xff; 14];
    no_arp[12..].copy_from_slice(&[0x88, 0x47]);
    no_arp.extend([0; 46]);
    let mut arp = no_arp.clone();
    arp[12..22].copy_from_slice(&[0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 1]);
    let mut odd_arp = arp.clone();
    odd_arp[18] = 8;
    let mut snap = no_arp.clone();
    snap[12..22].copy_from_slice(&[0, 46, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0]);
    let options = |options: &[u8]| {
        let mut frame = tcp(a, b, ACK, options);
        frame.payload[12] = 0x50 + ((options.len() as u8 / 4) << 4);
        frame.bytes()
    };
    let extension = |kind: u8, after: u8, size: usize| {
        let mut frame = tcp(a6, b6, ACK, b"");
        let mut head = vec![0; size];
        head[0] = after;
        head[1] = (size / 8 - 1) as u8;
        head.extend(&frame.payload);
        frame.payload = head;
        frame.next = kind;
        frame.bytes()
    };
    let mut ipv6_fragment = extension(44, 6, 8);
    ipv6_fragment[14 + 40 + 3] = 1;
    let cases: Vec<(&str, Vec<u8>, Outcome)> = vec![
        ("tcp", tcp(a, b, ACK, b"").bytes(), FastUninteresting),
        ("tcp6", tcp(a6, b6, ACK, b"").bytes(), FastUninteresting),
        ("udp", udp(a, b, b"x").bytes(), FastUninteresting),
        ("icmp", ping("10.0.0.1", "10.0.0.2").bytes(), FastUninteresting),
        ("icmp6", ping("::1", "::2").bytes(), FastUninteresting),
        ("sctp", Frame::new("10.0.0.1", "10.0.0.2", 132, vec![0; 12]).bytes(), FastUninteresting),
        ("igmp", Frame::new("10.0.0.1", "10.0.0.2", 2, vec![0; 4]).bytes(), FastUninteresting),
        ("gre", Frame::new("10.0.0.1", "10.0.0.2", 47, vec![0; 4]).bytes(), InspectUnknown),
        ("timestamps", options(&[1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2]), FastUninteresting),
        ("a SYN's", options(&[2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 3, 3, 7]), InspectUnknown),
        ("an option twice", options(&[2, 4, 5, 180, 2, 4, 5, 180]), InspectUnknown),
        ("an option cut off", options(&[1, 1, 1, 8]), InspectUnknown),
        ("a rare option", options(&[254, 4, 0, 0]), InspectUnknown),
        ("unreachable", Frame::new("10.0.0.1", "10.0.0.2", 1, vec![3; 36]).bytes(), InspectUnknown),
        ("one tag", tcp(a, b, ACK, b"").vlan(0x8100, 7).bytes(), FastUninteresting),
        ("two tags", tcp(a, b, ACK, b"").vlan(0x8100, 7).vlan(0x88a8, 8).bytes(), FastUninteresting),
        ("three tags", tcp(a, b, ACK, b"").vlan(0x8100, 7).vlan(0x8100, 7).vlan(0x8100, 7).bytes(), InspectUnknown),
        ("arp", arp, FastUninteresting),
        ("arp for longer addresses", odd_arp, InspectMalformed),
        ("802.3 with a type", snap, InspectUnknown),
        ("mpls", no_arp, InspectUnknown),
        ("first fragment", tcp(a, b, ACK, b"").fragment(0x2000).bytes(), InspectFragment),
        ("later fragment", udp(a, b, b"").fragment(0x0010).bytes(), InspectFragment),
        ("truncated", truncated, InspectMalformed),
        ("udp length", bad_length, InspectMalformed),
        ("hop-by-hop", extension(0, 6, 8), InspectUnknown),
        ("destination options of 264 bytes", extension(60, 6, 264), InspectUnknown),
        ("ipv6 fragment", ipv6_fragment, InspectFragment),
        ("ipv6 in one fragment", extension(44, 6, 8), InspectUnknown),
        ("mobility", extension(135, 6, 8), InspectUnknown),
        ("1500 bytes", tcp(a, b, ACK, &[0; 1460]).bytes(), FastUninteresting),
    ];
    for (name, frame, outcome) in cases {
        let action = if outcome == FastUninteresting { DROP } else { REDIRECT };
        assert_eq!(bench.run(&frame), (outcome, action), "{name}");
    }
}

#[test]
fn interest_by_port_and_its_replacement() {
    needs_root!();
    let mut bench = inspected(Mode::Mirror);
    let web = tcp(("10.0.0.1", 1234), ("10.0.0.2", 80), ACK, b"").bytes();
    let back = tcp(("10.0.0.2", 80), ("10.0.0.1", 1234), ACK, b"").bytes();
    let dns = udp(("10.0.0.1", 1234), ("10.0.0.2", 53), b"").bytes();
    assert_eq!(bench.run(&dns), (Inspect, REDIRECT), "everything is of interest by default");
    let mut some = Box::new(Interest::NOTHING);
    some.want_port(Group::Tcp, 80);
    bench.tables.set_interest(&some).unwrap();
    assert_eq!(bench.run(&web), (Inspect, REDIRECT));
    assert_eq!(bench.run(&back), (Inspect, REDIRECT));
    assert_eq!(bench.run(&dns), (FastUninteresting, DROP));
    *some = Interest::NOTHING;
    some.want_all(Group::Udp);
    bench.tables.set_interest(&some).unwrap();
    assert_eq!(bench.run(&web), (FastUninteresting, DROP));
    assert_eq!(bench.run(&dns), (Inspect, REDIRECT));
}

#[test]
fn frames_of_a_host_pass_to_its_stack() {
    needs_root!();
    let mut bench = Bench::new();
    let web = tcp(("10.0.0.1", 1234), ("10.0.0.2", 80), ACK, b"");
    bench.port.configure(config(Mode::Host, FailPolicy::Closed)).unwrap();
    assert_eq!(bench.run(&web.bytes()), (DropClosed, DROP), "nobody lives");
    bench.port.configure(config(Mode::Host, FailPolicy::Open)).unwrap();
    assert_eq!(bench.run(&web.bytes()), (FastSilent, PASS));
    bench.port.heartbeat().unwrap().beat(0, Monotonic::now()).unwrap();
    assert_eq!(bench.run(&web.bytes()), (Inspect, PASS), "without any AF_XDP socket");
    bench.tables.flows.release(&key(&web), MINUTE, &Released::default()).unwrap();
    assert_eq!(bench.run(&web.bytes()), (FastReleased, PASS));
    let released = bench.tables.flows.recall(&key(&web)).unwrap().unwrap();
    assert_eq!(released.carried[0].packets + released.carried[1].packets, 0, "copies are counted, not frames");
    bench.tables.flows.block(&key(&web), MINUTE, 9).unwrap();
    bench.tables.allow("10.0.0.2".parse().unwrap()).unwrap();
    assert_eq!(bench.run(&web.bytes()), (DropFlow, DROP), "this machine shields none of its flows");
    bench.tables.allow("10.0.0.1".parse().unwrap()).unwrap();
    assert_eq!(bench.run(&web.bytes()), (Inspect, PASS), "who sends does");
}

#[test]
fn hosts_are_blocked_by_side_prefix_and_time() {
    needs_root!();
    let mut bench = inspected(Mode::Mirror);
    let there = ping("10.0.0.1", "10.0.0.2").bytes();
    let back = ping("10.0.0.2", "10.0.0.1").bytes();
    let tables = &mut bench.tables;
    tables.block("10.0.0.1".parse().unwrap(), Sides::Source, Duration::from_millis(300), 7).unwrap();
    assert_eq!(bench.run(&there), (DropHost, DROP));
    assert_eq!(bench.run(&back), (Inspect, REDIRECT));
    let blocks = bench.tables.blocks().unwrap();
    assert_eq!((blocks.len(), blocks[0].hits, blocks[0].sid), (1, 1, 7));
    std::thread::sleep(Duration::from_millis(350));
    assert_eq!(bench.run(&there), (Inspect, REDIRECT), "the block has run out");

    // The host's entry, which has run out, must not hide the network's.
    bench.tables.block("10.0.0.0/8".parse().unwrap(), Sides::Both, MINUTE, 8).unwrap();
    assert_eq!(bench.run(&there), (DropHost, DROP));
    assert_eq!(bench.run(&back), (DropHost, DROP));
    assert_eq!(bench.tables.sweep().unwrap(), 1);
    assert_eq!(bench.run(&there), (DropHost, DROP));

    bench.tables.allow("10.0.0.1".parse().unwrap()).unwrap();
    assert_eq!(bench.run(&there), (DropHost, DROP), "the other end is not shielded");
    bench.tables.allow("10.0.0.2".parse().unwrap()).unwrap();
    assert_eq!(bench.run(&there), (Inspect, REDIRECT));
    assert_eq!(bench.tables.allowed().unwrap().len(), 2);
    assert!(bench.tables.disallow("10.0.0.2".parse().unwrap()).unwrap());
    assert!(!bench.tables.disallow("10.0.0.2".parse().unwrap()).unwrap());
    assert!(bench.tables.unblock("10.0.0.0/8".parse().unwrap()).unwrap());
    assert_eq!(bench.run(&there), (Inspect, REDIRECT));

    let six = tcp(("2001:db8::1", 1), ("2001:db8:0:1::1", 2), ACK, b"").vlan(0x8100, 5).bytes();
    assert_eq!(bench.run(&six), (Inspect, REDIRECT));
    bench.tables.block("2001:db8:0:1::/64".parse().unwrap(), Sides::Destination, MINUTE, 0).unwrap();
    assert_eq!(bench.run(&six), (DropHost, DROP));
}

#[test]
fn a_blocked_host_is_blocked_in_fragments_too() {
    needs_root!();
    let mut bench = inspected(Mode::Mirror);
    bench.tables.block("10.0.0.1".parse().unwrap(), Sides::Both, MINUTE, 7).unwrap();
    let fragment = udp(("10.0.0.1", 1), ("10.0.0.2", 2), b"12345678").fragment(0x2000).bytes();
    assert_eq!(bench.run(&fragment), (DropHost, DROP));
}

#[test]
fn flows_are_blocked_in_both_directions() {
    needs_root!();
    let mut bench = inspected(Mode::Mirror);
    let there = tcp(("10.0.0.1", 1234), ("10.0.0.2", 80), ACK, b"").vlan(0x8100, 7);
    let back = tcp(("10.0.0.2", 80), ("10.0.0.1", 1234), ACK, b"").vlan(0x8100, 7);
    let elsewhere = tcp(("10.0.0.2", 80), ("10.0.0.1", 1234), ACK, b"");
    bench.tables.flows.block(&key(&there), MINUTE, 9).unwrap();
    assert_eq!(bench.run(&there.bytes()), (DropFlow, DROP));
    assert_eq!(bench.run(&back.bytes()), (DropFlow, DROP));
    assert_eq!(bench.run(&elsewhere.bytes()), (Inspect, REDIRECT), "another VLAN");
    let blocks = bench.tables.flows.blocks().unwrap();
    assert_eq!((blocks.len(), blocks[0].hits, blocks[0].sid, blocks[0].key), (1, 2, 9, key(&back)));
    bench.tables.allow("10.0.0.2".parse().unwrap()).unwrap();
    assert_eq!(bench.run(&there.bytes()), (Inspect, REDIRECT), "either end shields");
    assert!(bench.tables.flows.unblock(&key(&there)).unwrap());
    assert!(!bench.tables.flows.unblock(&key(&there)).unwrap());
}

#[test]
fn a_released_flow_is_counted_until_its_tuple_is_used_again() {
    needs_root!();
    let mut bench = inspected(Mode::Mirror);
    let there = tcp(("10.0.0.1", 1234), ("10.0.0.2", 80), ACK, b"data");
    let back = tcp(("10.0.0.2", 80), ("10.0.0.1", 1234), ACK | 8, b"");
    let again = tcp(("10.0.0.1", 1234), ("10.0.0.2", 80), SYN, b"");
    bench.tables.flows.release(&key(&there), MINUTE, &Released::default()).unwrap();
    assert_eq!(bench.run(&there.bytes()), (FastReleased, DROP));
    assert_eq!(bench.run(&there.bytes()), (FastReleased, DROP));
    assert_eq!(bench.run(&back.bytes()), (FastReleased, DROP));
    assert_eq!(bench.run(&again.bytes()), (InspectRecall, REDIRECT));
    assert_eq!(bench.run(&there.bytes()), (Inspect, REDIRECT));
    let ended = bench.tables.flows.recall(&key(&there)).unwrap().unwrap();
    let [up, down] = ended.carried;
    assert_eq!((up.packets, up.bytes, up.tcp_flags), (2, 2 * 58, 0x10));
    assert_eq!((down.packets, down.bytes, down.tcp_flags), (1, 54, 0x18));
    assert!(up.last > ended.since);
    assert_eq!(bench.tables.flows.recall(&key(&there)).unwrap(), None);
}

#[test]
fn blocks_and_releases_hold_whatever_a_flow_travels_in() {
    needs_root!();
    let v4 = (("10.0.0.1", 1234), ("10.0.0.2", 80));
    let v6 = (("fd00::1", 1234), ("fd00::2", 80));
    let vxlan = |frame: Frame| {
        let inner = [&[8, 0, 0, 0, 0, 0, 7, 0][..], &frame.bytes()].concat();
        udp(("10.9.0.1", 5000), ("10.9.0.2", 4789), &inner)
    };
    type Case = (&'static str, ((&'static str, u16), (&'static str, u16)), fn(Frame) -> Frame, bool);
    let cases: [Case; 5] = [
        ("plain", v4, |frame| frame, true),
        ("VLAN", v4, |frame| frame.vlan(0x8100, 7), true),
        ("QinQ", v4, |frame| frame.vlan(0x8100, 9).vlan(0x88a8, 7), true),
        ("IPv6", v6, |frame| frame, true),
        // The kernel stage does not look into it: what is known of the inner flow is the engine's business.
        ("VXLAN", v4, vxlan, false),
    ];
    for (name, (client, server), wrap, reached) in cases {
        let mut bench = inspected(Mode::Mirror);
        let (data, answer) = (wrap(tcp(client, server, ACK, b"data")), wrap(tcp(server, client, ACK, b"")));
        // What the engine names, by the inner flow.
        let inner = match reached {
            true => key(&data),
            false => key(&tcp(client, server, ACK, b"")),
        };
        let expect = |outcome, action| if reached { (outcome, action) } else { (Inspect, REDIRECT) };
        bench.tables.flows.block(&inner, MINUTE, 9).unwrap();
        assert_eq!(bench.run(&data.bytes()), expect(DropFlow, DROP), "{name}");
        assert_eq!(bench.run(&answer.bytes()), expect(DropFlow, DROP), "{name}, back");
        let hits = bench.tables.flows.blocks().unwrap()[0].hits;
        assert_eq!(hits, if reached { 2 } else { 0 }, "{name}");
        assert!(bench.tables.flows.unblock(&inner).unwrap());

        // The client is the smaller endpoint, and what it sends is watched.
        bench
            .tables
            .flows
            .release(&inner, MINUTE, &Released { watched: Released::watch(Dir::Up), ..Released::default() })
            .unwrap();
        assert_eq!(bench.run(&answer.bytes()), expect(FastReleased, DROP), "{name}");
        assert_eq!(bench.run(&answer.bytes()), expect(FastReleased, DROP), "{name}");
        assert_eq!(bench.run(&data.bytes()), expect(InspectRecall, REDIRECT), "{name}: watched");
        assert_eq!(bench.run(&answer.bytes()), (Inspect, REDIRECT), "{name}: the release is over");
        let [up, down] = bench.tables.flows.recall(&inner).unwrap().unwrap().carried;
        let length = answer.bytes().len() as u64;
        assert_eq!(
            (up.packets, down.packets, down.bytes),
            if reached { (0, 2, 2 * length) } else { (0, 0, 0) },
            "{name}"
        );
    }
}

#[test]
fn a_released_flow_is_over_when_it_was_silent_for_too_long() {
    needs_root!();
    let mut bench = inspected(Mode::Mirror);
    let there = tcp(("10.0.0.1", 1234), ("10.0.0.2", 80), ACK, b"data");
    for (idle, outcomes) in [
        (Duration::ZERO, [(FastReleased, DROP), (FastReleased, DROP)]),
        (MINUTE, [(FastReleased, DROP), (FastReleased, DROP)]),
        (Duration::from_nanos(1), [(InspectRecall, REDIRECT), (Inspect, REDIRECT)]),
    ] {
        bench.tables.flows.release(&key(&there), idle, &Released::default()).unwrap();
        assert_eq!([bench.run(&there.bytes()), bench.run(&there.bytes())], outcomes, "{idle:?}");
    }
    bench.tables.flows.release(&key(&there), MINUTE, &Released::default()).unwrap();
    bench.tables.flows.recall_all().unwrap();
    assert_eq!(bench.run(&there.bytes()), (Inspect, REDIRECT));
}

#[test]
fn nobody_inspects() {
    needs_root!();
    let frame = ping("10.0.0.1", "10.0.0.2").bytes();
    // No socket on the queue.
    let mut bench = Bench::new();
    bench.port.heartbeat().unwrap().beat(0, Monotonic::now()).unwrap();
    bench.port.configure(config(Mode::Mirror, FailPolicy::Open)).unwrap();
    assert_eq!(bench.run(&frame), (FastNoSocket, DROP));
    bench.port.configure(config(Mode::Inline, FailPolicy::Open)).unwrap();
    assert_eq!(bench.run(&frame), (DropNoPeer, DROP));
    bench.port.set_peer(1).unwrap();
    assert_eq!(bench.run(&frame), (FastNoSocket, REDIRECT));
    bench.port.configure(config(Mode::Inline, FailPolicy::Closed)).unwrap();
    assert_eq!(bench.run(&frame), (DropClosed, DROP));

    // A worker that has gone silent.
    let mut bench = inspected(Mode::Inline);
    bench.port.set_peer(1).unwrap();
    bench.port.configure(PortConfig { deadline: 20_000_000, ..config(Mode::Inline, FailPolicy::Open) }).unwrap();
    let mut heartbeat = bench.port.heartbeat().unwrap();
    heartbeat.beat(0, Monotonic::now()).unwrap();
    std::thread::sleep(Duration::from_millis(30));
    assert_eq!(bench.run(&frame), (FastSilent, REDIRECT));
    bench.tables.block("10.0.0.1".parse().unwrap(), Sides::Both, MINUTE, 0).unwrap();
    assert_eq!(bench.run(&frame), (DropHost, DROP), "blocks still hold");
    assert!(bench.tables.unblock("10.0.0.1".parse().unwrap()).unwrap());
    bench.port.configure(PortConfig { deadline: 20_000_000, ..config(Mode::Inline, FailPolicy::Closed) }).unwrap();
    assert_eq!(bench.run(&frame), (DropClosed, DROP));
}

/// How many instructions the kernel goes through to accept a program: it gives up at a million, and a port waits meanwhile.
#[test]
fn programs_are_verified_in_few_steps() {
    needs_root!();
    let pins = Pins::private().unwrap();
    let load = |frames| Port::load(&pins, Sizes::default(), "lo", frames).unwrap();
    let mut ports = [load(Frames::OneBuffer), load(Frames::Several)];
    ports[0].copy_filter().unwrap();
    for name in ["ids", "ids_frags", "ids_copies"] {
        let all = loaded_programs().filter_map(Result::ok);
        let steps =
            all.filter(|program| program.name_as_str() == Some(name)).map(|one| one.verified_instruction_count());
        let most = steps.max().flatten().unwrap();
        println!("{name}: {most}");
        assert!(most < 150_000, "{name}: {most}");
    }
}
