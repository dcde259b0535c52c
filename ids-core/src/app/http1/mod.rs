//! HTTP/1 (RFC 9112), as real servers and attackers speak it.
//!
//! In: ordered bytes of both directions, or the news that some are missing.  Out: transactions.
//!
//! The parts in the order bytes meet them: `session` keeps the transactions; `request` and `response`
//! take messages apart with `line`, `header`, `uri`, `chunked`; `fields` and `log` show it all. What becomes of content, and how
//! rules see an exchange, is the same in all versions ([`http`]).
//!
//! Leniency is on purpose: what any client or server would make sense of is taken that way, with an event where
//! it is odd, so that nothing is hidden by a detail of form.

mod chunked;
mod events;
mod fields;
mod header;
mod line;
mod log;
mod request;
mod response;
mod session;
#[cfg(test)]
mod tests;
mod tx;
mod uri;

use crate::app::file::Care;
use crate::app::frames::frame;
use crate::app::http;
use crate::app::parser::{Pattern, Probe, Probing, Protocol};
use crate::field::{Dir, Dirs};

/// HTTP/1.
pub static PROTOCOL: Protocol = Protocol {
    name: "http",
    rule_names: &["http", "http1"],
    tcp: true,
    opens: Dirs::ToServer,
    patterns: &PATTERNS,
    probe: Some(Probing { ports: &[80], probe }),
    states: [
        &["request_started", "request_line", "request_headers", "request_body", "request_trailer", "request_complete"],
        &[
            "response_started",
            "response_line",
            "response_headers",
            "response_body",
            "response_trailer",
            "response_complete",
        ],
    ],
    fields: || fields::FIELDS.iter().map(|field| &field.info).collect(),
    events: events::NAMES,
    capital_events: true,
    record: Some("http"),
    frames: &[
        frame("http1.request", "A request, from its first line to the end of its content (RFC 9112 §2.1)."),
        frame("http1.response", "A response, from its first line to the end of its content (RFC 9112 §2.1)."),
        frame("http1.stream", "All TCP data of a direction."),
    ],
    session: Some(|config, facts| {
        let care = Care { wanted: facts.files, ..config.files.care.clone() };
        Box::new(session::Http::new(&config.http1, care))
    }),
    ..Protocol::BARE
};

/// Settings (`app-layer.protocols.http.libhtp.default-config`).
#[derive(Clone, Debug)]
pub struct Config {
    /// How much of content is undone and kept.
    pub content: http::Config,
    /// Longest start line or header field in bytes (`meta-field-limit`).
    pub field_limit: usize,
    /// Most header fields of a message that are kept (`headers-limit`).
    pub headers_limit: usize,
    /// Most transactions of a connection that are open (`max-tx`).
    pub max_tx: usize,
    /// Whether paths are percent-decoded twice (`double-decode-path`).
    pub double_decode_path: bool,
    /// Whether queries are percent-decoded twice (`double-decode-query`).
    pub double_decode_query: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            content: http::Config::default(),
            field_limit: 18432,
            headers_limit: 1024,
            max_tx: 512,
            double_decode_path: false,
            double_decode_query: false,
        }
    }
}

const fn method(bytes: &'static [u8]) -> Pattern {
    Pattern { dir: Dir::ToServer, bytes, offset: 0, depth: bytes.len() as u16, nocase: false }
}

/// Methods with the white space after them, and status lines; also those after a few empty lines.
static PATTERNS: [Pattern; 20] = [
    method(b"GET "),
    method(b"GET\t"),
    method(b"POST "),
    method(b"POST\t"),
    method(b"HEAD "),
    method(b"PUT "),
    method(b"DELETE "),
    method(b"CONNECT "),
    method(b"OPTIONS "),
    method(b"TRACE "),
    method(b"PATCH "),
    method(b"PROPFIND "),
    method(b"PROPPATCH "),
    method(b"MKCOL "),
    method(b"COPY "),
    method(b"MOVE "),
    method(b"LOCK "),
    method(b"UNLOCK "),
    method(b"REPORT "),
    Pattern { dir: Dir::ToClient, bytes: b"HTTP/", offset: 0, depth: 5, nocase: false },
];

/// Looks for a line that ends in a version of HTTP, or begins with one. Whoever sends the first is the client,
/// whatever was assumed.
fn probe(data: &[u8], dir: Dir, _udp: bool) -> Probe {
    /// Longer first lines are not looked at.
    const LIMIT: usize = 8192;
    const START: &[u8] = b"HTTP/";
    let data = line::split(data, line::leading(data, line::is_blank)).1;
    let end = line::leading(data, |byte| byte != b'\n' && byte != b'\r');
    let first = line::split(data, end).0;
    // The preface of HTTP/2 (RFC 9113 §3.4) looks like a request line.
    if line::starts_with(data, b"PRI * HTTP/2") {
        return Probe::No;
    }
    if line::starts_with(data, START) {
        return Probe::Yes(Dir::ToClient);
    }
    if dir == Dir::ToClient && line::starts_with(START, data) {
        return Probe::Unsure;
    }
    if !first.iter().all(|&byte| byte >= b' ' || byte == b'\t') {
        return Probe::No;
    }
    if end == data.len() && data.len() < LIMIT {
        return if dir == Dir::ToServer { Probe::Unsure } else { Probe::No };
    }
    let word = first.rsplit(|&byte| byte == b' ').next().unwrap_or(first);
    if word.len() < first.len() && uri::is_http(word) { Probe::Yes(Dir::ToServer) } else { Probe::No }
}
