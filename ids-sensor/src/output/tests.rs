//! The whole way of an event: renderer, queue, writer, files and store.

use std::fs;
use std::path::Path;

use ids_core::counters::Counters;
use ids_core::event::{Event, Tagged};
use ids_core::time::Time;

use super::fixtures::{a_flow, a_packet, a_rule, alert, context};
use super::lines::{Kind, Lines};
use super::sink::{RulesLoaded, Stats};
use super::store::{Query, StoreStats};
use super::*;
use crate::config::node::parse;

const EVERYTHING: &str = "
outputs:
  - eve-log: {types: [alert, stats]}
  - fast: {}
  - stats: {}
  - store: {reserve: 0}
";

fn config(yaml: &str) -> Config {
    let config = Config::from_tree(parse(yaml).unwrap(), false);
    assert_eq!(config.warnings, []);
    config
}

fn read(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(name)).unwrap()
}

#[test]
fn every_output_gets_its_own_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let outputs = Outputs::open(&config(EVERYTHING), folder.path(), Pressure::Wait).unwrap();
    let mut renderer = outputs.renderer(&Arc::default());
    let (flow, rule, packet) = (a_flow(), a_rule(), a_packet());
    let count = 5000;
    for number in 0..count {
        let mut fired = alert(&flow, &rule, &packet);
        fired.context.packet = Some(number);
        fired.context.time = Time::from_micros(1_767_323_045 + number, 0);
        renderer.event(&Event::Alert(fired));
    }
    let counters = Counters::default();
    let (time, rules) = (Time::from_micros(1_767_323_045, 0), RulesLoaded::default());
    renderer.stats(&Stats {
        time,
        uptime: 93_784,
        counters: &counters,
        threads: &[],
        rules,
        more: &[("x.y", 7)],
        inline: false,
    });
    renderer.hand_over();
    assert_eq!(renderer.alerts(), count);
    drop(renderer);
    assert_eq!(outputs.finish(), Report::default());

    let eve = read(folder.path(), "eve.json");
    let numbers: Vec<u64> = eve
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["pcap_cnt"].as_u64())
        .collect();
    assert_eq!(numbers, (0..count).collect::<Vec<_>>());
    assert_eq!(eve.lines().count() as u64, count + 1);
    let fast = read(folder.path(), "fast.log");
    let first = fast.lines().next().unwrap().split_once("  ").unwrap().1;
    let want = "[Drop] [**] [1:1000001:2] test \"quoted\" [**] [Classification: Misc activity] [Priority: 3] {TCP} \
                10.0.0.5:40000 -> 192.0.2.7:80";
    assert_eq!(first, want);
    let stats = read(folder.path(), "stats.log");
    assert!(stats.contains("(uptime: 1d, 02h 03m 04s)"), "{stats}");
    assert!(stats.contains(&format!("{:<45} | {:<25} | 7\n", "x.y", "Total")), "{stats}");
    assert!(!stats.contains("decoder.pkts"), "zeros are left out");

    let store = open_store(&folder.path().join("store")).unwrap();
    let StoreStats { alerts, .. } = store.stats().unwrap();
    assert_eq!(alerts, count);
    let newest = store.scan(&Query { limit: 1, sid: Some(1_000_001), ..Query::default() }).unwrap().alerts.remove(0);
    let record: serde_json::Value = serde_json::from_slice(&newest.json).unwrap();
    assert_eq!(record["pcap_cnt"], count - 1);
    assert_eq!(record["alert"]["references"][0], "https://example.org");
}

#[test]
fn a_full_queue_costs_records_by_kind_and_alerts_last() {
    let (queue, held) = writer::Queue::that_nobody_reads(Pressure::Drop);
    let mut lines = Lines::default();
    let mut send = |kinds: &[Kind]| {
        for &kind in kinds {
            lines.add(kind, |out| out.extend_from_slice(&[b'x'; 1000]));
        }
        queue.send(&mut lines);
        lines.size()
    };
    while send(&[Kind::Flow]) == 0 && queue.lost() == [0; Kind::ALL.len()] {}
    let left = send(&[Kind::Alert, Kind::Flow, Kind::Alert, Kind::Transaction]);
    assert_eq!(left, 2000, "both alerts wait for the next time");
    for _ in 0..2000 {
        send(&[Kind::Alert]);
    }
    assert!(send(&[]) <= 1 << 20, "but not without bound");
    let lost = queue.lost();
    assert_eq!((lost[Kind::Transaction as usize], lost[Kind::Flow as usize]), (1, 2));
    assert!(lost[Kind::Alert as usize] > 900, "{lost:?}");
    drop(held);
}

#[test]
fn what_cannot_be_written_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    let open = |yaml: &str, folder: &Path| Outputs::open(&config(yaml), folder, Pressure::Wait);
    assert!(matches!(open("outputs: [fast: {}]", &folder.path().join("file")), Err(OutputError::Open { .. })));
    assert!(matches!(open("outputs: [fast: {filename: .}]", folder.path()), Err(OutputError::Open { .. })));
    assert!(matches!(open("outputs: [store: {folder: file}]", folder.path()), Err(OutputError::Store(_))));
    let full = open("outputs: [{eve-log: {filename: /dev/full, types: [alert]}}]", folder.path()).unwrap();
    let mut renderer = full.renderer(&Arc::default());
    let packet = a_packet();
    renderer.event(&Event::Tagged(Tagged { context: context(None), packet: &packet }));
    renderer.hand_over();
    drop(renderer);
    let report = full.finish();
    assert_eq!(report.errors.len(), 1, "{:?}", report.errors);
    assert!(report.errors[0].contains("/dev/full"), "{:?}", report.errors);
}
