//! One thread with a netfilter queue: packets that wait → inspector → verdicts.
//!
//! In front of it are the rules of the packet filter, and no kernel stage: blocks are looked up here, in the same maps.
//! Packets have no link layer, and come in on no port.

use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use ahash::AHashMap;
use ids_core::engine::Command;
use ids_core::packet::{LinkType, PacketIn};
use ids_core::time::Time;
use ids_core::verdict::Verdict;
use ids_ebpf::Outcome;
use ids_ebpf::config::Mode;
use ids_ebpf::flood::Limit;
use ids_ebpf::outcome::Count;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::answers::{self, Answers};
use super::counters::Queue as Counters;
use super::enforcer::Enforcer;
use super::outlet::Outlet;
use super::settings::{Queues, Settings};
use super::setup::{self, Job, Prepared};
use super::worker::{LAST_PACKETS, Report, TICK};
use super::{Error, Events, Inspector, Live};
use crate::capture::nfqueue::{self, Options, Queue, Way};
use crate::kernel::clock::{Monotonic, wall};
use crate::kernel::lookup::Lookup;
use crate::ports::{Ports, Use};

/// Packets taken from the queue before anything else is seen to.
const BATCH: usize = 64;

/// Everything such a thread is given.
pub(super) struct Parts {
    queue: Queue,
    settings: Queues,
    counters: Counters,
    answers: Answers,
    enforcer: Enforcer,
    lookup: Lookup,
    stop: Arc<AtomicBool>,
    pub(super) report: Arc<Mutex<Report>>,
}

/// One thread for each queue.
pub(super) fn prepare(settings: &Settings, numbers: &[u16]) -> Result<Prepared, Error> {
    let interfaces = Ports::set_up(&settings.run_dir, &settings.name, &[], Use::Host)?;
    if settings.flood.iter().any(Limit::is_set) {
        tracing::warn!("limits by source (`ips.flood`) do not act on netfilter queues");
    }
    let pins = setup::pins(settings)?;
    let tables = setup::tables(settings, &pins)?;
    let mut live = Live::new(settings, interfaces, pins, tables);
    let config = setup::port_config(settings, 0, Mode::Inline, settings.policy);
    let names: Vec<String> = numbers.iter().map(|number| format!("queue {number}")).collect();
    live.groups.push((config, names.join(",")));
    let mut jobs = Vec::with_capacity(numbers.len());
    for (port, number) in numbers.iter().enumerate() {
        let Queues { length, fail_open, .. } = settings.queues;
        let queue = Queue::open(Options { number: *number, length, fail_open })?;
        let answers = Answers::open(0).map_err(Error::Answers)?;
        let (port, number) = (u16::try_from(port).unwrap_or(u16::MAX), u32::from(*number));
        let counters = Counters { port, queue: number, ..Counters::default() };
        let (stop, report) = (Arc::clone(&live.stop), Arc::default());
        let (enforcer, _) = setup::effects(settings, &live, 0)?;
        let lookup = Lookup::new(&live.tables(), config)?;
        let parts = Parts { queue, settings: settings.queues, counters, answers, enforcer, lookup, stop, report };
        live.listened.push((format!("queue {number}"), super::QUEUE));
        jobs.push(Job::Judge(Box::new(parts)));
    }
    Prepared::new(live, jobs, settings)
}

/// A packet that waits.
#[derive(Clone, Copy)]
struct Waiting {
    id: u32,
    mark: u32,
    /// The engine has rewritten it.
    changed: bool,
}

/// The thread and what it has at hand.
pub(super) struct Judge<I, E> {
    parts: Parts,
    inspector: I,
    outlet: Outlet<E>,
    /// Number of the latest packet for the engine.
    number: u64,
    /// Its bytes, which the engine may rewrite.
    bytes: Vec<u8>,
    /// Packets whose verdict is still owed.
    held: AHashMap<u64, Waiting>,
    /// The latest of those that are accepted together, and how many they are.
    together: Option<(u32, u32)>,
    /// Dropped on account of blocks of hosts, and of flows.
    blocked: [Count; 2],
    tick: Monotonic,
}

