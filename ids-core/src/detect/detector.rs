//! One worker's detection: the memory it works in, and what every rule has in common.
//!
//! [`packet`](super::inspect) looks at packets and stream data, [`transaction`](super::transactions) at transactions; both
//! end here when a rule matches.

use super::bytes::{self, Capture, CaptureKind};
use super::cost::Costs;
use super::datasets::Found;
use super::files;
use super::header::Carriers;
use super::hits::{Hits, On};
use super::mpm::Seen;
use super::rule_set::{Change, Compiled, Effect, End, Extent, Operand, RuleId, Side, StateTest, Which, Whose, XbitKey};
use super::scene::{AppView, Scene};
use super::tags::Tag;
use super::threshold::Tracked;
use super::transforms::Transform;
use crate::counters::{Counter, Counters};
use crate::field::Dir;
use crate::flow::Endpoint;
use crate::packet::Source;

/// What a worker needs for detection.
#[derive(Debug, Default)]
pub struct Detector {
    pub(super) scratch: bytes::Scratch,
    pub(super) seen: Seen,
    pub(super) candidates: Vec<RuleId>,
    pub(super) numbers: Vec<u64>,
    pub(super) field: Vec<u8>,
    pub(super) transformed: Transformed,
    /// What the rule at hand has captured so far.
    pub(super) captured: Vec<(CaptureKind, Vec<u8>, Vec<u8>)>,
    /// What it wants overwritten in the packet's payload: where, and by what.
    pub(super) replaced: Vec<(usize, Vec<u8>)>,
    /// What it has measured: entropies, by buffer.
    pub(super) measured: Vec<(&'static str, f64)>,
    /// What it has found in sets.
    pub(super) found: Found,
    /// The files that the latest condition was met by, one bit each.
    pub(super) on_files: u64,
    /// What rules cost, if somebody wants to know.
    pub(crate) costs: Option<Box<Costs>>,
}

impl Detector {
    /// With what rules cost measured, if there is something to measure it by.
    pub fn measuring(costs: Option<Costs>) -> Self {
        Self { costs: costs.map(Box::new), ..Self::default() }
    }

    /// Adds what was counted since the last call.
    pub fn count(&mut self, counters: &mut Counters) {
        let counts = std::mem::take(&mut self.scratch.counts);
        counters.add(Counter::DetectRegexLimit, counts.regex_limit);
        counters.add(Counter::DetectDatasetMemcap, std::mem::take(&mut self.found.full));
    }

    /// A rule is tried from now on: forgets what the one before has captured.
    pub(super) fn begin_rule(&mut self) {
        if let Some(costs) = &mut self.costs {
            costs.begin_rule();
        }
        self.captured.clear();
        self.replaced.clear();
        self.measured.clear();
        self.found.objects.clear();
    }

    /// The rule was tried.
    pub(super) fn end_rule(&mut self, id: RuleId, matched: bool) {
        if let Some(costs) = &mut self.costs {
            costs.end_rule(id, matched);
        }
    }

    /// Keeps what the latest chain captured and measured in a buffer, in case the rule matches.
    pub(super) fn keep_captures(&mut self, buffer: &'static str) {
        self.measured.extend(self.scratch.entropy().map(|entropy| (buffer, entropy)));
        let captures = self.scratch.captures();
        self.captured.extend(captures.map(|Capture { kind, name, value }| (kind, name.to_vec(), value.to_vec())));
    }

    /// A rule matched: what it leaves behind, and the match itself.
    pub(super) fn fire(&mut self, (id, rule): (RuleId, &Compiled), on: On, scene: &mut Scene<'_>, hits: &mut Hits) {
        for (kind, name, value) in self.captured.drain(..) {
            match kind {
                CaptureKind::Packet => hits.capture_packet(&name, &value),
                CaptureKind::Alert => hits.capture_alert(id, &name, &value),
                CaptureKind::Flow => {
                    if let Some(state) = scene.state.as_deref_mut() {
                        state.set_var(&name, &value);
                    }
                }
            }
        }
        hits.replacements.append(&mut self.replaced);
        self.found.objects.drain(..).for_each(|(key, json)| hits.add_object(id, key, json));
        if let Some(state) = scene.state.as_deref_mut() {
            self.measured.drain(..).for_each(|(buffer, entropy)| state.set_entropy(buffer, entropy));
        }
        rule.effects.iter().for_each(|effect| apply(effect, (rule, on.tx), scene, hits));
        hits.push(id, scene.dir, on);
    }

