//! Aho-Corasick, with a gate before it where the set is small.

use aho_corasick::packed;
use aho_corasick::{AhoCorasick, AhoCorasickKind, BuildError};

use super::Patterns;

/// Bytes the gate looks at in one go.
const BLOCK: usize = 4096;
/// Bytes of each pattern that the gate looks for.
const HEAD: usize = 8;

/// The automaton over the patterns in lower case.
#[derive(Debug)]
pub(super) struct Automaton {
    automaton: AhoCorasick,
    /// Finds the first place where any pattern may start, on processors that have the instructions.
    gate: Option<packed::Searcher>,
}

impl Automaton {
    pub(super) fn build(patterns: &Patterns, small: bool) -> Result<Self, BuildError> {
        let kind = if small { AhoCorasickKind::DFA } else { AhoCorasickKind::ContiguousNFA };
        let automaton = AhoCorasick::builder()
            .kind(Some(kind))
            .ascii_case_insensitive(true)
            .prefilter(false)
            .build(patterns.iter().map(|(pattern, _)| pattern))?;
        Ok(Self { automaton, gate: if small { gate(patterns) } else { None } })
    }

    /// Reports pattern and place of every occurrence, whatever its case.
    pub(super) fn scan(&self, haystack: &[u8], found: &mut impl FnMut(u32, usize)) {
        let start = match &self.gate {
            Some(gate) => first(gate, haystack),
            None => Some(0),
        };
        let Some(start) = start else { return };
        let rest = haystack.get(start..).unwrap_or_default();
        for hit in self.automaton.find_overlapping_iter(rest) {
            found(hit.pattern().as_u32(), start + hit.start());
        }
    }

    pub(super) fn memory(&self) -> usize {
        self.automaton.memory_usage() + self.gate.as_ref().map_or(0, packed::Searcher::memory_usage)
    }
}

fn gate(patterns: &Patterns) -> Option<packed::Searcher> {
    let heads = patterns.iter().map(|(pattern, _)| pattern.get(..HEAD).unwrap_or(pattern).to_ascii_lowercase());
    packed::Config::new().builder().extend(heads).build()
}

/// The first place where a head stands. The gate knows one case only, so blocks are folded for it; they overlap by
/// what a head may lack at the end.
fn first(gate: &packed::Searcher, haystack: &[u8]) -> Option<usize> {
    let mut block = [0; BLOCK + HEAD];
    let mut base = 0;
    while base < haystack.len() {
        let part = haystack.get(base..)?;
        let part = part.get(..block.len()).unwrap_or(part);
        let folded = block.get_mut(..part.len())?;
        folded.copy_from_slice(part);
        folded.make_ascii_lowercase();
        if let Some(hit) = gate.find(folded) {
            return Some(base + hit.start());
        }
        base += BLOCK;
    }
    None
}
