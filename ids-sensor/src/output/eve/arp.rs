//! `arp` records: one for each ARP packet for IPv4 over Ethernet.

use ids_core::event::ArpRef;

use super::common::{self, Head};

/// Writes one packet.
pub fn write(event: &ArpRef<'_>, head: &mut Head<'_>, out: &mut Vec<u8>) {
    let arp = &event.arp;
    head.record("arp", &event.context, out, |json, _| {
        json.object("arp", |json| {
            json.str("hw_type", "ethernet");
            json.str("proto_type", "ipv4");
            json.str("opcode", arp.operation());
            json.verbatim("src_mac", |out| common::mac(arp.source_mac(), out));
            json.addr("src_ip", arp.source().into());
            json.verbatim("dest_mac", |out| common::mac(arp.destination_mac(), out));
            json.addr("dest_ip", arp.destination().into());
        });
    });
}
