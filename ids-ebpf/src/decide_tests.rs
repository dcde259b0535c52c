extern crate std;

use std::collections::HashMap;

use super::*;
use crate::config::{FailPolicy, Mode};
use crate::flow::Dir;
use crate::interest::Group;

/// The maps as ordinary collections. Blocks and allowances are exact here: what a trie adds is the kernel's.
#[derive(Default)]
struct Model {
    now: u64,
    allowed: std::vec::Vec<Addr>,
    hosts: HashMap<Addr, Shared<HostBlock>>,
    flows: HashMap<FlowKey, Shared<FlowBlock>>,
    released: HashMap<FlowKey, Shared<Released>>,
    interest: Option<std::boxed::Box<Interest>>,
    limits: [Limit; 2],
    buckets: HashMap<Source, Shared<Bucket>>,
    over_limit: std::cell::Cell<u64>,
}

impl Tables for Model {
    fn now(&self) -> u64 {
        self.now
    }
    fn tick(&self) -> u64 {
        self.now
    }
    fn allowed(&self, _: u8, addr: Addr) -> bool {
        self.allowed.contains(&addr)
    }
    fn host(&self, _: u8, addr: Addr) -> Option<&Shared<HostBlock>> {
        self.hosts.get(&addr)
    }
    fn flow(&self, key: &FlowKey) -> Option<&Shared<FlowBlock>> {
        self.flows.get(key)
    }
    fn released(&self, key: &FlowKey) -> Option<&Shared<Released>> {
        self.released.get(key)
    }
    fn interest(&self) -> Option<&Interest> {
        self.interest.as_deref()
    }
    fn limit(&self, kind: Kind) -> Option<Limit> {
        Some(self.limits[kind as usize]).filter(Limit::is_set)
    }
    fn bucket(&self, source: &Source, _: &Limit) -> Option<&Shared<Bucket>> {
        self.buckets.get(source)
    }
    fn over_limit(&self, _: Kind, length: u64) {
        self.over_limit.set(self.over_limit.get() + length);
    }
}

const CLIENT: Addr = Addr::v4([10, 0, 0, 1]);
const SERVER: Addr = Addr::v4([10, 0, 0, 2]);

fn packet() -> Headers {
    Headers {
        class: Class::Whole,
        version: 4,
        proto: 6,
        tcp_flags: 0x10,
        src: CLIENT,
        dst: SERVER,
        src_port: 1234,
        dst_port: 80,
        ..Headers::EMPTY
    }
}

fn reply() -> Headers {
    Headers { src: SERVER, dst: CLIENT, src_port: 80, dst_port: 1234, ..packet() }
}

fn config() -> PortConfig {
    PortConfig::new(Mode::Inline, FailPolicy::Open, 1_000)
}

fn run(headers: &Headers, model: &Model) -> Outcome {
    decide(&[][..], headers, 60, &config(), model)
}

fn block(until: [u64; 2]) -> Shared<HostBlock> {
    Shared::new(HostBlock { until, ..HostBlock::default() })
}

#[test]
fn everything_is_of_interest_by_default() {
    let model = Model::default();
    let cases = [
        (packet(), Outcome::Inspect),
        (Headers { class: Class::Fragment, ..packet() }, Outcome::InspectFragment),
        (Headers { class: Class::Malformed, ..packet() }, Outcome::InspectMalformed),
        (Headers { class: Class::Partly, ..packet() }, Outcome::InspectUnknown),
        (Headers { class: Class::Unknown, ..packet() }, Outcome::InspectUnknown),
        (Headers { class: Class::NonIp, version: 0, ..packet() }, Outcome::Inspect),
    ];
    for (headers, outcome) in cases {
        assert_eq!(run(&headers, &model), outcome);
    }
}

