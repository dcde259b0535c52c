//! A long run: traffic all the time, rules loaded again and again, blocks that come and go, and sensors that are stopped
//! and killed. Afterwards nothing may be lost that was not counted, and memory may not have grown.
//!
//! The span is divided into lives of a sensor, and each life into stretches. Within a stretch there is web traffic and a
//! flood in many flows; between two, all is quiet for a moment, and the books are looked at. Between two lives, the flood
//! goes on past the dead sensor, and what of it does not arrive is told.

use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Signal, kill_process};

use crate::bed::books::Books;
use crate::bed::endpoints::{Server, request};
use crate::bed::figures::{Goal, Table};
use crate::bed::{Rules, Sender, Which, at_rest, counter, memory, process};
use crate::load::quiet;
use crate::support::bpf::Program;
use crate::support::lab::SERVER;
use crate::support::namespace::Running;
use crate::support::packet;
use crate::support::site::{Site, stop};

/// Lives of a sensor, ended in turn by a signal to stop and by a kill.
const LIVES: u32 = 4;
/// Stretches of each life.
const STRETCHES: u32 = 4;

/// The flood: so many frames, so often.
const BURST: u32 = 50;
const PAUSE: Duration = Duration::from_millis(1);

/// Between two blocks.
const BLOCKS: Duration = Duration::from_millis(500);

/// Between two reloads, unless a stretch is shorter.
const RELOADS: Duration = Duration::from_secs(5);

/// Connections with requests.
const CONNECTIONS: usize = 4;

/// What has been added up.
#[derive(Default)]
struct Sum {
    sent: u64,
    requests: u64,
    lost: u64,
    missing: u64,
    reloads: u64,
    blocks: u64,
    /// Memory after the first and after the last stretch of each life.
    memory: Vec<(f64, f64)>,
    /// Of the flood while a sensor was stopped and started again: sent, and not arrived.
    stopped: (u64, u64),
    /// The same where it was killed.
    killed: (u64, u64),
}

/// Runs for a while, and prints a table.
pub fn run(span: Duration) {
    let site = Site::new();
    quiet(&site);
    let line = format!(
        "--inline a0,b0 --fail open --deadline 500ms --set stream.midstream-policy=ignore -S {}",
        Rules::One.write(&site)
    );
    let listener = site.lab.server.run(|| TcpListener::bind((SERVER, 80)).unwrap());
    let (server, over) = (Server::new(listener), AtomicBool::new(false));
    let sender = Sender::new(&site.lab, Program::returns_many_flows().unwrap());
    let mut frame = packet::udp(("10.0.0.1", 5), (SERVER, 9), &[0; 18]).bytes();
    frame[..6].copy_from_slice(&[2, 0, 0, 0, 0, 0x99]);
    frame[40..42].fill(0);
    let mut sum = Sum::default();
    std::thread::scope(|scope| {
        scope.spawn(|| server.run(&over));
        let mut sensor = site.start(&line);
        for life in 0..LIVES {
            let mut memories = Vec::new();
            for _ in 0..STRETCHES {
                stretch(&site, &sender, &frame, span / (LIVES * STRETCHES), &mut sum);
                memories.push(memory(&sensor, "VmRSS"));
            }
            sum.memory.push((memories[0], *memories.last().unwrap()));
            if life + 1 < LIVES {
                sensor = restart(&site, &line, sensor, life % 2 == 1, &sender, &frame, &mut sum);
            }
        }
        over.store(true, Ordering::Relaxed);
        assert_eq!(stop(sensor).0, Some(0));
    });
    print(&sum, span);
}

