//! Tests of the flow table, with packets built by hand.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::config::{Spans, Timeouts};
use super::*;
use crate::counters::{Counter, Counters};
use crate::packet::{Anomalies, Fragment, Layers, LinkType, Network, Packet, Source, Transport};
use crate::wire::tcp::Flags;

/// An IPv4 packet of `proto` between hosts 10.0.0.`src` and 10.0.0.`dst`.
fn bytes(proto: u8, src: (u8, u16), dst: (u8, u16), transport: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, proto, 0, 0, 10, 0, 0, src.0, 10, 0, 0, dst.0];
    if proto != 1 {
        bytes.extend_from_slice(&src.1.to_be_bytes());
        bytes.extend_from_slice(&dst.1.to_be_bytes());
    }
    bytes.extend_from_slice(transport);
    bytes
}

fn tcp(src: (u8, u16), dst: (u8, u16), flags: u8) -> Vec<u8> {
    let rest = [0, 0, 0, 9, 0, 0, 0, 1, 0x50, flags, 0x20, 0, 0, 0, 0, 0];
    bytes(6, src, dst, &rest)
}

fn udp(src: (u8, u16), dst: (u8, u16)) -> Vec<u8> {
    bytes(17, src, dst, &[0, 8, 0, 0])
}

fn icmp(src: u8, dst: u8, kind: u8) -> Vec<u8> {
    bytes(1, (src, 0), (dst, 0), &[kind, 0, 0, 0, 0, 0, 0, 0])
}

fn packet(id: u64, seconds: u64, bytes: &[u8]) -> Packet<'_> {
    let transport = match bytes[9] {
        1 => Transport::Icmp4,
        6 => Transport::Tcp,
        17 => Transport::Udp,
        _ => Transport::None,
    };
    let layers = Layers {
        network: Network::Ipv4,
        network_len: 20,
        network_end: u32::try_from(bytes.len()).unwrap(),
        proto: bytes[9],
        transport,
        transport_at: 20,
        transport_len: if bytes[9] == 6 { 20 } else { 8 },
        ..Layers::default()
    };
    Packet {
        id,
        port: 0,
        time: Time::from_micros(seconds, 0),
        link: LinkType::Raw,
        bytes,
        frame_at: Some(0),
        layers,
        source: Source::Wire,
        tunnel: None,
        refused: None,
        anomalies: Anomalies::new(),
    }
}

/// A table and what it said.
struct Bench {
    table: Table<u32>,
    counters: Counters,
    ended: Vec<(u64, End)>,
}

impl Bench {
    fn new(config: Config) -> Self {
        Self { table: Table::new(config), counters: Counters::default(), ended: Vec::new() }
    }

    fn touch(&mut self, packet: &Packet<'_>) -> (FlowId, Dir) {
        self.try_touch(packet).expect("there is room")
    }

    fn try_touch(&mut self, packet: &Packet<'_>) -> Option<(FlowId, Dir)> {
        let arrival = Arrival::of(packet, &Config::default()).expect("it has a flow");
        let ended = &mut self.ended;
        self.table.touch(&arrival, packet.time, &mut self.counters, |entry, end| {
            ended.push((entry.flow.first_packet, end));
        })
    }

    fn flow(&self, id: FlowId) -> &Flow {
        &self.table.get(id).expect("it lives").flow
    }

    fn sweep(&mut self, seconds: u64) {
        let ended = &mut self.ended;
        self.table.sweep(Time::from_micros(seconds, 0), 1_000, &mut self.counters, |entry, end| {
            ended.push((entry.flow.first_packet, end));
        });
    }
}

impl Default for Bench {
    fn default() -> Self {
        Self::new(Config::default())
    }
}

