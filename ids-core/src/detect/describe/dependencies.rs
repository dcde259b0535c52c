//! Which rules leave a flowbit for a rule on packets while they look at transactions.
//!
//! Transactions and frames are looked at after the packet that completes them: such a rule sees the bit a packet late. Told
//! are bits that rules on transactions set and that only rules on packets and streams ask for.

use std::collections::BTreeSet;

use crate::detect::names::{NameId, Space};
use crate::detect::rule_set::{Compiled, Effect, RuleSet, StateTest};
use crate::detect::shared::Set;
use crate::record::{Shape, Writer};

pub(super) fn describe(set: &RuleSet, rule: &Compiled, out: &mut dyn Writer) {
    if !rule.kind.on_packets() {
        return;
    }
    let wanted: Vec<NameId> = asked(rule).filter(|bit| !asked_in_transactions(set, *bit)).collect();
    if wanted.is_empty() {
        return;
    }
    let mut found: Vec<(u32, NameId)> = Vec::new();
    for other in set.rules.iter().filter(|other| !other.kind.on_packets()) {
        let bits = sets(other).filter(|bit| wanted.contains(bit));
        found.extend(bits.map(|bit| (other.info.sid, bit)));
    }
    found.sort_unstable();
    if found.is_empty() {
        return;
    }
    for key in ["dependencies", "flowbits", "upstream", "state_modifying_rules"] {
        out.open(key, Shape::Object);
    }
    out.open("sids", Shape::List);
    let sids: BTreeSet<u32> = found.iter().map(|row| row.0).collect();
    sids.into_iter().for_each(|sid| out.uint("", sid.into()));
    out.close();
    out.open("names", Shape::List);
    let mut told: Vec<NameId> = Vec::new();
    for (_, bit) in found {
        if !told.contains(&bit) {
            told.push(bit);
            out.text("", set.names.text(Space::Flowbit, bit).as_bytes());
        }
    }
    out.close();
    for _ in 0..4 {
        out.close();
    }
}

/// The bits that must be set for a rule to match.
fn asked(rule: &Compiled) -> impl Iterator<Item = NameId> {
    rule.state.iter().flat_map(|test| {
        match test {
            StateTest::Flowbit { any, set: true } => any.as_slice(),
            _ => &[],
        }
        .iter()
        .copied()
    })
}

fn sets(rule: &Compiled) -> impl Iterator<Item = NameId> {
    rule.effects.iter().filter_map(|effect| match effect {
        Effect::Flowbit { name, set: Set::On | Set::Toggle } => Some(*name),
        _ => None,
    })
}

fn asked_in_transactions(set: &RuleSet, bit: NameId) -> bool {
    set.rules.iter().filter(|rule| !rule.kind.on_packets()).any(|rule| asked(rule).any(|other| other == bit))
}
