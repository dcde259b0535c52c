//! The state of one connection: a stream → frames → fragments.
//!
//! A fragment is put together of what frames carry, as long as their numbers follow each other (IEEE 1815 §8.2). Where no
//! frame begins, the next one is looked for, so that what is lost or damaged costs its fragment alone.

use std::ops::Range;

use super::link::{self, HEADER, Header, START};
use super::objects::{self, Object};
use super::{Config, Event, PROTOCOL, fields, record};
use crate::app::cursor::Cursor;
use crate::app::events::Events;
use crate::app::parser::{self, Detail, Input, Parsed};
use crate::app::queue::Queue;
use crate::field::{Dir, Value};
use crate::record::Writer;

/// Transactions that begin after which reading pauses.
const BATCH: u64 = 64;
/// Open transactions at which the oldest is dropped for a new one.
const MOST_OPEN: usize = 512;
/// Longest fragment: what as many frames carry as there are numbers for (IEEE 1815 §8.2.1.3).
const LONGEST: usize = 64 * 249;

/// Bits of the octet that transport puts before its data (IEEE 1815 §8.2.1).
mod transport {
    pub(super) const FIN: u8 = 0x80;
    pub(super) const FIR: u8 = 0x40;
    pub(super) const SEQUENCE: u8 = 0x3f;
}

/// Numbers of functions (IEEE 1815 §4.2.2.5).
pub(super) mod function {
    pub(in super::super) const CONFIRM: u8 = 0;
    pub(in super::super) const RESPONSE: u8 = 129;
    pub(in super::super) const UNSOLICITED: u8 = 130;
}

/// A fragment that was put together.
#[derive(Debug)]
pub(super) struct Message {
    /// The header of its first frame.
    pub(super) link: Header,
    pub(super) control: u8,
    pub(super) function: u8,
    /// What an outstation tells of itself (IEEE 1815 §4.2.2.6); only in responses.
    pub(super) indications: Option<u16>,
    pub(super) bytes: Vec<u8>,
    /// Where the objects begin.
    body: usize,
    pub(super) objects: Vec<Object>,
}

impl Message {
    /// Reads a fragment. Out: it, and what keeps objects from being read; nothing if it is too short.
    fn read(link: Header, bytes: Vec<u8>, config: &Config) -> Option<(Self, Option<Event>)> {
        let mut at = Cursor::new(&bytes, true);
        let (control, code) = (at.u8()?, at.u8()?);
        let indications = if code >= function::RESPONSE { Some(at.u16()?) } else { None };
        let body = bytes.len() - at.rest().len();
        let (objects, event) = objects::read(at.rest(), code, config);
        Some((Self { link, control, function: code, indications, body, objects, bytes }, event))
    }

    /// What stands behind its header.
    pub(super) fn content(&self) -> &[u8] {
        self.bytes.get(self.body..).unwrap_or_default()
    }

    /// Whether a response must follow: not to what confirms, and not where none is wanted.
    const fn is_answered(&self) -> bool {
        !matches!(self.function, function::CONFIRM | 6 | 8 | 10 | 12 | 33 | function::RESPONSE..)
    }
}

/// A fragment; `None` if nothing could be read.
#[derive(Debug)]
pub(super) struct Tx {
    pub(super) message: Option<Message>,
    dir: Dir,
    events: Events,
}

/// A fragment that is being put together.
#[derive(Debug)]
struct Fragment {
    link: Header,
    bytes: Vec<u8>,
    /// The number of the next part.
    next: u8,
}

/// One direction.
#[derive(Debug, Default)]
struct Side {
    fragment: Option<Fragment>,
    /// No frame was found since the last one ended.
    lost: bool,
}

/// The state of one connection.
#[derive(Debug)]
pub(super) struct Session {
    config: Config,
    sides: [Side; 2],
    /// Requests without a response.
    waiting: usize,
    queue: Queue<Tx>,
}

impl Session {
    pub(super) fn new(config: Config) -> Self {
        Self { config, sides: <[Side; 2]>::default(), waiting: 0, queue: Queue::default() }
    }

    fn side(&mut self, dir: Dir) -> &mut Side {
        let [client, server] = &mut self.sides;
        if dir == Dir::ToServer { client } else { server }
    }

    fn push(&mut self, message: Option<Message>, dir: Dir, happened: &[Event]) {
        let mut events = Events::default();
        happened.iter().for_each(|event| events.note(*event as u8));
        if self.queue.open() >= MOST_OPEN {
            self.queue.drop_oldest();
        }
        self.queue.push(Tx { message, dir, events });
    }

