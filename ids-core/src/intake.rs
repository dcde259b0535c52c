//! The first stage of the engine: one captured packet → every packet in it.
//!
//! In: a [`Frame`].  Out: through a callback, in this order: the packet as captured; what a tunnel in it
//! carries, outermost first; after a fragment that completes its datagram, that datagram and what it carries.
//! Holds fragments that wait for others, which several intakes of one port may share.  Must not know flows or rules.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::counters::{Counter, Counters};
use crate::decode::{self, Frame, Start, decode};
use crate::defrag::{self, Defrag, Outcome};
use crate::packet::Packet;
use crate::time::Time;
use crate::verdict::Verdict;

/// Takes packets as they are found; the counters are handed through.
pub type Emit<'e> = dyn FnMut(&mut Packet<'_>, &mut Counters) + 'e;

/// What fragments in a captured packet mean for its fate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fate {
    /// A drop, if a fragment is a late copy of part of a datagram that was dropped.
    pub verdict: Verdict,
}

/// Fragments that wait for others. Their lock is taken for fragments alone, and when a second is over.
#[derive(Clone, Debug, Default)]
pub struct Fragments(Arc<Mutex<Defrag>>);

impl Fragments {
    fn table(&self) -> MutexGuard<'_, Defrag> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Decoding and defragmentation.
#[derive(Debug, Default)]
pub struct Intake {
    config: decode::Config,
    fragments: Fragments,
    /// The fragments are another intake's, which tells of their memory.
    guest: bool,
    /// Datagrams that the latest captured packet completed.
    completed: Vec<defrag::Key>,
}

impl Intake {
    /// Nothing was taken in yet.
    pub fn new(config: decode::Config, defrag: defrag::Config) -> Self {
        let fragments = Fragments(Arc::new(Mutex::new(Defrag::new(defrag))));
        Self { config, fragments, guest: false, completed: Vec::new() }
    }

    /// The fragments that wait here.
    pub fn fragments(&self) -> Fragments {
        self.fragments.clone()
    }

    /// From now on fragments wait where those of another intake do: any of them may get the one that is missing.
    pub fn join(&mut self, fragments: Fragments) {
        (self.fragments, self.guest) = (fragments, true);
    }

    /// Takes one captured packet, and hands every packet in it to `emit`.
    pub fn push(&mut self, frame: &Frame<'_>, counters: &mut Counters, emit: &mut Emit<'_>) -> Fate {
        self.completed.clear();
        let mut fate = Fate::default();
        let start = Start::captured(frame, &self.config, counters);
        self.take(start, counters, emit, &mut fate);
        fate
    }

    /// The datagrams that the latest captured packet completed, whose fate matters to what follows.
    pub fn completed(&mut self) -> Vec<defrag::Key> {
        mem::take(&mut self.completed)
    }

    /// Says what became of a captured packet, so that late copies of the fragments of datagrams that it completed share
    /// its fate.
    pub fn settle(&self, datagrams: &[defrag::Key], verdict: Verdict) {
        for key in datagrams {
            self.fragments.table().settle(key, verdict);
        }
    }

    /// Lets time pass: datagrams that take too long are given up.
    pub fn tick(&self, now: Time, counters: &mut Counters) {
        if !self.guest {
            self.fragments.table().expire(now, counters);
        }
    }

    /// Decodes and emits one packet and all that it carries. Calls itself for a datagram that was completed;
    /// what is in there has fewer layers left, which ends it.
    fn take(&mut self, start: Start<'_>, counters: &mut Counters, emit: &mut Emit<'_>, fate: &mut Fate) {
        let mut next = Some(start);
        while let Some(mut start) = next {
            next = decode(&mut start, &self.config, counters);
            let Start { packet, layers_left, .. } = &mut start;
            if packet.layers.fragment.is_none() {
                emit(packet, counters);
                continue;
            }
            let outcome = self.fragments.table().push(packet, counters);
            if self.guest {
                counters.set(Counter::DefragMemuse, 0);
            }
            if let Outcome::Refused(refusal) = &outcome {
                packet.refused = Some(*refusal);
            }
            emit(packet, counters);
            match outcome {
                Outcome::Held | Outcome::Refused(_) => {}
                Outcome::Late(verdict) => fate.verdict = fate.verdict.and(verdict),
                Outcome::Complete(datagram) => {
                    self.completed.push(datagram.key);
                    let start = Start::reassembled(packet, &datagram.link, &datagram.bytes, *layers_left);
                    self.take(start, counters, emit, fate);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
