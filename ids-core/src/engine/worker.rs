//! One worker: packets of its flows, in packet order → verdicts and events.
//!
//! In: decoded packets.  Out: their verdicts, and events, frames and commands through a [`Sink`].
//! Holds: the flow table with everything that belongs to a flow, detection's memory, counters.

use std::mem;
use std::sync::Arc;

use arrayvec::ArrayVec;

use super::conclude::{self, Setting};
use super::context::Known;
use super::rewrite::Edits;
use super::trouble::Special;
use super::visit::{self, Conn, Visit};
use super::{Config, Sink, tell};
use crate::app::App;
use crate::counters::{Counter, Counters};
use crate::detect::cost::Costs;
use crate::detect::detector::Detector;
use crate::detect::hits::Hits;
use crate::detect::rule_set::{Generation, RuleSet};
use crate::detect::shared::Shared;
use crate::exception::Trouble;
use crate::field::Dir;
use crate::flow::{Arrival, End, Endpoint, Entry, FlowId, Key, Table};
use crate::packet::Packet;
use crate::stream;
use crate::time::Time;
use crate::verdict::Verdict;
use crate::wire::icmp::Embedded;

pub(super) struct Worker {
    pub(super) config: Arc<Config>,
    app: Arc<App>,
    shared: Shared,
    pub(super) flows: Table<Conn>,
    /// Flows on their way out.
    over: Vec<(Entry<Conn>, End)>,
    memory: stream::Memory,
    detector: Detector,
    pub(super) hits: Hits,
    pub(super) counters: Counters,
    pub(super) now: Time,
    swept: Time,
    /// The rule set that the latest packet was inspected by.
    pub(super) generation: Generation,
    /// What must be changed in the packets that were taken since the last [`Worker::take_edits`].
    edits: Edits,
    /// Stream data that rules matched on.
    matched: Vec<u8>,
}

/// Where a packet belongs.
#[derive(Clone, Copy)]
enum Home {
    Flow(FlowId, Dir),
    /// Nowhere: it is none that flows are made of.
    None,
    /// Nowhere: there is no memory for its flow.
    Full,
}

/// Packet time between two sweeps of the flow table, in nanoseconds.
const SWEEP_EVERY: u64 = 1_000_000_000;

