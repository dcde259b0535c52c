//! The whole path of a packet, in one function that reads top to bottom.
//!
//! In: packets with their time ([`Engine::push`]), ticks, the end.  Out: verdicts, events, frames to send and
//! commands for the kernel stage, through a [`Sink`].
//! Holds everything a worker owns; shares nothing but the rule set.

mod certificates;
mod conclude;
mod config;
mod context;
mod expected;
#[cfg(test)]
mod fixtures;
mod frames;
mod passing;
mod pause;
mod release;
mod rewrite;
mod route;
mod share;
mod store;
mod tell;
#[cfg(test)]
mod tests;
mod trouble;
mod visit;
mod worker;

use std::mem;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::app::App;
use crate::counters::Counters;
use crate::decode::Frame;
use crate::detect::cost::Costs;
use crate::detect::rule_set::RuleSet;
use crate::detect::shared::Shared;
use crate::event::Event;
use crate::flow::{Carried, Key, Watch};
use crate::intake::Intake;
use crate::packet::{Packet, PacketIn};
pub use crate::reject::Side;
use crate::stream::Pace;
use crate::time::Time;
use crate::verdict::Verdict;
pub use config::{Config, Release};
pub use route::Route;
pub use share::{Claim, Owed, Part, Peers};
use worker::Worker;

/// Takes what the engine has to say.
pub trait Sink {
    /// The fate of packet `id`: called exactly once per packet, possibly later than its push. The bytes that
    /// were handed in may have been rewritten by then.
    fn verdict(&mut self, id: u64, verdict: Verdict);

    /// A frame that answers a packet which came in on `port`, link layer included: back out of that port, or on
    /// to where the packet would have gone.
    fn inject(&mut self, port: u16, side: Side, frame: &[u8]);

    /// Something the kernel stage should know.
    fn kernel(&mut self, command: Command);

    /// Takes a flow back from the kernel stage ([`Command::Release`]): from now on its packets are handed up again. Out:
    /// what it has carried since its release, if it was carried out. Nothing where there is no kernel stage.
    fn recall(&mut self, key: &Key) -> Option<Carried> {
        let _ = key;
        None
    }

    /// Whether the kernel stage hands up the packets of a flow again by itself, since it found one among them that is to be
    /// looked at.
    fn is_reopened(&mut self, key: &Key) -> bool {
        let _ = key;
        false
    }

    /// Something to tell the outside.
    fn event(&mut self, event: Event<'_>);
}

/// What the kernel stage should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Drop all packets of a flow.
    BlockFlow {
        /// The flow.
        key: Key,
        /// Port its packets come in on.
        port: u16,
        /// For how long.
        ttl: Duration,
        /// The rule on whose account; 0 if none.
        sid: u32,
    },
    /// Drop all packets from and to a host.
    BlockHost {
        /// Its address.
        addr: IpAddr,
        /// For how long.
        ttl: Duration,
        /// The rule on whose account.
        sid: u32,
        /// The address may be forged, and the block policy minds.
        spoofable: bool,
    },
    /// Nothing can match on this flow any more. What opens or ends a TCP connection has to be handed up.
    Release {
        /// The flow.
        key: Key,
        /// After so long without a packet it is over: what comes then has to be handed up.
        idle: Duration,
        /// What has to be handed up nonetheless; directions are those in which the key's smaller endpoint sends, and the
        /// larger.
        watch: Watch,
        /// How far a connection has come, by the same; what does not continue it as it should has to be handed up, too.
        pace: Option<[Pace; 2]>,
        /// It was asked for before, and packets were on their way: this is how things stand now. Of no use once it was carried
        /// out.
        again: bool,
    },
}

/// One worker's engine: the first stage, and everything behind it.
pub struct Engine {
    intake: Intake,
    worker: Worker,
}

impl Engine {
    /// An engine that has seen nothing. `app` and `shared` are what all workers of a sensor share.
    pub fn new(config: Arc<Config>, app: Arc<App>, shared: Shared) -> Self {
        Self {
            intake: Intake::new(config.decode.clone(), config.defrag.clone()),
            worker: Worker::new(config, app, shared),
        }
    }

    /// Takes one captured packet through the whole path. Its verdict is told before the call returns.
    pub fn push(&mut self, rules: &RuleSet, packet: PacketIn<'_>, out: &mut impl Sink) {
        let (id, time) = (packet.id, packet.time);
        let owed = self.take_in(&packet, |worker, packet| worker.packet(rules, packet, time, out));
        out.verdict(id, self.conclude(owed, packet.bytes));
    }

    /// The first stage; `each` decides on every packet that is found.
    fn take_in(
        &mut self,
        packet: &PacketIn<'_>,
        mut each: impl FnMut(&mut Worker, &mut Packet<'_>) -> Verdict,
    ) -> Owed {
        let Self { intake, worker } = self;
        let mut verdict = Verdict::Accept;
        let mut counters = mem::take(&mut worker.counters);
        let fate = intake.push(&Frame::from(packet), &mut counters, &mut |packet, counters| {
            mem::swap(&mut worker.counters, counters);
            verdict = verdict.and(each(worker, packet));
            mem::swap(&mut worker.counters, counters);
        });
        worker.counters = counters;
        Owed { verdict: verdict.and(fate.verdict), edits: worker.take_edits(), datagrams: intake.completed() }
    }

    /// All parts of a captured packet have been decided on: makes the changes in its `bytes` that inline inspection asked
    /// for. Out: its fate.
    pub fn conclude(&mut self, mut owed: Owed, bytes: &mut [u8]) -> Verdict {
        self.intake.settle(&owed.datagrams, owed.verdict);
        owed.edits.apply(bytes);
        owed.verdict
    }

    /// Takes one decoded packet, where another thread runs the first stage ([`Intake`]) and hands each packet to
    /// the worker of its flow ([`Route`]). `clock` is the largest packet time so far, of all workers' packets.
    /// What inline inspection would rewrite is left as it is.
    pub fn packet(&mut self, rules: &RuleSet, packet: &mut Packet<'_>, clock: Time, out: &mut impl Sink) -> Verdict {
        let verdict = self.worker.packet(rules, packet, clock, out);
        drop(self.worker.take_edits());
        verdict
    }

    /// Whether an ICMP error is about a flow that this engine knows.
    pub fn knows_quoted(&mut self, packet: &Packet<'_>, clock: Time) -> bool {
        self.worker.knows_quoted(packet, clock)
    }

    /// Lets time pass: flows that are idle for too long end.
    pub fn tick(&mut self, rules: &RuleSet, now: Time, out: &mut impl Sink) {
        self.intake.tick(now, &mut self.worker.counters);
        self.worker.tick(rules, now, out);
    }

    /// Ends everything that is still open, as at the end of a capture.
    pub fn finish(&mut self, rules: &RuleSet, out: &mut impl Sink) {
        self.worker.finish(rules, out);
    }

    /// What rules and flows have cost so far, if that is measured ([`Config::costs`]).
    pub fn costs(&self) -> Option<&Costs> {
        self.worker.costs()
    }

    /// What was counted so far.
    pub fn counters(&self) -> &Counters {
        &self.worker.counters
    }
}
