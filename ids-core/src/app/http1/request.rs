//! Requests: request lines, what their headers mean, and what may follow them.

use super::events::Event;
use super::header::{self, Lexer};
use super::line::{is_space, leading, split, trim};
use super::session::{Framing, Http, State, Step};
use super::tx::{Progress, Request, Tx, URI_NOT_SEEN};
use super::uri::{self, Authority, Target};
use crate::app::http::body::Context;
use crate::app::http::coding::Decoder;
use crate::app::http::files;
use crate::app::http::multipart::Form;
use crate::app::parser::Input;
use crate::field::Dir;

const DIR: Dir = Dir::ToServer;
/// Longest method that is waited for.
const METHOD_LIMIT: usize = 32;
/// Bytes that are held for a tunnel whose answer has not come.
const TUNNEL_LIMIT: usize = 64 * 1024;
/// Schemes of `Authorization` that servers know (RFC 7617, 7616, 6750).
const SCHEMES: [&[u8]; 3] = [b"basic", b"digest", b"bearer"];

impl Http {
    pub(super) fn request_step(&mut self, data: &[u8], input: &Input<'_>) -> Step {
        match self.request.state {
            State::Line => self.request_line(data, input),
            State::Await => self.after_simple(data, input),
            State::Headers => match self.headers(data, input) {
                header::Step::Used(used) => Step::Go(used),
                header::Step::Wait => Step::Wait,
                header::Step::End(used) => self.request_headers(used),
            },
            State::After => self.after_request(data, input),
            State::Tunnel => tunnel(data),
            State::Lost => self.find_request(data, input),
            _ => self.begin_request(data),
        }
    }

    fn begin_request(&mut self, data: &[u8]) -> Step {
        match Self::between(data) {
            Ok(skip) => {
                self.request.current = self.push(Tx::default());
                self.go(DIR, skip, State::Line)
            }
            Err(step) => step,
        }
    }

    fn request_line(&mut self, data: &[u8], input: &Input<'_>) -> Step {
        let Some(found) = self.request.finder.find(data, self.config.field_limit, input.last) else {
            return Step::Wait;
        };
        let decoding = uri::Decoding {
            double_path: self.config.double_decode_path,
            double_query: self.config.double_decode_query,
        };
        let with_protocol = self.with(DIR, |tx, _| {
            let mut odd = Vec::new();
            if found.cut {
                odd.push(Event::RequestFieldTooLong);
            }
            tx.request.set_line(split(data, found.len).0, decoding, &mut |event| odd.push(event));
            tx.request.message.progress = Progress::Line;
            odd.into_iter().for_each(|event| tx.event(event));
            !tx.request.protocol().is_empty()
        });
        self.request.lexer = Lexer::new(DIR);
        // The rest of a line that was cut is dropped as a header line would be.
        if found.cut {
            self.request.lexer.skip_rest();
        }
        let simple = with_protocol == Some(false) && !found.cut;
        self.go(DIR, found.used, if simple { State::Await } else { State::Headers })
    }

    /// After a line without protocol: nothing more (HTTP/0.9), or headers nonetheless.
    fn after_simple(&mut self, data: &[u8], input: &Input<'_>) -> Step {
        let empty_line = match data {
            [] => return Step::Wait,
            [b'\r'] if !input.last => return Step::Wait,
            [b'\r', b'\n', ..] => 2,
            [b'\n' | b'\r', ..] => 1,
            _ => {
                self.odd(DIR, Event::RequestLineMissingProtocol);
                return self.go(DIR, 0, State::Headers);
            }
        };
        self.settle_request();
        Step::Go(empty_line)
    }

    /// A request that could have gone on did not: it was a line alone.
    pub(super) fn settle_request(&mut self) {
        if self.request.state == State::Await {
            self.with(DIR, |tx, at| {
                tx.request.simple = true;
                tx.end(at, true);
            });
            self.request.state = State::Idle;
        }
    }

