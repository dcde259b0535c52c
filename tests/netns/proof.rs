//! The kernel stage loses nothing on the repository's captures, and the proof would find it if it did.

use std::path::{Path, PathBuf};

use ids_core::detect::compile::Loader;
use ids_ebpf::Outcome;
use ids_sensor::config::{Config, node};
use ids_sensor::proof::{self, Falsify, Plan, Proof};
use ids_sensor::ruleset::{From, load_with};

use crate::needs_root;
use crate::support::packet::Frame;
use crate::support::transfer::{RST, Transfer};

/// Alerts alone, and rules on a few ports: much is of no interest.
const ALERTS: &str = "exception-policy: ignore\n\
    decoder: {teredo: {enabled: no}, vxlan: {enabled: no}, geneve: {enabled: no}}\n\
    outputs: [{eve-log: {types: [alert]}}]\n";

/// A record of every flow and whatever is in it, and flows that are bypassed soon.
const RECORDS: &str = "stream: {bypass: yes, reassembly: {depth: 4kb}}\n\
    flow: {bypass-above: 8kb}\n\
    app-layer: {protocols: {tls: {encryption-handling: bypass}}}\n\
    outputs: [{eve-log: {types: [alert, anomaly, http, dns, files, flow]}}]\n";

/// The same records; flows are released where nothing can match any more.
const DONE: &str = "stream: {reassembly: {depth: 4kb}}\n\
    outputs: [{eve-log: {types: [alert, anomaly, http, dns, files, flow]}}]\n";

/// Rules that look at what is read, and at single packets elsewhere.
const READ: &str = "alert http any any -> any any (http.uri; content:\"/\"; sid:1;)\n\
    alert tcp any any -> any any (content:\"0123\"; sid:2;)\n\
    alert tcp any any -> any 53 (ttl:<100; sid:3;)\n\
    alert tcp any any -> any any (stream-event:fin_out_of_window; sid:4;)\n";

fn captures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("pcaps");
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> = paths.filter(|path| path.extension().is_some_and(|end| end == "pcap")).collect();
    paths.sort();
    assert!(!paths.is_empty());
    paths
}

/// How a connection ends.
type Ending = fn(&mut Transfer);

/// A download far beyond the depth, with another request after it.
fn download(folder: &Path, port: u16, end: Ending) -> PathBuf {
    let mut transfer = Transfer::open(("10.0.0.1", port), ("10.0.0.2", 80));
    transfer.get("large", 40);
    transfer.get("next", 20);
    end(&mut transfer);
    let frames: Vec<Vec<u8>> = transfer.frames.iter().map(Frame::bytes).collect();
    let path = folder.join(format!("{port}.pcap"));
    std::fs::write(&path, pcap(&frames)).unwrap();
    path
}

/// A capture of Ethernet frames, a millisecond apart.
fn pcap(frames: &[Vec<u8>]) -> Vec<u8> {
    let head = [0xa1b2_c3d4u32, 0x0004_0002, 0, 0, 65_535, 1];
    let mut file: Vec<u8> = head.into_iter().flat_map(u32::to_le_bytes).collect();
    for (number, frame) in (0u32..).zip(frames) {
        let length = frame.len() as u32;
        file.extend([1_700_000_000, number * 1000, length, length].into_iter().flat_map(u32::to_le_bytes));
        file.extend(frame);
    }
    file
}

fn prove(yaml: &str, inline: bool, falsify: Option<Falsify>) -> Proof {
    let config = Config::from_tree(node::parse(yaml).unwrap(), inline);
    let (mut captures, mut from) = (captures(), From::Embedded);
    let folder = tempfile::tempdir().unwrap();
    if yaml == DONE {
        let ends: [(u16, Ending); 3] =
            [(4000, Transfer::close), (4001, |transfer| transfer.send(false, RST, b"")), (53, |_| {})];
        captures.extend(ends.map(|(port, end)| download(folder.path(), port, end)));
        let rules = folder.path().join("read.rules");
        std::fs::write(&rules, READ).unwrap();
        from = From::Files(vec![rules]);
    }
    let load = || load_with(&mut Loader::default(), &config, &from);
    let (rules, again) = (load(), load());
    assert!(rules.rules.len() >= READ.lines().count(), "{:?}", rules.problems);
    let rules = [&rules, &again];
    proof::run(&Plan { config: &config, captures, lenient: false, rules, inline, falsify }).unwrap()
}

#[test]
fn records_are_the_same_with_the_stage_in_front() {
    needs_root!();
    for (yaml, inline, stays) in [
        (ALERTS, false, Outcome::FastUninteresting),
        (RECORDS, false, Outcome::FastReleased),
        (RECORDS, true, Outcome::FastReleased),
        (DONE, false, Outcome::FastReleased),
        (DONE, true, Outcome::FastReleased),
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
    let mistakes: [(&str, &str, Falsify); 5] = [
        ("TCP is not wanted", ALERTS, |basis| basis.interest.all &= !1),
        ("UDP is not wanted", RECORDS, |basis| {
            (basis.interest.all, basis.interest.ports[1]) = (basis.interest.all & !2, [[0; 1024]; 2]);
        }),
        ("flows are released too early", RECORDS, |basis| basis.engine.bypass_above = Some(0)),
        ("what is still read is not watched", DONE, |basis| *basis.watches = false),
        ("less is read than should be", DONE, |basis| basis.engine.stream.reassembly.depth = 100),
    ];
    for (name, yaml, falsify) in mistakes {
        let proof = prove(yaml, false, Some(falsify));
        assert!(!proof.differences.is_empty(), "{name}");
    }
}
