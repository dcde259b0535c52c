//! One thread: packets of its queues → inspector → verdicts → wire and kernel stage.
//!
//! A round: sign of life, one batch per queue, send, take buffers back, give buffers out, tell the kernel stage. The
//! clocks are read once per round. Nothing is allocated per packet after warm-up, nothing is locked but for host
//! blocks, which are rare.

use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ahash::AHashMap;
use ids_core::packet::{LinkType, PacketIn};
use ids_core::time::Time;
use ids_core::verdict::Verdict;
use ids_ebpf::config::FailPolicy;
use ids_ebpf::outcome::Count;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::counters::{Commands, Queue};
use super::enforcer::Enforcer;
use super::outlet::Outlet;
use super::releases::Releases;
use super::{Events, Inspector};
use crate::capture::af_xdp::{Received, Socket, Umem};
use crate::kernel;
use crate::kernel::clock::{Monotonic, wall};
use crate::kernel::port::Heartbeat;

/// Packets taken from a queue at a time.
const BATCH: usize = 64;

/// Timers of the engine run at least this often.
pub(super) const TICK: Duration = Duration::from_millis(100);

/// How long the last packets may take to leave.
pub(super) const LAST_PACKETS: Duration = Duration::from_millis(200);

/// One queue of one port.
pub(super) struct Lane {
    pub(super) socket: Socket,
    pub(super) heartbeat: Heartbeat,
    /// The lane that accepted packets leave by; `None` on a mirror port.
    pub(super) out: Option<usize>,
    pub(super) counters: Queue,
    /// The interface refuses to send.
    pub(super) down: bool,
}

/// What a worker shares with the rest of the sensor.
#[derive(Default)]
pub(super) struct Report {
    pub(super) queues: Vec<Queue>,
    pub(super) commands: Commands,
    /// Dropped in userspace on account of blocks of hosts, and of flows.
    pub(super) blocked: [Count; 2],
}

/// Everything a worker is given.
pub(super) struct Parts {
    pub(super) umem: Umem,
    pub(super) lanes: Vec<Lane>,
    pub(super) deadline: Duration,
    pub(super) policy: FailPolicy,
    pub(super) enforcer: Enforcer,
    /// Taken by the outlet, through which the engine takes flows back.
    pub(super) releases: Option<Releases>,
    pub(super) stop: Arc<AtomicBool>,
    pub(super) report: Arc<Mutex<Report>>,
}

/// A worker and what it has at hand.
pub(super) struct Worker<I, E> {
    parts: Parts,
    inspector: I,
    outlet: Outlet<E>,
    /// Number of the latest packet.
    id: u64,
    /// Packets that wait for their verdict, with their lanes.
    held: AHashMap<u64, (Received, usize)>,
    batch: Vec<Received>,
    /// The beginning of the latest round, and when signs of life and ticks were last given.
    round: Monotonic,
    beat: Monotonic,
    tick: Monotonic,
}

impl<I: Inspector, E: Events> Worker<I, E> {
    pub(super) fn new(mut parts: Parts, inspector: I, events: E) -> Self {
        let now = Monotonic::now();
        Self {
            outlet: Outlet::new(events, parts.releases.take()),
            parts,
            inspector,
            id: 0,
            held: AHashMap::new(),
            batch: Vec::with_capacity(BATCH),
            round: now,
            beat: Monotonic::default(),
            tick: now,
        }
    }

    /// Runs until it is told to stop, then drains.
    pub(super) fn run(mut self) -> Result<(), kernel::Error> {
        while !self.parts.stop.load(Ordering::Relaxed) {
            let now = Monotonic::now();
            let time = wall();
            self.signs_of_life(now)?;
            self.drop_stale(now);
            self.round = now;
            let received = self.receive(time);
            if now.since(self.tick) >= TICK {
                self.tick = now;
                self.ticked(time);
            }
            self.transmit();
            self.release();
            if received == 0 {
                self.wait();
            }
        }
        self.drain();
        Ok(())
    }

    /// One batch of each queue; how many packets there were.
    fn receive(&mut self, time: Time) -> usize {
        let mut received = 0;
        for lane in 0..self.parts.lanes.len() {
            let mut batch = std::mem::take(&mut self.batch);
            self.parts.lanes[lane].socket.receive(&mut self.parts.umem, BATCH, &mut batch);
            received += batch.len();
            for packet in batch.drain(..) {
                self.inspect(packet, lane, time);
            }
            self.batch = batch;
        }
        received
    }

