//! A call, and the list of those that were not released.

use std::ops::Range;

use hashbrown::HashMap;
use smallvec::SmallVec;

use super::Config;
use super::fields::FIELDS;
use crate::app::parser::{self, Detail};
use crate::app::queue::Queue;
use crate::app::rpc::{Call, uuid};
use crate::field::{Dir, Value};
use crate::record::Writer;

/// How far a direction has come: positions in the protocol's lists of states.
pub(super) mod progress {
    pub(in super::super) const COMPLETE: u8 = 1;
}

/// A call.
#[derive(Debug, Default)]
pub(super) struct Tx {
    pub(super) call: Call,
    /// Datagrams: the client's conversation, as it was sent.
    pub(super) activity: Option<[u8; 16]>,
    revision: u32,
}

impl Tx {
    pub(super) fn new(call: Call, activity: Option<[u8; 16]>) -> Self {
        Self { call, activity, revision: 0 }
    }

    fn key(&self) -> Key {
        (self.activity, self.call.number)
    }

    /// Changes the call.
    pub(super) fn change(&mut self, change: impl FnOnce(&mut Call)) {
        self.revision += 1;
        change(&mut self.call);
    }
}

impl parser::Transaction for Tx {
    fn field<'a>(&'a self, field: usize, dir: Dir, instance: usize, scratch: &'a mut Vec<u8>) -> Value<'a> {
        let field = FIELDS.get(field).filter(|_| instance == 0);
        field.map_or(Value::Absent, |field| (field.get)(self, dir, instance, scratch))
    }

    fn progress(&self, dir: Dir) -> u8 {
        if self.call.is_done(dir) { progress::COMPLETE } else { 0 }
    }

    fn revision(&self, _: Dir) -> u32 {
        self.revision
    }

    fn events(&self) -> &[u8] {
        &[]
    }

    fn little_endian(&self, dir: Dir) -> bool {
        self.call.little(dir)
    }

    fn record(&self, _: &Detail<'_>, out: &mut dyn Writer) {
        self.call.record(false, out);
        let (major, minor) = self.call.version;
        match self.activity {
            // Shown as if the lowest byte came first, whatever the order of the datagram is.
            Some(activity) => {
                let activity = crate::app::rpc::packet::uuid(activity, true);
                out.text("activityuuid", uuid(activity).as_bytes());
                out.uint("seqnum", self.call.number.into());
            }
            None => out.uint("call_id", self.call.number.into()),
        }
        out.text("rpc_version", format!("{major}.{minor}").as_bytes());
    }
}

/// What tells calls apart: the activity of datagrams, and the number.
pub(super) type Key = (Option<[u8; 16]>, u32);

/// Calls of one number among which a packet's is looked for. Of those that are not complete each should have its own.
const MOST_OF_ONE: usize = 4;

/// The calls that were not released.
#[derive(Debug)]
pub(super) struct Calls {
    config: Config,
    queue: Queue<Tx>,
    /// The latest ones of each key, at most [`MOST_OF_ONE`].
    latest: HashMap<Key, SmallVec<[u64; MOST_OF_ONE]>, ahash::RandomState>,
    /// All calls before this one are complete.
    oldest: u64,
}

impl Calls {
    pub(super) fn new(config: Config) -> Self {
        Self { config, queue: Queue::default(), latest: HashMap::default(), oldest: 0 }
    }

    /// The newest call with this key of which this holds, or a new one. Where too many are open the oldest ends; where
    /// that does not help it goes.
    pub(super) fn find(&mut self, key: Key, is: impl Fn(&Tx) -> bool, new: impl FnOnce() -> Tx) -> Option<&mut Tx> {
        let latest = self.latest.get(&key).into_iter().flatten().rev();
        let known = latest.copied().find(|id| self.queue.get(*id).is_some_and(&is));
        let id = known.unwrap_or_else(|| self.push(new()));
        self.queue.get_mut(id)
    }

    fn push(&mut self, tx: Tx) -> u64 {
        let max = self.config.max_tx.max(1);
        if self.queue.open() >= 2 * max {
            self.release(self.queue.numbers().start);
        }
        if self.queue.open() >= max {
            self.end_oldest();
        }
        let key = tx.key();
        let id = self.queue.push(tx);
        let latest = self.latest.entry(key).or_default();
        if latest.len() >= MOST_OF_ONE {
            latest.remove(0);
        }
        latest.push(id);
        id
    }

    /// Ends the oldest call that is not complete, if there is one.
    fn end_oldest(&mut self) {
        let Range { start, end } = self.queue.numbers();
        let open = |tx: &Tx| !Dir::BOTH.into_iter().all(|dir| tx.call.is_done(dir));
        let oldest = (self.oldest.max(start)..end).find(|id| self.queue.get(*id).is_some_and(open));
        self.oldest = oldest.unwrap_or(end);
        if let Some(tx) = oldest.and_then(|id| self.queue.get_mut(id)) {
            Dir::BOTH.into_iter().for_each(|dir| tx.change(|call| call.finish(dir)));
        }
    }

    /// What clients sent was lost: responses without a request will not get one.
    pub(super) fn lose_requests(&mut self) {
        for tx in self.queue.iter_mut().filter(|tx| tx.call.is_lost()) {
            tx.change(|call| call.finish(Dir::ToServer));
        }
    }

    pub(super) fn numbers(&self) -> Range<u64> {
        self.queue.numbers()
    }

    pub(super) fn get(&self, id: u64) -> Option<&dyn parser::Transaction> {
        self.queue.get(id).map(|tx| tx as &dyn parser::Transaction)
    }

    pub(super) fn release(&mut self, id: u64) {
        let Some(key) = self.queue.get(id).map(Tx::key) else { return };
        self.queue.release(id);
        if let Some(latest) = self.latest.get_mut(&key) {
            latest.retain(|latest| *latest != id);
            if latest.is_empty() {
                self.latest.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn calls_are_looked_up_and_nothing_grows() {
        let mut calls = Calls::new(Config { max_tx: 100 });
        let looked = Cell::new(0);
        for number in (0..1000).chain([7; 1000]) {
            let none = |_: &Tx| {
                looked.set(looked.get() + 1);
                false
            };
            calls.find((None, number), none, || Tx::new(Call::new(number, (5, 0)), None));
            assert!(calls.queue.open() <= 200 && calls.latest.len() <= 200, "{number}");
        }
        assert!(looked.get() <= MOST_OF_ONE * 1000, "{} looks", looked.get());
        calls.numbers().for_each(|id| calls.release(id));
        assert_eq!((calls.numbers(), calls.latest.len()), (2000..2000, 0));
    }
}
