//! The open transactions of a flow, with what the engine has done with each.
//!
//! In: the session's range of numbers.  Out: pairs of a transaction and the engine's state of it, oldest first;
//! those that are logged and inspected are released.

use std::collections::VecDeque;

use super::parser::{Protocol, Session, Transaction};
use super::registry::ProtoId;
use crate::field::Dir;

/// What the engine has done with a transaction; `T` is detection's own state of it.
#[derive(Debug)]
pub struct TxState<T> {
    /// Number of the transaction within its session.
    pub id: u64,
    /// Its record was written, or none is to be.
    pub logged: bool,
    /// Inspection is over, by direction.
    pub inspected: [bool; 2],
    /// How many of its events were told.
    pub events: usize,
    /// How many of its files were told, by direction.
    pub files: [usize; 2],
    /// Detection's own state.
    pub detect: T,
}

/// An open transaction with the engine's state of it.
pub struct Open<'a, T> {
    /// The protocol.
    pub protocol: &'static Protocol,
    /// Its number.
    pub proto: ProtoId,
    /// The transaction.
    pub tx: &'a dyn Transaction,
    /// What was done with it; its number too.
    pub state: &'a mut TxState<T>,
    /// Nothing more will come of it: what is open counts as complete.
    pub(super) ended: bool,
}

impl<T> Open<'_, T> {
    /// How far a direction has come: complete once the flow or the protocol ended.
    pub fn progress(&self, dir: Dir) -> u8 {
        if self.ended { self.protocol.complete(dir) } else { self.tx.progress(dir) }
    }

    /// Whether a direction is complete.
    pub fn complete(&self, dir: Dir) -> bool {
        self.progress(dir) >= self.protocol.complete(dir)
    }
}

/// The open transactions of one session.
#[derive(Debug)]
pub(super) struct Txs<T> {
    open: VecDeque<TxState<T>>,
    /// Number of the first transaction that was not met yet.
    next: u64,
}

impl<T> Default for Txs<T> {
    fn default() -> Self {
        Self { open: VecDeque::new(), next: 0 }
    }
}

impl<T: Default> Txs<T> {
    /// Begins anew, for another session.
    pub(super) fn clear(&mut self) {
        self.open.clear();
        self.next = 0;
    }

    /// Makes room for transactions that came up since the last call, and forgets those that the session
    /// dropped. Out: how many came up, and how many were dropped before they were released.
    pub(super) fn meet(&mut self, session: &dyn Session) -> (u64, u64) {
        let ids = session.transactions();
        let fresh = self.next.max(ids.start)..ids.end;
        let mut dropped = ids.start.saturating_sub(self.next);
        let met = ids.end.saturating_sub(self.next);
        self.open.extend(fresh.map(|id| TxState {
            id,
            logged: false,
            inspected: [false; 2],
            events: 0,
            files: [0; 2],
            detect: T::default(),
        }));
        self.next = self.next.max(ids.end);
        while self.open.front().is_some_and(|tx| tx.id < ids.start) {
            dropped += 1;
            self.open.pop_front();
        }
        (met, dropped)
    }

    /// The open ones, oldest first.
    pub(super) fn iter(&mut self) -> impl Iterator<Item = &mut TxState<T>> {
        self.open.iter_mut()
    }

    /// Releases those that are logged and inspected in the directions they have, and that nobody `holds`.
    pub(super) fn release(&mut self, session: &mut dyn Session, holds: impl Fn(u64) -> bool) {
        self.open.retain(|state| {
            if !state.logged || holds(state.id) {
                return true;
            }
            let dirs = session.transaction(state.id).map(Transaction::dirs);
            let over = |dir: Dir| {
                let [request, response] = state.inspected;
                dirs.is_none_or(|dirs| !dirs.contains(dir)) || if dir == Dir::ToServer { request } else { response }
            };
            let over = Dir::BOTH.into_iter().all(over);
            if over {
                session.release(state.id);
            }
            !over
        });
    }
}
