//! One exchange: a request and its response, as far as they came.
//!
//! In: start lines, headers and bodies from `request` and `response`.  Out: everything that fields and records
//! show of them.

use super::events::Event;
use super::fields;
use super::line::{is_space, leading, split, trim, trim_end};
use super::log;
use super::uri;
use crate::app::events::Events;
use crate::app::file::File;
use crate::app::http::body::{Body, Context};
use crate::app::http::headers::Headers;
use crate::app::parser::{Detail, Transaction};
use crate::field::{Dir, Value};
use crate::record::Writer;

/// What stands for the target of a request that was not seen.
pub(super) const URI_NOT_SEEN: &[u8] = b"/libhtp::request_uri_not_seen";
/// Oddities of one transaction, repeated ones counted, beyond which it is told that they are too many.
const MAX_ODDITIES: u8 = 64;

/// How far a message has come: the part of it that came last and is whole. The order is that of
/// `Protocol::states`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Progress {
    /// Nothing is whole.
    #[default]
    Started,
    /// The start line is.
    Line,
    /// The headers are.
    Headers,
    /// The body is.
    Body,
    /// The trailer is; told together with the end.
    #[expect(dead_code, reason = "a state of its own only in the table of states")]
    Trailer,
    /// All of it is, or no more will come.
    Complete,
}

/// What requests and responses have in common.
#[derive(Debug, Default)]
pub(super) struct Message {
    /// The start line without its end.
    pub line: Vec<u8>,
    pub headers: Headers,
    pub body: Body,
    pub progress: Progress,
    pub revision: u32,
}

/// A request.
#[derive(Debug, Default)]
pub(super) struct Request {
    pub message: Message,
    /// Where in the line the method is.
    pub method: (usize, usize),
    /// Where in the line the target is; it may hold white space.
    pub target: (usize, usize),
    /// Where in the line the protocol is.
    pub protocol: (usize, usize),
    /// Path and query as servers understand them.
    pub normalized: Vec<u8>,
    /// Host that is asked, in lower case; empty if none is named.
    pub host: Vec<u8>,
    /// Port that is asked, if it is named.
    pub port: Option<u16>,
    /// A line alone (HTTP/0.9): the response has neither status line nor headers.
    pub simple: bool,
}

/// A response.
#[derive(Debug, Default)]
pub(super) struct Response {
    pub message: Message,
    /// Where in the line the protocol is.
    pub protocol: (usize, usize),
    /// Where in the line the status code is.
    pub code: (usize, usize),
    /// Where in the line the reason phrase is.
    pub reason: (usize, usize),
    /// The status code, if it is a number of three digits.
    pub status: Option<u16>,
    /// Whether an interim response came before.
    pub interim: bool,
}

/// One exchange.
#[derive(Debug, Default)]
pub(super) struct Tx {
    pub request: Request,
    pub response: Response,
    oddities: Oddities,
}

impl Tx {
    /// For a response that nobody asked for.
    pub(super) fn unasked() -> Self {
        let mut tx = Self::default();
        tx.request.message.progress = Progress::Complete;
        tx.event(Event::UnableToMatchResponse);
        tx
    }

    /// The message of a direction.
    pub(super) fn message(&self, dir: Dir) -> &Message {
        match dir {
            Dir::ToServer => &self.request.message,
            Dir::ToClient => &self.response.message,
        }
    }

    /// The message of a direction, to change it.
    pub(super) fn message_mut(&mut self, dir: Dir) -> &mut Message {
        match dir {
            Dir::ToServer => &mut self.request.message,
            Dir::ToClient => &mut self.response.message,
        }
    }

    /// Remembers something odd.
    pub(super) fn event(&mut self, event: Event) {
        self.oddities.note(event);
    }

    /// A message of this transaction, and what remembers oddities meanwhile.
    pub(super) fn split(&mut self, dir: Dir) -> (&mut Message, impl FnMut(Event)) {
        let message = match dir {
            Dir::ToServer => &mut self.request.message,
            Dir::ToClient => &mut self.response.message,
        };
        let oddities = &mut self.oddities;
        (message, move |event| oddities.note(event))
    }

    /// Ends a message. `whole` tells whether it ended where it should.
    pub(super) fn end(&mut self, at: &Context<'_>, whole: bool) {
        let (message, mut odd) = self.split(at.dir);
        if message.progress < Progress::Complete {
            message.body.end(whole, at, &mut |found| odd(Event::of(found, at.dir)));
            message.progress = Progress::Complete;
            message.revision += 1;
        }
    }
}

/// What was odd about an exchange.
#[derive(Debug, Default)]
struct Oddities {
    events: Events,
    /// How many there were, repeated ones too.
    count: u8,
}

impl Oddities {
    fn note(&mut self, event: Event) {
        self.count = self.count.saturating_add(1);
        let event = if self.count > MAX_ODDITIES { Event::TooManyWarnings } else { event };
        self.events.note(event as u8);
    }
}

