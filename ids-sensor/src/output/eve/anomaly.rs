//! `anomaly` records: odd packets, sessions and protocol traffic.

use ids_core::anomaly::Layer;
use ids_core::event::{Odd, Oddity};
use ids_core::packet::Packet;
use ids_core::record::Writer;

use super::common::{self, Head};
use super::json::Json;
use crate::config::eve as config;

/// Whether the instance shows it.
pub fn wanted(odd: &Odd<'_>, options: &config::Anomaly) -> bool {
    match &odd.what {
        Oddity::Packet(anomaly) => match anomaly.layer() {
            Layer::Decoder => options.decode,
            Layer::Stream => options.stream,
        },
        Oddity::App { .. } | Oddity::Detection { .. } => options.app_layer,
    }
}

/// Writes one anomaly.
pub fn write(odd: &Odd<'_>, options: &config::Anomaly, head: &mut Head<'_>, out: &mut Vec<u8>) {
    head.record("anomaly", &odd.context, out, |json, _| {
        if let Oddity::App { tx: Some(tx), .. } = &odd.what {
            json.uint("tx_id", tx.id);
        }
        if let Some(packet) = odd.packet.filter(|_| options.packet_header) {
            common::packet(packet, headers(packet), json);
        }
        json.object("anomaly", |json| what(&odd.what, json));
    });
}

fn what(what: &Oddity<'_>, json: &mut Json<'_>) {
    match what {
        Oddity::Packet(anomaly) => {
            let layer = anomaly.layer();
            json.str("type", if layer == Layer::Decoder { "decode" } else { "stream" });
            json.display("event", format_args!("{}.{}", layer.prefix(), anomaly.name()));
        }
        Oddity::App { protocol, event, tx } => {
            json.str("app_proto", protocol);
            json.str("type", "applayer");
            if tx.is_some_and(|tx| tx.protocol.capital_events) {
                json.str("event", &event.to_ascii_uppercase());
            } else {
                json.str("event", event);
            }
            json.str("layer", "proto_parser");
        }
        Oddity::Detection { protocol, event } => {
            json.str_opt("app_proto", *protocol);
            json.str("type", "applayer");
            json.str("event", event);
            json.str("layer", "proto_detect");
        }
    }
}

/// The bytes before the payload; all of them where no header was understood.
fn headers<'a>(packet: &Packet<'a>) -> &'a [u8] {
    let payload = packet.payload().len();
    let end = packet.layers.network_end as usize;
    let length = end.saturating_sub(payload);
    if length == 0 { packet.bytes } else { packet.bytes.get(..length).unwrap_or(packet.bytes) }
}