    /// Whether the tests pass that have nothing to do with bytes: flow, packet, and what is remembered.
    pub(super) fn preconditions(&mut self, rule: &Compiled, scene: &mut Scene<'_>, hits: &Hits) -> bool {
        flow(rule, scene)
            && rule.packet.iter().all(|test| test.matches(scene, &mut self.numbers))
            && rule.state.iter().all(|test| remembered(test, scene, hits))
    }
}

/// Whether no rule looks at the flow any more.
pub(super) fn bypassed(scene: &Scene<'_>) -> bool {
    scene.state.as_deref().is_some_and(|state| state.bypassed)
}

/// Whether a rule's endpoints and application protocols are those of the scene.
pub(super) fn applies(rule: &Compiled, scene: &Scene<'_>) -> bool {
    concerns(rule, scene.carriers(), scene.ends())
}

/// Whether what these endpoints exchange over a carrier is what a rule's header names.
pub(super) fn concerns(rule: &Compiled, carriers: Carriers, ends: Option<(Endpoint, Endpoint)>) -> bool {
    if !rule.carriers.meets(carriers) {
        return false;
    }
    // Ports mean something to rules on what has ports; to others the words are only there.
    let ported = carriers.ported();
    ends.is_none_or(|(src, dst)| {
        rule.header.matches(src, dst, ported) || !rule.carriers.ported() && any_port(rule, src, dst)
    })
}

/// The header without its ports.
fn any_port(rule: &Compiled, src: Endpoint, dst: Endpoint) -> bool {
    let way = |a: std::net::IpAddr, b| rule.header.src.contains(a) && rule.header.dst.contains(b);
    way(src.addr, dst.addr) || rule.header.both && way(dst.addr, src.addr)
}

/// `flow`, as far as the packet decides it.
fn flow(rule: &Compiled, scene: &Scene<'_>) -> bool {
    let test = &rule.flow;
    let dir = test.dir.is_none_or(|dir| dir == scene.dir && scene.flow.is_some() || rule.transactional);
    let established = test.established.is_none_or(|wanted| wanted == (scene.established && scene.flow.is_some()));
    let defragmented = test.defragmented.is_none_or(|wanted| wanted == (scene.packet.source == Source::Defrag));
    dir && established && defragmented
}

/// Whether something remembered is as the rule asks.
fn remembered(test: &StateTest, scene: &mut Scene<'_>, hits: &Hits) -> bool {
    let state = scene.state.as_deref();
    match test {
        StateTest::Flowbit { any, set } => {
            let found = state.is_some_and(|state| any.iter().any(|name| state.bit(*name)));
            // A packet without a flow has no bits at all.
            state.is_some() && found == *set
        }
        StateTest::Flowint { name, test, value } => {
            let values = state.and_then(|state| Some((state.int(*name)?, operand(*value, scene)?)));
            values.is_some_and(|(left, right)| test.holds(left, right))
        }
        StateTest::FlowintSet { name, set } => state.is_some_and(|state| state.int(*name).is_some() == *set),
        StateTest::Xbit { name, by, set } => {
            tracked(*by, scene).is_some_and(|key| scene.shared.xbit(*name, key, scene.at()) == *set)
        }
        StateTest::Hostbit { name, end, set } => {
            host(*end, scene).is_some_and(|host| scene.shared.hostbit(*name, host, scene.at()) == *set)
        }
        StateTest::Protocol { which, of, negated } => is_protocol(which, *of, *negated, &scene.app, scene.dir),
        StateTest::StreamSize { side, test } => {
            let passes = |dir| test.matches(super::packet_fields::stream_size(scene, dir));
            let (client, server) = (passes(Dir::ToServer), passes(Dir::ToClient));
            match side {
                Side::Client => client,
                Side::Server => server,
                Side::Both => client && server,
                Side::Either => client || server,
            }
        }
        StateTest::FlowStart => scene.flow.is_some_and(|flow| {
            let [to_server, to_client] = flow.counts;
            let count = if scene.dir == Dir::ToServer { to_server } else { to_client };
            count.packets == 1
        }),
        StateTest::Reputation(test) => scene.ends().is_some_and(|(src, dst)| test.passes(src.addr, dst.addr)),
        StateTest::Country(test) => scene.ends().is_some_and(|(src, dst)| test.passes(src.addr, dst.addr)),
        StateTest::Var { flow, name, value, negated } => {
            let vars = if *flow { state.map_or(&[][..], |state| state.vars()) } else { hits.packet_vars() };
            let found = vars.iter().find(|row| row.0 == *name);
            found.is_some_and(|row| (row.1 == *value) != *negated)
        }
    }
}

fn operand(value: Operand, scene: &Scene<'_>) -> Option<u32> {
    match value {
        Operand::Value(value) => Some(value),
        Operand::Flowint(name) => scene.state.as_deref()?.int(name),
    }
}

fn host(end: End, scene: &Scene<'_>) -> Option<std::net::IpAddr> {
    let (src, dst) = scene.addresses();
    match end {
        End::Source => src,
        End::Destination => dst,
    }
}

fn tracked(by: XbitKey, scene: &Scene<'_>) -> Option<Tracked> {
    match by {
        XbitKey::Host(end) => host(end, scene).map(Tracked::Host),
        XbitKey::Pair => {
            let (src, dst) = scene.addresses();
            Some(Tracked::pair(src?, dst?))
        }
    }
}

/// `app-layer-protocol`. While a protocol is not known, neither it nor its negation holds.
pub(super) fn is_protocol(which: &Which, of: Whose, negated: bool, app: &AppView<'_>, dir: Dir) -> bool {
    let [to_server, to_client] = app.sides;
    let side = |dir| if dir == Dir::ToServer { to_server } else { to_client };
    let found: [Option<crate::app::registry::ProtoId>; 2] = match of {
        Whose::Direction => [side(dir), None],
        Whose::Side(dir) => [side(dir), None],
        Whose::Either => app.sides,
        Whose::Final => [app.proto, None],
        Whose::Original => [app.original.or(app.proto), None],
    };
    let known = found.iter().any(Option::is_some);
    match which {
        Which::Unknown => !known && !app.failed,
        Which::Failed => (app.failed && !known) != negated && (app.failed || known),
        Which::These(protos) => {
            let is = found.iter().flatten().any(|proto| protos.contains(proto));
            (known || app.failed) && is != negated
        }
    }
}

/// What a match of a rule, on a transaction if `tx` says which, leaves behind.
fn apply(effect: &Effect, (rule, tx): (&Compiled, Option<u64>), scene: &mut Scene<'_>, hits: &mut Hits) {
    let at = scene.at();
    match effect {
        Effect::Flowbit { name, set } => {
            if let Some(state) = scene.state.as_deref_mut() {
                state.set_bit(*name, *set);
            }
        }
        Effect::Flowint { name, change, value } => {
            let Some(value) = operand(*value, scene) else { return };
            let Some(state) = scene.state.as_deref_mut() else { return };
            let before = state.int(*name).unwrap_or_default();
            let after = match change {
                Change::Add => before.wrapping_add(value),
                Change::Subtract => before.wrapping_sub(value),
                Change::Assign => value,
            };
            state.set_int(*name, after);
        }
        Effect::Xbit { name, by, set, expire } => {
            if let Some(key) = tracked(*by, scene) {
                scene.shared.set_xbit(*name, key, *set, *expire, at);
            }
        }
        Effect::Hostbit { name, end, set } => {
            if let Some(host) = host(*end, scene) {
                scene.shared.set_hostbit(*name, host, *set, at);
            }
        }
        Effect::Bypass => hits.bypass = true,
        // The others are about the transaction, whose state the match has at hand.
        Effect::Store(store) if store.which == files::Which::Flow => {
            let meant = |dir: &Dir| store.covers(*dir, scene.dir);
            if let Some(state) = scene.state.as_deref_mut() {
                Dir::BOTH.into_iter().filter(meant).for_each(|dir| state.store(dir, rule.info.sid));
            }
        }
        Effect::Store(_) => {}
        Effect::Certificates => hits.certificates.push((tx, scene.dir)),
        Effect::Unrecorded(Extent::Transaction) => hits.unrecorded.extend(tx),
        Effect::Unrecorded(Extent::Flow) => {
            if let Some(state) = scene.state.as_deref_mut() {
                state.unrecorded = true;
            }
        }
        Effect::Tag(Tag { host: None, extent }) => {
            if let Some(state) = scene.state.as_deref_mut() {
                state.set_tag(rule.identity, *extent, scene.packet);
            }
        }
        Effect::Tag(Tag { host: Some(end), extent }) => {
            if let Some(host) = host(*end, scene) {
                scene.shared.set_tag(host, rule.identity, *extent, scene.packet);
            }
        }
    }
}

/// Memory for transforms: each writes into the one that the other reads.
#[derive(Debug, Default)]
pub(super) struct Transformed {
    one: Vec<u8>,
    other: Vec<u8>,
}

impl Transformed {
    /// What becomes of `data`.
    pub(super) fn of<'a>(&'a mut self, transforms: &[Transform], data: &'a [u8]) -> &'a [u8] {
        let Some((first, rest)) = transforms.split_first() else { return data };
        first.apply(data, &mut self.one);
        for transform in rest {
            transform.apply(&self.one, &mut self.other);
            std::mem::swap(&mut self.one, &mut self.other);
        }
        &self.one
    }
}

/// Whether the rule's list of application protocols has that of the scene.
pub(super) fn speaks(rule: &Compiled, app: &AppView<'_>) -> bool {
    rule.apps.is_empty() || app.proto.is_some_and(|proto| rule.apps.contains(&proto))
}
