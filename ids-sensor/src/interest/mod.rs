//! What the kernel stage hands up: the needs of rules, records and settings, compiled into what it looks at.
//!
//! In: a rule set ([`ids_core::detect::interest`]), the configuration ([`Others`]).  Out: [`Wanted`]: the contents of the
//! interest map, and for people why the rest cannot be skipped. What the stage itself hands up in any case (fragments,
//! damage, whatever it does not look into) is not in it.
//! Addresses of rules are not used, nor TCP flags: the stage has no such tests, so a rule on any port counts as one on
//! everything. When unsure, wanted.

mod others;
mod report;
mod sieve;
#[cfg(test)]
mod tests;

use std::collections::HashSet;

use ids_core::detect::header::{Carriers, PortSet};
use ids_core::detect::interest::lasting::Keeps;
use ids_core::detect::interest::{Need, needs};
use ids_core::detect::rule_set::RuleSet;
use ids_core::wire::ip_proto;
use ids_ebpf::headers::icmp_answer;
use ids_ebpf::interest::{Group, Interest};

pub use others::Others;
pub use report::{ALWAYS, Report};

/// All groups, with their names for people and what carries their packets.
const GROUPS: [(Group, &str, Carriers); 7] = [
    (Group::Tcp, "tcp", Carriers::TCP),
    (Group::Udp, "udp", Carriers::UDP),
    (Group::Sctp, "sctp", Carriers::SCTP),
    (Group::Icmp4, "icmp", Carriers::ICMP4),
    (Group::Icmp6, "icmpv6", Carriers::ICMP6),
    (Group::OtherIp, "other IP", Carriers::OTHER),
    (Group::NonIp, "ARP", Carriers::NONE),
];

/// What rules keep being handed up, the least first.
const KEPT: [Keeps; 5] = [Keeps::WrongSums, Keeps::Repeats, Keeps::SomeData, Keeps::Data, Keeps::All];

/// Rules of a kind: how many, and the first few.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Rules {
    count: usize,
    first: Vec<u32>,
}

/// Why packets of a group are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Causes {
    /// Rules that want all of it.
    all: Rules,
    /// Rules that want some of it.
    some: Rules,
    /// Whatever else wants all of it.
    others: Vec<String>,
    /// Whatever else wants some of it.
    others_some: Vec<String>,
}

/// What of all packets is wanted, and why.
#[derive(Debug)]
pub struct Wanted {
    /// For the kernel.
    pub interest: Box<Interest>,
    /// By group, in the order of [`GROUPS`].
    causes: [Causes; GROUPS.len()],
    /// Rules that keep being handed something of a connection of which nothing more is read, by what.
    keepers: [Rules; KEPT.len()],
}

impl Rules {
    /// How many rules are named.
    const NAMED: usize = 5;

    fn add(&mut self, sid: u32) {
        self.count += 1;
        if self.first.len() < Self::NAMED {
            self.first.push(sid);
        }
    }
}

impl Wanted {
    /// What a rule set and everything else want together.
    pub fn of(rules: &RuleSet, others: &Others) -> Self {
        let mut wanted =
            Self { interest: Box::new(Interest::NOTHING), causes: Default::default(), keepers: Default::default() };
        for demand in &others.0 {
            wanted.demand(demand);
        }
        for (rule, keeps) in rules.keepers() {
            let kept = KEPT.iter().zip(&mut wanted.keepers).filter(|(kind, _)| **kind == keeps);
            kept.for_each(|(_, rules)| rules.add(rule.sid));
        }
        sieve::fill(&mut wanted.interest.sieve, rules.sieve());
        // Rule sets name few different sets of ports, each many times.
        let mut ports: [HashSet<&PortSet>; GROUPS.len()] = Default::default();
        for need in needs(rules) {
            for (at, (group, _, carriers)) in GROUPS.into_iter().enumerate() {
                if need.carriers.meets(carriers) {
                    wanted.need(group, &need, &mut ports[at]);
                }
            }
        }
        for (ports, (group, ..)) in ports.into_iter().zip(GROUPS) {
            for (low, high) in PortSet::union(ports).ranges() {
                (*low..=*high).for_each(|port| wanted.interest.want_port(group, port));
            }
        }
        wanted
    }

