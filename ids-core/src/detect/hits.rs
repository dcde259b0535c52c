//! The rules that matched on one packet, and what follows from them.
//!
//! In: matches, in any order, from packets and transactions.  Out: the alerts to tell, in the order of the rules,
//! and a [`Decision`] for the packet and its flow.
//! Order of precedence: `pass` ends it all; then what rules, rate filters and thresholds say of each match. One
//! packet has at most so many alerts; those of lower order are lost and counted, what they do is done.
//! Source: the thresholding and IPS chapters of the Suricata 8 user guide.

use std::sync::Arc;

use super::rule::Action;
use super::rule_set::{Compiled, RuleId, RuleSet, Scope};
use super::scene::Scene;
use super::state::Captured;
use super::threshold::{Answer, RateFilter, Threshold, Track, Tracked};
use crate::counters::{Counter, Counters};
use crate::field::Dir;
use crate::packet::Source;
use crate::verdict::{DropReason, RejectTo};

/// One match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// The rule.
    pub rule: RuleId,
    /// Number of the transaction it matched on.
    pub tx: Option<u64>,
    /// Number of the frame it matched on.
    pub frame: Option<u64>,
    /// The direction of what it matched on.
    pub dir: Dir,
    /// It matched on stream data, not on the packet's own payload.
    pub stream: bool,
    /// Packets are dropped or rejected on account of it (`action: blocked`).
    pub blocked: bool,
}

/// What a rule matched on; nothing of it: on the packet.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct On {
    pub(super) tx: Option<u64>,
    pub(super) frame: Option<u64>,
    pub(super) stream: bool,
}

/// The matches of one packet. Cleared and used again for the next.
#[derive(Debug, Default)]
pub struct Hits {
    matches: Vec<Hit>,
    alerts: Vec<Hit>,
    packet_vars: Captured,
    tagged: bool,
    findings: Vec<(RuleId, Findings)>,
    /// A rule with `bypass` has matched.
    pub(super) bypass: bool,
    /// What rules want overwritten.
    pub(super) replacements: Vec<(usize, Vec<u8>)>,
    /// Transactions that rules want no record of, by number.
    pub(super) unrecorded: Vec<u64>,
    /// Whose certificates rules want stored: the transaction, or all, and the direction of the match.
    pub(super) certificates: Vec<(Option<u64>, Dir)>,
}

/// What a rule brought to light for its alert alone.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    captured: Captured,
    objects: Vec<(Arc<str>, Arc<str>)>,
}

impl Findings {
    /// Values that it captured (`alert:`): name and bytes.
    pub fn captured(&self) -> &[(Vec<u8>, Vec<u8>)] {
        &self.captured.0
    }

    /// JSON objects that it found in sets: key and text.
    pub fn objects(&self) -> &[(Arc<str>, Arc<str>)] {
        &self.objects
    }
}

/// What becomes of the packet and its flow on account of rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// A rule lets it pass.
    pub pass: Option<Scope>,
    /// A rule drops it: which, how much, and why.
    pub drop: Option<(RuleId, Scope, DropReason)>,
    /// A rule with `bypass` has matched: the flow needs no more inspection, and can be released.
    pub bypass: bool,
    /// A rule rejects it: how much, and who is told. Comes with a drop where packets can be dropped.
    pub reject: Option<(Scope, RejectTo)>,
}

impl Hits {
    /// Forgets the packet before.
    pub fn clear(&mut self) {
        self.matches.clear();
        self.alerts.clear();
        self.packet_vars.0.clear();
        self.findings.clear();
        self.bypass = false;
        self.replacements.clear();
        self.unrecorded.clear();
        self.certificates.clear();
        self.tagged = false;
    }

    /// The alerts to tell; known after [`Hits::decide`].
    pub fn alerts(&self) -> &[Hit] {
        &self.alerts
    }

    /// Whether a rule matched on this transaction.
    pub fn concern(&self, tx: u64) -> bool {
        self.matches.iter().any(|hit| hit.tx == Some(tx))
    }

