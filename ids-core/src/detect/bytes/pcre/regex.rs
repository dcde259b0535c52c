//! Compiled expressions and the memory they search with.
//!
//! Most expressions run on regex-automata in linear time. Those with look-around, back references and the like run
//! on fancy-regex, within a number of steps and a part of the buffer. Expressions are read when the rule is loaded
//! and compiled when they are first searched: most of a rule set never is.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use regex_automata::Input;
use regex_automata::meta::{self, Cache};
use regex_automata::nfa::thompson::WhichCaptures;
use regex_automata::util::primitives::NonMaxUsize;
use regex_automata::util::syntax;

use super::super::Limits;
use super::{Found, Translated};

/// Memory a compiled expression may take.
const SIZE_LIMIT: usize = 16 << 20;
/// Memory its lazy automaton may take in each worker.
const CACHE_CAPACITY: usize = 256 << 10;
/// Expressions a worker keeps memory for; with one more it starts over.
const MAX_CACHES: usize = 1024;

/// The expression took too many steps, has too much to look at, or is too large.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GaveUp;

/// An expression.
#[derive(Debug)]
pub(crate) struct Regex {
    text: Box<str>,
    backtracks: bool,
    sees_end: bool,
    captures: bool,
    limits: Limits,
    /// Tells the expressions of a process apart, over all reloads.
    id: u64,
    engine: OnceLock<Option<Engine>>,
}

#[derive(Debug)]
enum Engine {
    Linear(meta::Regex),
    Backtracking(Box<fancy_regex::Regex>),
}

impl Regex {
    /// An expression of which groups are asked for if `captures`. Err: why the engine does not take it.
    pub(crate) fn new(translated: Translated, captures: bool, limits: Limits) -> Result<Self, String> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let Translated { text, backtracks, sees_end, .. } = translated;
        if backtracks {
            fancy_regex::Expr::parse_tree(&text).map_err(|error| error.to_string())?;
        } else {
            syntax::parse_with(&text, &dialect()).map_err(|error| error.to_string())?;
        }
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        Ok(Self { text: text.into(), backtracks, sees_end, captures, limits, id, engine: OnceLock::new() })
    }

    /// Whether a match can hang on where the data ends.
    pub(crate) fn sees_end(&self) -> bool {
        self.sees_end || self.backtracks
    }

    /// The first match that starts at or after `from`; its groups are then in `caches`.
    pub(crate) fn find(&self, data: &[u8], from: usize, caches: &mut Caches) -> Result<Option<Found>, GaveUp> {
        match self.engine().ok_or(GaveUp)? {
            Engine::Linear(regex) => Ok(self.find_linear(regex, data, from, caches)),
            Engine::Backtracking(regex) => self.find_backtracking(regex, data, from, caches),
        }
    }

    /// The first group of the first match, or without groups the match. Uses the engine's own memory: for callers
    /// without any.
    pub(crate) fn first_group(&self, data: &[u8]) -> Result<Option<Range<usize>>, GaveUp> {
        let mut caches = Caches::default();
        match self.engine().ok_or(GaveUp)? {
            Engine::Linear(regex) => {
                let mut slots = [None; 4];
                if regex.search_slots(&Input::new(data), &mut slots).is_none() {
                    return Ok(None);
                }
                let range = |low: usize| {
                    let [start, end] = *slots.get(low..)?.first_chunk()?;
                    Some(start?.get()..end?.get())
                };
                Ok(range(2).or_else(|| range(0).filter(|_| regex.captures_len() == 1)))
            }
            Engine::Backtracking(regex) => {
                let found = self.find_backtracking(regex, data, 0, &mut caches)?;
                Ok(found.and_then(
                    |found| if caches.groups.len() > 1 { caches.group(1) } else { Some(found.start..found.end) },
                ))
            }
        }
    }

    /// Whether both are the same expression.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.text == other.text && self.limits == other.limits
    }

    fn engine(&self) -> Option<&Engine> {
        self.engine.get_or_init(|| self.compile()).as_ref()
    }

    fn compile(&self) -> Option<Engine> {
        if self.backtracks {
            let mut builder = fancy_regex::RegexBuilder::new(&self.text);
            builder.bytes_mode(fancy_regex::BytesMode::Ascii).backtrack_limit(self.limits.regex_steps);
            return Some(Engine::Backtracking(Box::new(builder.build().ok()?)));
        }
        let captures = if self.captures { WhichCaptures::All } else { WhichCaptures::Implicit };
        let config = meta::Config::new()
            .utf8_empty(false)
            .which_captures(captures)
            .nfa_size_limit(Some(SIZE_LIMIT))
            .hybrid_cache_capacity(CACHE_CAPACITY);
        let regex = meta::Builder::new().configure(config).syntax(dialect()).build(&self.text);
        regex.ok().map(Engine::Linear)
    }

    fn find_linear(&self, regex: &meta::Regex, data: &[u8], from: usize, caches: &mut Caches) -> Option<Found> {
        let input = Input::new(data).range(from..);
        let cache = caches.cache(self.id, regex);
        if !self.captures {
            let found = regex.search_with(cache, &input)?;
            return Some(Found { start: found.start(), end: found.end() });
        }
        let count = regex.captures_len() * 2;
        let mut slots = std::mem::take(&mut caches.slots);
        slots.clear();
        slots.resize(count, None);
        let matched = regex.search_slots_with(caches.cache(self.id, regex), &input, &mut slots).is_some();
        caches.groups.clear();
        if matched {
            caches.groups.extend(slots.as_chunks().0.iter().map(|[start, end]| Some((*start)?.get()..(*end)?.get())));
        }
        caches.slots = slots;
        let whole = caches.group(0)?;
        Some(Found { start: whole.start, end: whole.end })
    }

    fn find_backtracking(
        &self,
        regex: &fancy_regex::Regex,
        data: &[u8],
        from: usize,
        caches: &mut Caches,
    ) -> Result<Option<Found>, GaveUp> {
        let part = data.get(..self.limits.regex_window).unwrap_or(data);
        if from > part.len() {
            return Err(GaveUp);
        }
        let found = regex.captures_from_pos(part, from).map_err(|_| GaveUp)?;
        caches.groups.clear();
        match found {
            Some(found) => {
                caches.groups.extend((0..found.len()).map(|group| found.get(group).map(|group| group.range())))
            }
            None if part.len() < data.len() => return Err(GaveUp),
            None => return Ok(None),
        }
        Ok(caches.group(0).map(|whole| Found { start: whole.start, end: whole.end }))
    }
}

/// Bytes, not characters.
fn dialect() -> syntax::Config {
    syntax::Config::new().unicode(false).utf8(false)
}

/// What a worker searches with.
#[derive(Debug, Default)]
pub(crate) struct Caches {
    caches: HashMap<u64, Cache, ahash::RandomState>,
    slots: Vec<Option<NonMaxUsize>>,
    groups: Vec<Option<Range<usize>>>,
}

impl Caches {
    /// What group `number` of the last match covers.
    pub(super) fn group(&self, number: usize) -> Option<Range<usize>> {
        self.groups.get(number)?.clone()
    }

    fn cache(&mut self, id: u64, regex: &meta::Regex) -> &mut Cache {
        if self.caches.len() >= MAX_CACHES && !self.caches.contains_key(&id) {
            self.caches.clear();
        }
        self.caches.entry(id).or_insert_with(|| regex.create_cache())
    }
}
