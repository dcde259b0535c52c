//! Packets and stream data → rules that match.
//!
//! Candidates are the rules whose pattern occurs, those without a pattern that are about these endpoints, and those
//! on the packet's oddities. What a rule without a pattern is about does not change within a flow, so the
//! list of those is made once per direction and kept with the flow.

use super::bytes::{Buffer, Chain, Outcome, Replacement};
use super::detector::{Detector, applies, bypassed, speaks};
use super::header::Carriers;
use super::hits::{Hits, On};
use super::packet_fields::Read;
use super::rule_set::{Compiled, EventTest, Generation, Kind, Payload, RuleId, RuleSet};
use super::scene::Scene;

impl Detector {
    /// Tries the rules that look at packets, on the packet and on the stream data that is due.
    pub fn packet(&mut self, rules: &RuleSet, scene: &mut Scene<'_>, hits: &mut Hits) {
        if rules.is_empty() || bypassed(scene) {
            return;
        }
        self.find_candidates(rules, scene);
        self.sweep(rules, scene, hits, Self::matches);
        note_tries(rules, scene);
    }

    /// Tries the candidates in their order. Where a match leaves state behind, those that ask for state are tried
    /// again: what sets a bit may stand after what asks for it, as its action comes later. Out: whether any matched.
    fn sweep(
        &mut self,
        rules: &RuleSet,
        scene: &mut Scene<'_>,
        hits: &mut Hits,
        matches: fn(&mut Self, Candidate<'_>, &mut Scene<'_>, &Hits) -> Option<bool>,
    ) -> bool {
        let mut left = std::mem::take(&mut self.candidates);
        let mut any = false;
        let mut changed = true;
        while changed {
            changed = false;
            left.retain(|id| {
                let Some(rule) = rules.rule(*id) else { return false };
                self.begin_rule();
                let candidate = Candidate { rule, since: rules.since(*id) };
                let found = matches(self, candidate, scene, hits);
                self.end_rule(*id, found.is_some());
                let Some(stream) = found else { return !rule.state.is_empty() };
                self.fire((*id, rule), On { stream, ..On::default() }, scene, hits);
                if stream {
                    note_match(rule, scene);
                }
                any = true;
                changed |= !rule.effects.is_empty();
                false
            });
        }
        left.clear();
        self.candidates = left;
        any
    }

    /// Tries the rules that look at stream data, on the data of the scene alone: the packet only brought it to light.
    /// Out: whether any matched.
    pub fn stream(&mut self, rules: &RuleSet, scene: &mut Scene<'_>, hits: &mut Hits) -> bool {
        let Some(chunk) = scene.stream.filter(|_| !rules.is_empty() && !bypassed(scene)) else { return false };
        let Self { candidates, seen, .. } = self;
        candidates.clear();
        unprompted(rules, scene, candidates);
        let glance = rules.gates.at(scene);
        candidates.retain(|id| rules.gates.lets(*id, &glance));
        let groups = rules.payloads.get(Payload::Stream as usize);
        if let Some(Some(group)) = groups.and_then(|groups| groups.get(scene.dir.index())) {
            let found = |id| candidates.extend(rules.gates.lets(id, &glance).then_some(id));
            group.search(std::iter::once(chunk.data), seen, found);
        }
        candidates.sort_unstable();
        candidates.dedup();
        self.sweep(rules, scene, hits, Self::matches_stream)
    }

    /// Whether a rule matches on the stream data of the scene.
    fn matches_stream(&mut self, candidate: Candidate<'_>, scene: &mut Scene<'_>, hits: &Hits) -> Option<bool> {
        let rule = candidate.rule;
        let chain = rule.payload.as_ref().filter(|_| matches!(rule.kind, Kind::Stream | Kind::PacketAndStream))?;
        let asked = rule.events.is_empty() && speaks(rule, &scene.app) && applies(rule, scene);
        let buffer = stream_for(rule, scene)?;
        (asked && self.preconditions(rule, scene, hits) && self.chain(chain, buffer)).then_some(true)
    }

