//! A sensor on the machine that it guards: packets are the network stack's, what is looked at are copies.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use ids_ebpf::Outcome;
use ids_ebpf::flow::FlowKey;
use ids_ebpf::headers::Headers;
use ids_sensor::kernel::tables::Sides;
use ids_sensor::live::{Capture, Guard, Settings, Topology};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::needs_root;
use crate::support::inspectors::{Marker, Then};
use crate::support::lab::{CLIENT, Lab, balanced, wait_until};
use crate::support::namespace::Running;
use crate::support::packet::udp;
use crate::support::site::{EVIL, Site, stop};

/// The guarded machine, as the client knows it.
const HOST: &str = "10.0.0.9";

const MINUTE: Duration = Duration::from_secs(60);

/// Makes the sensor's namespace a machine that the client talks to.
fn inhabit(lab: &Lab) {
    lab.sensor.ip(&format!("addr add {HOST}/24 dev a0"));
    lab.sensor.must("ethtool -K a0 tx off tso off gso off");
    wait_until("the host", || lab.ping(HOST, 1, 56) == 1);
}

fn guarded(lab: &Lab) -> Settings {
    inhabit(lab);
    Settings { capture: Capture::Packets, ..lab.settings(Topology::Host(vec!["a0".to_owned()])) }
}

/// Serves a file that nobody minds, and one that is too large to arrive at once, on the guarded machine.
fn serve(site: &Site) -> Running {
    let folder = site.folder().join("web");
    std::fs::create_dir(&folder).unwrap();
    for (name, length) in [("good", 100_000), ("evil", 20_000_000)] {
        std::fs::write(folder.join(name), vec![7; length]).unwrap();
    }
    let mut command = Command::new("python3");
    command.args(["-m", "http.server", "80", "--bind", HOST, "--directory"]).arg(folder);
    let server = site.lab.sensor.start(command.stdout(Stdio::null()).stderr(Stdio::null()));
    wait_until("the web server", || site.lab.client.run(|| TcpStream::connect((HOST, 80)).is_ok()));
    server
}

/// Records of a kind.
fn records(site: &Site, kind: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(site.folder().join("log/eve.json")).unwrap_or_default();
    let all = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    all.filter(|record| record["event_type"] == kind).collect()
}

#[test]
fn both_directions_are_seen_and_accounted_for() {
    needs_root!();
    let lab = Lab::new();
    let live = lab.start(&guarded(&lab), Guard::default);
    assert_eq!(lab.ping(HOST, 50, 56), 50);
    assert_eq!(lab.ping(HOST, 10, 4000), 10, "fragments");
    let status = lab.sensor.run(|| live.stop()).unwrap();
    balanced(&status);
    let [incoming, outgoing] = status[0].copies.unwrap();
    let queue = &status[0].queues[0];
    // IPv6 has something to say on its own, also while only one of them is there.
    let seen = [incoming.received.packets, status[0].decided.received.packets];
    assert!(seen[0].abs_diff(seen[1]) < 4, "what passes is copied once: {seen:?}");
    assert_eq!(queue.outgoing, outgoing.received.packets);
    assert!(incoming.received.packets >= 80 && outgoing.received.packets >= 80, "{incoming:?} {outgoing:?}");
    assert_eq!((queue.late, queue.dropped), (0, 0));
    assert!(!lab.sensor.ip("link show a0").contains("PROMISC"), "others' packets are none of its business");
}

#[test]
fn a_released_flow_is_counted_in_both_directions_without_copies() {
    needs_root!();
    let lab = Lab::new();
    let settings = guarded(&lab);
    let live = lab.start(&settings, || Marker { marker: b"LET GO", then: Then::Release });
    let (ours, theirs) = (
        lab.client.run(|| std::net::UdpSocket::bind((CLIENT, 4000)).unwrap()),
        lab.sensor.run(|| std::net::UdpSocket::bind((HOST, 5000)).unwrap()),
    );
    for socket in [&ours, &theirs] {
        socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    }
    let talk = |text: &[u8]| {
        ours.send_to(text, (HOST, 5000)).unwrap();
        theirs.recv(&mut [0; 16]).unwrap();
        theirs.send_to(b"back", (CLIENT, 4000)).unwrap();
        ours.recv(&mut [0; 16]).unwrap();
    };
    let frame = udp((CLIENT, 4000), (HOST, 5000), b"").bytes();
    let (key, _) = FlowKey::of(&Headers::parse(frame.as_slice()), &live.groups()[0].config);
    let carried = || {
        let released = live.tables().flows.release_of(&key).unwrap()?;
        Some(released.carried.map(|way| way.packets))
    };
    talk(b"LET GO");
    wait_until("the release", || carried().is_some());
    let before = carried().unwrap();
    (0..20).for_each(|_| talk(b"hello"));
    assert_eq!(carried().unwrap(), before.map(|packets| packets + 20));
    let status = lab.sensor.run(|| live.stop()).unwrap();
    balanced(&status);
    let [incoming, outgoing] = status[0].copies.unwrap();
    for copies in [incoming, outgoing] {
        assert!(copies.of(Outcome::FastReleased).packets >= 20, "{copies:?}");
    }
}

