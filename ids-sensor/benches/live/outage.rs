//! A sensor is killed in the middle of a download: for how long nothing passes, and what comes after.

use std::net::{TcpListener, TcpStream, UdpSocket};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Signal, kill_process};

use crate::bed::endpoints::{Server, download};
use crate::bed::figures::{Goal, Table};
use crate::bed::{Rules, process};
use crate::support::lab::{CLIENT, SERVER};
use crate::support::site::{Site, stop};

const DEADLINE: Duration = Duration::from_millis(500);

/// What the wire may take on top.
const ON_TOP: Duration = Duration::from_millis(200);

/// How long each part lasts: with a sensor, without one, with one again.
const PART: Duration = Duration::from_secs(3);

/// Connections that began before the sensor may go on, which by default they may not inline.
const OLD_CONNECTIONS: &str = "--set stream.midstream-policy=ignore";

/// Moments at which something came.
type Moments = Mutex<Vec<Instant>>;

/// Measures, and prints a table.
pub fn run() {
    let site = Site::new();
    let line =
        format!("--inline a0,b0 --fail open --deadline 500ms {OLD_CONNECTIONS} -S {}", Rules::most().write(&site));
    let mut sensor = site.start(&line);
    let listener = site.lab.server.run(|| TcpListener::bind((SERVER, 80)).unwrap());
    let client = site.lab.client.run(|| TcpStream::connect((SERVER, 80)).unwrap());
    client.set_read_timeout(Some(2 * PART)).unwrap();
    let from = site.lab.server.run(|| UdpSocket::bind((SERVER, 0)).unwrap());
    let to = site.lab.client.run(|| UdpSocket::bind((CLIENT, 4001)).unwrap());
    to.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let (server, over, bytes) = (Server::new(listener), AtomicBool::new(false), AtomicU64::new(0));
    let (pieces, datagrams) = (Moments::default(), Moments::default());
    let mut table = Table::default();
    std::thread::scope(|scope| {
        scope.spawn(|| server.run(&over));
        scope.spawn(|| download(client, u64::MAX, &bytes, |now| pieces.lock().unwrap().push(now)));
        scope.spawn(|| send(&from, &over));
        scope.spawn(|| receive(&to, &datagrams, &over));
        std::thread::sleep(PART);
        let before = bytes.load(Ordering::Relaxed);

        let killed = Instant::now();
        kill_process(process(&sensor), Signal::KILL).unwrap();
        sensor.0.wait().unwrap();
        std::thread::sleep(PART);
        let most = Goal::AtMost((DEADLINE + ON_TOP).as_secs_f64());
        table.against("killed: nothing of the download for", gap(&pieces, killed), "s", "never resumed", most);
        table.against("killed: no datagram for", gap(&datagrams, killed), "s", "12", most);
        let rate = (bytes.load(Ordering::Relaxed) - before) as f64 / killed.elapsed().as_secs_f64() / 1e6;
        table.row("killed: download, the pause included", rate, "MB/s", Goal::None);

        let started = Instant::now();
        sensor = site.start(&line);
        table.row("started again: ready after", started.elapsed().as_secs_f64(), "s", Goal::None);
        std::thread::sleep(PART);
        table.row("started again: nothing of the download for", gap(&pieces, started), "s", most);
        table.row("started again: no datagram for", gap(&datagrams, started), "s", most);
        let inspected = site.kernel("inspect.interest");
        table.row("started again: inspected", inspected as f64, "packets", Goal::AtLeast(1.0));
        // The server's end ends the download.
        over.store(true, Ordering::Relaxed);
    });
    table.print(&format!(
        "kill -9 during a download, {}, deadline {DEADLINE:?}; beside: Suricata 8.0.6, restarted at once",
        Rules::most().name()
    ));
    assert_eq!(stop(sensor).0, Some(0));
}

fn send(socket: &UdpSocket, over: &AtomicBool) {
    while !over.load(Ordering::Relaxed) {
        // Nobody may be there.
        let _ = socket.send_to(b"datagram", (CLIENT, 4001));
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn receive(socket: &UdpSocket, moments: &Moments, over: &AtomicBool) {
    while !over.load(Ordering::Relaxed) {
        if socket.recv(&mut [0; 8]).is_ok() {
            moments.lock().unwrap().push(Instant::now());
        }
    }
}

/// The longest time without anything, from a moment until now, in seconds.
fn gap(moments: &Moments, since: Instant) -> f64 {
    let moments = moments.lock().unwrap();
    let moments: Vec<Instant> = moments.iter().copied().filter(|at| *at > since).chain([Instant::now()]).collect();
    let before = std::iter::once(since).chain(moments.iter().copied());
    before.zip(&moments).map(|(from, to)| *to - from).max().unwrap().as_secs_f64()
}