impl Worker {
    pub(super) fn new(config: Arc<Config>, app: Arc<App>, shared: Shared) -> Self {
        let mut counters = Counters::default();
        let stream = &config.stream;
        counters.set_policy(Trouble::Midstream, stream.midstream_policy);
        counters.set_policy(Trouble::SessionMemcap, stream.memcap_policy);
        counters.set_policy(Trouble::ReassemblyMemcap, stream.reassembly.memcap_policy);
        counters.set_policy(Trouble::FlowMemcap, config.flow_full);
        counters.set_policy(Trouble::DefragMemcap, config.defrag_full);
        counters.set_policy(Trouble::AppError, config.app_error);
        let costs = config.costs.clone().map(Costs::new);
        Self {
            flows: Table::new(config.flow.clone()),
            detector: Detector::measuring(costs),
            config,
            app,
            shared,
            over: Vec::new(),
            memory: stream::Memory::default(),
            hits: Hits::default(),
            counters,
            now: Time::ZERO,
            swept: Time::ZERO,
            generation: Generation::default(),
            edits: Edits::default(),
            matched: Vec::new(),
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
        self.adopt(rules, out);
        let found = self.find(packet, out);
        self.end_flows(rules, false, out);
        self.begin_measuring(rules);
        self.hits.clear();
        let verdict = match found {
            Home::Flow(id, dir) => {
                let (flows, mut visit) = self.visit(rules, out);
                let verdict = flows.get_mut(id).map_or(Verdict::Accept, |entry| visit.packet(entry, packet, dir));
                flows.update(id);
                self.release(rules, (id, dir), out);
                verdict
            }
            Home::None => self.alone(rules, packet, false, out),
            Home::Full => self.alone(rules, packet, true, out),
        };
        if self.config.packets {
            self.tell(packet, found, out);
        }
        let flow = match found {
            Home::Flow(id, _) => self.flows.get(id).map(|entry| entry.flow.key),
            Home::None | Home::Full => None,
        };
        self.end_measuring(flow);
        verdict
    }

    /// What rules and flows have cost so far, if that is measured.
    pub(super) fn costs(&self) -> Option<&Costs> {
        self.detector.costs.as_deref()
    }

    /// What comes until [`Worker::end_measuring`] is one packet, or the end of one flow.
    fn begin_measuring(&mut self, rules: &RuleSet) {
        if let Some(costs) = &mut self.detector.costs {
            costs.begin_packet(rules);
        }
    }

    fn end_measuring(&mut self, flow: Option<Key>) {
        if let Some(costs) = &mut self.detector.costs {
            costs.end_packet(flow);
        }
    }

    /// Tells of a packet that was inspected.
    fn tell(&self, packet: &Packet<'_>, home: Home, out: &mut impl Sink) {
        let Home::Flow(id, dir) = home else { return tell::packet(packet, None, None, &self.hits, out) };
        if let Some(entry) = self.flows.get(id) {
            let known = Known { flow: &entry.flow, app: entry.data.app.info(), vars: None };
            tell::packet(packet, Some(known), Some(dir), &self.hits, out);
        }
    }

    /// Whether an ICMP error is about a flow of this worker.
    pub(super) fn knows_quoted(&mut self, packet: &Packet<'_>, clock: Time) -> bool {
        self.now = self.now.max(clock);
        let arrival = Arrival::of(packet, &self.config.flow);
        let found = arrival.zip(quoted_ends(packet));
        found.is_some_and(|(arrival, ends)| self.flows.knows_quoted(&arrival, ends, self.now))
    }

    /// The changes that were asked for since the last call.
    pub(super) fn take_edits(&mut self) -> Edits {
        mem::take(&mut self.edits)
    }

    /// Ends flows that were idle for too long.
    pub(super) fn tick(&mut self, rules: &RuleSet, now: Time, out: &mut impl Sink) {
        self.now = self.now.max(now);
        if self.now.nanos() < self.swept.nanos().saturating_add(SWEEP_EVERY) {
            return;
        }
        self.swept = self.now;
        self.weigh_memory();
        self.adopt(rules, out);
        self.flows.recall_idle(self.now, |flow| out.recall(&flow.key));
        let over = &mut self.over;
        let ended = |entry: &mut Entry<Conn>, end| over.push((take(entry), end));
        self.flows.sweep(self.now, usize::MAX, &mut self.counters, ended);
        self.end_flows(rules, true, out);
    }

    /// Ends all flows.
    pub(super) fn finish(&mut self, rules: &RuleSet, out: &mut impl Sink) {
        self.weigh_memory();
        let over = &mut self.over;
        self.flows.drain(&mut self.counters, |entry, end| over.push((take(entry), end)));
        self.end_flows(rules, true, out);
    }

    /// Counts how much of the memory that may be used is.
    fn weigh_memory(&mut self) {
        let Config { flow, stream, .. } = &*self.config;
        let used = [
            (Counter::FlowMemuse, flow.memcap),
            (Counter::TcpMemuse, stream.memcap),
            (Counter::TcpReassemblyMemuse, stream.reassembly.memcap),
        ];
        let percent = |(counter, cap)| self.counters.get(counter).saturating_mul(100).checked_div(cap).unwrap_or(0);
        let highest = used.into_iter().map(percent).max().unwrap_or(0);
        self.counters.set(Counter::MemcapPressure, highest);
        self.counters.largest(Counter::MemcapPressureMax, highest);
    }

    /// The flow of a packet. Flows that end on account of it are put aside.
    fn find(&mut self, packet: &Packet<'_>, out: &mut impl Sink) -> Home {
        let Some(arrival) = Arrival::of(packet, &self.config.flow) else { return Home::None };
        self.recall(packet, &arrival, out);
        if let Some(ends) = quoted_ends(packet)
            && let Some((id, dir)) = self.flows.touch_quoted(&arrival, ends, self.now)
        {
            return Home::Flow(id, dir);
        }
        let over = &mut self.over;
        let ended = |entry: &mut Entry<Conn>, end| over.push((take(entry), end));
        let found = self.flows.touch(&arrival, self.now, &mut self.counters, ended);
        found.map_or(Home::Full, |(id, dir)| Home::Flow(id, dir))
    }

    /// A packet without a flow: only packet rules see it. `full`: it would have one if there were memory for it.
    fn alone(&mut self, rules: &RuleSet, packet: &Packet<'_>, full: bool, out: &mut impl Sink) -> Verdict {
        let special = Special::of_lone_packet(&self.config, packet, full, &mut self.counters);
        if let Some(reason) = special.drop {
            let setting = Setting { packet, known: None, dir: None, stream: &[], proven: false };
            conclude::refused(&self.config, &setting, reason, special.reject, &mut self.counters, out);
            tell::anomalies(packet, None, None, out);
            return Verdict::Drop(reason);
        }
        let mut scene = visit::scene(packet, &self.config, &self.shared);
        if !special.pass {
            self.detector.packet(rules, &mut scene, &mut self.hits);
        }
        let decision = self.hits.decide(rules, &mut scene, &mut self.counters);
        let setting = Setting { packet, known: None, dir: None, stream: &[], proven: false };
        let verdict =
            conclude::packet(&self.config, rules, &setting, &self.hits, &decision, None, &mut self.counters, out);
        tell::anomalies(packet, None, None, out);
        tell::arp(packet, out);
        verdict
    }

    /// The flow table, and beside it everything that a visit to a flow works with.
    fn visit<'w, S>(&'w mut self, rules: &'w RuleSet, out: &'w mut S) -> (&'w mut Table<Conn>, Visit<'w, S>) {
        let visit = Visit {
            config: &self.config,
            app: &self.app,
            shared: &self.shared,
            rules,
            detector: &mut self.detector,
            hits: &mut self.hits,
            counters: &mut self.counters,
            memory: &mut self.memory,
            edits: &mut self.edits,
            matched: &mut self.matched,
            out,
            turned: false,
            proven: false,
            odd: ArrayVec::new(),
            special: Special::default(),
            established: false,
        };
        (&mut self.flows, visit)
    }