#[test]
fn several_workers_live_or_the_policy_holds() {
    needs_root!();
    let lab = Lab::with_queues(2);
    let settings = Settings { workers: 2, ..guarded(&lab) };
    let live = lab.start(&settings, Guard::default);
    assert_eq!(lab.ping(HOST, 20, 56), 20);
    live.tables().block(CLIENT.parse().unwrap(), Sides::Both, MINUTE, 1).unwrap();
    assert_eq!(lab.ping(HOST, 3, 56), 0);
    let status = lab.sensor.run(|| live.stop()).unwrap();
    balanced(&status);
    assert_eq!(status[0].decided.of(Outcome::FastSilent).packets, 0, "all gave signs of life");
    assert_eq!(status[0].decided.of(Outcome::DropHost).packets, 3);
}

#[test]
fn a_drop_holds_from_the_next_packet_on_and_says_so() {
    needs_root!();
    let site = Site::new();
    inhabit(&site.lab);
    let _server = serve(&site);
    let rules = site.rules(EVIL);
    let sensor = site.start(&format!("--host a0 -S {rules}"));
    assert!(site.lab.curl(&format!("http://{HOST}/good"), 20).0);
    // Not faster than a sensor can look at it on a busy machine.
    let (worked, _) = site.lab.curl(&format!("--limit-rate 4M http://{HOST}/evil"), 10);
    assert!(!worked, "it was cut off");
    assert!(site.lab.curl(&format!("http://{HOST}/good"), 20).0, "other connections go on");
    assert!(site.kernel("drop.flow") > 0, "it died before the stack");
    wait_until("the record", || !records(&site, "drop").is_empty());
    assert!(records(&site, "drop").iter().all(|record| record["drop"]["late"] == true));
    wait_until("the alert", || site.sids("alerts list --json").contains(&1_000_001));
    assert!(site.status()["ports"][0]["queues"][0]["late"].as_u64().unwrap() > 0);
    let (code, text) = stop(sensor);
    assert_eq!(code, Some(0));
    assert!(text.contains("had passed before a rule dropped their flow"), "{text}");
}

#[test]
fn a_rejected_connection_is_reset_at_both_ends() {
    needs_root!();
    let site = Site::new();
    inhabit(&site.lab);
    let rules =
        site.rules("rejectboth tcp any any -> any 4000 (flow:established,to_server; content:\"evil\"; sid:1;)\n");
    let sensor = site.start(&format!("--host a0 -S {rules}"));
    let listener = site.lab.sensor.run(|| TcpListener::bind((HOST, 4000)).unwrap());
    let mut client = site.lab.client.run(|| TcpStream::connect((HOST, 4000)).unwrap());
    let (mut server, _) = listener.accept().unwrap();
    client.write_all(b"evil").unwrap();
    server.read_exact(&mut [0; 4]).unwrap();
    for (name, end) in [("client", &mut client), ("server", &mut server)] {
        end.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        assert_eq!(end.read(&mut [0; 4]).unwrap_err().kind(), ErrorKind::ConnectionReset, "{name}");
    }
    wait_until("the counter", || site.status()["ports"][0]["queues"][0]["injected"] == 2);
    assert_eq!(stop(sensor).0, Some(0));
}

#[test]
fn a_dead_sensor_leaves_the_machine_as_its_policy_says() {
    needs_root!();
    for (policy, answers) in [("open", 3), ("closed", 0)] {
        let site = Site::new();
        inhabit(&site.lab);
        let config = site.folder().join("host.yaml");
        std::fs::write(&config, "ips: {host: [a0]}\n").unwrap();
        let line = format!("--include {} --disable-detection --fail {policy} --deadline 300ms", config.display());
        let sensor = site.start(&line);
        assert_eq!(site.lab.ping(HOST, 3, 56), 3);
        assert!(site.ask("block add 192.0.2.9 --ttl 60s").status.success());
        kill_process(Pid::from_child(&sensor.0), Signal::KILL).unwrap();
        drop(sensor);
        std::thread::sleep(Duration::from_millis(400));
        assert_eq!(site.lab.ping(HOST, 3, 56), answers, "{policy}");
        assert_eq!(site.tables().blocks().unwrap().len(), 1, "{policy}: blocks outlive it");
        let sensor = site.start(&line);
        assert_eq!(site.lab.ping(HOST, 3, 56), 3, "{policy}: the next one takes over");
        assert_eq!(stop(sensor).0, Some(0));
    }
}
