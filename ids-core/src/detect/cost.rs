//! What rules cost: how often each was tried and matched, how long that took, and which flows took longest.
//!
//! In: the beginning and end of packets and of tries, from the worker and the [`Detector`](super::detector::Detector).
//! Out: [`Costs`], for whoever asks.
//! Nothing is measured unless there is a [`Gauge`]; it brings the clock, as this crate has none, and says which packets
//! are measured. Costs begin anew with each rule set.
//! Holds one row per rule, and [`FLOWS`] flows: the heaviest, by the space-saving algorithm (Metwally, Agrawal and El
//! Abbadi, "Efficient computation of frequent and top-k elements in data streams", 2005).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::rule_set::{Generation, RuleId, RuleSet};
use crate::flow::Key;

/// Most flows whose cost is kept.
pub const FLOWS: usize = 64;

/// How costs are measured.
#[derive(Clone, Debug)]
pub struct Gauge {
    /// Nanoseconds since any moment; never goes back.
    pub clock: fn() -> u64,
    /// One of so many packets is measured; 0 and 1 mean all.
    pub every: u32,
    /// Whether any is, now.
    pub running: Arc<AtomicBool>,
}

/// What one rule cost on the packets that were measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RuleCost {
    /// How often it was tried: its pattern was there, or it has none.
    pub checks: u64,
    /// How often it matched.
    pub matches: u64,
    /// How long the tries took together, in nanoseconds.
    pub nanos: u64,
    /// Of these: those that matched.
    pub nanos_matched: u64,
    /// How long the longest took.
    pub longest: u64,
}

/// What one flow cost: everything behind the decoder, on the packets that were measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowCost {
    /// The flow.
    pub key: Key,
    /// Its packets.
    pub packets: u64,
    /// How long they took, in nanoseconds; too much by `inherited` at most.
    pub nanos: u64,
    /// What a lighter flow had cost, in whose place it came.
    pub inherited: u64,
}

/// What one worker has measured.
#[derive(Clone, Debug)]
pub struct Costs {
    gauge: Gauge,
    /// Packets until one is measured again.
    left: u32,
    /// The one at hand is.
    on: bool,
    /// When the packet and the try at hand began.
    packet_since: u64,
    rule_since: u64,
    generation: Generation,
    packets: u64,
    nanos: u64,
    /// By rule number.
    rules: Vec<RuleCost>,
    flows: Vec<FlowCost>,
}

impl Costs {
    /// Nothing is measured yet.
    pub fn new(gauge: Gauge) -> Self {
        Self {
            gauge,
            left: 0,
            on: false,
            packet_since: 0,
            rule_since: 0,
            generation: Generation::default(),
            packets: 0,
            nanos: 0,
            rules: Vec::new(),
            flows: Vec::with_capacity(FLOWS),
        }
    }

    /// Packets that were measured, the ends of flows among them.
    pub fn packets(&self) -> u64 {
        self.packets
    }

    /// How long they took, in nanoseconds: everything behind the decoder.
    pub fn nanos(&self) -> u64 {
        self.nanos
    }

    /// The rules that were tried, in no order; none if they are not those of this set.
    pub fn rules(&self, of: &RuleSet) -> impl Iterator<Item = (RuleId, &RuleCost)> {
        let rows = if self.generation == of.generation { self.rules.as_slice() } else { &[] };
        rows.iter().enumerate().map(|(place, cost)| (RuleId::new(place), cost)).filter(|row| row.1.checks > 0)
    }

    /// The heaviest flows, in no order.
    pub fn flows(&self) -> &[FlowCost] {
        &self.flows
    }

    /// Adds what another worker has measured, or this one on another capture. What belongs to an older rule set is left
    /// out; of flows the heaviest stay.
    pub fn merge(&mut self, other: &Self) {
        if self.generation > other.generation {
            return;
        }
        if self.generation < other.generation {
            return self.clone_from(other);
        }
        self.packets += other.packets;
        self.nanos += other.nanos;
        for (cost, more) in self.rules.iter_mut().zip(&other.rules) {
            cost.checks += more.checks;
            cost.matches += more.matches;
            cost.nanos += more.nanos;
            cost.nanos_matched += more.nanos_matched;
            cost.longest = cost.longest.max(more.longest);
        }
        for more in &other.flows {
            match self.flows.iter_mut().find(|row| row.key == more.key) {
                Some(row) => {
                    row.packets += more.packets;
                    row.nanos += more.nanos;
                    row.inherited += more.inherited;
                }
                None => self.flows.push(*more),
            }
        }
        self.flows.sort_unstable_by_key(|row| std::cmp::Reverse(row.nanos));
        self.flows.truncate(FLOWS);
    }

    /// A packet begins.
    pub(crate) fn begin_packet(&mut self, rules: &RuleSet) {
        self.on = false;
        if !self.gauge.running.load(Ordering::Relaxed) {
            return;
        }
        if let Some(left) = self.left.checked_sub(1) {
            self.left = left;
            return;
        }
        self.left = self.gauge.every.saturating_sub(1);
        if self.generation != rules.generation {
            self.generation = rules.generation;
            self.rules.clear();
            self.rules.resize(rules.len(), RuleCost::default());
            self.flows.clear();
            (self.packets, self.nanos) = (0, 0);
        }
        self.on = true;
        self.packet_since = (self.gauge.clock)();
    }

    /// The packet was taken, and belongs to this flow.
    pub(crate) fn end_packet(&mut self, flow: Option<Key>) {
        if !std::mem::take(&mut self.on) {
            return;
        }
        let nanos = self.since(self.packet_since);
        self.packets += 1;
        self.nanos += nanos;
        if let Some(key) = flow {
            self.weigh(key, nanos);
        }
    }

    /// A rule is tried from now on.
    pub(super) fn begin_rule(&mut self) {
        if self.on {
            self.rule_since = (self.gauge.clock)();
        }
    }

    /// It was tried.
    pub(super) fn end_rule(&mut self, id: RuleId, matched: bool) {
        if !self.on {
            return;
        }
        let nanos = self.since(self.rule_since);
        let Some(cost) = self.rules.get_mut(id.0 as usize) else { return };
        cost.checks += 1;
        cost.nanos += nanos;
        cost.longest = cost.longest.max(nanos);
        if matched {
            cost.matches += 1;
            cost.nanos_matched += nanos;
        }
    }

    /// How long ago that was.
    fn since(&self, start: u64) -> u64 {
        (self.gauge.clock)().saturating_sub(start)
    }

    /// Adds to a flow. One that is not known takes the place of the lightest, and its weight.
    fn weigh(&mut self, key: Key, nanos: u64) {
        if let Some(row) = self.flows.iter_mut().find(|row| row.key == key) {
            row.packets += 1;
            row.nanos += nanos;
        } else if self.flows.len() < FLOWS {
            self.flows.push(FlowCost { key, packets: 1, nanos, inherited: 0 });
        } else if let Some(lightest) = self.flows.iter_mut().min_by_key(|row| row.nanos) {
            let inherited = lightest.nanos;
            *lightest = FlowCost { key, packets: 1, nanos: inherited + nanos, inherited };
        }
    }
}
