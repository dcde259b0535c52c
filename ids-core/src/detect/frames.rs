//! Frames → rules that match, as their bytes come.
//!
//! A frame is searched for patterns as far as it is new; the rules that were found are tried on all of it that is kept, part
//! by part, until they match or never will. A rule fires once per frame. What asks for the end of a frame is decided once
//! that is known and there.

use super::bytes::{Absent, Buffer, Chain, Outcome};
use super::datasets::SetTest;
use super::detector::{Detector, applies, bypassed};
use super::files;
use super::hits::{Hits, On};
use super::rule_set::{Check, Compiled, Inspection, RuleSet};
use super::scene::Scene;
use super::state::{FrameState, Pending};
use super::transactions::{Tried, resume};
use crate::app::frames::{Open, Seen};

impl Detector {
    /// Tries the rules on a frame of the scene's direction, as far as it is there.
    pub fn frame(&mut self, rules: &RuleSet, scene: &mut Scene<'_>, open: &mut Open<'_, FrameState>, hits: &mut Hits) {
        if rules.is_empty() || bypassed(scene) {
            return;
        }
        let seen = open.seen;
        if open.state.detect.belong_to(rules) {
            open.state.searched = seen.place.start;
        }
        self.find_for_frame(rules, scene, seen, open.state.searched, &mut open.state.detect);
        // Rules that ask for state are tried again where a match has left some behind.
        let mut changed = true;
        while changed {
            changed = false;
            for pending in open.state.detect.rules.iter_mut().filter(|pending| !pending.done) {
                changed |= self.try_on_frame(rules, scene, seen, pending, hits);
            }
        }
    }

    /// Searches what is new of a frame for patterns, and adds the rules that were found.
    fn find_for_frame(
        &mut self,
        rules: &RuleSet,
        scene: &Scene<'_>,
        at: Seen<'_>,
        searched: u64,
        state: &mut FrameState,
    ) {
        let (proto, kind, dir) = (at.place.proto, at.place.kind, at.place.dir.index());
        let Some(app) = rules.apps.get(proto.index()) else { return };
        let Self { candidates, transformed, seen, .. } = self;
        candidates.clear();
        if !std::mem::replace(&mut state.begun, true) {
            let always = app.frames_always.get(dir).into_iter().flatten();
            candidates.extend(always.filter(|row| row.1 == kind).map(|row| row.0));
        }
        let before = searched.saturating_sub(at.place.start);
        for (number, _) in app.frames.get(dir).into_iter().flatten().filter(|row| row.1 == kind) {
            let Some(buffer) = rules.buffers.get(usize::from(*number)) else { continue };
            let Some(Some(group)) = buffer.groups.get(dir) else { continue };
            for part in at.parts().filter(|part| part.offset + part.data.len() as u64 > before) {
                // Of changed bytes it is not known what is new.
                let from =
                    if buffer.transforms.is_empty() { resume(Some(before), part.offset, group.longest) } else { 0 };
                let fresh = transformed.of(&buffer.transforms, part.data.get(from..).unwrap_or_default());
                group.search(std::iter::once(fresh), seen, |id| candidates.push(id));
            }
        }
        let glance = rules.gates.of_app(proto, scene);
        candidates.retain(|id| rules.gates.lets(*id, &glance));
        candidates.sort_unstable();
        candidates.dedup();
        for id in candidates.iter() {
            let Some(rule) = rules.rule(*id) else { continue };
            if rule.apps.contains(&proto) && applies(rule, scene) {
                let (dir, identity) = (at.place.dir, rule.identity);
                state.add(Pending { rule: *id, dir, passed: 0, files: files::ALL, done: false, identity });
            }
        }
    }

