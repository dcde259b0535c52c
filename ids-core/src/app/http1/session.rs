//! HTTP/1 of one connection: transactions, and where each direction is.
//!
//! In: ordered bytes and gaps of both directions.  Out: transactions, numbered from 0.
//! What is particular to a direction stands in `request` and `response`; what content and trailers have in
//! common stands here.
//! Holds the transactions that were not released, at most twice `max-tx`; unfinished lines stay with the caller.

use std::ops::Range;

use super::Config;
use super::chunked::{Chunks, Piece};
use super::events::Event;
use super::header::{self, Lexer, by};
use super::line::{Finder, is_blank, leading, split};
use super::tx::Tx;
use crate::app::file::{Care, File};
use crate::app::frames::Spans;
use crate::app::http::body::Context;
use crate::app::http::headers::Headers;
use crate::app::http::range::Partial;
use crate::app::parser::{Input, Parsed, Session, Transaction};
use crate::app::queue::Queue;
use crate::app::upgrade::Upgrade;
use crate::field::Dir;

/// Numbers of its frames.
const REQUEST: usize = 0;
const RESPONSE: usize = 1;

/// Bytes of white space between messages that are held in the hope of a line end.
const BLANK_LIMIT: usize = 1024;

/// The parser's state of one connection.
pub(super) struct Http {
    pub(super) config: Config,
    pub(super) care: Care,
    pub(super) txs: Queue<Box<Tx>>,
    pub(super) request: Reader,
    pub(super) response: Reader,
    /// The file of which responses bring ranges.
    pub(super) partial: Option<Box<Partial>>,
    /// How it came to another protocol.
    pub(super) upgrade: Option<Upgrade>,
    spans: Spans,
}

/// Where one direction is.
pub(super) struct Reader {
    pub state: State,
    pub finder: Finder,
    pub lexer: Lexer,
    /// Number of the transaction that the bytes belong to; between messages, that of the last.
    pub current: u64,
}

/// What the next bytes of a direction are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Between messages.
    Idle,
    /// A start line.
    Line,
    /// Requests: what follows a line without protocol.
    Await,
    /// Header fields.
    Headers,
    /// Content of so many bytes; `u64::MAX`: until the end of the stream.
    Content(u64),
    /// Content in chunks.
    Chunks(Chunks),
    /// Header fields after chunks.
    Trailer,
    /// The message is whole; what follows in the same packet may belong to it.
    After,
    /// Responses: by their status they have no content, but their headers say they do.
    Doubtful(Framing),
    /// Requests: a tunnel was asked for.
    Tunnel,
    /// Bytes were lost; the next start of a message is looked for.
    Lost,
}

impl State {
    /// Whether a message is under way.
    const fn in_message(self) -> bool {
        match self {
            Self::Line | Self::Await | Self::Headers | Self::Content(_) => true,
            Self::Chunks(_) | Self::Trailer | Self::Doubtful(_) => true,
            Self::Idle | Self::After | Self::Tunnel | Self::Lost => false,
        }
    }
}

/// How the end of content is found (RFC 9112 §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// By `Transfer-Encoding: chunked`.
    Chunked,
    /// By `Content-Length`.
    Length(u64),
    /// Nothing is said.
    Open,
}

/// What a step came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// So many bytes are used up, or the state changed.
    Go(usize),
    /// More bytes are needed.
    Wait,
    /// So many bytes are used up, and what follows is another protocol.
    Switch(usize, Option<&'static str>),
}

impl Http {
    /// A new connection.
    pub(super) fn new(config: &Config, care: Care) -> Self {
        let reader = |dir| Reader { state: State::Idle, finder: Finder::default(), lexer: Lexer::new(dir), current: 0 };
        Self {
            config: config.clone(),
            care,
            txs: Queue::default(),
            request: reader(Dir::ToServer),
            response: reader(Dir::ToClient),
            partial: None,
            upgrade: None,
            spans: Spans::default(),
        }
    }

    /// Adds a transaction. Where too many are open the oldest ends; where that does not help it goes.
    pub(super) fn push(&mut self, tx: Tx) -> u64 {
        let id = self.txs.push(Box::new(tx));
        let max = self.config.max_tx.max(1) as u64;
        if let Some(old) = (id + 1).checked_sub(max + 1) {
            for dir in Dir::BOTH {
                let at = Context { dir, config: &self.config.content, care: &self.care };
                if let Some(tx) = self.txs.get_mut(old) {
                    tx.end(&at, false);
                }
            }
        }
        if let Some(old) = (id + 1).checked_sub(2 * max + 1) {
            self.txs.release(old);
        }
        id
    }

    pub(super) fn reader(&mut self, dir: Dir) -> &mut Reader {
        match dir {
            Dir::ToServer => &mut self.request,
            Dir::ToClient => &mut self.response,
        }
    }

