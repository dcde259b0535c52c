//! MQTT 3.1, 3.1.1 and 5.0.
//!
//! In: ordered bytes of both directions.  Out: one transaction per exchange: a message, and what acknowledges it.
//!
//! The parts in the order bytes meet them: `session` finds messages (MQTT's "control packets") and what they answer,
//! `message` and `property` take them apart, `tx` holds those of an exchange, `fields` and `record` show them.

mod events;
mod fields;
mod message;
mod property;
mod record;
#[cfg(test)]
pub(crate) mod sample;
mod session;
#[cfg(test)]
mod tests;
mod tx;

use super::frames::frame;
use super::parser::{Pattern, Probe, Probing, Protocol};
use crate::field::{Dir, Dirs, Info};

/// MQTT.
pub static PROTOCOL: Protocol = Protocol {
    name: "mqtt",
    rule_names: &["mqtt"],
    tcp: true,
    opens: Dirs::ToServer,
    patterns: &[named(b"\x00\x04MQTT"), named(b"\x00\x06MQIsdp")],
    probe: Some(Probing { ports: &[1883], probe: |data, _, _| acknowledges(data) }),
    fields: || fields::FIELDS.iter().map(|field| &field.info).collect(),
    events: events::NAMES,
    record: Some("mqtt"),
    frames: FRAMES,
    session: Some(|config, facts| Box::new(session::Session::new(config.mqtt, facts.midstream))),
    ..Protocol::BARE
};

/// A connection begins with the name of the protocol, behind a head of two to five bytes (MQTT 5.0 §3.1.2.1; `MQIsdp`
/// is 3.1).
const fn named(bytes: &'static [u8]) -> Pattern {
    Pattern { dir: Dir::ToServer, bytes, offset: 2, depth: 5 + bytes.len() as u16, nocase: false }
}

/// Whether this acknowledges a connection, as servers alone do: a short message, with a flag and a code (MQTT 5.0 §3.2).
const fn acknowledges(data: &[u8]) -> Probe {
    match data {
        [0x20, 2..=0xff, 0 | 1, ..] => Probe::Yes(Dir::ToClient),
        [] | [0x20] | [0x20, 2..=0xff] => Probe::Unsure,
        _ => Probe::No,
    }
}

/// Kinds of frames: positions in [`FRAMES`].
mod unit {
    pub(super) const PDU: usize = 0;
    pub(super) const HEADER: usize = 1;
    pub(super) const DATA: usize = 2;
}

const FRAMES: &[Info] = &[
    frame("mqtt.pdu", "A whole message (MQTT 5.0 §2)."),
    frame("mqtt.header", "Its type, flags and length (MQTT 5.0 §2.1)."),
    frame("mqtt.data", "What follows them (MQTT 5.0 §2.2)."),
    frame("mqtt.stream", "All data of a direction."),
];

/// Settings (`app-layer.protocols.mqtt`).
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Messages with more bytes than this are passed over (`max-msg-length`).
    pub max_message: usize,
    /// Transactions at which the oldest is ended (`max-tx`).
    pub max_tx: usize,
    /// Topics of one message that rules look at, by subscribing and by giving up (`subscribe-topic-match-limit`,
    /// `unsubscribe-topic-match-limit`).
    pub topics: [usize; 2],
}

impl Default for Config {
    fn default() -> Self {
        Self { max_message: 1 << 20, max_tx: 4096, topics: [100; 2] }
    }
}
