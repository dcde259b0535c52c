//! Which windows stand for a pattern: those that are expected to cost least.

use std::collections::HashMap;

use super::block::{LOAD, load, mask};
use super::rarity::{UNIT, cost};
use super::{dense, sparse};

/// Windows that start further behind in a pattern are not considered.
const MAX_OFFSET: usize = 24;
/// Bits by which the second filter of dense windows tells apart what follows them.
const FOLLOW_BITS: u32 = 3;
/// Bits of surprise of a window of equal bytes: padding is made of them, whichever byte it is.
const RUN_BITS: u32 = 6;

/// How windows are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// At every fourth position: four consecutive windows of a pattern are entered.
    Wide,
    Narrow,
    /// At every position.
    Dense,
}

impl Kind {
    pub(super) const fn width(self) -> usize {
        match self {
            Self::Wide => LOAD,
            Self::Narrow => 4,
            Self::Dense => dense::WIDTH,
        }
    }

    /// How many windows of a pattern are entered.
    pub(super) const fn windows(self) -> usize {
        match self {
            Self::Wide | Self::Narrow => sparse::STRIDE,
            Self::Dense => 1,
        }
    }

    /// Bytes that a pattern needs for them.
    const fn span(self) -> usize {
        self.width() + self.windows() - 1
    }
}

/// Patterns from which on wide windows are worth their own pass over the data: with fewer, narrow ones are seldom
/// shared.
const MANY: usize = 20_000;

/// Chooses the windows of patterns.
pub(super) struct Chooser {
    kinds: &'static [Kind],
    /// How many patterns have a window already.
    used: HashMap<(usize, u64), u32, ahash::RandomState>,
}

impl Chooser {
    /// For a set of this many patterns.
    pub(super) fn new(patterns: usize) -> Self {
        let kinds: &[Kind] =
            if patterns < MANY { &[Kind::Narrow, Kind::Dense] } else { &[Kind::Wide, Kind::Narrow, Kind::Dense] };
        Self { kinds, used: HashMap::default() }
    }

    /// Kind and offset of the windows that are expected to cost least, and notes them as used. The pattern has three bytes at least, and is no run of one byte.
    pub(super) fn choose(&mut self, pattern: &[u8]) -> (Kind, usize) {
        // A window that is a run is no dense one: such are searched for from the start of the run only.
        let lead = pattern.iter().take_while(|byte| Some(*byte) == pattern.first()).count();
        let skipped = if lead > MAX_OFFSET { lead + 1 - dense::WIDTH } else { 0 };
        let pattern = pattern.get(skipped..).unwrap_or_default();
        // surprise[i]: of the first i bytes, each after the one before it.
        let mut surprise = [0_u32; MAX_OFFSET + LOAD + sparse::STRIDE];
        let mut sum = 0;
        let mut before = None;
        for (place, byte) in surprise.iter_mut().skip(1).zip(pattern) {
            sum += u32::from(cost(before, *byte));
            before = Some(*byte);
            *place = sum;
        }
        let mut best = (u64::MAX, Kind::Dense, 0);
        for kind in self.kinds.iter().copied() {
            let Some(last) = pattern.len().checked_sub(kind.span()) else { continue };
            for offset in 0..=last.min(MAX_OFFSET) {
                let cost = self.expected(kind, pattern, offset, &surprise);
                if cost < best.0 {
                    best = (cost, kind, offset);
                }
            }
        }
        let (_, kind, offset) = best;
        for start in offset..offset + kind.windows() {
            *self.used.entry((kind.width(), window(kind, pattern, start))).or_default() += 1;
        }
        (kind, skipped + offset)
    }

    /// What the windows at `offset` will cost: how often they occur in 2^32 bytes, times how many patterns must then be
    /// compared. Windows that are hardly ever seen differ in how many share them.
    fn expected(&self, kind: Kind, pattern: &[u8], offset: usize, surprise: &[u32]) -> u64 {
        if kind == Kind::Dense && is_run(pattern.get(offset..offset + kind.width()).unwrap_or_default()) {
            return u64::MAX;
        }
        let starts = offset..offset + kind.windows();
        let total: u64 = starts
            .map(|start| {
                let others = self.used.get(&(kind.width(), window(kind, pattern, start)));
                let others = u64::from(others.copied().unwrap_or_default());
                ((1_u64 << 32 >> bits(kind, pattern, start, surprise).min(32)) + 1) * (others + 2) + others * 64
            })
            .sum();
        total / kind.windows() as u64
    }
}

/// How surprising the window at `start` is, in bits.
fn bits(kind: Kind, pattern: &[u8], start: usize, surprise: &[u32]) -> u32 {
    let at = |place: usize| surprise.get(place).copied().unwrap_or_default();
    let bytes = pattern.get(start..start + kind.width()).unwrap_or_default();
    let first = bytes.first().map_or(0, |byte| u32::from(cost(None, *byte)));
    let end = start + kind.width();
    let bits = (first + at(end).saturating_sub(at(start + 1))) / UNIT;
    let follow = match kind {
        Kind::Dense => (at(end + 1).saturating_sub(at(end)) / UNIT).min(FOLLOW_BITS),
        Kind::Wide | Kind::Narrow => 0,
    };
    if is_run(bytes) { bits.min(RUN_BITS) } else { bits + follow }
}

fn is_run(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| Some(byte) == bytes.first())
}

/// The window at `start`.
pub(super) fn window(kind: Kind, pattern: &[u8], start: usize) -> u64 {
    load(pattern.get(start..).unwrap_or_default()) & mask(kind.width())
}