    /// Numbers of the transactions that rules want no record of.
    pub fn unrecorded(&self) -> &[u64] {
        &self.unrecorded
    }

    /// Whose certificates rules want stored: number of the transaction, none for all of them, and the side that the rule
    /// matched on.
    pub fn certificates(&self) -> &[(Option<u64>, Dir)] {
        &self.certificates
    }

    /// Whether a rule that matched before tags the packet; known after [`Hits::decide`].
    pub fn tagged(&self) -> bool {
        self.tagged
    }

    /// What rules want overwritten in the packet (`replace`): where in its payload, and by what.
    pub fn replacements(&self) -> &[(usize, Vec<u8>)] {
        &self.replacements
    }

    /// Variables captured on the packet.
    pub fn packet_vars(&self) -> &[(Vec<u8>, Vec<u8>)] {
        &self.packet_vars.0
    }

    /// What a rule brought to light for its alert alone.
    pub fn findings(&self, rule: RuleId) -> Option<&Findings> {
        self.findings.iter().find(|row| row.0 == rule).map(|row| &row.1)
    }

    /// Whether nothing matched.
    pub fn is_empty(&self) -> bool {
        self.matches.is_empty()
    }

    /// Whether a rule matched on stream data.
    pub fn on_stream(&self) -> bool {
        self.matches.iter().any(|hit| hit.stream)
    }

    pub(super) fn push(&mut self, rule: RuleId, dir: Dir, on: On) {
        let On { tx, frame, stream } = on;
        self.matches.push(Hit { rule, tx, frame, dir, stream, blocked: false });
    }

    pub(super) fn capture_packet(&mut self, name: &[u8], value: &[u8]) {
        self.packet_vars.set(name, value);
    }

    pub(super) fn add_object(&mut self, rule: RuleId, key: Arc<str>, json: Arc<str>) {
        let objects = &mut self.findings_mut(rule).objects;
        if !objects.iter().any(|row| row.0 == key) {
            objects.push((key, json));
        }
    }

    pub(super) fn capture_alert(&mut self, rule: RuleId, name: &[u8], value: &[u8]) {
        self.findings_mut(rule).captured.set(name, value);
    }

    fn findings_mut(&mut self, rule: RuleId) -> &mut Findings {
        let at = self.findings.iter().position(|row| row.0 == rule).unwrap_or_else(|| {
            self.findings.push((rule, Findings::default()));
            self.findings.len() - 1
        });
        &mut self.findings.get_mut(at).expect("found or appended above").1
    }

    /// Weighs the matches: once, when everything that belongs to the packet was inspected.
    pub fn decide(&mut self, rules: &RuleSet, scene: &mut Scene<'_>, counters: &mut Counters) -> Decision {
        // At the end of a flow both directions are looked at.
        self.matches.sort_by_key(|hit| (hit.rule, hit.tx, hit.frame, hit.dir));
        self.matches.dedup_by_key(|hit| (hit.rule, hit.tx, hit.frame, hit.dir));
        let mut decision = Decision::default();
        for at in 0..self.matches.len() {
            let Some(hit) = self.matches.get(at) else { break };
            let Some(rule) = rules.rule(hit.rule) else { continue };
            let Some((action, told, reason)) = weigh(rule, scene, counters) else { continue };
            let scope = rule.scope(hit.stream);
            let hit = Hit { blocked: decision.act(hit.rule, scope, action, reason, scene.inline), ..hit.clone() };
            if told && self.alerts.len() < rules.max_alerts {
                counters.count(Counter::DetectAlert);
                self.alerts.push(hit);
            } else if told {
                counters.count(Counter::DetectAlertQueueOverflow);
            }
            if action == Action::Pass {
                // What comes earlier in the order of actions stands.
                decision.pass = Some(scope).filter(|_| decision.drop.is_none());
                break;
            }
        }
        self.tagged = tagged(rules, scene);
        // Others may still match on the same packet, but not on what follows.
        decision.bypass = self.bypass;
        if let Some(state) = scene.state.as_deref_mut() {
            state.bypassed |= self.bypass;
        }
        decision
    }
}

