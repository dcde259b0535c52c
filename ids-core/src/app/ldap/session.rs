//! The state of one flow: bytes → messages, and which request each answers.
//!
//! A message has its length in front and nothing else to be found by: what is lost within one costs that one alone, what
//! is lost elsewhere ends reading.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;

use super::events::Event;
use super::message::{Effect, Message};
use super::tx::Tx;
use super::{Config, PDU};
use crate::app::ber::{self, Head};
use crate::app::frames::Spans;
use crate::app::parser::{self, Input, Parsed};
use crate::app::queue::Queue;
use crate::field::Dir;

/// Messages of a stream after which reading pauses.
const BATCH: usize = 256;
/// Longer messages are passed over.
const LONGEST: usize = 1 << 20;
/// Bytes of messages that are kept of one flow; beyond, the oldest exchange goes for a new one, and responses but the last
/// are not kept.
const MAX_KEPT: usize = 4 << 20;
/// Requests that are remembered after they were abandoned, since what answers them may be on its way.
const MAX_ABANDONED: usize = 16;

/// What a direction is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// At the start of a message.
    Head,
    /// In a message of which so many bytes have not come.
    Within(u64),
    /// In a message that is passed over, so many bytes before its end.
    Skip(u64),
}

/// What was found at the start of the bytes.
enum Step {
    /// Something of so many bytes, which is done with.
    Used(usize),
    /// Too little: it takes so many bytes.
    Wait(usize),
    /// A message of so many bytes, after which both sides speak TLS.
    Tls(usize),
    /// No message.
    Bad,
}

/// The state of one flow.
#[derive(Debug)]
pub(super) struct Session {
    config: Config,
    udp: bool,
    places: [Place; 2],
    /// Requests that are not answered for good, by their numbers: their transactions.
    waiting: HashMap<u32, u64, ahash::RandomState>,
    /// Numbers of requests to which no answer is wanted any more, the latest last.
    abandoned: VecDeque<u32>,
    /// The number of a request for TLS.
    tls: Option<u32>,
    /// Bytes of the messages that are kept.
    kept: usize,
    queue: Queue<Tx>,
    spans: Spans,
}

impl Session {
    pub(super) fn new(config: Config, udp: bool) -> Self {
        Self {
            config,
            udp,
            places: [Place::Head; 2],
            waiting: HashMap::default(),
            abandoned: VecDeque::new(),
            tls: None,
            kept: 0,
            queue: Queue::default(),
            spans: Spans::default(),
        }
    }

    /// How many requests wait for an answer, and how many bytes are kept.
    #[cfg(test)]
    pub(super) fn held(&self) -> (usize, usize) {
        (self.waiting.len(), self.kept)
    }

    fn place(&mut self, dir: Dir) -> &mut Place {
        let [client, server] = &mut self.places;
        if dir == Dir::ToServer { client } else { server }
    }

    /// Takes what it can from the start of `data`, which begins at `at` of the input.
    fn step(&mut self, data: &[u8], at: usize, dir: Dir) -> Step {
        if let Place::Skip(left) = *self.place(dir) {
            let used = usize::try_from(left).unwrap_or(usize::MAX).min(data.len());
            let left = left - used as u64;
            *self.place(dir) = if left == 0 { Place::Head } else { Place::Skip(left) };
            return Step::Used(used);
        }
        let whole = match ber::head(data) {
            Head::Whole { tag: ber::SEQUENCE, size, length } => size + length,
            Head::Cut if data.first().is_none_or(|tag| *tag == ber::SEQUENCE) => return Step::Wait(0),
            Head::Whole { .. } | Head::Cut | Head::Bad => return Step::Bad,
        };
        if whole > LONGEST && !self.udp {
            self.begin(Tx::lone(None, dir), &[Event::InvalidData]);
            *self.place(dir) = Place::Skip(whole as u64);
            return Step::Used(0);
        }
        let Some(bytes) = data.get(..whole) else {
            *self.place(dir) = Place::Within((whole - data.len()) as u64);
            return Step::Wait(whole);
        };
        *self.place(dir) = Place::Head;
        let (tx, tls) = match Message::read(bytes) {
            Some(message) => self.message(message, dir),
            None => (Some(self.begin(Tx::lone(None, dir), &[Event::InvalidData])), false),
        };
        self.spans.start(PDU, dir, at, Some(whole as u64), tx);
        if tls { Step::Tls(whole) } else { Step::Used(whole) }
    }

    /// Finds out what a message belongs to. Out: that transaction, and whether TLS follows.
    fn message(&mut self, message: Message, dir: Dir) -> (Option<u64>, bool) {
        match (dir, message.effect) {
            (Dir::ToServer, Effect::Asks | Effect::AsksForTls | Effect::Tells | Effect::Abandons(_)) => {
                (Some(self.request(message)), false)
            }
            (Dir::ToClient, Effect::Goes | Effect::Ends) => {
                let tls = self.tls == Some(message.id) && message.is_success();
                (self.response(message), tls && !self.udp)
            }
            _ => (Some(self.begin(Tx::lone(Some(message), dir), &[Event::InvalidData])), false),
        }
    }

