//! Several workers on ports whose queues split flows: packets get to the worker of their flow.

use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use ids_core::engine::{Owed, Part, Peers, Sink};
use ids_core::intake::Fragments;
use ids_core::packet::PacketIn;
use ids_core::time::Time;
use ids_core::verdict::Verdict;
use ids_sensor::kernel::port::interface_index;
use ids_sensor::live::{Guard, Inspector, Live, Settings, Topology};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use serde_json::Value;

use crate::needs_root;
use crate::support::bpf::Program;
use crate::support::lab::{CLIENT, Lab, SERVER, balanced, wait_until};
use crate::support::packet::udp;
use crate::support::site::{Site, stop};

/// All that the client sends comes in on one queue, while what the server sends comes in on both.
fn split(lab: &Lab) {
    lab.client.must("ethtool -L c0 tx 1");
}

const RULES: &str = "alert http any any -> any any (msg:\"asked\"; flow:established,to_server; http.uri; content:\"/page\"; sid:1;)\n\
    alert http any any -> any any (msg:\"answered\"; flow:established,to_client; http.stat_code; content:\"200\"; sid:2;)\n\
    alert icmp any any -> any any (msg:\"whole\"; itype:8; dsize:>3000; sid:3;)\n\
    alert udp any any -> any 4242 (msg:\"unheard\"; content:\"anybody\"; sid:4;)\n";

/// Both ends of a tunnel, without anything that is not asked for.
fn tunnel(lab: &Lab) {
    for (end, port, own, peer) in [(&lab.client, "c0", 1, 2), (&lab.server, "s0", 2, 1)] {
        let ends = format!("local 10.0.0.{own} remote 10.0.0.{peer}");
        end.ip(&format!("link add vx0 address 02:00:00:00:07:0{own} type vxlan id 7 {ends} dstport 4789 dev {port}"));
        end.must("sysctl -qw net.ipv6.conf.vx0.disable_ipv6=1");
        end.must("ethtool -K vx0 tx off tso off gso off gro off");
        end.ip(&format!("addr add 10.7.0.{own}/24 dev vx0"));
        end.ip("link set vx0 mtu 1400 up");
        end.ip(&format!("neigh add 10.7.0.{peer} lladdr 02:00:00:00:07:0{peer} dev vx0"));
    }
}

/// What both ends say to each other; every word waits for the one before it.
fn talk(site: &Site) {
    for page in 0..12 {
        for host in [SERVER, "10.7.0.2"] {
            assert!(site.lab.curl(&format!("http://{host}/page{page}"), 10).0, "{host}: {page}");
        }
    }
    assert_eq!(site.lab.ping(SERVER, 5, 4000), 5, "fragments");
    site.lab.client.run(|| {
        for port in 30_000..30_012 {
            let socket = UdpSocket::bind((CLIENT, port)).unwrap();
            socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            socket.connect((SERVER, 4242)).unwrap();
            socket.send(b"is anybody there").unwrap();
            let error = socket.recv(&mut [0; 8]).unwrap_err();
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused, "an ICMP error comes back");
        }
    });
}

/// What the records say that does not hang on time.
fn records(site: &Site) -> Vec<String> {
    let text = std::fs::read_to_string(site.folder().join("log/eve.json")).unwrap();
    let own = |record: &Value| record["src_ip"].as_str().is_some_and(|ip| ip.starts_with("10."));
    let told = |record: Value| {
        // Clients choose their ports, and acknowledgments go together or not.
        let port = record["dest_port"].as_u64().filter(|port| *port < 30_000).unwrap_or_default();
        let counts =
            if record["proto"] == "TCP" || port == 4789 { &Value::Null } else { &record["flow"]["pkts_toserver"] };
        let said = ["event_type", "proto", "src_ip", "dest_ip", "app_proto", "pkt_src", "icmp_type"];
        let said = said.iter().map(|key| record[*key].to_string());
        let inside =
            [("alert", "signature_id"), ("http", "url"), ("http", "status"), ("flow", "state"), ("tcp", "state")];
        let inside = inside.iter().map(|(object, key)| record[*object][*key].to_string());
        said.chain(inside).chain([port.to_string(), counts.to_string()]).collect::<Vec<_>>().join(" ")
    };
    let records = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut records: Vec<String> = records.filter(|one| one["event_type"] != "stats" && own(one)).map(told).collect();
    records.sort_unstable();
    records
}

/// The sum of a counter over all queues of a port.
fn sum(port: &Value, name: &str) -> u64 {
    port["queues"].as_array().unwrap().iter().map(|queue| queue[name].as_u64().unwrap()).sum()
}