impl Decision {
    /// Takes what one match does. Out: whether it blocks.
    fn act(&mut self, id: RuleId, scope: Scope, action: Action, reason: DropReason, inline: bool) -> bool {
        match action {
            Action::Reject(to) => {
                self.reject = self.reject.or(Some((scope, to)));
                if inline {
                    self.drop(id, scope, reason);
                }
                true
            }
            Action::Drop if inline => {
                self.drop(id, scope, reason);
                true
            }
            Action::Drop | Action::Alert | Action::Pass | Action::Config => false,
        }
    }

    /// The first rule that drops is named; the flow goes if any of them wants it.
    fn drop(&mut self, id: RuleId, scope: Scope, reason: DropReason) {
        self.drop = Some(match self.drop {
            None => (id, scope, reason),
            Some((first, Scope::Packet, reason)) => (first, scope, reason),
            Some(whole) => whole,
        });
    }
}

/// Whether a tag of the flow or of a host shows the packet; those that were set on it are only counted down.
fn tagged(rules: &RuleSet, scene: &mut Scene<'_>) -> bool {
    let packet = scene.packet;
    if packet.source == Source::FlowEnd {
        return false;
    }
    let hosts = packet.addresses().filter(|_| rules.tags_hosts);
    let by_host = hosts.is_some_and(|(src, dst)| scene.shared.follow_tags([src, dst], packet));
    scene.state.as_deref_mut().is_some_and(|state| state.follow_tags(packet)) || by_host
}

/// What a match does after thresholds, rate filters and suppressions: the action, whether it is told, and what a
/// drop is called. `None`: as if it had not matched.
fn weigh(rule: &Compiled, scene: &mut Scene<'_>, counters: &mut Counters) -> Option<(Action, bool, DropReason)> {
    let mut told = !rule.noalert;
    let mut reason = DropReason::Rules;
    if let Some(threshold) = &rule.threshold {
        match count(rule, threshold, scene) {
            Answer::Nothing => return None,
            Answer::Silent => {
                counters.count(Counter::DetectAlertsSuppressed);
                told = false;
            }
            Answer::Tell => {}
        }
    }
    let mut action = rule.info.action;
    if let Some(filter) = &rule.rate
        && exceeds(rule, filter, scene)
    {
        action = filter.action;
        reason = DropReason::ThresholdDetectionFilter;
        told &= action != Action::Pass;
    }
    let (src, dst) = scene.addresses();
    if told && rule.suppress.iter().any(|suppress| suppress.covers(src, dst)) {
        counters.count(Counter::DetectAlertsSuppressed);
        told = false;
    }
    Some((action, told, reason))
}

/// Counts a match. One that cannot be counted (no flow, no addresses) is told.
fn count(rule: &Compiled, threshold: &Threshold, scene: &mut Scene<'_>) -> Answer {
    let at = scene.at();
    if threshold.track == Track::Flow {
        let state = scene.state.as_deref_mut();
        return state.map_or(Answer::Tell, |state| state.counter(rule.identity).hit(threshold, at));
    }
    let (src, dst) = scene.addresses();
    match Tracked::of(threshold.track, src, dst) {
        Some(key) => scene.shared.threshold(rule.identity, key, threshold, at),
        None => Answer::Tell,
    }
}

fn exceeds(rule: &Compiled, filter: &RateFilter, scene: &mut Scene<'_>) -> bool {
    let at = scene.at();
    if filter.track == Track::Flow {
        let state = scene.state.as_deref_mut();
        return state.is_some_and(|state| state.rate(rule.identity).hit(filter, at));
    }
    let (src, dst) = scene.addresses();
    Tracked::of(filter.track, src, dst).is_some_and(|key| scene.shared.rate(rule.identity, key, filter, at))
}
