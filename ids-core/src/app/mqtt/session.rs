//! The state of one connection: bytes → messages, and which exchange each belongs to.
//!
//! A message has its length before it and nothing else to be found by: what is lost within one costs that one alone,
//! what is lost anywhere else ends reading.

use std::collections::HashMap;
use std::ops::Range;

use super::events::Event;
use super::message::{Content, Message, VERSION_5, kind};
use super::property::varying;
use super::tx::{Tx, Waiting};
use super::{Config, unit};
use crate::app::cursor::Cursor;
use crate::app::frames::Spans;
use crate::app::parser::{self, Input, Parsed};
use crate::app::queue::Queue;
use crate::field::Dir;

/// Type and flags, and a length of four bytes at most (MQTT 5.0 §2.1).
const LONGEST_HEAD: usize = 5;
/// Messages after which reading pauses.
const BATCH: usize = 256;
/// Reasons from this one on say that something failed (MQTT 5.0 §2.4).
const FAILURE: u8 = 0x80;

/// What a direction is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// At the start of a message.
    Head,
    /// In a message with this head, of so many bytes as a whole, of which so many bytes have not come.
    Within { head: u8, whole: usize, missing: usize },
    /// In a message that is passed over, so many bytes before its end.
    Skip(u64),
}

impl Place {
    /// So many bytes before the end of a message.
    const fn skip(left: u64) -> Self {
        if left == 0 { Self::Head } else { Self::Skip(left) }
    }
}

/// The state of one connection.
#[derive(Debug)]
pub(super) struct Session {
    config: Config,
    places: [Place; 2],
    /// The version of the connection, 0 before it is known.
    version: u8,
    /// A client has asked for a connection, which is this transaction.
    connecting: Option<u64>,
    asked: bool,
    /// A server has answered, or that was before anybody listened.
    connected: bool,
    waiting: HashMap<Waiting, u64, ahash::RandomState>,
    queue: Queue<Tx>,
    spans: Spans,
}

impl Session {
    /// `midstream`: its beginning was not seen.
    pub(super) fn new(config: Config, midstream: bool) -> Self {
        Self {
            config,
            places: [Place::Head; 2],
            version: 0,
            connecting: None,
            asked: midstream,
            connected: midstream,
            waiting: HashMap::default(),
            queue: Queue::default(),
            spans: Spans::default(),
        }
    }

