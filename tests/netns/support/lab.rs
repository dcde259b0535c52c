//! A wire with a sensor in it: client ── a0 ▒ b0 ── server, each in its own namespace.

use std::io::Read as _;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ids_core::event::Event;
use ids_ebpf::outcome::{Count, Stats};
use ids_sensor::kernel::Attach;
use ids_sensor::live::{Inspector, Live, Pinning, Schedule, Settings, Status, Topology};

use super::namespace::{Namespace, Running};

/// Addresses of the two ends.
pub const CLIENT: &str = "10.0.0.1";
pub const SERVER: &str = "10.0.0.2";
pub const CLIENT6: &str = "fd00::1";
pub const SERVER6: &str = "fd00::2";

/// Three namespaces and the wires between them.
pub struct Lab {
    pub client: Namespace,
    pub sensor: Namespace,
    pub server: Namespace,
    /// Of this test alone.
    pub folder: tempfile::TempDir,
}

impl Lab {
    /// The wires are plugged in; nothing is between a0 and b0 yet.
    pub fn new() -> Self {
        Self::with_queues(1)
    }

    /// Ports a0 and b0 have that many queues.
    pub fn with_queues(queues: u32) -> Self {
        let lab = Self {
            client: Namespace::new(),
            sensor: Namespace::new(),
            server: Namespace::new(),
            folder: tempfile::tempdir().unwrap(),
        };
        for (end, name, port, v4, v6) in
            [(&lab.client, "c0", "a0", CLIENT, CLIENT6), (&lab.server, "s0", "b0", SERVER, SERVER6)]
        {
            let count = format!("numrxqueues {queues} numtxqueues {queues}");
            let there = end.path();
            lab.sensor.ip(&format!("link add {port} {count} type veth peer name {name} {count} netns {there}"));
            // A veth hands over packets without checksums, several in one, with the VLAN tag beside them; wires do
            // not. And it takes redirected frames only in its NAPI mode, which GRO turns on.
            end.must(&format!("ethtool -K {name} tx off tso off gso off gro on txvlan off rxvlan off"));
            end.ip(&format!("addr add {v4}/24 dev {name}"));
            end.ip(&format!("addr add {v6}/64 dev {name} nodad"));
            end.ip(&format!("link set {name} up"));
            lab.sensor.must(&format!("sysctl -qw net.ipv6.conf.{port}.disable_ipv6=1"));
            lab.sensor.ip(&format!("link set {port} up"));
        }
        lab
    }

    /// Lets the wire carry larger packets.
    pub fn set_mtu(&self, mtu: u32) {
        for (end, port) in [(&self.client, "c0"), (&self.sensor, "a0"), (&self.sensor, "b0"), (&self.server, "s0")] {
            end.ip(&format!("link set {port} mtu {mtu}"));
        }
    }

    /// Gives both ends an interface inside tags, the outermost first, with addresses of this number.
    pub fn tag(&self, tags: &[u32], number: u8) -> Tagged {
        // A packet socket sends frames that are longer than the MTU by one tag of 802.1Q, and by nothing else.
        let mtu = if tags.len() == 1 { 1500 } else { 1500 - 4 * tags.len() as u32 };
        let relays = [(&self.client, "c0", 1), (&self.server, "s0", 2)].map(|(end, port, host)| {
            let mut tagger = Command::new("python3");
            tagger
                .args(["-c", include_str!("tagger.py"), port, "t0"])
                .args(tags.iter().map(|tag| format!("{tag:08x}")));
            let mut relay = end.start(tagger.stdout(Stdio::piped()));
            let mut said = [0; 5];
            relay.0.stdout.as_mut().unwrap().read_exact(&mut said).unwrap();
            end.ip(&format!("addr add 10.{number}.0.{host}/24 dev t0"));
            end.ip(&format!("addr add fd00:{number:x}::{host}/64 dev t0 nodad"));
            end.ip(&format!("link set t0 mtu {mtu} up"));
            relay
        });
        Tagged { servers: [format!("10.{number}.0.2"), format!("fd00:{number:x}::2")], mtu, _relays: relays }
    }

    /// Settings for an inline run that ends with its process.
    pub fn inline(&self) -> Settings {
        self.settings(Topology::Inline(vec![("a0".to_owned(), "b0".to_owned())]))
    }

    /// Settings for any run in this lab.
    pub fn settings(&self, topology: Topology) -> Settings {
        Settings {
            pinning: Pinning::Private,
            run_dir: self.folder.path().to_owned(),
            schedule: Schedule::anywhere(),
            attach: Attach::Driver,
            ..Settings::new("lab", topology)
        }
    }

