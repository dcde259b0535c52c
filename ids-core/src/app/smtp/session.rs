//! SMTP of one connection: lines of both sides, and the messages between those of the client.
//!
//! A message begins behind DATA, without waiting for the reply: a client may send it at once. If the server refuses, what
//! follows is commands again. Mail servers differ in what ends a line; here LF does, with or without CR.
//! Holds the transactions that were not released, at most [`MAX_TXS`]; unfinished lines stay with the caller.

use std::ops::Range;

use super::command::{Command, Reply};
use super::events::Event;
use super::replies::{Asked, Waiting};
use super::tx::{Tx, context};
use super::{Config, unit};
use crate::app::dotted::{self, Dotted};
use crate::app::file::{Care, File};
use crate::app::frames::Spans;
use crate::app::parser::{self, Input, Parsed};
use crate::app::queue::Queue;
use crate::field::Dir;

/// Longest line of commands and replies, its end included (RFC 5321 §4.5.3.1.4, §4.5.3.1.5).
const LONGEST: usize = 512;
/// Longest line of a log-in (RFC 4954 §4).
const LONGEST_AUTH: usize = 12_288;
/// Longest line that is read; what stands beyond is passed over.
const LONGEST_READ: usize = 4096;
/// Transactions that are open at a time; the oldest goes first.
const MAX_TXS: u64 = 64;
/// The first byte of a TLS handshake (RFC 8446 §5.1).
const TLS_HANDSHAKE: u8 = 22;

/// What the next bytes of a direction are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// A line.
    Line,
    /// The rest of a line that is too long, or of which the start was lost.
    Rest,
    /// A message up to a line with nothing but a dot; whether a line begins.
    Message { fresh: bool },
    /// So many bytes of a message, and whether they are the last.
    Chunk(u32, bool),
}

/// What a step came to.
enum Next {
    /// So many bytes are used up.
    Go(usize),
    /// It takes more.
    Wait,
    /// So many bytes are used up, and TLS follows.
    Switch(usize),
}

/// The state of one connection.
pub(super) struct Smtp {
    config: Config,
    care: Care,
    txs: Queue<Tx>,
    client: Place,
    server: Place,
    spans: Spans,
    waiting: Waiting,
    /// Who the client says it is.
    hello: Option<Vec<u8>>,
    /// The server has greeted.
    greeted: bool,
    /// The server takes commands before it has answered others (RFC 2920).
    pipelining: bool,
    /// The next line of the client belongs to a log-in.
    auth: bool,
}

impl Smtp {
    /// A new connection.
    pub(super) fn new(config: &Config, care: Care) -> Self {
        Self {
            config: config.clone(),
            care,
            txs: Queue::default(),
            client: Place::Line,
            server: Place::Line,
            spans: Spans::default(),
            waiting: Waiting::default(),
            hello: None,
            greeted: false,
            pipelining: false,
            auth: false,
        }
    }

    /// The number of the mail at hand: a new one if there is none that goes on.
    fn current(&mut self) -> u64 {
        let newest = self.txs.numbers().end.checked_sub(1);
        if let Some(id) = newest.filter(|id| self.txs.get(*id).is_some_and(|tx| !tx.is_done())) {
            return id;
        }
        let Range { start, end } = self.txs.numbers();
        if end - start >= MAX_TXS {
            self.txs.release(start);
        }
        self.txs.push(Tx::new(self.hello.clone()))
    }

    /// Does something with a transaction, if it was not released.
    fn with(&mut self, id: u64, act: impl FnOnce(&mut Tx)) {
        if let Some(tx) = self.txs.get_mut(id) {
            act(tx);
        }
    }

    fn note(&mut self, id: u64, event: Event) {
        self.with(id, |tx| tx.note(event));
    }

    fn place(&mut self, dir: Dir) -> &mut Place {
        if dir == Dir::ToServer { &mut self.client } else { &mut self.server }
    }