#[test]
fn both_directions_are_one_flow() {
    let mut bench = Bench::default();
    let (ask, answer) = (udp((1, 5_000), (2, 53)), udp((2, 53), (1, 5_000)));
    let (id, dir) = bench.touch(&packet(1, 10, &ask));
    assert_eq!((dir, bench.flow(id).state), (Dir::ToServer, State::New));
    let (same, dir) = bench.touch(&packet(2, 11, &answer));
    assert_eq!((same, dir, bench.flow(id).state), (id, Dir::ToClient, State::Established));
    let flow = bench.flow(id);
    assert_eq!(flow.counts[0], Count { packets: 1, bytes: 28, min_ttl: 64, max_ttl: 64 });
    assert_eq!(flow.counts[1].packets, 1);
    assert_eq!((flow.client.port, flow.server.port), (5_000, 53));
    assert_eq!((flow.start.seconds(), flow.last.seconds()), (10, 11));
    assert_eq!((bench.table.len(), bench.counters.get(Counter::FlowUdp)), (1, 1));
}

#[test]
fn who_the_client_is() {
    let rows = [
        ("SYN", Flags::SYN, Dir::ToServer, 1),
        ("SYN/ACK", Flags::SYN | Flags::ACK, Dir::ToClient, 2),
        ("neither", Flags::ACK, Dir::ToServer, 1),
    ];
    for (name, flags, expected, client) in rows {
        let mut bench = Bench::default();
        let bytes = tcp((1, 80), (2, 81), flags);
        let (id, dir) = bench.touch(&packet(1, 1, &bytes));
        let client = IpAddr::from(Ipv4Addr::new(10, 0, 0, client));
        assert_eq!((dir, bench.flow(id).client.addr), (expected, client), "{name}");
    }
    // What came before the first SYN was no connection.
    let mut bench = Bench::default();
    let (stray, syn) = (tcp((1, 80), (2, 81), Flags::RST), tcp((2, 81), (1, 80), Flags::SYN));
    bench.touch(&packet(1, 1, &stray));
    let (id, dir) = bench.touch(&packet(2, 1, &syn));
    assert_eq!((dir, bench.flow(id).client.port), (Dir::ToServer, 81));
    assert_eq!(bench.flow(id).counts[1].packets, 1);
}

#[test]
fn pings_are_flows_by_type() {
    let mut bench = Bench::default();
    let (request, reply, other) = (icmp(1, 2, 8), icmp(2, 1, 0), icmp(2, 1, 8));
    let (id, _) = bench.touch(&packet(1, 1, &request));
    assert_eq!(bench.touch(&packet(2, 1, &reply)), (id, Dir::ToClient));
    assert_ne!(bench.touch(&packet(3, 1, &other)).0, id);
    assert_eq!(bench.flow(id).icmp, [Some((8, 0)), Some((0, 0))]);
    assert_eq!(bench.flow(id).client.port, 0);
    // To oneself: the type tells the direction.
    let (request, reply) = (icmp(5, 5, 8), icmp(5, 5, 0));
    let (id, dir) = bench.touch(&packet(4, 1, &request));
    assert_eq!(dir, Dir::ToServer);
    assert_eq!(bench.touch(&packet(5, 1, &reply)), (id, Dir::ToClient));
}

#[test]
fn what_carries_ip_is_a_flow_but_for_fragments() {
    for (proto, has) in [(4, true), (41, true), (47, false), (89, false)] {
        let bytes = bytes(proto, (1, 0), (2, 0), &[0; 4]);
        let mut packet = packet(1, 1, &bytes);
        assert_eq!(Arrival::of(&packet, &Config::default()).is_some(), has, "{proto}");
        packet.layers.fragment = Some(Fragment { id: 1, offset: 0, more: true });
        assert!(Arrival::of(&packet, &Config::default()).is_none(), "{proto}");
    }
}

#[test]
fn security_associations_are_flows() {
    let esp = |src, dst, spi: u16| bytes(50, (src, 1), (dst, spi), &[0, 0, 0, 1]);
    let mut bench = Bench::default();
    let (id, _) = bench.touch(&packet(1, 1, &esp(1, 2, 7)));
    assert_eq!(bench.touch(&packet(2, 1, &esp(1, 2, 7))), (id, Dir::ToServer));
    assert_eq!((bench.flow(id).spi, bench.flow(id).client.port), (Some(0x1_0007), 0));
    for (name, other) in [("another index", esp(1, 2, 8)), ("the way back", esp(2, 1, 7)), ("to another", esp(1, 3, 7))]
    {
        assert_ne!(bench.touch(&packet(3, 1, &other)).0, id, "{name}");
    }
    let short = bytes(50, (1, 1), (2, 7), &[]);
    assert!(Arrival::of(&packet(4, 1, &short), &Config::default()).is_none());
}

