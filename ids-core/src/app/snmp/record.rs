//! What the record shows.

use super::fields::{KINDS, TRAPS};
use super::message::Message;
use crate::record::{Shape, Writer};

/// Writes the content of the `snmp` object.
pub(super) fn write(message: &Message, out: &mut dyn Writer) {
    out.uint("version", message.version.into());
    if let Some(user) = &message.user {
        out.text("usm", user.as_bytes());
    }
    match message.kind {
        Some(kind) => named("pdu_type", KINDS, kind, out),
        None => out.text("pdu_type", b"encrypted"),
    }
    if let Some(community) = &message.community {
        out.text("community", community.as_bytes());
    }
    if let Some(trap) = &message.trap {
        named("trap_type", TRAPS, trap.kind, out);
        out.text("trap_oid", trap.enterprise.as_bytes());
        out.text("trap_address", trap.address.as_bytes());
    }
    if !message.variables.is_empty() {
        out.open("vars", Shape::List);
        message.variables.iter().for_each(|name| out.text("", name.as_bytes()));
        out.close();
    }
}

/// A number by its name, or as it is where it has none.
fn named(key: &str, names: &[(&str, u64)], number: u32, out: &mut dyn Writer) {
    match names.iter().find(|row| row.1 == u64::from(number)) {
        Some((name, _)) => out.text(key, name.as_bytes()),
        None => out.text(key, number.to_string().as_bytes()),
    }
}