#[test]
fn what_is_not_understood_is_inspected_although_nothing_is_of_interest() {
    let model = Model { interest: Some(Interest::NOTHING.into()), ..Model::default() };
    assert_eq!(run(&packet(), &model), Outcome::FastUninteresting);
    assert_eq!(run(&Headers { class: Class::NonIp, ..packet() }, &model), Outcome::FastUninteresting);
    for class in [Class::Partly, Class::Fragment, Class::Malformed, Class::Unknown] {
        assert_eq!(run(&Headers { class, ..packet() }, &model).way(), crate::outcome::Way::Inspect);
    }
}

#[test]
fn a_host_is_blocked_by_side_and_until_its_time() {
    let mut model = Model { now: 100, ..Model::default() };
    model.hosts.insert(CLIENT, block([200, 0]));
    assert_eq!(run(&packet(), &model), Outcome::DropHost);
    assert_eq!(run(&reply(), &model), Outcome::Inspect);
    for class in [Class::Partly, Class::Fragment, Class::Malformed, Class::Unknown] {
        assert_eq!(run(&Headers { class, ..packet() }, &model), Outcome::DropHost);
    }
    assert_eq!(model.hosts[&CLIENT].get().hits, 5);
    model.now = 200;
    assert_eq!(run(&packet(), &model), Outcome::Inspect);

    model.hosts.insert(CLIENT, block([0, 300]));
    assert_eq!(run(&packet(), &model), Outcome::Inspect);
    assert_eq!(run(&reply(), &model), Outcome::DropHost);
}

#[test]
fn an_allowance_shields_the_address_that_a_block_names() {
    let mut model = Model { now: 1, allowed: [SERVER].into(), ..Model::default() };
    model.hosts.insert(SERVER, block([9, 9]));
    assert_eq!(run(&packet(), &model), Outcome::Inspect);
    assert_eq!(run(&reply(), &model), Outcome::Inspect);
    model.hosts.insert(CLIENT, block([9, 9]));
    assert_eq!(run(&packet(), &model), Outcome::DropHost, "the client is not shielded by the server's allowance");
    assert_eq!(run(&reply(), &model), Outcome::DropHost);
}

#[test]
fn a_flow_is_blocked_in_both_directions() {
    let mut model = Model { now: 1, ..Model::default() };
    let (key, _) = FlowKey::of(&packet(), &config());
    model.flows.insert(key, Shared::new(FlowBlock { until: 5, ..FlowBlock::default() }));
    assert_eq!(run(&packet(), &model), Outcome::DropFlow);
    assert_eq!(run(&reply(), &model), Outcome::DropFlow);
    assert_eq!(run(&Headers { class: Class::Partly, ..packet() }, &model), Outcome::DropFlow);
    assert_eq!(model.flows[&key].get().hits, 3);
    for other in [
        Headers { src_port: 1235, ..packet() },
        Headers { vlan: [1, 0], ..packet() },
        Headers { proto: 17, ..packet() },
    ] {
        assert_eq!(run(&other, &model), Outcome::Inspect);
    }
    let other_pair = PortConfig { pair: 1, ..config() };
    assert_eq!(decide(&[][..], &packet(), 60, &other_pair, &model), Outcome::Inspect);
    let no_vlans = PortConfig { flags: PortConfig::IGNORE_VLAN, ..config() };
    assert_eq!(decide(&[][..], &Headers { vlan: [1, 0], ..packet() }, 60, &no_vlans, &model), Outcome::DropFlow);

    for shielded in [CLIENT, SERVER] {
        model.allowed = [shielded].into();
        assert_eq!(run(&packet(), &model), Outcome::Inspect);
    }
    model.allowed.clear();
    model.now = 5;
    assert_eq!(run(&packet(), &model), Outcome::Inspect);
}

