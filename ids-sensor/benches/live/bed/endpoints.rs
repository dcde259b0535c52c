//! Both ends of a wire: datagrams that say when they came in, and a small web server with its clients.

#![allow(unsafe_code)]

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, AsRawFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ids_sensor::kernel::clock::{Monotonic, wall};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::cpu::Cpu;
use super::figures::{quantile, sorted};

/// Datagrams whose payload begins with the time they were sent at, and the kernel's word on when they came in.
pub struct Arrivals {
    socket: UdpSocket,
    /// What is to be added to CLOCK_MONOTONIC to have the time of day.
    offset: u64,
}

impl Arrivals {
    /// The kernel notes times from now on.
    pub fn new(socket: UdpSocket) -> Self {
        socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        // Asking once makes it do so; there is no datagram yet.
        let _ = arrival(&socket);
        Self { socket, offset: wall().nanos() - Monotonic::now().0 }
    }

    /// At most so many, until none comes any more: nanoseconds that each was under way.
    pub fn take(&self, most: usize) -> Vec<u64> {
        let mut taken = Vec::new();
        let mut bytes = [0; 64];
        while taken.len() < most && self.socket.recv(&mut bytes).is_ok() {
            let sent = u64::from_ne_bytes(*bytes.first_chunk().unwrap());
            let Some(came) = arrival(&self.socket) else { continue };
            taken.push(came.saturating_sub(sent + self.offset));
        }
        taken
    }
}

/// When the latest datagram read came in: time of day, in nanoseconds. Source: socket(7), `SIOCGSTAMPNS`.
fn arrival(socket: &UdpSocket) -> Option<u64> {
    const SIOCGSTAMPNS: libc::c_ulong = 0x8907;
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel writes one `timespec`, the place of which is valid through the call.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), SIOCGSTAMPNS, &raw mut time) };
    (result == 0).then(|| time.tv_sec.cast_unsigned() * 1_000_000_000 + time.tv_nsec.cast_unsigned())
}

/// Bytes of the body of small responses.
const SMALL: usize = 107;

/// What a thread reads and writes at once.
const CHUNK: usize = 256 * 1024;

/// How long threads wait for something before they look whether they should end.
const PATIENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// A web server on one thread: `/large/N` has N bytes, everything else is small. Connections stay.
pub struct Server {
    listener: TcpListener,
    /// No two pieces of it alike, so that nothing is found by chance again and again.
    body: Vec<u8>,
}

impl Server {
    /// Serves what comes to a listener.
    pub fn new(listener: TcpListener) -> Self {
        listener.set_nonblocking(true).unwrap();
        let words = (0..CHUNK as u64 / 8).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29));
        Self { listener, body: words.flat_map(u64::to_le_bytes).collect() }
    }

    /// Until it is told to stop. Out: CPU time.
    pub fn run(&self, stop: &AtomicBool) -> u64 {
        let before = Cpu::of_thread();
        let mut connections: Vec<Connection> = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            let mut waits = vec![PollFd::from_borrowed_fd(self.listener.as_fd(), PollFlags::IN)];
            waits.extend(connections.iter().map(|connection| {
                let wanted = if connection.left > 0 { PollFlags::OUT } else { PollFlags::IN };
                PollFd::from_borrowed_fd(connection.stream.as_fd(), wanted)
            }));
            if poll(&mut waits, Some(&PATIENCE)).is_err() {
                continue;
            }
            let ready: Vec<bool> = waits.iter().map(|wait| !wait.revents().is_empty()).collect();
            if ready[0]
                && let Ok((stream, _)) = self.listener.accept()
            {
                stream.set_nonblocking(true).unwrap();
                stream.set_nodelay(true).unwrap();
                connections.push(Connection { stream, left: 0 });
            }
            let mut ready = ready[1..].iter().chain(std::iter::repeat(&false));
            connections.retain_mut(|connection| !*ready.next().unwrap() || connection.go_on(&self.body));
        }
        Cpu::of_thread() - before
    }
}

struct Connection {
    stream: TcpStream,
    /// Bytes of a large body that are still to be sent.
    left: u64,
}