    /// Starts a run in the sensor's namespace.
    pub fn start<I: Inspector + Send + 'static>(&self, settings: &Settings, make: impl Fn() -> I + Sync) -> Live {
        let events = |_: Event<'_>| {};
        self.sensor.run(|| Live::prepare(settings)?.start(|_| (make(), events))).unwrap_or_else(|e| panic!("{e}"))
    }

    /// Pings the server from the client; how many of `count` came back.
    pub fn ping(&self, address: &str, count: u32, size: u32) -> u32 {
        let line = format!("ping -n -q -i 0.02 -W 1 -c {count} -s {size} {address}");
        let output = self.client.output(&line);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let received = text.split(',').find(|part| part.contains(" received"));
        let received = received.unwrap_or_else(|| panic!("{line}: {text}{}", String::from_utf8_lossy(&output.stderr)));
        received.split_whitespace().next().unwrap().parse().unwrap()
    }

    /// Serves a folder on the server by python's http.server, port 80.
    pub fn serve(&self, folder: &Path) -> Running {
        let mut command = Command::new("python3");
        command.args(["-m", "http.server", "80", "--bind", "::", "--directory"]).arg(folder);
        let server = self.server.start(command.stdout(Stdio::null()).stderr(Stdio::null()));
        let address: SocketAddr = "[::1]:80".parse().unwrap();
        let up = || self.server.run(|| TcpStream::connect(address).is_ok());
        wait_until("the web server", up);
        server
    }

    /// Fetches from the server with curl; whether it worked, and where the body went.
    pub fn curl(&self, url: &str, seconds: u32) -> (bool, PathBuf) {
        let body = self.folder.path().join("body");
        let _ = std::fs::remove_file(&body);
        let output = self.client.output(&format!("curl -gsS -m {seconds} -o {} {url}", body.display()));
        (output.status.success(), body)
    }
}

/// Both ends inside VLAN tags, as long as this lives.
pub struct Tagged {
    /// Addresses of the server.
    pub servers: [String; 2],
    pub mtu: u32,
    _relays: [Running; 2],
}

/// A mounted bpf file system.
pub struct Bpffs(pub PathBuf);

impl Bpffs {
    pub fn mount(folder: &Path) -> Self {
        let path = folder.join("bpf");
        std::fs::create_dir(&path).unwrap();
        assert!(Command::new("mount").args(["-t", "bpf", "bpffs"]).arg(&path).status().unwrap().success());
        Self(path)
    }
}

impl Drop for Bpffs {
    fn drop(&mut self) {
        // It may be busy for a moment after a process was killed.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Waits for something that takes a moment, at most ten seconds.
pub fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(10), "{what} did not come");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn inspected(stats: &Stats) -> u64 {
    inspections(stats).map(|count| count.packets).sum()
}

/// Bytes that the kernel stage handed over.
pub fn inspected_bytes(stats: &Stats) -> u64 {
    inspections(stats).map(|count| count.bytes).sum()
}

fn inspections(stats: &Stats) -> impl Iterator<Item = Count> {
    let inspect = ids_ebpf::Outcome::ALL.into_iter().filter(|o| o.way() == ids_ebpf::outcome::Way::Inspect);
    inspect.map(|outcome| stats.of(outcome))
}

/// Both ledgers balance: what the kernel stage decided, and what became of what it handed over.
pub fn balanced(status: &[Status]) {
    for port in status {
        assert_eq!(port.decided.received, port.decided.decided(), "{}: {:?}", port.interface, port.decided);
        let handed_over = match port.copies {
            None => inspected(&port.decided),
            Some(copies) => {
                for copies in copies {
                    assert_eq!(copies.received, copies.decided(), "{}: {copies:?}", port.interface);
                }
                copies.iter().map(inspected).sum()
            }
        };
        let delivered: u64 = port.queues.iter().map(|q| q.received.packets).sum();
        let lost: u64 = port.queues.iter().map(|q| q.lost.receive_ring_full + q.lost.no_buffer + q.lost.stale).sum();
        assert_eq!(handed_over, delivered + lost, "{}: {:?} {:?}", port.interface, port.decided, port.queues);
        for queue in &port.queues {
            let settled = queue.accepted
                + queue.dropped
                + queue.late
                + queue.held
                + queue.lost.not_handed_over
                + queue.lost.overdue
                + queue.lost.transmit_ring_full
                + queue.lost.unsettled;
            assert_eq!(queue.received.packets, settled, "{}: {queue:?}", port.interface);
        }
    }
}
