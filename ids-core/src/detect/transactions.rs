//! Transactions → rules that match, over as many packets as it takes.
//!
//! Per transaction and direction it is remembered how far it was searched for patterns, which rules are candidates,
//! and which of their conditions have passed. A condition is decided when what it looks at is final; one on a
//! body may pass earlier. A rule fires once per transaction and direction; one on both sides, or on what either
//! direction shows alike, once per transaction.

use super::bytes::{Absent, Buffer, Chain, Outcome};
use super::datasets::SetTest;
use super::detector::{Detector, applies, bypassed};
use super::files;
use super::header::Carriers;
use super::hits::{Hits, On};
use super::mpm::Seen;
use super::rule_set::{Check, Compiled, Effect, Inspection, RuleId, RuleSet, StateOrder};
use super::scene::Scene;
use super::state::{Pending, Side, TxState};
use crate::app::parser::Transaction;
use crate::app::registry::ProtoId;
use crate::app::state::Open;
use crate::field::{Dir, Kind, Notation, Value};

/// Most instances of one buffer that are looked at.
const MAX_INSTANCES: usize = 4096;

/// What is inspected: a transaction, how far it is.
struct Subject<'a> {
    tx: &'a dyn Transaction,
    id: u64,
    proto: ProtoId,
    /// Progress by direction.
    progress: [u8; 2],
    /// Whether each direction is complete.
    complete: [bool; 2],
    dir: Dir,
}

impl Subject<'_> {
    fn progress(&self, dir: Dir) -> u8 {
        let [request, response] = self.progress;
        if dir == Dir::ToServer { request } else { response }
    }

    fn complete(&self, dir: Dir) -> bool {
        let [request, response] = self.complete;
        if dir == Dir::ToServer { request } else { response }
    }
}

/// What trying a rule came to.
pub(super) enum Tried {
    /// Not yet; these conditions have passed.
    Waiting(u64),
    Fired,
    /// It never will on this transaction.
    Never,
}

impl Detector {
    /// Tries the rules on a transaction, in the direction of the scene. Out: whether that direction was inspected
    /// for good.
    pub fn transaction(
        &mut self,
        rules: &RuleSet,
        scene: &mut Scene<'_>,
        open: &mut Open<'_, TxState>,
        hits: &mut Hits,
    ) -> bool {
        let dir = scene.dir;
        if rules.is_empty() || bypassed(scene) {
            return open.complete(dir);
        }
        let subject = Subject {
            tx: open.tx,
            id: open.state.id,
            proto: open.proto,
            progress: [open.progress(Dir::ToServer), open.progress(Dir::ToClient)],
            complete: [open.complete(Dir::ToServer), open.complete(Dir::ToClient)],
            dir,
        };
        let state = &mut open.state.detect;
        state.belong_to(rules);
        let now = (subject.tx.revision(dir), subject.progress(dir));
        let side = state.side(dir);
        if side.over || side.seen == Some(now) && scene.stream.is_none() {
            return side.over;
        }
        self.find(rules, scene, &subject, state);
        // Rules that ask for state are tried again where a match has left some behind.
        let mut changed = true;
        while changed {
            changed = false;
            let TxState { rules: candidates, stores, .. } = &mut *state;
            for pending in candidates {
                changed |= self.try_pending(rules, scene, &subject, (pending, stores), hits);
            }
        }
        let side = state.side(dir);
        side.seen = Some(now);
        side.over = subject.complete(dir);
        side.over
    }

    /// Searches the buffers that have something new for patterns, and adds the rules that were found.
    fn find(&mut self, rules: &RuleSet, scene: &Scene<'_>, subject: &Subject<'_>, state: &mut TxState) {
        let Some(app) = rules.apps.get(subject.proto.index()) else { return };
        let dir = subject.dir;
        let mut candidates = std::mem::take(&mut self.candidates);
        candidates.clear();
        let side = state.side(dir);
        if side.seen.is_none() {
            candidates.extend(app.always.get(dir.index()).into_iter().flatten());
        }
        for &(number, field) in app.buffers.get(dir.index()).into_iter().flatten() {
            self.search(rules, (number, field), subject, side, &mut candidates);
        }
        let glance = rules.gates.of_app(subject.proto, scene);
        candidates.retain(|id| rules.gates.lets(*id, &glance));
        candidates.sort_unstable();
        candidates.dedup();
        for id in &candidates {
            let Some(rule) = rules.rule(*id) else { continue };
            if rule.apps.contains(&subject.proto) && applies(rule, scene) {
                state.add(*id, if rule.undirected { Dir::ToServer } else { dir }, rule.identity);
            }
        }
        self.candidates = candidates;
    }

