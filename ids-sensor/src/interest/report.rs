//! What is wanted, told to people and programs.

use std::fmt::Write as _;

use ids_ebpf::interest::Interest;
use serde::Serialize;

use super::{GROUPS, Rules, Wanted};

/// What of one kind of packets is inspected, and because of what.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// `tcp`, `udp`, …
    pub packets: &'static str,
    /// `all`, `some` or `nothing`.
    pub inspected: &'static str,
    /// What `ranges` are of: `port`, `type` or `protocol`; what is meant where there are none.
    pub by: String,
    /// Where `some` is inspected: which, first and last of each range.
    pub ranges: Vec<(u16, u16)>,
    /// Why. Where all is inspected, what would be content with less is left out.
    pub because: Vec<String>,
}

/// What the stage hands up whatever is loaded.
pub const ALWAYS: &str = "always inspected: fragments, damaged packets, tunnels over IP, IP options, IPv6 extension \
                          headers, ICMP but echo and neighbour discovery, TCP with rare options (so nearly all SYNs)";

impl Wanted {
    /// What is inspected, by kind of packets.
    pub fn reports(&self) -> Vec<Report> {
        let groups = GROUPS.iter().zip(&self.causes);
        let report = |(at, ((_, packets, _), causes)): (usize, (&(_, &'static str, _), &super::Causes))| {
            let (by, ranges) = ranges(&self.interest, at);
            let all = self.interest.all & (1 << at) != 0;
            let mut because = if all { causes.others.clone() } else { causes.others_some.clone() };
            because.extend(if all { rules(&causes.all) } else { rules(&causes.some) });
            let inspected = match (all, ranges.is_empty()) {
                (true, _) => "all",
                (false, false) => "some",
                (false, true) => "nothing",
            };
            Report { packets, inspected, by: by.to_owned(), ranges: if all { Vec::new() } else { ranges }, because }
        };
        groups.enumerate().map(report).chain([self.unread()]).collect()
    }

    /// What is inspected of connections that are not read any more. Rules on some ports or addresses are not counted:
    /// they keep what is on them.
    fn unread(&self) -> Report {
        let [sums, again, some, data, all] = self.keepers.each_ref().map(rules);
        let named = |what: &str, rules: Option<String>| rules.map(|rules| format!("{what} ({rules})"));
        let (inspected, by, because) = match (all, data) {
            (Some(all), _) => ("all", String::new(), vec![all]),
            (None, Some(data)) => ("some", "what carries data".to_owned(), vec![data]),
            (None, None) => {
                let some = named("data that looks as rules on single packets want it", some);
                let parts = [some, named("wrong checksums", sums), named("what is sent again", again)]
                    .into_iter()
                    .flatten()
                    .collect::<Vec<_>>();
                (if parts.is_empty() { "nothing" } else { "some" }, parts.join(", "), Vec::new())
            }
        };
        Report {
            packets: "tcp that is not read any more (beyond the depth, encrypted)",
            inspected,
            by,
            ranges: Vec::new(),
            because,
        }
    }
}

impl Report {
    /// In one sentence.
    pub fn text(&self) -> String {
        let because = match self.because.join(", ") {
            nothing if nothing.is_empty() => nothing,
            reasons => format!(" because of {reasons}"),
        };
        let packets = self.packets;
        match self.inspected {
            "all" => format!("{packets}: all is inspected{because}"),
            "some" => {
                let mut text = format!("{packets}: inspected is {}", self.by);
                for (at, (low, high)) in self.ranges.iter().enumerate() {
                    let comma = if at == 0 { " " } else { ", " };
                    // Writing to a string cannot fail.
                    let _ =
                        if low == high { write!(text, "{comma}{low}") } else { write!(text, "{comma}{low}-{high}") };
                }
                text + &because + "; the rest is skipped"
            }
            _ => format!("{packets}: is skipped"),
        }
    }
}

fn rules(rules: &Rules) -> Option<String> {
    let first = rules.first.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
    match rules.count {
        0 => None,
        1 => Some(format!("the rule with sid {first}")),
        count => Some(format!("{count} rules, first: sid {first}")),
    }
}

/// What of a group is wanted, by its number, and what the numbers are.
fn ranges(interest: &Interest, group: usize) -> (&'static str, Vec<(u16, u16)>) {
    match group {
        0..=2 => ("port", runs(&interest.ports[group][1])),
        3 | 4 => ("type", runs(&interest.icmp[group - 3])),
        5 => ("protocol", runs(&interest.protos)),
        _ => ("", Vec::new()),
    }
}

/// The runs of a set of bits.
fn runs(set: &[u64]) -> Vec<(u16, u16)> {
    let mut runs: Vec<(u16, u16)> = Vec::new();
    let held = (0..set.len() * 64).filter(|number| set[number / 64] >> (number % 64) & 1 != 0);
    for number in held.filter_map(|number| u16::try_from(number).ok()) {
        match runs.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(number) => *last = number,
            _ => runs.push((number, number)),
        }
    }
    runs
}
