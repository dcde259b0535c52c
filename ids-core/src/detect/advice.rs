//! What the author of a rule that loads should hear: it can never match, or it is looked at far too often.
//!
//! In: a rule whose parts are known, with its syntax tree for the places; at the end, what all rules ask for and
//! leave behind.  Out: warnings. Decides nothing: whether a rule loads is the matter of whoever reads its options.

use std::collections::HashSet;

use super::catalog::{Catalog, FieldId};
use super::fast_pattern::Prefilter;
use super::finish::{Buffers, Draft};
use super::integer;
use super::names::{NameId, Names, Space};
use super::packet_fields::{PacketField, PacketTest, Predicate, Read};
use super::rule_set::{Check, Inspection, Kind, StateTest};
use crate::rules::ast::{Rule, Span};
use crate::rules::diagnostic::{Code, Diagnostic};

/// Bytes that a pattern needs, lest it be found nearly everywhere.
const USABLE: usize = 2;

/// Bytes that few buffers of any protocol have: asking for so many first is as good as a pattern.
const LONG: u64 = 64;

/// Tests of packets, and of state, that exclude each other.
pub(super) fn of_packets(packet: &[PacketTest], state: &[StateTest], ast: &Rule) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (at, later) in packet.iter().enumerate() {
        let earlier = packet.get(..at).unwrap_or_default();
        if earlier.iter().any(|earlier| std::ptr::eq(earlier.field, later.field) && excluded(earlier, later)) {
            let message = format!("the tests of `{}` exclude each other: the rule never matches", later.field.name);
            found.push(impossible(option_of(later.field, ast), message, "keep one of them, or make two rules"));
        }
    }
    let unset = state.iter().filter_map(|test| flowbits(test, false)).flatten().collect::<HashSet<_>>();
    for set in state.iter().filter_map(|test| flowbits(test, true)) {
        if set.iter().all(|name| unset.contains(name)) {
            let message = "a flowbit must be set and not set at once: the rule never matches";
            found.push(impossible(last(ast, &["flowbits"]), message, "take one of the two away"));
        }
    }
    found
}

fn excluded(a: &PacketTest, b: &PacketTest) -> bool {
    match (&a.field.read, &a.predicate, &b.predicate) {
        (Read::Number(_), Predicate::Integer(a), Predicate::Integer(b)) => apart(a, b),
        _ => false,
    }
}

fn apart(a: &integer::Test, b: &integer::Test) -> bool {
    let ((a_low, a_high), (b_low, b_high)) = (a.bounds(), b.bounds());
    a_high < b_low || b_high < a_low
}

fn flowbits(test: &StateTest, wanted: bool) -> Option<&[NameId]> {
    match test {
        StateTest::Flowbit { any, set } if *set == wanted => Some(any),
        _ => None,
    }
}

/// Lengths (`urilen`) that leave no room for each other, or for the tests of the buffer.
pub(super) fn of_lengths(
    inspections: &[Inspection],
    buffers: &Buffers,
    catalog: &Catalog,
    ast: &Rule,
) -> Option<Diagnostic> {
    let single = |field: FieldId| catalog.field(field).is_some_and(|known| !known.info.multi);
    // The field with the fewest and the most bytes of it that the test allows.
    let range = |inspection: &Inspection| {
        let (buffer, range) = match &inspection.check {
            Check::Number { buffer, tests, length: true } => (*buffer, tests.first()?.test.bounds()),
            Check::Bytes { buffer, chain, .. } => (*buffer, (chain.min_len(), u64::MAX)),
            _ => return None,
        };
        let (field, transforms) = buffers.0.get(usize::from(buffer))?;
        (transforms.is_empty() && single(*field)).then_some((*field, range))
    };
    let ranges: Vec<_> = inspections.iter().filter_map(range).collect();
    let clash = |(field, (low, high)): &(FieldId, (u64, u64))| {
        ranges.iter().any(|(other, (other_low, other_high))| field == other && (high < other_low || other_high < low))
    };
    let message = "this length leaves no room for the other tests: the rule never matches";
    let help = "allow as many bytes as the contents have together";
    ranges.iter().any(clash).then(|| impossible(last(ast, &["urilen"]), message, help))
}

