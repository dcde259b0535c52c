//! Netfilter queues: a sensor beside a router, which sends it what is to be forwarded.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ids_core::engine::Sink;
use ids_core::packet::PacketIn;
use ids_core::time::Time;
use ids_core::verdict::Verdict;
use ids_sensor::live::{Capture, Guard, Inspector, Queues, Settings, Topology};
use rustix::process::{Pid, Signal, kill_process};

use crate::needs_root;
use crate::support::inspectors::{Gated, Late};
use crate::support::lab::{CLIENT, Lab, balanced, wait_until};
use crate::support::namespace::Running;
use crate::support::site::{EVIL, Site, stop};

/// The server, behind the router.
const BEYOND: &str = "10.1.0.2";

/// Writes the rules of the packet filter, without a tool for it.
const NETFILTER: &str = include_str!("support/netfilter.py");

/// What the rule in front of all that is forwarded says.
#[derive(Clone, Copy, Default)]
struct Rule {
    /// How many queues, from number 0 on.
    queues: u16,
    /// Packets pass where nobody listens.
    bypass: bool,
    /// Packets with this mark are left out.
    but_mark: u32,
}

/// Makes the sensor's namespace a router between client and server.
fn route(lab: &Lab, rule: Rule) {
    for (address, port) in [("10.0.0.254", "a0"), ("10.1.0.254", "b0")] {
        lab.sensor.ip(&format!("addr add {address}/24 dev {port}"));
        lab.sensor.must(&format!("ethtool -K {port} tx off tso off gso off"));
    }
    lab.sensor.must("sysctl -qw net.ipv4.ip_forward=1");
    lab.server.ip("addr flush dev s0");
    lab.server.ip(&format!("addr add {BEYOND}/24 dev s0"));
    lab.server.ip("route add default via 10.1.0.254");
    lab.client.ip("route add default via 10.0.0.254");
    wait_until("the router", || lab.ping(BEYOND, 1, 56) == 1);
    // Hook 2 is that of packets to be forwarded.
    let words = [2, 0, u32::from(rule.queues), u32::from(rule.bypass), rule.but_mark].map(|word| word.to_string());
    let done = lab.sensor.run(|| Command::new("python3").args(["-c", NETFILTER]).args(words).output().unwrap());
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

fn settings(lab: &Lab, queues: u16) -> Settings {
    route(lab, Rule { queues, ..Rule::default() });
    Settings { capture: Capture::Packets, ..lab.settings(Topology::Queues((0..queues).collect())) }
}

/// A site behind a router, with two files to fetch.
fn site(rule: Rule) -> (Site, Running) {
    let site = Site::new();
    route(&site.lab, rule);
    let web = site.folder().join("web");
    std::fs::create_dir(&web).unwrap();
    let bytes: Vec<u8> = (0..500_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    for name in ["good", "evil"] {
        std::fs::write(web.join(name), &bytes).unwrap();
    }
    let server = site.lab.serve(&web);
    (site, server)
}

/// Whether a file arrives, and as it was.
fn arrives(site: &Site, name: &str) -> bool {
    let (worked, body) = site.lab.curl(&format!("http://{BEYOND}/{name}"), 4);
    worked && std::fs::read(body).unwrap() == std::fs::read(site.folder().join("web").join(name)).unwrap()
}

/// Puts "cat" where it finds "dog", in UDP over IPv4, whose checksum can be left out.
struct Rewriter;

impl Inspector for Rewriter {
    fn push(&mut self, packet: PacketIn<'_>, out: &mut impl Sink) {
        if let Some(at) = packet.bytes.windows(3).position(|window| window == b"dog") {
            packet.bytes[at..at + 3].copy_from_slice(b"cat");
            packet.bytes[26..28].fill(0);
        }
        out.verdict(packet.id, Verdict::Accept);
    }
    fn tick(&mut self, _: Time, _: &mut impl Sink) {}
    fn finish(&mut self, _: &mut impl Sink) {}
}

#[test]
fn an_attack_is_dropped_from_its_first_packet_on() {
    needs_root!();
    let (site, _server) = site(Rule { queues: 1, ..Rule::default() });
    assert!(!arrives(&site, "good"), "nobody listens yet");
    let rules = site.rules(EVIL);
    let sensor = site.start(&format!("--nfq 0 -S {rules}"));
    assert!(arrives(&site, "good"));
    let (worked, body) = site.lab.curl(&format!("http://{BEYOND}/evil"), 3);
    assert!(!worked && std::fs::metadata(body).map_or(0, |body| body.len()) == 0, "not a byte of it");
    assert!(arrives(&site, "good"), "other connections pass");
    wait_until("the alert", || site.sids("alerts list --json").contains(&1_000_001));
    let status = site.status();
    let port = &status["ports"][0];
    assert_eq!((&port["interface"], &port["mode"]), (&"queue 0".into(), &"nfqueue".into()));
    assert!(port["queues"][0]["dropped"].as_u64().unwrap() >= 1, "{port}");
    assert_eq!(site.lab.ping(BEYOND, 3, 56), 3);
    assert!(site.ask(&format!("block add {CLIENT} --ttl 60s")).status.success());
    wait_until("the block", || site.lab.ping(BEYOND, 1, 56) == 0);
    assert!(!arrives(&site, "good"), "a blocked host");
    assert_eq!(site.json(&format!("why {CLIENT} --json"))[0]["way"], "drop");
    wait_until("the counters", || site.kernel("drop.host") > 0 && site.kernel("drop.flow") > 0);
    assert!(site.ask(&format!("block del {CLIENT}")).status.success());
    assert!(arrives(&site, "good"));
    let (code, _) = stop(sensor);
    assert_eq!(code, Some(0), "{}", std::fs::read_to_string(site.folder().join("stderr")).unwrap());
}

#[test]
fn a_dead_sensor_lets_packets_pass_if_the_rule_says_so() {
    needs_root!();
    for bypass in [true, false] {
        let (site, _server) = site(Rule { queues: 1, bypass, ..Rule::default() });
        let sensor = site.start("--nfq 0 --disable-detection");
        assert!(arrives(&site, "good"));
        kill_process(Pid::from_child(&sensor.0), Signal::KILL).unwrap();
        drop(sensor);
        assert_eq!(arrives(&site, "good"), bypass);
        let sensor = site.start("--nfq 0 --disable-detection");
        assert!(arrives(&site, "good"), "the next one takes over");
        assert_eq!(stop(sensor).0, Some(0));
    }
}

#[test]
fn packets_can_go_through_the_rules_once_more() {
    needs_root!();
    let (site, _server) = site(Rule { queues: 1, but_mark: 0x10, ..Rule::default() });
    let rules = site.rules(EVIL);
    let marks = "--set nfq.mode=repeat --set nfq.repeat-mark=0x10 --set nfq.repeat-mask=0x10";
    let sensor = site.start(&format!("--nfq 0 {marks} -S {rules}"));
    assert!(arrives(&site, "good"));
    assert!(!arrives(&site, "evil"));
    assert_eq!(stop(sensor).0, Some(0));
}

#[test]
fn several_queues_and_verdicts_together() {
    needs_root!();
    let (site, _server) = site(Rule { queues: 2, ..Rule::default() });
    let rules = site.rules(EVIL);
    let sensor = site.start(&format!("-q 0:1 --set nfq.batchcount=20 -S {rules}"));
    assert!((0..4).all(|_| arrives(&site, "good")));
    assert!(!arrives(&site, "evil"));
    assert_eq!(site.status()["ports"].as_array().unwrap().len(), 2);
    assert_eq!(stop(sensor).0, Some(0));
}

#[test]
fn a_rejected_connection_is_reset_at_both_ends() {
    needs_root!();
    let (site, _server) = site(Rule { queues: 1, ..Rule::default() });
    let rules =
        site.rules("rejectboth tcp any any -> any 4000 (flow:established,to_server; content:\"evil\"; sid:1;)\n");
    let sensor = site.start(&format!("--nfq 0 -S {rules}"));
    let listener = site.lab.server.run(|| TcpListener::bind((BEYOND, 4000)).unwrap());
    let mut client = site.lab.client.run(|| TcpStream::connect((BEYOND, 4000)).unwrap());
    let (mut server, _) = listener.accept().unwrap();
    client.write_all(b"evil").unwrap();
    for (name, end) in [("client", &mut client), ("server", &mut server)] {
        end.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        assert_eq!(end.read(&mut [0; 4]).unwrap_err().kind(), ErrorKind::ConnectionReset, "{name}");
    }
    assert_eq!(stop(sensor).0, Some(0));
}

#[test]
fn what_the_engine_rewrites_is_what_arrives() {
    needs_root!();
    let lab = Lab::new();
    let live = lab.start(&settings(&lab, 1), || Rewriter);
    let from = lab.client.run(|| UdpSocket::bind((CLIENT, 0)).unwrap());
    let to = lab.server.run(|| UdpSocket::bind((BEYOND, 4000)).unwrap());
    to.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    for (sent, want) in [(b"a dog", b"a cat"), (b"a cow", b"a cow")] {
        from.send_to(sent, (BEYOND, 4000)).unwrap();
        let mut got = [0; 5];
        assert_eq!(to.recv(&mut got).unwrap(), 5);
        assert_eq!(&got, want);
    }
    balanced(&lab.sensor.run(|| live.stop()).unwrap());
}

#[test]
fn late_verdicts_lose_nothing() {
    needs_root!();
    let lab = Lab::new();
    let live = lab.start(&settings(&lab, 1), || Late { behind: 3, waiting: VecDeque::new() });
    // How many come back in time depends on how busy the machine is.
    assert!(lab.ping(BEYOND, 20, 56) > 0);
    let status = lab.sensor.run(|| live.stop()).unwrap();
    balanced(&status);
    let queue = &status[0].queues[0];
    assert!(queue.received.packets >= 20 && queue.accepted == queue.received.packets, "{queue:?}");
}

#[test]
fn a_full_queue_lets_pass_or_loses_and_counts() {
    needs_root!();
    for fail_open in [true, false] {
        let lab = Lab::new();
        let settings = settings(&lab, 1);
        let settings = Settings { queues: Queues { length: 4, fail_open, ..settings.queues }, ..settings };
        let open = Arc::new(AtomicBool::new(false));
        let live = lab.start(&settings, || Gated(Arc::clone(&open)));
        let answers = lab.ping(BEYOND, 20, 56);
        assert_eq!(answers > 0, fail_open, "{answers}");
        open.store(true, Ordering::Relaxed);
        let status = lab.sensor.run(|| live.stop()).unwrap();
        balanced(&status);
        let queue = &status[0].queues[0];
        assert_eq!(queue.lost.receive_ring_full > 0, !fail_open, "{queue:?}");
        assert!(queue.accepted >= 4, "what fitted was kept: {queue:?}");
    }
}

#[test]
fn a_queue_has_one_listener() {
    needs_root!();
    let lab = Lab::new();
    let settings = settings(&lab, 1);
    let live = lab.start(&settings, Guard::default);
    let second = Settings { name: "other".to_owned(), ..settings };
    let error = lab.sensor.run(|| ids_sensor::live::Live::prepare(&second).map(|_| ())).unwrap_err().to_string();
    assert!(error.starts_with("queue 0 is taken by another program"), "{error}");
    balanced(&lab.sensor.run(|| live.stop()).unwrap());
}
