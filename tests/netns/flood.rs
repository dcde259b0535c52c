//! Limits on what one source may send: in the kernel's program, and on the wire.

use std::net::UdpSocket;
use std::time::Duration;

use ids_ebpf::Outcome::{DropFloodSyn, DropFloodUdp, DropHost, Inspect, InspectFragment};
use ids_ebpf::config::{FailPolicy, Mode, PortConfig};
use ids_ebpf::flood::{Kind, Limit};
use ids_sensor::kernel::floods::Flood;
use ids_sensor::kernel::tables::Sides;
use serde_json::Value;

use crate::needs_root;
use crate::support::Bench;
use crate::support::lab::{CLIENT, SERVER, wait_until};
use crate::support::packet::{ACK, SYN, ping, tcp, udp};
use crate::support::site::{EVIL, Site, stop};

const OFF: Limit = Limit::new(0, 0, false);

/// So few a second that none is had back while a test runs.
const fn slow(burst: u32, dry_run: bool) -> Limit {
    let mut limit = Limit::new(1, burst, dry_run);
    limit.cost *= 3600;
    limit.depth *= 3600;
    limit
}

fn bench(limits: [Limit; 2]) -> Bench {
    let mut bench = Bench::new();
    bench.port.configure(PortConfig::new(Mode::Mirror, FailPolicy::Open, 3_600_000_000_000)).unwrap();
    bench.inspect();
    bench.tables.floods.set(limits).unwrap();
    bench
}

#[test]
fn connections_that_a_source_opens_are_limited() {
    needs_root!();
    let mut bench = bench([slow(3, false), OFF]);
    let open = |host: &str, port| bench_frame(host, port, SYN);
    for port in 1..=3 {
        assert_eq!(bench.run(&open("10.0.0.1", port)).0, Inspect, "{port}");
    }
    assert_eq!(bench.run(&open("10.0.0.1", 4)), (DropFloodSyn, 1));
    assert_eq!(bench.run(&open("10.0.0.3", 4)).0, Inspect, "another source");
    assert_eq!(bench.run(&bench_frame("10.0.0.1", 1, ACK)).0, Inspect, "a connection that is open");
    assert_eq!(bench.run(&bench_frame("10.0.0.1", 1, SYN | ACK)).0, Inspect, "an answer");
    assert_eq!(bench.run(&udp(("10.0.0.1", 1), ("10.0.0.2", 2), b"x").bytes()).0, Inspect, "no limit on UDP");
    let one = Flood { source: "10.0.0.1".parse().unwrap(), kind: Kind::Syn, packets: 1 };
    assert_eq!(bench.tables.floods.since().unwrap(), [one]);
    assert_eq!(bench.tables.floods.since().unwrap(), [], "nothing new");
    bench.run(&open("10.0.0.1", 5));
    bench.run(&open("10.0.0.1", 6));
    assert_eq!(bench.tables.floods.since().unwrap(), [Flood { packets: 2, ..one }]);

    bench.tables.allow("10.0.0.1".parse().unwrap()).unwrap();
    assert_eq!(bench.run(&open("10.0.0.1", 7)).0, Inspect, "who is allowed has no limit");
    bench.tables.disallow("10.0.0.1".parse().unwrap()).unwrap();
    bench.tables.block("10.0.0.1".parse().unwrap(), Sides::Both, Duration::from_secs(60), 0).unwrap();
    assert_eq!(bench.run(&open("10.0.0.1", 8)).0, DropHost, "blocks come first");
    bench.tables.unblock("10.0.0.1".parse().unwrap()).unwrap();
    bench.tables.floods.set([OFF; 2]).unwrap();
    assert_eq!(bench.run(&open("10.0.0.1", 9)).0, Inspect, "the limit is gone");
}

fn bench_frame(host: &str, port: u16, flags: u8) -> Vec<u8> {
    tcp((host, port), ("10.0.0.2", 80), flags, b"").bytes()
}

