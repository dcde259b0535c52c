//! SIP (RFC 3261) over UDP and TCP, and the descriptions of sessions in it (SDP, RFC 8866).
//!
//! In: datagrams, or a stream of messages that say how long they are.  Out: one transaction per message, which has one
//! direction: requests travel to the server, responses to the client. What travels the other way is a frame and no more.
//!
//! The parts in the order bytes meet them: `session` finds messages, `start` reads their first lines, `message` their
//! header fields, `sdp` what a body says of a session; `index` finds values again. `fields` and `record` show them.

mod fields;
mod index;
mod message;
mod record;
#[cfg(test)]
pub(crate) mod sample;
mod sdp;
mod session;
mod start;
#[cfg(test)]
mod tests;

use super::frames::frame;
use super::parser::{Pattern, Probing, Protocol};
use crate::field::{Dir, Info};

/// What a response begins with (RFC 3261 §7.2).
const RESPONSE: &[u8] = b"SIP/2.0 ";

/// SIP.
pub static PROTOCOL: Protocol = Protocol {
    name: "sip",
    rule_names: &["sip"],
    tcp: true,
    udp: true,
    patterns: &[Pattern {
        dir: Dir::ToClient,
        bytes: RESPONSE,
        offset: 0,
        depth: RESPONSE.len() as u16,
        nocase: false,
    }],
    probe: Some(Probing { ports: &[], probe: start::probe }),
    fields: || fields::FIELDS.iter().map(|field| &field.info).collect(),
    events: EVENTS,
    record: Some("sip"),
    frames: FRAMES,
    session: Some(|_, facts| Box::new(session::Session::new(facts.udp))),
    ..Protocol::BARE
};

/// Names of the events; the position is the number.
const EVENTS: &[&str] = &["incomplete_data", "invalid_data"];

/// An event: a position in [`EVENTS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Event {
    /// A message ends before its header fields or its body do.
    IncompleteData,
    /// No message; or one with a header field that is none, or a length that is none.
    InvalidData,
}

/// Kinds of frames: positions in [`FRAMES`].
mod unit {
    pub(super) const PDU: usize = 0;
    /// Of requests and of responses.
    pub(super) const LINE: [usize; 2] = [1, 2];
    pub(super) const HEADERS: [usize; 2] = [3, 4];
    pub(super) const BODY: [usize; 2] = [5, 6];
}

const FRAMES: &[Info] = &[
    frame("sip.pdu", "A message (RFC 3261 §7)."),
    frame("sip.request.line", "The first line of a request, with its end (RFC 3261 §7.1)."),
    frame("sip.response.line", "The first line of a response, with its end (RFC 3261 §7.2)."),
    frame("sip.request.headers", "The header fields of a request, with their line ends (RFC 3261 §7.3)."),
    frame("sip.response.headers", "The header fields of a response, with their line ends (RFC 3261 §7.3)."),
    frame("sip.request.body", "The body of a request (RFC 3261 §7.4)."),
    frame("sip.response.body", "The body of a response (RFC 3261 §7.4)."),
    frame("sip.stream", "All TCP data of a direction."),
];
