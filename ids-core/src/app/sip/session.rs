//! The state of one flow: datagrams or a stream → messages.
//!
//! Over UDP a message ends with its datagram, whatever it says: nothing that arrives is passed over for a length that is
//! too small. Over TCP it says how long its body is (RFC 3261 §18.3), and is read once it is all there, unless that is more
//! than [`LONGEST_BODY`]. What is lost within a body costs its message; after what is lost elsewhere, the next line that a
//! message can begin with is looked for.

use std::ops::Range;

use super::message::{Ends, Head, Message};
use super::start::{self, Start};
use super::{Event, PROTOCOL, fields, record, unit};
use crate::app::events::Events;
use crate::app::frames::Spans;
use crate::app::parser::{self, Detail, Input, Parsed};
use crate::app::queue::Queue;
use crate::field::{Dir, Dirs, Value};
use crate::record::Writer;

/// Messages after which reading pauses.
const BATCH: usize = 64;
/// Open transactions at which the oldest is dropped for a new one.
const MAX_OPEN: usize = 1024;
/// Longest first line that is waited for.
const LONGEST_LINE: usize = 8 << 10;
/// Longest head that is waited for.
const LONGEST_HEAD: usize = 64 << 10;
/// Longest body that is waited for; of messages with a longer one, only the head is read.
const LONGEST_BODY: u64 = 256 << 10;

/// One message; `None` if it cannot be read.
#[derive(Debug)]
pub(super) struct Tx {
    pub(super) message: Option<Message>,
    dir: Dir,
    events: Events,
}

/// Where a direction of a stream stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// At the start of a message, or in its head, of which so many bytes hold no end.
    Head(usize),
    /// In a body that is waited for, and of which so many bytes are missing.
    Body(u64),
    /// So many bytes are passed over.
    Skip(u64),
    /// After a gap, anywhere.
    Lost,
}

impl Place {
    const START: Self = Self::Head(0);
}

/// What a step came to.
enum Step {
    /// So many bytes are used up.
    Used(usize),
    /// A message is used up, so many bytes.
    Message(usize),
    /// It takes so many bytes that are not used, 0 for any more.
    Wait(usize),
    /// This is no SIP.
    Failed,
}

/// The state of one flow.
#[derive(Debug)]
pub(super) struct Session {
    udp: bool,
    places: [Place; 2],
    /// By direction: what comes is not all there is.
    cut: [bool; 2],
    queue: Queue<Tx>,
    spans: Spans,
}

impl Session {
    pub(super) fn new(udp: bool) -> Self {
        Self { udp, places: [Place::START; 2], cut: [false; 2], queue: Queue::default(), spans: Spans::default() }
    }

    /// What a datagram begins with that cannot begin a message, keeps a mapping alive (RFC 5626 §4.4).
    fn datagram(&mut self, data: &[u8], dir: Dir) {
        let blank = blank_lines(data);
        let data = data.get(blank..).unwrap_or_default();
        if !data.first().is_some_and(|byte| start::is_token_byte(*byte)) {
            return;
        }
        let ends = Ends::find(data, 0);
        let Some(head) = Head::read(data, ends.unwrap_or_else(|| Ends::of_all(data))) else {
            self.odd(dir);
            return;
        };
        let body = (data.len() - head.ends.head) as u64;
        let whole = ends.is_some() && head.length.is_none_or(|length| length <= body);
        self.message(data, head, body, dir, blank, whole);
    }

    /// Takes a message, which begins so far into the input. In: what is there of it, and how long its body is said to be.
    fn message(&mut self, bytes: &[u8], head: Head, body: u64, dir: Dir, at: usize, whole: bool) {
        let (ends, against) = (head.ends, head.start.dir() != dir);
        let mut events = Events::default();
        if !whole {
            events.note(Event::IncompleteData as u8);
        }
        if head.odd {
            events.note(Event::InvalidData as u8);
        }
        let tx = (!against).then(|| self.push(Tx { message: Some(Message::new(bytes, head)), dir, events }));
        self.spans.start(unit::PDU, dir, at, Some(ends.head as u64 + body), tx);
        if against {
            return;
        }
        let mut part = |kinds: [usize; 2], from: usize, length: u64| {
            let [request, response] = kinds;
            let kind = if dir == Dir::ToServer { request } else { response };
            if length > 0 {
                self.spans.start(kind, dir, at + from, Some(length), tx);
            }
        };
        part(unit::LINE, 0, ends.line as u64);
        part(unit::HEADERS, ends.line, (ends.headers - ends.line) as u64);
        part(unit::BODY, ends.head, body);
    }

    fn push(&mut self, tx: Tx) -> u64 {
        if self.queue.open() >= MAX_OPEN {
            self.queue.drop_oldest();
        }
        self.queue.push(tx)
    }

    /// What came is no message.
    fn odd(&mut self, dir: Dir) {
        let mut events = Events::default();
        events.note(Event::InvalidData as u8);
        self.push(Tx { message: None, dir, events });
    }

