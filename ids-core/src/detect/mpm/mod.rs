//! The multi-pattern prefilter: which of many patterns occur in a buffer.
//!
//! In: patterns with ids ([`Builder`]), then buffers.  Out: the ids of all patterns that occur; one pattern may have
//! many ids.
//! Holds no state between buffers; what was reported for one buffer is in the caller's [`Seen`].
//! Must not know rules or where a pattern may stand: it says "occurs", the chain says "matches".
//!
//! Two ways to search, with the same answers: the Aho-Corasick automaton (Aho, Corasick 1975), and a filter on
//! hashed windows of the patterns with exact verification behind it ([`window`], which names its steps), several times
//! as fast for large sets. Small sets take the automaton behind a vectorised gate (Teddy).

mod automaton;
mod block;
mod choose;
mod dense;
mod rarity;
mod runs;
#[cfg(target_arch = "x86_64")]
mod simd;
mod singles;
mod sparse;
mod table;
mod window;

use std::collections::HashMap;

use automaton::Automaton;
use block::Room;
use window::Windows;

pub use rarity::{byte_cost, score};

/// How patterns are searched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Algo {
    /// The best there is for the set.
    #[default]
    Auto,
    /// Aho-Corasick for any set.
    Ac,
    /// None: every pattern is said to occur, so that every rule is looked at. To hold the others against.
    Off,
}

/// Fewer patterns than this are left to the automaton.
const SMALL: usize = 64;

/// Collects patterns.
#[derive(Debug, Default)]
pub struct Builder {
    /// Pattern (in lower case if case does not matter) → its ids.
    patterns: HashMap<(Box<[u8]>, bool), Vec<u32>, ahash::RandomState>,
}

impl Builder {
    /// No patterns.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a pattern that reports `id`. An empty pattern occurs nowhere.
    pub fn add(&mut self, pattern: &[u8], nocase: bool, id: u32) {
        if pattern.is_empty() {
            return;
        }
        // Without letters there is only one case.
        let nocase = nocase || !pattern.iter().any(u8::is_ascii_alphabetic);
        let bytes = if nocase { pattern.to_ascii_lowercase() } else { pattern.to_vec() };
        let ids = self.patterns.entry((bytes.into(), nocase)).or_default();
        if !ids.contains(&id) {
            ids.push(id);
        }
    }

    /// How many different patterns there are.
    pub fn len(&self) -> usize {
        self.patterns.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// Makes the set ready to be searched for.
    ///
    /// Err: the set is too large for the library that builds the automaton.
    pub fn build(self, algo: Algo) -> Result<Mpm, BuildError> {
        let mut rows: Vec<_> = self.patterns.into_iter().collect();
        // The order of a hash map differs from run to run; what is built from it must not.
        rows.sort_unstable();
        let mut patterns = Patterns::default();
        for ((bytes, nocase), ids) in rows {
            patterns.push(&bytes, nocase, &ids);
        }
        let engine = match algo {
            Algo::Auto if patterns.len() >= SMALL => Engine::Windows(Box::new(Windows::build(&patterns))),
            Algo::Auto | Algo::Ac => Engine::Automaton(Automaton::build(&patterns, algo == Algo::Auto)?),
            Algo::Off => Engine::Off,
        };
        Ok(Mpm { patterns, engine })
    }
}

/// The automaton could not be built.
#[derive(Debug, thiserror::Error)]
#[error("the patterns make too large an automaton: {0}")]
pub struct BuildError(#[from] aho_corasick::BuildError);

/// A set of patterns, ready to be searched for.
#[derive(Debug)]
pub struct Mpm {
    patterns: Patterns,
    engine: Engine,
}

#[derive(Debug)]
enum Engine {
    Automaton(Automaton),
    Windows(Box<Windows>),
    Off,
}

impl Mpm {
    /// Reports the ids of all patterns that occur in `haystack`, each once for all buffers since [`Seen::clear`].
    pub fn scan(&self, haystack: &[u8], seen: &mut Seen, found: &mut impl FnMut(u32)) {
        let Seen { patterns: seen, room } = seen;
        seen.reserve(self.patterns.len());
        let off = matches!(self.engine, Engine::Off);
        let mut candidate = |pattern: u32, start: usize| {
            if !seen.contains(pattern) && (off || self.patterns.is_at(pattern, haystack, start)) {
                seen.insert(pattern);
                self.patterns.ids(pattern).iter().for_each(|id| found(*id));
            }
        };
        match &self.engine {
            Engine::Automaton(automaton) => automaton.scan(haystack, &mut candidate),
            Engine::Windows(windows) => windows.scan(haystack, room, &mut candidate),
            Engine::Off => (0..).take(self.patterns.len()).for_each(|pattern| candidate(pattern, 0)),
        }
    }

    /// Bytes of memory it takes.
    pub fn memory(&self) -> usize {
        let engine = match &self.engine {
            Engine::Automaton(automaton) => automaton.memory(),
            Engine::Windows(windows) => windows.memory(),
            Engine::Off => 0,
        };
        self.patterns.memory() + engine
    }

    /// How many different patterns there are.
    pub fn len(&self) -> usize {
        self.patterns.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.patterns.len() == 0
    }
}

/// Which patterns of one [`Mpm`] were reported, and the room that scanning needs; one for each thread.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    patterns: Numbers,
    room: Box<Room>,
}

impl Seen {
    /// Nothing was.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.patterns.clear();
    }
}

