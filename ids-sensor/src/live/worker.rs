//! One thread: packets of its queues → inspector → verdicts → wire and kernel stage.
//!
//! A round: sign of life, one batch per queue, one of what other workers of the port hand over or answer, send, take
//! buffers back, give buffers out, tell the kernel stage. The clocks are read once per round. Nothing is allocated per
//! packet after warm-up, nothing is locked but for host blocks, which are rare.

use std::collections::hash_map::Entry;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ahash::AHashMap;
use ids_core::engine::Owed;
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
use super::team::{Handed, Parcel, Seat};
use super::{Events, Inspector};
use crate::capture::af_xdp::{Piece, Socket, Umem};
use crate::kernel;
use crate::kernel::clock::{Monotonic, wall};
use crate::kernel::port::Heartbeat;

/// Packets taken from a queue at a time.
const BATCH: usize = 64;

/// Timers of the engine run at least this often.
pub(super) const TICK: Duration = Duration::from_millis(100);

/// Between two looks at what other workers have sent, at the end.
const PAUSE: Duration = Duration::from_micros(100);

/// How long the last packets may take to leave.
pub(super) const LAST_PACKETS: Duration = Duration::from_millis(200);

/// One queue of one port.
pub(super) struct Lane {
    pub(super) socket: Socket,
    /// Its queue is polled by this thread alone, which never sleeps.
    pub(super) busy: bool,
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
    /// Its place among those of the port; `None` if it is the only one.
    pub(super) seat: Option<Seat>,
    pub(super) stop: Arc<AtomicBool>,
    pub(super) report: Arc<Mutex<Report>>,
}

/// A packet of which others have parts.
struct Shared {
    packet: Piece,
    lane: usize,
    owed: Owed,
    /// Parts that others have.
    parts: u32,
    /// A part found no room on its way.
    lost: bool,
    /// When it was received.
    since: Monotonic,
}

/// A worker and what it has at hand.
pub(super) struct Worker<I, E> {
    parts: Parts,
    inspector: I,
    outlet: Outlet<E>,
    /// Number of the latest packet.
    id: u64,
    /// Packets that wait for their verdict, with their lanes.
    held: AHashMap<u64, (Piece, usize)>,
    /// Packets of which others have parts.
    shared: AHashMap<u64, Shared>,
    batch: Vec<Piece>,
    /// The beginning of the latest round, and when signs of life and ticks were last given.
    round: Monotonic,
    beat: Monotonic,
    tick: Monotonic,
    /// Another worker of the port has been silent for so long that packets go past.
    silence: bool,
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
            shared: AHashMap::new(),
            batch: Vec::with_capacity(BATCH),
            round: now,
            beat: Monotonic::default(),
            tick: now,
            silence: false,
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
            let received = self.receive(time) + self.take_parcels();
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

    fn inspect(&mut self, packet: Piece, lane: usize, time: Time) {
        self.id += 1;
        let Parts { umem, lanes, seat, .. } = &mut self.parts;
        let Self { inspector, outlet, id, .. } = self;
        let owed = umem.with(&packet, |bytes| {
            let Queue { port, received, .. } = &mut lanes[lane].counters;
            received.add(bytes.len() as u64);
            let packet = PacketIn { id: *id, port: *port, time, link: LinkType::Ethernet, bytes };
            if let Some(seat) = seat {
                return inspector.share(packet, seat, outlet);
            }
            inspector.push(packet, outlet);
            None
        });
        let Some(owed) = owed else { return self.carry_out(Some((packet, lane))) };
        let Handed { parts, lost } = seat.as_mut().map(Seat::handed).unwrap_or_default();
        let shared = Shared { packet, lane, owed, parts, lost, since: self.round };
        if parts == 0 {
            self.conclude(shared);
        } else {
            self.parts.lanes[lane].counters.handed_over += 1;
            self.shared.insert(self.id, shared);
        }
        self.carry_out(None);
    }

    /// What came from the other workers of the port: packets of this one's flows, and answers; how many.
    fn take_parcels(&mut self) -> usize {
        let workers = self.parts.seat.as_ref().map_or(0, Seat::workers);
        let mut taken = 0;
        for from in 0..workers {
            for _ in 0..BATCH {
                let Some(parcel) = self.parts.seat.as_mut().and_then(|seat| seat.next(from)) else { break };
                taken += 1;
                if parcel.answered { self.take_answer(from, parcel) } else { self.inspect_parcel(parcel) }
            }
        }
        taken
    }

    /// A packet of this worker's flows, whose frame another one has.
    fn inspect_parcel(&mut self, mut parcel: Box<Parcel>) {
        let Some(seat) = &mut self.parts.seat else { return };
        let number = seat.number();
        let own = match self.inspector.take_over(&mut parcel.part, seat, &mut self.outlet) {
            Some(other) => seat.forward(other, parcel),
            None => seat.answer(parcel),
        };
        if let Some(parcel) = own {
            self.take_answer(number, parcel);
        }
        self.carry_out(None);
    }

    /// What another worker has to say on a part of a packet.
    fn take_answer(&mut self, from: usize, mut parcel: Box<Parcel>) {
        if let Entry::Occupied(mut entry) = self.shared.entry(parcel.part.id()) {
            let shared = entry.get_mut();
            shared.owed.add(&mut parcel.part);
            shared.lost |= parcel.lost;
            shared.parts -= 1;
            if shared.parts == 0 {
                let shared = entry.remove();
                self.conclude(shared);
            }
        }
        if let Some(seat) = &mut self.parts.seat {
            seat.taken(from, parcel);
        }
    }