    /// Takes the next step in a stream; `data` begins at `at` of the input, and nothing follows it if it is the `last`.
    fn step(&mut self, data: &[u8], at: usize, dir: Dir, last: bool) -> Step {
        match *dir.of(&mut self.places) {
            _ if data.is_empty() => Step::Wait(0),
            Place::Head(searched) => self.head(data, at, dir, searched, last),
            Place::Body(_) => self.head(data, at, dir, 0, last),
            Place::Skip(left) => {
                let passed = data.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                let left = left - passed as u64;
                *dir.of(&mut self.places) = if left == 0 { Place::START } else { Place::Skip(left) };
                Step::Used(passed)
            }
            Place::Lost => self.find(data, dir, last),
        }
    }

    /// A message from its first byte on.
    fn head(&mut self, data: &[u8], at: usize, dir: Dir, searched: usize, last: bool) -> Step {
        let blank = blank_lines(data);
        if blank > 0 {
            return Step::Used(blank);
        }
        let found = Ends::find(data, searched);
        if found.is_none() && !last {
            let hopeless = match memchr::memchr(b'\n', data) {
                // The line is looked at when it is there first.
                Some(end) if searched <= end && Start::read(data.get(..end).unwrap_or_default()).is_none() => true,
                Some(_) => data.len() > LONGEST_HEAD,
                None => data.len() > LONGEST_LINE,
            };
            if hopeless {
                self.odd(dir);
                return Step::Failed;
            }
            // An empty line takes up to three bytes.
            *dir.of(&mut self.places) = Place::Head(data.len().saturating_sub(2));
            return Step::Wait(0);
        }
        let Some(head) = Head::read(data, found.unwrap_or_else(|| Ends::of_all(data))) else {
            self.odd(dir);
            return Step::Failed;
        };
        *dir.of(&mut self.places) = Place::START;
        self.body(data, at, dir, head, found.is_some(), last)
    }

    /// A message whose head is there, or all that is there of one. In: whether it is the head.
    fn body(&mut self, data: &[u8], at: usize, dir: Dir, head: Head, headed: bool, last: bool) -> Step {
        let (start, length) = (head.ends.head, head.length.unwrap_or(0));
        let there = (data.len() - start) as u64;
        if length > LONGEST_BODY {
            let bytes = data.get(..start).unwrap_or(data);
            self.message(bytes, head, length, dir, at, true);
            *dir.of(&mut self.places) = Place::Skip(length);
            return Step::Message(start);
        }
        if there < length && !last {
            *dir.of(&mut self.places) = Place::Body(length - there);
            return Step::Wait(start.saturating_add(usize::try_from(length).unwrap_or(usize::MAX)));
        }
        let cut = *dir.of(&mut self.cut);
        let end = usize::try_from(length).map_or(data.len(), |length| data.len().min(start.saturating_add(length)));
        let bytes = data.get(..end).unwrap_or(data);
        self.message(bytes, head, length, dir, at, cut || headed && there >= length);
        Step::Message(end)
    }

    /// Looks for a line that a message begins with.
    fn find(&mut self, data: &[u8], dir: Dir, last: bool) -> Step {
        let mut begin = 0;
        for end in memchr::memchr_iter(b'\n', data) {
            if Start::read(data.get(begin..end).unwrap_or_default()).is_some() {
                *dir.of(&mut self.places) = Place::START;
                return Step::Used(begin);
            }
            begin = end + 1;
        }
        let open = data.len() - begin;
        match begin {
            _ if last || open > LONGEST_LINE => Step::Used(data.len()),
            0 => Step::Wait(0),
            begin => Step::Used(begin),
        }
    }
}

/// How many bytes of empty lines stand before a message (RFC 3261 §7.5).
fn blank_lines(data: &[u8]) -> usize {
    data.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count()
}

impl parser::Session for Session {
    fn parse(&mut self, input: Input<'_>) -> Parsed {
        if self.udp {
            self.datagram(input.data, input.dir);
            return Parsed::all(&input);
        }
        let (mut at, mut taken) = (0, 0);
        loop {
            let rest = input.data.get(at..).unwrap_or_default();
            if taken == BATCH && !rest.is_empty() {
                return Parsed::Used { bytes: at, need: 1 };
            }
            match self.step(rest, at, input.dir, input.last) {
                Step::Used(bytes) => at += bytes,
                Step::Message(bytes) => (at, taken) = (at + bytes, taken + 1),
                Step::Wait(need) => return Parsed::Used { bytes: at, need },
                Step::Failed => return Parsed::Failed,
            }
        }
    }

    fn gap(&mut self, dir: Dir, bytes: u64) -> Parsed {
        let place = dir.of(&mut self.places);
        *place = match *place {
            Place::Body(missing) | Place::Skip(missing) if bytes < missing => Place::Skip(missing - bytes),
            Place::Body(missing) | Place::Skip(missing) if bytes == missing => Place::START,
            _ => Place::Lost,
        };
        Parsed::Used { bytes: 0, need: 0 }
    }

    fn cut(&mut self, dir: Dir) {
        *dir.of(&mut self.cut) = true;
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

impl parser::Transaction for Tx {
    fn field<'a>(&'a self, field: usize, dir: Dir, instance: usize, scratch: &'a mut Vec<u8>) -> Value<'a> {
        let field = fields::FIELDS.get(field).filter(|field| dir == self.dir && field.info.dirs.contains(dir));
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
        if let Some(message) = &self.message {
            record::write(message, out);
        }
    }
}
