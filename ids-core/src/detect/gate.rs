//! What rules out most candidates at a glance: as much of a rule's header and `flow` as fits into a few bytes.
//!
//! In: compiled rules, once; then what is asked of all of them on one occasion.  Out: whether a rule may apply.
//! A gate may let pass what does not apply, never the other way round. Rules are large and lie apart, gates lie side by
//! side: what a pattern finds and an address, a port, a direction or a protocol rules out costs no look at the rule.

use std::net::IpAddr;
use std::sync::Arc;

use hashbrown::HashMap;

use super::header::{AddressSet, Carriers, PortSet};
use super::rule_set::{Compiled, RuleId};
use super::scene::Scene;
use crate::app::registry::ProtoId;
use crate::field::Dir;

/// The gates of all rules.
#[derive(Debug, Default)]
pub(super) struct Gates {
    gates: Vec<Gate>,
    /// The addresses that many rules are about, each with a bit.
    addresses: Vec<Arc<AddressSet>>,
}

/// Bits for sets of addresses: those of a list, by place.
type Sets = u8;
/// The bit of every other set: it must be asked itself.
const OTHER: Sets = 1 << COMMON;
/// Most sets that have a bit.
const COMMON: usize = 7;
/// Rules that are about a set that has one, at least.
const MANY: usize = 64;

/// What of a rule is looked at first.
#[derive(Clone, Copy, Debug)]
struct Gate {
    carriers: Carriers,
    /// Source and destination address are in this set, one bit each.
    src: Sets,
    dst: Sets,
    /// The places in a flow ([`place`]) that `flow` lets pass, one bit each.
    places: u8,
    /// The application protocol.
    app: App,
    /// The lowest and the highest port, of source and destination.
    src_ports: (u16, u16),
    dst_ports: (u16, u16),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum App {
    Any,
    One(ProtoId),
    /// It must be looked up.
    Several,
}

/// An occasion, as gates see it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Glance {
    carriers: Carriers,
    /// The sets that source and destination are in.
    src: Sets,
    dst: Sets,
    places: u8,
    app: Option<ProtoId>,
    /// Source and destination, where there are ports.
    ports: Option<(u16, u16)>,
}

/// How many places in a flow are told apart.
const PLACES: u8 = 5;

/// The direction and whether the flow is established; or that there is no flow.
const fn place(at: Option<(Dir, bool)>) -> u8 {
    match at {
        Some((dir, established)) => 2 * dir.index() as u8 + established as u8,
        None => PLACES - 1,
    }
}

impl Gates {
    /// Those of rules, in their order.
    pub(super) fn of(rules: &[Arc<Compiled>]) -> Self {
        let (addresses, bits) = common(rules);
        let bit = |set: &Arc<AddressSet>| bits.get(&Arc::as_ptr(set)).map_or(OTHER, |place| 1 << place);
        let gates = rules.iter().map(|rule| {
            let header = &rule.header;
            let (src, dst) = if header.both { (OTHER, OTHER) } else { (bit(&header.src), bit(&header.dst)) };
            Gate { src, dst, ..Gate::of(rule) }
        });
        Self { gates: gates.collect(), addresses }
    }

    /// The packet of a scene, or stream data of its direction.
    pub(super) fn at(&self, scene: &Scene<'_>) -> Glance {
        let carriers = scene.carriers();
        let ends = scene.ends();
        let sets = |address: IpAddr| {
            let each = self.addresses.iter().enumerate();
            each.fold(OTHER, |sets, (place, set)| sets | Sets::from(set.contains(address)) << place)
        };
        Glance {
            carriers,
            src: ends.map_or(Sets::MAX, |(src, _)| sets(src.addr)),
            dst: ends.map_or(Sets::MAX, |(_, dst)| sets(dst.addr)),
            places: 1 << place(scene.flow.map(|_| (scene.dir, scene.established))),
            app: scene.app.proto,
            ports: ends.filter(|_| carriers.ported()).map(|(src, dst)| (src.port, dst.port)),
        }
    }

