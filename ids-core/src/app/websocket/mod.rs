//! WebSocket (RFC 6455), with permessage-deflate (RFC 7692), after an upgrade from HTTP/1.1.
//!
//! In: ordered bytes of both directions.  Out: one transaction per message, which may come in several frames.
//!
//! The parts in the order bytes meet them: `session` finds frames, whose heads stand in `frame`, and which message each
//! belongs to; `inflate` undoes compression; `tx` holds a message, `fields` show it.

mod fields;
mod frame;
mod inflate;
#[cfg(test)]
pub(crate) mod sample;
mod session;
#[cfg(test)]
mod tests;
mod tx;

use super::frames;
use super::parser::Protocol;
use crate::field::Info;

/// WebSocket. Nothing gives it away but the upgrade that it begins with.
pub static PROTOCOL: Protocol = Protocol {
    name: "websocket",
    rule_names: &["websocket"],
    tcp: true,
    fields: || fields::FIELDS.iter().map(|field| &field.info).collect(),
    events: EVENTS,
    record: Some("websocket"),
    frames: FRAMES,
    session: Some(|config, _| Box::new(session::Session::new(config.websocket))),
    ..Protocol::BARE
};

/// Kinds of frames: positions in [`FRAMES`].
mod unit {
    pub(super) const HEADER: usize = 0;
    pub(super) const PDU: usize = 1;
    pub(super) const DATA: usize = 2;
}

const FRAMES: &[Info] = &[
    frames::frame("websocket.header", "The head of a frame: flags, opcode, length and mask (RFC 6455 §5.2)."),
    frames::frame("websocket.pdu", "A whole frame as it was sent (RFC 6455 §5.2)."),
    frames::frame("websocket.data", "The payload of a frame as it was sent (RFC 6455 §5.2)."),
    frames::frame("websocket.stream", "All data of a direction."),
];

/// Names of the events; the position is the number.
const EVENTS: &[&str] = &["skip_end_of_payload", "reassembly_limit_reached"];

/// An event: a position in [`EVENTS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Event {
    /// A frame has more payload than is kept.
    SkipEndOfPayload,
    /// A message has more frames' payload than is kept, or grows out of all proportion.
    ReassemblyLimitReached,
}

/// Settings (`app-layer.protocols.websocket`).
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Bytes of a message that are kept, decompressed or not (`max-payload-size`).
    pub max_payload: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { max_payload: 64 * 1024 }
    }
}
