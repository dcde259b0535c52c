//! What rules cost, by a clock that goes on by one with every look at it: each try takes one.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Step;
use super::bench::Bench;
use crate::detect::compile::Loader;
use crate::detect::cost::{Costs, FLOWS, Gauge, RuleCost};
use crate::detect::rule_set::RuleId;
use crate::detect::settings::Settings;
use crate::flow::{Endpoint, Key};

fn clock() -> u64 {
    thread_local!(static LOOKS: Cell<u64> = const { Cell::new(0) });
    LOOKS.with(|looks| looks.replace(looks.get() + 1))
}

fn gauge(every: u32) -> Gauge {
    Gauge { clock, every, running: Arc::new(AtomicBool::new(true)) }
}

/// Flow number `number`.
fn flow(number: u16) -> Key {
    let end = |port| Endpoint { addr: [10, 0, 0, 1].into(), port };
    Key::new(end(number), end(u16::MAX), 6, [0; 3], 0).0
}

#[test]
fn tries_and_matches_are_counted_by_rule() {
    let mut bench = Bench::new(
        "alert tcp any any -> any any (content:\"needle\"; sid:1;)\n\
         alert tcp any any -> any any (content:\"needle\"; pcre:\"/thread$/\"; sid:2;)\n\
         alert tcp any any -> any any (content:\"absent\"; sid:3;)\n\
         alert http any any -> any any (http.uri; content:\"/needle\"; sid:4;)\n\
         alert http any any -> any any (http.uri; content:\"/needle\"; content:!\"?\"; http.method; content:\"PUT\"; sid:5;)\n\
         alert http any any -> any any (frame:http1.request; content:\"needle\"; sid:6;)\n\
         alert tcp any any -> any any (dsize:>5000; sid:7;)",
    );
    let mut costs = Costs::new(gauge(1));
    costs.begin_packet(&bench.rules);
    bench.detector.costs = Some(Box::new(costs));
    let mut told = bench.take(&Step::Client(b"GET /needle HTTP/1.1\r\nHost: x\r\n\r\n".to_vec()));
    told.sort_unstable();
    assert_eq!(told, [1, 4, 6]);
    let mut costs = bench.detector.costs.take().unwrap();
    costs.end_packet(Some(flow(1)));
    let rules = &bench.rules;
    let row = |(id, cost): (_, &RuleCost)| {
        (rules.info(id).unwrap().sid, cost.checks, cost.matches, cost.nanos, cost.nanos_matched, cost.longest)
    };
    let mut rows: Vec<_> = costs.rules(rules).map(row).collect();
    rows.sort_unstable();
    // Rules on payload are tried on the stream, and then on the packet.
    let want = [
        (1, 2, 1, 2, 1, 1),
        (2, 2, 0, 2, 0, 1),
        (4, 1, 1, 1, 1, 1),
        (5, 1, 0, 1, 0, 1),
        (6, 1, 1, 1, 1, 1),
        (7, 2, 0, 2, 0, 1),
    ];
    assert_eq!(rows, want, "the third was never tried");
    // Two looks a try, and one at the end of the packet.
    assert_eq!((costs.packets(), costs.nanos()), (1, 2 * 9 + 1));
    assert_eq!(
        costs.flows().iter().map(|row| (row.key, row.packets, row.nanos)).collect::<Vec<_>>(),
        [(flow(1), 1, 19)]
    );
}

#[test]
fn one_packet_of_so_many_is_measured_and_none_while_it_is_off() {
    let rules = Bench::new("alert tcp any any -> any any (sid:1;)").rules;
    let measured = |gauge: Gauge, packets: u32| {
        let mut costs = Costs::new(gauge);
        for _ in 0..packets {
            costs.begin_packet(&rules);
            costs.end_packet(None);
        }
        costs.packets()
    };
    assert_eq!([0, 1, 4, 1000].map(|every| measured(gauge(every), 8)), [8, 8, 2, 1]);
    let off = gauge(1);
    off.running.store(false, Ordering::Relaxed);
    assert_eq!(measured(off, 8), 0);
}

#[test]
fn what_several_workers_measured_adds_up() {
    let rules = Bench::new("alert tcp any any -> any any (sid:1;)\nalert tcp any any -> any any (sid:2;)").rules;
    let measure = |tries: &[(usize, bool)], number: u16| {
        let mut costs = Costs::new(gauge(1));
        costs.begin_packet(&rules);
        for (place, matched) in tries {
            costs.begin_rule();
            costs.end_rule(RuleId::new(*place), *matched);
        }
        costs.end_packet(Some(flow(number)));
        costs
    };
    let mut sum = measure(&[(0, true), (0, false)], 1);
    sum.merge(&measure(&[(0, true), (1, false)], 2));
    sum.merge(&measure(&[], 1));
    let rows: Vec<_> =
        sum.rules(&rules).map(|(_, cost)| (cost.checks, cost.matches, cost.nanos, cost.nanos_matched)).collect();
    assert_eq!(rows, [(3, 2, 3, 2), (1, 0, 1, 0)]);
    assert_eq!((sum.packets(), sum.nanos()), (3, 5 + 5 + 1));
    assert_eq!(
        sum.flows().iter().map(|row| (row.key, row.packets, row.nanos)).collect::<Vec<_>>(),
        [(flow(1), 2, 6), (flow(2), 1, 5)]
    );
}

#[test]
fn costs_begin_anew_with_another_rule_set() {
    let (mut loader, settings) = (Loader::default(), Settings::default());
    let mut compile = |text| {
        let rules = crate::rules::parse(text).rules.into_iter().map(|rule| (0, rule));
        loader.compile(rules, &settings).unwrap().rules
    };
    let (one, other) =
        (compile("alert ip any any -> any any (sid:1;)"), compile("alert ip any any -> any any (sid:2;)"));
    let mut costs = Costs::new(gauge(1));
    for rules in [&one, &other] {
        costs.begin_packet(rules);
        costs.begin_rule();
        costs.end_rule(RuleId::new(0), true);
        costs.end_packet(None);
    }
    assert_eq!((costs.packets(), costs.rules(&one).count(), costs.rules(&other).count()), (1, 0, 1));
    let mut old = Costs::new(gauge(1));
    old.begin_packet(&one);
    old.end_packet(None);
    costs.merge(&old);
    assert_eq!(costs.packets(), 1, "the older ones are left out");
    old.merge(&costs);
    assert_eq!(old.rules(&other).count(), 1, "the newer ones count");
}

#[test]
fn the_heaviest_flows_stay() {
    let rules = Bench::new("alert tcp any any -> any any (sid:1;)").rules;
    let mut costs = Costs::new(gauge(1));
    let mut packet = |flow, looks| {
        costs.begin_packet(&rules);
        for _ in 0..looks {
            costs.begin_rule();
        }
        costs.end_packet(Some(flow));
    };
    packet(flow(0), 1_000);
    for number in 1..5_000 {
        packet(flow(number), 0);
    }
    packet(flow(0), 1_000);
    assert_eq!(costs.flows().len(), FLOWS);
    let heaviest = costs.flows().iter().max_by_key(|row| row.nanos).unwrap();
    assert_eq!((heaviest.key, heaviest.packets, heaviest.nanos, heaviest.inherited), (flow(0), 2, 2 * 1_001, 0));
    assert!(costs.flows().iter().all(|row| row.nanos - row.inherited <= 2 * 1_001), "no flow has more than it cost");
}