    fn inspect(&mut self, packet: Received, lane: usize, time: Time) {
        self.id += 1;
        let counters = &mut self.parts.lanes[lane].counters;
        counters.received.add(u64::from(packet.length));
        let bytes = self.parts.umem.bytes(&packet.frame, packet.offset, packet.length);
        let port = counters.port;
        let packet_in = PacketIn { id: self.id, port, time, link: LinkType::Ethernet, bytes };
        self.inspector.push(packet_in, &mut self.outlet);
        self.carry_out(Some((packet, lane)));
    }

    /// Does what the engine said. `current` is the packet just pushed; without a verdict yet, it is held.
    fn carry_out(&mut self, mut current: Option<(Received, usize)>) {
        let mut verdicts = std::mem::take(&mut self.outlet.verdicts);
        for (id, verdict) in verdicts.drain(..) {
            let packet = if id == self.id && current.is_some() { current.take() } else { self.held.remove(&id) };
            if let Some((packet, lane)) = packet {
                self.settle(packet, lane, verdict);
            }
        }
        self.outlet.verdicts = verdicts;
        if let Some(packet) = current {
            self.held.insert(self.id, packet);
        }
        if self.outlet.has_frames() {
            self.inject();
        }
        if !self.outlet.commands.is_empty() {
            let mut commands = std::mem::take(&mut self.outlet.commands);
            for command in commands.drain(..) {
                self.parts.enforcer.carry_out(command, self.round);
            }
            self.outlet.commands = commands;
        }
    }

    /// Sends a packet on, or is done with it.
    fn settle(&mut self, packet: Received, lane: usize, verdict: Verdict) {
        let Parts { umem, lanes, .. } = &mut self.parts;
        match verdict {
            Verdict::Drop(_) => {
                lanes[lane].counters.dropped += 1;
                umem.put(packet.frame);
            }
            Verdict::Accept => match lanes[lane].out {
                None => {
                    lanes[lane].counters.accepted += 1;
                    umem.put(packet.frame);
                }
                Some(out) => match lanes[out].socket.send(umem, packet) {
                    Ok(()) => lanes[lane].counters.accepted += 1,
                    Err(frame) => {
                        lanes[lane].counters.lost.transmit_ring_full += 1;
                        umem.put(frame);
                    }
                },
            },
        }
    }

    /// Sends the engine's own frames.
    fn inject(&mut self) {
        let Parts { umem, lanes, .. } = &mut self.parts;
        for (port, bytes) in self.outlet.frames() {
            // A frame for a port that is not this worker's is counted on the first lane.
            let own = lanes.iter_mut().position(|lane| lane.counters.port == port);
            let lane = &mut lanes[own.unwrap_or(0)];
            let length = u32::try_from(bytes.len()).ok().filter(|length| *length <= umem.frame_size());
            let frame = if own.is_some() { length.and_then(|length| Some((umem.take()?, length))) } else { None };
            let Some((frame, length)) = frame else {
                lane.counters.lost.not_injected += 1;
                continue;
            };
            umem.bytes(&frame, 0, length).copy_from_slice(bytes);
            match lane.socket.send(umem, Received { frame, offset: 0, length }) {
                Ok(()) => lane.counters.injected += 1,
                Err(frame) => {
                    lane.counters.lost.not_injected += 1;
                    umem.put(frame);
                }
            }
        }
        self.outlet.clear_frames();
    }

    /// Sends what is in line, takes buffers back and gives buffers out.
    fn transmit(&mut self) {
        let Parts { umem, lanes, .. } = &mut self.parts;
        for lane in lanes.iter_mut() {
            match lane.socket.flush(umem) {
                Ok(()) if lane.down => {
                    lane.down = false;
                    tracing::info!(port = lane.counters.port, "the interface sends again");
                }
                Err(error) if !lane.down => {
                    lane.down = true;
                    tracing::warn!(port = lane.counters.port, %error, "the interface does not send");
                }
                _ => {}
            }
        }
        for lane in lanes {
            lane.socket.refill(umem);
        }
    }

    /// Writes releases once all packets in line have left, so that none is overtaken on the fast path.
    fn release(&mut self) {
        if let Some(releases) = self.outlet.releases.as_mut().filter(|releases| releases.any_waiting())
            && self.parts.lanes.iter().all(|lane| lane.socket.unsent() == 0)
        {
            releases.write();
        }
    }

    /// What is due every [`TICK`].
    fn ticked(&mut self, time: Time) {
        self.inspector.tick(time, &mut self.outlet);
        self.carry_out(None);
        self.outlet.pass_on();
        self.publish();
    }