#[test]
fn mac_addresses_are_kept_by_side_up_to_a_limit() {
    let mut macs = Macs::default();
    macs.note(Dir::ToServer, ([1; 6], [2; 6]));
    macs.note(Dir::ToClient, ([2; 6], [3; 6]));
    macs.note(Dir::ToServer, ([1; 6], [4; 6]));
    assert_eq!(macs.senders(Dir::ToServer), [[1; 6], [3; 6]]);
    assert_eq!(macs.senders(Dir::ToClient), [[2; 6], [4; 6]]);
    (10..30).for_each(|last| macs.note(Dir::ToServer, ([last; 6], [2; 6])));
    assert_eq!(macs.senders(Dir::ToServer).len(), MAX_MACS);
    // They change sides along with client and server.
    let ask = udp((1, 5_000), (2, 53));
    let frame = [&[2; 6][..], &[1; 6], &[8, 0], &ask].concat();
    let mut packet = packet(1, 1, &frame[14..]);
    packet.bytes = &frame;
    packet.layers = Layers { ether: Some(0), network_at: 14, network_end: 42, transport_at: 34, ..packet.layers };
    for (keep, kept) in [(false, None), (true, Some([[1; 6], [2; 6]]))] {
        let arrival = Arrival::of(&packet, &Config { macs: keep, ..Config::default() }).unwrap();
        let mut bench = Bench::default();
        let (id, _) = bench.table.touch(&arrival, packet.time, &mut bench.counters, |_, _| {}).expect("there is room");
        let senders = |bench: &Bench, dir| bench.flow(id).macs.as_ref().map(|macs| macs.senders(dir)[0]);
        assert_eq!(senders(&bench, Dir::ToServer), kept.map(|[client, _]| client));
        bench.table.turn(id);
        assert_eq!(senders(&bench, Dir::ToServer), kept.map(|[_, server]| server));
    }
}

#[test]
fn an_icmp_error_belongs_to_the_flow_it_quotes() {
    let mut bench = Bench::default();
    let ask = udp((1, 5_000), (2, 53));
    let (id, _) = bench.touch(&packet(1, 1, &ask));
    let error = icmp(9, 1, 3);
    let error = packet(2, 2, &error);
    let arrival = Arrival::of(&error, &Config::default()).unwrap();
    let host = |last, port| Endpoint { addr: Ipv4Addr::new(10, 0, 0, last).into(), port };
    let quoted = (host(1, 5_000), host(2, 53), 17);
    assert_eq!(bench.table.touch_quoted(&arrival, quoted, error.time), Some((id, Dir::ToClient)));
    assert_eq!(bench.flow(id).counts[1].packets, 1);
    assert_eq!(bench.flow(id).icmp, [None; 2]);
    let unknown = (host(1, 5_001), host(2, 53), 17);
    assert_eq!(bench.table.touch_quoted(&arrival, unknown, error.time), None);
}

#[test]
fn idle_flows_end_on_touch_whether_swept_or_not() {
    // (when it comes again, whether the first flow still lives)
    for (seconds, lives) in [(40, true), (41, false)] {
        for sweeps in [false, true] {
            let mut bench = Bench::default();
            let bytes = udp((1, 5_000), (2, 53));
            let (id, _) = bench.touch(&packet(1, 10, &bytes));
            let first = bench.flow(id).id;
            if sweeps {
                bench.sweep(seconds);
            }
            let (id, _) = bench.touch(&packet(2, seconds, &bytes));
            assert_eq!(bench.flow(id).id == first, lives, "{seconds} s, swept {sweeps}");
            assert_eq!(bench.ended, if lives { vec![] } else { vec![(1, End::Timeout)] });
        }
    }
}

