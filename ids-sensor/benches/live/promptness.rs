//! How soon a verdict stands in the kernel.
//!
//! From just before a packet is handed to the network until the moment that the entry of its flow was made for, which
//! the entry itself says: it is its end less its time to live. So the sender's system call, the way through the kernel,
//! the XDP program, the waking of the worker, the engine and its rule are in it; the call that writes the entry, some two
//! microseconds, is not.

use std::net::UdpSocket;
use std::time::Duration;

use ids_ebpf::flow::{Addr, FlowKey};
use ids_sensor::kernel::clock::Monotonic;
use ids_sensor::kernel::{Pins, Sizes, Tables};

use crate::bed::figures::{Goal, Table, quantile, sorted};
use crate::bed::to_last_cpu;
use crate::support::lab::{CLIENT, SERVER, wait_until};
use crate::support::site::{Site, stop};

const RULE: &str = "drop udp any any -> any 4000 (msg:\"evil\"; content:\"evil\"; sid:1;)\n";

/// Flows that are measured, by their source ports.
const FLOWS: u16 = 5000;
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

/// Measures, and prints a table.
pub fn run() {
    let mut table = Table::default();
    for (name, pause) in
        [("a packet every 2 ms", Duration::from_millis(2)), ("every 100 us", Duration::from_micros(50))]
    {
        let took = measure(pause);
        for (share, title, goal) in [
            (0.5, "p50", Goal::None),
            (0.9, "p90", Goal::None),
            (0.99, "p99", Goal::AtMost(200.0)),
            (0.999, "p99.9", Goal::None),
        ] {
            table.row(&format!("{name}, {title}"), quantile(&took, share), "us", goal);
        }
    }
    table.print(&format!("From the packet that matched to the entry of its flow in the kernel, {FLOWS} flows"));
}

/// Microseconds, in order.
fn measure(pause: Duration) -> Vec<f64> {
    let site = Site::new();
    let policy = site.folder().join("policy.yaml");
    std::fs::write(&policy, format!("ips: {{block: [{{sid: 1, ttl: {}s}}]}}\n", TTL.as_secs())).unwrap();
    let line = format!("--inline a0,b0 -S {} --include {}", site.rules(RULE), policy.display());
    let sensor = site.start(&line);
    // Addresses are resolved, and everything is in the caches.
    assert_eq!(site.lab.ping(SERVER, 20, 56), 20);
    let sent: Vec<Monotonic> = site.lab.client.run(|| {
        to_last_cpu();
        (0..FLOWS).map(|n| send(FIRST + n, pause)).collect()
    });
    wait_until("all blocks", || site.status()["blocks"]["flows_blocked"] == FLOWS);
    let pins = Pins::existing(&site.folder().join("bpf"), "lab").unwrap();
    let tables = Tables::open(&pins, Sizes::default()).unwrap();
    let made = |n: u16| {
        let ends = ((Addr::v4([10, 0, 0, 1]), FIRST + n), (Addr::v4([10, 0, 0, 2]), 4000));
        let block = tables.flows.block_of(&FlowKey::new(ends.0, ends.1, 17, [0; 2], 0).0).unwrap().unwrap();
        Monotonic(block.until - u64::try_from(TTL.as_nanos()).unwrap())
    };
    let took = sorted((0..FLOWS).map(|n| made(n).since(sent[usize::from(n)]).as_secs_f64() * 1e6));
    drop(tables);
    assert_eq!(stop(sensor).0, Some(0));
    took
}
