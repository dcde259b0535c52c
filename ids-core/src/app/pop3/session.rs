//! The state of one connection: lines of both sides, and what follows those of the server.
//!
//! Answers come in the order of the commands (RFC 2449 §6.6). Holds the transactions that were not released, at most
//! [`MOST_TXS`]; unfinished lines stay with the caller.

use std::collections::VecDeque;
use std::ops::Range;

use super::Event;
use super::command::{Command, Follows, Status};
use super::tx::Tx;
use crate::app::dotted::{self, Dotted};
use crate::app::file::{Care, File};
use crate::app::mime::{Config, Context, Message};
use crate::app::parser::{self, Input, Parsed};
use crate::app::queue::Queue;
use crate::field::Dir;

/// Longest command, its end included (RFC 2449 §4).
const LONGEST: usize = 255;
/// Longest line of a log-in (RFC 5034 §4).
const LONGEST_LOG_IN: usize = 12_288;
/// Longest first line of an answer, its end included (RFC 2449 §4).
const LONGEST_ANSWER: usize = 512;
/// Longest line that is read; what stands beyond is passed over.
const LONGEST_READ: usize = 16 << 10;
/// Transactions that are open at a time; the oldest goes first.
const MOST_TXS: usize = 256;
/// Transactions that begin after which reading pauses.
const BATCH: u64 = 64;
/// The first byte of a TLS handshake (RFC 8446 §5.1).
const TLS_HANDSHAKE: u8 = 22;

/// What the next bytes of a direction are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// A line.
    Line,
    /// The rest of a line that is too long, or of which the start was lost.
    Rest,
    /// What follows the first line of an answer to this transaction, up to a line with nothing but a dot; whether a line
    /// begins.
    Text { id: u64, fresh: bool },
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
pub(super) struct Session {
    config: Config,
    care: Care,
    txs: Queue<Tx>,
    client: Place,
    server: Place,
    /// Commands without an answer, and what follows that if it is positive.
    waiting: VecDeque<(u64, Follows)>,
    /// The next line of the client belongs to a log-in.
    log_in: bool,
}

impl Session {
    /// A new connection. In: how messages are taken apart, and what is wanted of files.
    pub(super) fn new(config: &Config, care: Care) -> Self {
        Self {
            config: config.clone(),
            care,
            txs: Queue::default(),
            client: Place::Line,
            server: Place::Line,
            waiting: VecDeque::new(),
            log_in: false,
        }
    }

    fn push(&mut self, mut tx: Tx) -> u64 {
        if self.txs.open() >= MOST_TXS {
            tx.note(Event::TooManyTransactions);
            let gone = self.txs.drop_oldest();
            self.waiting.retain(|(id, _)| gone.as_ref().is_none_or(|(oldest, _)| id != oldest));
        }
        self.txs.push(tx)
    }

