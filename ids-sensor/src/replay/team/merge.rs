//! The merger: what the workers made of each piece → lines in order for the writer, and one tally.

use std::collections::BTreeSet;

use crossbeam_channel::{Receiver, Sender};
use ids_core::verdict::Verdict;

use super::piece::{Close, Dropped};
use super::work::Rendered;
use crate::output::lines::Lines;
use crate::output::writer::Queue;
use crate::replay::summary::Tally;

/// Merges until the workers end. `answer` gets the fates that the reader asks for. Out: what was counted.
pub(super) fn run(workers: &[Receiver<Rendered>], queue: &Queue, answer: &Sender<Verdict>) -> Tally {
    let mut tally = Tally::default();
    let mut merged = Lines::default();
    loop {
        let parts: Result<Vec<Rendered>, _> = workers.iter().map(Receiver::recv).collect();
        let Ok(parts) = parts else { return tally };
        let close = parts.first().map(|part| part.close);
        let (mut lines, mut tallies, mut dropped) = (Vec::new(), Vec::new(), Vec::new());
        for part in parts {
            lines.push(part.lines);
            tallies.push(part.tally);
            dropped.extend(part.dropped);
        }
        if let Some(Close::Ask(id)) = close {
            // The reader is gone only if it panicked.
            let _ = answer.send(fate(&dropped, id));
        }
        tally.add(tallies);
        tally.dropped += dropped.iter().map(|dropped| dropped.id).collect::<BTreeSet<_>>().len() as u64;
        merged.merge(&lines);
        if !merged.is_empty() {
            queue.send(&mut merged);
        }
    }
}

/// What became of a captured packet: the first of its parts that was dropped says why.
fn fate(dropped: &[Dropped], id: u64) -> Verdict {
    let first = dropped.iter().filter(|dropped| dropped.id == id).min_by_key(|dropped| dropped.step);
    first.map_or(Verdict::Accept, |dropped| dropped.verdict)
}
