//! A call, and the list of those that were not released.

use std::ops::Range;

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

/// The calls that were not released.
#[derive(Debug)]
pub(super) struct Calls {
    config: Config,
    queue: Queue<Tx>,
}

impl Calls {
    pub(super) fn new(config: Config) -> Self {
        Self { config, queue: Queue::default() }
    }

    /// The oldest call of which this holds, or a new one. Where too many are open the oldest ends; where that does not
    /// help it goes.
    pub(super) fn find(&mut self, is: impl Fn(&Tx) -> bool, new: impl FnOnce() -> Tx) -> Option<&mut Tx> {
        let numbers = self.queue.numbers();
        let known = numbers.clone().find(|id| self.queue.get(*id).is_some_and(&is));
        let id = match known {
            Some(id) => id,
            None => {
                let max = self.config.max_tx.max(1);
                if self.queue.open() >= 2 * max {
                    self.queue.release(numbers.start);
                }
                if self.queue.open() >= max {
                    let unfinished = |tx: &&mut Tx| !Dir::BOTH.into_iter().all(|dir| tx.call.is_done(dir));
                    let oldest = self.queue.iter_mut().find(unfinished);
                    oldest
                        .into_iter()
                        .for_each(|tx| Dir::BOTH.into_iter().for_each(|dir| tx.change(|call| call.finish(dir))));
                }
                self.queue.push(new())
            }
        };
        self.queue.get_mut(id)
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
        self.queue.release(id);
    }
}
