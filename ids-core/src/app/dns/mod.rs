//! DNS (RFC 1035) over UDP and TCP, and multicast DNS (RFC 6762), which shares the reader.
//!
//! In: datagrams, or a stream of messages with their lengths.  Out: one transaction per message, which has
//! one direction: requests and responses are not paired.
//! A transaction keeps the message and the positions of what is in it (`message`); names are put together
//! when somebody asks (`name`), so that compression cannot blow up memory.

mod fields;
pub mod mdns;
mod message;
mod name;
mod rdata;
mod record;
mod session;
mod tables;

use super::frames::frame;
use super::parser::{Probing, Protocol};
use crate::field::Dirs;

/// Settings (`app-layer.protocols.dns`).
#[derive(Clone, Debug, Default)]
pub struct Config {}

/// DNS.
pub static PROTOCOL: Protocol = Protocol {
    name: "dns",
    rule_names: &["dns"],
    tcp: true,
    udp: true,
    opens: Dirs::ToServer,
    probe: Some(Probing { ports: &[53], probe: |data, _, udp| message::plausible(data, udp) }),
    fields: || fields::DNS.iter().map(|field| &field.info).collect(),
    events: message::EVENTS,
    record: Some("dns"),
    frames: &[
        frame("dns.pdu", "A DNS message, without the length that stands before it over TCP (RFC 1035 §4.1)."),
        frame("dns.stream", "All TCP data of a direction."),
    ],
    session: Some(|_, facts| Box::new(session::Session::new(session::Kind::Dns, facts.udp))),
    ..Protocol::BARE
};

#[cfg(test)]
mod tests;
