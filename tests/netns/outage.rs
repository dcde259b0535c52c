//! The sensor dies or stands still in the middle of a transfer: what the wire does meanwhile, and afterwards.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::needs_root;
use crate::support::lab::{CLIENT, Lab, SERVER, wait_until};
use crate::support::namespace::Running;
use crate::support::site::{EVIL, Site, stop};

const DEADLINE: Duration = Duration::from_millis(500);

/// What the wire may take on top.
const ON_TOP: Duration = Duration::from_millis(200);

/// How often threads look whether they should end.
const PATIENCE: Duration = Duration::from_millis(100);

/// Connections that began before the sensor may go on, which by default they may not inline.
const OLD_CONNECTIONS: &str = "--set stream.midstream-policy=ignore";

/// Long enough for everything that should happen after an outage.
const AFTERWARDS: Duration = Duration::from_secs(2);

/// A connection on which the server sends without pause, and whose every byte the client checks. Beside it, datagrams
/// show what the wire carries: TCP waits ever longer before it tries again.
struct Transfer {
    arrivals: Arc<AtomicUsize>,
    datagrams: Arc<Mutex<Vec<Instant>>>,
    stop: Arc<AtomicBool>,
    ends: Vec<JoinHandle<()>>,
}

impl Transfer {
    fn start(lab: &Lab) -> Self {
        let listener = lab.server.run(|| TcpListener::bind((SERVER, 4000)).unwrap());
        let client = lab.client.run(|| TcpStream::connect((SERVER, 4000)).unwrap());
        let (server, _) = listener.accept().unwrap();
        let from = lab.server.run(|| UdpSocket::bind((SERVER, 0)).unwrap());
        let to = lab.client.run(|| UdpSocket::bind((CLIENT, 4001)).unwrap());
        let mut transfer =
            Self { arrivals: Arc::default(), datagrams: Arc::default(), stop: Arc::default(), ends: Vec::new() };
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        server.set_nonblocking(true).unwrap();
        to.set_read_timeout(Some(PATIENCE)).unwrap();
        let (arrivals, datagrams) = (Arc::clone(&transfer.arrivals), Arc::clone(&transfer.datagrams));
        transfer.thread(move |stop| send(server, &from, stop));
        transfer.thread(move |stop| receive(client, &arrivals, stop));
        transfer.thread(move |stop| {
            while !stop.load(Ordering::Relaxed) {
                if to.recv(&mut [0; 8]).is_ok() {
                    datagrams.lock().unwrap().push(Instant::now());
                }
            }
        });
        transfer
    }

    fn thread(&mut self, work: impl FnOnce(&AtomicBool) + Send + 'static) {
        let stop = Arc::clone(&self.stop);
        self.ends.push(std::thread::spawn(move || work(&stop)));
    }

    fn arrived(&self) -> usize {
        self.arrivals.load(Ordering::Relaxed)
    }

    /// Waits until the transfer goes on.
    fn goes_on(&self) {
        let before = self.arrived();
        wait_until("the transfer", || self.arrived() > before + 10);
    }

    /// The longest time without a datagram, from a moment until now.
    fn gap(&self, since: Instant) -> Duration {
        let arrivals = self.datagrams.lock().unwrap();
        let moments: Vec<Instant> = arrivals.iter().copied().filter(|at| *at > since).chain([Instant::now()]).collect();
        let before = std::iter::once(since).chain(moments.iter().copied());
        before.zip(&moments).map(|(from, to)| *to - from).max().unwrap()
    }

    /// Ends it; a byte that was not right is a failure.
    fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.ends.into_iter().for_each(|end| end.join().unwrap());
    }
}