    /// Searches one buffer, as far as it was not searched before.
    fn search(
        &mut self,
        rules: &RuleSet,
        (number, field): (u16, usize),
        subject: &Subject<'_>,
        side: &mut Side,
        candidates: &mut Vec<RuleId>,
    ) {
        let Some(buffer) = rules.buffers.get(usize::from(number)) else { return };
        let Some(Some(group)) = buffer.groups.get(subject.dir.index()) else { return };
        let Kind::Bytes(kind) = buffer.info.kind else { return };
        let progress = subject.progress(subject.dir);
        let ready = buffer.of(subject.proto).is_some_and(|row| row.is_ready(subject.dir, progress));
        // Of what does not stream it is noted how many instances were searched: those stay as they are.
        let known = side.searched(number, 0).filter(|_| !kind.streaming);
        if !kind.streaming && (!ready || known.is_some() && !buffer.info.grows) {
            return;
        }
        let first = known.and_then(|known| usize::try_from(known).ok()).unwrap_or_default();
        let mut reached = first;
        let Self { field: scratch, transformed, seen, .. } = self;
        for instance in first..MAX_INSTANCES {
            let (data, offset) = match subject.tx.field(field, subject.dir, instance, scratch) {
                Value::Bytes(data) => (data, 0),
                Value::Stream { data, offset, .. } => (data, offset),
                Value::Absent | Value::Uint(_) => break,
            };
            // Of changed bytes it is not known what is new.
            let changed = !buffer.transforms.is_empty();
            let end = offset + data.len() as u64;
            let before = side.searched(number, instance);
            let from = if changed { 0 } else { resume(before, offset, group.longest) };
            if !changed || before != Some(end) {
                look(group, transformed.of(&buffer.transforms, data.get(from..).unwrap_or_default()), seen, candidates);
            }
            if kind.streaming {
                side.note_searched(number, instance, end);
            }
            reached = instance + 1;
            if !buffer.info.multi {
                break;
            }
        }
        if !kind.streaming {
            side.note_searched(number, 0, reached as u64);
        }
    }

    /// Tries a rule that was found, unless it is done or is about the other direction. Out: whether it matched and
    /// left state behind.
    fn try_pending(
        &mut self,
        rules: &RuleSet,
        scene: &mut Scene<'_>,
        subject: &Subject<'_>,
        (pending, stores): (&mut Pending, &mut [files::Stores; 2]),
        hits: &mut Hits,
    ) -> bool {
        let Some(rule) = rules.rule(pending.rule) else { return false };
        if pending.done || !rule.undirected && pending.dir != subject.dir {
            return false;
        }
        self.begin_rule();
        let tried = self.try_rule(rules, rule, scene, subject, pending, hits);
        self.end_rule(pending.rule, matches!(tried, Tried::Fired));
        match tried {
            Tried::Waiting(passed) => pending.passed = passed,
            Tried::Never => pending.done = true,
            Tried::Fired => {
                pending.done = true;
                store(rule, pending, subject.dir, stores);
                // What was read of the stream is what the transaction is made of, and the packet only brought it to light.
                let on = On { tx: Some(subject.id), frame: None, stream: scene.stream.is_some() };
                self.fire((pending.rule, rule), on, scene, hits);
                return !rule.effects.is_empty();
            }
        }
        false
    }

    fn try_rule(
        &mut self,
        rules: &RuleSet,
        rule: &Compiled,
        scene: &mut Scene<'_>,
        subject: &Subject<'_>,
        pending: &mut Pending,
        hits: &Hits,
    ) -> Tried {
        let mut passed = pending.passed;
        if !self.preconditions(rule, scene, hits) {
            return Tried::Waiting(passed);
        }
        for (bit, inspection) in rule.inspections.iter().enumerate() {
            if passed & 1 << bit != 0 {
                continue;
            }
            self.on_files = files::ALL;
            match self.inspect(rules, inspection, scene, subject) {
                Outcome::Match => {
                    passed |= 1 << bit;
                    // Conditions may be met by files apart: then the earlier ones say which are meant.
                    let both = pending.files & self.on_files;
                    pending.files = if both == 0 { pending.files } else { both };
                }
                Outcome::NoMatchYet => return Tried::Waiting(passed),
                Outcome::NoMatch => return Tried::Never,
            }
        }
        let headers = rule.headers.iter().all(|test| self.header(test, scene));
        if headers { Tried::Fired } else { Tried::Waiting(passed) }
    }