#[test]
fn records_do_not_depend_on_how_many_workers_there_are() {
    needs_root!();
    let run = |workers: u32| {
        let site = Site::with_queues(2);
        split(&site.lab);
        tunnel(&site.lab);
        site.lab.server.must("sysctl -qw net.ipv4.icmp_ratelimit=0");
        let web = tempfile::tempdir().unwrap();
        (0..12).for_each(|page| std::fs::write(web.path().join(format!("page{page}")), "here").unwrap());
        let _server = site.lab.serve(web.path());
        let line = format!("--inline a0,b0 --deadline 20s --workers {workers} -S {}", site.rules(RULES));
        let sensor = site.start(&line);
        talk(&site);
        let seen = |status: &Value| sum(&status["ports"][0], "received");
        let mut status = site.status();
        // Counters of workers are a tenth of a second old.
        wait_until("all counters", || {
            let before = seen(&status);
            status = site.status();
            seen(&status) == before && before > 0
        });
        assert_eq!(stop(sensor).0, Some(0));
        (records(&site), status)
    };
    let (alone, status) = run(1);
    assert_eq!(status["ports"].as_array().unwrap().iter().map(|port| sum(port, "handed_over")).sum::<u64>(), 0);
    for (what, count) in
        [("\"http\" ", 24), ("\"alert\" \"TCP\"", 48), ("\"alert\" \"UDP\"", 12), ("\"flow\" \"TCP\"", 24)]
    {
        assert_eq!(alone.iter().filter(|record| record.starts_with(what)).count(), count, "{what}");
    }
    let (together, status) = run(2);
    let differ = together.iter().zip(&alone).find(|(together, alone)| together != alone);
    assert_eq!((together.len(), differ), (alone.len(), None));
    for port in status["ports"].as_array().unwrap() {
        assert!(sum(port, "handed_over") > 0, "{port}");
        let queues = port["queues"].as_array().unwrap();
        assert!(
            queues.iter().all(|queue| queue["lost"].as_object().unwrap().values().all(|lost| *lost == 0)),
            "{port}"
        );
    }
}

fn inline(lab: &Lab) -> Settings {
    Settings { workers: 2, deadline: Duration::from_secs(20), ..lab.inline() }
}

#[test]
fn a_transfer_arrives_unchanged_through_two_workers() {
    needs_root!();
    let lab = Lab::with_queues(2);
    split(&lab);
    let site = tempfile::tempdir().unwrap();
    let bytes: Vec<u8> = (0..5_000_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    std::fs::write(site.path().join("large"), &bytes).unwrap();
    let _server = lab.serve(site.path());
    let live = lab.start(&inline(&lab), Guard::default);
    for _ in 0..4 {
        let (worked, body) = lab.curl(&format!("http://{SERVER}/large"), 60);
        assert!(worked && std::fs::read(body).unwrap() == bytes, "the same bytes");
    }
    let status = live.stop().unwrap();
    balanced(&status);
    let handed: u64 = status.iter().flat_map(|port| &port.queues).map(|queue| queue.handed_over).sum();
    assert!(handed > 1000, "{handed}");
    for queue in status.iter().flat_map(|port| &port.queues) {
        assert_eq!(queue.lost.overdue + queue.lost.unsettled, 0, "{queue:?}");
    }
}

/// An engine that takes nothing over before it may.
struct Busy {
    guard: Guard,
    open: Arc<AtomicBool>,
}

impl Inspector for Busy {
    fn push(&mut self, packet: PacketIn<'_>, out: &mut impl Sink) {
        self.guard.push(packet, out);
    }

    fn share(&mut self, packet: PacketIn<'_>, peers: &mut impl Peers, out: &mut impl Sink) -> Option<Owed> {
        self.guard.share(packet, peers, out)
    }

    fn take_over(&mut self, part: &mut Part, peers: &impl Peers, out: &mut impl Sink) -> Option<usize> {
        while !self.open.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(1));
        }
        self.guard.take_over(part, peers, out)
    }

    fn conclude(&mut self, owed: Owed, bytes: &mut [u8]) -> Verdict {
        self.guard.conclude(owed, bytes)
    }

    fn fragments(&self) -> Fragments {
        self.guard.fragments()
    }

    fn join(&mut self, fragments: Fragments) {
        self.guard.join(fragments);
    }

    fn tick(&mut self, now: Time, out: &mut impl Sink) {
        self.guard.tick(now, out);
    }

    fn finish(&mut self, out: &mut impl Sink) {
        self.guard.finish(out);
    }
}

