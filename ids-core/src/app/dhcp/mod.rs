//! DHCP for IPv4 (RFC 2131).
//!
//! In: datagrams.  Out: one transaction per message. `message` reads one, `options` its options, `fields` and `record`
//! show it.

mod fields;
mod message;
mod options;
mod record;
#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod tests;

use super::datagram::Session;
use super::parser::{Probe, Probing, Protocol};
use crate::field::Dir;

/// DHCP.
pub static PROTOCOL: Protocol = Protocol {
    name: "dhcp",
    rule_names: &["dhcp"],
    udp: true,
    probe: Some(Probing { ports: &[67, 68], probe }),
    fields: || fields::FIELDS.iter().map(|field| &field.info).collect(),
    events: options::EVENTS,
    record: Some("dhcp"),
    session: Some(|_, _| Box::new(Session::<message::Message>::default())),
    ..Protocol::BARE
};

fn probe(data: &[u8], dir: Dir, _: bool) -> Probe {
    if message::options_of(data).is_some() { Probe::Yes(dir) } else { Probe::No }
}