#[test]
fn a_released_flow_passes_until_its_tuple_is_used_again() {
    let mut model = Model { now: 7, ..Model::default() };
    let (key, _) = FlowKey::of(&packet(), &config());
    model.released.insert(key, Shared::new(Released::default()));
    assert_eq!(run(&packet(), &model), Outcome::FastReleased);
    assert_eq!(run(&reply(), &model), Outcome::FastReleased);
    assert_eq!(run(&Headers { tcp_flags: 0x18, tcp_data: true, ..reply() }, &model), Outcome::FastReleased);
    let carried = model.released[&key].get().carried;
    assert_eq!((carried[0].packets, carried[0].bytes, carried[0].last), (1, 60, 7));
    assert_eq!((carried[1].packets, carried[1].tcp_flags), (2, 0x18));

    assert_eq!(run(&Headers { tcp_flags: 0x02, ..packet() }, &model), Outcome::InspectRecall);
    assert_eq!(run(&packet(), &model), Outcome::Inspect, "the release has ended");
    assert_eq!(model.released[&key].get().carried[0].packets, 1, "and its counts stay what they were");
}

#[test]
fn a_release_ends_with_what_is_to_be_inspected() {
    let (data, udp) = (Headers { tcp_data: true, ..packet() }, Headers { proto: 17, tcp_flags: 0, ..packet() });
    let flags = |tcp_flags| Headers { tcp_flags, ..packet() };
    // The client is the smaller endpoint.
    let (up, down) = (Released::watch(Dir::Up), Released::watch(Dir::Down));
    let back = Headers { tcp_data: true, ..reply() };
    let cases = [
        ("an acknowledgment", packet(), up | down, false),
        ("ECN echo (RFC 3168)", flags(0x50), up | down, false),
        ("a SYN", flags(0x02), 0, true),
        ("a SYN/ACK", flags(0x12), 0, true),
        ("a FIN", flags(0x11), 0, true),
        ("a reset", flags(0x14), 0, true),
        ("a reset without ACK", flags(0x04), 0, true),
        ("urgent data", flags(0x38), 0, true),
        ("no ACK", flags(0x08), 0, true),
        ("data that nobody watches", data, 0, false),
        ("data that is watched", data, up, true),
        ("data the other way is", data, down, false),
        ("back: data that is watched", back, down, true),
        ("back: data the other way is", back, up, false),
        ("a datagram that is watched", udp, up, true),
        ("a datagram that is not", udp, down, false),
    ];
    for (name, headers, watched, ends) in cases {
        let (key, _) = FlowKey::of(&headers, &config());
        let mut model = Model { now: 7, ..Model::default() };
        model.released.insert(key, Shared::new(Released { watched, ..Released::default() }));
        let outcome = if ends { Outcome::InspectRecall } else { Outcome::FastReleased };
        assert_eq!(run(&headers, &model), outcome, "{name}");
        assert_eq!(model.released[&key].get().reopened != 0, ends, "{name}");
    }
}

#[test]
fn a_released_flow_is_over_after_its_silence() {
    let cases = [(0, [0, 0], 1_000_000, false), (50, [0, 0], 150, false), (50, [0, 0], 151, true)];
    let heard = [(50, [200, 0], 250, false), (50, [120, 200], 250, false), (50, [200, 120], 251, true)];
    for (idle, last, now, over) in cases.into_iter().chain(heard) {
        let (key, _) = FlowKey::of(&packet(), &config());
        let carried = last.map(|last| crate::flow::Carried { last, ..Default::default() });
        let mut model = Model { now, ..Model::default() };
        model.released.insert(key, Shared::new(Released { carried, since: 100, idle, ..Released::default() }));
        let outcome = if over { Outcome::InspectRecall } else { Outcome::FastReleased };
        assert_eq!(run(&packet(), &model), outcome, "{idle} {last:?} {now}");
        assert_eq!(model.released[&key].get().reopened != 0, over);
    }
}

#[test]
fn blocks_come_before_releases_and_releases_before_interest() {
    let mut interest = std::boxed::Box::new(Interest::NOTHING);
    interest.want_port(Group::Tcp, 80);
    let mut model = Model { now: 1, interest: Some(interest), ..Model::default() };
    let (key, _) = FlowKey::of(&packet(), &config());
    assert_eq!(run(&packet(), &model), Outcome::Inspect);
    model.released.insert(key, Shared::new(Released::default()));
    assert_eq!(run(&packet(), &model), Outcome::FastReleased);
    model.flows.insert(key, Shared::new(FlowBlock { until: 5, ..FlowBlock::default() }));
    assert_eq!(run(&packet(), &model), Outcome::DropFlow);
    model.hosts.insert(SERVER, block([0, 5]));
    assert_eq!(run(&packet(), &model), Outcome::DropHost);
    assert_eq!(model.flows[&key].get().hits, 1, "only the entry that decides counts");
}

