//! What follows from matches: order, actions, thresholds, suppression.

use super::bench::Bench;
use super::{Step, fired, frames};
use crate::counters::Counter;
use crate::detect::hits::Decision;
use crate::detect::rule_set::{RuleId, Scope};
use crate::verdict::{DropReason, RejectTo};

fn payload(text: &str) -> Step {
    Step::Frame(frames::udp(9, text.as_bytes()))
}

/// What is told and decided on one packet with `payload`.
fn decided(rules: &str, inline: bool, text: &str) -> (Vec<u32>, Decision, Vec<bool>) {
    let mut bench = Bench::new(rules);
    bench.inline = inline;
    let told = bench.take(&payload(text));
    let blocked = bench.hits.alerts().iter().map(|hit| hit.blocked).collect();
    (told, bench.decision, blocked)
}

#[test]
fn the_order_is_by_action_then_state_then_priority() {
    let rules = "alert udp any any -> any any (content:\"x\"; priority:3; sid:1;)\n\
        alert udp any any -> any any (content:\"x\"; priority:1; sid:2;)\n\
        alert udp any any -> any any (content:\"x\"; flowbits:isset,b; sid:3;)\n\
        alert udp any any -> any any (content:\"x\"; flowbits:set,a; sid:4;)\n\
        alert udp any any -> any any (content:\"x\"; flowbits:isset,a; flowbits:set,b; sid:5;)\n\
        drop udp any any -> any any (content:\"x\"; sid:6;)\n\
        reject udp any any -> any any (content:\"x\"; sid:7;)\n";
    assert_eq!(fired(rules, &[payload("x")]), [6, 7, 4, 5, 3, 2, 1]);
}

#[test]
fn what_asks_for_state_is_tried_again_when_state_is_set() {
    // The drop comes first in the order, but the bit it asks for is set by an alert.
    let rules = "drop udp any any -> any any (content:\"x\"; flowbits:isset,a; sid:1;)\n\
        alert udp any any -> any any (content:\"x\"; flowbits:set,a; sid:2;)\n";
    assert_eq!(fired(rules, &[payload("x")]), [1, 2]);
}

#[test]
fn actions() {
    let id = RuleId::new(0);
    let drop = |scope| Some((id, scope, DropReason::Rules));
    let none = Decision::default();
    let rule = |action: &str| format!("{action} udp any any -> any any (content:\"x\"; sid:1;)");
    let cases = [
        ("alert", true, none, vec![1], vec![false]),
        ("drop", true, Decision { drop: drop(Scope::Packet), ..none }, vec![1], vec![true]),
        ("drop", false, none, vec![1], vec![false]),
        ("drop:flow", true, Decision { drop: drop(Scope::Flow), ..none }, vec![1], vec![true]),
        ("pass", true, Decision { pass: Some(Scope::Packet), ..none }, vec![], vec![]),
        ("pass:flow", true, Decision { pass: Some(Scope::Flow), ..none }, vec![], vec![]),
        ("reject", false, Decision { reject: Some((Scope::Packet, RejectTo::Source)), ..none }, vec![1], vec![true]),
        ("reject:flow", false, Decision { reject: Some((Scope::Flow, RejectTo::Source)), ..none }, vec![1], vec![true]),
        (
            "rejectboth",
            true,
            Decision { reject: Some((Scope::Packet, RejectTo::Both)), drop: drop(Scope::Packet), ..none },
            vec![1],
            vec![true],
        ),
    ];
    for (action, inline, decision, told, blocked) in cases {
        assert_eq!(decided(&rule(action), inline, "x"), (told, decision, blocked), "{action} {inline}");
    }
}

#[test]
fn pass_ends_it_all_but_what_comes_first() {
    let pass = "pass udp any any -> any any (content:\"x\"; sid:1;)\n";
    let alert = "alert udp any any -> any any (content:\"x\"; sid:2;)\n";
    assert_eq!(decided(&format!("{alert}{pass}"), true, "x").0, [0; 0]);
    assert_eq!(decided(&format!("{alert}{pass}"), true, "y").0, [0; 0]);
    let told = "pass udp any any -> any any (content:\"x\"; alert; sid:1;)\n";
    assert_eq!(decided(&format!("{alert}{told}"), true, "x").0, [1]);
}

#[test]
fn a_silent_rule_still_acts() {
    let (told, decision, _) = decided("drop udp any any -> any any (content:\"x\"; noalert; sid:1;)", true, "x");
    assert!(told.is_empty() && decision.drop.is_some());
}

#[test]
fn a_packet_has_so_many_alerts_at_most() {
    let rules: String =
        (1..=20).map(|sid| format!("alert udp any any -> any any (content:\"x\"; sid:{sid};)\n")).collect();
    let mut bench = Bench::new(&rules);
    assert_eq!(bench.take(&payload("x")), (1..=15).collect::<Vec<_>>());
    assert_eq!(bench.counters.get(Counter::DetectAlertQueueOverflow), 5);
}

