//! `flood` records, which are our own: a source was over a limit of `ips.flood`.

use ids_core::record::Writer as _;

use super::Eve;
use super::json::Json;
use crate::output::sink::Flooded;

/// Writes one source.
pub(super) fn write(eve: &mut Eve, event: &Flooded, out: &mut Vec<u8>) {
    out.extend_from_slice(eve.settings.prefix.as_bytes());
    let mut json = Json::begin(out);
    json.verbatim("timestamp", |out| eve.stamps.iso(out, event.time));
    json.str("event_type", "flood");
    json.str_opt("host", eve.scene.sensor.as_deref());
    json.addr("src_ip", event.flood.source.addr());
    json.object("flood", |json| {
        json.str("source", &event.flood.source.to_string());
        json.str("limit", event.flood.kind.name());
        json.uint("packets", event.flood.packets);
        json.str("action", if event.dry_run { "allowed" } else { "blocked" });
    });
    json.end();
    out.push(b'\n');
}
