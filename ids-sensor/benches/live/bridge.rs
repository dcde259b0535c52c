//! An inline pair beside a Linux bridge between the same ports: how many packets pass in a second, what each costs, and
//! how long it is under way.
//!
//! Frames that no skb was made for go from `c0` to `s0`; the stack of the server's end takes them from all three alike.
//! Time under way is from the sender's program, which stamps each frame, to when the server's stack says it came in.

use std::net::UdpSocket;
use std::time::Duration;

use ids_ebpf::Outcome;
use ids_ebpf::interest::Interest;
use ids_sensor::live::{Guard, Live};

use crate::bed::cpu::Cpu;
use crate::bed::endpoints::Arrivals;
use crate::bed::figures::{Goal, Table, quantile, sorted};
use crate::bed::{Sender, Which, at_rest, counter, mac};
use crate::support::bpf::Program;
use crate::support::lab::{Lab, SERVER, wait_until};
use crate::support::packet;

/// How long the rate is measured, in each round.
const SPAN: Duration = Duration::from_secs(2);
const ROUNDS: usize = 3;

/// Frames by which time under way is measured, in each round, and the pause between two.
const STAMPED: u32 = 3000;
const PAUSE: Duration = Duration::from_micros(300);

/// What stands between both ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Bridge,
    /// The kernel stage of an inline pair, which finds nothing of interest.
    Fast,
    /// The same with everything inspected.
    Inspected,
}

impl Way {
    const ALL: [Self; 3] = [Self::Bridge, Self::Fast, Self::Inspected];

    const fn name(self) -> &'static str {
        match self {
            Self::Bridge => "bridge",
            Self::Fast => "fast path",
            Self::Inspected => "inspected path",
        }
    }
}

/// What was found of one way.
#[derive(Default)]
struct Found {
    /// Packets a second, the most.
    rate: f64,
    /// CPU nanoseconds for each packet that passed, all of the sender, the kernel and the worker: the least.
    each: f64,
    /// Microseconds under way, of all rounds.
    under_way: Vec<f64>,
}

/// Measures, and prints a table.
pub fn run() {
    let lab = Lab::new();
    let socket = lab.server.run(|| UdpSocket::bind((SERVER, 9)).unwrap());
    let arrivals = Arrivals::new(socket);
    let mut frame = packet::udp(("10.0.0.1", 5), (SERVER, 9), &[0; 18]).bytes();
    frame[..6].copy_from_slice(&mac(&lab.server, "s0"));
    // No checksum (RFC 768): the sender's program changes the payload.
    frame[40..42].fill(0);
    // To nobody, so that no socket of the server's is in the way of the rate.
    let mut flood = frame.clone();
    flood[..6].copy_from_slice(&[2, 0, 0, 0, 0, 0x99]);

    let mut found = [Found::default(), Found::default(), Found::default()];
    for _ in 0..ROUNDS {
        for (way, found) in Way::ALL.into_iter().zip(&mut found) {
            let live = put_up(&lab, way);
            found.rate(&lab, &flood);
            found.latency(&lab, &frame, &arrivals);
            take_down(&lab, way, live);
        }
    }
    print(found);
}

fn put_up(lab: &Lab, way: Way) -> Option<Live> {
    if way == Way::Bridge {
        lab.sensor.ip("link add br0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0");
        for port in ["a0", "b0"] {
            lab.sensor.ip(&format!("link set {port} master br0"));
            // Without an XDP program a veth takes frames that are no skbs in this mode alone.
            lab.sensor.must(&format!("ethtool -K {port} gro on"));
        }
        lab.sensor.must("sysctl -qw net.ipv6.conf.br0.disable_ipv6=1");
        lab.sensor.ip("link set br0 up");
    }
    let live = (way != Way::Bridge).then(|| lab.start(&lab.inline(), Guard::default));
    if let (Way::Fast, Some(live)) = (way, &live) {
        live.tables().set_interest(&Interest::NOTHING).unwrap();
    }
    wait_until("the way through", || lab.ping(SERVER, 1, 56) == 1);
    live
}

fn take_down(lab: &Lab, way: Way, live: Option<Live>) {
    if let Some(live) = live {
        let status = live.stop().unwrap();
        let inspected = status[0].decided.of(Outcome::Inspect).packets;
        let all = status[0].decided.received.packets;
        assert!(if way == Way::Fast { inspected * 100 < all } else { inspected * 2 > all }, "{inspected} of {all}");
    } else {
        lab.sensor.ip("link del br0");
        lab.sensor.must("ethtool -K a0 gro off");
        lab.sensor.must("ethtool -K b0 gro off");
    }
}

impl Found {
    fn rate(&mut self, lab: &Lab, frame: &[u8]) {
        let sender = Sender::new(lab, Program::returns().unwrap());
        let received = || counter(&lab.server, "s0", Which::Received);
        let (before, process) = (received(), Cpu::of_this());
        let sent = sender.send_for(frame, SPAN);
        let passed = at_rest(received) - before;
        let others = (Cpu::of_this() - process).saturating_sub(sent.cpu);
        self.rate = self.rate.max(passed as f64 / sent.seconds);
        let each = (sent.cpu + others) as f64 / passed as f64;
        self.each = if self.each > 0.0 { self.each.min(each) } else { each };
    }

    fn latency(&mut self, lab: &Lab, frame: &[u8], arrivals: &Arrivals) {
        let sender = Sender::new(lab, Program::returns_stamped().unwrap());
        let mut taken = Vec::new();
        std::thread::scope(|scope| {
            let reading = scope.spawn(|| arrivals.take(STAMPED as usize));
            sender.send_paced(frame, 1, PAUSE, STAMPED);
            taken = reading.join().unwrap();
        });
        assert!(taken.len() * 100 > STAMPED as usize * 99, "{} of {STAMPED} arrived", taken.len());
        self.under_way.extend(taken.iter().map(|nanos| *nanos as f64 / 1e3));
    }
}

fn print(found: [Found; 3]) {
    let under_way = found.each_ref().map(|found| sorted(found.under_way.iter().copied()));
    let [bridge, fast, inspected] = found.each_ref();
    let mut table = Table::default();
    for (way, found) in Way::ALL.into_iter().zip(&found) {
        table.row(&format!("{}, packets a second", way.name()), found.rate, "1/s", Goal::None);
        table.row(&format!("{}, CPU time a packet that passed", way.name()), found.each, "ns", Goal::None);
    }
    table.row("fast path / bridge, packets a second", fast.rate / bridge.rate, "times", Goal::AtLeast(1.0));
    table.row("inspected path / bridge, packets a second", inspected.rate / bridge.rate, "times", Goal::None);
    for (share, name) in [(0.5, "p50"), (0.99, "p99")] {
        let [bridge, fast, inspected] = under_way.each_ref().map(|sorted| quantile(sorted, share));
        table.row(&format!("bridge, under way, {name}"), bridge, "us", Goal::None);
        table.row(&format!("fast path, under way, {name}"), fast, "us", Goal::AtMost(bridge));
        let most = if share > 0.9 { Goal::AtMost(bridge + 100.0) } else { Goal::None };
        table.row(&format!("inspected path, under way, {name}"), inspected, "us", most);
    }
    table.print(&format!(
        "Inline pair and bridge between the same ports: frames of 60 bytes; rate the most of {ROUNDS} rounds, CPU time the \
         least, time under way of {} frames",
        STAMPED as usize * ROUNDS
    ));
}
