//! Responses: status lines, what their headers mean, and what may follow them.

use super::events::Event;
use super::header::{self, Lexer, by};
use super::line::{contains, is_blank, leading, split, starts_with, trim};
use super::session::{Framing, Http, State, Step};
use super::tx::{Progress, Tx};
use super::uri;
use crate::app::http::body::Context;
use crate::app::http::coding::Decoder;
use crate::app::http::files;
use crate::app::http::headers::Headers;
use crate::app::http::range::Partial;
use crate::app::parser::Input;
use crate::app::upgrade::Upgrade;
use crate::field::Dir;

const DIR: Dir = Dir::ToClient;
/// What every response begins with.
const START: &[u8] = b"HTTP";

impl Http {
    pub(super) fn response_step(&mut self, data: &[u8], input: &Input<'_>) -> Step {
        if !data.is_empty() {
            self.settle_request();
        }
        match self.response.state {
            State::Line => self.response_line(data, input),
            State::Headers => match self.headers(data, input) {
                header::Step::Used(used) => Step::Go(used),
                header::Step::Wait => Step::Wait,
                header::Step::End(used) => self.response_headers(data, used),
            },
            State::Doubtful(framing) => self.doubtful(data, framing),
            State::After => self.after_response(data, input),
            State::Lost => self.find_response(data, input),
            _ => self.begin_response(data),
        }
    }

    fn begin_response(&mut self, data: &[u8]) -> Step {
        let skip = match Self::between(data) {
            Ok(skip) => skip,
            Err(step) => return step,
        };
        self.response.current = match self.awaiting() {
            Some(id) => id,
            None => self.push(Tx::unasked()),
        };
        self.go(DIR, skip, State::Line)
    }

    /// The oldest transaction whose response has not come.
    pub(super) fn awaiting(&self) -> Option<u64> {
        (self.response.current..self.txs.numbers().end)
            .find(|&id| self.txs.get(id).is_some_and(|tx| tx.response.message.progress < Progress::Complete))
    }

    fn response_line(&mut self, data: &[u8], input: &Input<'_>) -> Step {
        let simple = self.txs.get(self.response.current).is_some_and(|tx| tx.request.simple);
        let text = split(data, leading(data, is_blank)).1;
        if simple && !START.iter().zip(text).all(|(known, byte)| byte.eq_ignore_ascii_case(known)) {
            return self.bare_content();
        }
        let Some(found) = self.response.finder.find(data, self.config.field_limit, input.last) else {
            return Step::Wait;
        };
        let (line, rest) = (split(data, found.len).0, split(data, found.used).1);
        if trim(line).is_empty() {
            return Step::Go(found.used);
        }
        if !is_status_line(line) {
            // Clients take what is no status line for content, unless a status line follows.
            let begun =
                !rest.is_empty() && rest.iter().zip(START).all(|(byte, known)| byte.eq_ignore_ascii_case(known));
            return match begun {
                true if rest.len() >= START.len() => Step::Go(found.used),
                true if !input.last => Step::Wait,
                _ => self.bare_content(),
            };
        }
        self.with(DIR, |tx, _| {
            let mut odd = Vec::new();
            if found.cut {
                odd.push(Event::ResponseFieldTooLong);
            }
            tx.response.set_line(line, &mut |event| odd.push(event));
            tx.response.message.progress = Progress::Line;
            odd.into_iter().for_each(|event| tx.event(event));
        });
        self.response.lexer = Lexer::new(DIR);
        if found.cut {
            self.response.lexer.skip_rest();
        }
        self.go(DIR, found.used, State::Headers)
    }

    /// A response without status line and headers: all of it is content.
    fn bare_content(&mut self) -> Step {
        self.with(DIR, |tx, at| {
            tx.response.message.progress = Progress::Headers;
            begin_body(tx, Framing::Open, &mut None, at);
        });
        self.go(DIR, 0, State::Content(u64::MAX))
    }

