//! Kerberos 5 (RFC 4120), between clients and key distribution centres.
//!
//! In: datagrams, or a stream of messages behind their lengths.  Out: one transaction per message, which has one
//! direction; an error knows what was asked before.
//!
//! `session` finds messages, `message` reads what is in the clear of them, `etype` names encryption types, `fields` shows
//! all that. Messages inside of other protocols (AP-REQ and the like) are passed over.

mod etype;
mod fields;
mod message;
mod probe;
#[cfg(test)]
pub(crate) mod sample;
mod session;
#[cfg(test)]
mod tests;

use super::parser::{Probing, Protocol};

/// Kerberos 5.
pub static PROTOCOL: Protocol = Protocol {
    name: "krb5",
    rule_names: &["krb5"],
    tcp: true,
    udp: true,
    probe: Some(Probing { ports: &[88], probe: probe::krb5 }),
    fields: || fields::FIELDS.iter().map(|field| &field.info).collect(),
    events: message::EVENTS,
    record: Some("krb5"),
    session: Some(|_, facts| Box::new(session::Session::new(facts.udp))),
    ..Protocol::BARE
};
