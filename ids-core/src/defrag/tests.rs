//! Fragments against a model that keeps, for every byte, which fragment it came from; and what surrounds it.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::decode::{self, Frame, Start};
use crate::host_policy::{Policy, Prefix};
use crate::packet::{LinkType, Transport};
use crate::verdict::DropReason;

const POLICIES: [Policy; 15] = [
    Policy::Bsd,
    Policy::BsdRight,
    Policy::OldLinux,
    Policy::Linux,
    Policy::OldSolaris,
    Policy::Solaris,
    Policy::Hpux10,
    Policy::Hpux11,
    Policy::Irix,
    Policy::Macos,
    Policy::Windows,
    Policy::Vista,
    Policy::Windows2k3,
    Policy::First,
    Policy::Last,
];

/// A fragment to be made: offset and data in units of 8 bytes, and the byte to fill it with.
#[derive(Clone, Debug)]
struct Sent {
    offset: u32,
    data: Vec<u8>,
    more: bool,
}

const V4: [IpAddr; 2] =
    [IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1)), IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2))];

fn ipv4(id: u16, proto: u8, sent: &Sent) -> Vec<u8> {
    let length = u16::try_from(20 + sent.data.len()).unwrap();
    let field = u16::try_from(sent.offset / 8).unwrap() | u16::from(sent.more) << 13;
    let mut bytes = vec![0x45, 0];
    bytes.extend(length.to_be_bytes());
    bytes.extend(id.to_be_bytes());
    bytes.extend(field.to_be_bytes());
    bytes.extend([64, proto, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    bytes.extend(&sent.data);
    bytes
}

/// With a hop-by-hop header before the fragment header.
fn ipv6(id: u32, proto: u8, sent: &Sent) -> Vec<u8> {
    let mut bytes = vec![0x60, 0, 0, 0];
    bytes.extend(u16::try_from(16 + sent.data.len()).unwrap().to_be_bytes());
    bytes.extend([0, 64]);
    bytes.extend([0xfd; 16]);
    bytes.extend([0xfe; 16]);
    bytes.extend([44, 0, 5, 2, 0, 0, 0, 0]);
    bytes.extend([proto, 0]);
    bytes.extend((u16::try_from(sent.offset).unwrap() | u16::from(sent.more)).to_be_bytes());
    bytes.extend(id.to_be_bytes());
    bytes.extend(&sent.data);
    bytes
}

/// Ethernet with these VLAN tags around an IP packet.
fn framed(vlans: &[u16], ip: &[u8]) -> Vec<u8> {
    let mut bytes = vec![2; 12];
    for id in vlans {
        bytes.extend([0x81, 0]);
        bytes.extend(id.to_be_bytes());
    }
    bytes.extend(if ip[0] >> 4 == 4 { [8, 0] } else { [0x86, 0xdd] });
    bytes.extend(ip);
    bytes
}

/// Decodes a frame that holds no tunnel.
fn decoded(bytes: &[u8], seconds: u64, counters: &mut Counters) -> Start<'static> {
    let config = decode::Config::default();
    // Leaked for the few bytes of a test.
    let bytes: &'static [u8] = Box::leak(bytes.to_vec().into_boxed_slice());
    let link = if bytes[0] >> 4 == 4 || bytes[0] >> 4 == 6 { LinkType::Raw } else { LinkType::Ethernet };
    let frame = Frame { id: 1, port: 0, time: Time::from_micros(seconds, 0), link, bytes };
    let mut start = Start::captured(&frame, &config, counters);
    decode::decode(&mut start, &config, counters);
    start
}

struct Bed {
    defrag: Defrag,
    counters: Counters,
}

impl Bed {
    fn new(config: Config) -> Self {
        Self { defrag: Defrag::new(config), counters: Counters::default() }
    }

    fn with(policy: Policy) -> Self {
        let all = |text: &str| (text.parse::<Prefix>().unwrap(), policy);
        Self::new(Config { policies: HostPolicy::new(vec![all("0.0.0.0/0"), all("::/0")]), ..Config::default() })
    }

    fn push(&mut self, bytes: &[u8], seconds: u64) -> (Outcome, Vec<Anomaly>) {
        let mut packet = decoded(bytes, seconds, &mut self.counters).packet;
        assert!(packet.layers.fragment.is_some());
        let outcome = self.defrag.push(&mut packet, &mut self.counters);
        self.check();
        (outcome, packet.anomalies.to_vec())
    }

    /// What is counted is what is there.
    fn check(&self) {
        let memory: usize = self.defrag.table.values().map(Tracker::memory).sum();
        let held: usize = self.defrag.table.values().map(|tracker| tracker.fragments).sum();
        assert_eq!((self.defrag.memory, self.defrag.held), (memory, held));
    }
}

fn data(length: usize, fill: u8) -> Vec<u8> {
    vec![fill; length]
}

/// What Novak's paper says of each policy, one sentence per match arm, on whole fragments.
fn model_prefers_new(policy: Policy, old: (u32, u32), new: (u32, u32)) -> bool {
    match policy {
        Policy::First | Policy::Hpux11 | Policy::Macos | Policy::OldSolaris => false,
        Policy::Last => true,
        Policy::Bsd | Policy::Hpux10 | Policy::Irix => old.0 > new.0,
        Policy::Linux | Policy::OldLinux => old.0 >= new.0,
        Policy::BsdRight => old.0 <= new.0,
        Policy::Windows | Policy::Vista | Policy::Windows2k3 => old.0 > new.0 && old.1 < new.1,
        Policy::Solaris => old.0 > new.0 && old.1 <= new.1,
    }
}

/// The datagram byte by byte: for each the value and the fragment that it came from.
#[derive(Default)]
struct Model {
    bytes: Vec<Option<(u8, (u32, u32))>>,
    total: Option<u32>,
}

impl Model {
    /// Adds a fragment; gives the datagram if it is whole now.
    fn add(&mut self, policy: Policy, sent: &Sent) -> Option<Vec<u8>> {
        let range = (sent.offset, sent.offset + u32::try_from(sent.data.len()).unwrap());
        let highest = u32::try_from(self.bytes.len()).unwrap();
        let fits = match self.total {
            Some(total) if sent.more => range.1 <= total,
            Some(total) => range.1 == total,
            None => sent.more || range.1 >= highest,
        };
        if !fits {
            return None;
        }
        if !sent.more {
            self.total = Some(range.1);
        }
        self.bytes.resize(highest.max(range.1) as usize, None);
        for (at, value) in (range.0..).zip(&sent.data) {
            let place = &mut self.bytes[at as usize];
            if place.is_none_or(|(_, owner)| model_prefers_new(policy, owner, range)) {
                *place = Some((*value, range));
            }
        }
        self.total.filter(|total| *total as usize == self.bytes.len())?;
        self.bytes.iter().map(|place| place.map(|(value, _)| value)).collect()
    }
}

fn sent() -> impl Strategy<Value = Sent> {
    (0u32..12, 1usize..6, any::<u8>(), prop::bool::weighted(0.8), 0usize..8).prop_map(
        |(offset, units, fill, more, cut)| {
            let length = if more { units * 8 } else { units * 8 - cut };
            // What starts at 0 and has no more is no fragment.
            let offset = if more { offset } else { offset.max(1) };
            Sent { offset: offset * 8, data: (0..length).map(|at| fill.wrapping_add(at as u8)).collect(), more }
        },
    )
}

proptest! {
    #[test]
    fn every_policy_agrees_with_the_model(
        fragments in prop::collection::vec(sent(), 1..24),
        policy in prop::sample::select(&POLICIES[..]),
        v6: bool,
    ) {
        let mut bed = Bed::with(policy);
        let mut model = Model::default();
        for fragment in &fragments {
            let bytes = if v6 { ipv6(7, 17, fragment) } else { ipv4(7, 17, fragment) };
            let (outcome, _) = bed.push(&bytes, 0);
            let expected = model.add(policy, fragment);
            match (outcome, expected) {
                (Outcome::Complete(datagram), Some(expected)) => {
                    let header = if v6 { 48 } else { 20 };
                    prop_assert_eq!(&datagram.bytes[header..], &expected[..]);
                    model = Model::default();
                }
                (Outcome::Complete(_), None) => prop_assert!(false, "complete too early"),
                (outcome, Some(_)) => prop_assert!(false, "complete, but {outcome:?}"),
                (_, None) => {}
            }
        }
    }

    #[test]
    fn any_order_gives_the_datagram(
        length in 1usize..3000,
        cuts in prop::collection::btree_set(1usize..375, 1..12),
        order in any::<u64>(),
        v6: bool,
    ) {
        let whole: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut * 8).filter(|cut| *cut < length).collect();
        cuts.insert(0, 0);
        cuts.push(length);
        prop_assume!(cuts.len() > 2);
        let mut fragments: Vec<Sent> = cuts.windows(2).map(|pair| Sent {
            offset: pair[0] as u32,
            data: whole[pair[0]..pair[1]].to_vec(),
            more: pair[1] < length,
        }).collect();
        fragments.sort_by_key(|fragment| order.rotate_left(fragment.offset % 64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut bed = Bed::new(Config::default());
        let count = fragments.len();
        for (at, fragment) in fragments.iter().enumerate() {
            let bytes = if v6 { ipv6(7, 17, fragment) } else { ipv4(7, 17, fragment) };
            let (outcome, anomalies) = bed.push(&bytes, 0);
            prop_assert!(anomalies.is_empty());
            match outcome {
                Outcome::Held => prop_assert!(at + 1 < count),
                Outcome::Complete(datagram) => {
                    prop_assert_eq!(at + 1, count);
                    prop_assert_eq!(&datagram.bytes[datagram.bytes.len() - length..], &whole[..]);
                }
                outcome => prop_assert!(false, "{:?}", outcome),
            }
        }
    }
}

fn complete(outcome: Outcome) -> Datagram {
    match outcome {
        Outcome::Complete(datagram) => datagram,
        outcome => panic!("{outcome:?}"),
    }
}

/// A UDP datagram of 32 bytes in two fragments.
fn halves() -> [Sent; 2] {
    let mut first = vec![0, 1, 0, 2, 0, 32, 0, 0];
    first.extend(data(8, b'a'));
    [Sent { offset: 0, data: first, more: true }, Sent { offset: 16, data: data(16, b'b'), more: false }]
}

#[test]
fn vlan_tags_stay_with_the_datagram() {
    for (name, vlans) in [("none", vec![]), ("one", vec![6]), ("qinq", vec![1, 10]), ("three", vec![1, 10, 100])] {
        for v6 in [false, true] {
            let mut bed = Bed::new(Config::default());
            let [first, last] =
                halves().map(|sent| framed(&vlans, &if v6 { ipv6(7, 17, &sent) } else { ipv4(7, 17, &sent) }));
            assert!(matches!(bed.push(&last, 0).0, Outcome::Held), "{name}");
            let datagram = complete(bed.push(&first, 0).0);
            let Start { packet: fragment, layers_left, .. } = decoded(&first, 0, &mut bed.counters);
            let mut start = Start::reassembled(&fragment, &datagram.link, &datagram.bytes, layers_left);
            decode::decode(&mut start, &decode::Config::default(), &mut bed.counters);
            let packet = start.packet;
            assert_eq!(packet.vlans(), vlans, "{name}");
            assert_eq!(packet.ethernet().unwrap().source(), [2; 6], "{name}");
            assert_eq!(packet.layers.transport, Transport::Udp, "{name}");
            assert_eq!((packet.ports(), packet.payload().len()), ((1, 2), 24), "{name}");
            assert_eq!(packet.layers.fragment, None, "{name}");
            assert!(packet.anomalies.is_empty(), "{name}: {:?}", packet.anomalies);
            assert_ne!(crate::checksum::network(&packet), crate::checksum::Checksum::Invalid, "{name}");
        }
    }
}

#[test]
fn vlans_tell_datagrams_apart_if_they_should() {
    for (tracking, complete) in [(true, false), (false, true)] {
        let mut bed = Bed::new(Config { vlan_for_tracking: tracking, ..Config::default() });
        let [first, last] = halves();
        bed.push(&framed(&[5], &ipv4(7, 17, &first)), 0);
        let (outcome, _) = bed.push(&framed(&[6], &ipv4(7, 17, &last)), 0);
        assert_eq!(matches!(outcome, Outcome::Complete(_)), complete);
    }
}

#[test]
fn ids_and_protocols_tell_datagrams_apart() {
    let [first, last] = halves();
    let mut bed = Bed::new(Config::default());
    bed.push(&ipv4(7, 17, &first), 0);
    assert!(matches!(bed.push(&ipv4(8, 17, &last), 0).0, Outcome::Held), "id");
    assert!(matches!(bed.push(&ipv4(7, 6, &last), 0).0, Outcome::Held), "protocol");
    // In IPv6 only the first fragment's protocol counts.
    bed.push(&ipv6(7, 17, &first), 0);
    let datagram = complete(bed.push(&ipv6(7, 6, &last), 0).0);
    assert_eq!(datagram.bytes[40], 17);
}

#[test]
fn what_cannot_be_is_refused() {
    let ok = Sent { offset: 0, data: data(16, 0), more: true };
    for (name, bytes, anomaly) in [
        (
            "v4 past the end",
            ipv4(1, 17, &Sent { offset: 65_528, data: data(16, 0), more: false }),
            Anomaly::Ipv4FragPktTooLarge,
        ),
        (
            "v6 past the end",
            ipv6(1, 17, &Sent { offset: 65_528, data: data(16, 0), more: false }),
            Anomaly::Ipv6FragPktTooLarge,
        ),
        ("v6 odd length", ipv6(1, 17, &Sent { data: data(15, 0), ..ok.clone() }), Anomaly::Ipv6FragInvalidLength),
        ("v4 empty", ipv4(1, 17, &Sent { data: vec![], ..ok.clone() }), Anomaly::Ipv4FragIgnored),
        ("v4 less than a unit", ipv4(1, 17, &Sent { data: data(7, 0), ..ok.clone() }), Anomaly::Ipv4FragIgnored),
        ("v6 empty", ipv6(1, 17, &Sent { data: vec![], ..ok }), Anomaly::Ipv6FragIgnored),
    ] {
        let (outcome, anomalies) = Bed::new(Config::default()).push(&bytes, 0);
        assert!(matches!(outcome, Outcome::Refused(Refusal::Malformed)), "{name}: {outcome:?}");
        assert_eq!(anomalies, [anomaly], "{name}");
    }
}

#[test]
fn ends_that_contradict_each_other_are_refused() {
    let mut bed = Bed::new(Config::default());
    let last = |offset| ipv4(7, 17, &Sent { offset, data: data(8, 0), more: false });
    bed.push(&last(64), 0);
    assert_eq!(bed.push(&last(128), 0).1, [Anomaly::Ipv4FragIgnored]);
    assert_eq!(bed.push(&last(56), 0).1, [Anomaly::Ipv4FragIgnored]);
    let over = ipv4(7, 17, &Sent { offset: 64, data: data(16, 0), more: true });
    assert_eq!(bed.push(&over, 0).1, [Anomaly::Ipv4FragOverlap, Anomaly::Ipv4FragIgnored]);
    assert_eq!(bed.defrag.held, 1);
}

#[test]
fn overlaps_are_noted_on_the_fragment_that_overlaps() {
    let mut bed = Bed::new(Config::default());
    let [first, _] = halves();
    assert_eq!(bed.push(&ipv4(7, 17, &first), 0).1, []);
    assert_eq!(bed.push(&ipv4(7, 17, &first), 0).1, [Anomaly::Ipv4FragOverlap]);
}

#[test]
fn datagrams_are_given_up_after_their_time() {
    let host = Config {
        host_timeouts: ByPrefix::new(vec![("10.0.0.2/32".parse().unwrap(), Duration::from_secs(5))]),
        ..Config::default()
    };
    for (name, config, late, complete) in [
        ("in time", Config::default(), 59, true),
        ("late", Config::default(), 60, false),
        ("in time for the host", host.clone(), 4, true),
        ("late for the host", host, 5, false),
    ] {
        let mut bed = Bed::new(config);
        let [first, last] = halves();
        bed.push(&ipv4(7, 17, &first), 0);
        assert_eq!(matches!(bed.push(&ipv4(7, 17, &last), late).0, Outcome::Complete(_)), complete, "{name}");
        assert_eq!(bed.counters.get(Counter::DefragIpv4Timeouts), u64::from(!complete), "{name}");
    }
}

#[test]
fn sweeps_free_what_is_expired() {
    let mut bed = Bed::new(Config::default());
    for id in 0..10 {
        bed.push(&ipv4(id, 17, &halves()[0]), id.into());
    }
    bed.defrag.expire(Time::from_micros(65, 0), &mut bed.counters);
    bed.check();
    assert_eq!((bed.defrag.table.len(), bed.counters.get(Counter::DefragIpv4Timeouts)), (4, 6));
}

#[test]
fn every_cap_refuses_and_counts() {
    for (name, config, counter) in [
        ("trackers", Config { trackers: 3, ..Config::default() }, Counter::DefragMaxTrackers),
        ("fragments", Config { max_frags: 3, ..Config::default() }, Counter::DefragMaxFrags),
        ("memory", Config { memcap: 2000, ..Config::default() }, Counter::DefragMemcap),
    ] {
        let mut bed = Bed::new(config.clone());
        let mut refused = 0;
        for id in 0..100 {
            if let (Outcome::Refused(Refusal::Full), anomalies) = bed.push(&ipv4(id, 17, &halves()[0]), 0) {
                assert_eq!(anomalies, [Anomaly::Ipv4FragIgnored], "{name}");
                refused += 1;
            }
        }
        assert!(refused > 80, "{name}: {refused}");
        assert_eq!(bed.counters.get(counter), refused, "{name}");
        assert!(bed.defrag.table.len() <= config.trackers && bed.defrag.held <= config.max_frags, "{name}");
        // What waits is still put together once there is room: time frees it.
        assert!(matches!(bed.push(&ipv4(500, 17, &halves()[0]), 100).0, Outcome::Held), "{name}");
    }
}

#[test]
fn a_dropped_datagram_leaves_its_verdict_to_copies() {
    let dropped = Verdict::Drop(DropReason::Rules);
    let [first, last] = halves().map(|sent| ipv4(7, 17, &sent));
    let mut bed = Bed::new(Config::default());
    bed.push(&first, 0);
    let key = complete(bed.push(&last, 1).0).key;
    bed.defrag.settle(&key, dropped);
    assert!(matches!(bed.push(&last, 30).0, Outcome::Late(verdict) if verdict == dropped));
    assert!(matches!(bed.push(&first, 59).0, Outcome::Late(verdict) if verdict == dropped));
    assert!(matches!(bed.push(&first, 60).0, Outcome::Held), "its time is over");
}

#[test]
fn an_accepted_datagram_leaves_nothing() {
    let [first, last] = halves().map(|sent| ipv4(7, 17, &sent));
    for settled in [true, false] {
        let mut bed = Bed::new(Config::default());
        bed.push(&first, 0);
        let key = complete(bed.push(&last, 0).0).key;
        if settled {
            bed.defrag.settle(&key, Verdict::Accept);
            assert_eq!((bed.defrag.memory, bed.defrag.table.len()), (0, 0));
        }
        // The sender uses its id again.
        bed.push(&last, 1);
        complete(bed.push(&first, 1).0);
    }
}

#[test]
fn addresses_are_those_of_the_fragments() {
    let packet = decoded(&ipv4(7, 17, &halves()[0]), 0, &mut Counters::default()).packet;
    let key = Key::of(&packet, &packet.layers.fragment.unwrap(), &Config::default()).unwrap();
    assert_eq!([key.src, key.dst], V4);
}
