//! One worker: its pieces → verdicts and rendered records, piece by piece.

use std::mem;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crossbeam_channel::{Receiver, Sender};
use ids_core::detect::rule_set::RuleSet;
use ids_core::engine::Engine;
use ids_core::packet::Packet;
use ids_core::verdict::Verdict;

use super::piece::{At, Claim, Close, Dropped, Piece};
use super::turn::Seat;
use crate::output::lines::Lines;
use crate::output::renderer::Renderer;
use crate::replay::driver::{Counted, EngineSink};
use crate::replay::summary::Tally;

/// A worker and what it works with.
pub(super) struct Work<'a> {
    pub(super) engine: Engine,
    pub(super) rules: &'a RuleSet,
    pub(super) seat: Arc<Seat>,
    pub(super) renderer: Renderer,
}

/// What came of one piece.
pub(super) struct Rendered {
    pub(super) lines: Lines,
    pub(super) tally: Tally,
    pub(super) dropped: Vec<Dropped>,
    pub(super) close: Close,
}

/// Lets the others go on when a worker ends, also when it panics.
struct Leaving(Arc<Seat>);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.leave();
    }
}

impl Work<'_> {
    /// Works until there are no more pieces. Out: what was counted.
    pub(super) fn run(self, pieces: &Receiver<Piece>, rendered: &Sender<Rendered>) -> Counted {
        let Self { mut engine, rules, seat, renderer } = self;
        let _leaving = Leaving(Arc::clone(&seat));
        let mut tally = Tally::default();
        let mut sink = EngineSink { renderer, tally: &mut tally };
        for mut piece in pieces {
            let mut dropped = mem::take(&mut piece.dropped);
            let (close, next) = (piece.close, piece.next);
            for (at, mut packet) in piece.packets() {
                seat.reach(at.step);
                if !is_mine(&at, &packet, &mut engine, &seat) {
                    continue;
                }
                sink.renderer.step(at.step, false);
                let verdict = engine.packet(rules, &mut packet, at.clock, &mut sink);
                if verdict != Verdict::Accept {
                    dropped.push(Dropped { step: at.step, id: packet.id, verdict });
                }
            }
            if !matches!(close, Close::Ask(_)) {
                seat.reach(next - 1);
                sink.renderer.step(next - 1, true);
            }
            match close {
                Close::Ask(_) => {}
                Close::Tick(now) => engine.tick(rules, now, &mut sink),
                Close::Finish => engine.finish(rules, &mut sink),
            }
            seat.reach(next);
            let (lines, tally) = (sink.renderer.take(), mem::take(sink.tally));
            if rendered.send(Rendered { lines, tally, dropped, close }).is_err() {
                // The merger ends early only when another worker panicked, which its join tells.
                break;
            }
        }
        Counted::of(&engine)
    }
}

/// Whether a packet is this worker's.
fn is_mine(at: &At, packet: &Packet<'_>, engine: &mut Engine, seat: &Seat) -> bool {
    match &at.claim {
        Claim::Own => true,
        Claim::IfQuoted(known) => {
            let mine = engine.knows_quoted(packet, at.clock);
            known.store(mine, Ordering::Release);
            mine
        }
        Claim::Unless(known, other) => {
            seat.wait_for(*other, at.step);
            !known.load(Ordering::Acquire)
        }
    }
}