    fn find_candidates(&mut self, rules: &RuleSet, scene: &mut Scene<'_>) {
        let Self { candidates, seen, .. } = self;
        candidates.clear();
        for anomaly in scene.anomalies {
            candidates.extend(rules.anomalies.get(&(*anomaly as u16)).into_iter().flatten());
        }
        if !scene.app.events.is_empty() {
            candidates.extend(&rules.detection_events);
        }
        let carriers = scene.carriers();
        if carriers != Carriers::NONE {
            unprompted(rules, scene, candidates);
        }
        let glance = rules.gates.at(scene);
        candidates.retain(|id| rules.gates.lets(*id, &glance));
        if carriers != Carriers::NONE && !scene.app.encrypted {
            let mut search = |group: Payload, data: &[u8]| {
                let group = rules.payloads.get(group as usize).and_then(|groups| groups.get(scene.dir.index()));
                if let Some(Some(group)) = group
                    && !data.is_empty()
                {
                    let found = |id| candidates.extend(rules.gates.lets(id, &glance).then_some(id));
                    group.search(std::iter::once(data), seen, found);
                }
            };
            let tcp = carriers == Carriers::TCP;
            search(if tcp { Payload::Tcp } else { datagram(carriers) }, scene.packet.payload());
            if let Some(chunk) = &scene.stream {
                search(Payload::Stream, chunk.data);
            }
        }
        candidates.sort_unstable();
        candidates.dedup();
    }

    /// Whether a rule matches, and if so, whether on stream data.
    fn matches(
        &mut self,
        Candidate { rule, since }: Candidate<'_>,
        scene: &mut Scene<'_>,
        hits: &Hits,
    ) -> Option<bool> {
        let due = match rule.kind {
            Kind::Transaction | Kind::Frame => false,
            Kind::Addresses => !tried(since, scene, |state| &state.addresses_tried),
            Kind::Protocol => protocol_settled(scene) && !tried(since, scene, |state| &state.protocol_tried),
            Kind::Event | Kind::App | Kind::Packet | Kind::PacketAndStream | Kind::Stream => true,
        };
        let events = |test: &EventTest| match test {
            EventTest::Packet(anomaly) => scene.anomalies.contains(anomaly),
            EventTest::Detection(event) => scene.app.events.contains(event),
        };
        let asked = due && speaks(rule, &scene.app) && rule.events.iter().all(events) && applies(rule, scene);
        if !asked || !self.preconditions(rule, scene, hits) {
            return None;
        }
        let headers = |detector: &mut Self| rule.headers.iter().all(|test| detector.header(test, scene));
        let stream = match &rule.payload {
            None => false,
            Some(chain) => self.payload(rule, chain, scene)?,
        };
        headers(self).then_some(stream)
    }

    pub(super) fn header(&mut self, test: &super::rule_set::HeaderTest, scene: &Scene<'_>) -> bool {
        let Read::Bytes(read) = test.field.read else { return false };
        let Some(data) = read(scene) else { return false };
        let data = self.transformed.of(&test.transforms, data);
        let found = test.chain.matches(Buffer::from(data), &mut self.scratch) == Outcome::Match
            && test.sets.iter().all(|set| set.passes(data, scene.shared, &mut self.found));
        if found {
            self.keep_captures(test.field.name);
        }
        found
    }

    /// Tries the payload tests on stream data, then on the packet. Out: where they passed.
    fn payload(&mut self, rule: &Compiled, chain: &Chain, scene: &Scene<'_>) -> Option<bool> {
        if scene.app.encrypted {
            return None;
        }
        let tcp = scene.carriers() == Carriers::TCP;
        if tcp && rule.kind != Kind::Packet {
            if let Some(buffer) = stream_for(rule, scene)
                && self.chain(chain, buffer)
            {
                return Some(true);
            }
            let on_stream_alone = rule.kind == Kind::Stream && scene.streamed;
            if on_stream_alone || rule.flow.stream == Some(true) {
                return None;
            }
        }
        let data = scene.packet.payload();
        if data.is_empty() || !self.chain(chain, Buffer::from(data)) {
            return None;
        }
        let replacements = self.scratch.replacements();
        self.replaced.extend(replacements.map(|Replacement { at, bytes }| (at, bytes.to_vec())));
        Some(false)
    }