    fn response_headers(&mut self, data: &[u8], used: usize) -> Step {
        let mut framing = Framing::Open;
        let mut turn = Turn::Content;
        let mut connect = false;
        let mut partial = self.partial.take();
        self.with(DIR, |tx, at| {
            let mut odd = Vec::new();
            let note = &mut |event| odd.push(event);
            framing = self::framing(&tx.response.message.headers, DIR, note);
            note_protocol(tx, framing, note);
            turn = Turn::of(tx, framing);
            connect = tx.request.is_connect();
            if turn == Turn::Interim && tx.response.interim {
                note(Event::ContinueAlreadySeen);
            }
            odd.into_iter().for_each(|event| tx.event(event));
            match turn {
                Turn::Interim => tx.response.restart(),
                Turn::Content | Turn::Doubtful => {
                    tx.response.message.progress = Progress::Headers;
                    begin_body(tx, framing, &mut partial, at);
                }
                Turn::None | Turn::Switch(_) => tx.response.message.progress = Progress::Headers,
            }
        });
        self.partial = partial;
        if connect && self.request.state == State::Tunnel && turn != Turn::Interim {
            self.request.state = State::Idle;
        }
        match turn {
            Turn::Interim => self.go(DIR, used, State::Line),
            Turn::Switch(to) => {
                self.upgrade = to.and_then(|to| self.with(DIR, |tx, _| told(tx, to)));
                self.end(DIR, true);
                self.response.state = State::Idle;
                // Lines after the headers belong to no protocol that a tunnel carries.
                let lines = leading(split(data, used).1, |byte| connect && matches!(byte, b'\r' | b'\n'));
                Step::Switch(used + lines, to)
            }
            Turn::None => self.go(DIR, used, State::After),
            Turn::Doubtful => self.go(DIR, used, State::Doubtful(framing)),
            Turn::Content => {
                let state = self.begin_content(DIR, framing);
                self.go(DIR, used, state)
            }
        }
    }

    /// By its status the response has no content; but if something follows that is no response, then it has.
    fn doubtful(&mut self, data: &[u8], framing: Framing) -> Step {
        let text = split(data, leading(data, is_blank)).1;
        let state = match text.is_empty() || starts_with(text, START) {
            true => State::After,
            false => self.begin_content(DIR, framing),
        };
        self.go(DIR, 0, state)
    }

    /// The response is whole. What follows in the same packet belongs to it unless it is another response, for
    /// that is what clients take it for.
    fn after_response(&mut self, data: &[u8], input: &Input<'_>) -> Step {
        let text = split(data, leading(data, is_blank)).1;
        if !text.is_empty() && text.len() < START.len() && starts_with(START, text) && !input.last {
            return Step::Wait;
        }
        let expected = (self.response.current + 1..self.txs.numbers().end).any(|id| self.txs.get(id).is_some());
        let ours = match data.is_empty() || starts_with(text, START) {
            true => 0,
            false if text.is_empty() && expected => 0,
            false => excess(data),
        };
        let (part, _) = split(data, ours);
        if ours > 0 {
            self.with(DIR, |tx, at| {
                let (message, mut odd) = tx.split(DIR);
                odd(Event::ResponseBodyUnexpected);
                let note = &mut |found| odd(Event::of(found, DIR));
                message.body.flush(at, note);
                message.body.append_plain(part, at, note);
            });
        }
        self.end(DIR, true);
        self.go(DIR, ours, State::Idle)
    }

    /// Looks for the next line that begins like a response.
    fn find_response(&mut self, data: &[u8], input: &Input<'_>) -> Step {
        if data.is_empty() {
            return Step::Wait;
        }
        let begun = data.iter().zip(START).all(|(byte, known)| byte == known);
        if begun && data.len() < START.len() && !input.last {
            return Step::Wait;
        }
        if begun {
            return self.go(DIR, 0, State::Idle);
        }
        Step::Go((leading(data, |byte| byte != b'\n') + 1).min(data.len()))
    }
}

/// What follows the headers of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// Another response to the same request.
    Interim,
    /// Another protocol.
    Switch(Option<&'static str>),
    /// No content.
    None,
    /// No content by the status, but by the headers.
    Doubtful,
    /// Content.
    Content,
}

impl Turn {
    fn of(tx: &Tx, framing: Framing) -> Self {
        let status = tx.response.status.unwrap_or(0);
        let open = framing == Framing::Open;
        match status {
            200..=299 if tx.request.is_connect() => Self::Switch(None),
            101 if open => Self::Switch(upgrade(tx)),
            100..=199 if open && status != 101 => Self::Interim,
            _ if tx.request.method() == b"HEAD" => Self::None,
            204 | 304 if open || framing == Framing::Length(0) => Self::None,
            204 | 304 => Self::Doubtful,
            _ => Self::Content,
        }
    }
}

/// The protocol that `Upgrade` names, by its record name (RFC 6455 §1.3, RFC 7540 §3.2).
fn upgrade(tx: &Tx) -> Option<&'static str> {
    let names = tx.response.message.headers.get("upgrade").or_else(|| tx.request.message.headers.get("upgrade"))?;
    match () {
        () if contains(names, b"h2c") => Some("http2"),
        () if contains(names, b"websocket") => Some("websocket"),
        () => None,
    }
}

/// What the protocol of this record name is told of how it came about.
fn told(tx: &Tx, to: &str) -> Upgrade {
    let (request, response) = (&tx.request.message.headers, &tx.response.message.headers);
    let parameters =
        if to == "http2" { request.get("http2-settings") } else { response.get("sec-websocket-extensions") };
    Upgrade {
        method: tx.request.method().to_vec(),
        target: tx.request.raw_target().to_vec(),
        host: request.get("host").unwrap_or_default().to_vec(),
        parameters: parameters.unwrap_or_default().to_vec(),
    }
}

