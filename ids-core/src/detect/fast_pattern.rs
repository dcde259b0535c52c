//! Which content finds a rule: the author's choice, else the best of those that must be there.
//!
//! In: a compiled rule.  Out: how it becomes a candidate. Loading and the description of rules both ask here, so
//! that what is described is what is done.

use super::bytes::{Absent, PatternInfo};
use super::mpm;
use super::rule_set::{Check, Compiled};
use crate::field::Dir;

/// Rank of raw payload among the buffers of a rule; lower is better.
const PAYLOAD_RANK: u8 = 3;

/// How a rule becomes a candidate.
#[derive(Debug)]
pub(super) enum Prefilter {
    /// Always.
    Always,
    /// When the packet has one of its oddities.
    Events,
    /// When its pattern is in the payload.
    Payload(Pattern),
    /// When its pattern is in a buffer; in one direction where that is fixed.
    Buffer(u16, Option<Dir>, Pattern),
}

/// A fast pattern.
#[derive(Debug)]
pub(super) struct Pattern {
    pub(super) bytes: Vec<u8>,
    pub(super) nocase: bool,
}

/// The content that was chosen.
pub(super) struct Chosen<'a> {
    /// The inspection it belongs to; `None`: the payload.
    pub(super) inspection: Option<usize>,
    /// Which of the contents of its chain.
    pub(super) content: usize,
    pub(super) info: PatternInfo<'a>,
}

/// How the rule becomes a candidate. `rank`: that of a buffer, by number.
pub(super) fn prefilter(rule: &Compiled, rank: &dyn Fn(u16) -> u8) -> Prefilter {
    if !rule.events.is_empty() {
        return Prefilter::Events;
    }
    let Some(chosen) = choose(rule, rank) else { return Prefilter::Always };
    let pattern = Pattern { bytes: chosen.info.chopped().to_vec(), nocase: chosen.info.nocase };
    match chosen.inspection.and_then(|at| rule.inspections.get(at)) {
        Some(inspection) => match inspection.check {
            Check::Bytes { buffer, .. } => Prefilter::Buffer(buffer, inspection.dir, pattern),
            _ => Prefilter::Always,
        },
        None => Prefilter::Payload(pattern),
    }
}

/// The content that finds the rule, if one can.
pub(super) fn choose<'a>(rule: &'a Compiled, rank: &dyn Fn(u16) -> u8) -> Option<Chosen<'a>> {
    if !rule.events.is_empty() {
        return None;
    }
    let mut best: Option<((bool, u8, u32), Chosen<'a>)> = None;
    let mut offer = |inspection, content, info: PatternInfo<'a>, rank: u8| {
        if info.negated || info.bytes.is_empty() {
            return;
        }
        let mine = (info.fast_pattern.is_some(), rank, mpm::score(info.chopped(), info.nocase));
        let better = best.as_ref().is_none_or(|((explicit, best_rank, best_score), _)| {
            mine.0 && !explicit
                || mine.0 == *explicit && (rank < *best_rank || rank == *best_rank && mine.2 > *best_score)
        });
        if better {
            best = Some((mine, Chosen { inspection, content, info }));
        }
    };
    for (at, inspection) in rule.inspections.iter().enumerate() {
        let Check::Bytes { buffer, chain, .. } = &inspection.check else { continue };
        // A rule that also matches where the buffer is missing cannot be found by what is in it.
        if chain.absent() != Absent::No {
            continue;
        }
        let rank = rank(*buffer);
        chain.patterns().enumerate().for_each(|(content, info)| offer(Some(at), content, info, rank));
    }
    if rule.kind.on_packets()
        && let Some(chain) = &rule.payload
    {
        chain.patterns().enumerate().for_each(|(content, info)| offer(None, content, info, PAYLOAD_RANK));
    }
    best.map(|best| best.1)
}