impl<I: Inspector, E: Events> Judge<I, E> {
    pub(super) fn new(parts: Parts, inspector: I, events: E) -> Self {
        Self {
            parts,
            inspector,
            outlet: Outlet::new(events, None),
            number: 0,
            bytes: Vec::new(),
            held: AHashMap::new(),
            together: None,
            blocked: [Count::default(); 2],
            tick: Monotonic::now(),
        }
    }

    /// Runs until it is told to stop, then settles what waits.
    pub(super) fn run(mut self) -> Result<(), Error> {
        while !self.parts.stop.load(Ordering::Relaxed) {
            let received = self.receive()?;
            let now = Monotonic::now();
            if now.since(self.tick) >= TICK {
                self.tick = now;
                self.inspector.tick(wall(), &mut self.outlet);
                self.carry_out(None);
                self.outlet.pass_on();
                self.parts.lookup.refresh()?;
                self.publish();
            }
            if received == 0 {
                self.wait();
            }
        }
        let start = Monotonic::now();
        while self.receive()? > 0 && Monotonic::now().since(start) < LAST_PACKETS {}
        self.inspector.finish(&mut self.outlet);
        self.outlet.pass_on();
        self.carry_out(None);
        self.parts.counters.lost.unsettled += self.held.drain().count() as u64;
        self.publish();
        Ok(())
    }

    /// One batch of packets; how many there were.
    fn receive(&mut self) -> Result<usize, Error> {
        let time = wall();
        let mut received = 0;
        while received < BATCH && self.receive_one(time)? {
            received += 1;
        }
        self.accept_together();
        Ok(received)
    }

    /// One packet; whether there was any.
    fn receive_one(&mut self, time: Time) -> Result<bool, Error> {
        let Self { parts, inspector, outlet, number, bytes, blocked, .. } = self;
        let (mut current, mut drop) = (None, None);
        let received = parts.queue.receive(|packet| {
            // A block that cannot be read does not hold: the engine decides.
            if let Ok(Some(outcome)) = parts.lookup.block_of(packet.bytes) {
                blocked[usize::from(outcome == Outcome::DropFlow)].add(packet.bytes.len() as u64);
                drop = Some(packet.id);
                return;
            }
            bytes.clear();
            bytes.extend_from_slice(packet.bytes);
            let counters = &mut parts.counters;
            counters.received.add(bytes.len() as u64);
            let mut waiting = Waiting { id: packet.id, mark: packet.mark, changed: false };
            *number += 1;
            if packet.mark == answers::MARK {
                // Our own: nobody else has to look at it.
                outlet.verdicts.push((*number, Verdict::Accept));
            } else {
                let packet_in = PacketIn { id: *number, port: 0, time, link: LinkType::Raw, bytes };
                inspector.push(packet_in, outlet);
                waiting.changed = bytes != packet.bytes;
            }
            current = Some(waiting);
        });
        let received = received.map_err(|source| Error::Receive { number: parts.queue.number(), source })?;
        if let Some(id) = drop
            && self.parts.queue.settle(id, Way::Drop, None, None).is_err()
        {
            self.parts.counters.lost.transmit_invalid += 1;
        }
        if current.is_some() {
            self.carry_out(current);
        }
        Ok(received.is_some())
    }