#[test]
fn timeouts_follow_the_state() {
    let mut bench = Bench::default();
    let bytes = udp((1, 5_000), (2, 53));
    let (id, _) = bench.touch(&packet(1, 0, &bytes));
    bench.table.get_mut(id).unwrap().flow.state = State::Bypassed;
    bench.table.update(id);
    bench.sweep(100);
    assert_eq!(bench.ended, []);
    bench.sweep(101);
    assert_eq!(bench.ended, [(1, End::Timeout)]);
}

#[test]
fn sweeps_and_the_end_go_by_first_packet() {
    let mut bench = Bench::default();
    for id in 1..=20u16 {
        let bytes = if id % 2 == 0 { udp((1, id), (2, 53)) } else { tcp((1, id), (2, 80), Flags::SYN) };
        bench.touch(&packet(id.into(), 0, &bytes));
    }
    // Touched again in another order.
    for id in (1..=20u16).rev().filter(|id| id % 2 == 0) {
        bench.touch(&packet(100, 1, &udp((1, id), (2, 53))));
    }
    bench.sweep(32);
    let swept: Vec<u64> = bench.ended.drain(..).map(|(first, _)| first).collect();
    assert_eq!(swept, (1..=20).filter(|id| id % 2 == 0).collect::<Vec<_>>());
    let ended = &mut bench.ended;
    bench.table.drain(&mut bench.counters, |entry, end| ended.push((entry.flow.first_packet, end)));
    assert_eq!(bench.ended.len(), 10);
    assert!(bench.ended.is_sorted_by_key(|(first, _)| *first));
    assert!(bench.ended.iter().all(|(_, end)| *end == End::Shutdown));
    assert_eq!((bench.table.len(), bench.counters.get(Counter::FlowActive)), (0, 0));
}

#[test]
fn a_full_table_lets_the_idlest_go() {
    let mut bench = Bench::new(Config { memcap: 8 << 10, ..Config::default() });
    let mut most = 0;
    for id in 1..=200u16 {
        bench.touch(&packet(id.into(), id.into(), &udp((1, id), (2, 53))));
        // The first one stays busy.
        bench.touch(&packet(1_000, id.into(), &udp((1, 1), (2, 53))));
        most = most.max(bench.table.len());
    }
    assert!(most < 100 && bench.table.is_emergency(), "{most}");
    assert_eq!(bench.counters.get(Counter::FlowMemcap), 200 - most as u64);
    assert_eq!(bench.ended[..2], [(2, End::Forced), (3, End::Forced)]);
    assert!(bench.counters.get(Counter::FlowMemuse) <= 8 << 10);
}

#[test]
fn a_full_table_refuses_where_none_may_be_put_out() {
    let mut bench = Bench::new(Config { memcap: 0, evict: false, ..Config::default() });
    assert!(bench.try_touch(&packet(1, 1, &udp((1, 1), (2, 53)))).is_some());
    assert_eq!(bench.try_touch(&packet(2, 2, &udp((1, 2), (2, 53)))), None);
    assert!(bench.try_touch(&packet(3, 3, &udp((1, 1), (2, 53)))).is_some());
    // A flow that is over makes place.
    assert!(bench.try_touch(&packet(4, 10_000, &udp((1, 2), (2, 53)))).is_some());
    assert_eq!(bench.counters.get(Counter::FlowMemcap), 2);
}

#[test]
fn the_emergency_shortens_timeouts_and_ends() {
    let spans = Spans::seconds(30, 300, 0, 100);
    let limits = config::Limits { normal: spans, emergency: Spans::seconds(1, 1, 1, 1) };
    let timeouts = Timeouts { udp: limits, ..Timeouts::default() };
    let mut bench = Bench::new(Config { memcap: 8 << 10, timeouts, ..Config::default() });
    let mut id = 0;
    while !bench.table.is_emergency() {
        id += 1;
        bench.touch(&packet(id.into(), 10, &udp((1, id), (2, 53))));
    }
    bench.sweep(12);
    assert!(bench.table.is_empty());
    bench.touch(&packet(900, 12, &udp((1, 1), (2, 53))));
    assert!(!bench.table.is_emergency());
    bench.sweep(20);
    assert_eq!(bench.table.len(), 1);
}

