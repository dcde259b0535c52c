//! Which packets rules have to see, by headers alone.
//!
//! In: a rule set.  Out: a [`Need`] for each rule. Packets outside of all needs may be kept from the engine without
//! changing what any rule says; so a need holds both directions of a flow, since alerts tell what both have carried.
//! Must not know: who keeps packets away, and what else wants them.
//!
//! That is asked once, of everything that comes in. Of a flow that is known it can be told better: [`lasting`].

pub mod lasting;
pub mod sieve;

use super::header::{Carriers, PortSet};
use super::packet_fields::PacketTest;
use super::rule::{Action, RuleInfo};
use super::rule_set::{Check, Compiled, RuleSet};
use crate::wire::ip_proto;

/// What one rule has to see.
#[derive(Debug)]
pub struct Need<'r> {
    /// The rule.
    pub rule: &'r RuleInfo,
    /// What carries the packets.
    pub carriers: Carriers,
    /// Of carriers that have ports, flows with one of these on either side; `None`: all.
    pub ports: Option<&'r PortSet>,
    tests: &'r [PacketTest],
}

impl Need<'_> {
    /// Whether packets of an IP protocol can be meant.
    pub fn has_proto(&self, number: u8) -> bool {
        let carrier = if number == ip_proto::UDP_LITE { Carriers::UDP } else { Carriers::of_number(number) };
        self.carriers.meets(carrier) && self.allows("ip_proto", number)
    }

    /// Whether a type of ICMP can be meant, or of ICMPv6, as the protocol number says.
    pub fn has_icmp(&self, number: u8, kind: u8) -> bool {
        self.has_proto(number) && self.allows("itype", kind)
    }

    /// Whether the rule's tests of a packet field let this value pass. That it is asked of one packet, and others of
    /// the flow count as well, is the caller's business.
    fn allows(&self, field: &str, value: u8) -> bool {
        self.tests.iter().filter(|test| test.field.name == field).all(|test| test.predicate.matches(value.into()))
    }
}

/// What every rule has to see, in the order of the rules. Those that only keep others silent need nothing themselves.
pub fn needs(rules: &RuleSet) -> impl Iterator<Item = Need<'_>> {
    rules
        .rules
        .iter()
        .filter(|rule| !only_silences(rule))
        .map(|rule| need(rule))
        .filter(|need| !need.carriers.is_empty())
}

/// A `pass` rule that leaves nothing behind: where no other rule can match, there is nothing to let pass.
fn only_silences(rule: &Compiled) -> bool {
    let asks_sets = |check: &Check| matches!(check, Check::Bytes { sets, .. } if !sets.is_empty());
    rule.info.action == Action::Pass
        && rule.noalert
        && rule.effects.is_empty()
        && rule.headers.iter().all(|test| test.sets.is_empty())
        && !rule.inspections.iter().any(|inspection| asks_sets(&inspection.check))
}

fn need(rule: &Compiled) -> Need<'_> {
    let mut need = Need { rule: &rule.info, carriers: rule.carriers, ports: ports(rule), tests: &rule.packet };
    if need.ports.is_some() {
        // Where there are no ports, a rule that names some never matches.
        need.carriers = need.carriers.and(PORTED);
    }
    let quotes = |number, kinds: &[u8]| kinds.iter().any(|kind| need.has_icmp(number, *kind));
    if quotes(ip_proto::ICMP, &QUOTING4) || quotes(ip_proto::ICMPV6, &QUOTING6) {
        // An error belongs to the flow that it quotes, and alerts tell what that has carried.
        need.carriers = need.carriers.or(Carriers::ANY);
        need.tests = &[];
    }
    need
}

/// Whether a test of this field lets one of these values pass; one of another field may.
fn passes_any(test: &PacketTest, field: &str, values: impl IntoIterator<Item = u64>) -> bool {
    test.field.name != field || values.into_iter().any(|value| test.predicate.matches(value))
}

const PORTED: Carriers = Carriers::TCP.or(Carriers::UDP).or(Carriers::SCTP);

/// Types of ICMP that quote a packet (RFC 792: unreachable, source quench, redirect, time exceeded, parameter problem).
const QUOTING4: [u8; 5] = [3, 4, 5, 11, 12];

/// Types of ICMPv6 that quote a packet (RFC 4443 §2.1: all errors in use; RFC 4861 §4.5: redirect).
const QUOTING6: [u8; 5] = [1, 2, 3, 4, 137];