/// A rule on bytes that nothing finds, and which is therefore looked at each time.
pub(super) fn of_prefilter(draft: &Draft) -> Option<Diagnostic> {
    let rule = &draft.rule;
    rule.chains().next()?;
    if rule.chains().any(|chain| chain.length_first().is_some_and(|length| length >= LONG)) {
        return None;
    }
    let how = match &draft.prefilter {
        Prefilter::Events => return None,
        Prefilter::Always => "the rule has no content that finds it".to_owned(),
        Prefilter::Payload(pattern) | Prefilter::Buffer(_, _, pattern) if pattern.bytes.len() < USABLE => {
            format!("the fast pattern of the rule has only {} byte", pattern.bytes.len())
        }
        Prefilter::Payload(_) | Prefilter::Buffer(..) => return None,
    };
    let what = match rule.kind {
        Kind::Transaction => "transaction",
        Kind::Frame => "frame",
        _ => "packet",
    };
    let message = format!("{how}: it is looked at for almost every {what} that its header allows");
    let help = "add a `content`, not negated, of three bytes or more that must be there anyway";
    Some(Diagnostic::warning(Code::Noisy, 0..rule.info.raw.len(), message).help(help))
}

/// What the rules test and none of them sets. Out: the place of the rule among `drafts`, and the warning.
pub(super) fn of_names<'a>(drafts: impl Iterator<Item = &'a Draft> + Clone, names: &Names) -> Vec<(usize, Diagnostic)> {
    let written: HashSet<_> = drafts.clone().flat_map(|draft| draft.writes.iter().copied()).collect();
    let mut found = Vec::new();
    for (place, draft) in drafts.enumerate() {
        for (what, space, any) in draft.rule.state.iter().filter_map(wanted) {
            if any.iter().any(|name| written.contains(&(space, *name))) {
                continue;
            }
            let words: Vec<_> = any.iter().map(|name| names.text(space, *name)).collect();
            let text = draft.rule.info.raw.as_str();
            let span = words.first().and_then(|word| text.find(word).map(|at| at..at + word.len()));
            let list: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
            let message = format!("no rule sets the {what} {}", list.join(" or "));
            let warning = Diagnostic::warning(Code::NeverSet, span.unwrap_or(0..text.len()), message);
            found.push((place, warning.help("the rule cannot match until one does")));
        }
    }
    found
}

/// What a test asks to be set by another rule.
fn wanted(test: &StateTest) -> Option<(&'static str, Space, &[NameId])> {
    match test {
        StateTest::Flowbit { any, set: true } => Some(("flowbit", Space::Flowbit, any)),
        StateTest::Xbit { name, set: true, .. } => Some(("xbit", Space::Xbit, std::slice::from_ref(name))),
        StateTest::Hostbit { name, set: true, .. } => Some(("hostbit", Space::Hostbit, std::slice::from_ref(name))),
        StateTest::FlowintSet { name, set: true } => Some(("flowint", Space::Flowint, std::slice::from_ref(name))),
        _ => None,
    }
}

fn impossible(span: Span, message: impl Into<String>, help: &str) -> Diagnostic {
    Diagnostic::warning(Code::Impossible, span, message).help(help)
}

fn option_of(field: &PacketField, ast: &Rule) -> Span {
    let names: Vec<_> = field.aliases.iter().chain([&field.name]).copied().collect();
    last(ast, &names)
}

/// Where the last option of one of these names stands; the whole rule if none does.
fn last(ast: &Rule, names: &[&str]) -> Span {
    let opt = ast.options.iter().rev().find(|opt| names.contains(&opt.name.text.as_str()));
    opt.map_or(0..ast.text.len(), |opt| opt.span.clone())
}
