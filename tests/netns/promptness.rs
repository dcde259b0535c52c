//! How soon a verdict stands in the kernel.

use std::net::UdpSocket;
use std::time::Duration;

use ids_ebpf::flow::{Addr, FlowKey};
use ids_sensor::kernel::clock::Monotonic;

use crate::needs_root;
use crate::support::lab::{CLIENT, SERVER, wait_until};
use crate::support::site::{Site, stop};

const RULE: &str = "drop udp any any -> any 4000 (msg:\"evil\"; content:\"evil\"; sid:1;)\n";

/// Flows that are measured, by their source ports.
const FLOWS: u16 = 2000;
const FIRST: u16 = 10_000;

/// How long a flow is blocked.
const TTL: Duration = Duration::from_secs(600);

/// Sends what the rule drops from a port, and lets some time pass; the moment before it was sent.
fn send(port: u16, pause: Duration) -> Monotonic {
    let socket = UdpSocket::bind((CLIENT, port)).unwrap();
    socket.connect((SERVER, 4000)).unwrap();
    let now = Monotonic::now();
    socket.send(b"evil").unwrap();
    std::thread::sleep(pause);
    now
}

/// Prints figures: `cargo test --release -p ids-sensor --test netns -- --ignored --nocapture promptness`.
///
/// From just before a packet is handed to the network until the moment that the entry of its flow was made for, which
/// the entry itself says: it is its end less its time to live. So the sender's system call, the way through the kernel,
/// the XDP program, the waking of the worker, the engine and its rule are in it; the call that writes the entry, some
/// two microseconds, is not.
#[test]
#[ignore = "prints figures"]
fn from_the_packet_that_matched_to_the_entry_in_the_map() {
    needs_root!();
    for (name, pause) in [("at rest", Duration::from_millis(2)), ("busy", Duration::from_micros(50))] {
        let site = Site::new();
        let policy = site.folder().join("policy.yaml");
        std::fs::write(&policy, format!("ips: {{block: [{{sid: 1, ttl: {}s}}]}}\n", TTL.as_secs())).unwrap();
        let line = format!("--inline a0,b0 -S {} --include {}", site.rules(RULE), policy.display());
        let sensor = site.start(&line);
        // Addresses are resolved, and everything is in the caches.
        assert_eq!(site.lab.ping(SERVER, 20, 56), 20);
        let sent: Vec<Monotonic> = site.lab.client.run(|| (0..FLOWS).map(|n| send(FIRST + n, pause)).collect());
        wait_until("all blocks", || site.status()["blocks"]["flows_blocked"] == FLOWS);
        let tables = site.tables();
        let made = |n: u16| {
            let ends = ((Addr::v4([10, 0, 0, 1]), FIRST + n), (Addr::v4([10, 0, 0, 2]), 4000));
            let block = tables.flows.block_of(&FlowKey::new(ends.0, ends.1, 17, [0; 2], 0).0).unwrap().unwrap();
            Monotonic(block.until - u64::try_from(TTL.as_nanos()).unwrap())
        };
        let mut took: Vec<Duration> = (0..FLOWS).map(|n| made(n).since(sent[usize::from(n)])).collect();
        took.sort_unstable();
        let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize];
        eprintln!(
            "{name}: p50 {:?}, p90 {:?}, p99 {:?}, p99.9 {:?}, longest {:?}",
            at(0.5),
            at(0.9),
            at(0.99),
            at(0.999),
            at(1.0)
        );
        drop(tables);
        assert_eq!(stop(sensor).0, Some(0));
    }
}
