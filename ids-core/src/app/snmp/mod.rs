//! SNMP versions 1, 2c and 3 (RFC 1157, RFC 3416, RFC 3412).
//!
//! In: datagrams.  Out: one transaction per message. `message` reads one, `fields` and `record` show it.

mod fields;
mod message;
mod record;
#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod tests;

use super::ber::{self, Head};
use super::datagram::Session;
use super::parser::{Probe, Probing, Protocol};
use crate::field::Dir;

/// SNMP.
pub static PROTOCOL: Protocol = Protocol {
    name: "snmp",
    rule_names: &["snmp"],
    udp: true,
    probe: Some(Probing { ports: &[161, 162], probe }),
    fields: || fields::FIELDS.iter().map(|field| &field.info).collect(),
    events: message::EVENTS,
    record: Some("snmp"),
    session: Some(|_, _| Box::new(Session::<message::Message>::default())),
    ..Protocol::BARE
};

/// A sequence that fits and begins with a version of 0, 1 or 3.
fn probe(data: &[u8], dir: Dir, _: bool) -> Probe {
    let Head::Whole { tag: ber::SEQUENCE, size, length } = ber::head(data) else { return Probe::No };
    let fits = size.saturating_add(length) <= data.len();
    match data.get(size..) {
        Some([ber::INTEGER, 1, 0 | 1 | 3, ..]) if fits => Probe::Yes(dir),
        _ => Probe::No,
    }
}
