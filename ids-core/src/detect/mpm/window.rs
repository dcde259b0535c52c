//! The window filter: large pattern sets at several times the speed of an automaton.
//!
//! Each pattern is represented by a window of it, wide or narrow. Scanning folds a block to lower case, asks small
//! bitmaps at which positions any pattern may have its window ([`super::sparse`] at every fourth, [`super::dense`] at
//! every one), looks up in a table what passes ([`super::table`]), and hands it to the caller with the place where the
//! pattern would start.
//!
//! The bitmaps are small enough for the cache, so a position costs a few instructions and no miss; nearly all
//! positions end there. What is left depends on how often the chosen windows occur in traffic, so for each pattern
//! the window is chosen that is rarest ([`super::rarity`]) and least used by others ([`super::choose`]).
//! Patterns of one byte, and such as repeat one, would make most positions a hit: they are searched for apart.

use super::Patterns;
use super::block::{BLOCK, PADDED, Room, fold, load};
use super::choose::{Chooser, Kind, window};
use super::dense::Dense;
use super::runs::Runs;
use super::singles::Singles;
use super::sparse::Sparse;
use super::table::{Entry, Table};

/// The windows of all patterns.
#[derive(Debug)]
pub(super) struct Windows {
    wide: Option<(Sparse, Table)>,
    narrow: Option<(Sparse, Table)>,
    /// The filter is empty if all three that use it are.
    dense: Option<Dense>,
    threes: Table,
    pairs: Table,
    runs: Runs,
    singles: Singles,
}

/// Windows by kind, each with its entry.
#[derive(Default)]
struct Chosen {
    wide: Vec<(u64, Entry)>,
    narrow: Vec<(u64, Entry)>,
    threes: Vec<(u64, Entry)>,
    pairs: Vec<(u64, Entry)>,
    /// What the dense filter lets pass: three bytes, and the one behind them if it is known.
    dense: Vec<(u32, Option<u8>)>,
}

impl Windows {
    pub(super) fn build(patterns: &Patterns) -> Self {
        let mut order: Vec<_> = patterns.iter().zip(0..).collect();
        // Short patterns have the least choice.
        order.sort_by_key(|((bytes, _), _)| bytes.len());
        let mut chooser = Chooser::new(patterns.len());
        let mut chosen = Chosen::default();
        let (mut runs, mut singles) = (Runs::default(), Singles::default());
        for ((bytes, nocase), pattern) in order {
            let folded = bytes.to_ascii_lowercase();
            match *folded {
                [byte] => singles.add(byte, pattern),
                [one, two] if one == two => {
                    runs.add(one, 2, nocase, pattern);
                    chosen.any_third(&folded);
                }
                [_, _] => chosen.pair(&folded, pattern),
                [byte, ref rest @ ..] if rest.iter().all(|other| *other == byte) => {
                    runs.add(byte, folded.len(), nocase, pattern);
                    chosen.dense.push((load(&[byte; Kind::Dense.width()]) as u32, None));
                }
                _ => chosen.windows(&folded, pattern, chooser.choose(&folded)),
            }
        }
        runs.sort();
        let dense = (!chosen.dense.is_empty()).then(|| Dense::build(chosen.dense.into_iter()));
        let sparse = |kind: Kind, windows: Vec<(u64, Entry)>| {
            let filter = || Sparse::build(kind.width(), windows.iter().map(|(window, _)| *window));
            let filter = (!windows.is_empty()).then(filter)?;
            Some((filter, Table::build(kind.width(), windows)))
        };
        Self {
            wide: sparse(Kind::Wide, chosen.wide),
            narrow: sparse(Kind::Narrow, chosen.narrow),
            dense,
            threes: Table::build(Kind::Dense.width(), chosen.threes),
            pairs: Table::build(2, chosen.pairs),
            runs,
            singles,
        }
    }

    /// Hands every place where a window stands to `candidate`: the pattern, and where it would start.
    pub(super) fn scan(&self, haystack: &[u8], room: &mut Room, candidate: &mut impl FnMut(u32, usize)) {
        self.singles.scan(haystack, candidate);
        let Room { block, hits, buckets } = room;
        let mut base = 0;
        while let Some(rest) = haystack.get(base..).filter(|rest| !rest.is_empty()) {
            fold(rest, block);
            let here = rest.len().min(BLOCK);
            let mut found = |position: usize, entry: &Entry| {
                if let Some(start) = (base + position).checked_sub(usize::from(entry.offset)) {
                    candidate(entry.pattern, start);
                }
            };
            for (filter, table) in [&self.wide, &self.narrow].into_iter().flatten() {
                let count = filter.filter(block, here, hits);
                table.look_up(block, hits.get(..count).unwrap_or_default(), buckets, &mut found);
            }
            if let Some(filter) = &self.dense {
                let count = filter.filter(block, here, hits);
                let hits = hits.get(..count).unwrap_or_default();
                self.threes.look_up(block, hits, buckets, &mut found);
                if !self.pairs.is_empty() {
                    self.pairs.look_up(block, hits, buckets, &mut found);
                }
                if !self.runs.is_empty() {
                    let starts = hits.iter().map(|hit| usize::from(*hit)).filter(|hit| is_run(block, *hit));
                    starts.for_each(|start| self.runs.scan(haystack, base + start, candidate));
                }
            }
            base += BLOCK;
        }
    }

    pub(super) fn memory(&self) -> usize {
        let sparse = [&self.wide, &self.narrow].into_iter().flatten();
        sparse.map(|(filter, table)| filter.memory() + table.memory()).sum::<usize>()
            + self.dense.as_ref().map_or(0, Dense::memory)
            + self.threes.memory()
            + self.pairs.memory()
            + self.runs.memory()
            + self.singles.memory()
    }
}

/// Whether two equal bytes stand there, as at the start of a run.
#[inline]
fn is_run(block: &[u8; PADDED], at: usize) -> bool {
    block.get(at..).and_then(|bytes| bytes.first_chunk()).is_some_and(|[one, two]| one == two)
}

impl Chosen {
    /// A pattern of two bytes.
    fn pair(&mut self, folded: &[u8], pattern: u32) {
        let window = load(folded);
        self.pairs.push((window, Entry::new(pattern, folded, 0, window)));
        self.any_third(folded);
    }

    /// Lets two bytes pass the dense filter, whatever follows.
    fn any_third(&mut self, folded: &[u8]) {
        let window = load(folded) as u32;
        self.dense.extend((0..=u8::MAX).map(|next| (window | u32::from(next) << 16, None)));
    }

    fn windows(&mut self, folded: &[u8], pattern: u32, (kind, offset): (Kind, usize)) {
        let entries = match kind {
            Kind::Wide => &mut self.wide,
            Kind::Narrow => &mut self.narrow,
            Kind::Dense => &mut self.threes,
        };
        for start in offset..offset + kind.windows() {
            let window = window(kind, folded, start);
            entries.push((window, Entry::new(pattern, folded, start, window)));
            if kind == Kind::Dense {
                self.dense.push((window as u32, folded.get(start + kind.width()).copied()));
            }
        }
    }
}
