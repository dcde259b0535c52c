//! `drop` records: packets that did not go on.

use ids_core::detect::rule::Action;
use ids_core::event::{Dropped, VerdictInfo};
use ids_core::field::Dir;
use ids_core::packet::{Network, Packet, Transport};
use ids_core::record::Writer;
use ids_core::wire::tcp::Flags;

use super::common::{self, Head};
use super::json::Json;
use crate::config::eve as config;

/// Writes one dropped packet.
pub fn write(event: &Dropped<'_>, options: &config::Drop, head: &mut Head<'_>, out: &mut Vec<u8>) {
    let (at, late) = (&event.context, head.scene.late);
    head.record("drop", at, out, |json, _| {
        json.str_opt("direction", at.dir.map(Dir::name));
        json.object("drop", |json| {
            network(event.packet, json);
            transport(event.packet, json);
            json.str("reason", event.reason.text());
            // Ours: the packet itself had passed, and was looked at as a copy. What follows is dropped.
            if late {
                json.flag("late", true);
            }
        });
        if let Some(rule) = event.rule.filter(|_| options.alerts) {
            let blocked = matches!(rule.action, Action::Drop | Action::Reject(_));
            json.object("alert", |json| super::alert::rule(rule, blocked, at, &config::Alert::default(), json));
        }
        if options.verdict {
            let verdict = VerdictInfo { dropped: true, passed: false, reject: event.reject };
            common::verdict(verdict, at.proto, json);
        }
    });
}

/// RFC 791 §3.1, RFC 8200 §3.
fn network(packet: &Packet<'_>, json: &mut Json<'_>) {
    let head = packet.network_header();
    let be16 = |at: usize| head.get(at..at + 2).map_or(0, |bytes| u64::from(u16::from_be_bytes([bytes[0], bytes[1]])));
    let byte = |at: usize| u64::from(head.get(at).copied().unwrap_or_default());
    match packet.layers.network {
        Network::Ipv4 => {
            json.uint("len", be16(2));
            json.uint("tos", byte(1));
            json.uint("ttl", byte(8));
            json.uint("ipid", be16(4));
        }
        Network::Ipv6 => {
            json.uint("len", be16(4));
            json.uint("tc", (byte(0) << 4 | byte(1) >> 4) & 0xff);
            json.uint("flowlbl", (byte(1) & 0x0f) << 16 | be16(2));
            json.uint("hoplimit", byte(7));
        }
        Network::None | Network::Arp => {}
    }
}

fn transport(packet: &Packet<'_>, json: &mut Json<'_>) {
    let head = packet.transport_header();
    let be16 = |at: usize| head.get(at..at + 2).map(|bytes| u64::from(u16::from_be_bytes([bytes[0], bytes[1]])));
    match packet.layers.transport {
        Transport::Tcp => {
            let Some(tcp) = packet.tcp() else { return };
            json.uint("tcpseq", u64::from(tcp.seq()));
            json.uint("tcpack", u64::from(tcp.ack()));
            json.uint("tcpwin", u64::from(tcp.window()));
            for (bit, name) in [
                (Flags::SYN, "syn"),
                (Flags::ACK, "ack"),
                (Flags::PSH, "psh"),
                (Flags::RST, "rst"),
                (Flags::URG, "urg"),
                (Flags::FIN, "fin"),
            ] {
                json.flag(name, tcp.flags().any(bit));
            }
            json.uint("tcpres", u64::from(tcp.reserved()));
            json.uint("tcpurgp", u64::from(tcp.urgent()));
        }
        Transport::Udp => {
            if let Some(length) = be16(4) {
                json.uint("udplen", length);
            }
        }
        // Echo and its answer have an identifier and a sequence number (RFC 792, RFC 4443 §4).
        Transport::Icmp4 | Transport::Icmp6 => {
            let echo = matches!(packet.icmp(), Some((0 | 8 | 128 | 129, _)));
            if let (Some(id), Some(seq)) = (be16(4).filter(|_| echo), be16(6)) {
                json.uint("icmp_id", id);
                json.uint("icmp_seq", seq);
            }
        }
        Transport::None | Transport::Sctp => {}
    }
}
