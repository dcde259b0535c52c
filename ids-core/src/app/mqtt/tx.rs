//! An exchange: a message, and those that answer it.

use smallvec::SmallVec;

use super::events::Event;
use super::fields::FIELDS;
use super::message::Message;
use super::{PROTOCOL, record};
use crate::app::events::Events;
use crate::app::parser::{self, Detail};
use crate::field::{Dir, Dirs, Value};
use crate::record::Writer;

/// More messages of one exchange than this are not kept: it takes four, and some may be sent again.
const MAX_MESSAGES: usize = 16;

/// What waits for an answer: who asked, by which kind of message, and its number.
pub(super) type Waiting = (Dir, u8, u16);

/// One exchange.
#[derive(Debug)]
pub(super) struct Tx {
    /// Who began it.
    dir: Dir,
    /// Whether the other side answers.
    answered: bool,
    messages: SmallVec<[Message; 2]>,
    events: Events,
    /// Nothing more belongs to it.
    over: bool,
    revision: u32,
    /// How many topics of one message rules look at, by subscribing and by giving up.
    pub(super) topics: [usize; 2],
}

impl Tx {
    /// Something that nobody answers, which is over when it is there.
    pub(super) fn lone(dir: Dir, message: Option<Message>, topics: [usize; 2]) -> Self {
        let messages = message.into_iter().collect();
        Self { dir, answered: false, messages, events: Events::default(), over: true, revision: 0, topics }
    }

    /// Something that is to be answered.
    pub(super) fn asking(dir: Dir, message: Message, topics: [usize; 2]) -> Self {
        Self { answered: true, over: false, ..Self::lone(dir, Some(message), topics) }
    }

    pub(super) fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// What its answers refer to.
    pub(super) fn waiting(&self) -> Option<Waiting> {
        let first = self.messages.first()?;
        Some((self.dir, first.kind(), first.id()?))
    }

    /// An answer came; the last one if it is `over`.
    pub(super) fn add(&mut self, message: Message, over: bool) {
        if self.messages.len() < MAX_MESSAGES {
            self.messages.push(message);
        } else {
            self.note(Event::TooManyMessages);
        }
        self.revision += 1;
        self.over |= over;
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
        FIELDS.get(field).map_or(Value::Absent, |field| (field.get)(self, dir, instance, scratch))
    }

    fn dirs(&self) -> Dirs {
        match self.dir {
            _ if self.answered => Dirs::Both,
            Dir::ToServer => Dirs::ToServer,
            Dir::ToClient => Dirs::ToClient,
        }
    }

    fn progress(&self, dir: Dir) -> u8 {
        if self.over { PROTOCOL.complete(dir) } else { 0 }
    }

    fn revision(&self, _: Dir) -> u32 {
        self.revision
    }

    fn events(&self) -> &[u8] {
        &self.events
    }

    fn recorded(&self) -> bool {
        self.messages.iter().any(record::is_shown)
    }

    fn record(&self, detail: &Detail<'_>, out: &mut dyn Writer) {
        record::write(&self.messages, detail, out);
    }
}