fn note_protocol(tx: &Tx, framing: Framing, odd: &mut impl FnMut(Event)) {
    let response = &tx.response;
    let version = uri::version(response.protocol());
    if framing == Framing::Chunked && version.is_some_and(|version| version < (1, 1)) {
        odd(Event::ResponseChunkedOldProto);
    }
    if response.status == Some(101) && framing != Framing::Open {
        odd(Event::SwitchingProtoWithContentLength);
    }
    if framing == Framing::Open && response.message.headers.get("content-type").is_some_and(is_byteranges) {
        odd(Event::ResponseMultipartByteranges);
    }
}

fn is_byteranges(content_type: &[u8]) -> bool {
    starts_with(trim(content_type), b"multipart/byteranges")
}

/// The content of a response: a file or a range of the one `begun`. There is none where it is in parts and only the end of
/// the connection ends them.
fn begin_body(tx: &mut Tx, framing: Framing, begun: &mut Option<Box<Partial>>, at: &Context<'_>) {
    let mut odd = Vec::new();
    let note = &mut |found| odd.push(Event::of(found, DIR));
    let headers = &tx.response.message.headers;
    let decoder = Decoder::new(headers.all("content-encoding"), at.config, note);
    let parts = framing == Framing::Open && headers.get("content-type").is_some_and(is_byteranges);
    let (file, partial) =
        if parts { (None, None) } else { files::of_response(headers, tx.request.path(), begun, at, note) };
    tx.response.message.body.begin(decoder, None, file);
    tx.response.message.body.partial = partial;
    odd.into_iter().for_each(|event| tx.event(event));
}

/// Whether a line is a status line: of HTTP however spelled, or of a protocol made like it, such as RTSP.
fn is_status_line(line: &[u8]) -> bool {
    let line = trim(line);
    if starts_with(line, START) {
        return true;
    }
    let name = leading(line, |byte| byte.is_ascii_alphabetic());
    let versioned = name > 0 && matches!(split(line, name).1, [b'/', digit, ..] if digit.is_ascii_digit());
    let mut words = line.split(|&byte| is_blank(byte)).filter(|word| !word.is_empty());
    let code = words.nth(1).is_some_and(|word| word.len() == 3 && word.iter().all(u8::is_ascii_digit));
    versioned && code
}

/// How much of `data` comes before the next line that begins like a response.
fn excess(data: &[u8]) -> usize {
    let mut lines = memchr::memchr_iter(b'\n', data);
    lines.find(|&at| starts_with(split(data, at + 1).1, b"HTTP/")).map_or(data.len(), |at| at + 1)
}

/// How the headers of a message say where its content ends (RFC 9112 §6.3), with leniency: `chunked` counts
/// wherever it stands, and the first number in the first `Content-Length`.
pub(super) fn framing(headers: &Headers, dir: Dir, odd: &mut impl FnMut(Event)) -> Framing {
    let mut coded = false;
    for value in headers.all("transfer-encoding") {
        coded |= contains(value, b"chunked");
        if !contains(value, b"chunked") {
            odd(by(dir, Event::InvalidTransferEncodingInRequest, Event::InvalidTransferEncodingInResponse));
        } else if dir == Dir::ToClient && !trim(value).eq_ignore_ascii_case(b"chunked") {
            odd(Event::ResponseAbnormalTransferEncoding);
        }
    }
    let mut lengths = headers.all("content-length");
    let first = lengths.next();
    if lengths.next().is_some() {
        odd(by(dir, Event::DuplicateContentLengthInRequest, Event::DuplicateContentLengthInResponse));
    }
    match (coded, first) {
        (true, _) => Framing::Chunked,
        (false, None) => Framing::Open,
        (false, Some(value)) => match length(value, odd) {
            Some(length) => Framing::Length(length),
            None => {
                odd(by(dir, Event::InvalidContentLengthInRequest, Event::InvalidContentLengthInResponse));
                Framing::Open
            }
        },
    }
}

/// The first number in a `Content-Length`; too large ones become the largest.
fn length(value: &[u8], odd: &mut impl FnMut(Event)) -> Option<u64> {
    let value = trim(value);
    let start = leading(value, |byte| !byte.is_ascii_digit());
    let digits = split(value, start).1;
    let end = leading(digits, |byte| byte.is_ascii_digit());
    if end == 0 {
        return None;
    }
    if start > 0 {
        odd(Event::ContentLengthExtraDataStart);
    }
    if end < digits.len() {
        odd(Event::ContentLengthExtraDataEnd);
    }
    let add = |value: u64, digit: &u8| value.saturating_mul(10).saturating_add(u64::from(digit - b'0'));
    Some(split(digits, end).0.iter().fold(0, add))
}