    /// Tries a rule that was found. Out: whether it matched and left state behind.
    fn try_on_frame(
        &mut self,
        rules: &RuleSet,
        scene: &mut Scene<'_>,
        at: Seen<'_>,
        pending: &mut Pending,
        hits: &mut Hits,
    ) -> bool {
        let Some(rule) = rules.rule(pending.rule) else { return false };
        self.begin_rule();
        let tried = self.passes(rules, rule, scene, at, pending.passed, hits);
        self.end_rule(pending.rule, matches!(tried, Tried::Fired));
        match tried {
            Tried::Waiting(passed) => pending.passed = passed,
            Tried::Never => pending.done = true,
            Tried::Fired => {
                pending.done = true;
                let on = On { tx: at.place.tx, frame: Some(at.place.id), stream: false };
                self.fire((pending.rule, rule), on, scene, hits);
                return !rule.effects.is_empty();
            }
        }
        false
    }

    fn passes(
        &mut self,
        rules: &RuleSet,
        rule: &Compiled,
        scene: &mut Scene<'_>,
        at: Seen<'_>,
        mut passed: u64,
        hits: &Hits,
    ) -> Tried {
        if !self.preconditions(rule, scene, hits) {
            return Tried::Waiting(passed);
        }
        for (bit, inspection) in rule.inspections.iter().enumerate() {
            if passed & 1 << bit != 0 {
                continue;
            }
            match self.inspect_frame(rules, inspection, scene, at) {
                Outcome::Match => passed |= 1 << bit,
                Outcome::NoMatchYet => return Tried::Waiting(passed),
                Outcome::NoMatch => return Tried::Never,
            }
        }
        let headers = rule.headers.iter().all(|test| self.header(test, scene));
        if headers { Tried::Fired } else { Tried::Waiting(passed) }
    }

    fn inspect_frame(&mut self, rules: &RuleSet, inspection: &Inspection, scene: &Scene<'_>, at: Seen<'_>) -> Outcome {
        match &inspection.check {
            Check::Bytes { buffer, chain, sets } => self.parts(rules, *buffer, (chain, sets), scene, at),
            Check::Payload(chain) if self.tx_payload(chain, scene) => Outcome::Match,
            Check::Payload(_) if !at.is_final() => Outcome::NoMatchYet,
            // Loading lets rules on frames ask for nothing else.
            _ => Outcome::NoMatch,
        }
    }

    /// Tests on the parts of a frame: one must pass. Sets are asked for frames that are whole.
    fn parts(
        &mut self,
        rules: &RuleSet,
        number: u16,
        (chain, sets): (&Chain, &[SetTest]),
        scene: &Scene<'_>,
        at: Seen<'_>,
    ) -> Outcome {
        let Some(buffer) = rules.buffers.get(usize::from(number)) else { return Outcome::NoMatch };
        if chain.absent() == Absent::Required {
            return Outcome::NoMatch;
        }
        for part in at.parts() {
            let data = self.transformed.of(&buffer.transforms, part.data);
            let whole = part.last && part.offset == 0;
            let bytes = Buffer { data, offset: part.offset, complete: part.last, known: 0 };
            match chain.matches(bytes, &mut self.scratch) {
                Outcome::Match if !sets.is_empty() && !whole => {}
                Outcome::Match if sets.iter().all(|set| set.passes(data, scene.shared, &mut self.found)) => {
                    self.keep_captures(buffer.info.name);
                    return Outcome::Match;
                }
                // What follows cannot change that.
                Outcome::NoMatch => return Outcome::NoMatch,
                Outcome::Match | Outcome::NoMatchYet => {}
            }
        }
        if at.is_final() { Outcome::NoMatch } else { Outcome::NoMatchYet }
    }
}

impl FrameState {
    /// Turns candidates of an earlier rule set into those of this one. Out: whether the search for patterns begins anew.
    fn belong_to(&mut self, rules: &RuleSet) -> bool {
        if self.generation == rules.generation {
            return false;
        }
        self.generation = rules.generation;
        self.begun = false;
        self.rules.retain_mut(|pending| {
            let Some(id) = rules.by_identity.get(&pending.identity) else { return false };
            pending.rule = *id;
            true
        });
        self.rules.sort_unstable_by_key(|pending| pending.rule);
        true
    }

    fn add(&mut self, pending: Pending) {
        if let Err(at) = self.rules.binary_search_by_key(&pending.rule, |known| known.rule) {
            self.rules.insert(at, pending);
        }
    }
}
