//! DNP3 (IEEE 1815) over TCP: masters and outstations of industrial control.
//!
//! In: ordered bytes of both directions, or the news that some are missing.  Out: one transaction per application fragment:
//! requests and responses are not paired.
//!
//! The parts in the order bytes meet them: `link` finds frames and checks them, `session` puts fragments together of what
//! they carry, `objects` reads the headers of objects in one, `layout` says what each kind of object is made of. `fields`
//! and `record` show that. Secure authentication (groups 120 to 122) is not taken apart.

mod fields;
mod layout;
mod link;
mod objects;
mod record;
#[cfg(test)]
pub(crate) mod sample;
mod session;
#[cfg(test)]
mod tests;

use super::parser::{Probing, Protocol};

/// DNP3.
pub static PROTOCOL: Protocol = Protocol {
    name: "dnp3",
    rule_names: &["dnp3"],
    tcp: true,
    by_default: false,
    probe: Some(Probing { ports: &[20000], probe: link::probe }),
    fields: || fields::FIELDS.iter().map(|field| &field.info).collect(),
    events: EVENTS,
    capital_events: true,
    record: Some("dnp3"),
    session: Some(|config, _| Box::new(session::Session::new(config.dnp3))),
    ..Protocol::BARE
};

/// Settings (`app-layer.protocols.dnp3`).
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Requests without a response beyond which it is a flood (`max-tx`).
    pub max_tx: usize,
    /// Points of a fragment that are read (`max-points`).
    pub max_points: u32,
    /// Objects of a fragment that are read (`max-objects`).
    pub max_objects: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { max_tx: 32, max_points: 16_384, max_objects: 2048 }
    }
}

/// Names of the events; the position is the number.
const EVENTS: &[&str] = &[
    "flooded",
    "len_too_small",
    "bad_link_crc",
    "bad_transport_crc",
    "malformed",
    "unknown_object",
    "too_many_points",
    "too_many_objects",
    "too_long_reassembly",
];

/// An event: a position in [`EVENTS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Event {
    /// More requests without a response than there should be.
    Flooded,
    /// A frame or a fragment is too short for what it must hold.
    LenTooSmall,
    /// The header of a frame is damaged (IEEE 1815 §9.2.4.1).
    BadLinkCrc,
    /// A block of user data is damaged (IEEE 1815 §9.2.4.2).
    BadTransportCrc,
    /// No frame where one must begin, or an object that is cut short.
    Malformed,
    /// An object whose size is not known: nothing behind it can be read.
    UnknownObject,
    TooManyPoints,
    TooManyObjects,
    /// A fragment is longer than what is put together.
    TooLongReassembly,
}
