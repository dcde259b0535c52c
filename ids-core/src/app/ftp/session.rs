//! FTP of one control connection: commands, replies, and the data connections that they announce.
//!
//! Holds the transactions that were not released; those without a complete reply are at most as many as the configuration
//! allows. Unfinished lines stay with the caller, up to the longest that is read.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::ops::Range;

use super::command::{self, Reply};
use super::tx::{Event, Mode, Tx};
use super::{Config, data};
use crate::app::expected::{Expected, Topic};
use crate::app::parser::{self, Input, Parsed};
use crate::app::queue::Queue;
use crate::field::Dir;

/// What the next bytes of a direction are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Line,
    /// The rest of a line that is too long, or of which the start was lost.
    Rest,
}

/// Where data connections go to.
#[derive(Clone, Copy, Debug)]
struct Announced {
    mode: Mode,
    to: Option<IpAddr>,
    port: u16,
}

/// What a line came to.
enum Line {
    Read,
    /// TLS follows.
    Tls,
    Failed,
}

/// The state of one connection.
#[derive(Debug)]
pub(super) struct Ftp {
    config: Config,
    /// The client's address, if it is known.
    client: Option<IpAddr>,
    txs: Queue<Tx>,
    places: [Place; 2],
    /// Commands that wait for their replies.
    waiting: VecDeque<u64>,
    /// The transaction of the reply at hand, and the code with which it must end.
    replying: Option<(u64, Option<[u8; 3]>)>,
    announced: Option<Announced>,
    expected: Option<Expected>,
}

impl Ftp {
    /// A new connection. In: the settings, and the client's address.
    pub(super) fn new(config: Config, client: Option<IpAddr>) -> Self {
        Self {
            config,
            client,
            txs: Queue::default(),
            places: [Place::Line; 2],
            waiting: VecDeque::new(),
            replying: None,
            announced: None,
            expected: None,
        }
    }

    fn place(&mut self, dir: Dir) -> &mut Place {
        let [client, server] = &mut self.places;
        if dir == Dir::ToServer { client } else { server }
    }

    fn note(&mut self, id: u64, event: Event) {
        if let Some(tx) = self.txs.get_mut(id) {
            tx.note(event);
        }
    }

    /// A line of the client. `cut`: it is longer than what is read.
    fn command_line(&mut self, line: &[u8], cut: bool) -> Line {
        let (command, argument) = command::split(line);
        if self.waiting.len() >= self.config.max_tx {
            if let Some(newest) = self.waiting.back().copied() {
                self.note(newest, Event::TooManyTransactions);
            }
            return Line::Failed;
        }
        let mut tx = Tx::new(command, argument);
        if cut {
            tx.command_truncated = true;
            tx.note(Event::LongCommand);
        }
        self.data_port(&mut tx);
        if let Some((name, named)) = command::transfer(command) {
            let file = if named { argument } else { &[] };
            match self.announced {
                None => tx.note(Event::FileBeforePort),
                Some(Announced { mode, to, port }) => {
                    let opener = if mode == Mode::Active { Dir::ToClient } else { Dir::ToServer };
                    let topic = Topic { command: name, name: file.to_vec() };
                    self.expected = Some(Expected { opener, to, port, proto: data::PROTOCOL.name, topic });
                }
            }
            if named && argument.is_empty() {
                tx.note(Event::FileWithoutName);
            }
        }
        let id = self.txs.push(tx);
        self.waiting.push_back(id);
        Line::Read
    }

    /// What a command says of data connections.
    fn data_port(&mut self, tx: &mut Tx) {
        let named = if tx.is("PORT") {
            command::host_port(&tx.data).map(|(to, port)| (Some(to), port))
        } else if tx.is("EPRT") {
            command::extended(&tx.data)
        } else {
            tx.mode = (tx.is("PASV") || tx.is("EPSV")).then_some(Mode::Passive);
            return;
        };
        tx.mode = Some(Mode::Active);
        if let Some((to, port)) = named {
            tx.port = Some(port);
            tx.bounces = to.is_some_and(|to| self.client.is_some_and(|client| client != to));
            self.announced = Some(Announced { mode: Mode::Active, to, port });
        }
    }

