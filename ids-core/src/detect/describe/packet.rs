//! Tests of packets and of what is remembered.

use super::conditions::named;
use crate::detect::integer::{self, Test, split_operator};
use crate::detect::names::{NameId, Names, Space};
use crate::detect::packet_fields::{PacketTest, Predicate, Syntax};
use crate::detect::rule_set::StateTest;
use crate::record::{Shape, Writer};
use crate::rules::ast::{Opt, Rule};

/// Names under which the numbers of keywords stand, where that is not the keyword.
const KEYS: &[(&str, &str)] = &[
    ("icmp_id", "id"),
    ("icmp_seq", "seq"),
    ("icode", "code"),
    ("itype", "type"),
    ("tcp.ack", "ack"),
    ("tcp.seq", "seq"),
    ("tcp.window", "window"),
];

/// One test of a packet. `written`: the rule as it was written, which tells how its number is compared.
pub(super) fn test(test: &PacketTest, written: Option<&Rule>, out: &mut dyn Writer) {
    let field = test.field;
    let text = written.and_then(|rule| option(rule, field.name, field.aliases)).and_then(|opt| opt.value.as_ref());
    let operator = text.map_or("", |value| operator(&value.text));
    let row = KEYS.iter().find(|row| row.0 == field.name);
    let key = row.map_or_else(|| field.name.replace(['.', '-'], "_"), |row| row.1.to_owned());
    out.open("", Shape::Object);
    out.text("name", field.name.as_bytes());
    if let (Syntax::Names(_), Predicate::Present, Some(value)) = (field.syntax, &test.predicate, text) {
        out.open(&key, Shape::Object);
        out.text("option", value.text.trim().as_bytes());
        out.close();
    }
    if let Predicate::Integer(wanted) = &test.predicate {
        out.open(&key, Shape::Object);
        match (field.syntax, wanted) {
            (Syntax::Exact(_), Test::Within(value, _)) => out.uint("number", *value),
            (Syntax::Negatable(_), Test::Within(value, _)) => negatable(*value, false, out),
            (Syntax::Negatable(_), Test::Outside(value, _)) => negatable(*value, true, out),
            (Syntax::Names(names), Test::Within(value, _)) => {
                let name = names.iter().find(|row| row.1 == *value).map_or("", |row| row.0);
                out.text("option", text.map_or(name, |value| value.text.trim()).as_bytes());
            }
            (_, wanted) => number(wanted, operator, out),
        }
        out.close();
    }
    out.close();
}

fn negatable(size: u64, negated: bool, out: &mut dyn Writer) {
    out.uint("size", size);
    out.flag("negated", negated);
}

/// The option that a test comes from.
fn option<'a>(rule: &'a Rule, name: &str, aliases: &[&str]) -> Option<&'a Opt> {
    rule.options.iter().find(|opt| opt.name.text == name || aliases.contains(&opt.name.text.as_str()))
}

/// The operator of a number; a range has none.
fn operator(text: &str) -> &str {
    let (operator, rest) = split_operator(text.trim());
    if rest.contains(['-']) || rest.contains("<>") { "" } else { operator }
}

/// What a number must be. `operator`: as it was written, to tell `>3` from `>=4`.
pub(in crate::detect) fn number(test: &integer::Test, operator: &str, out: &mut dyn Writer) {
    let range = |key: &str, low: u64, high: u64, out: &mut dyn Writer| {
        out.open(key, Shape::Object);
        // The ends of a range are excluded.
        out.uint("min", low.saturating_sub(1));
        out.uint("max", high.saturating_add(1));
        out.close();
    };
    let masked = |key: &str, mask: u64, value: u64, out: &mut dyn Writer| {
        out.open(key, Shape::Object);
        out.uint("mask", mask);
        out.uint("value", value);
        out.close();
    };
    match (*test, operator) {
        (Test::Masked { mask, value, equal: true }, _) => masked("bitmask", mask, value, out),
        (Test::Masked { mask, value, equal: false }, _) => masked("negated_bitmask", mask, value, out),
        (Test::Outside(low, high), _) if low == high => out.uint("diff", low),
        (Test::Outside(low, high), _) => range("negated_range", low, high, out),
        (Test::Within(low, _), ">") => out.uint("gt", low.saturating_sub(1)),
        (Test::Within(low, _), ">=") => out.uint("gte", low),
        (Test::Within(_, high), "<") => out.uint("lt", high.saturating_add(1)),
        (Test::Within(_, high), "<=") => out.uint("lte", high),
        (Test::Within(low, high), _) if low == high => out.uint("equal", low),
        (Test::Within(low, high), _) => range("range", low, high, out),
    }
}

/// Which packets a test of their size lets through.
pub(super) struct Size {
    /// Only those without payload.
    pub(super) empty_only: bool,
    /// Only those with payload.
    pub(super) payload: bool,
    /// Both, or both but for some sizes: the size of each packet must be looked at.
    pub(super) either: bool,
}

/// What a `dsize` comes to.
pub(super) fn size(test: &PacketTest) -> Size {
    let Predicate::Integer(test) = &test.predicate else {
        return Size { empty_only: false, payload: false, either: true };
    };
    let (low, high) = test.bounds();
    let empty_only = high == 0;
    let excludes = matches!(test, Test::Outside(..));
    Size { empty_only, payload: low > 0, either: excludes || low == 0 && !empty_only }
}

/// One test of what is remembered.
pub(super) fn state(test: &StateTest, names: &Names, out: &mut dyn Writer) {
    let name = match test {
        StateTest::Flowbit { any, set } => return flowbits(if *set { "isset" } else { "isnotset" }, any, names, out),
        StateTest::Flowint { .. } | StateTest::FlowintSet { .. } => "flowint",
        StateTest::Xbit { .. } => "xbits",
        StateTest::Hostbit { .. } => "hostbits",
        StateTest::Protocol { .. } => "app-layer-protocol",
        StateTest::StreamSize { .. } => "stream_size",
        StateTest::FlowStart => "flow_start",
        StateTest::Reputation(_) => "iprep",
        StateTest::Country(_) => "geoip",
        StateTest::Var { flow: true, .. } => "flowvar",
        StateTest::Var { flow: false, .. } => "pktvar",
    };
    named(name, out, |_| {});
}

/// `flowbits`: what is done, to which.
pub(super) fn flowbits(command: &str, bits: &[NameId], names: &Names, out: &mut dyn Writer) {
    named("flowbits", out, |out| {
        out.text("cmd", command.as_bytes());
        out.open("names", Shape::List);
        for bit in bits {
            out.text("", names.text(Space::Flowbit, *bit).as_bytes());
        }
        out.close();
        if bits.len() > 1 {
            out.text("operator", b"or");
        }
    });
}

/// The test that the author wants to be the first: what stands before `prefilter`, unless it is a content.
pub(super) fn preferred(rule: &Rule) -> Option<&str> {
    let at = rule.options.iter().position(|opt| opt.name.text == "prefilter")?;
    let before = rule.options.get(at.checked_sub(1)?)?.name.text.as_str();
    let of_content = crate::detect::bytes::is_option(before) || before == "uricontent" || before.starts_with("http_");
    (!of_content).then_some(before)
}

/// Whether a regular expression has the flag `B`, which says what is so anyway.
pub(super) fn has_raw_flag(rule: &Rule) -> bool {
    let mut values = rule.options.iter().filter(|opt| opt.name.text == "pcre").filter_map(|opt| opt.value.as_ref());
    values.any(|value| value.text.rsplit_once('/').is_some_and(|(_, flags)| flags.contains('B')))
}
