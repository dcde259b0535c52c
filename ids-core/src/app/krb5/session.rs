//! The state of one flow: datagrams or a stream → messages.
//!
//! Over TCP each message has its length before it (RFC 4120 §7.2.2). What is lost within one costs that one, what is
//! lost elsewhere ends reading: a message has no mark to find it by.

use std::ops::Range;

use kerberos_parser::krb5::MessageType;

use super::PROTOCOL;
use super::etype;
use super::fields::FIELDS;
use super::message::{Event, Message};
use crate::app::events::Events;
use crate::app::parser::{self, Detail, Input, Parsed};
use crate::app::queue::Queue;
use crate::field::{Dir, Dirs, Value};
use crate::record::Writer;

/// Messages after which reading pauses.
const BATCH: usize = 256;
/// Open transactions at which the oldest is dropped for a new one.
const MAX_OPEN: usize = 4096;
/// Longest message that is believed; tickets with many groups in them take some ten thousand bytes.
pub(super) const LONGEST: usize = 1 << 20;
/// Bytes of a length.
const LENGTH: usize = 4;

/// One message; `None` if it cannot be read.
#[derive(Debug)]
pub(super) struct Tx {
    pub(super) message: Option<Message>,
    dir: Dir,
    /// What an error is about.
    failed: Option<MessageType>,
    events: Events,
}

/// The state of one flow.
#[derive(Debug)]
pub(super) struct Session {
    udp: bool,
    /// By direction: bytes of a message that have not come yet, and are to be passed over if they are lost.
    missing: [u64; 2],
    /// By direction: bytes of a message, part of which was lost, that are still to come.
    skip: [u64; 2],
    /// What was asked last.
    asked: Option<MessageType>,
    queue: Queue<Tx>,
}

impl Session {
    pub(super) fn new(udp: bool) -> Self {
        Self { udp, missing: [0; 2], skip: [0; 2], asked: None, queue: Queue::default() }
    }

    fn message(&mut self, bytes: &[u8], dir: Dir) {
        let mut events = Events::default();
        let message = match Message::read(bytes) {
            Ok(None) => return,
            Ok(message) => message,
            Err(event) => {
                events.note(event as u8);
                None
            }
        };
        let mut failed = None;
        if let Some(message) = &message {
            if message.is_request() {
                self.asked = Some(message.kind);
            } else if message.error.is_some() {
                failed = self.asked.take();
            }
            if message.encryption.and_then(etype::of).is_some_and(|row| row.weak) {
                events.note(Event::WeakEncryption as u8);
            }
        }
        if self.queue.open() >= MAX_OPEN {
            self.queue.drop_oldest();
        }
        self.queue.push(Tx { message, dir, failed, events });
    }
}

impl parser::Session for Session {
    fn parse(&mut self, input: Input<'_>) -> Parsed {
        if self.udp {
            self.message(input.data, input.dir);
            return Parsed::all(&input);
        }
        let skip = input.dir.of(&mut self.skip);
        let mut at = usize::try_from(*skip).unwrap_or(usize::MAX).min(input.data.len());
        *skip -= at as u64;
        let mut taken = 0;
        loop {
            let rest = input.data.get(at..).unwrap_or_default();
            let Some((length, body)) = rest.split_first_chunk::<LENGTH>() else {
                *input.dir.of(&mut self.missing) = 0;
                return Parsed::Used { bytes: at, need: if rest.is_empty() { 0 } else { LENGTH } };
            };
            let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
            if length > LONGEST {
                return Parsed::Failed;
            }
            let Some(body) = body.get(..length) else {
                *input.dir.of(&mut self.missing) = (LENGTH + length - rest.len()) as u64;
                return Parsed::Used { bytes: at, need: LENGTH + length };
            };
            if taken == BATCH {
                return Parsed::Used { bytes: at, need: 1 };
            }
            taken += 1;
            self.message(body, input.dir);
            at += LENGTH + length;
        }
    }

    fn gap(&mut self, dir: Dir, bytes: u64) -> Parsed {
        let (missing, skip) = (dir.of(&mut self.missing), dir.of(&mut self.skip));
        let left = (*missing).max(*skip);
        if left == 0 || bytes > left {
            return Parsed::Failed;
        }
        (*missing, *skip) = (0, left - bytes);
        Parsed::Used { bytes: 0, need: 0 }
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

impl parser::Transaction for Tx {
    fn field<'a>(&'a self, field: usize, dir: Dir, instance: usize, scratch: &'a mut Vec<u8>) -> Value<'a> {
        let field = FIELDS.get(field).filter(|_| dir == self.dir);
        field.map_or(Value::Absent, |field| (field.get)(self, dir, instance, scratch))
    }

    fn dirs(&self) -> Dirs {
        self.dir.only()
    }

    fn progress(&self, dir: Dir) -> u8 {
        PROTOCOL.complete(dir)
    }

    fn revision(&self, _: Dir) -> u32 {
        0
    }

    fn events(&self) -> &[u8] {
        &self.events
    }

    fn recorded(&self) -> bool {
        self.message.is_some()
    }

    fn record(&self, _: &Detail<'_>, out: &mut dyn Writer) {
        let Some(message) = &self.message else { return };
        out.text("msg_type", format!("{:?}", message.kind).as_bytes());
        if let Some(code) = message.error {
            let failed = self.failed.map_or_else(|| "UNKNOWN".to_owned(), |kind| format!("{kind:?}"));
            out.text("failed_request", failed.as_bytes());
            out.text("error_code", format!("{code:?}").as_bytes());
        }
        let joined =
            |name: &Option<Vec<String>>| name.as_ref().map_or_else(|| "<empty>".to_owned(), |name| name.join("/"));
        out.text("cname", joined(&message.client).as_bytes());
        out.text("realm", message.realm.as_deref().unwrap_or("<empty>").as_bytes());
        out.text("sname", joined(&message.server).as_bytes());
        encryption(message.encryption, ["encryption", "weak_encryption"], out);
        if message.ticket.is_some() {
            encryption(message.ticket, ["ticket_encryption", "ticket_weak_encryption"], out);
        }
    }
}

/// Writes how something is encrypted, and whether that is weak.
fn encryption(number: Option<i32>, [name, weak]: [&str; 2], out: &mut dyn Writer) {
    let row = number.and_then(etype::of);
    match (row, number) {
        (Some(row), _) => out.text(name, row.name.as_bytes()),
        (None, Some(number)) => out.text(name, number.to_string().as_bytes()),
        (None, None) => out.text(name, b"<none>"),
    }
    out.flag(weak, row.is_some_and(|row| row.weak));
}