/// A set of numbers that is emptied in the time it took to fill.
#[derive(Clone, Debug, Default)]
struct Numbers {
    words: Vec<u64>,
    touched: Vec<u32>,
}

impl Numbers {
    fn clear(&mut self) {
        for word in self.touched.drain(..) {
            if let Some(word) = self.words.get_mut(word as usize) {
                *word = 0;
            }
        }
    }

    fn reserve(&mut self, numbers: usize) {
        let words = numbers.div_ceil(64);
        if words > self.words.len() {
            self.words.resize(words, 0);
        }
    }

    fn insert(&mut self, number: u32) {
        let Some(word) = self.words.get_mut(number as usize / 64) else { return };
        if *word == 0 {
            self.touched.push(number / 64);
        }
        *word |= 1 << (number % 64);
    }

    fn contains(&self, number: u32) -> bool {
        self.words.get(number as usize / 64).is_some_and(|word| word >> (number % 64) & 1 == 1)
    }
}

/// The patterns in one piece of memory, numbered from 0.
#[derive(Debug, Default)]
struct Patterns {
    bytes: Vec<u8>,
    rows: Vec<Row>,
    ids: Vec<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    /// Where it starts in `bytes`, and how long it is.
    start: u32,
    length: u32,
    nocase: bool,
    /// Its ids.
    ids: (u32, u32),
}

impl Patterns {
    fn push(&mut self, bytes: &[u8], nocase: bool, ids: &[u32]) {
        let start = size(self.bytes.len());
        self.bytes.extend_from_slice(bytes);
        let first = size(self.ids.len());
        self.ids.extend_from_slice(ids);
        self.rows.push(Row { start, length: size(bytes.len()), nocase, ids: (first, size(self.ids.len())) });
    }

    fn len(&self) -> usize {
        self.rows.len()
    }

    fn bytes(&self, row: &Row) -> &[u8] {
        self.bytes.get(row.start as usize..(row.start + row.length) as usize).unwrap_or_default()
    }

    /// All patterns in order, and whether case does not matter.
    fn iter(&self) -> impl Iterator<Item = (&[u8], bool)> {
        self.rows.iter().map(|row| (self.bytes(row), row.nocase))
    }

    fn ids(&self, pattern: u32) -> &[u32] {
        let row = self.rows.get(pattern as usize);
        row.and_then(|row| self.ids.get(row.ids.0 as usize..row.ids.1 as usize)).unwrap_or_default()
    }

    /// Whether the pattern stands at `start`.
    #[inline]
    fn is_at(&self, pattern: u32, haystack: &[u8], start: usize) -> bool {
        let Some(row) = self.rows.get(pattern as usize) else { return false };
        let (bytes, rest) = (self.bytes(row), haystack.get(start..).unwrap_or_default());
        rest.get(..bytes.len())
            .is_some_and(|found| if row.nocase { found.eq_ignore_ascii_case(bytes) } else { found == bytes })
    }

    fn memory(&self) -> usize {
        self.bytes.capacity() + self.rows.capacity() * size_of::<Row>() + self.ids.capacity() * size_of::<u32>()
    }
}

/// Sizes of pattern sets fit into 32 bits: rules are text, and far less than 4 GB of it.
fn size(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