    /// A transaction or frame of a protocol, in the direction of the scene: what is found now may be decided later,
    /// elsewhere in the flow.
    pub(super) fn of_app(&self, proto: ProtoId, scene: &Scene<'_>) -> Glance {
        Glance { places: u8::MAX, app: Some(proto), ..self.at(scene) }
    }

    /// Whether a rule may apply.
    #[inline]
    pub(super) fn lets(&self, id: RuleId, glance: &Glance) -> bool {
        self.gates.get(id.0 as usize).is_some_and(|gate| gate.lets(glance))
    }

    /// Whether a rule may apply at another time, in the same direction of the flow.
    pub(super) fn may_let(&self, id: RuleId, glance: &Glance) -> bool {
        self.gates.get(id.0 as usize).is_some_and(|gate| gate.reached(glance))
    }
}

/// The addresses that most rules are about, and of every such set the place of its equal in that list.
fn common(rules: &[Arc<Compiled>]) -> (Vec<Arc<AddressSet>>, HashMap<*const AddressSet, usize>) {
    let mut counts: HashMap<*const AddressSet, (usize, usize, &Arc<AddressSet>)> = HashMap::new();
    for set in rules.iter().flat_map(|rule| [&rule.header.src, &rule.header.dst]) {
        let first = counts.len();
        counts.entry(Arc::as_ptr(set)).or_insert((0, first, set)).0 += 1;
    }
    let mut often: Vec<_> = counts.into_values().filter(|row| row.0 >= MANY && !row.2.is_any()).collect();
    often.sort_unstable_by_key(|(count, first, _)| (std::cmp::Reverse(*count), *first));
    let (mut sets, mut places) = (Vec::new(), HashMap::new());
    for (_, _, set) in often {
        let known = sets.iter().position(|other: &Arc<AddressSet>| other == set);
        let place = known.or_else(|| (sets.len() < COMMON).then_some(sets.len()));
        let Some(place) = place else { continue };
        if known.is_none() {
            sets.push(Arc::clone(set));
        }
        places.insert(Arc::as_ptr(set), place);
    }
    (sets, places)
}

impl Gate {
    /// That of a rule, but for addresses.
    fn of(rule: &Compiled) -> Self {
        let header = &rule.header;
        let ports = |set: &PortSet| match (set.ranges(), header.both || !rule.carriers.ported()) {
            (_, true) | ([], _) => (0, u16::MAX),
            ([first, ..], false) => (first.0, set.ranges().last().map_or(u16::MAX, |last| last.1)),
        };
        let test = &rule.flow;
        let everywhere = Dir::BOTH.into_iter().flat_map(|dir| [Some((dir, false)), Some((dir, true))]).chain([None]);
        let passes = |at: &Option<(Dir, bool)>| {
            let dir = test.dir.is_none_or(|wanted| at.is_some_and(|(dir, _)| dir == wanted) || rule.transactional);
            dir && test.established.is_none_or(|wanted| wanted == at.is_some_and(|(_, established)| established))
        };
        Self {
            carriers: rule.carriers,
            src: OTHER,
            dst: OTHER,
            places: everywhere.filter(passes).fold(0, |places, at| places | 1 << place(at)),
            app: match *rule.apps {
                [] => App::Any,
                [one] => App::One(one),
                _ => App::Several,
            },
            src_ports: ports(&header.src_ports),
            dst_ports: ports(&header.dst_ports),
        }
    }

    fn lets(&self, glance: &Glance) -> bool {
        let app = match self.app {
            App::Any => true,
            App::One(app) => glance.app == Some(app),
            App::Several => glance.app.is_some(),
        };
        self.places & glance.places != 0 && app && self.reached(glance)
    }

