//! A command and the replies to it: a transaction.

use super::fields::FIELDS;
use crate::app::events::Events;
use crate::app::parser::{self, Detail};
use crate::field::{Dir, Value};
use crate::record::{Shape, Writer};

/// Names of the events; the position is the number.
pub(super) const EVENTS: &[&str] = &[
    "request_command_too_long",
    "response_command_too_long",
    "too_many_transactions",
    "file_before_port",
    "file_without_name",
];

/// An event: a position in [`EVENTS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Event {
    LongCommand,
    LongReply,
    TooManyTransactions,
    FileBeforePort,
    FileWithoutName,
}

/// Who opens data connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Mode {
    /// The server does.
    Active,
    /// The client does.
    Passive,
}

impl Mode {
    const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Passive => "passive",
        }
    }
}

/// Lines of replies that are kept.
const MOST_REPLIES: usize = 256;

/// A command and its replies; without a command it is what the server greets with.
#[derive(Debug, Default)]
pub(super) struct Tx {
    pub(super) command: Option<Vec<u8>>,
    pub(super) data: Vec<u8>,
    pub(super) command_truncated: bool,
    pub(super) replies: Vec<Vec<u8>>,
    pub(super) codes: Vec<Vec<u8>>,
    pub(super) reply_truncated: bool,
    /// The command says who opens data connections.
    pub(super) mode: Option<Mode>,
    /// The port that data connections will go to.
    pub(super) port: Option<u16>,
    /// The client wants data sent to somebody else.
    pub(super) bounces: bool,
    done: bool,
    revision: u32,
    events: Events,
}

impl Tx {
    /// A command that was sent.
    pub(super) fn new(command: &[u8], data: &[u8]) -> Self {
        Self { command: Some(command.to_vec()), data: data.to_vec(), ..Self::default() }
    }

    /// Whether it is this command.
    pub(super) fn is(&self, name: &str) -> bool {
        self.command.as_ref().is_some_and(|command| command.eq_ignore_ascii_case(name.as_bytes()))
    }

    /// The reply is complete, and no other follows.
    pub(super) fn end(&mut self) {
        self.done = true;
        self.revision += 1;
    }

    pub(super) fn note(&mut self, event: Event) {
        self.events.note(event as u8);
        self.revision += 1;
    }

    /// Another line of the reply.
    pub(super) fn push_reply(&mut self, code: Option<&[u8]>, text: &[u8]) {
        if self.replies.len() < MOST_REPLIES {
            self.replies.push(text.to_vec());
            self.codes.extend(code.map(<[u8]>::to_vec));
        }
        self.revision += 1;
    }

    /// Whether the server answered; nothing of what is no answer.
    pub(super) fn answered(&self) -> Option<bool> {
        self.command.as_ref().map(|_| self.done)
    }
}

impl parser::Transaction for Tx {
    fn field<'a>(&'a self, field: usize, dir: Dir, instance: usize, scratch: &'a mut Vec<u8>) -> Value<'a> {
        let field = FIELDS.get(field).filter(|field| field.info.multi || instance == 0);
        let field = field.filter(|field| field.info.dirs.contains(dir));
        field.map_or(Value::Absent, |field| (field.get)(self, dir, instance, scratch))
    }

    fn progress(&self, _: Dir) -> u8 {
        self.done.into()
    }

    fn revision(&self, _: Dir) -> u32 {
        self.revision
    }

    fn events(&self) -> &[u8] {
        &self.events
    }

    fn record(&self, _: &Detail<'_>, out: &mut dyn Writer) {
        if let Some(command) = &self.command {
            out.text("command", command);
            if !self.data.is_empty() {
                out.text("command_data", &self.data);
            }
        }
        out.flag("command_truncated", self.command_truncated);
        for (key, lines) in [("completion_code", &self.codes), ("reply", &self.replies)] {
            if !lines.is_empty() {
                out.open(key, Shape::List);
                lines.iter().for_each(|line| out.text("", line));
                out.close();
            }
        }
        if let Some(port) = self.port {
            out.uint("dynamic_port", port.into());
        }
        if let Some(mode) = self.mode {
            out.text("mode", mode.name().as_bytes());
        }
        out.text("reply_received", if self.answered() == Some(true) { b"yes" } else { b"no" });
        out.flag("reply_truncated", self.reply_truncated);
    }
}
