//! The kernel stage loses nothing on the repository's captures, and the proof would find it if it did.

use std::path::{Path, PathBuf};

use ids_core::detect::compile::Loader;
use ids_ebpf::Outcome;
use ids_ebpf::flow::Released;
use ids_sensor::config::{Config, node};
use ids_sensor::proof::{self, Falsify, Plan, Proof};
use ids_sensor::ruleset::{From, load_with};

use crate::needs_root;
use crate::support::packet::{ACK, Frame, udp};
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

/// Rules and no anomalies: nobody asks for what is sent again.
const UNASKED: &str = "stream: {reassembly: {depth: 4kb}}\n\
    outputs: [{eve-log: {types: [alert, http, dns, flow]}}]\n";

/// Rules that look at what is read, and at single packets elsewhere.
const READ: &str = "alert http any any -> any any (http.uri; content:\"/\"; sid:1;)\n\
    alert tcp any any -> any any (content:\"0123\"; sid:2;)\n\
    alert tcp any any -> any 53 (ttl:<100; sid:3;)\n\
    alert tcp any any -> any any (stream-event:fin_out_of_window; sid:4;)\n\
    alert tcp any any -> any any (stream-event:pkt_spurious_retransmission; sid:5;)\n\
    alert tcp any any -> any any (tcpv4-csum:invalid; sid:6;)\n\
    alert tcp any any -> any any (content:\"PICK\"; depth:4; sid:7;)\n\
    alert tcp any any -> any any (content:\"finding\"; depth:300; sid:8;)\n\
    alert tcp-pkt any any -> any any (dsize:3; content:\"x\"; sid:9;)\n\
    alert udp any any -> any any (content:\"PICK\"; depth:4; sid:10;)\n\
    alert udp any any -> any any (content:\"sought\"; sid:11;)\n";

fn captures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("pcaps");
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> = paths.filter(|path| path.extension().is_some_and(|end| end == "pcap")).collect();
    paths.sort();
    assert!(!paths.is_empty());
    paths
}

/// How a connection ends, or what comes late in it that rules on single packets look for.
type Ending = fn(&mut Transfer);

/// The port of a client of whose connection the last segment is damaged.
const DAMAGED: u16 = 4006;

/// A download far beyond the depth, with another request after it.
fn download(folder: &Path, port: u16, end: Ending) -> PathBuf {
    let mut transfer = Transfer::open(("10.0.0.1", port), ("10.0.0.2", 80));
    transfer.get("large", 40);
    transfer.get("next", 20);
    end(&mut transfer);
    let mut frames: Vec<Vec<u8>> = transfer.frames.iter().map(Frame::bytes).collect();
    if let Some(byte) = frames.last_mut().and_then(|frame| frame.last_mut()).filter(|_| port == DAMAGED) {
        *byte ^= 1;
    }
    written(folder.join(format!("{port}.pcap")), &frames)
}

/// Datagrams of no protocol that is known, the last few of which rules look for.
fn datagrams(folder: &Path) -> PathBuf {
    let ends = (("10.0.0.1", 4000), ("10.0.0.2", 7777));
    let both = |data: &[u8]| [udp(ends.0, ends.1, data), udp(ends.1, ends.0, data)];
    let mut frames: Vec<Frame> = (0..20).flat_map(|_| both(b"~ nothing of interest")).collect();
    frames.extend([&b"PICK it"[..], b"~ what is sought by a rule", b"~ sough", b""].into_iter().flat_map(both));
    written(folder.join("datagrams.pcap"), &frames.iter().map(Frame::bytes).collect::<Vec<_>>())
}

fn written(path: PathBuf, frames: &[Vec<u8>]) -> PathBuf {
    std::fs::write(&path, pcap(frames)).unwrap();
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
    let mut rules = READ.to_owned();
    if yaml == UNASKED {
        let unasked = READ.split_inclusive('\n').filter(|rule| !rule.contains("retransmission"));
        rules = unasked.collect();
    }
    if [DONE, UNASKED].contains(&yaml) {
        let ends: [(u16, Ending); 8] = [
            (4000, Transfer::close),
            (4001, |transfer| transfer.send(false, RST, b"")),
            (4002, Transfer::again),
            (4003, |transfer| transfer.send(false, ACK, b"PICK it")),
            (4004, |transfer| transfer.send(false, ACK, b"a late finding, and more")),
            (4005, |transfer| transfer.send(false, ACK, b"xyz")),
            (DAMAGED, |transfer| transfer.send(false, ACK, &[b'z'; 1000])),
            (53, |_| {}),
        ];
        captures.extend(ends.map(|(port, end)| download(folder.path(), port, end)));
        captures.push(datagrams(folder.path()));
        let path = folder.path().join("read.rules");
        std::fs::write(&path, &rules).unwrap();
        from = From::Files(vec![path]);
    }
    let load = || load_with(&mut Loader::default(), &config, &from);
    let (loaded, again) = (load(), load());
    assert!(loaded.rules.len() >= rules.lines().count(), "{:?}", loaded.problems);
    let rules = [&loaded, &again];
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
        (UNASKED, false, Outcome::FastReleased),
        (UNASKED, true, Outcome::FastReleased),
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
    let mistakes: [(&str, &str, Falsify); 11] = [
        ("TCP is not wanted", ALERTS, |basis| basis.interest.all &= !1),
        ("UDP is not wanted", RECORDS, |basis| {
            (basis.interest.all, basis.interest.ports[1]) = (basis.interest.all & !2, [[0; 1024]; 2]);
        }),
        ("flows are released too early", RECORDS, |basis| basis.engine.bypass_above = Some(0)),
        ("what is still read is not watched", DONE, |basis| *basis.mistake = |terms| terms.watched &= !3),
        ("connections are not followed", DONE, |basis| *basis.mistake = |terms| terms.watched &= !Released::TRACKED),
        ("checksums are not looked at", DONE, |basis| *basis.mistake = |terms| terms.watched &= !Released::CHECKED),
        ("what is sent again is not", DONE, |basis| *basis.mistake = |terms| terms.watched &= !Released::AGAIN),
        ("nothing is sifted", DONE, |basis| *basis.mistake = |terms| terms.looks = Default::default()),
        ("no size is sifted", DONE, |basis| basis.interest.sieve.sizes = [0; _]),
        ("nothing is sought", DONE, |basis| basis.interest.sieve.seekers = [[0; _]; 2]),
        ("less is read than should be", DONE, |basis| basis.engine.stream.reassembly.depth = 100),
    ];
    for (name, yaml, falsify) in mistakes {
        let proof = prove(yaml, false, Some(falsify));
        assert!(!proof.differences.is_empty(), "{name}");
    }
}
