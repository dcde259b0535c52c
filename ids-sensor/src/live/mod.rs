//! Live runs: interfaces → engine → verdicts → wire and kernel stage.
//!
//! In: [`Settings`], and an [`Inspector`] for each worker.  Out: packets, counters ([`Status`]).
//! Holds: the interfaces as they were set up, the XDP programs, the sockets, the threads. Everything is given back on
//! [`Live::stop`], and also when it is dropped; after a crash, [`detach`] does it. A pair that fails open is not: it goes
//! on forwarding as after a crash, so that a restart does not cut the wire.
//! Must not know: rules, protocols, outputs.

mod answers;
pub mod counters;
mod enforcer;
mod listener;
mod outlet;
mod packets;
mod queue;
mod releases;
pub mod rules;
mod schedule;
pub mod sent;
mod settings;
mod setup;
mod sign;
mod team;
mod worker;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use ids_core::app::App;
use ids_core::counters::Counters;
use ids_core::detect::cost::Costs;
use ids_core::detect::shared::Shared;
use ids_core::engine::{Command, Engine, Owed, Part, Peers, Side, Sink};
use ids_core::event::Event;
use ids_core::flow::{Carried, Key};
use ids_core::intake::Fragments;
use ids_core::packet::PacketIn;
use ids_core::time::Time;
use ids_core::verdict::Verdict;
use ids_ebpf::Outcome;
use ids_ebpf::config::{Mode, PortConfig};
use ids_ebpf::map::QUEUES;
use ids_ebpf::outcome::{Count, Stats};

use crate::capture::{af_packet, af_xdp, nfqueue};
use crate::kernel::{self, Pins, Port, Tables};
use crate::ports::{self, Ports, Traffic};
use crate::shield::Shield;
use crate::why::Group;
use counters::{Commands, Queue};
pub use releases::{carried, released};
use rules::Follower;
pub use schedule::{Placing, Schedule};
use sent::Sent;
pub use settings::{Capture, Masked, Pinning, Queues, Settings, Topology};
pub use setup::{Prepared, frame_size};
use worker::Report;

/// Until what other CPUs had just decided to hand over has arrived.
const UNDER_WAY: Duration = Duration::from_millis(5);

/// Decides on packets: the engine, or a test's stand-in. One per worker, on the worker's thread.
pub trait Inspector {
    /// Takes one packet; its verdict comes through `out`, now or later.
    fn push(&mut self, packet: PacketIn<'_>, out: &mut impl Sink);

    /// Takes one packet where several workers share a port: packets in it that are others' are handed over. Out: what is
    /// to become of it so far; `None` if its verdict comes through `out`, as that of [`Self::push`] does.
    fn share(&mut self, packet: PacketIn<'_>, peers: &mut impl Peers, out: &mut impl Sink) -> Option<Owed> {
        let _ = peers;
        self.push(packet, out);
        None
    }

    /// Takes what another worker has handed over. Out: the worker that it goes on to, if it is not this one's.
    fn take_over(&mut self, part: &mut Part, peers: &impl Peers, out: &mut impl Sink) -> Option<usize> {
        let _ = (part, peers, out);
        None
    }

    /// All parts of a packet that was shared have come back. Its bytes may be changed. Out: its verdict.
    fn conclude(&mut self, owed: Owed, bytes: &mut [u8]) -> Verdict {
        let _ = (owed, bytes);
        Verdict::Accept
    }

    /// Where fragments wait, for the other workers of the port to [join](Self::join).
    fn fragments(&self) -> Fragments {
        Fragments::default()
    }

    /// From now on fragments wait together with those of the port's first worker.
    fn join(&mut self, fragments: Fragments) {
        let _ = fragments;
    }

    /// Packets went past uninspected: nothing that is known of open flows holds any more.
    fn missed(&mut self, out: &mut impl Sink) {
        let _ = out;
    }

    /// Lets time pass.
    fn tick(&mut self, now: Time, out: &mut impl Sink);

    /// Ends everything that is open; all verdicts that are still owed come now.
    fn finish(&mut self, out: &mut impl Sink);
}

/// Where the events of a worker go.
pub trait Events {
    /// Takes one event, at once.
    fn event(&mut self, event: Event<'_>);

    /// Ten times a second, and at the end: what was kept back to be handed over together should go now.
    fn pass_on(&mut self) {}
}

impl<F: FnMut(Event<'_>)> Events for F {
    fn event(&mut self, event: Event<'_>) {
        self(event);
    }
}

/// The engine with the rules it goes by.
pub struct Guard {
    /// The engine.
    pub engine: Engine,
    /// The rules.
    pub rules: Follower,
    /// What the engine has counted, renewed with every tick.
    pub counters: Arc<Mutex<Counters>>,
    /// What it has measured, renewed once a second.
    pub costs: Board,
    /// When that was.
    pub shown: Time,
    /// Accept everything, answer nothing and block nothing: only tell.
    pub dry_run: bool,
}

/// Where a worker shows what rules and flows cost.
pub type Board = Arc<Mutex<Option<Costs>>>;

/// How often costs are shown, in nanoseconds: there is a row for each rule.
const SHOW_COSTS: u64 = 1_000_000_000;

impl Default for Guard {
    /// An engine with default settings and no rules.
    fn default() -> Self {
        let engine = Engine::new(Arc::default(), Arc::new(App::default()), Shared::default());
        Self {
            engine,
            rules: Follower::default(),
            counters: Arc::default(),
            costs: Board::default(),
            shown: Time::ZERO,
            dry_run: false,
        }
    }
}

impl Inspector for Guard {
    fn push(&mut self, packet: PacketIn<'_>, out: &mut impl Sink) {
        if self.dry_run {
            self.engine.push(self.rules.rules(), packet, &mut Harmless(out));
        } else {
            self.engine.push(self.rules.rules(), packet, out);
        }
    }

