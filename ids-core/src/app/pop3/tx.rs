//! One exchange: a command and what answers it.

use super::command::{Command, LOG_IN, Status};
use super::{Event, PROTOCOL};
use crate::app::events::Events;
use crate::app::file::File;
use crate::app::mime::seen::{self, Carrier};
use crate::app::mime::{Context, Message, record};
use crate::app::parser::{self, Detail};
use crate::field::{Dir, Dirs, Field, Value};
use crate::record::{Shape, Writer};

/// Bytes of a list that are kept.
const MOST_LISTED: usize = 16 << 10;

/// What rules can see of it: the message that is fetched.
pub(super) static FIELDS: [Field<Tx>; 12] = seen::fields(Dirs::ToClient);

/// A command as records show it.
#[derive(Debug)]
struct Request {
    command: Vec<u8>,
    arguments: Vec<Vec<u8>>,
}

/// The first line of an answer.
#[derive(Debug)]
struct Response {
    status: Status,
    text: Vec<u8>,
}

/// An exchange.
#[derive(Debug, Default)]
pub(super) struct Tx {
    request: Option<Request>,
    response: Option<Response>,
    /// The lines behind the first one, if they are no message.
    listed: Vec<u8>,
    pub(super) message: Option<Box<Message>>,
    /// The message is only the beginning of one.
    pub(super) beginning: bool,
    /// The answer is over.
    done: bool,
    revision: u32,
    events: Events,
}

impl Tx {
    /// A command.
    pub(super) fn new(command: &Command<'_>) -> Self {
        let name = command.known.map_or(command.word, |known| known.name.as_bytes()).to_vec();
        let arguments = command.arguments.iter().map(|part| part.to_vec()).collect();
        Self { request: Some(Request { command: name, arguments }), ..Self::default() }
    }

    /// A line of a log-in, which is nobody's business.
    pub(super) fn log_in() -> Self {
        Self { request: Some(Request { command: LOG_IN.into(), arguments: Vec::new() }), ..Self::default() }
    }

    pub(super) fn note(&mut self, event: Event) {
        self.events.note(event as u8);
        self.revision += 1;
    }

    /// The first line of the answer came.
    pub(super) fn answer(&mut self, status: Status, text: &[u8]) {
        self.response = Some(Response { status, text: text.to_vec() });
        self.revision += 1;
    }

    /// Bytes of lines behind the first one.
    pub(super) fn list(&mut self, bytes: &[u8]) {
        let room = MOST_LISTED.saturating_sub(self.listed.len());
        self.listed.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
    }

    /// Does something with the message. Out: whether there is one.
    pub(super) fn with_message(&mut self, act: impl FnOnce(&mut Message)) -> bool {
        let Some(message) = &mut self.message else { return false };
        act(message);
        // The rule language names what is odd about mail for SMTP alone.
        message.oddities().for_each(drop);
        self.revision += 1;
        true
    }

    /// Nothing more comes of it; `whole` tells whether the answer ended where it should.
    pub(super) fn end(&mut self, whole: bool, at: &Context<'_>) {
        let beginning = self.beginning;
        self.with_message(|message| {
            // A file that is open where a beginning ends goes on.
            let over = !beginning || message.files().is_empty();
            message.end(whole && over, at);
        });
        self.done = true;
        self.revision += 1;
    }

    pub(super) fn files_mut(&mut self) -> &mut [File] {
        self.message.as_mut().map_or(&mut [], |message| message.files_mut())
    }
}

impl Carrier for Tx {
    fn message(&self) -> Option<&Message> {
        self.message.as_deref()
    }
}

impl parser::Transaction for Tx {
    fn field<'a>(&'a self, field: usize, dir: Dir, instance: usize, scratch: &'a mut Vec<u8>) -> Value<'a> {
        let field = FIELDS.get(field).filter(|field| field.info.multi || instance == 0);
        let field = field.filter(|field| field.info.dirs.contains(dir));
        field.map_or(Value::Absent, |field| (field.get)(self, dir, instance, scratch))
    }

    fn progress(&self, dir: Dir) -> u8 {
        if dir == Dir::ToServer || self.done { PROTOCOL.complete(dir) } else { 0 }
    }

    fn revision(&self, _: Dir) -> u32 {
        self.revision
    }

    fn events(&self) -> &[u8] {
        &self.events
    }

    fn files(&self, dir: Dir) -> &[File] {
        let message = self.message.as_ref().filter(|_| dir == Dir::ToClient);
        message.map_or(&[], |message| message.files())
    }

    fn record(&self, detail: &Detail<'_>, out: &mut dyn Writer) {
        if let Some(request) = &self.request {
            let secret = detail.hide_passwords && matches!(&request.command[..], b"PASS" | b"APOP" | b"AUTH");
            out.open("request", Shape::Object);
            out.text("command", &request.command);
            out.open("args", Shape::List);
            request.arguments.iter().filter(|_| !secret).for_each(|part| out.text("", part));
            out.close();
            out.close();
        }
        if let Some(response) = &self.response {
            let positive = response.status != Status::Err;
            out.open("response", Shape::Object);
            out.flag("success", positive);
            out.text("status", if positive { b"OK" } else { b"ERR" });
            out.text("header", &response.text);
            out.open("data", Shape::List);
            let lines = self.listed.split_inclusive(|byte| *byte == b'\n');
            lines.for_each(|line| out.text("", line.trim_ascii_end()));
            out.close();
            out.close();
        }
    }

    fn record_beside(&self, detail: &Detail<'_>, out: &mut dyn Writer) {
        if let Some(message) = &self.message {
            record::write(message, detail, out);
        }
    }
}