    /// `data` begins at `at` of the input.
    fn step(&mut self, data: &[u8], at: usize, dir: Dir) -> Next {
        match *self.place(dir) {
            _ if data.is_empty() => Next::Wait,
            Place::Line => self.line(data, at, dir),
            Place::Rest => {
                let end = memchr::memchr(b'\n', data);
                let used = end.map_or(data.len(), |end| end + 1);
                if end.is_some() {
                    self.spans.end(line_unit(dir), dir, (at + used) as u64);
                    *self.place(dir) = Place::Line;
                }
                Next::Go(used)
            }
            Place::Message { fresh } => self.message(data, at, fresh),
            Place::Chunk(left, last) => {
                self.mark_data(at, Some(left.into()));
                let used = data.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                self.feed(data.get(..used).unwrap_or(data));
                self.chunk(left - u32::try_from(used).unwrap_or(left), last);
                Next::Go(used)
            }
        }
    }

    fn line(&mut self, data: &[u8], at: usize, dir: Dir) -> Next {
        let client = dir == Dir::ToServer;
        if client && data.first() == Some(&TLS_HANDSHAKE) && self.waiting.holds(Asked::StartTls) {
            return Next::Switch(0);
        }
        let end = memchr::memchr(b'\n', data);
        if end.is_none() && data.len() < LONGEST_READ {
            return Next::Wait;
        }
        let used = end.map_or(LONGEST_READ, |end| end + 1);
        let line = data.get(..used.min(LONGEST_READ)).unwrap_or(data);
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let tx = if client { Some(self.current()) } else { self.waiting.first().or(self.newest()) };
        let length = end.map(|_| used as u64);
        self.spans.start(line_unit(dir), dir, at, length, tx);
        if end.is_none() {
            *self.place(dir) = Place::Rest;
        }
        let switches = if client {
            self.command_line(text, used, end.is_none());
            false
        } else {
            self.reply_line(text, used)
        };
        if switches { Next::Switch(used) } else { Next::Go(used) }
    }

    fn newest(&self) -> Option<u64> {
        self.txs.numbers().end.checked_sub(1)
    }

    /// A line of the client that is no part of a message. In: the text, the length with its end, and whether that is yet
    /// to come.
    fn command_line(&mut self, text: &[u8], length: usize, cut: bool) {
        let id = self.current();
        let auth = std::mem::take(&mut self.auth);
        let command = if auth { Command::Auth } else { Command::read(text) };
        let limit = if command == Command::Auth { LONGEST_AUTH } else { LONGEST };
        if length > limit || cut {
            self.note(id, Event::LongCommandLine);
        }
        if cut {
            self.note(id, Event::TruncatedLine);
        }
        if self.greeted && !self.pipelining && !self.waiting.is_empty() && !self.waiting.is_lost() {
            self.note(id, Event::InvalidPipelining);
        }
        let (id, asked) = self.command(id, command);
        self.waiting.push(asked, id);
    }

    /// Does what a command says. Out: the mail that it belongs to, and what its reply will be to.
    fn command(&mut self, id: u64, command: Command<'_>) -> (u64, Asked) {
        match command {
            Command::Hello(name) => {
                self.hello = Some(name.to_vec());
                self.with(id, |tx| {
                    (tx.hello, tx.introduced) = (Some(name.to_vec()), true);
                    tx.changed();
                });
                (id, Asked::Hello)
            }
            Command::Mail(path) => {
                self.with(id, |tx| {
                    if tx.from.is_some() && !tx.from_refused {
                        tx.note(Event::DuplicateFields);
                    } else {
                        (tx.from, tx.from_refused) = (Some(path.to_vec()), false);
                        tx.changed();
                    }
                });
                (id, Asked::Mail)
            }
            Command::Rcpt(path) => {
                self.with(id, |tx| tx.push_recipient(path));
                (id, Asked::Other)
            }
            Command::Data => {
                self.client = Place::Message { fresh: true };
                self.begin_message(id);
                (id, Asked::Data)
            }
            Command::Bdat(None, _) => {
                self.note(id, Event::LongBdatChunk);
                (id, Asked::Other)
            }
            Command::Bdat(Some(size), last) => {
                self.begin_message(id);
                self.with(id, |tx| tx.sending = false);
                self.client = Place::Chunk(size, last);
                if size == 0 {
                    self.chunk(0, last);
                }
                (id, if last { Asked::Message } else { Asked::Other })
            }
            Command::Rset => {
                // It ends a mail that has begun; before one it does nothing (RFC 5321 §4.1.1.5).
                if self.txs.get(id).is_some_and(|tx| tx.from.is_some()) {
                    self.end(id, false);
                }
                (id, Asked::Other)
            }
            Command::StartTls => (id, Asked::StartTls),
            Command::Auth => (id, Asked::Auth),
            Command::Quit => (id, Asked::Quit),
            Command::Other => (id, Asked::Other),
        }
    }