    fn share(&mut self, packet: PacketIn<'_>, peers: &mut impl Peers, out: &mut impl Sink) -> Option<Owed> {
        Some(if self.dry_run {
            self.engine.share(self.rules.rules(), &packet, peers, &mut Harmless(out))
        } else {
            self.engine.share(self.rules.rules(), &packet, peers, out)
        })
    }

    fn take_over(&mut self, part: &mut Part, peers: &impl Peers, out: &mut impl Sink) -> Option<usize> {
        if self.dry_run {
            self.engine.take_over(self.rules.rules(), part, peers, &mut Harmless(out))
        } else {
            self.engine.take_over(self.rules.rules(), part, peers, out)
        }
    }

    fn conclude(&mut self, owed: Owed, bytes: &mut [u8]) -> Verdict {
        let verdict = self.engine.conclude(owed, bytes);
        if self.dry_run { Verdict::Accept } else { verdict }
    }

    fn fragments(&self) -> Fragments {
        self.engine.fragments()
    }

    fn join(&mut self, fragments: Fragments) {
        self.engine.join(fragments);
    }

    fn tick(&mut self, now: Time, out: &mut impl Sink) {
        self.rules.follow();
        if self.dry_run {
            self.engine.tick(self.rules.rules(), now, &mut Harmless(out));
        } else {
            self.engine.tick(self.rules.rules(), now, out);
        }
        self.show_counters();
        if now.nanos() >= self.shown.nanos().saturating_add(SHOW_COSTS) {
            self.shown = now;
            self.show_costs();
        }
    }

    fn missed(&mut self, out: &mut impl Sink) {
        // What goes on is as what began before the sensor did.
        self.finish(out);
    }

    fn finish(&mut self, out: &mut impl Sink) {
        if self.dry_run {
            self.engine.finish(self.rules.rules(), &mut Harmless(out));
        } else {
            self.engine.finish(self.rules.rules(), out);
        }
        self.show_counters();
        self.show_costs();
    }
}

impl Guard {
    fn show_counters(&self) {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner).clone_from(self.engine.counters());
    }