    /// A line of the server. `cut`: it is longer than what is read.
    fn reply_line(&mut self, line: &[u8], cut: bool) -> Line {
        let reply = Reply::read(line);
        let (id, begun) = match self.replying.take() {
            Some(replying) => replying,
            None => match self.waiting.pop_front() {
                Some(id) => (id, None),
                // Without a command it is a greeting, or nobody knows what; of that there may be so much.
                None if self.txs.open() < self.config.max_tx => (self.txs.push(Tx::default()), None),
                None => return Line::Read,
            },
        };
        let code = reply.code.and_then(|code| code.first_chunk::<3>().copied());
        let more = reply.more || begun.is_some_and(|begun| code != Some(begun));
        let Some(tx) = self.txs.get_mut(id) else {
            self.replying = more.then_some((id, begun.or(code)));
            return Line::Read;
        };
        tx.push_reply(reply.code, reply.text);
        if cut {
            tx.reply_truncated = true;
            tx.note(Event::LongReply);
        }
        if more && (begun.is_some() || code.is_some()) {
            self.replying = Some((id, begun.or(code)));
            return Line::Read;
        }
        self.replied(id, code.unwrap_or_default(), reply.text)
    }

    /// A reply is complete.
    fn replied(&mut self, id: u64, code: [u8; 3], text: &[u8]) -> Line {
        let Some(tx) = self.txs.get_mut(id) else { return Line::Read };
        let port = match &code {
            b"227" if tx.is("PASV") => command::passive_port(text),
            b"229" if tx.is("EPSV") => command::extended_passive_port(text),
            // A preliminary reply: another one follows (RFC 959 §4.2.1).
            [b'1', ..] if tx.command.is_some() => {
                self.waiting.push_front(id);
                return Line::Read;
            }
            _ => None,
        };
        if let Some(port) = port {
            tx.port = Some(port);
            // Whatever address is said, clients connect to the server that they know.
            self.announced = Some(Announced { mode: Mode::Passive, to: None, port });
        }
        tx.end();
        // RFC 4217 §4.
        if &code == b"234" && tx.is("AUTH") { Line::Tls } else { Line::Read }
    }

    /// The next line, or the rest of one. Out: bytes used, and what came of them; `None`: it takes more.
    fn step(&mut self, data: &[u8], dir: Dir) -> Option<(usize, Line)> {
        let end = memchr::memchr(b'\n', data);
        if *self.place(dir) == Place::Rest {
            *self.place(dir) = if end.is_some() { Place::Line } else { Place::Rest };
            let used = end.map_or(data.len(), |end| end + 1);
            return (used > 0).then_some((used, Line::Read));
        }
        let limit = self.config.max_line;
        let cut = end.map_or(data.len(), |end| end + 1) > limit;
        let used = match end {
            None if !cut => return None,
            Some(end) if !cut => end + 1,
            _ => limit,
        };
        if cut {
            *self.place(dir) = Place::Rest;
        }
        let line = data.get(..used).unwrap_or(data);
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let read = if dir == Dir::ToServer { self.command_line(line, cut) } else { self.reply_line(line, cut) };
        Some((used, read))
    }
}

impl parser::Session for Ftp {
    fn parse(&mut self, input: Input<'_>) -> Parsed {
        let mut at = 0;
        while let Some((used, line)) = self.step(input.data.get(at..).unwrap_or_default(), input.dir) {
            at += used;
            match line {
                Line::Read => {}
                Line::Tls => return Parsed::Switch { bytes: at, to: Some("tls") },
                Line::Failed => return Parsed::Failed,
            }
            // Who announces several connections at once is heard connection by connection.
            if self.expected.is_some() {
                return Parsed::Used { bytes: at, need: 0 };
            }
        }
        if input.last { Parsed::all(&input) } else { Parsed::Used { bytes: at, need: 0 } }
    }

    fn gap(&mut self, dir: Dir, _: u64) -> Parsed {
        *self.place(dir) = Place::Rest;
        // It is not known any more what is answered.
        for id in std::mem::take(&mut self.waiting) {
            if let Some(tx) = self.txs.get_mut(id) {
                tx.end();
            }
        }
        self.replying = None;
        Parsed::Used { bytes: 0, need: 0 }
    }

    fn expects(&mut self) -> Option<Expected> {
        self.expected.take()
    }

    fn transactions(&self) -> Range<u64> {
        self.txs.numbers()
    }

    fn transaction(&self, id: u64) -> Option<&dyn parser::Transaction> {
        self.txs.get(id).map(|tx| tx as &dyn parser::Transaction)
    }

    fn release(&mut self, id: u64) {
        self.txs.release(id);
    }
}