/// The smaller of the two sets of ports, of which every flow that matches has one; `None` if both are all ports.
fn ports(rule: &Compiled) -> Option<&PortSet> {
    let size = |set: &PortSet| set.ranges().iter().map(|(low, high)| u32::from(high - low) + 1).sum::<u32>();
    let set = [&*rule.header.dst_ports, &*rule.header.src_ports].into_iter().min_by_key(|set| size(set))?;
    (!set.is_all()).then_some(set)
}

#[cfg(test)]
mod tests {
    use super::super::compile::Loader;
    use super::super::settings::Settings;
    use super::*;

    /// Where a rule is looked for: carriers, ports, protocol numbers and echo types of those tried.
    fn seen(rule: &str) -> Option<(Carriers, String, Vec<u8>, Vec<u8>)> {
        let parsed = crate::rules::parse(rule).rules.into_iter().map(|rule| (0, rule));
        let loaded = Loader::default().compile(parsed, &Settings::default()).unwrap();
        assert_eq!(loaded.rules.len(), 1, "{rule}: {:?}", loaded.faults);
        let need = needs(&loaded.rules).next()?;
        assert_eq!(need.rule.sid, 1);
        let ports = need.ports.map_or("all".to_owned(), |set| format!("{:?}", set.ranges()));
        let protos = [2, 6, 17, 136].into_iter().filter(|number| need.has_proto(*number)).collect();
        let kinds = [0, 3, 8].into_iter().filter(|kind| need.has_icmp(1, *kind)).collect();
        Some((need.carriers, ports, protos, kinds))
    }

    #[test]
    fn a_rule_needs_what_it_can_match_on() {
        let any = Carriers::ANY;
        let all = any.or(Carriers::NONE);
        let udp_tcp = Carriers::UDP.or(Carriers::TCP);
        let cases = [
            ("tcp any any -> any any ()", Carriers::TCP, "all", vec![6], vec![]),
            ("tcp any any -> any [80,8000:8001] ()", Carriers::TCP, "[(80, 80), (8000, 8001)]", vec![6], vec![]),
            ("tcp any 25 -> any any ()", Carriers::TCP, "[(25, 25)]", vec![6], vec![]),
            ("tcp any 1024: -> any 21 ()", Carriers::TCP, "[(21, 21)]", vec![6], vec![]),
            ("udp any 53 <> any 1024: ()", Carriers::UDP, "[(53, 53)]", vec![17, 136], vec![]),
            ("http any any -> any 81 ()", Carriers::TCP, "[(81, 81)]", vec![6], vec![]),
            ("dns any any -> any any ()", udp_tcp, "all", vec![6, 17, 136], vec![]),
            ("ip any any -> any 9 ()", PORTED, "[(9, 9)]", vec![6, 17, 136], vec![]),
            ("ip any any -> any any (ip_proto:2;)", any, "all", vec![2], vec![]),
            ("icmpv4 any any -> any any (itype:8;)", Carriers::ICMP4, "all", vec![], vec![8]),
            ("icmpv4 any any -> any any (itype:<3;)", Carriers::ICMP4, "all", vec![], vec![0]),
            ("icmpv4 any any -> any any (itype:3;)", any, "all", vec![2, 6, 17, 136], vec![0, 3, 8]),
            ("ip any any -> any any ()", all, "all", vec![2, 6, 17, 136], vec![0, 3, 8]),
        ];
        for (text, carriers, ports, protos, kinds) in cases {
            let rule = format!("alert {}", text.replace(')', "sid:1;)"));
            assert_eq!(seen(&rule), Some((carriers, ports.to_owned(), protos, kinds)), "{text}");
        }
    }

    #[test]
    fn a_rule_that_only_silences_others_needs_nothing() {
        let cases = [
            ("pass tcp any any -> any any (sid:1;)", false),
            ("pass tcp any any -> any any (alert; sid:1;)", true),
            ("pass tcp any any -> any any (flowbits:set,seen; sid:1;)", true),
            ("pass dns any any -> any any (dns.query; dataset:set,names,type string; sid:1;)", true),
            ("drop tcp any any -> any any (sid:1;)", true),
            ("alert tcp any any -> any any (noalert; flowbits:set,seen; sid:1;)", true),
        ];
        for (rule, needed) in cases {
            assert_eq!(seen(rule).is_some(), needed, "{rule}");
        }
    }
}
