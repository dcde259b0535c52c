//! What all tests here share: rights, namespaces, packets.

#[allow(dead_code, reason = "benchmarks use what tests do not")]
pub mod bpf;
pub mod inspectors;
pub mod lab;
pub mod namespace;
pub mod packet;
pub mod site;
pub mod transfer;

use std::net::IpAddr;
use std::os::fd::{AsFd, OwnedFd};

use aya::programs::{TestRun, TestRunOptions};
use ids_ebpf::Outcome;
use ids_sensor::kernel::clock::Monotonic;
use ids_sensor::kernel::{Frames, Pins, Port, Sizes, Tables};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

/// Whether a test can run here. If not, it says why, or panics where a skip is forbidden.
pub fn can_run() -> bool {
    let asked = std::env::var("IDS_NETNS").unwrap_or_default();
    let reason = if asked == "skip" {
        "IDS_NETNS=skip".to_owned()
    } else if !rustix::process::geteuid().is_root() {
        "not root".to_owned()
    } else if let Err(error) = Pins::private() {
        format!("no bpf file system of one's own: {error}")
    } else {
        return true;
    };
    let forbidden = asked == "require" || (asked != "skip" && std::env::var_os("CI").is_some());
    assert!(!forbidden, "skipped where skipping is forbidden: {reason}");
    eprintln!("skipped: {reason}");
    false
}

/// Ends the test at once where it cannot run.
#[macro_export]
macro_rules! needs_root {
    () => {
        if !$crate::support::can_run() {
            return;
        }
    };
}

/// A loaded program on no interface, fed by hand.
pub struct Bench {
    /// Keeps the maps of both together.
    _pins: Pins,
    pub port: Port,
    pub tables: Tables,
    /// The map keeps no reference to a socket: it lives here.
    socket: Option<OwnedFd>,
}

impl Bench {
    pub fn new() -> Self {
        let pins = Pins::private().unwrap();
        let tables = Tables::open(&pins, Sizes::default()).unwrap();
        let port = Port::load(&pins, Sizes::default(), "lo", Frames::OneBuffer).unwrap();
        Self { _pins: pins, port, tables, socket: None }
    }

    /// Opens a socket for queue 0, and says that its worker lives.
    pub fn inspect(&mut self) {
        self.port.heartbeat().unwrap().beat(0, Monotonic::now()).unwrap();
        let socket = socket_with(AddressFamily::XDP, SocketType::RAW, SocketFlags::CLOEXEC, None).unwrap();
        self.port.set_socket(0, socket.as_fd()).unwrap();
        self.socket = Some(socket);
    }

    /// Runs a frame through the program; the outcome that was counted, and what the program returned.
    pub fn run(&self, frame: &[u8]) -> (Outcome, u32) {
        let before = self.port.stats().unwrap();
        let options = TestRunOptions { data_in: Some(frame), repeat: 1, ..TestRunOptions::new() };
        let result = self.port.program().unwrap().test_run(options).unwrap();
        let after = self.port.stats().unwrap();
        assert_eq!(after.received.packets, before.received.packets + 1);
        assert_eq!(after.received.bytes, before.received.bytes + frame.len() as u64);
        assert_eq!(after.received, after.decided(), "received = the sum over all outcomes");
        let counted: Vec<Outcome> =
            Outcome::ALL.into_iter().filter(|o| after.of(*o).packets != before.of(*o).packets).collect();
        assert_eq!(counted.len(), 1, "one outcome per frame: {counted:?}");
        (counted[0], result.return_value)
    }
}

/// An address from its text.
pub fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}
