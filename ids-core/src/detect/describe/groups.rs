//! Which rules look at which ports: the ports cut into ranges that the same rules are about.
//!
//! In: the headers of a rule set, and a [`Grouping`].  Out: what `rule_group.json` says, by the names of the established
//! engine. Matching here needs no such groups; where they are limited, the rules of the others look at all ports together.
//! Source: `detect.custom-values` and `detect.grouping` in the configuration of the Suricata 8 user guide.

use std::collections::BTreeSet;

use crate::detect::header::{Carriers, Header, PortSet};
use crate::detect::rule_set::{Compiled, Kind, RuleId, RuleSet};
use crate::field::Dir;
use crate::record::{Shape, Writer};

/// How ports are grouped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grouping {
    /// Most groups of different rules to the server (`toserver-groups`), and to the client (`toclient-groups`).
    pub most: [usize; 2],
    /// Ports of TCP (`tcp-priority-ports`) and of UDP (`udp-priority-ports`) whose groups come before all others.
    pub first: [Vec<(u16, u16)>; 2],
}

impl Default for Grouping {
    fn default() -> Self {
        let ports = |ports: &[u16]| ports.iter().map(|port| (*port, *port)).collect();
        Self {
            most: [25, 3],
            first: [ports(&[53, 80, 139, 443, 445, 1433, 3306, 3389, 6666, 6667, 8080]), ports(&[53, 135, 5060])],
        }
    }
}

/// Ports from `low` to `high`, and the rules that are about them, in their order.
#[derive(Debug)]
struct Group {
    low: u16,
    high: u16,
    rules: Vec<RuleId>,
}

impl RuleSet {
    /// Which rules look at which ports: the server's of what goes there, and of what comes from there.
    pub fn describe_groups(&self, grouping: &Grouping, out: &mut dyn Writer) {
        let [tcp, udp] = &grouping.first;
        for (name, carrier, first) in [("tcp", Carriers::TCP, tcp), ("udp", Carriers::UDP, udp)] {
            out.open(name, Shape::Object);
            for (dir, most) in Dir::BOTH.into_iter().zip(grouping.most) {
                out.open(direction(dir), Shape::List);
                self.write_groups(&limited(in_order(self.by_port(carrier, dir), first), most), out);
                out.close();
            }
            out.close();
        }
    }

    /// The groups by port.
    fn by_port(&self, carrier: Carriers, dir: Dir) -> Vec<Group> {
        let looking = self.rules.iter().enumerate().filter(|(_, rule)| looks(rule, carrier, dir));
        let rows: Vec<(RuleId, PortSet)> =
            looking.map(|(place, rule)| (RuleId::new(place), servers(&rule.header, dir))).collect();
        let mut starts = BTreeSet::from([0]);
        for (low, high) in rows.iter().flat_map(|row| row.1.ranges()) {
            starts.insert(u32::from(*low));
            starts.insert(u32::from(*high) + 1);
        }
        let mut groups: Vec<Group> = Vec::new();
        for low in &starts {
            let end = starts.range(low + 1..).next().copied().unwrap_or(1 << 16);
            let (Ok(low), Ok(high)) = (u16::try_from(*low), u16::try_from(end - 1)) else { continue };
            let rules: Vec<RuleId> = rows.iter().filter(|row| row.1.contains(low)).map(|row| row.0).collect();
            match groups.last_mut().filter(|before| before.rules == rules && before.high.checked_add(1) == Some(low)) {
                Some(before) => before.high = high,
                None if rules.is_empty() => {}
                None => groups.push(Group { low, high, rules }),
            }
        }
        groups
    }

    fn write_groups(&self, groups: &[Group], out: &mut dyn Writer) {
        let mut known: Vec<&[RuleId]> = Vec::new();
        for Group { low, high, rules } in groups {
            out.open("", Shape::Object);
            out.uint("port", (*low).into());
            out.uint("port2", (*high).into());
            out.open("rulegroup", Shape::Object);
            out.uint("id", number(&mut known, rules) as u64);
            out.open("rules", Shape::List);
            for info in rules.iter().filter_map(|id| self.info(*id)) {
                out.open("", Shape::Object);
                out.uint("sig_id", info.sid.into());
                out.close();
            }
            out.close();
            out.close();
            out.close();
        }
    }
}

/// The number of a group's rules, equal ones having one.
fn number<'g>(known: &mut Vec<&'g [RuleId]>, rules: &'g [RuleId]) -> usize {
    known.iter().position(|other| *other == rules).unwrap_or_else(|| {
        known.push(rules);
        known.len() - 1
    })
}

const fn direction(dir: Dir) -> &'static str {
    match dir {
        Dir::ToServer => "toserver",
        Dir::ToClient => "toclient",
    }
}

/// Whether a rule looks at what goes in a direction over a carrier. Rules on addresses alone ask for no ports.
fn looks(rule: &Compiled, carrier: Carriers, dir: Dir) -> bool {
    let asks = !matches!(rule.kind, Kind::Event | Kind::Addresses);
    asks && rule.carriers.meets(carrier) && rule.flow.dir.is_none_or(|only| only == dir)
}

/// The ports of the server that a rule is about, in what goes in a direction.
fn servers(header: &Header, dir: Dir) -> PortSet {
    let (there, back) = match dir {
        Dir::ToServer => (&header.dst_ports, &header.src_ports),
        Dir::ToClient => (&header.src_ports, &header.dst_ports),
    };
    if header.both { PortSet::union([&**there, &**back]) } else { PortSet::clone(there) }
}

/// Those of the ports that come first, then those with most rules.
fn in_order(mut groups: Vec<Group>, first: &[(u16, u16)]) -> Vec<Group> {
    let leads = |group: &Group| first.iter().any(|(low, high)| *low <= group.low && group.high <= *high);
    groups.sort_by_key(|group| (!leads(group), std::cmp::Reverse(group.rules.len()), group.low));
    groups
}

/// No more than so many groups of different rules; all the others are one.
fn limited(mut groups: Vec<Group>, most: usize) -> Vec<Group> {
    let mut known = Vec::new();
    let over = groups.iter().position(|group| number(&mut known, &group.rules) >= most);
    if let Some(from) = over {
        let rest: BTreeSet<RuleId> = groups.drain(from..).flat_map(|group| group.rules).collect();
        groups.push(Group { low: 0, high: u16::MAX, rules: rest.into_iter().collect() });
    }
    groups
}
