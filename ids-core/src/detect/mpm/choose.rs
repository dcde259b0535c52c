//! Which windows stand for a pattern: those that are expected to cost least.

use std::collections::HashMap;

use super::rarity::{UNIT, cost};
use super::stage::{KINDS, Kind, LOAD, load, mask};

/// Windows that start further behind in a pattern are not considered.
const MAX_OFFSET: usize = 24;

/// Chooses the windows of patterns.
#[derive(Default)]
pub(super) struct Chooser {
    /// How many patterns have a window already.
    used: [HashMap<u64, u32, ahash::RandomState>; KINDS.len()],
}

impl Chooser {
    /// Notes that a pattern has this window.
    pub(super) fn enter(&mut self, kind: usize, window: u64) {
        if let Some(used) = self.used.get_mut(kind) {
            *used.entry(window).or_default() += 1;
        }
    }

    /// Kind and offset of the windows that are expected to cost least.
    pub(super) fn choose(&self, pattern: &[u8]) -> (usize, usize) {
        // surprise[i]: of the first i bytes, each after the one before it.
        let mut surprise = [0_u32; MAX_OFFSET + LOAD + 4];
        let mut sum = 0;
        let mut before = None;
        for (place, byte) in surprise.iter_mut().skip(1).zip(pattern) {
            sum += u32::from(cost(before, *byte));
            before = Some(*byte);
            *place = sum;
        }
        let mut best = (u64::MAX, 0, 0);
        for (index, kind) in KINDS.iter().enumerate() {
            let Some(last) = pattern.len().checked_sub(kind.span()) else { continue };
            for offset in 0..=last.min(MAX_OFFSET) {
                let cost = self.expected(index, *kind, pattern, offset, &surprise);
                if cost < best.0 {
                    best = (cost, index, offset);
                }
            }
            // Narrow windows are only for patterns that are too short for wider ones.
            if best.0 < u64::MAX && kind.width <= 3 {
                break;
            }
        }
        (best.1, best.2)
    }

    /// What the windows at `offset` will cost: how often they occur, times how many patterns must then be compared.
    fn expected(&self, index: usize, kind: Kind, pattern: &[u8], offset: usize, surprise: &[u32]) -> u64 {
        let Some(used) = self.used.get(index) else { return u64::MAX };
        let at = |place: usize| surprise.get(place).copied().unwrap_or_default();
        let windows = offset..offset + kind.stride;
        let total: u64 = windows
            .map(|start| {
                let first = pattern.get(start).map_or(0, |byte| u32::from(cost(None, *byte)));
                let bits = (first + at(start + kind.width).saturating_sub(at(start + 1))) / UNIT;
                let others = pattern.get(start..).map(|bytes| load(bytes) & mask(kind.width));
                let others = others.and_then(|window| used.get(&window)).copied().unwrap_or_default();
                // Occurrences in 2^32 bytes; windows that are hardly ever seen differ in how many share them.
                ((1_u64 << 32 >> bits.min(32)) + 1) * u64::from(others + 2) + u64::from(others) * 64
            })
            .sum();
        total / kind.stride as u64 + PASS.get(index).copied().unwrap_or_default()
    }
}

/// What another window of a kind adds to the cost of its pass over the data, so that cheap kinds are preferred.
const PASS: [u64; KINDS.len()] = [0, 60 << 8, 0, 0];