    /// Tells of the flows that were put aside, after a last look at what they left. `everywhere`: flows of other workers
    /// end at the same moment.
    fn end_flows(&mut self, rules: &RuleSet, everywhere: bool, out: &mut impl Sink) {
        let mut over = mem::take(&mut self.over);
        for (mut entry, end) in over.drain(..) {
            if everywhere {
                self.shared.ending(entry.flow.first_packet, entry.flow.id);
            }
            self.hits.clear();
            if entry.flow.released {
                entry.recalled(out.recall(&entry.flow.key).as_ref());
            }
            let now = self.now;
            self.begin_measuring(rules);
            let (_, mut visit) = self.visit(rules, out);
            visit.end(&mut entry, end, now);
            self.end_measuring(Some(entry.flow.key));
        }
        self.over = over;
    }
}

/// Sender, receiver and protocol of the packet that an ICMP error quotes.
pub(super) fn quoted_ends(packet: &Packet<'_>) -> Option<(Endpoint, Endpoint, u8)> {
    let Embedded { src, dst, sport, dport, proto } = packet.icmp_embedded()?;
    Some(((src, sport).into(), (dst, dport).into(), proto))
}

/// An entry that leaves the table.
fn take(entry: &mut Entry<Conn>) -> Entry<Conn> {
    Entry { flow: entry.flow.clone(), tcp: entry.tcp.take(), data: mem::take(&mut entry.data) }
}
