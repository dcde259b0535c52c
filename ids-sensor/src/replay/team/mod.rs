//! Several workers on one capture: the reader runs the first stage and deals packets out by flow, workers run the rest,
//! a merger puts their records in order.
//!
//! In: batches of captured packets.  Out: records to the writer, a tally and counters, the same for any number of
//! workers: every worker hears of every tick, works by the same clock, and takes its turn at shared state
//! ([`turn`]). What happens beyond a memory cap is the exception: each worker has caps of its own.

mod dealer;
mod merge;
mod piece;
mod turn;
mod work;

use std::sync::Arc;
use std::thread;

use crossbeam_channel::bounded;
use ids_core::app::App;
use ids_core::detect::rule_set::RuleSet;
use ids_core::detect::shared::Shared;
use ids_core::engine::{self, Engine};

use super::driver::Counted;
use super::summary::Tally;
use crate::output::Outputs;
use crate::output::sink::Scene;
pub(super) use dealer::Dealer;
use turn::{Places, Seat};
use work::Work;

/// Pieces that may wait for a worker, and for the merger from each.
const WAITING: usize = 8;

/// What a team works with.
pub(super) struct Setup<'a> {
    pub(super) workers: usize,
    pub(super) rules: &'a RuleSet,
    pub(super) settings: &'a Arc<engine::Config>,
    pub(super) app: &'a Arc<App>,
    pub(super) outputs: &'a Outputs,
    pub(super) scene: &'a Arc<Scene>,
}

/// Runs a team; `read` deals a whole capture out. Out: what all of them counted and measured.
pub(super) fn run(setup: &Setup<'_>, read: impl FnOnce(&mut Dealer)) -> (Tally, Counted) {
    let places = Places::new(setup.workers);
    let shared = Shared::default();
    thread::scope(|scope| {
        let (mut to_workers, mut from_workers, mut workers) = (Vec::new(), Vec::new(), Vec::new());
        for number in 0..setup.workers {
            let (send, pieces) = bounded(WAITING);
            let (rendered, receive) = bounded(WAITING);
            to_workers.push(send);
            from_workers.push(receive);
            let seat = Arc::new(Seat::new(&places, number));
            let shared = shared.in_turn(Arc::clone(&seat) as Arc<_>);
            let work = Work {
                engine: Engine::new(Arc::clone(setup.settings), Arc::clone(setup.app), shared),
                rules: setup.rules,
                seat,
                renderer: setup.outputs.part_renderer(setup.scene),
            };
            workers.push(scope.spawn(move || work.run(&pieces, &rendered)));
        }
        let (answer, answers) = bounded(1);
        let queue = setup.outputs.queue();
        let merger = scope.spawn(move || merge::run(&from_workers, &queue, &answer));
        let mut dealer = Dealer::new(setup.settings, to_workers, answers);
        read(&mut dealer);
        let mut sum = Counted { counters: dealer.finish(), ..Counted::default() };
        for worker in workers {
            let counted = worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            sum.merge(&counted);
        }
        let tally = merger.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        (tally, sum)
    })
}