    /// Does what the engine said. `current` is the packet just pushed; without a verdict yet, it is held.
    fn carry_out(&mut self, mut current: Option<Waiting>) {
        let told = !self.outlet.commands.is_empty();
        for command in self.outlet.commands.drain(..) {
            match (command, self.parts.settings.bypass, &mut current) {
                // The rules of the packet filter see to the rest of the flow.
                (Command::Release { .. }, Some(bypass), Some(packet)) => {
                    packet.mark = bypass.on(packet.mark);
                    self.parts.enforcer.counts.released += 1;
                }
                (Command::Release { .. }, ..) => self.parts.enforcer.counts.no_kernel_stage += 1,
                (block, ..) => self.parts.enforcer.carry_out(block, self.tick),
            }
        }
        if told && self.parts.lookup.refresh().is_err() {
            self.parts.enforcer.counts.blocks_failed += 1;
        }
        let mut verdicts = std::mem::take(&mut self.outlet.verdicts);
        for (number, verdict) in verdicts.drain(..) {
            let packet = if number == self.number { current.take() } else { None };
            if let Some(packet) = packet.or_else(|| self.held.remove(&number)) {
                self.settle(packet, number, verdict);
            }
        }
        self.outlet.verdicts = verdicts;
        if let Some(packet) = current {
            self.held.insert(self.number, packet);
        }
        for (_, packet) in self.outlet.frames() {
            match self.parts.answers.send(LinkType::Raw, packet) {
                true => self.parts.counters.injected += 1,
                false => self.parts.counters.lost.not_injected += 1,
            }
        }
        self.outlet.clear_frames();
    }

    /// Tells the kernel where a packet goes.
    fn settle(&mut self, packet: Waiting, number: u64, verdict: Verdict) {
        let Queues { accepted, mark, bypass, together, .. } = self.parts.settings;
        let way = match verdict {
            Verdict::Accept => accepted,
            Verdict::Drop(_) => Way::Drop,
        };
        match way {
            Way::Drop => self.parts.counters.dropped += 1,
            _ => self.parts.counters.accepted += 1,
        }
        let plain = way == Way::Accept && !packet.changed && mark.is_none() && bypass.is_none();
        if plain && together > 1 && self.held.is_empty() {
            let count = self.together.map_or(1, |(_, count)| count + 1);
            self.together = Some((packet.id, count));
            if count >= together {
                self.accept_together();
            }
            return;
        }
        // They came before.
        self.accept_together();
        let new = mark.filter(|_| way != Way::Drop).map_or(packet.mark, |mark| mark.on(packet.mark));
        let new = (mark.is_some() || bypass.is_some()).then_some(new);
        // Only the latest packet's bytes are still there; what is held is not rewritten.
        let bytes = (packet.changed && number == self.number).then_some(self.bytes.as_slice());
        if self.parts.queue.settle(packet.id, way, new, bytes).is_err() {
            self.parts.counters.lost.transmit_invalid += 1;
        }
    }

    /// Accepts the packets that were kept to be accepted together.
    fn accept_together(&mut self) {
        if let Some((id, count)) = self.together.take()
            && self.parts.queue.settle_up_to(id, Way::Accept).is_err()
        {
            self.parts.counters.lost.transmit_invalid += u64::from(count);
        }
    }

    /// Sleeps until a packet comes in or the next tick.
    fn wait(&self) {
        let mut queue = [PollFd::from_borrowed_fd(self.parts.queue.as_fd(), PollFlags::IN)];
        let timeout = Timespec { tv_sec: 0, tv_nsec: i64::from(TICK.subsec_nanos()) };
        // Interrupted or not: the next round looks for itself.
        let _ = poll(&mut queue, Some(&timeout));
    }

    /// Shows the counters to the rest of the sensor.
    fn publish(&mut self) {
        let counters = &mut self.parts.counters;
        counters.held = self.held.len() as u64;
        if let Ok(lost) = nfqueue::lost(self.parts.queue.number()) {
            counters.lost.receive_ring_full = lost;
        }
        let mut report = self.parts.report.lock().unwrap_or_else(PoisonError::into_inner);
        report.queues.clear();
        report.queues.push(*counters);
        report.commands = self.parts.enforcer.counts(None);
        report.blocked = self.blocked;
    }
}
