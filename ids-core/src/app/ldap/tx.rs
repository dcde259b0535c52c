//! An exchange: a request and the responses to it.

use super::events::Event;
use super::fields::FIELDS;
use super::message::{Effect, Message};
use super::{PROTOCOL, record};
use crate::app::events::Events;
use crate::app::parser::{self, Detail};
use crate::field::{Dir, Dirs, Value};
use crate::record::Writer;

/// Responses of one exchange that are kept, but for the last one.
const MAX_RESPONSES: usize = 1024;

/// One exchange.
#[derive(Debug)]
pub(super) struct Tx {
    dirs: Dirs,
    pub(super) request: Option<Message>,
    pub(super) responses: Vec<Message>,
    /// Types of the attributes that the responses name.
    pub(super) attributes: Vec<Box<str>>,
    /// How many responses came.
    pub(super) count: u32,
    /// Bytes of the messages that are kept.
    bytes: usize,
    events: Events,
    /// Nothing more belongs to it.
    over: bool,
    revision: u32,
}

impl Tx {
    /// What a client asks.
    pub(super) fn of(request: Message) -> Self {
        let answered = matches!(request.effect, Effect::Asks | Effect::AsksForTls);
        let dirs = if answered { Dirs::Both } else { Dirs::ToServer };
        Self { bytes: request.len(), request: Some(request), over: !answered, ..Self::none(dirs) }
    }

    /// A message that has no other one, or something that is none.
    pub(super) fn lone(message: Option<Message>, dir: Dir) -> Self {
        let dirs = if dir == Dir::ToServer { Dirs::ToServer } else { Dirs::ToClient };
        let mut tx = Self { over: true, ..Self::none(dirs) };
        match message {
            Some(message) if message.is_request() => (tx.bytes, tx.request) = (message.len(), Some(message)),
            Some(message) => tx.keep(message),
            None => {}
        }
        tx
    }

    fn none(dirs: Dirs) -> Self {
        Self {
            dirs,
            request: None,
            responses: Vec::new(),
            attributes: Vec::new(),
            count: 0,
            bytes: 0,
            events: Events::default(),
            over: false,
            revision: 0,
        }
    }

    /// Adds a response, keeping it if there is `room`, or it is the last one.
    pub(super) fn answer(&mut self, response: Message, room: bool) {
        let last = response.effect == Effect::Ends;
        if last || room && self.responses.len() < MAX_RESPONSES {
            self.keep(response);
        } else {
            self.count = self.count.saturating_add(1);
            self.note(Event::TooManyResponses);
        }
        self.over |= last;
        self.revision += 1;
    }

    fn keep(&mut self, mut response: Message) {
        self.count = self.count.saturating_add(1);
        self.bytes += response.len();
        self.attributes.append(&mut response.attributes);
        self.responses.push(response);
    }

    /// Bytes of the messages that are kept.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Nothing more will come.
    pub(super) fn end(&mut self) {
        self.revision += 1;
        self.over = true;
    }

    pub(super) fn note(&mut self, event: Event) {
        self.revision += 1;
        self.events.note(event as u8);
    }
}

impl parser::Transaction for Tx {
    fn field<'a>(&'a self, field: usize, dir: Dir, instance: usize, scratch: &'a mut Vec<u8>) -> Value<'a> {
        let field = FIELDS.get(field).filter(|field| field.info.dirs.contains(dir));
        field.map_or(Value::Absent, |field| (field.get)(self, dir, instance, scratch))
    }

    fn dirs(&self) -> Dirs {
        self.dirs
    }

    fn progress(&self, dir: Dir) -> u8 {
        if self.over || dir == Dir::ToServer { PROTOCOL.complete(dir) } else { 0 }
    }

    fn revision(&self, _: Dir) -> u32 {
        self.revision
    }

    fn events(&self) -> &[u8] {
        &self.events
    }

    fn recorded(&self) -> bool {
        self.request.is_some() || !self.responses.is_empty()
    }

    fn record(&self, _: &Detail<'_>, out: &mut dyn Writer) {
        record::write(self, out);
    }
}