#[test]
fn what_tells_flows_apart_can_be_configured() {
    let bytes = udp((1, 5_000), (2, 53));
    let plain = packet(1, 1, &bytes);
    let mut tagged = plain.clone();
    tagged.layers.vlan = [7, 0, 0];
    tagged.layers.vlans = 1;
    let mut elsewhere = plain.clone();
    elsewhere.port = 3;
    let key = |packet: &Packet<'_>, config: &Config| Arrival::of(packet, config).unwrap().key;
    let config = Config::default();
    assert_ne!(key(&plain, &config), key(&tagged, &config));
    assert_ne!(key(&plain, &config), key(&elsewhere, &config));
    // Ports 0 and 3 are a pair.
    let config = Config { vlan_tracking: false, devices: vec![0, 1, 2, 0], ..Config::default() };
    assert_eq!(key(&plain, &config), key(&tagged, &config));
    assert_eq!(key(&plain, &config), key(&elsewhere, &config));
    let config = Config { device_tracking: false, ..Config::default() };
    assert_eq!(key(&plain, &config), key(&elsewhere, &config));
}

#[test]
fn ids_are_the_same_in_every_run_and_fit_json() {
    let ids = || {
        let mut bench = Bench::default();
        (1..50u16)
            .map(|id| {
                let (flow, _) = bench.touch(&packet(id.into(), 1, &udp((1, id), (2, 53))));
                bench.flow(flow).id
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(), ids());
    assert!(ids().iter().all(|id| *id > 0 && *id < 1 << 53));
}

#[test]
fn a_syn_after_the_end_is_a_new_flow() {
    use crate::stream::{Env, Facts, Memory, Policy, push};
    let mut bench = Bench::default();
    let mut memory = Memory::default();
    let (syn, reset) = (tcp((1, 5_000), (2, 80), Flags::SYN), tcp((2, 80), (1, 5_000), Flags::RST | Flags::ACK));
    let steps = [(1, &syn, State::New), (2, &reset, State::Closed), (3, &syn, State::New)];
    for (number, bytes, state) in steps {
        let bytes: &Vec<u8> = bytes;
        let mut bytes = bytes.clone();
        if number == 2 {
            bytes[28..32].copy_from_slice(&10u32.to_be_bytes());
        }
        let packet = packet(number, 1, &bytes);
        let (id, dir) = bench.touch(&packet);
        let mut anomalies = Anomalies::new();
        let mut env = Env {
            config: &crate::stream::Config::default(),
            memory: &mut memory,
            counters: &mut bench.counters,
            anomalies: &mut anomalies,
        };
        let entry = bench.table.get_mut(id).unwrap();
        let facts = Facts { time: packet.time, checksum_ok: true };
        push(&mut entry.tcp, &packet.tcp().unwrap(), dir, facts, || [Policy::Bsd; 2], &mut env);
        bench.table.update(id);
        assert_eq!(bench.flow(id).state, state, "packet {number}");
    }
    assert_eq!(bench.ended, [(1, End::TcpReuse)]);
    assert_eq!(bench.counters.get(Counter::FlowTcpReuse), 1);
}

#[test]
fn default_timeouts_are_those_of_the_manual() {
    let timeouts = Timeouts::default();
    let seconds = |spans: Spans| {
        [spans.new, spans.established, spans.closed, spans.bypassed].map(|span: Duration| span.as_secs())
    };
    assert_eq!(seconds(timeouts.tcp.normal), [60, 600, 60, 100]);
    assert_eq!(seconds(timeouts.udp.normal), [30, 300, 0, 100]);
    assert_eq!(seconds(timeouts.icmp.emergency), [10, 100, 0, 50]);
}
