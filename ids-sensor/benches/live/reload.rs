//! Rules are loaded again under traffic: how long it takes, what memory, what it does to the traffic, and what is lost.

use std::net::{TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::bed::endpoints::{Server, download};
use crate::bed::figures::{Goal, Table};
use crate::bed::{Rules, memory};
use crate::support::lab::{CLIENT, SERVER};
use crate::support::site::{Site, stop};

/// Traffic before the first reload, and between two.
const PART: Duration = Duration::from_secs(2);
const RELOADS: usize = 2;

/// Between two datagrams.
const PACE: Duration = Duration::from_millis(1);

/// Measures, and prints a table.
pub fn run() {
    let site = Site::new();
    let rules = Rules::most();
    let sensor = site.start(&format!("--inline a0,b0 -S {}", rules.write(&site)));
    let listener = site.lab.server.run(|| TcpListener::bind((SERVER, 80)).unwrap());
    let client = site.lab.client.run(|| TcpStream::connect((SERVER, 80)).unwrap());
    let from = site.lab.server.run(|| UdpSocket::bind((SERVER, 0)).unwrap());
    let to = site.lab.client.run(|| UdpSocket::bind((CLIENT, 4001)).unwrap());
    to.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    let (server, over, bytes) = (Server::new(listener), AtomicBool::new(false), AtomicU64::new(0));
    let (sent, mut table) = (AtomicU64::new(0), Table::default());
    std::thread::scope(|scope| {
        scope.spawn(|| server.run(&over));
        scope.spawn(|| download(client, u64::MAX, &bytes, |_| {}));
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                from.send_to(b"datagram", (CLIENT, 4001)).unwrap();
                sent.fetch_add(1, Ordering::Relaxed);
                std::thread::sleep(PACE);
            }
        });
        let receiving = scope.spawn(|| received(&to, &over));
        let rate = |span: Duration| {
            let (start, before) = (Instant::now(), bytes.load(Ordering::Relaxed));
            std::thread::sleep(span);
            (bytes.load(Ordering::Relaxed) - before) as f64 / start.elapsed().as_secs_f64() / 1e6
        };
        table.row("before: download", rate(PART), "MB/s", Goal::None);
        table.against("before: memory", memory(&sensor, "VmRSS"), "MB", "343", Goal::None);
        for number in 1..=RELOADS {
            // The peak begins anew (proc(5), `clear_refs`).
            std::fs::write(format!("/proc/{}/clear_refs", sensor.0.id()), "5").unwrap();
            let (start, before) = (Instant::now(), bytes.load(Ordering::Relaxed));
            site.json("reload --json");
            let took = start.elapsed().as_secs_f64();
            let meanwhile = (bytes.load(Ordering::Relaxed) - before) as f64 / took / 1e6;
            table.against(&format!("reload {number}: took"), took, "s", "15 to 16", Goal::None);
            table.against(
                &format!("reload {number}: peak of memory"),
                memory(&sensor, "VmHWM"),
                "MB",
                "575",
                Goal::None,
            );
            table.row(&format!("reload {number}: download meanwhile"), meanwhile, "MB/s", Goal::None);
            std::thread::sleep(PART);
        }
        table.against("afterwards: memory", memory(&sensor, "VmRSS"), "MB", "517", Goal::None);
        over.store(true, Ordering::Relaxed);
        let (count, longest) = receiving.join().unwrap();
        table.row("longest time between two datagrams", longest * 1e3, "ms", Goal::None);
        let missing = sent.load(Ordering::Relaxed) - count;
        table.row("datagrams lost", missing as f64, "", Goal::AtMost(0.0));
    });
    table.row("packets that the sensor lost", lost(&site.status()) as f64, "", Goal::AtMost(0.0));
    table.print(&format!("Reload under traffic, {}; beside: Suricata 8.0.6", rules.name()));
    assert_eq!(stop(sensor).0, Some(0));
}

/// How many datagrams came, and the longest time between two, in seconds.
fn received(socket: &UdpSocket, over: &AtomicBool) -> (u64, f64) {
    let (mut count, mut longest, mut last) = (0, Duration::ZERO, None::<Instant>);
    loop {
        if socket.recv(&mut [0; 8]).is_ok() {
            count += 1;
            let now = Instant::now();
            longest = longest.max(last.map_or(Duration::ZERO, |last| now - last));
            last = Some(now);
        } else if over.load(Ordering::Relaxed) {
            return (count, longest.as_secs_f64());
        }
    }
}

/// Packets that any queue of any port lost, for whatever reason.
fn lost(status: &Value) -> u64 {
    let queues = status["ports"].as_array().unwrap().iter().flat_map(|port| port["queues"].as_array().unwrap());
    queues.flat_map(|queue| queue["lost"].as_object().unwrap().values()).map(|count| count.as_u64().unwrap()).sum()
}