    fn inspect(
        &mut self,
        rules: &RuleSet,
        inspection: &Inspection,
        scene: &Scene<'_>,
        subject: &Subject<'_>,
    ) -> Outcome {
        let dir = inspection.dir.unwrap_or(subject.dir);
        let later = |found: bool| match found {
            true => Outcome::Match,
            false if subject.complete(dir) => Outcome::NoMatch,
            false => Outcome::NoMatchYet,
        };
        match &inspection.check {
            Check::Bytes { buffer, chain, sets } => self.bytes(rules, (*buffer, dir), (chain, sets), scene, subject),
            Check::Number { buffer, tests, length } => match self.gather(rules, (*buffer, dir), *length, subject) {
                true if tests.iter().any(|test| test.matches(&self.numbers)) => Outcome::Match,
                true if grows(rules, *buffer) => later(false),
                true => Outcome::NoMatch,
                false => Outcome::NoMatchYet,
            },
            Check::Event(events) => {
                let number = events.iter().find(|row| row.0 == subject.proto).map(|row| row.1);
                later(number.is_some_and(|number| subject.tx.events().contains(&number)))
            }
            Check::Payload(chain) => later(self.tx_payload(chain, scene)),
            Check::File(tests) => {
                self.on_files = files::passing(tests, subject.tx.files(dir), subject.complete(dir));
                later(self.on_files != 0)
            }
            Check::State(states, order) => {
                let place = states.iter().find(|row| row.0 == subject.proto).map(|row| row.1);
                place.map_or(Outcome::NoMatch, |place| state(subject.progress(dir), place, *order))
            }
        }
    }

    /// Tests on the instances of a buffer: one must pass. Sets are asked for what is complete.
    fn bytes(
        &mut self,
        rules: &RuleSet,
        (number, dir): (u16, Dir),
        (chain, sets): (&Chain, &[SetTest]),
        scene: &Scene<'_>,
        subject: &Subject<'_>,
    ) -> Outcome {
        let Some(buffer) = rules.buffers.get(usize::from(number)) else { return Outcome::NoMatch };
        let Some(row) = buffer.of(subject.proto) else { return Outcome::NoMatch };
        let ready = row.is_ready(dir, subject.progress(dir));
        let (mut there, mut open) = (false, !ready || buffer.info.grows && !subject.complete(dir));
        self.scratch.dce_little_endian = subject.tx.little_endian(dir);
        for instance in 0..MAX_INSTANCES {
            let (data, offset, complete) = match subject.tx.field(row.number, dir, instance, &mut self.field) {
                Value::Bytes(_) if !ready => return Outcome::NoMatchYet,
                Value::Bytes(data) => (data, 0, true),
                Value::Stream { data, offset, complete } => (data, offset, complete || subject.complete(dir)),
                Value::Absent | Value::Uint(_) => break,
            };
            there = true;
            if chain.absent() == Absent::Required {
                return Outcome::NoMatch;
            }
            let data = self.transformed.of(&buffer.transforms, data);
            match chain.matches(Buffer { data, offset, complete, known: 0 }, &mut self.scratch) {
                Outcome::Match if !complete && !sets.is_empty() => open = true,
                Outcome::Match if sets.iter().all(|set| set.passes(data, scene.shared, &mut self.found)) => {
                    self.keep_captures(buffer.info.name);
                    if buffer.info.name.starts_with("file.") {
                        self.on_files = files::one(instance);
                    }
                    return Outcome::Match;
                }
                Outcome::Match => {}
                Outcome::NoMatchYet => open = true,
                Outcome::NoMatch => {}
            }
            if !buffer.info.multi {
                break;
            }
        }
        match chain.absent() {
            _ if open => Outcome::NoMatchYet,
            Absent::Required | Absent::OrElse if !there => Outcome::Match,
            _ => Outcome::NoMatch,
        }
    }

