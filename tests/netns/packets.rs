//! Packet sockets: what they see, and what is said where they stand in for XDP.

use std::collections::{HashMap, HashSet};
use std::net::UdpSocket;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use etherparse::{NetSlice, SlicedPacket, TransportSlice};
use ids_core::engine::Sink;
use ids_core::flow::Key;
use ids_core::packet::PacketIn;
use ids_core::time::Time;
use ids_core::verdict::Verdict;
use ids_ebpf::Outcome;
use ids_ebpf::interest::{Group, Interest};
use ids_sensor::kernel::Attach;
use ids_sensor::kernel::clock::wall;
use ids_sensor::live::{Capture, Guard, Inspector, Live, Settings, Topology};

use crate::needs_root;
use crate::support::inspectors::key_of;
use crate::support::lab::{CLIENT, Lab, SERVER, balanced, wait_until};
use crate::support::packet::{ACK, Frame, tcp, udp};
use crate::support::site::{Site, stop};

/// Listens to a0 alone; the client talks to somebody who is not there.
fn listening(lab: &Lab) -> Settings {
    lab.client.ip(&format!("neigh add {SERVER} lladdr 02:00:00:00:00:99 dev c0"));
    Settings { capture: Capture::Packets, ..lab.settings(Topology::Mirror(vec!["a0".to_owned()])) }
}

/// Sends frames as they are out of c0.
fn send(lab: &Lab, frames: impl IntoIterator<Item = Vec<u8>>) {
    const SCRIPT: &str = "import socket,sys\ns=socket.socket(socket.AF_PACKET,socket.SOCK_RAW,0)\ns.bind(('c0',0))\n\
                          for f in sys.argv[1:]: s.send(bytes.fromhex(f))";
    let hex = |frame: Vec<u8>| frame.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let frames: Vec<String> = frames.into_iter().map(hex).collect();
    lab.client.run(|| assert!(Command::new("python3").args(["-c", SCRIPT]).args(&frames).status().unwrap().success()));
}

/// Frames by the worker that saw them, with their times.
type Seen = Arc<Mutex<Vec<(usize, Time, Vec<u8>)>>>;

/// Keeps every frame.
struct Keeper {
    worker: usize,
    seen: Seen,
}

impl Inspector for Keeper {
    fn push(&mut self, packet: PacketIn<'_>, out: &mut impl Sink) {
        self.seen.lock().unwrap().push((self.worker, packet.time, packet.bytes.to_vec()));
        out.verdict(packet.id, Verdict::Accept);
    }
    fn tick(&mut self, _: Time, _: &mut impl Sink) {}
    fn finish(&mut self, _: &mut impl Sink) {}
}

/// A run that keeps every frame.
fn keeping(lab: &Lab, settings: &Settings) -> (Live, Seen) {
    let (seen, workers) = (Seen::default(), AtomicUsize::new(0));
    let make = || Keeper { worker: workers.fetch_add(1, Ordering::Relaxed), seen: Arc::clone(&seen) };
    (lab.start(settings, make), Arc::clone(&seen))
}

#[test]
fn every_packet_is_seen_once() {
    needs_root!();
    let lab = Lab::new();
    let live = lab.start(&listening(&lab), Guard::default);
    lab.ping(SERVER, 100, 56);
    let status = lab.sensor.run(|| live.stop()).unwrap();
    balanced(&status);
    assert_eq!(status[0].mode, "driver", "the kernel stage is in front");
    let seen = status[0].queues[0].received;
    // IPv6 has something to say on its own when an interface comes up.
    assert!((100..120).contains(&seen.packets), "{seen:?}");
    assert_eq!(status[0].queues[0].accepted, seen.packets);
    assert!(status[0].decided.received.packets.abs_diff(seen.packets) < 4);
}