    fn show_costs(&self) {
        let Some(costs) = self.engine.costs().filter(|costs| costs.packets() > 0) else { return };
        let mut shown = self.costs.lock().unwrap_or_else(PoisonError::into_inner);
        // A row for each rule is not copied for nothing.
        if shown.as_ref().is_none_or(|shown| shown.packets() != costs.packets()) {
            *shown = Some(costs.clone());
        }
    }
}

/// Tells events, but drops and answers nothing.
struct Harmless<'s, S>(&'s mut S);

impl<S: Sink> Sink for Harmless<'_, S> {
    fn verdict(&mut self, id: u64, _: Verdict) {
        self.0.verdict(id, Verdict::Accept);
    }

    fn inject(&mut self, _: u16, _: Side, _: &[u8]) {}

    fn kernel(&mut self, command: Command) {
        // Whoever carries them out knows that nothing is to be blocked, and counts what would have been.
        self.0.kernel(command);
    }

    fn recall(&mut self, key: &Key) -> Option<Carried> {
        self.0.recall(key)
    }

    fn event(&mut self, event: Event<'_>) {
        self.0.event(event);
    }
}

/// Why a live run cannot start, or did not end well.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The settings contradict each other.
    #[error("{0}")]
    Settings(String),
    /// An interface cannot be set up.
    #[error(transparent)]
    Ports(#[from] ports::Error),
    /// The kernel stage cannot be had.
    #[error(transparent)]
    Kernel(#[from] kernel::Error),
    /// Packet memory cannot be had.
    #[error("packet memory: {0}")]
    Memory(std::io::Error),
    /// A socket cannot be had.
    #[error("{interface}: {source}")]
    Socket {
        /// The interface.
        interface: String,
        /// Why.
        source: af_xdp::socket::Error,
    },
    /// An interface cannot be listened to.
    #[error("{interface}: {source}")]
    Packets {
        /// The interface.
        interface: String,
        /// Why.
        source: af_packet::Error,
    },
    /// A netfilter queue cannot be had.
    #[error(transparent)]
    Queue(#[from] nfqueue::Error),
    /// A netfilter queue gives no more packets.
    #[error("queue {number} gives no more packets: {source}")]
    Receive {
        /// Its number.
        number: u16,
        /// What the kernel said.
        source: std::io::Error,
    },
    /// The engine's own packets could not be sent.
    #[error("raw sockets for resets and unreachables: {0}")]
    Answers(std::io::Error),
    /// Workers that share a port cannot wake each other.
    #[error("workers of one port: {0}")]
    Team(std::io::Error),
    /// A thread cannot be started.
    #[error("starting a worker: {0}")]
    Thread(std::io::Error),
    /// A worker panicked; its packets fell under the fail policy from then on.
    #[error("worker {0} panicked")]
    Panicked(usize),
}

/// One port, as it is now.
#[derive(Clone, Debug)]
pub struct Status {
    /// Its interface.
    pub interface: String,
    /// How its program is attached: `driver` or `generic`; where there is none, `packets`, or `nfqueue` for a netfilter
    /// queue.
    pub mode: &'static str,
    /// Whether it is up and has a carrier; `None` if it is gone.
    pub link: Option<bool>,
    /// What the kernel stage decided.
    pub decided: Stats,
    /// What its filter decided on copies for packet sockets, of packets that came in and of packets that went out.
    pub copies: Option<[Stats; 2]>,
    /// What was delivered, by queue.
    pub queues: Vec<Queue>,
    /// What a port of a pair was given to send, and what became of it.
    pub sent: Option<Sent>,
}

/// The modes of ports without a kernel stage.
const PACKETS: &str = "packets";
const QUEUE: &str = "nfqueue";

/// What a port without a kernel stage was given: everything is handed over but what blocks dropped.
fn handed_over(queues: &[Queue], mut stats: Stats) -> Stats {
    let mut inspected = Count::default();
    for queue in queues {
        inspected = inspected.plus(queue.received);
        inspected.packets += queue.lost.receive_ring_full;
    }
    stats.outcomes[Outcome::Inspect as usize] = inspected;
    stats.received = stats.decided();
    stats
}

/// A live run.
pub struct Live {
    // Dropped from top to bottom: threads have ended by then, programs go before interfaces are given back.
    workers: Vec<JoinHandle<Result<(), Error>>>,
    reports: Vec<Arc<Mutex<Report>>>,
    stop: Arc<AtomicBool>,
    programs: Vec<(Port, &'static str)>,
    /// What had left by their interfaces before they were attached.
    before: Vec<Option<Traffic>>,
    /// Whether packet sockets get copies of what programs let pass.
    copies: bool,
    /// Interfaces that are listened to without a kernel stage, and netfilter queues, with their modes; then there are no
    /// programs.
    listened: Vec<(String, &'static str)>,
    /// What the programs of each group are told, and their interfaces.
    groups: Vec<(PortConfig, String)>,
    tables: Arc<Mutex<Tables>>,
    shield: Arc<Shield>,
    interfaces: Option<Ports>,
    /// The end of the process is none of the wire: programs stay in place.
    stays: bool,
    /// Private pins live as long as this does.
    pins: Pins,
}

impl Live {
    /// Sets up all that needs rights: interfaces, programs, sockets. From then on the programs do as their policy says
    /// until workers start.
    ///
    /// # Errors
    /// Something cannot be had; all that was set up is given back.
    pub fn prepare(settings: &Settings) -> Result<Prepared, Error> {
        setup::prepare(settings)
    }

    /// The shared maps: blocks, allowances, interest. Held for as long as the guard is; workers wait for it to block
    /// a host.
    pub fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same for whoever needs it from another thread.
    pub fn shared_tables(&self) -> Arc<Mutex<Tables>> {
        Arc::clone(&self.tables)
    }

    /// Reads again who must not be blocked, and tells the kernel stage. Out: what could not be read.
    ///
    /// # Errors
    /// A map refuses.
    pub fn renew_shield(&self) -> Result<Vec<String>, Error> {
        let problems = self.shield.renew();
        self.tables().set_allowed(&setup::prefixes(&self.shield))?;
        Ok(problems)
    }

    /// The same for whoever needs it from another thread.
    pub fn shared_shield(&self) -> Arc<Shield> {
        Arc::clone(&self.shield)
    }

    /// What keeps blocks from hitting their owner.
    pub fn shield(&self) -> &Shield {
        &self.shield
    }

    /// All ports, in the order of their numbers. Worker counters are at most a tenth of a second old.
    ///
    /// # Errors
    /// A map cannot be read.
    pub fn status(&self) -> Result<Vec<Status>, Error> {
        let mut all: Vec<Status> = Vec::with_capacity(self.programs.len());
        for (port, mode) in &self.programs {
            let interface = port.interface().to_owned();
            let link = ports::has_carrier(&interface).ok();
            let copies = if self.copies { Some(port.copies()?) } else { None };
            all.push(Status { interface, mode, link, decided: port.stats()?, copies, queues: Vec::new(), sent: None });
        }
        for (name, mode) in &self.listened {
            let link = if *mode == QUEUE { Some(true) } else { ports::has_carrier(name).ok() };
            let (interface, decided, copies, queues) = (name.clone(), Stats::default(), None, Vec::new());
            all.push(Status { interface, mode, link, decided, copies, queues, sent: None });
        }
        for report in &self.reports {
            let report = report.lock().unwrap_or_else(PoisonError::into_inner);
            for queue in &report.queues {
                if let Some(status) = all.get_mut(usize::from(queue.port)) {
                    status.queues.push(*queue);
                    for (outcome, count) in [Outcome::DropHost, Outcome::DropFlow].into_iter().zip(report.blocked) {
                        let place = &mut status.decided.outcomes[outcome as usize];
                        // Zero but for netfilter queues.
                        *place = place.plus(count);
                    }
                }
            }
        }
        for status in all.iter_mut().filter(|status| matches!(status.mode, PACKETS | QUEUE)) {
            status.decided = handed_over(&status.queues, status.decided);
        }
        if self.groups.iter().any(|(config, _)| config.mode() == Some(Mode::Inline)) {
            sent::fill(&mut all, |at| self.sent_by(at));
        }
        Ok(all)
    }

    /// What has left by a port since its program was attached, by the interface's count.
    fn sent_by(&self, port: usize) -> Option<Traffic> {
        let (now, before) = (ports::traffic(self.programs.get(port)?.0.interface()).ok()?, *self.before.get(port)?);
        Some(now.since(before?))
    }

    /// Whether blocks are carried out: by a kernel stage in front, or by the threads of netfilter queues.
    pub fn blocks(&self) -> bool {
        self.listened.iter().all(|(_, mode)| *mode == QUEUE)
    }

    /// The ports that belong together, and how they behave.
    pub fn groups(&self) -> Vec<Group> {
        let alive = self.is_whole();
        let group = |(config, interfaces): &(PortConfig, String)| Group {
            interfaces: interfaces.clone(),
            config: *config,
            alive,
        };
        self.groups.iter().map(group).collect()
    }

    /// What the workers told the kernel stage, by worker.
    pub fn commands(&self) -> Vec<Commands> {
        let commands = |report: &Arc<Mutex<Report>>| report.lock().unwrap_or_else(PoisonError::into_inner).commands;
        self.reports.iter().map(commands).collect()
    }

    /// Whether all workers still run. One that has ended leaves its packets to the fail policy.
    pub fn is_whole(&self) -> bool {
        !self.workers.iter().any(JoinHandle::is_finished)
    }

    /// The pairs that go on forwarding after the end, as the kernel stage does when nobody inspects.
    pub fn staying(&self) -> impl Iterator<Item = &str> {
        self.groups.iter().filter(|_| self.stays).map(|(_, interfaces)| interfaces.as_str())
    }

    /// Drains, stops, detaches, and gives the interfaces back, unless it [stays](Self::staying); the last state of all
    /// ports.
    ///
    /// # Errors
    /// A worker failed, or something could not be given back; everything else was.
    pub fn stop(mut self) -> Result<Vec<Status>, Error> {
        let ended = self.join();
        let status = self.status();
        let given_back = self.give_back();
        ended?;
        given_back?;
        status
    }

    /// Ends the workers. Their queues or copies are taken from them first, so that all they were given comes to an end.
    fn join(&mut self) -> Result<(), Error> {
        if self.workers.is_empty() {
            return Ok(());
        }
        let mut result = Ok(());
        for (port, _) in &mut self.programs {
            if self.copies {
                result = result.and(port.configure(PortConfig::default()).map_err(Error::from));
                continue;
            }
            for queue in 0..QUEUES {
                result = result.and(port.clear_socket(queue).map_err(Error::from));
            }
        }
        std::thread::sleep(UNDER_WAY);
        self.stop.store(true, Ordering::Relaxed);
        for (number, worker) in self.workers.drain(..).enumerate() {
            let ended = worker.join().map_err(|_| Error::Panicked(number)).and_then(|ended| ended);
            result = result.and(ended);
        }
        result
    }

    fn give_back(&mut self) -> Result<(), Error> {
        if self.stays {
            self.programs.drain(..).for_each(|(port, _)| port.leave());
            self.interfaces.take().into_iter().for_each(Ports::leave);
            return Ok(());
        }
        let mut result = Ok(());
        for (port, _) in &mut self.programs {
            result = result.and(port.detach().map_err(Error::from));
        }
        match self.interfaces.take() {
            Some(interfaces) => result.and(interfaces.give_back().map_err(Error::from)),
            None => result,
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let ended = self.join();
        if let Err(error) = ended.and(self.give_back()) {
            tracing::warn!(%error, "the live run did not end well");
        }
    }
}

/// Takes away what a process that is gone left behind: programs, pinned maps with their blocks, settings of
/// interfaces. Whether there was anything.
///
/// # Errors
/// Something could not be taken away; everything else was.
pub fn detach(name: &str, bpffs: &Path, run_dir: &Path) -> Result<bool, Error> {
    let pins = Pins::remove(bpffs, name).map_err(Error::from);
    let ports = ports::give_back_after_crash(run_dir, name)?;
    Ok(pins? || ports)
}
