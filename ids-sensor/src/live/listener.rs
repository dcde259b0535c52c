//! One thread with a packet socket: copies of an interface's packets → inspector → kernel stage, where there is one.
//!
//! The packets themselves have passed: a verdict is counted, and it is the blocks that come with it that hold back what
//! follows. Without a kernel stage nothing is.

use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ids_core::packet::{LinkType, PacketIn};
use ids_core::verdict::Verdict;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::answers::Answers;
use super::counters::{Commands, Queue};
use super::enforcer::Enforcer;
use super::outlet::Outlet;
use super::releases::Releases;
use super::sign::Sign;
use super::worker::{Report, TICK};
use super::{Events, Inspector};
use crate::capture::af_packet::Socket;
use crate::kernel;
use crate::kernel::clock::{Monotonic, wall};

/// What still comes in at the end is looked at for so long, or until nothing has for as long as the kernel may keep it.
const LAST_PACKETS: Duration = Duration::from_millis(200);
const PAUSE: Duration = Duration::from_millis(30);

/// Everything a listener is given.
pub(super) struct Parts {
    pub(super) socket: Socket,
    pub(super) means: Means,
    pub(super) stop: Arc<AtomicBool>,
    pub(super) report: Arc<Mutex<Report>>,
}

/// By which means verdicts take effect.
pub(super) struct Means {
    /// Of the port it listens on, and of which of its listeners it is.
    pub(super) counters: Queue,
    pub(super) stage: Option<Stage>,
    /// Sends the engine's own packets; where there is none, they are not sent.
    pub(super) answers: Option<Answers>,
    /// What nobody could be told.
    pub(super) unheard: u64,
}

/// The kernel stage in front.
pub(super) struct Stage {
    pub(super) enforcer: Enforcer,
    /// Taken by the outlet, through which the engine takes flows back.
    pub(super) releases: Option<Releases>,
    pub(super) sign: Sign,
}

/// A listener and what it has at hand.
pub(super) struct Listener<I, E> {
    parts: Parts,
    inspector: I,
    outlet: Outlet<E>,
    /// Number of the latest packet.
    id: u64,
    tick: Monotonic,
}

impl<I: Inspector, E: Events> Listener<I, E> {
    pub(super) fn new(mut parts: Parts, inspector: I, events: E) -> Self {
        let releases = parts.means.stage.as_mut().and_then(|stage| stage.releases.take());
        let outlet = Outlet::new(events, releases);
        Self { parts, inspector, outlet, id: 0, tick: Monotonic::now() }
    }

    /// Runs until it is told to stop, then takes what has come in.
    pub(super) fn run(mut self) -> Result<(), kernel::Error> {
        while !self.parts.stop.load(Ordering::Relaxed) {
            let now = Monotonic::now();
            if let Some(stage) = &mut self.parts.means.stage {
                stage.sign.give(now)?;
            }
            let received = self.receive(now);
            if now.since(self.tick) >= TICK {
                self.tick = now;
                self.ticked(now);
            }
            if received == 0 {
                self.wait();
            }
        }
        let start = self.drain();
        self.inspector.finish(&mut self.outlet);
        self.outlet.pass_on();
        let Parts { means, .. } = &mut self.parts;
        means.carry_out(&mut self.outlet, start);
        means.counters.lost.unsettled = std::mem::take(&mut means.counters.held);
        self.publish();
        Ok(())
    }

    /// Takes what has been copied so far; the time by then.
    fn drain(&mut self) -> Monotonic {
        let start = Monotonic::now();
        let (mut now, mut latest) = (start, start);
        while now.since(start) < LAST_PACKETS && now.since(latest) < PAUSE {
            if self.receive(now) > 0 {
                latest = now;
            } else {
                std::thread::sleep(Duration::from_millis(1));
            }
            now = Monotonic::now();
        }
        now
    }

    /// One block of packets; how many there were.
    fn receive(&mut self, now: Monotonic) -> usize {
        let Self { parts, inspector, outlet, id, .. } = self;
        let Parts { socket, means, .. } = parts;
        socket.receive(|captured| {
            *id += 1;
            let counters = &mut means.counters;
            counters.received.add(captured.bytes.len() as u64);
            counters.outgoing += u64::from(captured.outgoing);
            counters.held += 1;
            let (port, time, bytes) = (counters.port, captured.time, captured.bytes);
            inspector.push(PacketIn { id: *id, port, time, link: LinkType::Ethernet, bytes }, outlet);
            means.carry_out(outlet, now);
        })
    }

    fn ticked(&mut self, now: Monotonic) {
        self.inspector.tick(wall(), &mut self.outlet);
        self.parts.means.carry_out(&mut self.outlet, now);
        self.outlet.pass_on();
        self.publish();
    }

    /// Sleeps until a block comes in or something is due.
    fn wait(&self) {
        let mut sockets = [PollFd::from_borrowed_fd(self.parts.socket.as_fd(), PollFlags::IN)];
        let due = self.parts.means.stage.as_ref().map_or(TICK, |stage| stage.sign.every().min(TICK));
        let timeout = Timespec { tv_sec: 0, tv_nsec: i64::from(due.subsec_nanos()) };
        // Interrupted or not: the next round looks for itself.
        let _ = poll(&mut sockets, Some(&timeout));
        if sockets[0].revents().contains(PollFlags::ERR) {
            // The interface is down: the kernel would answer at once for as long as it is.
            std::thread::sleep(due);
        }
    }

    /// Shows the counters to the rest of the sensor.
    fn publish(&mut self) {
        if let Ok(kernel) = self.parts.socket.statistics() {
            self.parts.means.counters.lost.receive_ring_full = kernel.lost;
        }
        let mut report = self.parts.report.lock().unwrap_or_else(PoisonError::into_inner);
        report.queues.clear();
        report.queues.push(self.parts.means.counters);
        report.commands = match &self.parts.means.stage {
            Some(stage) => stage.enforcer.counts(self.outlet.releases.as_ref()),
            None => Commands { no_kernel_stage: self.parts.means.unheard, ..Commands::default() },
        };
    }
}

impl Means {
    /// Counts verdicts, and carries out what came with them.
    fn carry_out<E>(&mut self, outlet: &mut Outlet<E>, now: Monotonic) {
        let Self { counters, stage, answers, unheard } = self;
        for (_, verdict) in outlet.verdicts.drain(..) {
            counters.held = counters.held.saturating_sub(1);
            match verdict {
                Verdict::Accept => counters.accepted += 1,
                Verdict::Drop(_) => counters.late += 1,
            }
        }
        for (_, frame) in outlet.frames() {
            match answers {
                Some(answers) if answers.send(LinkType::Ethernet, frame) => counters.injected += 1,
                _ => counters.lost.not_injected += 1,
            }
        }
        outlet.clear_frames();
        for command in outlet.commands.drain(..) {
            match stage {
                Some(stage) => stage.enforcer.carry_out(command, now),
                None => *unheard += 1,
            }
        }
        // What has been copied by now is looked at all the same: nothing is overtaken.
        if let Some(releases) = &mut outlet.releases {
            releases.stage();
            releases.write();
        }
    }
}
