//! One worker: packets of its flows, in packet order → verdicts and events.
//!
//! In: decoded packets.  Out: their verdicts, and events, frames and commands through a [`Sink`].
//! Holds: the flow table with everything that belongs to a flow, detection's memory, counters.

use std::mem;
use std::sync::Arc;

use super::conclude::{self, Findings};
use super::context::{self, Known};
use super::{Config, Sink, tell};
use crate::app::App;
use crate::app::parser::{Input, Parsed};
use crate::app::state::{self, State};
use crate::checksum;
use crate::counters::{Counter, Counters};
use crate::detect::{Detector, FlowState, Hits, RuleSet, Scene, StreamChunk, TxState};
use crate::event::{Event, FlowEnd};
use crate::field::Dir;
use crate::flow::{self, Action, Arrival, End, Entry, FlowId, Table};
use crate::packet::Packet;
use crate::stream::{self, Chunk, Env, Exception, Outcome};
use crate::time::Time;
use crate::verdict::{DropReason, Verdict};

/// What belongs to a flow besides its own state and its TCP session.
#[derive(Debug, Default)]
pub(super) struct Conn {
    pub(super) app: State<TxState>,
    pub(super) detect: FlowState,
}

/// The flow table, and flows on their way out of it.
pub(super) struct Worker {
    config: Arc<Config>,
    app: Arc<App>,
    flows: Table<Conn>,
    over: Vec<(Entry<Conn>, End)>,
    memory: stream::Memory,
    detector: Detector,
    hits: Hits,
    pub(super) counters: Counters,
    now: Time,
    swept: Time,
}

/// Flows that one sweep ends at most, so that no packet waits long.
const SWEEP: usize = 256;
/// How much packet time lies between two sweeps, in nanoseconds.
const SWEEP_EVERY: u64 = 250_000_000;

impl Worker {
    pub(super) fn new(config: Arc<Config>, app: Arc<App>, detector: Detector) -> Self {
        Self {
            flows: Table::new(config.flow.clone()),
            config,
            app,
            over: Vec::new(),
            memory: stream::Memory::default(),
            detector,
            hits: Hits::default(),
            counters: Counters::default(),
            now: Time::ZERO,
            swept: Time::ZERO,
        }
    }

    /// Takes one packet. `clock` is the largest packet time seen by any worker.
    pub(super) fn packet(
        &mut self,
        rules: &RuleSet,
        packet: &mut Packet<'_>,
        clock: Time,
        out: &mut impl Sink,
    ) -> Verdict {
        self.now = self.now.max(clock).max(packet.time);
        let found = self.find(packet);
        self.end_flows(rules, out);
        match found {
            Some((id, dir)) => self.in_flow(rules, packet, id, dir, out),
            None => self.alone(rules, packet, out),
        }
    }

    /// Ends flows that were idle for too long.
    pub(super) fn tick(&mut self, rules: &RuleSet, now: Time, out: &mut impl Sink) {
        self.now = self.now.max(now);
        if self.now.nanos().saturating_sub(self.swept.nanos()) < SWEEP_EVERY {
            return;
        }
        self.swept = self.now;
        let over = &mut self.over;
        self.flows.sweep(self.now, SWEEP, &mut self.counters, |entry, end| over.push((take(entry), end)));
        self.end_flows(rules, out);
    }

    /// Ends all flows.
    pub(super) fn finish(&mut self, rules: &RuleSet, out: &mut impl Sink) {
        let over = &mut self.over;
        self.flows.drain(&mut self.counters, |entry, end| over.push((take(entry), end)));
        self.end_flows(rules, out);
    }

    /// The flow of a packet. Flows that end on account of it are put aside.
    fn find(&mut self, packet: &Packet<'_>) -> Option<(FlowId, Dir)> {
        let arrival = Arrival::of(packet, &self.config.flow)?;
        if let Some((src, dst, proto)) = packet.quoted()
            && let Some(found) = self.flows.touch_quoted(&arrival, (src.into(), dst.into(), proto), self.now)
        {
            return Some(found);
        }
        let over = &mut self.over;
        let ended = |entry: &mut Entry<Conn>, end| over.push((take(entry), end));
        Some(self.flows.touch(&arrival, self.now, &mut self.counters, ended))
    }

    /// A packet without a flow: only packet rules see it.
    fn alone(&mut self, rules: &RuleSet, packet: &Packet<'_>, out: &mut impl Sink) -> Verdict {
        self.hits.clear();
        let mut scene = Scene::of_packet(packet, self.config.inline);
        self.detector.packet(rules, &mut scene, &mut self.hits);
        let findings = Findings { packet, known: None, dir: None, dropped: None };
        let verdict = conclude::packet(&self.config, rules, &findings, &mut self.hits, &mut self.counters, out);
        tell::anomalies(packet, None, None, out);
        verdict
    }

    /// A packet of a flow, through stream, application layer and detection.
    fn in_flow(
        &mut self,
        rules: &RuleSet,
        packet: &mut Packet<'_>,
        id: FlowId,
        mut dir: Dir,
        out: &mut impl Sink,
    ) -> Verdict {
        self.hits.clear();
        let Some(entry) = self.flows.get_mut(id) else { return Verdict::Accept };
        let mut visit = Visit {
            config: &self.config,
            app: &self.app,
            rules,
            detector: &mut self.detector,
            hits: &mut self.hits,
            counters: &mut self.counters,
            memory: &mut self.memory,
            out,
            turned: false,
        };
        let verdict = visit.packet(entry, packet, dir);
        if mem::take(&mut visit.turned) {
            self.flows.turn(id);
            dir = dir.flip();
        }
        let _ = dir;
        self.flows.update(id);
        verdict
    }

    /// Tells of the flows that were put aside, after a last look at what they left.
    fn end_flows(&mut self, rules: &RuleSet, out: &mut impl Sink) {
        let mut over = mem::take(&mut self.over);
        for (mut entry, end) in over.drain(..) {
            self.hits.clear();
            let mut visit = Visit {
                config: &self.config,
                app: &self.app,
                rules,
                detector: &mut self.detector,
                hits: &mut self.hits,
                counters: &mut self.counters,
                memory: &mut self.memory,
                out,
                turned: false,
            };
            visit.end(&mut entry, end, self.now);
        }
        self.over = over;
    }
}

/// An entry that leaves the table.
fn take(entry: &mut Entry<Conn>) -> Entry<Conn> {
    Entry { flow: entry.flow.clone(), tcp: entry.tcp.take(), data: mem::take(&mut entry.data) }
}