    fn begin_message(&mut self, id: u64) {
        let Self { config, care, txs, .. } = self;
        if let Some(tx) = txs.get_mut(id) {
            tx.begin_message(config, &context(config, care));
        }
    }

    /// A mail is over.
    fn end(&mut self, id: u64, whole: bool) {
        let Self { config, care, txs, .. } = self;
        if let Some(tx) = txs.get_mut(id) {
            tx.end(whole, &context(config, care));
        }
    }

    /// Bytes of a message up to its end, or to a dot that was put there on the way.
    fn message(&mut self, data: &[u8], at: usize, fresh: bool) -> Next {
        match dotted::next(data, fresh) {
            Dotted::Unsure => Next::Wait,
            Dotted::End(used) => {
                self.spans.end(unit::DATA, Dir::ToServer, at as u64);
                self.message_over(true);
                Next::Go(used)
            }
            Dotted::Dot => {
                self.mark_data(at, None);
                self.client = Place::Message { fresh: false };
                let id = self.current();
                self.with(id, |tx| tx.with_message(|message| message.taken_out(b'.')));
                Next::Go(1)
            }
            Dotted::Text(end) => {
                self.mark_data(at, None);
                let part = data.get(..end).unwrap_or(data);
                self.feed(part);
                self.client = Place::Message { fresh: part.ends_with(b"\n") };
                Next::Go(end)
            }
        }
    }

    /// Reports the frame of a message, or of a chunk of one, at its first byte.
    fn mark_data(&mut self, at: usize, length: Option<u64>) {
        let id = self.current();
        if self.txs.get(id).is_some_and(|tx| !tx.sending) {
            self.spans.start(unit::DATA, Dir::ToServer, at, length, Some(id));
            self.with(id, |tx| tx.sending = true);
        }
    }

    /// The message is over, and the mail with it.
    fn message_over(&mut self, whole: bool) {
        let id = self.current();
        self.end(id, whole);
        self.client = Place::Line;
        self.waiting.push(Asked::Message, id);
    }

    /// Bytes of the message at hand.
    fn feed(&mut self, bytes: &[u8]) {
        let id = self.current();
        let Self { config, care, txs, .. } = self;
        if let Some(tx) = txs.get_mut(id) {
            let at = context(config, care);
            tx.with_message(|message| message.feed(bytes, &at));
        }
    }

    /// So many bytes of a chunk are left.
    fn chunk(&mut self, left: u32, last: bool) {
        self.client = if left > 0 { Place::Chunk(left, last) } else { Place::Line };
        if left == 0 && last {
            let id = self.current();
            self.end(id, true);
        }
    }

    /// A line of the server. Out: whether TLS follows.
    fn reply_line(&mut self, text: &[u8], length: usize) -> bool {
        let odd = |session: &mut Self, event| {
            let id = session.waiting.first().or(session.newest());
            let id = id.unwrap_or_else(|| session.current());
            session.note(id, event);
        };
        if length > LONGEST {
            odd(self, Event::LongReplyLine);
        }
        let Some(reply) = Reply::read(text) else {
            odd(self, Event::InvalidReply);
            return false;
        };
        self.pipelining |= reply.text.trim_ascii().eq_ignore_ascii_case(b"PIPELINING");
        if reply.more {
            return false;
        }
        if !std::mem::replace(&mut self.greeted, true) {
            if matches!(reply.code, 220 | 421 | 554) {
                return false;
            }
            odd(self, Event::NoWelcome);
        }
        match self.waiting.pop() {
            Some((asked, id)) => {
                self.with(id, |tx| tx.answered = true);
                self.reply(&reply, asked, id)
            }
            None => {
                if self.waiting.is_lost() && matches!(self.client, Place::Message { .. }) {
                    // The end of the message was lost: this is the reply to it.
                    self.message_over(false);
                    self.waiting.pop();
                } else if !self.waiting.is_lost() && reply.code != 421 {
                    odd(self, Event::UnmatchedReply);
                }
                false
            }
        }
    }

