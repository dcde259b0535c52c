//! The reader's side of a team: runs the first stage, and deals every decoded packet to the worker of its flow.

use std::mem;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender};
use ids_core::counters::Counters;
use ids_core::decode::Frame;
use ids_core::engine::{Config, Route};
use ids_core::intake::Intake;
use ids_core::packet::{Packet, PacketIn};
use ids_core::time::Time;
use ids_core::verdict::Verdict;

use super::piece::{At, Claim, Close, Dropped, Piece};

/// Deals packets out.
pub(in crate::replay) struct Dealer {
    intake: Intake,
    counters: Counters,
    hands: Hands,
    workers: Vec<Sender<Piece>>,
    answers: Receiver<Verdict>,
}

/// The pieces in the making, one for each worker.
struct Hands {
    settings: Arc<Config>,
    pieces: Vec<Piece>,
    step: u64,
    clock: Time,
}

impl Dealer {
    pub(super) fn new(settings: &Arc<Config>, workers: Vec<Sender<Piece>>, answers: Receiver<Verdict>) -> Self {
        let pieces = workers.iter().map(|_| Piece::default()).collect();
        Self {
            intake: Intake::new(settings.decode.clone(), settings.defrag.clone()),
            counters: Counters::default(),
            hands: Hands { settings: Arc::clone(settings), pieces, step: 1, clock: Time::ZERO },
            workers,
            answers,
        }
    }

    /// Takes a captured packet.
    pub(in crate::replay) fn push(&mut self, packet: PacketIn<'_>) {
        let Self { intake, counters, hands, .. } = self;
        let id = packet.id;
        hands.clock = hands.clock.max(packet.time);
        let fate = intake.push(&Frame::from(&packet), counters, &mut |packet, _| hands.deal(packet));
        if fate.verdict != Verdict::Accept
            && let Some(piece) = hands.pieces.first_mut()
        {
            piece.dropped.push(Dropped { step: hands.step, id, verdict: fate.verdict });
        }
        let datagrams = intake.completed();
        if !datagrams.is_empty() {
            self.send(Close::Ask(id));
            // There is no answer only if a thread panicked, which its join tells.
            let verdict = self.answers.recv().unwrap_or_default();
            self.intake.settle(&datagrams, verdict);
        }
    }

    /// A batch is over.
    pub(in crate::replay) fn tick(&mut self, now: Time) {
        self.intake.tick(now, &mut self.counters);
        self.send(Close::Tick(now));
    }

    /// The capture is over. Out: what the first stage counted.
    pub(super) fn finish(mut self) -> Counters {
        self.send(Close::Finish);
        self.counters
    }

    /// Sends what was dealt to the workers.
    fn send(&mut self, close: Close) {
        if !matches!(close, Close::Ask(_)) {
            self.hands.step += 1;
        }
        for (worker, piece) in self.workers.iter().zip(&mut self.hands.pieces) {
            let mut piece = mem::take(piece);
            (piece.close, piece.next) = (close, self.hands.step);
            // A worker is gone only if it panicked, which its join tells.
            let _ = worker.send(piece);
        }
    }
}

impl Hands {
    fn deal(&mut self, packet: &Packet<'_>) {
        let workers = self.pieces.len();
        let worker = |hash: u64| Route::worker(hash, workers);
        let route = Route::of(packet, &self.settings.flow);
        let own = worker(route.own);
        let at = |claim| At { step: self.step, clock: self.clock, claim };
        match route.quoted.map(worker).filter(|quoted| *quoted != own) {
            None => self.pieces[own].push(packet, at(Claim::Own)),
            Some(quoted) => {
                let known = Arc::default();
                let (ask, answer) = (at(Claim::IfQuoted(Arc::clone(&known))), at(Claim::Unless(known, quoted)));
                self.pieces[quoted].push(packet, ask);
                self.pieces[own].push(packet, answer);
            }
        }
        self.step += 1;
    }
}
