//! The kernel stage loses nothing on the repository's captures, and the proof would find it if it did.

use std::path::{Path, PathBuf};

use ids_core::detect::compile::Loader;
use ids_ebpf::Outcome;
use ids_sensor::config::{Config, node};
use ids_sensor::proof::{self, Falsify, Plan, Proof};
use ids_sensor::ruleset::{From, load_with};

use crate::needs_root;

/// Alerts alone, and rules on a few ports: much is of no interest.
const ALERTS: &str = "exception-policy: ignore\n\
    decoder: {teredo: {enabled: no}, vxlan: {enabled: no}, geneve: {enabled: no}}\n\
    outputs: [{eve-log: {types: [alert]}}]\n";

/// A record of every flow and whatever is in it, and flows that are bypassed soon.
const RECORDS: &str = "stream: {bypass: yes, reassembly: {depth: 4kb}}\n\
    flow: {bypass-above: 8kb}\n\
    app-layer: {protocols: {tls: {encryption-handling: bypass}}}\n\
    outputs: [{eve-log: {types: [alert, anomaly, http, dns, files, flow]}}]\n";

fn captures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("pcaps");
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> = paths.filter(|path| path.extension().is_some_and(|end| end == "pcap")).collect();
    paths.sort();
    assert!(!paths.is_empty());
    paths
}

fn prove(yaml: &str, inline: bool, falsify: Option<Falsify>) -> Proof {
    let config = Config::from_tree(node::parse(yaml).unwrap(), inline);
    let load = || {
        let loaded = load_with(&mut Loader::default(), &config, &From::Embedded);
        assert!(loaded.rules.len() > 50);
        loaded
    };
    let (rules, again) = (load(), load());
    let rules = [&rules, &again];
    proof::run(&Plan { config: &config, captures: captures(), lenient: false, rules, inline, falsify }).unwrap()
}

#[test]
fn records_are_the_same_with_the_stage_in_front() {
    needs_root!();
    for (yaml, inline, stays) in [
        (ALERTS, false, Outcome::FastUninteresting),
        (RECORDS, false, Outcome::FastReleased),
        (RECORDS, true, Outcome::FastReleased),
    ] {
        let proof = prove(yaml, inline, None);
        print!("{}", proof.text());
        assert_eq!(proof.differences, []);
        assert!(proof.records > 0);
        assert!(proof.decided.iter().any(|(outcome, count)| *outcome == stays && count.packets > 0), "{stays:?}");
    }
}

#[test]
fn a_mistake_is_found() {
    needs_root!();
    let mistakes: [(&str, &str, Falsify); 3] = [
        ("TCP is not wanted", ALERTS, |_, interest| interest.all &= !1),
        ("UDP is not wanted", RECORDS, |_, interest| {
            (interest.all, interest.ports[1]) = (interest.all & !2, [[0; 1024]; 2])
        }),
        ("flows are released too early", RECORDS, |engine, _| engine.bypass_above = Some(0)),
    ];
    for (name, yaml, falsify) in mistakes {
        let proof = prove(yaml, false, Some(falsify));
        assert!(!proof.differences.is_empty(), "{name}");
    }
}