    fn request_headers(&mut self, used: usize) -> Step {
        let mut framing = Framing::Open;
        let mut connect = false;
        self.with(DIR, |tx, at| {
            let mut odd = Vec::new();
            let note = &mut |event| odd.push(event);
            find_host(&mut tx.request, note);
            let request = &tx.request;
            let version = uri::version(request.protocol());
            if version.is_some_and(|version| version >= (1, 1)) && request.message.headers.get("host").is_none() {
                note(Event::MissingHostHeader);
            }
            if let Some(auth) = request.message.headers.get("authorization") {
                let scheme = split(auth, leading(auth, |byte| !is_space(byte))).0;
                if !SCHEMES.iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
                    note(Event::RequestAuthUnrecognized);
                }
            }
            framing = super::response::framing(&request.message.headers, DIR, note);
            connect = request.is_connect();
            if !connect && !matches!(framing, Framing::Open | Framing::Length(0)) {
                begin_body(&mut tx.request, at, note);
            }
            tx.request.message.progress = Progress::Headers;
            odd.into_iter().for_each(|event| tx.event(event));
        });
        if connect {
            self.end(DIR, true);
            return self.go(DIR, used, State::Tunnel);
        }
        if matches!(framing, Framing::Open | Framing::Length(0)) {
            self.end(DIR, true);
            return self.go(DIR, used, State::Idle);
        }
        let state = self.begin_content(DIR, framing);
        self.go(DIR, used, state)
    }

    /// After a request with content: lines that no request begins with belong to it.
    fn after_request(&mut self, data: &[u8], input: &Input<'_>) -> Step {
        self.end(DIR, true);
        let skip = match Self::between(data) {
            Ok(skip) => skip,
            Err(step) => return step,
        };
        if skip > 0 {
            return Step::Go(skip);
        }
        let word = leading(data, |byte| !is_space(byte));
        if word < data.len() && uri::is_method(split(data, word).0) {
            return self.go(DIR, 0, State::Idle);
        }
        let Some(found) = self.request.finder.find(data, self.config.field_limit, input.last) else {
            return Step::Wait;
        };
        self.odd(DIR, Event::RequestBodyUnexpected);
        Step::Go(found.used)
    }

    /// Looks for the next line that begins with a method.
    fn find_request(&mut self, data: &[u8], input: &Input<'_>) -> Step {
        if data.is_empty() {
            return Step::Wait;
        }
        let word = leading(data, |byte| !is_space(byte));
        if word == data.len() && word < METHOD_LIMIT && !input.last {
            return Step::Wait;
        }
        if uri::is_method(split(data, word).0) {
            return self.go(DIR, 0, State::Idle);
        }
        Step::Go((leading(data, |byte| byte != b'\n') + 1).min(data.len()))
    }
}

/// While the answer to `CONNECT` is awaited, what the client sends is kept for whatever it turns out to be.
fn tunnel(data: &[u8]) -> Step {
    match leading(data, |byte| matches!(byte, b'\r' | b'\n')) {
        0 if data.len() > TUNNEL_LIMIT => Step::Go(data.len()),
        0 => Step::Wait,
        used => Step::Go(used),
    }
}

/// Finds out which host is asked: the one in the target, else that in `Host` (RFC 9112 §3.3).
fn find_host(request: &mut Request, odd: &mut impl FnMut(Event)) {
    let target = Target::parse(request.raw_target(), request.is_connect());
    let named = target.authority.map(Authority::parse);
    let header = request.message.headers.get("host").map(|value| Authority::parse(trim(value)));
    if let Some(named) = &named {
        if !named.is_valid() {
            odd(Event::RequestUriHostInvalid);
        }
        if named.port.is_some() && named.port_number().is_none() {
            odd(if request.is_connect() { Event::InvalidAuthorityPort } else { Event::InvalidServerPort });
        }
    }
    if let Some(header) = &header {
        if !header.is_valid() {
            odd(Event::RequestHeaderHostInvalid);
        }
        if header.port.is_some() && header.port_number().is_none() {
            odd(Event::InvalidServerPort);
        }
    }
    if let (Some(named), Some(header)) = (&named, &header) {
        let default = |port: Option<u16>| port.unwrap_or(80);
        let same_port = request.is_connect() || default(named.port_number()) == default(header.port_number());
        if named.normalized() != header.normalized() || !same_port {
            odd(Event::HostHeaderAmbiguous);
        }
    }
    let Some(chosen) = named.filter(|named| !named.host.is_empty()).or(header) else { return };
    let (host, port) = (chosen.normalized(), chosen.port_number());
    request.host = host;
    request.port = port;
}

/// The content of a request: a form, or a file that is named by the target.
fn begin_body(request: &mut Request, at: &Context<'_>, odd: &mut impl FnMut(Event)) {
    let odd = &mut |found| odd(Event::of(found, DIR));
    let headers = &request.message.headers;
    let decoder = Decoder::new(headers.all("content-encoding"), at.config, odd);
    let form = headers.get("content-type").and_then(Form::new);
    let upload = matches!(request.method(), b"POST" | b"PUT");
    let file = if upload && form.is_none() { files::of_request(request.path(), at, odd) } else { None };
    request.message.body.begin(decoder, form, file);
}

impl Request {
    /// The path as servers understand it.
    pub(super) fn path(&self) -> &[u8] {
        if !self.is_seen() {
            return URI_NOT_SEEN;
        }
        split(&self.normalized, leading(&self.normalized, |byte| byte != b'?')).0
    }
}