impl Request {
    /// Takes a request line (RFC 9112 §3) apart. White space before the method is skipped, and the target
    /// may hold white space: it ends where a protocol begins.
    pub(super) fn set_line(&mut self, line: &[u8], decoding: uri::Decoding, odd: &mut impl FnMut(Event)) {
        let line = trim_end(line);
        let start = leading(line, super::line::is_blank);
        if start > 0 {
            odd(Event::RequestLineLeadingWhitespace);
        }
        self.message.line = line.to_vec();
        let method_end = start + leading(split(line, start).1, |byte| !is_space(byte));
        let gap = leading(split(line, method_end).1, is_space);
        if split(line, method_end).1.iter().take(gap).any(|&byte| byte != b' ') {
            odd(Event::MethodDelimNonCompliant);
        }
        let target_start = method_end + gap;
        let protocol_start = protocol_at(line, target_start);
        let target_end = target_start + trim_end(line.get(target_start..protocol_start).unwrap_or_default()).len();
        if line.get(target_end..protocol_start).unwrap_or_default().iter().any(|&byte| byte != b' ') {
            odd(Event::UriDelimNonCompliant);
        }
        self.method = (start, method_end);
        self.target = (target_start, target_end);
        self.protocol = (protocol_start, line.len());
        self.odd_line(odd);
        let target = uri::Target::parse(self.raw_target(), self.is_connect());
        if target.authority.is_some() && self.is_connect() {
            return;
        }
        let (normalized, twice) = uri::normalize(&target, decoding);
        if twice {
            odd(Event::DoubleEncodedUri);
        }
        self.normalized = normalized;
    }

    fn odd_line(&self, odd: &mut impl FnMut(Event)) {
        let known = uri::is_method(self.method());
        let event = match (known, self.raw_target().is_empty(), self.protocol().is_empty()) {
            (false, true, _) => Event::RequestLineUnknownMethod,
            (false, false, true) => Event::RequestLineUnknownMethodNoProtocol,
            (false, false, false) if !uri::is_http(self.protocol()) => Event::RequestLineUnknownMethodInvalidProtocol,
            _ => return,
        };
        odd(event);
    }

    /// The method as it was sent.
    pub(super) fn method(&self) -> &[u8] {
        part(&self.message.line, self.method)
    }

    /// The target as it was sent; may hold white space.
    pub(super) fn raw_target(&self) -> &[u8] {
        part(&self.message.line, self.target)
    }

    /// The protocol as it was sent; may be empty.
    pub(super) fn protocol(&self) -> &[u8] {
        part(&self.message.line, self.protocol)
    }

    /// Whether a tunnel is asked for.
    pub(super) fn is_connect(&self) -> bool {
        self.method() == b"CONNECT"
    }

    /// Whether the line was seen.
    pub(super) fn is_seen(&self) -> bool {
        !self.message.line.is_empty()
    }
}

impl Response {
    /// Takes a status line (RFC 9112 §4) apart, with any white space between its parts and before it.
    pub(super) fn set_line(&mut self, line: &[u8], odd: &mut impl FnMut(Event)) {
        let line = trim(line);
        let word = |from: usize| {
            let start = from + leading(split(line, from).1, super::line::is_blank);
            (start, start + leading(split(line, start).1, |byte| !super::line::is_blank(byte)))
        };
        self.message.line = line.to_vec();
        self.protocol = word(0);
        self.code = word(self.protocol.1);
        self.reason = (word(self.code.1).0, line.len());
        let digits = part(line, self.code);
        let number = (digits.len() == 3).then(|| std::str::from_utf8(digits).ok()?.parse().ok()).flatten();
        self.status = number.filter(|status| (100..=999).contains(status));
        // Rule sets know these by an old and by a new name.
        if self.status.is_none() {
            odd(Event::ResponseInvalidStatus);
            odd(Event::ResponseLineInvalidStatus);
        }
        if !uri::is_http(part(line, self.protocol)) && super::line::starts_with(line, b"HTTP") {
            odd(Event::ResponseInvalidProtocol);
            odd(Event::ResponseLineInvalidProtocol);
        }
    }

    /// Forgets an interim response.
    pub(super) fn restart(&mut self) {
        let revision = self.message.revision + 1;
        *self = Self { interim: true, ..Self::default() };
        self.message.revision = revision;
    }

    /// The protocol as it was sent.
    pub(super) fn protocol(&self) -> &[u8] {
        part(&self.message.line, self.protocol)
    }

    /// The status code as it was sent.
    pub(super) fn code(&self) -> &[u8] {
        part(&self.message.line, self.code)
    }

    /// The reason phrase as it was sent.
    pub(super) fn reason(&self) -> &[u8] {
        part(&self.message.line, self.reason)
    }

    /// Whether a status line was seen.
    pub(super) fn is_seen(&self) -> bool {
        !self.message.line.is_empty()
    }
}

fn part(line: &[u8], (start, end): (usize, usize)) -> &[u8] {
    line.get(start..end).unwrap_or_default()
}

/// Where in a request line the protocol begins: at the last word after the target, if that looks like one;
/// else at the end.
fn protocol_at(line: &[u8], target: usize) -> usize {
    let rest = split(line, target).1;
    let Some(space) = rest.iter().rposition(|&byte| is_space(byte)) else { return line.len() };
    let word = split(rest, space + 1).1;
    let name = leading(word, |byte| byte.is_ascii_alphabetic());
    let versioned = matches!(split(word, name).1, [b'/', digit, ..] if digit.is_ascii_digit());
    let looks_like_one = name > 0 && (versioned || super::line::starts_with(word, b"HTTP"));
    if looks_like_one { target + space + 1 } else { line.len() }
}

impl Transaction for Tx {
    fn field<'a>(&'a self, field: usize, dir: Dir, instance: usize, scratch: &'a mut Vec<u8>) -> Value<'a> {
        fields::FIELDS.get(self, field, dir, instance, scratch)
    }

    fn progress(&self, dir: Dir) -> u8 {
        self.message(dir).progress as u8
    }

    fn revision(&self, dir: Dir) -> u32 {
        self.message(dir).revision
    }

    fn events(&self) -> &[u8] {
        &self.oddities.events
    }

    fn files(&self, dir: Dir) -> &[File] {
        &self.message(dir).body.files
    }

    fn record(&self, detail: &Detail<'_>, out: &mut dyn Writer) {
        log::record(self, detail, out);
    }
}