#[test]
fn udp_is_limited_in_fragments_vlans_and_by_ipv6_network() {
    needs_root!();
    let bench = bench([OFF, slow(2, false)]);
    let four = udp(("10.0.0.1", 1), ("10.0.0.2", 2), b"12345678");
    assert_eq!(bench.run(&four.clone().vlan(0x8100, 5).bytes()).0, Inspect);
    assert_eq!(bench.run(&four.clone().fragment(0x2000).bytes()).0, InspectFragment);
    assert_eq!(bench.run(&four.clone().fragment(0x0001).bytes()).0, DropFloodUdp, "VLANs and fragments count alike");
    for (host, want) in [("2001:db8::1", Inspect), ("2001:db8::2", Inspect), ("2001:db8::3", DropFloodUdp)] {
        assert_eq!(bench.run(&udp((host, 1), ("2001:db8:1::1", 2), b"x").bytes()).0, want, "{host}");
    }
    assert_eq!(bench.run(&udp(("2001:db8:0:1::1", 1), ("2001:db8:1::1", 2), b"x").bytes()).0, Inspect, "another /64");
    assert_eq!(bench.run(&ping("10.0.0.1", "10.0.0.2").bytes()).0, Inspect, "no limit on ICMP");
    assert_eq!(bench.run(&tcp(("10.0.0.1", 1), ("10.0.0.2", 2), SYN, &[0; 8]).bytes()).0, Inspect);
}

#[test]
fn what_is_only_watched_goes_on_and_is_counted() {
    needs_root!();
    let mut bench = bench([OFF, slow(1, true)]);
    let frame = udp(("10.0.0.1", 1), ("10.0.0.2", 2), b"x").bytes();
    for _ in 0..5 {
        assert_eq!(bench.run(&frame).0, Inspect);
    }
    let [syn, udp] = bench.port.stats().unwrap().over_limit;
    assert_eq!((syn.packets, udp.packets, udp.bytes), (0, 4, 4 * frame.len() as u64));
    assert_eq!(bench.tables.floods.since().unwrap()[0].packets, 4);
}

#[test]
fn a_flood_on_the_wire_is_dropped_counted_and_told() {
    needs_root!();
    for dry_run in [false, true] {
        let site = Site::new();
        let config = site.folder().join("flood.yaml");
        std::fs::write(&config, format!("ips: {{allow-own: no, flood: {{dry-run: {dry_run}}}}}\n")).unwrap();
        let line = format!("--inline a0,b0 -S {} --include {} --udp-limit 1/20", site.rules(EVIL), config.display());
        let sensor = site.start(&line);
        let server = site.lab.server.run(|| UdpSocket::bind((SERVER, 4000)).unwrap());
        server.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        site.lab.client.run(|| {
            let socket = UdpSocket::bind((CLIENT, 0)).unwrap();
            (0..200).for_each(|_| assert_eq!(socket.send_to(b"flood", (SERVER, 4000)).unwrap(), 5));
        });
        let mut buffer = [0; 16];
        let arrived = (0..200).take_while(|_| server.recv(&mut buffer).is_ok()).count();
        if dry_run {
            assert_eq!(arrived, 200);
        } else {
            assert!((20..60).contains(&arrived), "{arrived} of 200 arrived");
            assert!(site.kernel("drop.flood_udp") >= 140);
        }
        assert_eq!(site.lab.ping(SERVER, 3, 56), 3, "everything else goes on");
        let why = site.json(&format!("why udp {CLIENT}:1 {SERVER}:4000 --json")).remove(0);
        let limit = why["facts"].as_array().unwrap().iter().find(|fact| fact["kind"] == "limit").unwrap();
        assert!(limit["packets"].as_u64().unwrap() >= 140, "{why}");
        let eve = site.folder().join("log/eve.json");
        let mut record = None;
        wait_until("the record", || {
            let text = std::fs::read_to_string(&eve).unwrap_or_default();
            let line = text.lines().find(|line| line.contains("\"event_type\":\"flood\"")).map(str::to_owned);
            record = line.map(|line| serde_json::from_str::<Value>(&line).unwrap());
            record.is_some()
        });
        let record = record.unwrap();
        let action = if dry_run { "allowed" } else { "blocked" };
        let flood = &record["flood"];
        assert_eq!(
            (&record["src_ip"], &flood["limit"], &flood["action"]),
            (&CLIENT.into(), &"udp".into(), &action.into())
        );
        assert!(flood["packets"].as_u64().unwrap() >= 1, "{record}");
        assert_eq!(stop(sensor).0, Some(0));
    }
}
