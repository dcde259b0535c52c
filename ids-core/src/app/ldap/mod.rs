//! LDAP version 3 (RFC 4511), over TCP, and over UDP as domain controllers answer it (CLDAP).
//!
//! In: datagrams, or a stream of messages.  Out: one transaction per request with the responses to it; what a server
//! says unasked stands alone. A connection that goes on under TLS (StartTLS) is handed over.
//!
//! `session` finds messages and what they answer, `message` takes out of them what rules look at, `tx` holds an exchange,
//! `fields` and `record` show it, `names` knows operations and result codes.

mod events;
mod fields;
mod message;
mod names;
mod probe;
mod record;
#[cfg(test)]
pub(crate) mod sample;
mod session;
#[cfg(test)]
mod tests;
mod tx;

use super::frames::frame;
use super::parser::{Probing, Protocol};
use crate::field::{Dirs, Info};

/// LDAP.
pub static PROTOCOL: Protocol = Protocol {
    name: "ldap",
    rule_names: &["ldap"],
    tcp: true,
    udp: true,
    opens: Dirs::ToServer,
    probe: Some(Probing { ports: &[389, 3268], probe: probe::ldap }),
    fields: || fields::FIELDS.iter().map(|field| &field.info).collect(),
    events: events::NAMES,
    record: Some("ldap"),
    frames: FRAMES,
    session: Some(|config, facts| Box::new(session::Session::new(config.ldap, facts.udp))),
    ..Protocol::BARE
};

/// The frame of a message: its position in [`FRAMES`].
const PDU: usize = 0;

const FRAMES: &[Info] =
    &[frame("ldap.pdu", "A whole message (RFC 4511 §4.1.1)."), frame("ldap.stream", "All data of a direction.")];

/// Settings (`app-layer.protocols.ldap`).
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Transactions at which the oldest is dropped (`max-tx`).
    pub max_tx: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { max_tx: 1024 }
    }
}