impl Connection {
    /// Reads a request, or sends more of a body. Out: whether the connection lasts.
    fn go_on(&mut self, body: &[u8]) -> bool {
        let done = if self.left > 0 {
            let most = usize::try_from(self.left).unwrap_or(CHUNK).min(CHUNK);
            self.stream.write(&body[..most]).map(|sent| self.left -= sent as u64)
        } else {
            self.answer()
        };
        done.is_ok() || done.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    }

    /// Requests of these clients come in one piece.
    fn answer(&mut self) -> std::io::Result<()> {
        let mut request = [0; 1024];
        let length = self.stream.read(&mut request)?;
        if length == 0 {
            return Err(ErrorKind::ConnectionReset.into());
        }
        let text = String::from_utf8_lossy(&request[..length]);
        let path = text.split_whitespace().nth(1).unwrap_or("/");
        let large = path.strip_prefix("/large/").and_then(|size| size.parse().ok());
        let size = large.unwrap_or(SMALL as u64);
        let head = format!(
            "HTTP/1.1 200 OK\r\nServer: bench\r\nContent-Type: text/plain\r\nContent-Length: {size}\r\n\
             Connection: keep-alive\r\n\r\n"
        );
        let mut answer = head.into_bytes();
        match large {
            Some(size) => self.left = size,
            None => answer.extend([b'x'; SMALL]),
        }
        self.stream.write_all(&answer)
    }
}

/// Reads a large body to its end, or until it is told to stop; `progress` rises with what has come, and `each` is told
/// of every piece. Out: bytes, and CPU time.
pub fn download(mut stream: TcpStream, size: u64, progress: &AtomicU64, mut each: impl FnMut(Instant)) -> (u64, u64) {
    let before = Cpu::of_thread();
    stream.write_all(format!("GET /large/{size} HTTP/1.1\r\nHost: server\r\n\r\n").as_bytes()).unwrap();
    let (mut total, mut buffer) = (0, vec![0; CHUNK]);
    // The head is some hundred bytes, which do not matter here.
    while total < size {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => {
                total += length as u64;
                progress.store(total, Ordering::Relaxed);
                each(Instant::now());
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => break,
            Err(error) => panic!("{error} after {total} bytes"),
        }
    }
    (total, Cpu::of_thread() - before)
}

/// Small requests on connections that stay: what was reached.
pub struct Requests {
    /// Requests that were answered.
    pub count: u64,
    /// A second.
    pub rate: f64,
    /// Microseconds to the answer.
    pub p50: f64,
    /// The same of the slowest hundredth.
    pub p99: f64,
    /// CPU time of this end.
    pub cpu: u64,
}

/// One request after the other on each of these connections, all on one thread.
pub fn request(mut streams: Vec<TcpStream>, span: Duration) -> Requests {
    const REQUEST: &[u8] = b"GET /small HTTP/1.1\r\nHost: 10.0.0.2\r\n\r\n";
    let (start, before) = (Instant::now(), Cpu::of_thread());
    let mut sent: Vec<Instant> = Vec::new();
    for stream in &mut streams {
        stream.set_nodelay(true).unwrap();
        stream.write_all(REQUEST).unwrap();
        sent.push(Instant::now());
    }
    let (mut took, mut bytes) = (Vec::new(), [0; 1024]);
    while start.elapsed() < span {
        let mut waits: Vec<PollFd<'_>> =
            streams.iter().map(|stream| PollFd::from_borrowed_fd(stream.as_fd(), PollFlags::IN)).collect();
        if poll(&mut waits, Some(&PATIENCE)).is_err() {
            continue;
        }
        let ready: Vec<bool> = waits.iter().map(|wait| !wait.revents().is_empty()).collect();
        for at in (0..streams.len()).filter(|at| ready[*at]) {
            let length = streams[at].read(&mut bytes).unwrap();
            assert!(length > SMALL, "a whole answer: {length} bytes");
            took.push(sent[at].elapsed().as_secs_f64() * 1e6);
            sent[at] = Instant::now();
            streams[at].write_all(REQUEST).unwrap();
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    let took = sorted(took);
    Requests {
        count: took.len() as u64,
        rate: took.len() as f64 / seconds,
        p50: quantile(&took, 0.5),
        p99: quantile(&took, 0.99),
        cpu: Cpu::of_thread() - before,
    }
}