    pub(super) fn chain(&mut self, chain: &Chain, buffer: Buffer<'_>) -> bool {
        let found = chain.matches(buffer, &mut self.scratch) == Outcome::Match;
        if found {
            self.keep_captures("payload");
        }
        found
    }
}

/// The stream data for a rule. It overlaps with what was searched before, so that a match may span two chunks; a match
/// that a rule has told is not told again.
fn stream_for<'a>(rule: &Compiled, scene: &Scene<'a>) -> Option<Buffer<'a>> {
    let chunk = scene.stream?;
    let upto = scene.state.as_deref().map_or(0, |state| state.matched(rule.identity, scene.dir));
    let known = usize::try_from(upto.saturating_sub(chunk.offset)).unwrap_or(usize::MAX);
    Some(Buffer { known, ..chunk.buffer() })
}

fn note_match(rule: &Compiled, scene: &mut Scene<'_>) {
    let Some(chunk) = scene.stream else { return };
    let dir = scene.dir;
    if let Some(state) = scene.state.as_deref_mut() {
        state.set_matched(rule.identity, dir, chunk.offset + chunk.data.len() as u64);
    }
}

const fn datagram(carriers: Carriers) -> Payload {
    if carriers.meets(Carriers::UDP) { Payload::Udp } else { Payload::Other }
}

/// Adds the rules without a pattern that may be about these endpoints.
fn unprompted(rules: &RuleSet, scene: &mut Scene<'_>, candidates: &mut Vec<RuleId>) {
    let from = candidates.len();
    let (carriers, ends, dir) = (scene.carriers(), scene.ends(), scene.dir.index());
    if scene.own_flow().is_none() || scene.state.is_none() {
        return rules.always.find(carriers, ends, |id| candidates.push(id));
    }
    let known = scene.state.as_deref_mut().and_then(|state| {
        state.belong_to(rules.generation);
        state.always.get(dir).and_then(Option::as_ref)
    });
    if let Some(list) = known {
        return candidates.extend(list.iter());
    }
    let glance = rules.gates.at(scene);
    rules.always.find(carriers, ends, |id| {
        if rules.gates.may_let(id, &glance) && rules.rule(id).is_some_and(|rule| applies(rule, scene)) {
            candidates.push(id);
        }
    });
    let list = candidates.get(from..).unwrap_or_default().into();
    if let Some(place) = scene.state.as_deref_mut().and_then(|state| state.always.get_mut(dir)) {
        *place = Some(list);
    }
}

/// A rule that may match, and since which set it is there.
#[derive(Clone, Copy)]
struct Candidate<'r> {
    rule: &'r Compiled,
    since: Generation,
}

/// Whether a rule that is there since a set was tried on this direction of the flow before, with the others of its kind.
fn tried(since: Generation, scene: &Scene<'_>, which: fn(&super::state::FlowState) -> &[Generation; 2]) -> bool {
    let tried = scene.state.as_deref().map(which).and_then(|tried| tried.get(scene.dir.index()));
    tried.is_some_and(|last| since <= *last)
}

/// Whether it is known what the direction speaks, or that it will not be.
fn protocol_settled(scene: &Scene<'_>) -> bool {
    let side = scene.app.sides.get(scene.dir.index()).copied().flatten();
    side.is_some() || scene.app.failed
}

fn note_tries(rules: &RuleSet, scene: &mut Scene<'_>) {
    let (dir, settled) = (scene.dir.index(), protocol_settled(scene));
    let Some(state) = scene.state.as_deref_mut() else { return };
    if let Some(tried) = state.addresses_tried.get_mut(dir) {
        *tried = rules.generation;
    }
    if let Some(tried) = state.protocol_tried.get_mut(dir)
        && settled
    {
        *tried = rules.generation;
    }
}