    /// Puts the numbers of all instances, or the lengths of the bytes, into `numbers`. Out: whether they are final.
    fn gather(&mut self, rules: &RuleSet, (number, dir): (u16, Dir), length: bool, subject: &Subject<'_>) -> bool {
        self.numbers.clear();
        let Some(buffer) = rules.buffers.get(usize::from(number)) else { return false };
        let Some(row) = buffer.of(subject.proto) else { return true };
        if !row.is_ready(dir, subject.progress(dir)) {
            return false;
        }
        for instance in 0..MAX_INSTANCES {
            match subject.tx.field(row.number, dir, instance, &mut self.field) {
                Value::Uint(value) => self.numbers.push(value),
                Value::Bytes(data) | Value::Stream { data, .. } if length => self.numbers.push(data.len() as u64),
                Value::Absent | Value::Bytes(_) | Value::Stream { .. } => break,
            }
            if !buffer.info.multi {
                break;
            }
        }
        true
    }

    /// Raw payload in a rule on transactions: the stream data at hand, or the datagram. It ends where it ends: what comes
    /// later is of other transactions.
    pub(super) fn tx_payload(&mut self, chain: &Chain, scene: &Scene<'_>) -> bool {
        match &scene.stream {
            Some(chunk) => self.chain(chain, Buffer { complete: true, ..chunk.buffer() }),
            None if scene.carriers() == Carriers::TCP && scene.streamed => false,
            None => self.chain(chain, Buffer::from(scene.packet.payload())),
        }
    }
}

/// Whether a number of a buffer may change after it was there first, or others may come to it.
fn grows(rules: &RuleSet, buffer: u16) -> bool {
    let info = rules.buffers.get(usize::from(buffer)).map(|buffer| buffer.info);
    info.is_some_and(|info| {
        let any = matches!(info.kind, Kind::Uint { notation: Notation::AnyOf, .. });
        any || info.exchange || info.grows || info.multi
    })
}

/// Notes which files a rule that matched wants stored.
fn store(rule: &Compiled, pending: &Pending, matched: Dir, stores: &mut [files::Stores; 2]) {
    for effect in &rule.effects {
        let Effect::Store(store) = effect else { continue };
        for dir in Dir::BOTH.into_iter().filter(|dir| store.covers(*dir, matched)) {
            let apart = store.which != files::Which::Matched || dir != matched;
            let files = if apart { files::ALL } else { pending.files };
            if let Some(stores) = stores.get_mut(dir.index()) {
                stores.add(files, rule.info.sid);
            }
        }
    }
}

/// Where in `data`, whose first byte stands at `offset`, to go on: patterns may have begun before.
pub(super) fn resume(before: Option<u64>, offset: u64, longest: usize) -> usize {
    let begun = before.unwrap_or_default().saturating_sub(longest.saturating_sub(1) as u64);
    usize::try_from(begun.saturating_sub(offset)).unwrap_or(usize::MAX)
}

fn look(group: &super::patterns::Group, data: &[u8], seen: &mut Seen, candidates: &mut Vec<RuleId>) {
    group.search(std::iter::once(data), seen, |id| candidates.push(id));
}

fn state(progress: u8, place: u8, order: StateOrder) -> Outcome {
    match order {
        StateOrder::Before if progress < place => Outcome::Match,
        StateOrder::Before => Outcome::NoMatch,
        StateOrder::At if progress == place => Outcome::Match,
        StateOrder::At if progress > place => Outcome::NoMatch,
        StateOrder::After if progress > place => Outcome::Match,
        StateOrder::Reached if progress >= place => Outcome::Match,
        StateOrder::At | StateOrder::After | StateOrder::Reached => Outcome::NoMatchYet,
    }
}

impl TxState {
    /// Turns candidates of an earlier rule set into those of this one; the search for patterns begins anew.
    fn belong_to(&mut self, rules: &RuleSet) {
        if self.generation == rules.generation {
            return;
        }
        self.generation = rules.generation;
        self.rules.retain_mut(|pending| {
            let Some(id) = rules.by_identity.get(&pending.identity) else { return false };
            pending.rule = *id;
            true
        });
        self.rules.sort_unstable_by_key(|pending| (pending.rule, pending.dir));
        for side in &mut self.sides {
            side.search_anew();
        }
    }

    fn add(&mut self, rule: RuleId, dir: Dir, identity: u64) {
        if let Err(at) = self.rules.binary_search_by_key(&(rule, dir), |pending| (pending.rule, pending.dir)) {
            self.rules.insert(at, Pending { rule, dir, passed: 0, files: files::ALL, done: false, identity });
        }
    }
}