    /// A reply is complete. Out: whether TLS follows.
    fn reply(&mut self, reply: &Reply<'_>, asked: Asked, id: u64) -> bool {
        match asked {
            Asked::StartTls if reply.code == 220 => return true,
            Asked::StartTls => self.note(id, Event::TlsRejected),
            Asked::Mail if reply.refuses() => self.with(id, |tx| tx.from_refused = true),
            Asked::Data if reply.refuses() => {
                self.note(id, Event::DataRejected);
                if matches!(self.client, Place::Message { .. }) {
                    self.client = Place::Line;
                    self.with(id, |tx| tx.message = None);
                }
            }
            Asked::Auth => self.auth = reply.code == 334,
            Asked::Quit => self.end(id, false),
            Asked::Hello | Asked::Mail | Asked::Data | Asked::Message | Asked::Other => {}
        }
        false
    }

    /// No more bytes follow in a direction.
    fn close(&mut self, dir: Dir) {
        if dir == Dir::ToServer && matches!(self.client, Place::Message { .. } | Place::Chunk(..)) {
            let id = self.current();
            self.end(id, false);
        }
    }

    /// So many bytes of a message were lost, and what follows a chunk.
    fn lose(&mut self, bytes: u64) {
        let id = self.current();
        let Self { config, care, txs, client, .. } = self;
        let lost = match *client {
            Place::Chunk(left, _) => bytes.min(left.into()),
            _ => bytes,
        };
        if let Some(tx) = txs.get_mut(id) {
            let at = context(config, care);
            tx.with_message(|message| message.gap(lost, &at));
        }
        match *client {
            Place::Chunk(left, last) => {
                self.chunk(left - u32::try_from(lost).unwrap_or(left), last);
                if bytes > lost {
                    self.client = Place::Rest;
                }
            }
            _ => *client = Place::Message { fresh: false },
        }
    }
}

const fn line_unit(dir: Dir) -> usize {
    match dir {
        Dir::ToServer => unit::COMMAND_LINE,
        Dir::ToClient => unit::RESPONSE_LINE,
    }
}

impl parser::Session for Smtp {
    fn parse(&mut self, input: Input<'_>) -> Parsed {
        let mut at = 0;
        loop {
            match self.step(input.data.get(at..).unwrap_or_default(), at, input.dir) {
                Next::Go(used) => at += used,
                Next::Wait => break,
                Next::Switch(used) => return Parsed::Switch { bytes: at + used, to: Some("tls") },
            }
        }
        if input.last {
            self.close(input.dir);
            return Parsed::all(&input);
        }
        Parsed::Used { bytes: at, need: 0 }
    }

    fn gap(&mut self, dir: Dir, bytes: u64) -> Parsed {
        self.waiting.lose();
        match *self.place(dir) {
            Place::Line => *self.place(dir) = Place::Rest,
            Place::Rest => {}
            Place::Message { .. } | Place::Chunk(..) => self.lose(bytes),
        }
        Parsed::Used { bytes: 0, need: 0 }
    }

    fn spans(&mut self) -> Option<&mut Spans> {
        Some(&mut self.spans)
    }

    fn transactions(&self) -> Range<u64> {
        self.txs.numbers()
    }

    fn transaction(&self, id: u64) -> Option<&dyn parser::Transaction> {
        self.txs.get(id).map(|tx| tx as &dyn parser::Transaction)
    }

    fn inspected(&mut self, id: u64, dir: Dir) {
        let Self { config, care, txs, .. } = self;
        if let Some(message) = txs.get_mut(id).and_then(|tx| tx.message.as_mut()).filter(|_| dir == Dir::ToServer) {
            message.inspected(&context(config, care));
        }
    }

    fn files_mut(&mut self, id: u64, dir: Dir) -> &mut [File] {
        self.txs.get_mut(id).filter(|_| dir == Dir::ToServer).map_or(&mut [], Tx::files_mut)
    }

    fn release(&mut self, id: u64) {
        self.txs.release(id);
    }
}