    /// What is there is not what it should be; told once until something is.
    fn lose(&mut self, dir: Dir, event: Event) {
        if !std::mem::replace(&mut self.side(dir).lost, true) {
            self.push(None, dir, &[event]);
        }
        self.side(dir).fragment = None;
    }

    /// Takes a frame, or what cannot be one. Out: how many bytes are used, or how many it takes.
    fn step(&mut self, data: &[u8], dir: Dir) -> Result<usize, usize> {
        let bytes = data.first_chunk::<HEADER>().ok_or(HEADER)?;
        let Some(header) = Header::read(bytes) else {
            self.lose(dir, Event::Malformed);
            let rest = data.get(1..).unwrap_or_default();
            // The last byte may be the first of the next frame.
            return Ok(memchr::memmem::find(rest, &START).map_or(rest.len(), |next| next + 1));
        };
        if !header.sound {
            self.lose(dir, Event::BadLinkCrc);
            return Ok(START.len());
        }
        let length = header.frame();
        let frame = data.get(HEADER..length).ok_or(length)?;
        self.side(dir).lost = false;
        if header.user.is_none() {
            self.push(None, dir, &[Event::LenTooSmall]);
        } else if header.carries() {
            self.part(header, frame, dir);
        }
        Ok(length)
    }

    /// Part of a fragment.
    fn part(&mut self, link: Header, blocks: &[u8], dir: Dir) {
        let before = self.side(dir).fragment.take();
        let Some(user) = link::user_data(blocks) else {
            self.push(None, dir, &[Event::BadTransportCrc]);
            return;
        };
        let Some((octet, part)) = user.split_first() else {
            self.push(None, dir, &[Event::LenTooSmall]);
            return;
        };
        let number = octet & transport::SEQUENCE;
        let begun = if octet & transport::FIR != 0 {
            Some(Fragment { link, bytes: Vec::new(), next: number })
        } else {
            before.filter(|fragment| fragment.next == number)
        };
        let Some(mut fragment) = begun else { return };
        fragment.bytes.extend_from_slice(part);
        fragment.next = (number + 1) & transport::SEQUENCE;
        if fragment.bytes.len() > LONGEST {
            self.push(None, dir, &[Event::TooLongReassembly]);
        } else if octet & transport::FIN == 0 {
            self.side(dir).fragment = Some(fragment);
        } else {
            self.fragment(fragment, dir);
        }
    }

    /// A fragment is there.
    fn fragment(&mut self, fragment: Fragment, dir: Dir) {
        let Some((message, event)) = Message::read(fragment.link, fragment.bytes, &self.config) else {
            self.push(None, dir, &[Event::LenTooSmall]);
            return;
        };
        let mut events: Vec<Event> = event.into_iter().collect();
        if message.is_answered() {
            self.waiting += 1;
            if self.waiting == self.config.max_tx.saturating_add(1) {
                events.push(Event::Flooded);
            }
        } else if message.function == function::RESPONSE {
            self.waiting = self.waiting.saturating_sub(1);
        }
        self.push(Some(message), dir, &events);
    }
}

impl parser::Session for Session {
    fn parse(&mut self, input: Input<'_>) -> Parsed {
        let (mut at, most) = (0, self.queue.numbers().end + BATCH);
        loop {
            let rest = input.data.get(at..).unwrap_or_default();
            if rest.is_empty() {
                return Parsed::Used { bytes: at, need: 0 };
            }
            if self.queue.numbers().end >= most {
                return Parsed::Used { bytes: at, need: 1 };
            }
            match self.step(rest, input.dir) {
                Ok(used) => at += used,
                Err(_) if input.last => return Parsed::all(&input),
                Err(need) => return Parsed::Used { bytes: at, need },
            }
        }
    }

    fn gap(&mut self, dir: Dir, _: u64) -> Parsed {
        *self.side(dir) = Side { fragment: None, lost: true };
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
        let field = fields::FIELDS.get(field).filter(|field| dir == self.dir && field.info.dirs.contains(dir));
        field.map_or(Value::Absent, |field| (field.get)(self, dir, instance, scratch))
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

    /// Not what only confirms another one (IEEE 1815 §4.3).
    fn recorded(&self) -> bool {
        self.message.as_ref().is_some_and(|message| message.function != function::CONFIRM)
    }

    fn record(&self, _: &Detail<'_>, out: &mut dyn Writer) {
        if let Some(message) = &self.message {
            record::write(message, out);
        }
    }
}
