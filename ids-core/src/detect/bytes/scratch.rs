//! The memory matching works in: one per worker, reused for every rule and buffer.
//!
//! Nothing in it grows with traffic: variables and captures are bounded by the largest rule, decoded data by
//! `base64_decode`'s limit, regex caches by their own ([`super::pcre::Caches`]).

use std::ops::Range;

use super::pcre::Caches;

/// How often limits were hit since the caller last looked; the caller adds them to its counters and zeroes them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Regular expressions that gave up: too many steps, too much data, or too large to be compiled.
    pub regex_limit: u64,
    /// Chains that gave up because they had too many ways to match.
    pub step_limit: u64,
}

/// Where a captured value goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CaptureKind {
    /// A variable of the packet.
    Packet,
    /// A variable of the flow.
    Flow,
    /// Only the alert.
    Alert,
}

/// One value a regular expression captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capture<'a> {
    /// Where it goes.
    pub kind: CaptureKind,
    /// Name of the variable: from the rule, or captured as well (`pkt:key,pkt:value`).
    pub name: &'a [u8],
    /// The bytes.
    pub value: &'a [u8],
}

/// Bytes that a rule wants overwritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replacement<'a> {
    /// Where in the buffer.
    pub at: usize,
    /// By what.
    pub bytes: &'a [u8],
}

/// What a worker needs for matching.
#[derive(Debug, Default)]
pub struct Scratch {
    /// Limits that were hit.
    pub counts: Counts,
    /// Byte order in the DCE/RPC header of the data that is looked at; the caller sets it (`dce`).
    pub dce_little_endian: bool,
    /// Values of byte variables, by slot. They stay until they are overwritten, so that the buffers of one rule
    /// can be looked at one after the other.
    pub(super) vars: Vec<u64>,
    pub(super) regexes: Caches,
    /// Buffers for decoded data, one for each level that is in use.
    pub(super) decoded: Vec<Vec<u8>>,
    pub(super) failures: Failures,
    pub(super) effects: Effects,
    pub(super) entropy: Option<f64>,
}

impl Scratch {
    /// Empty memory.
    pub fn new() -> Self {
        Self::default()
    }

    /// What the last match captured.
    pub fn captures(&self) -> impl Iterator<Item = Capture<'_>> {
        self.effects.list.iter().filter_map(|effect| match effect {
            Effect::Capture { kind, name, value } => {
                Some(Capture { kind: *kind, name: self.effects.bytes(name), value: self.effects.bytes(value) })
            }
            Effect::Replace { .. } => None,
        })
    }

    /// What the last match wants overwritten.
    pub fn replacements(&self) -> impl Iterator<Item = Replacement<'_>> {
        self.effects.list.iter().filter_map(|effect| match effect {
            Effect::Replace { at, bytes } => Some(Replacement { at: *at, bytes: self.effects.bytes(bytes) }),
            Effect::Capture { .. } => None,
        })
    }

    /// The entropy that the last match measured, if it did.
    pub fn entropy(&self) -> Option<f64> {
        self.entropy
    }

    /// Sets a variable.
    pub(super) fn set(&mut self, slot: u16, value: u64) {
        let slot = usize::from(slot);
        if slot >= self.vars.len() {
            self.vars.resize(slot + 1, 0);
        }
        if let Some(place) = self.vars.get_mut(slot) {
            *place = value;
        }
    }
}

/// What a match brings with it, taken back when the search turns around.
#[derive(Debug, Default)]
pub(super) struct Effects {
    list: Vec<Effect>,
    arena: Vec<u8>,
}

#[derive(Debug)]
enum Effect {
    Capture { kind: CaptureKind, name: Range<usize>, value: Range<usize> },
    Replace { at: usize, bytes: Range<usize> },
}

/// A state of [`Effects`] to come back to.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    list: usize,
    arena: usize,
}

impl Effects {
    pub(super) fn clear(&mut self) {
        self.list.clear();
        self.arena.clear();
    }

    pub(super) fn mark(&self) -> Mark {
        Mark { list: self.list.len(), arena: self.arena.len() }
    }

    pub(super) fn rewind(&mut self, mark: Mark) {
        self.list.truncate(mark.list);
        self.arena.truncate(mark.arena);
    }

    pub(super) fn capture(&mut self, kind: CaptureKind, name: &[u8], value: &[u8]) {
        let (name, value) = (self.keep(name), self.keep(value));
        self.list.push(Effect::Capture { kind, name, value });
    }

    pub(super) fn replace(&mut self, at: usize, bytes: &[u8]) {
        let bytes = self.keep(bytes);
        self.list.push(Effect::Replace { at, bytes });
    }

    fn keep(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.arena.len();
        self.arena.extend_from_slice(bytes);
        start..self.arena.len()
    }

    fn bytes(&self, range: &Range<usize>) -> &[u8] {
        self.arena.get(range.clone()).unwrap_or_default()
    }
}

/// States of the search that are known to lead nowhere, so that none is tried twice.
///
/// A state is a step of the chain and where the match before it ended. States are kept in a small table where a
/// later one may displace an earlier one: forgetting costs time, never a match. Where a content may stand
/// anywhere behind the match before it, failing from one place means failing from all later ones; `floors` keeps
/// the first such place of each step.
#[derive(Debug, Default)]
pub(super) struct Failures {
    run: u32,
    table: Vec<(u32, u32, usize)>,
    floors: Vec<(u32, usize)>,
}

const TABLE: usize = 512;

impl Failures {
    /// A number for a new search, under which its states are kept.
    pub(super) fn start(&mut self) -> u32 {
        if self.table.is_empty() || self.run == u32::MAX {
            self.table.clear();
            self.table.resize(TABLE, (0, 0, 0));
            self.floors.clear();
            self.run = 0;
        }
        self.run += 1;
        self.run
    }

    pub(super) fn has(&self, run: u32, step: usize, last: usize) -> bool {
        let floor = self.floors.get(step).filter(|floor| floor.0 == run);
        floor.is_some_and(|floor| last >= floor.1)
            || self.table.get(place(step, last)) == Some(&(run, number(step), last))
    }

    pub(super) fn add(&mut self, run: u32, step: usize, last: usize) {
        if let Some(entry) = self.table.get_mut(place(step, last)) {
            *entry = (run, number(step), last);
        }
    }

    /// From `last` on every state of this step fails.
    pub(super) fn add_all_from(&mut self, run: u32, step: usize, last: usize) {
        if step >= self.floors.len() {
            self.floors.resize(step + 1, (0, 0));
        }
        if let Some(floor) = self.floors.get_mut(step) {
            let before = if floor.0 == run { floor.1 } else { usize::MAX };
            *floor = (run, before.min(last));
        }
    }
}

fn place(step: usize, last: usize) -> usize {
    (last ^ step.wrapping_mul(0x9E37_79B1)) % TABLE
}

fn number(step: usize) -> u32 {
    u32::try_from(step).unwrap_or(u32::MAX)
}
