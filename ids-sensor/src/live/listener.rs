//! One thread with a packet socket: packets of an interface → inspector. There is no kernel stage before it and no way
//! back: verdicts are counted, and nothing is dropped, blocked or answered.

use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ids_core::packet::{LinkType, PacketIn};
use ids_core::verdict::Verdict;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::counters::{Commands, Queue};
use super::outlet::Outlet;
use super::worker::{Report, TICK};
use super::{Events, Inspector};
use crate::capture::af_packet::Socket;
use crate::kernel::clock::{Monotonic, wall};

/// What still comes in at the end is looked at for so long.
const LAST_PACKETS: Duration = Duration::from_millis(200);

/// Everything a listener is given.
pub(super) struct Parts {
    pub(super) socket: Socket,
    /// The port it listens on, and which of its listeners it is.
    pub(super) counters: Queue,
    pub(super) stop: Arc<AtomicBool>,
    pub(super) report: Arc<Mutex<Report>>,
}

/// A listener and what it has at hand.
pub(super) struct Listener<I, E> {
    parts: Parts,
    inspector: I,
    outlet: Outlet<E>,
    /// Number of the latest packet.
    id: u64,
    commands: Commands,
    tick: Monotonic,
}

impl<I: Inspector, E: Events> Listener<I, E> {
    pub(super) fn new(parts: Parts, inspector: I, events: E) -> Self {
        let (outlet, commands) = (Outlet::new(events, None), Commands::default());
        Self { parts, inspector, outlet, id: 0, commands, tick: Monotonic::now() }
    }

    /// Runs until it is told to stop, then takes what has come in.
    pub(super) fn run(mut self) {
        while !self.parts.stop.load(Ordering::Relaxed) {
            let received = self.receive();
            let now = Monotonic::now();
            if now.since(self.tick) >= TICK {
                self.tick = now;
                self.ticked();
            }
            if received == 0 {
                self.wait();
            }
        }
        let start = Monotonic::now();
        while Monotonic::now().since(start) < LAST_PACKETS && self.receive() > 0 {}
        self.inspector.finish(&mut self.outlet);
        self.outlet.pass_on();
        self.settle();
        self.parts.counters.lost.unsettled = std::mem::take(&mut self.parts.counters.held);
        self.publish();
    }

    /// One block of packets; how many there were.
    fn receive(&mut self) -> usize {
        let Self { parts, inspector, outlet, id, .. } = self;
        let Parts { socket, counters, .. } = parts;
        let received = socket.receive(|captured| {
            *id += 1;
            counters.received.add(captured.bytes.len() as u64);
            counters.held += 1;
            let (port, time, bytes) = (counters.port, captured.time, captured.bytes);
            inspector.push(PacketIn { id: *id, port, time, link: LinkType::Ethernet, bytes }, outlet);
        });
        self.settle();
        received
    }

    /// Counts what the engine said.
    fn settle(&mut self) {
        let counters = &mut self.parts.counters;
        for (_, verdict) in self.outlet.verdicts.drain(..) {
            counters.held = counters.held.saturating_sub(1);
            match verdict {
                Verdict::Accept => counters.accepted += 1,
                Verdict::Drop(_) => counters.dropped += 1,
            }
        }
        counters.lost.not_injected += self.outlet.frames().count() as u64;
        self.outlet.clear_frames();
        self.commands.no_kernel_stage += self.outlet.commands.drain(..).count() as u64;
    }

    fn ticked(&mut self) {
        self.inspector.tick(wall(), &mut self.outlet);
        self.settle();
        self.outlet.pass_on();
        self.publish();
    }

    /// Sleeps until a block comes in or the next tick.
    fn wait(&self) {
        let mut sockets = [PollFd::from_borrowed_fd(self.parts.socket.as_fd(), PollFlags::IN)];
        let timeout = Timespec { tv_sec: 0, tv_nsec: i64::from(TICK.subsec_nanos()) };
        // Interrupted or not: the next round looks for itself.
        let _ = poll(&mut sockets, Some(&timeout));
        if sockets[0].revents().contains(PollFlags::ERR) {
            // The interface is down: the kernel would answer at once for as long as it is.
            std::thread::sleep(TICK);
        }
    }

    /// Shows the counters to the rest of the sensor.
    fn publish(&mut self) {
        if let Ok(kernel) = self.parts.socket.statistics() {
            self.parts.counters.lost.receive_ring_full = kernel.lost;
        }
        let mut report = self.parts.report.lock().unwrap_or_else(PoisonError::into_inner);
        report.queues.clear();
        report.queues.push(self.parts.counters);
        report.commands = self.commands;
    }
}
