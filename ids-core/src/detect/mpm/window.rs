//! The window filter: large pattern sets at several times the speed of an automaton.
//!
//! Each pattern is represented by a window of it: 8, 5, 3 or 2 bytes wide. Scanning hashes the window at
//! each position (or at every second or fourth: then all windows of that many consecutive places are entered) and
//! asks a bitmap whether any pattern has such a window. What passes is looked up in a table of windows and handed
//! to the caller with the place where the pattern would start.
//!
//! The bitmap is small enough for the cache, so a position costs a few instructions and no miss; nearly all
//! positions end there. What is left depends on how often the chosen windows occur in traffic, so for each pattern
//! the window is chosen that is rarest ([`super::rarity`]) and least used by others. Patterns of a single byte would
//! make most positions a hit; for them each buffer is asked once which bytes it has.

use super::Patterns;
use super::choose::Chooser;
use super::stage::{BLOCK, Hits, KINDS, PADDED, Stage, StageBuilder};

/// The windows of all patterns.
#[derive(Debug)]
pub(super) struct Windows {
    stages: Vec<Stage>,
    singles: Singles,
}

/// The patterns of one byte, each with that byte in lower case.
#[derive(Debug, Default)]
struct Singles(Vec<(u8, u32)>);

/// What a scan works in. Kept between scans: clearing it would cost as much as a small packet.
#[derive(Clone, Debug)]
pub(super) struct Room {
    block: [u8; PADDED],
    hits: Hits,
}

impl Default for Room {
    fn default() -> Self {
        Self { block: [0; PADDED], hits: [0; BLOCK] }
    }
}

impl Windows {
    pub(super) fn build(patterns: &Patterns) -> Self {
        let mut chooser = Chooser::default();
        let mut order: Vec<_> = patterns.iter().zip(0..).collect();
        // Short patterns have the least choice.
        order.sort_by_key(|(bytes, _)| bytes.len());
        let mut stages: [StageBuilder; KINDS.len()] = Default::default();
        let mut singles = Singles::default();
        for (bytes, pattern) in order {
            let folded = bytes.to_ascii_lowercase();
            if let [byte] = *folded {
                singles.0.push((byte, pattern));
                continue;
            }
            let (choice, offset) = chooser.choose(&folded);
            let (Some(kind), Some(stage)) = (KINDS.get(choice), stages.get_mut(choice)) else { continue };
            for offset in offset..offset + kind.stride {
                chooser.enter(choice, stage.add(*kind, pattern, &folded, offset));
            }
        }
        let used = KINDS.into_iter().zip(stages).filter(|(_, stage)| !stage.is_empty());
        Self { stages: used.map(|(kind, stage)| stage.build(kind)).collect(), singles }
    }

    /// Hands every place where a window stands to `candidate`: the pattern, and where it would start.
    pub(super) fn scan(&self, haystack: &[u8], room: &mut Room, candidate: &mut impl FnMut(u32, usize)) {
        self.singles.scan(haystack, candidate);
        let Room { block, hits } = room;
        let mut base = 0;
        while let Some(rest) = haystack.get(base..).filter(|rest| !rest.is_empty()) {
            fold(rest, block);
            let here = rest.len().min(BLOCK);
            for stage in &self.stages {
                let count = stage.filter(block, here, hits);
                for position in hits.iter().take(count) {
                    let position = usize::from(*position);
                    stage.look_up(block, position, |entry| {
                        if let Some(start) = (base + position).checked_sub(usize::from(entry.offset)) {
                            candidate(entry.pattern, start);
                        }
                    });
                }
            }
            base += BLOCK;
        }
    }

    pub(super) fn memory(&self) -> usize {
        self.stages.iter().map(Stage::memory).sum::<usize>() + self.singles.0.capacity() * size_of::<(u8, u32)>()
    }
}

impl Singles {
    /// Hands over the first place of each byte, in either case.
    fn scan(&self, haystack: &[u8], candidate: &mut impl FnMut(u32, usize)) {
        if self.0.is_empty() {
            return;
        }
        let mut first = [usize::MAX; 256];
        for (at, byte) in haystack.iter().enumerate().rev() {
            if let Some(first) = first.get_mut(usize::from(*byte)) {
                *first = at;
            }
        }
        for (byte, pattern) in &self.0 {
            let upper = byte.to_ascii_uppercase();
            let places = [Some(*byte), (upper != *byte).then_some(upper)];
            let places = places.iter().flatten().filter_map(|byte| first.get(usize::from(*byte)));
            places.filter(|at| **at != usize::MAX).for_each(|at| candidate(*pattern, *at));
        }
    }
}

/// The next block in lower case, with zeroes behind the end as far as anybody reads.
fn fold(rest: &[u8], block: &mut [u8; PADDED]) {
    let length = rest.len().min(block.len());
    let (filled, empty) = block.split_at_mut(length);
    filled.copy_from_slice(rest.get(..length).unwrap_or_default());
    filled.make_ascii_lowercase();
    empty.iter_mut().take(PADDED - BLOCK).for_each(|byte| *byte = 0);
}