/// Traffic, reloads and blocks for a while; then the books are looked at.
fn stretch(site: &Site, sender: &Sender<'_>, frame: &[u8], span: Duration, sum: &mut Sum) {
    let before = Books::open(site);
    let (out_before, over) = (sent_by_stack(site), AtomicBool::new(false));
    let (mut sent, mut requests) = (0, 0);
    std::thread::scope(|scope| {
        let flood = scope.spawn(|| sender.send_until(frame, BURST, PAUSE, || over.load(Ordering::Relaxed)));
        let web = scope.spawn(|| {
            let connect = || TcpStream::connect((SERVER, 80)).unwrap();
            site.lab.client.run(|| request((0..CONNECTIONS).map(|_| connect()).collect(), span).count)
        });
        disturb(site, span, sum);
        requests = web.join().unwrap();
        over.store(true, Ordering::Relaxed);
        sent = flood.join().unwrap().frames;
    });
    at_rest(|| Books::open(site).arrived);
    let books = Books::open(site).since(&before);
    // What the stacks of both ends say is counted by the interface alone; the flood is no part of that.
    let all = sent_by_stack(site) - out_before;
    let missing = books.differences(all + books.not_sent, true).into_iter().map(|(_, missing)| missing.unsigned_abs());
    sum.missing += missing.sum::<u64>();
    sum.sent += sent;
    sum.requests += requests;
    sum.lost += books.lost + books.unsent + books.not_forwarded + books.not_sent;
}

/// Packets that went out of `c0`.
fn sent_by_stack(site: &Site) -> u64 {
    counter(&site.lab.client, "c0", Which::Sent)
}

/// Loads rules again and again, and lets blocks come and go: of an address that takes part, and of others.
fn disturb(site: &Site, span: Duration, sum: &mut Sum) {
    let (start, mut reloaded) = (Instant::now(), Instant::now());
    let mut number = 0u32;
    while start.elapsed() < span {
        let [.., high, low] = number.to_be_bytes();
        let outcome = site.ask(&format!("block add 198.18.{high}.{low} --ttl 5s"));
        assert!(outcome.status.success(), "{}", String::from_utf8_lossy(&outcome.stderr));
        number += 1;
        sum.blocks += 1;
        if reloaded.elapsed() > RELOADS.min(span / 3) {
            site.json("reload --json");
            sum.reloads += 1;
            reloaded = Instant::now();
        }
        std::thread::sleep(BLOCKS);
    }
}

/// Ends a sensor under the flood, and starts another.
fn restart(
    site: &Site,
    line: &str,
    mut sensor: Running,
    kill: bool,
    sender: &Sender<'_>,
    frame: &[u8],
    sum: &mut Sum,
) -> Running {
    let arrived = || counter(&site.lab.server, "s0", Which::Received);
    let (before, over, sent) = (at_rest(arrived), AtomicBool::new(false), AtomicU64::new(0));
    let next = std::thread::scope(|scope| {
        scope.spawn(|| {
            let flood = sender.send_until(frame, BURST, PAUSE, || over.load(Ordering::Relaxed));
            sent.store(flood.frames, Ordering::Relaxed);
        });
        std::thread::sleep(PAUSE);
        if kill {
            kill_process(process(&sensor), Signal::KILL).unwrap();
            sensor.0.wait().unwrap();
        } else {
            assert_eq!(stop(sensor).0, Some(0));
        }
        let next = site.start(line);
        over.store(true, Ordering::Relaxed);
        next
    });
    let sent = sent.into_inner();
    let count = if kill { &mut sum.killed } else { &mut sum.stopped };
    count.0 += sent;
    count.1 += sent.saturating_sub(at_rest(arrived) - before);
    next
}

fn print(sum: &Sum, span: Duration) {
    let mut table = Table::default();
    for (what, count, goal) in [
        ("packets of the flood", sum.sent, Goal::None),
        ("requests answered", sum.requests, Goal::None),
        ("reloads", sum.reloads, Goal::None),
        ("blocks", sum.blocks, Goal::None),
        ("packets lost, counted", sum.lost, Goal::None),
        ("packets lost, not counted", sum.missing, Goal::AtMost(0.0)),
        ("packets while a sensor was stopped and started", sum.stopped.0, Goal::None),
        ("of these, not arrived", sum.stopped.1, Goal::None),
        ("packets while a sensor was killed and started", sum.killed.0, Goal::None),
        ("of these, not arrived", sum.killed.1, Goal::None),
    ] {
        table.row(what, count as f64, "", goal);
    }
    for (life, (first, last)) in (1..).zip(&sum.memory) {
        table.row(&format!("life {life}: memory after the first stretch"), *first, "MB", Goal::None);
        table.against(&format!("life {life}: after the last"), *last, "MB", "", Goal::AtMost(first * 1.05));
    }
    table.print(&format!("Soak of {span:?}: {LIVES} lives of a sensor"));
}
