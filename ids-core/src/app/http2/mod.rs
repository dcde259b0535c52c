//! HTTP/2 (RFC 9113), with prior knowledge or by `Upgrade: h2c` from HTTP/1.1.
//!
//! In: ordered bytes of both directions.  Out: one transaction per stream, and one per frame that belongs to the whole
//! connection or to no stream that is open.
//!
//! The parts in the order bytes meet them: `session` finds frames, whose heads and names stand in `frame`; `payload` takes
//! them apart, header blocks with `hpack`; `streams` finds the transaction that a frame belongs to; `tx` holds it, `fields` and
//! `record` show it. What becomes of content, and how rules see an exchange, is the same in all versions ([`http`]).

mod events;
mod fields;
mod frame;
mod hpack;
mod payload;
mod record;
#[cfg(test)]
pub(crate) mod sample;
mod session;
mod streams;
#[cfg(test)]
mod tests;
mod tx;

use super::file::Care;
use super::frames;
use super::http;
use super::parser::{Pattern, Probe, Probing, Protocol};
use crate::field::{Dir, Dirs, Info};

/// HTTP/2.
pub static PROTOCOL: Protocol = Protocol {
    name: "http2",
    rule_names: &["http2", "http"],
    tcp: true,
    // Either side may send its settings without waiting for the other (RFC 9113 §3.4).
    opens: Dirs::Both,
    patterns: &[Pattern { dir: Dir::ToServer, bytes: PREFACE, offset: 0, depth: PREFACE.len() as u16, nocase: false }],
    probe: Some(Probing { ports: &[], probe: |data, dir, _| settings(data, dir) }),
    states: [
        &["request_started", "request_headers", "request_complete"],
        &["response_started", "response_headers", "response_complete"],
    ],
    fields: || fields::FIELDS.iter().map(|field| &field.info).collect(),
    events: events::NAMES,
    record: Some("http"),
    frames: FRAMES,
    session: Some(|config, facts| {
        let care = Care { wanted: facts.files, ..config.files.care.clone() };
        Box::new(session::Session::new(&config.http2, care, facts.midstream))
    }),
    ..Protocol::BARE
};

/// What a client begins with (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Kinds of frames: positions in [`FRAMES`].
mod unit {
    pub(super) const HDR: usize = 0;
    pub(super) const DATA: usize = 1;
    pub(super) const PDU: usize = 2;
}

const FRAMES: &[Info] = &[
    frames::frame("http2.hdr", "The head of a frame: length, type, flags and stream (RFC 9113 §4.1)."),
    frames::frame("http2.data", "What follows the head of a frame (RFC 9113 §4.1)."),
    frames::frame("http2.pdu", "A whole frame (RFC 9113 §4.1)."),
    frames::frame("http2.stream", "All TCP data of a direction."),
];

/// Settings (`app-layer.protocols.http2`).
#[derive(Clone, Debug)]
pub struct Config {
    /// Transactions of a connection that are open at which the oldest is dropped (`max-streams`).
    pub max_streams: usize,
    /// Largest table of header fields that a side may ask for, in bytes (`max-table-size`).
    pub max_table: usize,
    /// Most bytes of a header block, of its fields, and of any frame that is held as a whole (`max-reassembly-size`).
    pub max_block: usize,
    /// How much of content is undone and kept.
    pub content: http::Config,
}

impl Default for Config {
    fn default() -> Self {
        // Content has no limit of its own: what was inspected goes, and the depth of reassembly bounds the rest.
        let content = http::Config { request_body_limit: 0, response_body_limit: 0, ..http::Config::default() };
        Self { max_streams: 4096, max_table: 65536, max_block: 102_400, content }
    }
}

/// A server's first frame: SETTINGS, whole entries, on stream 0 (RFC 9113 §6.5).
fn settings(data: &[u8], dir: Dir) -> Probe {
    /// More entries than any server sends.
    const LONGEST: usize = 6 * 64;
    let plausible = |head: frame::Head| {
        head.length.is_multiple_of(6) && head.length <= LONGEST && head.kind == frame::kind::SETTINGS && head.flags == 0
    };
    match (dir, data) {
        (Dir::ToServer, _) => Probe::No,
        (_, []) => Probe::Unsure,
        (_, [0, ..]) => match frame::Head::read(data) {
            None => Probe::Unsure,
            Some(head) if plausible(head) && head.stream == 0 => Probe::Yes(dir),
            Some(_) => Probe::No,
        },
        _ => Probe::No,
    }
}