    fn demand(&mut self, demand: &others::Demand) {
        for (causes, (group, _, carriers)) in self.causes.iter_mut().zip(GROUPS) {
            if group == Group::OtherIp && demand.carriers.meets(Carriers::UDP) && demand.ports.is_none() {
                self.interest.want_proto(ip_proto::UDP_LITE);
                causes.others_some.push(demand.because.clone());
            }
            if !demand.carriers.meets(carriers) {
                continue;
            }
            match &demand.ports {
                None => {
                    self.interest.want_all(group);
                    causes.others.push(demand.because.clone());
                }
                Some(ports) => {
                    ports.iter().for_each(|port| self.interest.want_port(group, *port));
                    causes.others_some.push(demand.because.clone());
                }
            }
        }
    }

    /// Adds what a rule needs of one group; its ports are put together with others first.
    fn need<'r>(&mut self, group: Group, need: &Need<'r>, ports: &mut HashSet<&'r PortSet>) {
        let interest = &mut *self.interest;
        let everything = match group {
            Group::Tcp => ports_of(need, ip_proto::TCP, ports),
            Group::Udp => {
                if need.has_proto(ip_proto::UDP_LITE) {
                    // To the engine it is UDP, to the kernel stage another protocol.
                    interest.want_proto(ip_proto::UDP_LITE);
                    self.causes[Group::OtherIp as usize].some.add(need.rule.sid);
                }
                ports_of(need, ip_proto::UDP, ports)
            }
            Group::Sctp => ports_of(need, ip_proto::SCTP, ports),
            Group::Icmp4 => types(need, interest, group, (4, ip_proto::ICMP)),
            Group::Icmp6 => types(need, interest, group, (6, ip_proto::ICMPV6)),
            Group::OtherIp => {
                let own = |number: &u8| Group::of(*number) == Group::OtherIp && *number != ip_proto::UDP_LITE;
                let (meant, not): (Vec<u8>, Vec<u8>) =
                    (0..=u8::MAX).filter(own).partition(|number| need.has_proto(*number));
                meant.iter().for_each(|number| interest.want_proto(*number));
                (!meant.is_empty()).then_some(not.is_empty())
            }
            Group::NonIp => Some(true),
        };
        let causes = &mut self.causes[group as usize];
        match everything {
            None => {}
            Some(true) => {
                interest.want_all(group);
                causes.all.add(need.rule.sid);
            }
            Some(false) => causes.some.add(need.rule.sid),
        }
    }
}

/// Whether a rule needs all of a group with ports, or none of it.
fn ports_of<'r>(need: &Need<'r>, number: u8, ports: &mut HashSet<&'r PortSet>) -> Option<bool> {
    if !need.has_proto(number) {
        return None;
    }
    ports.extend(need.ports);
    Some(need.ports.is_none())
}

/// Wants the types of ICMP that a rule needs, and those that answer them, which are the same flow.
fn types(need: &Need<'_>, interest: &mut Interest, group: Group, (version, number): (u8, u8)) -> Option<bool> {
    let meant: Vec<u8> = (0..=u8::MAX).filter(|kind| need.has_icmp(number, *kind)).collect();
    for kind in &meant {
        interest.want_icmp(group, *kind);
        interest.want_icmp(group, icmp_answer(version, *kind));
    }
    (!meant.is_empty()).then_some(meant.len() > usize::from(u8::MAX))
}

/// All packets: what is wanted where nothing is known.
pub fn everything() -> Box<Interest> {
    let mut interest = Box::new(Interest::NOTHING);
    GROUPS.iter().for_each(|(group, ..)| interest.want_all(*group));
    sieve::fill_all(&mut interest.sieve);
    interest
}

/// What either wants: while workers go from one rule set to the next.
pub fn either(one: &Interest, other: &Interest) -> Box<Interest> {
    let mut sum = Box::new(*one);
    sum.all |= other.all;
    let mine = sum.ports.as_flattened_mut().as_flattened_mut().iter_mut();
    let mine = mine.chain(&mut sum.protos).chain(sum.icmp.as_flattened_mut());
    let theirs = other.ports.as_flattened().as_flattened().iter();
    let theirs = theirs.chain(&other.protos).chain(other.icmp.as_flattened());
    mine.zip(theirs).for_each(|(mine, theirs)| *mine |= theirs);
    sieve::add(&mut sum.sieve, &other.sieve);
    sum
}