    /// Whether what carries it and the ends, which do not change within a flow, are as the rule asks.
    fn reached(&self, glance: &Glance) -> bool {
        let within = |(low, high): (u16, u16), port| low <= port && port <= high;
        self.src & glance.src != 0
            && self.dst & glance.dst != 0
            && self.carriers.meets(glance.carriers)
            && glance.ports.is_none_or(|(src, dst)| within(self.dst_ports, dst) && within(self.src_ports, src))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::bench::{load, settings};
    use super::*;
    use crate::app::registry;

    fn app(name: &str) -> Option<ProtoId> {
        registry::all().find(|(_, row)| row.name == name).map(|(id, _)| id)
    }

    fn glance(carriers: Carriers, at: Option<(Dir, bool)>, app: Option<ProtoId>, ports: Option<(u16, u16)>) -> Glance {
        Glance { carriers, src: Sets::MAX, dst: Sets::MAX, places: 1 << place(at), app, ports }
    }

    #[test]
    fn what_does_not_apply_is_held_back() {
        use Dir::{ToClient, ToServer};
        let tcp = |at, app, ports| glance(Carriers::TCP, at, app, Some(ports));
        let begun = Some((ToServer, false));
        let tls = app("tls");
        // Header, options, what it lets pass, what it does not.
        let rows = [
            (
                "tcp any 1024: -> any [80,90:100]",
                "",
                vec![tcp(begun, None, (1024, 80)), tcp(None, tls, (2000, 100)), tcp(None, None, (2000, 85))],
                vec![tcp(begun, None, (1024, 79)), tcp(begun, None, (1023, 80)), tcp(begun, None, (80, 2000))],
            ),
            ("tcp any 1024: <> any 80", "", vec![tcp(begun, None, (80, 2000))], vec![]),
            (
                "tcp any any -> any any",
                "flow:established,to_client;",
                vec![tcp(Some((ToClient, true)), None, (1, 2))],
                vec![
                    tcp(Some((ToServer, true)), None, (1, 2)),
                    tcp(Some((ToClient, false)), None, (1, 2)),
                    tcp(None, None, (1, 2)),
                ],
            ),
            (
                "tcp any any -> any any",
                "flow:not_established;",
                vec![tcp(begun, None, (1, 2)), tcp(None, None, (1, 2))],
                vec![tcp(Some((ToServer, true)), None, (1, 2))],
            ),
            (
                "tls any any -> any any",
                "",
                vec![tcp(begun, tls, (1, 2))],
                vec![tcp(begun, None, (1, 2)), tcp(begun, app("dns"), (1, 2))],
            ),
            (
                "udp any any -> any 53",
                "",
                vec![glance(Carriers::UDP, begun, None, Some((1, 53)))],
                vec![tcp(begun, None, (1, 53))],
            ),
            ("ip any any -> any any", "", vec![glance(Carriers::ICMP4, None, None, None)], vec![]),
        ];
        for (header, options, lets, holds) in rows {
            let rules = load(&format!("alert {header} ({options} content:\"abc\"; sid:1;)"), &settings()).rules;
            let gate = rules.gates.gates.first().unwrap_or_else(|| panic!("{header} {options} does not load"));
            lets.iter().for_each(|glance| assert!(gate.lets(glance), "{header} {options} lets {glance:?}"));
            holds.iter().for_each(|glance| assert!(!gate.lets(glance), "{header} {options} holds {glance:?}"));
        }
    }

    #[test]
    fn addresses_that_many_rules_are_about() {
        let many = |header: &str, from: usize| {
            let rule = |sid: usize| format!("alert ip {header} (content:\"abc\"; sid:{};)\n", from + sid);
            (0..MANY).map(rule).collect::<String>()
        };
        let lines = [
            many("$HOME_NET any -> any any", 1000),
            many("any any -> [$HOME_NET] any", 2000),
            many("192.0.2.1 any -> any any", 3000),
            many("$HOME_NET any <> any any", 4000),
            "alert ip 192.0.2.2 any -> any any (content:\"abc\"; sid:1;)".to_owned(),
        ];
        let gates = load(&lines.concat(), &settings()).rules.gates;
        assert_eq!(gates.addresses.len(), 2, "equal sets are one");
        let (home, listed) = if gates.addresses[0].contains([10, 0, 0, 1].into()) { (1, 2) } else { (2, 1) };
        let count = |src, dst| gates.gates.iter().filter(|gate| (gate.src, gate.dst) == (src, dst)).count();
        let found = [count(home, OTHER), count(OTHER, home), count(listed, OTHER), count(OTHER, OTHER)];
        assert_eq!(found, [MANY, MANY, MANY, MANY + 1]);
    }
}