#[test]
fn what_nobody_wants_is_not_copied() {
    needs_root!();
    let lab = Lab::new();
    let (live, seen) = keeping(&lab, &listening(&lab));
    let mut interest = Box::new(Interest::NOTHING);
    interest.want_to_port(Group::Udp, 53);
    live.tables().set_interest(&interest).unwrap();
    let frame = |port| udp(("10.0.0.1", 4000), ("10.0.0.2", port), b"?");
    let wanted = [
        frame(53).bytes(),
        frame(53).vlan(0x8100, 7).bytes(),
        frame(53).vlan(0x8100, 7).vlan(0x88a8, 8).bytes(),
        frame(54).fragment(0x2000).bytes(),
    ];
    let others = [
        frame(54).bytes(),
        frame(54).vlan(0x8100, 7).bytes(),
        frame(54).vlan(0x8100, 7).vlan(0x88a8, 8).bytes(),
        tcp(("10.0.0.1", 1), ("10.0.0.2", 53), ACK, b"").bytes(),
    ];
    send(&lab, others.clone().into_iter().chain(wanted.clone()));
    let all_there = || wanted.iter().all(|frame| seen.lock().unwrap().iter().any(|(.., bytes)| bytes == frame));
    wait_until("all that is wanted", all_there);
    assert!(!seen.lock().unwrap().iter().any(|(.., bytes)| others.contains(bytes)), "and nothing else");
    let status = lab.sensor.run(|| live.stop()).unwrap();
    balanced(&status);
    let [incoming, _] = status[0].copies.unwrap();
    assert!(incoming.of(Outcome::FastUninteresting).packets >= 4, "{incoming:?}");
    // IPv6 has something to say on its own, also while only one of them is there.
    let seen = [incoming.received.packets, status[0].decided.received.packets];
    assert!(seen[0].abs_diff(seen[1]) < 4, "both saw the same: {seen:?}");
}

#[test]
fn frames_come_as_they_were_on_the_wire() {
    needs_root!();
    let lab = Lab::new();
    lab.client.ip("link set c0 mtu 9000");
    lab.sensor.ip("link set a0 mtu 9000");
    let (live, seen) = keeping(&lab, &listening(&lab));
    let plain = || tcp(("10.0.0.1", 1), ("10.0.0.2", 2), ACK, b"wire");
    let frames = [
        plain().bytes(),
        plain().vlan(0x8100, 7).bytes(),
        plain().vlan(0x8100, 7).vlan(0x88a8, 8).bytes(),
        udp(("10.0.0.1", 1), ("10.0.0.2", 2), &[7; 8900]).bytes(),
    ];
    let before = wall();
    send(&lab, frames.clone());
    let all_there = || {
        let seen = seen.lock().unwrap();
        frames.iter().all(|frame| seen.iter().any(|(.., bytes)| bytes == frame))
    };
    wait_until("all frames", all_there);
    let seen = seen.lock().unwrap().clone();
    let (_, time, _) = seen.iter().find(|(.., bytes)| *bytes == frames[0]).unwrap();
    assert!((before..=wall()).contains(time), "the kernel's time");
    balanced(&lab.sensor.run(|| live.stop()).unwrap());
}

#[test]
fn several_workers_share_flows_out() {
    needs_root!();
    let lab = Lab::new();
    let (live, seen) = keeping(&lab, &Settings { workers: 2, ..listening(&lab) });
    let both = |port: u16| {
        let there = udp(("10.0.0.1", port), ("10.0.0.2", 53), b"there");
        [there, udp(("10.0.0.2", 53), ("10.0.0.1", port), b"back")]
    };
    send(&lab, (4000..4032).flat_map(both).map(|frame: Frame| frame.bytes()));
    let ours = |seen: &Seen| -> Vec<(usize, Key)> {
        let seen = seen.lock().unwrap();
        let udp = seen.iter().filter(|(.., bytes)| bytes.get(23) == Some(&17) && bytes[12..14] == [8, 0]);
        udp.map(|(worker, _, bytes)| (*worker, key_of(bytes).0)).collect()
    };
    wait_until("all packets", || ours(&seen).len() == 64);
    let mut workers: HashMap<Key, HashSet<usize>> = HashMap::new();
    for (worker, key) in ours(&seen) {
        workers.entry(key).or_default().insert(worker);
    }
    assert_eq!(workers.len(), 32);
    assert!(workers.values().all(|workers| workers.len() == 1), "both directions go to one worker");
    assert_eq!(workers.values().flatten().collect::<HashSet<_>>().len(), 2, "each worker has some");
    balanced(&lab.sensor.run(|| live.stop()).unwrap());
}

#[test]
fn what_this_machine_sends_has_its_checksum() {
    needs_root!();
    let lab = Lab::new();
    let settings = listening(&lab);
    lab.sensor.ip("addr add 10.0.0.9/24 dev a0");
    lab.sensor.ip("neigh add 10.0.0.77 lladdr 02:00:00:00:00:77 dev a0");
    let (live, seen) = keeping(&lab, &settings);
    lab.sensor.run(|| UdpSocket::bind("10.0.0.9:7").unwrap().send_to(b"checked", "10.0.0.77:9").unwrap());
    let checksums = || {
        let seen = seen.lock().unwrap();
        seen.iter().find_map(|(.., bytes)| {
            let packet = SlicedPacket::from_ethernet(bytes).ok()?;
            match (packet.net?, packet.transport?) {
                (NetSlice::Ipv4(ip), TransportSlice::Udp(udp)) if udp.payload() == b"checked" => {
                    let (src, dst) = (ip.header().source(), ip.header().destination());
                    let wanted = udp.to_header().calc_checksum_ipv4_raw(src, dst, udp.payload()).unwrap();
                    Some((udp.checksum(), wanted))
                }
                _ => None,
            }
        })
    };
    wait_until("the packet", || checksums().is_some());
    let (found, wanted) = checksums().unwrap();
    assert_eq!(found, wanted);
    balanced(&lab.sensor.run(|| live.stop()).unwrap());
}