#[test]
fn thresholds_count_by_what_they_track() {
    let rule = |track: &str| {
        format!(
            "alert udp any any -> any any (content:\"x\"; threshold:type limit, track {track}, count 1, seconds 9; sid:1;)"
        )
    };
    let from = |last: u8, to: u8| Step::Frame(frames::datagram(([10, 0, 0, last], 1), ([192, 0, 2, to], 2), b"x"));
    let steps = [from(1, 1), Step::NewFlow, from(1, 2), Step::NewFlow, from(2, 1), Step::NewFlow, from(1, 1)];
    let counts = [("by_src", 2), ("by_dst", 2), ("by_both", 3), ("by_rule", 1), ("by_flow", 4)];
    for (track, count) in counts {
        assert_eq!(fired(&rule(track), &steps).len(), count, "{track}");
    }
}

#[test]
fn a_limited_drop_still_drops() {
    let rule =
        "drop udp any any -> any any (content:\"x\"; threshold:type limit, track by_rule, count 1, seconds 9; sid:1;)";
    let mut bench = Bench::new(rule);
    bench.inline = true;
    assert_eq!(bench.take(&payload("x")), [1]);
    assert!(bench.take(&payload("x")).is_empty() && bench.decision.drop.is_some());
    assert_eq!(bench.counters.get(Counter::DetectAlertsSuppressed), 1);
}

#[test]
fn the_global_file_suppresses_limits_and_changes_actions() {
    let rule =
        "alert udp any any -> any any (content:\"x\"; threshold:type limit, track by_rule, count 1, seconds 9; sid:7;)";
    let told = |file: &str, count: usize| {
        let mut bench = Bench::with(rule, file);
        bench.inline = true;
        let told: usize = (0..count).map(|_| bench.take(&payload("x")).len()).sum();
        (told, bench.decision.drop.map(|drop| drop.2))
    };
    assert_eq!(told("", 3), (1, None));
    assert_eq!(told("threshold gen_id 1, sig_id 7, type limit, track by_src, count 2, seconds 9", 3), (2, None));
    assert_eq!(told("suppress gen_id 1, sig_id 7", 3), (0, None));
    assert_eq!(told("suppress gen_id 1, sig_id 7, track by_src, ip 10.0.0.0/8", 3), (0, None));
    assert_eq!(told("suppress gen_id 1, sig_id 7, track by_dst, ip 10.0.0.0/8", 3), (1, None));
    let rate = "rate_filter gen_id 1, sig_id 7, track by_src, count 1, seconds 9, new_action drop, timeout 9";
    assert_eq!(told(rate, 1), (1, None));
    assert_eq!(told(rate, 2), (1, Some(DropReason::ThresholdDetectionFilter)));
}

#[test]
fn rules_on_addresses_alone_are_tried_once_per_direction() {
    let rules = "alert udp any any -> any any (sid:1;)\nalert udp !1.1.1.1 any -> any any (sid:2;)\n";
    let steps = [payload("x"), payload("x"), Step::NewFlow, payload("x")];
    let count = |sid| fired(rules, &steps).into_iter().filter(|other| *other == sid).count();
    assert_eq!((count(1), count(2)), (2, 3));
}

/// Which of the steps are packets that a tag shows.
fn shown(tag: &str, steps: &[Step]) -> Vec<bool> {
    let mut bench = Bench::new(&format!("alert udp any any -> any any (content:\"x\"; {tag}; sid:1;)"));
    let mut shown = Vec::new();
    for step in steps {
        bench.take(step);
        if matches!(step, Step::Frame(_)) {
            shown.push(bench.hits.tagged());
        }
    }
    shown
}

#[test]
fn tags_show_what_follows_a_match() {
    let from = |last: u8, to: u8, text: &str| {
        Step::Frame(frames::datagram(([10, 0, 0, last], 1), ([192, 0, 2, to], 2), text.as_bytes()))
    };
    let talk = || vec![from(1, 1, "x"), from(1, 1, "a"), from(1, 1, "b"), Step::Wait(5), from(1, 1, "c")];
    let length = 46;
    for (tag, want) in [
        ("tag:session", [false, true, true, true]),
        ("tag:session,3,packets", [false, true, true, false]),
        (&format!("tag:session,{},bytes", length + 1), [false, true, false, false]),
        ("tag:session,4,seconds", [false, true, true, false]),
        ("tag:host,2,packets,src", [false, true, false, false]),
        ("tag:host,2,packets; tag:session,3,packets", [false, true, true, false]),
        ("noalert; tag:session", [false, true, true, true]),
    ] {
        assert_eq!(shown(tag, &talk()), want, "{tag}");
    }
    let elsewhere = |last, to| vec![from(1, 1, "x"), Step::NewFlow, from(last, to, "a")];
    for (tag, last, to, want) in [
        ("tag:session", 1, 1, false),
        ("tag:host", 2, 1, true),
        ("tag:host", 1, 2, false),
        ("tag:host,9,packets,src", 1, 2, true),
        ("tag:host,9,packets,src", 2, 1, false),
    ] {
        assert_eq!(shown(tag, &elsewhere(last, to)), [false, want], "{tag} {last} {to}");
    }
    // The next match begins the tag anew.
    let again = [from(1, 1, "x"), from(1, 1, "x"), from(1, 1, "a"), from(1, 1, "b")];
    assert_eq!(shown("tag:session,2,packets", &again), [false, false, true, false]);
}