    /// Does something with the current transaction of a direction; nothing if it was released.
    pub(super) fn with<T>(&mut self, dir: Dir, act: impl FnOnce(&mut Tx, &Context<'_>) -> T) -> Option<T> {
        let id = self.reader(dir).current;
        let at = Context { dir, config: &self.config.content, care: &self.care };
        self.txs.get_mut(id).map(|tx| {
            tx.message_mut(dir).revision += 1;
            act(tx, &at)
        })
    }

    /// Tells that something is odd about the current transaction of a direction.
    pub(super) fn odd(&mut self, dir: Dir, event: Event) {
        self.with(dir, |tx, _| tx.event(event));
    }

    /// Ends the current message of a direction.
    pub(super) fn end(&mut self, dir: Dir, whole: bool) {
        let partial = self.with(dir, |tx, at| {
            tx.end(at, whole);
            tx.message_mut(dir).body.partial.take()
        });
        self.partial = partial.flatten().or(self.partial.take());
    }

    fn step(&mut self, data: &[u8], input: &Input<'_>) -> Step {
        let dir = input.dir;
        match (self.reader(dir).state, dir) {
            (State::Content(left), _) => self.content(data, dir, left),
            (State::Chunks(chunks), _) => self.chunks(data, dir, chunks),
            (State::Trailer, _) => match self.headers(data, input) {
                header::Step::Used(used) => Step::Go(used),
                header::Step::Wait => Step::Wait,
                header::Step::End(used) => self.go(dir, used, State::After),
            },
            (_, Dir::ToServer) => self.request_step(data, input),
            (_, Dir::ToClient) => self.response_step(data, input),
        }
    }

    /// Goes to another state.
    pub(super) fn go(&mut self, dir: Dir, used: usize, state: State) -> Step {
        self.reader(dir).state = state;
        Step::Go(used)
    }

    /// White space and empty lines between messages: how far it is to the line that something begins in.
    /// `None`: more bytes are needed, or so many are done with (`Step`).
    pub(super) fn between(data: &[u8]) -> Result<usize, Step> {
        let blank = leading(data, is_blank);
        let lines = split(data, blank).0.iter().rposition(|&byte| matches!(byte, b'\r' | b'\n')).map_or(0, |at| at + 1);
        match (blank < data.len(), lines) {
            (true, lines) => Ok(lines),
            (false, 0) if blank > BLANK_LIMIT => Err(Step::Go(blank)),
            (false, 0) => Err(Step::Wait),
            (false, lines) => Err(Step::Go(lines)),
        }
    }

    /// Takes a line of headers.
    pub(super) fn headers(&mut self, data: &[u8], input: &Input<'_>) -> header::Step {
        let Self { config, txs, request, response, .. } = self;
        let reader = if input.dir == Dir::ToServer { request } else { response };
        let Some(tx) = txs.get_mut(reader.current) else {
            // Nobody looks at it any more, but its end must still be found.
            return reader.lexer.step(&mut Headers::default(), data, input.last, config, &mut |_| {});
        };
        let (message, mut odd) = tx.split(input.dir);
        message.revision += 1;
        reader.lexer.step(&mut message.headers, data, input.last, config, &mut odd)
    }

    fn content(&mut self, data: &[u8], dir: Dir, left: u64) -> Step {
        if left == 0 {
            return self.go(dir, 0, State::After);
        }
        if data.is_empty() {
            return Step::Wait;
        }
        let (part, _) = split(data, usize::try_from(left).unwrap_or(usize::MAX));
        self.append(dir, part);
        let left = if left == u64::MAX { left } else { left - part.len() as u64 };
        self.go(dir, part.len(), State::Content(left))
    }

    fn append(&mut self, dir: Dir, part: &[u8]) {
        self.with(dir, |tx, at| {
            let (message, mut odd) = tx.split(dir);
            message.body.append(part, at, &mut |found| odd(Event::of(found, dir)));
        });
    }

    fn chunks(&mut self, data: &[u8], dir: Dir, mut chunks: Chunks) -> Step {
        let piece = chunks.next(data);
        let extension = by(dir, Event::RequestChunkExtension, Event::ResponseChunkExtension);
        match piece {
            Piece::Wait => Step::Wait,
            Piece::Framing(used) => self.go(dir, used, State::Chunks(chunks)),
            Piece::Size(used, extended) => {
                if extended {
                    self.odd(dir, extension);
                }
                self.go(dir, used, State::Chunks(chunks))
            }
            Piece::Content(used) => {
                self.append(dir, split(data, used).0);
                self.go(dir, used, State::Chunks(chunks))
            }
            Piece::End(used, extended) => {
                if extended {
                    self.odd(dir, extension);
                }
                self.reader(dir).lexer = Lexer::new(dir);
                self.go(dir, used, State::Trailer)
            }
            Piece::Invalid => {
                self.odd(dir, by(dir, Event::InvalidRequestChunkLen, Event::InvalidResponseChunkLen));
                self.go(dir, 0, State::Content(u64::MAX))
            }
        }
    }

    /// Reports where messages begin and end: at `at` of the input, a step went on from `before`.
    fn mark(&mut self, dir: Dir, before: State, at: usize) {
        let kind = if dir == Dir::ToServer { REQUEST } else { RESPONSE };
        let Reader { state: now, current, .. } = *self.reader(dir);
        // An interim response is a message of its own.
        let anew = before == State::Headers && now == State::Line;
        if before.in_message() && (anew || !now.in_message()) {
            self.spans.end(kind, dir, at as u64);
        }
        if now.in_message() && (anew || !before.in_message()) {
            self.spans.start(kind, dir, at, None, Some(current));
        }
        if let State::Content(left) = now
            && left != u64::MAX
            && !matches!(before, State::Content(_))
        {
            self.spans.end(kind, dir, (at as u64).saturating_add(left));
        }
    }

    /// The stream is over: so is the message that was under way.
    fn close(&mut self, dir: Dir) {
        let whole = match self.reader(dir).state {
            State::Idle | State::Tunnel | State::Lost => return,
            State::Content(left) => left == 0 || left == u64::MAX,
            State::Line | State::Headers | State::Chunks(_) => false,
            State::Await | State::Trailer | State::After | State::Doubtful(_) => true,
        };
        self.end(dir, whole);
        self.reader(dir).state = State::Idle;
    }

    /// The content begins: its framing decides what the next bytes are.
    pub(super) fn begin_content(&mut self, dir: Dir, framing: Framing) -> State {
        match framing {
            Framing::Chunked => State::Chunks(Chunks::default()),
            Framing::Length(left) => State::Content(left),
            Framing::Open if dir == Dir::ToClient => State::Content(u64::MAX),
            Framing::Open => State::After,
        }
    }
}

impl Session for Http {
    fn parse(&mut self, input: Input<'_>) -> Parsed {
        let mut at = 0;
        loop {
            let before = self.reader(input.dir).state;
            match self.step(split(input.data, at).1, &input) {
                Step::Go(used) => at += used,
                Step::Wait => break,
                Step::Switch(used, to) => return Parsed::Switch { bytes: at + used, to },
            }
            self.mark(input.dir, before, at);
        }
        if input.last {
            let before = self.reader(input.dir).state;
            self.close(input.dir);
            self.mark(input.dir, before, input.data.len());
            return Parsed::all(&input);
        }
        Parsed::Used { bytes: at, need: 0 }
    }

