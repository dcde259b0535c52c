//! What it costs to receive a packet by AF_XDP, beside packet sockets: all the CPU time of both ends, with the driver's,
//! and without what the sender alone takes.

use std::time::Duration;

use ids_core::engine::Sink;
use ids_core::packet::PacketIn;
use ids_core::time::Time;
use ids_core::verdict::Verdict;
use ids_sensor::live::{Capture, Inspector, Settings, Topology};

use crate::bed::Sender;
use crate::bed::cpu::Cpu;
use crate::bed::figures::{Goal, Table};
use crate::support::bpf::Program;
use crate::support::lab::Lab;
use crate::support::packet;

/// Half a million packets a second for four seconds: less than either way can take, and no burst that fills a ring.
const BURST: u32 = 500;
const PAUSE: Duration = Duration::from_millis(1);
const BURSTS: u32 = 4000;
const ROUNDS: usize = 3;

/// Accepts everything.
pub struct Accepting;

impl Inspector for Accepting {
    fn push(&mut self, packet: PacketIn<'_>, out: &mut impl Sink) {
        out.verdict(packet.id, Verdict::Accept);
    }
    fn tick(&mut self, _: Time, _: &mut impl Sink) {}
    fn finish(&mut self, _: &mut impl Sink) {}
}

/// What was received, and what it cost.
#[derive(Clone, Copy)]
struct Cost {
    gross: f64,
    reader: f64,
    lost: f64,
    /// Frames sent in a second.
    rate: f64,
}

/// Measures, and prints a table.
pub fn run() {
    let lab = Lab::new();
    let frame = packet::udp(("10.0.0.1", 5), ("10.0.0.2", 9), &[0; 18]).bytes();
    let alone = Sender::new(&lab, Program::drops().unwrap());
    let sender = Sender::new(&lab, Program::returns().unwrap());
    let mut least: [Option<Cost>; 2] = [None; 2];
    let (mut generator, mut slowest) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..ROUNDS {
        generator = generator.min(alone.send_paced(&frame, BURST, PAUSE, BURSTS).each());
        for (capture, least) in [Capture::Xdp, Capture::Packets].into_iter().zip(&mut least) {
            let settings = Settings { capture, ..lab.settings(Topology::Mirror(vec!["a0".to_owned()])) };
            let cost = receive(&lab, &settings, &sender, &frame);
            slowest = slowest.min(cost.rate);
            if least.is_none_or(|least| cost.gross < least.gross) {
                *least = Some(cost);
            }
        }
    }
    let [xdp, packets] = least.map(Option::unwrap);
    let mut table = Table::default();
    table.row("the sender alone", generator, "ns", Goal::None);
    for (name, cost) in [("AF_XDP", xdp), ("AF_PACKET, TPACKET_V3", packets)] {
        table.row(&format!("{name}, gross"), cost.gross, "ns", Goal::None);
        table.row(&format!("{name}, of that the reader"), cost.reader, "ns", Goal::None);
        table.row(&format!("{name}, lost"), cost.lost * 100.0, "%", Goal::None);
    }
    table.row("AF_XDP / AF_PACKET, gross", xdp.gross / packets.gross, "times", Goal::AtMost(0.5));
    let net = (xdp.gross - generator) / (packets.gross - generator);
    table.row("AF_XDP / AF_PACKET, net", net, "times", Goal::None);
    table.print(&format!("Receiving frames of 60 bytes, at least {slowest:.0} a second: CPU time per frame"));
}

fn receive(lab: &Lab, settings: &Settings, sender: &Sender<'_>, frame: &[u8]) -> Cost {
    let live = lab.start(settings, || Accepting);
    // Without an XDP program at its other end a veth takes such frames in this mode alone, and the sensor leaves it.
    lab.sensor.must("ethtool -K a0 gro on");
    let before = Cpu::of_this();
    let sent = sender.send_paced(frame, BURST, PAUSE, BURSTS);
    // What has been handed over is read within the time that a block of packets may be kept.
    std::thread::sleep(Duration::from_millis(50));
    let process = Cpu::of_this() - before;
    let status = live.stop().unwrap();
    let received: u64 = status[0].queues.iter().map(|queue| queue.received.packets).sum();
    // The sender's share holds what ksoftirqd did, which is no part of the process.
    let reader = process.saturating_sub(sent.cpu);
    let each = |cpu: u64| cpu as f64 / received as f64;
    assert!(received * 2 > sent.frames, "most is received: {received} of {}", sent.frames);
    let (lost, rate) = (1.0 - received as f64 / sent.frames as f64, sent.frames as f64 / sent.seconds);
    Cost { gross: each(sent.cpu + reader), reader: each(reader), lost, rate }
}