    /// Nobody has parts of a packet any more. After a pause it would arrive behind those that went past meanwhile.
    fn conclude(&mut self, shared: Shared) {
        let Shared { packet, lane, owed, lost, since, .. } = shared;
        let inspector = &mut self.inspector;
        let verdict = self.parts.umem.with(&packet, |bytes| inspector.conclude(owed, bytes));
        let Lane { out, counters, .. } = &mut self.parts.lanes[lane];
        if lost {
            counters.lost.not_handed_over += 1;
        } else if out.is_some() && self.round.since(since) > self.parts.deadline {
            counters.lost.overdue += 1;
        } else {
            return self.settle(packet, lane, verdict);
        }
        self.parts.umem.put(packet.frame);
    }

    /// Does what the engine said. `current` is the packet just pushed; without a verdict yet, it is held.
    fn carry_out(&mut self, mut current: Option<(Piece, usize)>) {
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
    fn settle(&mut self, packet: Piece, lane: usize, verdict: Verdict) {
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
            match lane.socket.send(umem, Piece { frame, offset: 0, length }) {
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

    /// Writes releases once all packets in line have left, also those whose frames others have, so that none is
    /// overtaken on the fast path.
    fn release(&mut self) {
        let lanes = &self.parts.lanes;
        let all_left = lanes.iter().all(|lane| lane.socket.unsent() == 0);
        let in_line = lanes.iter().any(|lane| lane.socket.waiting() > 0);
        let seat = &mut self.parts.seat;
        if let Some(seat) = seat.as_ref().filter(|_| all_left) {
            seat.all_left();
        }
        let Some(releases) = self.outlet.releases.as_mut().filter(|releases| releases.any_waiting()) else { return };
        if releases.stage() {
            seat.iter_mut().for_each(Seat::mark);
        }
        let due = releases.is_due(in_line);
        if due && all_left && seat.as_ref().is_none_or(Seat::marked_left) {
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

    /// Says that this worker lives, on all its queues; with several on a port, that all of them do: whose a packet will be
    /// is not known where it comes in.
    fn signs_of_life(&mut self, now: Monotonic) -> Result<(), kernel::Error> {
        if now.since(self.beat) < self.parts.deadline / 10 {
            return Ok(());
        }
        self.beat = now;
        let lived = self.parts.seat.as_ref().map_or(now, |seat| seat.live(now));
        for lane in &mut self.parts.lanes {
            lane.heartbeat.beat(lane.socket.queue(), lived)?;
        }
        let silence = now.since(lived) > self.parts.deadline;
        if self.silence && !silence {
            self.went_past(self.parts.deadline);
        }
        self.silence = silence;
        Ok(())
    }

    /// While the port's workers were silent, packets may have gone past: the inspector has to know.
    fn went_past(&mut self, pause: Duration) {
        if self.parts.policy == FailPolicy::Open && self.parts.lanes.iter().any(|lane| lane.out.is_some()) {
            tracing::warn!(?pause, "packets went past while a worker stood still");
            self.inspector.missed(&mut self.outlet);
            self.carry_out(None);
        }
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
        self.went_past(now.since(self.round));
    }

    /// Sleeps until a packet comes in or something is due; looks for packets where queues are polled busily.
    fn wait(&self) {
        let mut busy = self.parts.lanes.iter().filter(|lane| lane.busy).peekable();
        if busy.peek().is_some() {
            return busy.for_each(|lane| lane.socket.look());
        }
        let unsent = self.parts.lanes.iter().any(|lane| lane.socket.unsent() > 0);
        let waiting = self.outlet.releases.as_ref().is_some_and(Releases::any_waiting);
        let due = if unsent || waiting { Duration::from_millis(1) } else { TICK };
        let due = due.min(self.parts.deadline / 10);
        let seat = self.parts.seat.as_ref();
        if seat.is_some_and(|seat| !seat.may_sleep()) {
            return;
        }
        let sockets = self.parts.lanes.iter().map(|lane| lane.socket.as_fd());
        let mut queues: Vec<PollFd<'_>> =
            sockets.chain(seat.map(Seat::bell)).map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)).collect();
        let timeout = Timespec { tv_sec: 0, tv_nsec: i64::from(due.subsec_nanos()) };
        // Interrupted or not: the next round looks for itself.
        let _ = poll(&mut queues, Some(&timeout));
        if queues.iter().any(|queue| queue.revents().contains(PollFlags::ERR)) {
            // An interface is down: the kernel would answer at once for as long as it is.
            std::thread::sleep(due);
        }
        seat.into_iter().for_each(Seat::awake);
    }

    /// Shows the counters to the rest of the sensor.
    fn publish(&mut self) {
        let mut held = vec![0; self.parts.lanes.len()];
        let shared = self.shared.values().map(|shared| shared.lane);
        for lane in self.held.values().map(|(_, lane)| *lane).chain(shared) {
            held[lane] += 1;
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
        self.finish_together();
        self.inspector.finish(&mut self.outlet);
        self.outlet.pass_on();
        self.carry_out(None);
        let shared = self.shared.drain().map(|(_, shared)| (shared.packet, shared.lane));
        for (packet, lane) in self.held.drain().map(|(_, held)| held).chain(shared) {
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

    /// Waits until no worker of the port has anything that is another one's; if one has ended before its time, what it has
    /// is not waited for.
    fn finish_together(&mut self) {
        let waits = |worker: &Self| match &worker.parts.seat {
            Some(seat) if !seat.is_broken() => Some((!worker.shared.is_empty(), seat.others_busy())),
            _ => None,
        };
        while let Some((true, _)) = waits(self) {
            self.take_or_pause();
        }
        self.parts.seat.iter().for_each(Seat::is_done);
        while let Some((_, true)) = waits(self) {
            self.take_or_pause();
        }
    }

    fn take_or_pause(&mut self) {
        if self.take_parcels() == 0 {
            std::thread::sleep(PAUSE);
        }
        self.transmit();
    }
}