    fn gap(&mut self, dir: Dir, bytes: u64) -> Parsed {
        self.reader(dir).finder = Finder::default();
        let before = self.reader(dir).state;
        match before {
            State::Content(left) => {
                let lost = left.min(bytes);
                self.with(dir, |tx, _| tx.message_mut(dir).body.gap(lost));
                let left = if left == u64::MAX { left } else { left - lost };
                self.reader(dir).state = State::Content(left);
                if left == 0 {
                    self.end(dir, true);
                    self.reader(dir).state = State::Idle;
                }
            }
            State::Chunks(mut chunks) => {
                self.with(dir, |tx, _| tx.message_mut(dir).body.gap(bytes));
                match chunks.gap(bytes) {
                    Some(_) => self.reader(dir).state = State::Chunks(chunks),
                    None => self.lose(dir),
                }
            }
            State::Line | State::Await | State::Headers | State::Trailer | State::Doubtful(_) => self.lose(dir),
            State::After => {
                self.end(dir, true);
                self.reader(dir).state = State::Lost;
            }
            State::Idle | State::Lost => {
                // A response that was awaited may be in there.
                if let (Dir::ToClient, Some(id)) = (dir, self.awaiting())
                    && let Some(tx) = self.txs.get_mut(id)
                {
                    tx.event(Event::InvalidGap);
                }
                self.reader(dir).state = State::Lost;
            }
            State::Tunnel => {}
        }
        self.mark(dir, before, 0);
        Parsed::Used { bytes: 0, need: 0 }
    }

    fn upgrade(&mut self) -> Option<Upgrade> {
        self.upgrade.take()
    }

    fn spans(&mut self) -> Option<&mut Spans> {
        Some(&mut self.spans)
    }

    fn transactions(&self) -> Range<u64> {
        self.txs.numbers()
    }

    fn transaction(&self, id: u64) -> Option<&dyn Transaction> {
        self.txs.get(id).map(|tx| tx.as_ref() as &dyn Transaction)
    }

    fn inspected(&mut self, id: u64, dir: Dir) {
        let at = Context { dir, config: &self.config.content, care: &self.care };
        if let Some(tx) = self.txs.get_mut(id) {
            tx.message_mut(dir).body.inspected(&at);
        }
    }

    fn files_mut(&mut self, id: u64, dir: Dir) -> &mut [File] {
        self.txs.get_mut(id).map_or(&mut [], |tx| &mut tx.message_mut(dir).body.files)
    }

    fn release(&mut self, id: u64) {
        self.txs.release(id);
    }
}

impl Http {
    /// A gap tore the message; it ends here.
    fn lose(&mut self, dir: Dir) {
        self.odd(dir, Event::InvalidGap);
        self.end(dir, false);
        self.reader(dir).state = State::Lost;
    }
}
