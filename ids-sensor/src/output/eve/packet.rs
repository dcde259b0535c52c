//! `packet` records: packets that follow an alert because of the rule's `tag`.

use ids_core::event::Tagged;

use super::common::{self, Head};

/// Writes one packet.
pub fn write(event: &Tagged<'_>, head: &mut Head<'_>, out: &mut Vec<u8>) {
    head.record("packet", &event.context, out, |json, _| common::packet(event.packet, event.packet.bytes, json));
}