/// Lets the engine go on when it is dropped, also where a test fails: a run waits for its workers.
struct Gate<'a>(&'a AtomicBool);

impl Drop for Gate<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn what_a_busy_worker_has_no_room_for_is_counted_as_lost() {
    needs_root!();
    let lab = Lab::with_queues(2);
    split(&lab);
    lab.client.ip(&format!("neigh add {SERVER} lladdr 02:00:00:00:00:99 dev c0"));
    let mut settings = lab.settings(Topology::Mirror(vec!["a0".to_owned()]));
    (settings.workers, settings.deadline, settings.ring) = (2, Duration::from_secs(3600), 256);
    let (made, gate) = (AtomicUsize::new(0), Arc::new(AtomicBool::new(false)));
    // The first worker, which receives everything, goes on.
    let make = || match made.fetch_add(1, Ordering::Relaxed) {
        0 => Busy { guard: Guard::default(), open: Arc::new(AtomicBool::new(true)) },
        _ => Busy { guard: Guard::default(), open: Arc::clone(&gate) },
    };
    let live = lab.start(&settings, make);
    let gate = Gate(&gate);
    let first = |live: &Live| live.status().unwrap()[0].queues.iter().find(|queue| queue.queue == 0).copied();
    let mut sent = 0;
    lab.client.run(|| {
        for port in 30_000..30_100 {
            let socket = UdpSocket::bind((CLIENT, port)).unwrap();
            (0..20).for_each(|_| _ = socket.send_to(b"datagram", (SERVER, 9)).unwrap());
            sent += 20;
            wait_until("what was sent", || first(&live).is_some_and(|queue| queue.received.packets >= sent));
        }
    });
    drop(gate);
    let status = live.stop().unwrap();
    balanced(&status);
    let queue = status[0].queues.iter().find(|queue| queue.queue == 0).unwrap();
    // Half of the flows are the other worker's, which has room for 512 of their 1000 packets: twice the ring.
    assert!(queue.lost.not_handed_over > 100 && queue.handed_over > 400, "{queue:?}");
    assert_eq!(queue.accepted + queue.lost.not_handed_over, queue.received.packets, "{queue:?}");
}

#[test]
fn a_flood_through_two_workers_is_accounted_for_to_the_packet() {
    needs_root!();
    let lab = Lab::with_queues(2);
    for (end, port) in [(&lab.client, "c0"), (&lab.server, "s0")] {
        end.must(&format!("sysctl -qw net.ipv6.conf.{port}.disable_ipv6=1"));
    }
    let live = lab.start(&inline(&lab), Guard::default);
    // A veth puts frames that were made in the kernel in the queue of the processor that runs it.
    let frame = udp((CLIENT, 4000), (SERVER, 9), b"datagram").bytes();
    let flood = |cpu: usize| {
        lab.client.run(|| {
            let mut cpus = CpuSet::new();
            cpus.set(cpu);
            sched_setaffinity(None, &cpus).unwrap();
            let sender = Program::returns_many_flows().unwrap();
            let port = interface_index("c0").unwrap();
            (0..200).for_each(|_| sender.run(port, &frame, 256).unwrap());
        });
    };
    let allowed = sched_getaffinity(None).unwrap();
    let cpus: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|cpu| allowed.is_set(*cpu)).take(2).collect();
    std::thread::scope(|scope| cpus.iter().for_each(|cpu| drop(scope.spawn(|| flood(*cpu)))));
    // Everything that could be sent has been; what is under way comes to rest.
    let mut before = 0;
    wait_until("all packets", || {
        std::thread::sleep(Duration::from_millis(150));
        let queues = live.status().unwrap().remove(0).queues;
        let settled = queues.iter().map(|queue| queue.received.packets + queue.accepted).sum::<u64>();
        let held: u64 = queues.iter().map(|queue| queue.held).sum();
        let rests = settled == before && held == 0;
        before = settled;
        rests
    });
    let status = lab.sensor.run(|| live.stop()).unwrap();
    balanced(&status);
    let seen: u64 = status[0].queues.iter().map(|queue| queue.received.packets).sum();
    let handed: u64 = status[0].queues.iter().map(|queue| queue.handed_over).sum();
    assert!(handed > 1000 && handed < seen, "{handed} of {seen}");
    let sent = status[1].sent.unwrap();
    assert_eq!(sent.missing(), 0, "{sent:?}");
    assert!(sent.packets > 1000, "{sent:?}");
}