#[test]
fn they_stand_in_where_xdp_cannot_be_had() {
    needs_root!();
    let lab = Lab::new();
    let settings = listening(&lab);
    // A bridge has no XDP of its own.
    lab.sensor.ip("link add br0 type bridge");
    lab.sensor.ip("link set br0 up");
    let on = |port: &str, capture, attach| {
        let topology = Topology::Mirror(vec![port.to_owned()]);
        Settings { capture, attach, topology, ..settings.clone() }
    };
    let xdp = on("br0", Capture::Xdp, Attach::Driver);
    let refused = lab.sensor.run(|| Live::prepare(&xdp).map(|_| ())).unwrap_err().to_string();
    assert!(refused.starts_with("cannot attach the XDP program to br0 in driver mode: "), "{refused}");
    let live = lab.start(&on("br0", Capture::XdpOrPackets, Attach::Driver), Guard::default);
    assert!(!live.blocks(), "not even in front of packet sockets");
    assert_eq!(lab.sensor.run(|| live.stop()).unwrap()[0].mode, "packets");
    let live = lab.start(&on("a0", Capture::XdpOrPackets, Attach::Driver), Guard::default);
    assert!(live.blocks(), "where it can be had, it is");
    assert_eq!(lab.sensor.run(|| live.stop()).unwrap()[0].mode, "driver");
    let live = lab.start(&on("br0", Capture::Packets, Attach::Auto), Guard::default);
    assert_eq!(lab.sensor.run(|| live.stop()).unwrap()[0].mode, "generic", "in front of packet sockets");
    let down = lab.sensor.run(|| {
        let settings = Settings { capture: Capture::XdpOrPackets, ..lab.settings(Topology::Mirror(vec!["no".into()])) };
        Live::prepare(&settings).map(|_| ()).unwrap_err().to_string()
    });
    assert!(down.starts_with("there is no interface"), "nothing stands in for that: {down}");
}

#[test]
fn the_program_listens_as_the_established_one() {
    needs_root!();
    let site = Site::new();
    let web = tempfile::tempdir().unwrap();
    let _server = site.lab.serve(web.path());
    let switch = &site.lab.sensor;
    switch.ip("link add br0 type bridge");
    for port in ["a0", "b0"] {
        switch.ip(&format!("link set {port} master br0"));
    }
    switch.ip("link set br0 up");
    wait_until("the switch", || site.lab.ping(SERVER, 1, 56) == 1);
    let config = site.folder().join("listen.yaml");
    std::fs::write(&config, "af-packet:\n  - interface: a0\n    threads: auto\n    cluster-id: 99\n").unwrap();
    for line in ["-i a0 --capture af-packet".to_owned(), format!("--capture af-packet --include {}", config.display())]
    {
        let sensor = site.start(&line);
        let before = site.sids("alerts list --json").len();
        site.lab.client.output(&format!("curl -gsS -m 5 -A sqlmap/1.8 http://{SERVER}/"));
        wait_until("the alert", || site.sids("alerts list --json").len() > before);
        assert_eq!(site.status()["ports"][0]["mode"], "driver", "{line}");
        assert_eq!(site.lab.ping(SERVER, 2, 56), 2, "{line}");
        assert!(site.ask(&format!("block add {CLIENT} --ttl 60s")).status.success(), "{line}");
        assert_eq!(site.lab.ping(SERVER, 2, 56), 0, "{line}: blocks hold");
        assert!(site.ask(&format!("block del {CLIENT}")).status.success(), "{line}");
        assert_eq!(site.lab.ping(SERVER, 2, 56), 2, "{line}");
        assert_eq!(stop(sensor).0, Some(0));
    }
    // The flag of the established engine, without a subcommand; nothing is listed in the built-in configuration.
    let output = Command::new(env!("CARGO_BIN_EXE_ids-sensor")).arg("--af-packet").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("`af-packet` of the configuration"));
}