    /// How many exchanges wait for an answer.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    fn place(&mut self, dir: Dir) -> &mut Place {
        let [client, server] = &mut self.places;
        if dir == Dir::ToServer { client } else { server }
    }

    /// Takes what it can from the start of `data`, which begins at `at` of the input. Out: bytes used, or how many it
    /// takes.
    fn step(&mut self, data: &[u8], at: usize, dir: Dir) -> Result<usize, Parsed> {
        if let Place::Skip(left) = *self.place(dir) {
            let used = usize::try_from(left).unwrap_or(usize::MAX).min(data.len());
            *self.place(dir) = Place::skip(left - used as u64);
            return Ok(used);
        }
        let wait = |need| Err(Parsed::Used { bytes: at, need });
        let mut rest = Cursor::big(data);
        let Some(head) = rest.u8() else { return wait(0) };
        let Some(length) = varying(&mut rest).and_then(|length| usize::try_from(length).ok()) else {
            if data.len() < LONGEST_HEAD {
                return wait(data.len() + 1);
            }
            self.begin(Tx::lone(dir, None, self.config.topics), &[Event::MalformedTraffic]);
            return Err(Parsed::Failed);
        };
        let used = data.len() - rest.rest().len();
        let whole = used + length;
        if whole > self.config.max_message {
            self.mark(at, used, length, dir);
            self.message(Message::skipped(head, self.version, whole), dir);
            *self.place(dir) = Place::Skip(length as u64);
            return Ok(used);
        }
        let Some(body) = rest.take(length) else {
            *self.place(dir) = Place::Within { head, whole, missing: length - rest.rest().len() };
            return wait(whole);
        };
        *self.place(dir) = Place::Head;
        self.mark(at, used, length, dir);
        match Message::read(head, self.version_for(head, length), body) {
            Ok(message) => self.message(message, dir),
            Err(event) => self.begin(Tx::lone(dir, None, self.config.topics), &[event]),
        }
        Ok(whole)
    }

    /// The version by which a message is read: where nobody heard the client name it, a server that says more than
    /// earlier versions have gives it away (MQTT 5.0 §3.2.2).
    fn version_for(&mut self, head: u8, length: usize) -> u8 {
        if self.version == 0 && head >> 4 == kind::CONNACK && length > 2 {
            self.version = VERSION_5;
        }
        self.version
    }

    /// Reports the frames of a message.
    fn mark(&mut self, at: usize, head: usize, length: usize, dir: Dir) {
        let frames = [(unit::PDU, at, head + length), (unit::HEADER, at, head), (unit::DATA, at + head, length)];
        for (kind, at, length) in frames {
            self.spans.start(kind, dir, at, Some(length as u64), None);
        }
    }

    /// Finds out what a message belongs to.
    fn message(&mut self, message: Message, dir: Dir) {
        let kind = message.kind();
        let mut odd = Vec::new();
        if message.qos() > 2 {
            odd.push(Event::InvalidQosLevel);
        }
        if message.id() == Some(0) {
            odd.push(Event::MissingMsgId);
        }
        if !self.connected && !matches!(kind, kind::CONNECT | kind::CONNACK | kind::AUTH) {
            odd.push(Event::UnintroducedMessage);
        }
        let failed = message.content().codes().any(|code| code >= FAILURE);
        match kind {
            kind::CONNECT => self.connect(message, dir, odd),
            kind::CONNACK => {
                self.connected = true;
                let asked = self.connecting.take();
                self.answer(asked, message, (dir, true), (Event::MissingConnect, odd));
            }
            kind::PUBLISH if message.qos() == 0 => self.begin(Tx::lone(dir, Some(message), self.config.topics), &odd),
            kind::PUBLISH | kind::SUBSCRIBE | kind::UNSUBSCRIBE => self.ask(message, dir, &odd),
            kind::PUBACK | kind::PUBCOMP => self.close(kind::PUBLISH, message, dir, (Event::MissingPublish, odd)),
            kind::PUBREC if failed => self.close(kind::PUBLISH, message, dir, (Event::MissingPublish, odd)),
            kind::PUBREC | kind::PUBREL => {
                let asker = if kind == kind::PUBREL { dir } else { dir.flip() };
                let asked = message.id().and_then(|id| self.waiting.get(&(asker, kind::PUBLISH, id)).copied());
                self.answer(asked, message, (dir, false), (Event::MissingPublish, odd));
            }
            kind::SUBACK => self.close(kind::SUBSCRIBE, message, dir, (Event::MissingSubscribe, odd)),
            kind::UNSUBACK => self.close(kind::UNSUBSCRIBE, message, dir, (Event::MissingUnsubscribe, odd)),
            _ => {
                if kind == kind::UNASSIGNED {
                    odd.push(Event::UnassignedMsgType);
                }
                self.begin(Tx::lone(dir, Some(message), self.config.topics), &odd);
            }
        }
    }

    fn connect(&mut self, message: Message, dir: Dir, mut odd: Vec<Event>) {
        if std::mem::replace(&mut self.asked, true) {
            odd.push(Event::DoubleConnect);
        }
        if let Content::Connect(connect) = message.content() {
            self.version = connect.version;
        }
        let before = self.connecting.replace(self.queue.numbers().end);
        self.end(before);
        self.begin(Tx::asking(dir, message, self.config.topics), &odd);
    }

    /// Begins an exchange that has a number. Another one with it that is not over gets no answer any more.
    fn ask(&mut self, message: Message, dir: Dir, odd: &[Event]) {
        if let Some(id) = message.id() {
            let before = self.waiting.insert((dir, message.kind(), id), self.queue.numbers().end);
            self.end(before);
            self.begin(Tx::asking(dir, message, self.config.topics), odd);
        } else {
            self.begin(Tx::lone(dir, Some(message), self.config.topics), odd);
        }
    }

    /// The last answer to what the other side asked with a message of this kind.
    fn close(&mut self, kind: u8, message: Message, dir: Dir, odd: (Event, Vec<Event>)) {
        let asked = message.id().and_then(|id| self.waiting.remove(&(dir.flip(), kind, id)));
        self.answer(asked, message, (dir, true), odd);
    }

    /// Adds an answer to what it answers, the last one if it is `over`; if that is not there, it stands alone, with the
    /// event that says so.
    fn answer(
        &mut self,
        asked: Option<u64>,
        message: Message,
        (dir, over): (Dir, bool),
        (missing, mut odd): (Event, Vec<Event>),
    ) {
        match asked.and_then(|id| self.queue.get_mut(id)) {
            Some(tx) => {
                odd.into_iter().for_each(|event| tx.note(event));
                tx.add(message, over);
            }
            None => {
                odd.push(missing);
                self.begin(Tx::lone(dir, Some(message), self.config.topics), &odd);
            }
        }
    }

    fn begin(&mut self, mut tx: Tx, odd: &[Event]) {
        odd.iter().for_each(|event| tx.note(*event));
        if self.queue.open() >= self.config.max_tx {
            let oldest = self.queue.drop_oldest().and_then(|(id, oldest)| Some((id, oldest.waiting()?)));
            if let Some((_, waiting)) = oldest.filter(|(id, waiting)| self.waiting.get(waiting) == Some(id)) {
                self.waiting.remove(&waiting);
            }
            tx.note(Event::TooManyTransactions);
        }
        self.queue.push(tx);
    }

    fn end(&mut self, id: Option<u64>) {
        if let Some(tx) = id.and_then(|id| self.queue.get_mut(id)) {
            tx.end();
        }
    }
}

impl parser::Session for Session {
    fn parse(&mut self, input: Input<'_>) -> Parsed {
        let mut at = 0;
        for _ in 0..BATCH {
            match self.step(input.data.get(at..).unwrap_or_default(), at, input.dir) {
                Ok(used) if used > 0 => at += used,
                Ok(_) => return Parsed::Used { bytes: at, need: 0 },
                Err(parsed) => return parsed,
            }
        }
        Parsed::Used { bytes: at, need: usize::from(at < input.data.len()) }
    }

    fn gap(&mut self, dir: Dir, bytes: u64) -> Parsed {
        match *self.place(dir) {
            Place::Within { head, whole, missing } if bytes <= missing as u64 => {
                self.message(Message::skipped(head, self.version, whole), dir);
                *self.place(dir) = Place::skip(missing as u64 - bytes);
            }
            Place::Skip(left) if bytes <= left => *self.place(dir) = Place::skip(left - bytes),
            Place::Head | Place::Within { .. } | Place::Skip(_) => return Parsed::Failed,
        }
        Parsed::Used { bytes: 0, need: 0 }
    }

    fn spans(&mut self) -> Option<&mut Spans> {
        Some(&mut self.spans)
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