    /// Says that this worker lives, on all its queues.
    fn signs_of_life(&mut self, now: Monotonic) -> Result<(), kernel::Error> {
        if now.since(self.beat) < self.parts.deadline / 10 {
            return Ok(());
        }
        self.beat = now;
        for lane in &mut self.parts.lanes {
            lane.heartbeat.beat(lane.socket.queue(), now)?;
        }
        Ok(())
    }

    /// After a pause beyond the deadline the kernel stage may have let packets past: those that waited here would
    /// arrive after them, and are dropped. Of flows that went past the inspector has to know.
    fn drop_stale(&mut self, now: Monotonic) {
        if now.since(self.round) <= self.parts.deadline {
            return;
        }
        for lane in self.parts.lanes.iter_mut().filter(|lane| lane.out.is_some()) {
            let waiting = lane.socket.waiting() as usize;
            lane.socket.receive(&mut self.parts.umem, waiting, &mut self.batch);
            lane.counters.lost.stale += self.batch.len() as u64;
            for packet in self.batch.drain(..) {
                self.parts.umem.put(packet.frame);
            }
        }
        if self.parts.policy == FailPolicy::Open && self.parts.lanes.iter().any(|lane| lane.out.is_some()) {
            tracing::warn!(pause = ?now.since(self.round), "packets went past while this worker stood still");
            self.inspector.missed(&mut self.outlet);
            self.carry_out(None);
        }
    }

    /// Sleeps until a packet comes in or something is due.
    fn wait(&self) {
        let unsent = self.parts.lanes.iter().any(|lane| lane.socket.unsent() > 0);
        let waiting = self.outlet.releases.as_ref().is_some_and(Releases::any_waiting);
        let due = if unsent || waiting { Duration::from_millis(1) } else { TICK };
        let due = due.min(self.parts.deadline / 10);
        let mut queues: Vec<PollFd<'_>> =
            self.parts.lanes.iter().map(|lane| PollFd::from_borrowed_fd(lane.socket.as_fd(), PollFlags::IN)).collect();
        let timeout = Timespec { tv_sec: 0, tv_nsec: i64::from(due.subsec_nanos()) };
        // Interrupted or not: the next round looks for itself.
        let _ = poll(&mut queues, Some(&timeout));
        if queues.iter().any(|queue| queue.revents().contains(PollFlags::ERR)) {
            // An interface is down: the kernel would answer at once for as long as it is.
            std::thread::sleep(due);
        }
    }

    /// Shows the counters to the rest of the sensor.
    fn publish(&mut self) {
        let mut held = vec![0; self.parts.lanes.len()];
        for (_, lane) in self.held.values() {
            held[*lane] += 1;
        }
        for (lane, held) in self.parts.lanes.iter_mut().zip(held) {
            lane.counters.held = held;
            lane.counters.lost.foreign_buffer = lane.socket.foreign();
            if let Ok(kernel) = lane.socket.statistics() {
                lane.counters.lost.receive_ring_full = kernel.rx_ring_full.unwrap_or(0);
                lane.counters.lost.no_buffer = kernel.rx_dropped;
                lane.counters.lost.transmit_invalid = kernel.tx_invalid_descs;
            }
        }
        let mut report = self.parts.report.lock().unwrap_or_else(PoisonError::into_inner);
        report.queues.clear();
        report.queues.extend(self.parts.lanes.iter().map(|lane| lane.counters));
        report.commands = self.parts.enforcer.counts(self.outlet.releases.as_ref());
    }

    /// The end: what has come in is inspected, what is open is closed, what is in line is sent.
    fn drain(&mut self) {
        let time = wall();
        while self.receive(time) > 0 {
            self.transmit();
            // What still comes in meanwhile is not waited for.
            if Monotonic::now().since(self.round) > LAST_PACKETS {
                break;
            }
        }
        self.inspector.finish(&mut self.outlet);
        self.outlet.pass_on();
        self.carry_out(None);
        for (_, (packet, lane)) in self.held.drain() {
            self.parts.lanes[lane].counters.lost.unsettled += 1;
            self.parts.umem.put(packet.frame);
        }
        let start = Monotonic::now();
        self.transmit();
        while self.parts.lanes.iter().any(|lane| lane.socket.unsent() > 0)
            && Monotonic::now().since(start) < LAST_PACKETS
        {
            std::thread::sleep(Duration::from_millis(1));
            self.transmit();
        }
        debug_assert_eq!(self.parts.umem.held(), 0, "every buffer is free or the kernel's");
        self.publish();
    }
}