    /// Does something with a transaction, if it was not released.
    fn with(&mut self, id: u64, act: impl FnOnce(&mut Tx, &Context<'_>)) {
        let Self { config, care, txs, .. } = self;
        if let Some(tx) = txs.get_mut(id) {
            act(tx, &Context { config, care, dir: Dir::ToClient });
        }
    }

    fn place(&mut self, dir: Dir) -> &mut Place {
        if dir == Dir::ToServer { &mut self.client } else { &mut self.server }
    }

    fn step(&mut self, data: &[u8], dir: Dir) -> Next {
        match *self.place(dir) {
            _ if data.is_empty() => Next::Wait,
            Place::Line => self.line(data, dir),
            Place::Rest => {
                let end = memchr::memchr(b'\n', data);
                if end.is_some() {
                    *self.place(dir) = Place::Line;
                }
                Next::Go(end.map_or(data.len(), |end| end + 1))
            }
            Place::Text { id, fresh } => self.text(data, id, fresh),
        }
    }

    fn line(&mut self, data: &[u8], dir: Dir) -> Next {
        let tls = self.waiting.iter().any(|waiting| waiting.1 == Follows::Tls);
        if dir == Dir::ToServer && tls && data.first() == Some(&TLS_HANDSHAKE) {
            return Next::Switch(0);
        }
        let end = memchr::memchr(b'\n', data).filter(|end| *end < LONGEST_READ);
        if end.is_none() && data.len() < LONGEST_READ {
            return Next::Wait;
        }
        if end.is_none() {
            *self.place(dir) = Place::Rest;
        }
        let used = end.map_or(LONGEST_READ, |end| end + 1);
        let line = data.get(..used).unwrap_or(data);
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        match dir {
            Dir::ToServer => self.command(text, used),
            Dir::ToClient if self.answer(text, used) => return Next::Switch(used),
            Dir::ToClient => {}
        }
        Next::Go(used)
    }

    /// A line of the client. In: the text, and the length with its end.
    fn command(&mut self, text: &[u8], length: usize) {
        if std::mem::take(&mut self.log_in) {
            let mut tx = Tx::log_in();
            if length > LONGEST_LOG_IN {
                tx.note(Event::RequestTooLong);
            }
            let id = self.push(tx);
            self.waiting.push_back((id, Follows::LogIn));
            return;
        }
        let command = Command::read(text);
        let mut tx = Tx::new(&command);
        let count = command.arguments.len();
        let follows = command.known.map_or(Follows::Nothing, |known| known.follows(count));
        if length > if follows == Follows::LogIn { LONGEST_LOG_IN } else { LONGEST } {
            tx.note(Event::RequestTooLong);
        }
        match command.known {
            Some(known) if !known.arguments.contains(&count) => tx.note(Event::IncorrectArgumentCount),
            Some(_) => {}
            None => tx.note(Event::UnknownCommand),
        }
        let id = self.push(tx);
        self.waiting.push_back((id, follows));
    }

    /// A line of the server that no other belongs to. Out: whether TLS follows.
    fn answer(&mut self, text: &[u8], length: usize) -> bool {
        // What has no status is the rest of something whose beginning was lost.
        let Some((status, header)) = Status::read(text) else { return false };
        let (id, follows) = self.waiting.pop_front().unwrap_or_else(|| (self.push(Tx::default()), Follows::Nothing));
        self.with(id, |tx, _| {
            tx.answer(status, header);
            if length > LONGEST_ANSWER {
                tx.note(Event::ResponseTooLong);
            }
        });
        self.log_in = status == Status::More && follows == Follows::LogIn;
        match follows {
            Follows::Lines | Follows::Message | Follows::Beginning if status == Status::Ok => self.begin(id, follows),
            _ => self.with(id, |tx, at| tx.end(true, at)),
        }
        status == Status::Ok && follows == Follows::Tls
    }

    /// More than a line answers a transaction.
    fn begin(&mut self, id: u64, follows: Follows) {
        let takes_apart = self.config.decode && follows != Follows::Lines;
        self.with(id, |tx, at| {
            if takes_apart {
                tx.message = Some(Box::new(Message::new(at)));
                tx.beginning = follows == Follows::Beginning;
            }
        });
        // Of a first line that is too long, the rest is taken for text.
        self.server = Place::Text { id, fresh: self.server == Place::Line };
    }

    /// Bytes behind the first line of an answer.
    fn text(&mut self, data: &[u8], id: u64, fresh: bool) -> Next {
        let (used, fresh) = match dotted::next(data, fresh) {
            Dotted::Unsure => return Next::Wait,
            Dotted::End(used) => {
                self.end(id, true);
                return Next::Go(used);
            }
            Dotted::Dot => {
                self.with(id, |tx, _| {
                    tx.with_message(|message| message.taken_out(b'.'));
                });
                (1, false)
            }
            Dotted::Text(used) => {
                let part = data.get(..used).unwrap_or(data);
                self.with(id, |tx, at| {
                    if !tx.with_message(|message| message.feed(part, at)) {
                        tx.list(part);
                    }
                });
                (used, part.ends_with(b"\n"))
            }
        };
        self.server = Place::Text { id, fresh };
        Next::Go(used)
    }

    /// An answer is over; `whole` tells whether it ended where it should.
    fn end(&mut self, id: u64, whole: bool) {
        self.with(id, |tx, at| tx.end(whole, at));
        self.server = Place::Line;
    }
}

impl parser::Session for Session {
    fn parse(&mut self, input: Input<'_>) -> Parsed {
        let (mut at, most) = (0, self.txs.numbers().end + BATCH);
        loop {
            if self.txs.numbers().end >= most && at < input.data.len() {
                return Parsed::Used { bytes: at, need: 1 };
            }
            match self.step(input.data.get(at..).unwrap_or_default(), input.dir) {
                Next::Go(used) => at += used,
                Next::Wait => break,
                Next::Switch(used) => return Parsed::Switch { bytes: at + used, to: Some("tls") },
            }
        }
        if !input.last {
            return Parsed::Used { bytes: at, need: 0 };
        }
        if let (Dir::ToClient, Place::Text { id, .. }) = (input.dir, self.server) {
            self.end(id, false);
        }
        Parsed::all(&input)
    }

    fn gap(&mut self, dir: Dir, bytes: u64) -> Parsed {
        match *self.place(dir) {
            Place::Text { id, .. } => {
                self.with(id, |tx, at| {
                    tx.with_message(|message| message.gap(bytes, at));
                });
                self.server = Place::Text { id, fresh: false };
            }
            Place::Line | Place::Rest => {
                // Which answer is to which command is not known any more.
                for (id, _) in std::mem::take(&mut self.waiting) {
                    self.with(id, |tx, at| tx.end(false, at));
                }
                *self.place(dir) = Place::Rest;
            }
        }
        Parsed::Used { bytes: 0, need: 0 }
    }

    fn transactions(&self) -> Range<u64> {
        self.txs.numbers()
    }

    fn transaction(&self, id: u64) -> Option<&dyn parser::Transaction> {
        self.txs.get(id).map(|tx| tx as &dyn parser::Transaction)
    }

    fn inspected(&mut self, id: u64, dir: Dir) {
        if dir == Dir::ToClient {
            self.with(id, |tx, at| {
                if let Some(message) = &mut tx.message {
                    message.inspected(at);
                }
            });
        }
    }

    fn files_mut(&mut self, id: u64, dir: Dir) -> &mut [File] {
        self.txs.get_mut(id).filter(|_| dir == Dir::ToClient).map_or(&mut [], Tx::files_mut)
    }

    fn release(&mut self, id: u64) {
        self.txs.release(id);
    }
}
