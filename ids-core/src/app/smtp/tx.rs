//! One mail, and what leads up to it: a transaction.

use super::events::Event;
use super::{Config, fields, log};
use crate::app::events::Events;
use crate::app::file::{Care, File};
use crate::app::mime::seen::Carrier;
use crate::app::mime::{Context, Message, record};
use crate::app::parser::{self, Detail};
use crate::field::{Dir, Value};
use crate::record::Writer;

/// How far a direction has come: positions in the protocol's lists of states.
pub(super) mod progress {
    pub(in super::super) const STARTED: u8 = 0;
    pub(in super::super) const COMPLETE: u8 = 1;
}

/// Recipients of a mail that are kept.
const MOST_RECIPIENTS: usize = 1000;

/// A mail.
#[derive(Debug, Default)]
pub(super) struct Tx {
    /// Who the client says it is; it may have said so before the mail.
    pub(super) hello: Option<Vec<u8>>,
    pub(super) from: Option<Vec<u8>>,
    /// The server refused the sender: another one may come.
    pub(super) from_refused: bool,
    pub(super) to: Vec<Vec<u8>>,
    pub(super) message: Option<Box<Message>>,
    /// The client said who it is in this one.
    pub(super) introduced: bool,
    /// The server answered a command of it.
    pub(super) answered: bool,
    /// The message was seen to begin.
    pub(super) sending: bool,
    /// Nothing more comes of it.
    done: bool,
    revisions: [u32; 2],
    events: Events,
}

impl Tx {
    /// A mail of a client that said who it is.
    pub(super) fn new(hello: Option<Vec<u8>>) -> Self {
        Self { hello, ..Self::default() }
    }

    pub(super) const fn is_done(&self) -> bool {
        self.done
    }

    /// Something that can be seen of what the client said has changed.
    pub(super) fn changed(&mut self) {
        let [client, _] = &mut self.revisions;
        *client += 1;
    }

    pub(super) fn note(&mut self, event: Event) {
        self.events.note(event as u8);
        self.revisions.iter_mut().for_each(|revision| *revision += 1);
    }

    /// Another recipient.
    pub(super) fn push_recipient(&mut self, path: &[u8]) {
        if self.to.len() < MOST_RECIPIENTS {
            self.to.push(path.to_vec());
        }
        self.changed();
    }

    /// The message begins, or more of it comes in another chunk.
    pub(super) fn begin_message(&mut self, config: &Config, at: &Context<'_>) {
        if self.message.is_none() && (config.raw || config.mime.decode) {
            let message = if config.raw { Message::whole(at) } else { Message::new(at) };
            self.message = Some(Box::new(message));
        }
        self.changed();
    }

    /// Does something with the message, if there is one.
    pub(super) fn with_message(&mut self, act: impl FnOnce(&mut Message)) {
        let Some(message) = &mut self.message else { return };
        act(message);
        for oddity in message.oddities() {
            self.events.note(Event::from(oddity) as u8);
        }
        self.revisions.iter_mut().for_each(|revision| *revision += 1);
    }

    /// Nothing more comes of it; `whole` tells whether the message ended where it should.
    pub(super) fn end(&mut self, whole: bool, at: &Context<'_>) {
        if !self.done {
            self.with_message(|message| message.end(whole, at));
            self.done = true;
            self.revisions.iter_mut().for_each(|revision| *revision += 1);
        }
    }

    pub(super) fn files_mut(&mut self) -> &mut [File] {
        self.message.as_mut().map_or(&mut [], |message| message.files_mut())
    }
}

/// What a message needs to know.
pub(super) const fn context<'a>(config: &'a Config, care: &'a Care) -> Context<'a> {
    Context { config: &config.mime, care, dir: Dir::ToServer }
}

impl Carrier for Tx {
    fn message(&self) -> Option<&Message> {
        self.message.as_deref()
    }
}

impl parser::Transaction for Tx {
    fn field<'a>(&'a self, field: usize, dir: Dir, instance: usize, scratch: &'a mut Vec<u8>) -> Value<'a> {
        let field = fields::all().nth(field).filter(|field| field.info.multi || instance == 0);
        let field = field.filter(|field| field.info.dirs.contains(dir));
        field.map_or(Value::Absent, |field| (field.get)(self, dir, instance, scratch))
    }

    fn progress(&self, _: Dir) -> u8 {
        if self.done { progress::COMPLETE } else { progress::STARTED }
    }

    fn revision(&self, dir: Dir) -> u32 {
        let [client, server] = self.revisions;
        if dir == Dir::ToServer { client } else { server }
    }

    fn events(&self) -> &[u8] {
        &self.events
    }

    fn files(&self, dir: Dir) -> &[File] {
        let message = self.message.as_ref().filter(|_| dir == Dir::ToServer);
        message.map_or(&[], |message| message.files())
    }

    /// Not where nothing but commands without effect came, and no answer.
    fn recorded(&self) -> bool {
        self.introduced || self.answered || self.from.is_some() || self.message.is_some()
    }

    fn record(&self, _: &Detail<'_>, out: &mut dyn Writer) {
        log::mail(self, out);
    }

    fn record_beside(&self, detail: &Detail<'_>, out: &mut dyn Writer) {
        if let Some(message) = &self.message {
            record::write(message, detail, out);
        }
    }
}