    fn request(&mut self, message: Message) -> u64 {
        let (number, effect) = (message.id, message.effect);
        let answered = match effect {
            Effect::AsksForTls => {
                self.tls = Some(number);
                true
            }
            Effect::Abandons(abandoned) => {
                self.abandon(abandoned);
                false
            }
            effect => effect == Effect::Asks,
        };
        let id = self.begin(Tx::of(message), &[]);
        if answered {
            // Another one of this number gets no answer any more.
            let before = self.waiting.insert(number, id);
            self.end(before);
        }
        id
    }

    fn abandon(&mut self, number: u32) {
        let Some(id) = self.waiting.remove(&number) else { return };
        self.end(Some(id));
        if self.abandoned.len() == MAX_ABANDONED {
            self.abandoned.pop_front();
        }
        self.abandoned.push_back(number);
    }

    /// Out: the transaction it was added to, or that it makes up; none if it comes too late.
    fn response(&mut self, message: Message) -> Option<u64> {
        let (number, size) = (message.id, message.len());
        let waiting = self.waiting.get(&number).copied();
        if message.effect == Effect::Ends {
            self.waiting.remove(&number);
        }
        let room = self.kept + size <= MAX_KEPT;
        if let Some((id, tx)) = waiting.and_then(|id| Some((id, self.queue.get_mut(id)?))) {
            let before = tx.bytes();
            tx.answer(message, room);
            self.kept += tx.bytes() - before;
            return Some(id);
        }
        if self.abandoned.contains(&number) {
            return None;
        }
        // A notification is not asked for (RFC 4511 §4.4).
        let odd: &[Event] = if number == 0 { &[] } else { &[Event::RequestNotFound] };
        Some(self.begin(Tx::lone(Some(message), Dir::ToClient), odd))
    }

    fn begin(&mut self, mut tx: Tx, odd: &[Event]) -> u64 {
        odd.iter().for_each(|event| tx.note(*event));
        let full = |session: &Self| {
            let open = session.queue.open();
            open >= session.config.max_tx || open > 0 && session.kept + tx.bytes() > MAX_KEPT
        };
        let mut dropped = false;
        while full(self) {
            dropped = true;
            let Some((id, oldest)) = self.queue.drop_oldest() else { break };
            self.forget(id, &oldest);
        }
        if dropped {
            tx.note(Event::TooManyTransactions);
        }
        self.kept += tx.bytes();
        self.queue.push(tx)
    }

    fn end(&mut self, id: Option<u64>) {
        if let Some(tx) = id.and_then(|id| self.queue.get_mut(id)) {
            tx.end();
        }
    }

    /// A transaction is gone.
    fn forget(&mut self, id: u64, tx: &Tx) {
        self.kept -= tx.bytes();
        if let Some(request) = &tx.request
            && self.waiting.get(&request.id) == Some(&id)
        {
            self.waiting.remove(&request.id);
        }
    }

    /// Takes all messages of a datagram.
    fn datagram(&mut self, input: &Input<'_>) {
        let mut at = 0;
        while let Some(rest) = input.data.get(at..).filter(|rest| !rest.is_empty()) {
            match self.step(rest, at, input.dir) {
                Step::Used(used) | Step::Tls(used) => at += used,
                Step::Wait(_) => {
                    self.begin(Tx::lone(None, input.dir), &[Event::IncompleteData]);
                    return;
                }
                Step::Bad => {
                    self.begin(Tx::lone(None, input.dir), &[Event::InvalidData]);
                    return;
                }
            }
        }
    }
}

impl parser::Session for Session {
    fn parse(&mut self, input: Input<'_>) -> Parsed {
        if self.udp {
            self.datagram(&input);
            return Parsed::all(&input);
        }
        let mut at = 0;
        for _ in 0..BATCH {
            let rest = input.data.get(at..).unwrap_or_default();
            if rest.is_empty() {
                return Parsed::Used { bytes: at, need: 0 };
            }
            match self.step(rest, at, input.dir) {
                Step::Used(used) => at += used,
                Step::Wait(need) => return Parsed::Used { bytes: at, need },
                Step::Tls(used) => return Parsed::Switch { bytes: at + used, to: Some("tls") },
                Step::Bad => {
                    self.begin(Tx::lone(None, input.dir), &[Event::InvalidData]);
                    return Parsed::Failed;
                }
            }
        }
        Parsed::Used { bytes: at, need: usize::from(at < input.data.len()) }
    }

    fn gap(&mut self, dir: Dir, bytes: u64) -> Parsed {
        let place = self.place(dir);
        match *place {
            Place::Within(left) | Place::Skip(left) if bytes < left => *place = Place::Skip(left - bytes),
            Place::Within(left) | Place::Skip(left) if bytes == left => *place = Place::Head,
            Place::Head | Place::Within(_) | Place::Skip(_) => return Parsed::Failed,
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
        if let Some(tx) = self.queue.get(id) {
            self.kept -= tx.bytes();
        }
        self.queue.release(id);
    }
}