/// Numbers in a row, and with each of them a datagram.
fn send(mut stream: TcpStream, socket: &UdpSocket, stop: &AtomicBool) {
    let bytes = |number: u64| number.to_be_bytes().repeat(64);
    let (mut number, mut rest) = (0, bytes(0));
    while !stop.load(Ordering::Relaxed) {
        // The buffer may be full, and nobody may be there.
        let _ = socket.send_to(b"datagram", (CLIENT, 4001));
        let sent = stream.write(&rest).unwrap_or(0);
        rest.drain(..sent);
        if rest.is_empty() {
            number += 1;
            rest = bytes(number);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Checks the numbers.
fn receive(mut stream: TcpStream, arrivals: &AtomicUsize, stop: &AtomicBool) {
    let (mut buffer, mut total) = ([0; 4096], 0u64);
    while !stop.load(Ordering::Relaxed) {
        let Ok(count) = stream.read(&mut buffer) else { continue };
        arrivals.fetch_add(1, Ordering::Relaxed);
        for byte in &buffer[..count] {
            let (number, place) = (total / 512, total % 8);
            assert_eq!(*byte, number.to_be_bytes()[place as usize], "byte {total}");
            total += 1;
        }
    }
}

fn signal(sensor: &Running, signal: Signal) {
    kill_process(Pid::from_child(&sensor.0), signal).unwrap();
}

/// The sensor looks at packets again, and acts on them.
fn inspects(site: &Site) {
    let before = site.kernel("inspect.interest");
    wait_until("inspection", || site.kernel("inspect.interest") > before + 10);
    assert!(!site.lab.curl(&format!("http://{SERVER}/evil"), 1).0, "rules are in force");
    assert!(site.lab.curl(&format!("http://{SERVER}/"), 5).0);
}

#[test]
fn a_transfer_survives_a_sensor_that_is_killed_or_stands_still() {
    needs_root!();
    let site = Site::new();
    let web = tempfile::tempdir().unwrap();
    let _server = site.lab.serve(web.path());
    let line = format!("--inline a0,b0 --fail open --deadline 500ms {OLD_CONNECTIONS} -S {}", site.rules(EVIL));
    let mut sensor = site.start(&line);
    let transfer = Transfer::start(&site.lab);
    transfer.goes_on();

    let paused = Instant::now();
    signal(&sensor, Signal::STOP);
    std::thread::sleep(AFTERWARDS);
    let gap = transfer.gap(paused);
    println!("standing still: nothing for {gap:?}");
    assert!(gap < DEADLINE + ON_TOP, "{gap:?}");
    transfer.goes_on();
    signal(&sensor, Signal::CONT);
    transfer.goes_on();
    inspects(&site);

    let killed = Instant::now();
    signal(&sensor, Signal::KILL);
    sensor.0.wait().unwrap();
    std::thread::sleep(AFTERWARDS);
    let gap = transfer.gap(killed);
    println!("killed: nothing for {gap:?}");
    assert!(gap < DEADLINE + ON_TOP, "{gap:?}");
    let sensor = site.start(&line);
    transfer.goes_on();
    inspects(&site);
    transfer.end();
    assert_eq!(stop(sensor).0, Some(0));
}

#[test]
fn nothing_passes_a_dead_sensor_where_the_configuration_says_closed() {
    needs_root!();
    let site = Site::new();
    let set = format!("--set ips.fail=closed --set ips.deadline=500ms {OLD_CONNECTIONS}");
    let line = format!("--inline a0,b0 {set} -S {}", site.rules(EVIL));
    let mut sensor = site.start(&line);
    let transfer = Transfer::start(&site.lab);
    transfer.goes_on();

    signal(&sensor, Signal::STOP);
    std::thread::sleep(DEADLINE);
    let (silent, before) = (Instant::now(), transfer.arrived());
    std::thread::sleep(AFTERWARDS);
    assert_eq!(transfer.arrived(), before, "nothing for {:?}", silent.elapsed());
    signal(&sensor, Signal::CONT);
    transfer.goes_on();

    signal(&sensor, Signal::KILL);
    sensor.0.wait().unwrap();
    std::thread::sleep(DEADLINE);
    let before = transfer.arrived();
    assert_eq!(site.lab.ping(SERVER, 3, 56), 0);
    assert_eq!(transfer.arrived(), before);
    let sensor = site.start(&line);
    transfer.goes_on();
    transfer.end();
    assert_eq!(stop(sensor).0, Some(0));
}
