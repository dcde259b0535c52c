//! Sessions of protocols each of whose datagrams is a transaction.
//!
//! In: datagrams.  Out: one transaction for each that is a message, in the direction in which it travelled.
//! Holds what the protocol keeps of a flow, and at most [`MAX_OPEN`] transactions; beyond, the oldest goes. Must not know
//! protocols: each says what a message is ([`Message`]).

use std::ops::Range;

use super::parser::{self, Detail, Input, Parsed, Protocol};
use super::queue::Queue;
use crate::field::{Dir, Dirs, Field, Value};
use crate::record::Writer;

/// Open transactions at which the oldest is dropped for a new one.
const MAX_OPEN: usize = 4096;

/// What a protocol makes of a datagram.
pub(super) trait Message: Sized + Send + 'static {
    /// What is kept of a flow for the messages to come.
    type Flow: Default + Send;

    /// Its protocol.
    fn protocol() -> &'static Protocol;

    /// What can be seen of it; the position is the number.
    fn fields() -> &'static [Field<Self>];

    /// Reads a datagram. Out: `None` if there is nothing to be told of it.
    fn read(flow: &mut Self::Flow, input: &Input<'_>) -> Option<Self>;

    /// What was odd; see [`parser::Transaction::events`].
    fn events(&self) -> &[u8];

    /// Whether a record is written for it.
    fn recorded(&self) -> bool {
        true
    }

    /// Writes the content of the protocol's object of the record.
    fn record(&self, detail: &Detail<'_>, out: &mut dyn Writer);
}

/// The state of one flow.
#[derive(Debug)]
pub(super) struct Session<M: Message> {
    flow: M::Flow,
    queue: Queue<Tx<M>>,
}

/// A message, and which way it went.
#[derive(Debug)]
struct Tx<M> {
    message: M,
    dir: Dir,
}

impl<M: Message> Default for Session<M> {
    fn default() -> Self {
        Self { flow: M::Flow::default(), queue: Queue::default() }
    }
}

impl<M: Message> parser::Session for Session<M> {
    fn parse(&mut self, input: Input<'_>) -> Parsed {
        if let Some(message) = M::read(&mut self.flow, &input) {
            if self.queue.open() >= MAX_OPEN {
                self.queue.drop_oldest();
            }
            self.queue.push(Tx { message, dir: input.dir });
        }
        Parsed::all(&input)
    }

    fn transactions(&self) -> Range<u64> {
        self.queue.numbers()
    }

    fn transaction(&self, id: u64) -> Option<&dyn parser::Transaction> {
        self.queue.get(id).map(|tx| tx as &dyn parser::Transaction)
    }

    fn release(&mut self, id: u64) {
        self.queue.release(id);
    }
}

impl<M: Message> parser::Transaction for Tx<M> {
    fn field<'a>(&'a self, field: usize, dir: Dir, instance: usize, scratch: &'a mut Vec<u8>) -> Value<'a> {
        let field = M::fields().get(field).filter(|field| dir == self.dir && field.info.dirs.contains(dir));
        let field = field.filter(|field| field.info.multi || instance == 0);
        field.map_or(Value::Absent, |field| (field.get)(&self.message, dir, instance, scratch))
    }

    fn dirs(&self) -> Dirs {
        self.dir.only()
    }

    fn progress(&self, dir: Dir) -> u8 {
        M::protocol().complete(dir)
    }

    fn revision(&self, _: Dir) -> u32 {
        0
    }

    fn events(&self) -> &[u8] {
        self.message.events()
    }

    fn recorded(&self) -> bool {
        self.message.recorded()
    }

    fn record(&self, detail: &Detail<'_>, out: &mut dyn Writer) {
        self.message.record(detail, out);
    }
}

/// For tests: the messages of both sides through a session.
#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::app::harness::{EXTENDED, input, text};
    use crate::app::parser::{Session as _, Transaction as _};

    /// What is seen of some datagrams.
    #[derive(Debug, Default, PartialEq, Eq)]
    pub(in crate::app) struct Seen {
        /// What the records show, of those that have one.
        pub(in crate::app) records: Vec<String>,
        /// Names of the events.
        pub(in crate::app) events: Vec<&'static str>,
    }

    /// Hands datagrams to a session, and looks at everything there is.
    pub(in crate::app) fn seen<M: Message>(datagrams: &[(Dir, Vec<u8>)]) -> Seen {
        let session = fed::<M>(datagrams);
        let mut seen = Seen::default();
        for tx in session.transactions().filter_map(|id| session.queue.get(id)) {
            seen.events.extend(tx.events().iter().map(|event| M::protocol().events[usize::from(*event)]));
            let record = text(|out| tx.record(&EXTENDED, out));
            if tx.recorded() {
                seen.records.push(record);
            }
            for field in 0..M::fields().len() {
                Dir::BOTH.iter().for_each(|dir| {
                    tx.field(field, *dir, 0, &mut Vec::new());
                });
            }
        }
        seen
    }

    /// All instances of a field in the message that came last.
    pub(in crate::app) fn last<M: Message>(name: &str, datagrams: &[(Dir, Vec<u8>)]) -> Vec<String> {
        let session = fed::<M>(datagrams);
        let field = M::fields().iter().position(|field| field.info.name == name).unwrap();
        let tx = session.queue.get(session.transactions().end - 1).unwrap();
        let mut scratch = Vec::new();
        let mut values = Vec::new();
        loop {
            match tx.field(field, tx.dir, values.len(), &mut scratch) {
                Value::Bytes(bytes) => values.push(String::from_utf8_lossy(bytes).into_owned()),
                Value::Uint(number) => values.push(number.to_string()),
                Value::Absent | Value::Stream { .. } => return values,
            }
        }
    }

    fn fed<M: Message>(datagrams: &[(Dir, Vec<u8>)]) -> Session<M> {
        let mut session = Session::<M>::default();
        for (dir, bytes) in datagrams {
            let parsed = session.parse(input(*dir, bytes, false));
            assert_eq!(parsed, Parsed::Used { bytes: bytes.len(), need: 0 });
        }
        session
    }
}