#[test]
fn a_source_is_held_to_its_limit() {
    let syn = Headers { tcp_flags: 0x02, ..packet() };
    let source = Source::of(&syn, Kind::Syn);
    let mut model = Model { now: 1_000, ..Model::default() };
    model.limits = [Limit::new(1_000_000, 1, false), Limit::default()];
    assert_eq!(run(&syn, &model), Outcome::Inspect, "new sources are not known yet");
    model.buckets.insert(source, Shared::new(Bucket { full_at: 1_500, over: 0 }));
    assert_eq!(run(&syn, &model), Outcome::DropFloodSyn);
    assert_eq!(run(&packet(), &model), Outcome::Inspect, "connections that are open go on");
    assert_eq!(run(&reply(), &model), Outcome::Inspect);
    assert_eq!(model.buckets[&source].get().over, 1);
    model.limits[0].dry_run = 1;
    assert_eq!((run(&syn, &model), model.over_limit.get()), (Outcome::Inspect, 60));
    model.limits[0].dry_run = 0;
    model.allowed.push(CLIENT);
    assert_eq!((run(&syn, &model), model.buckets[&source].get().over), (Outcome::Inspect, 2), "allowed");
    model.allowed.clear();
    model.hosts.insert(CLIENT, block([u64::MAX, 0]));
    assert_eq!(run(&syn, &model), Outcome::DropHost, "a block comes first");
    model.hosts.clear();
    model.now = 1_600;
    assert_eq!(run(&syn, &model), Outcome::Inspect);
}

#[test]
fn frames_for_this_machine_are_shielded_by_their_sender_and_counted_as_copies() {
    let host = PortConfig::new(Mode::Host, FailPolicy::Open, 1_000);
    let mut model = Model { now: 1, allowed: [SERVER].into(), ..Model::default() };
    let (key, dir) = FlowKey::of(&packet(), &host);
    model.flows.insert(key, Shared::new(FlowBlock { until: 5, ..FlowBlock::default() }));
    assert_eq!(decide(&[][..], &packet(), 60, &host, &model), Outcome::DropFlow, "the server is this machine");
    assert_eq!(decide(&[][..], &reply(), 60, &host, &model), Outcome::Inspect);
    assert_eq!(copy(&[][..], &packet(), 60, &host, &model), Outcome::Inspect, "who has passed is not dropped");

    model.released.insert(key, Shared::new(Released::default()));
    model.flows.clear();
    assert_eq!(decide(&[][..], &packet(), 60, &host, &model), Outcome::FastReleased);
    assert_eq!(model.released[&key].get().carried[dir as usize].packets, 0);
    assert_eq!(copy(&[][..], &packet(), 60, &host, &model), Outcome::FastReleased);
    assert_eq!(model.released[&key].get().carried[dir as usize].packets, 1);
    assert_eq!(copy(&[][..], &Headers { tcp_flags: 0x02, ..packet() }, 60, &host, &model), Outcome::InspectRecall);

    model.interest = Some(Interest::NOTHING.into());
    assert_eq!(copy(&[][..], &packet(), 60, &host, &model), Outcome::FastUninteresting);
    for (class, want) in [
        (Class::Partly, Outcome::InspectUnknown),
        (Class::Unknown, Outcome::InspectUnknown),
        (Class::Fragment, Outcome::InspectFragment),
        (Class::Malformed, Outcome::InspectMalformed),
        (Class::NonIp, Outcome::FastUninteresting),
    ] {
        assert_eq!(copy(&[][..], &Headers { class, ..packet() }, 60, &host, &model), want);
    }
}
