//! IKE versions 1 and 2 (RFC 2409 over RFC 2408; RFC 7296), also behind address translation (RFC 3948).
//!
//! In: datagrams.  Out: one transaction per message, with what is known of the negotiation by then.
//!
//! `message` reads a message and `payload` walks through what it holds, `v1` and `v2` read what is proposed and chosen,
//! `exchange` is what is known of a negotiation, `fields` and `record` show it, `names` knows numbers.

mod events;
mod exchange;
mod fields;
mod message;
mod names;
mod payload;
mod record;
#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod tests;
mod v1;
mod v2;

use super::datagram::Session;
use super::parser::{Probe, Probing, Protocol};
use crate::field::Dir;

/// IKE.
pub static PROTOCOL: Protocol = Protocol {
    name: "ike",
    rule_names: &["ike"],
    udp: true,
    probe: Some(Probing { ports: &[500, message::TRANSLATED], probe }),
    fields: || fields::FIELDS.iter().map(|field| &field.info).collect(),
    events: events::NAMES,
    record: Some("ike"),
    session: Some(|_, _| Box::new(Session::<message::Message>::default())),
    ..Protocol::BARE
};

/// A header whose length is that of the datagram, behind the marker that tells it from ESP if that is there.
fn probe(data: &[u8], dir: Dir, _: bool) -> Probe {
    let data = data.strip_prefix(&message::MARKER).unwrap_or(data);
    let fits = payload::Header::read(data).is_some_and(|header| {
        header.initiator != [0; 8] && header.is_known() && header.exchange != 0 && header.length == data.len()
    });
    if fits { Probe::Yes(dir) } else { Probe::No }
}
