//! `alert` records.

use ids_core::app::parser::Detail;
use ids_core::detect::hits::Findings;
use ids_core::detect::rule::{Metadata, RuleInfo, Target};
use ids_core::event::{Alert, Context, TxAt};
use ids_core::field::Dir;
use ids_core::record::Writer;

use super::common::{self, Head};
use super::json::Json;
use super::{file, frame, probe, xff};
use crate::config::eve as config;

/// Writes one alert.
pub fn write(
    alert: &Alert<'_>,
    options: &config::Alert,
    head: &mut Head<'_>,
    scratch: &mut Vec<u8>,
    out: &mut Vec<u8>,
) {
    let at = &alert.context;
    let behind = options.xff.as_ref().zip(alert.tx).and_then(|(xff, tx)| Some((xff, xff::find(tx.tx, xff)?)));
    let replace = behind.filter(|(xff, _)| xff.overwrite).map(|(_, addr)| xff::replace(addr, at.dir));
    head.record_with("alert", at, replace, out, |json, head| {
        if let Some(tx) = &alert.tx {
            json.uint("tx_id", tx.id);
            if alert.tx_guessed {
                json.flag("tx_guessed", true);
            }
        }
        common::tunnel(at, json);
        json.object("alert", |json| {
            rule(alert.rule, alert.blocked, at, options, json);
            if let Some(findings) = alert.findings {
                json.object("context", |json| context(findings, json));
            }
            if let Some((_, addr)) = behind.filter(|(xff, _)| !xff.overwrite) {
                json.addr("xff", addr);
            }
        });
        if let Some(tx) = alert.tx.as_ref().filter(|_| options.app_layer) {
            transaction(tx, at.dir, options, scratch, json);
        }
        if let Some(seen) = &alert.frame {
            frame::object(seen, at.proto == Some(6), options.payload_limit, scratch, json);
        }
        common::app_proto(at.app, json);
        json.str_opt("direction", at.dir.map(Dir::name));
        if options.flow {
            flow(at, head, json);
        }
        payload(alert, options, json);
        if let Some(packet) = alert.packet.filter(|_| options.packet) {
            common::packet(packet, packet.bytes, json);
        }
        if options.verdict {
            common::verdict(alert.verdict, at.proto, json);
        }
    });
}

/// What stands in sets with the values that matched, and what the rule captured.
fn context(findings: &Findings, json: &mut Json<'_>) {
    findings.objects().iter().for_each(|(key, object)| json.raw(key, object));
    findings.captured().iter().for_each(|(name, value)| json.text(&String::from_utf8_lossy(name), value));
}

/// The content of the `alert` object; also part of `drop` records.
pub fn rule(rule: &RuleInfo, blocked: bool, at: &Context<'_>, options: &config::Alert, json: &mut Json<'_>) {
    json.str("action", if blocked { "blocked" } else { "allowed" });
    json.uint("gid", u64::from(rule.gid));
    json.uint("signature_id", u64::from(rule.sid));
    json.uint("rev", u64::from(rule.rev));
    json.str("signature", &rule.msg);
    json.str("category", &rule.category);
    json.uint("severity", u64::from(rule.priority));
    if let Some(target) = rule.target {
        let (src, dst) = ((at.src, at.src_port), (at.dst, at.dst_port));
        let (victim, attacker) = if target == Target::Source { (src, dst) } else { (dst, src) };
        common::endpoint("source", attacker.0, attacker.1, json);
        common::endpoint("target", victim.0, victim.1, json);
    }
    if options.rule_metadata && !rule.metadata.is_empty() {
        json.object("metadata", |json| metadata(&rule.metadata, json));
    }
    if options.rule_reference && !rule.references.is_empty() {
        json.list("references", |json| rule.references.iter().for_each(|reference| json.str("", reference)));
    }
    if options.rule_raw {
        json.str("rule", &rule.raw);
    }
}

/// Values by key, keys in the order they first appear.
fn metadata(metadata: &Metadata, json: &mut Json<'_>) {
    for (at, (key, _)) in metadata.pairs().enumerate() {
        if metadata.pairs().take(at).all(|(earlier, _)| earlier != key) {
            json.list(key, |json| {
                for (_, value) in metadata.pairs().filter(|(other, _)| *other == key) {
                    json.str("", value);
                }
            });
        }
    }
}

/// How far the transaction has come, what it shows, and its files.
fn transaction(tx: &TxAt<'_>, dir: Option<Dir>, options: &config::Alert, scratch: &mut Vec<u8>, json: &mut Json<'_>) {
    for (key, dir) in [("ts_progress", Dir::ToServer), ("tc_progress", Dir::ToClient)] {
        let states = tx.protocol.states[dir.index()];
        json.str_opt(key, states.get(usize::from(tx.tx.progress(dir))).copied());
    }
    if let Some(name) = tx.protocol.record {
        let detail = Detail { tx_id: tx.id, extended: true, ..Detail::default() };
        json.object(name, |json| {
            tx.tx.record(&detail, json);
            bodies(tx, options, scratch, json);
        });
        tx.tx.record_beside(&detail, json);
    }
    let files = dir.map_or(&[][..], |dir| tx.tx.files(dir));
    if !files.is_empty() {
        json.list("files", |json| {
            files.iter().for_each(|one| json.object("", |json| file::content(one, tx.id, &[], json)))
        });
    }
}

/// Bodies of HTTP and what WebSocket says: whatever a protocol offers to rules under these names.
fn bodies(tx: &TxAt<'_>, options: &config::Alert, scratch: &mut Vec<u8>, json: &mut Json<'_>) {
    let http = [options.http_body, options.http_body_printable];
    let websocket = [options.websocket_payload, options.websocket_payload_printable];
    if http == [false; 2] && websocket == [false; 2] {
        return;
    }
    for (name, dir, [raw, printable], keys) in [
        ("http.request_body", Dir::ToServer, http, ["http_request_body", "http_request_body_printable"]),
        ("http.response_body", Dir::ToClient, http, ["http_response_body", "http_response_body_printable"]),
        ("websocket.payload", Dir::ToServer, websocket, ["payload_base64", "payload_printable"]),
        ("websocket.payload", Dir::ToClient, websocket, ["payload_base64", "payload_printable"]),
    ] {
        scratch.clear();
        let Some(body) = probe::buffer(tx, name, dir, scratch) else { continue };
        if printable {
            json.printable(keys[1], body);
        }
        if raw {
            json.base64(keys[0], body);
        }
    }
}

/// What the flow carried so far, and who its client is.
fn flow(at: &Context<'_>, head: &mut Head<'_>, json: &mut Json<'_>) {
    let Some(flow) = at.flow else { return };
    json.object("flow", |json| {
        common::flow_counts(flow, json);
        head.time("start", flow.start, json);
        json.addr("src_ip", flow.client.addr);
        json.addr("dest_ip", flow.server.addr);
        if matches!(flow.proto, 6 | 17 | 132) {
            json.uint("src_port", u64::from(flow.client.port));
            json.uint("dest_port", u64::from(flow.server.port));
        }
    });
}

fn payload(alert: &Alert<'_>, options: &config::Alert, json: &mut Json<'_>) {
    if !options.payload && !options.payload_printable && !options.payload_length {
        return;
    }
    let shown = &alert.payload[..alert.payload.len().min(options.payload_limit)];
    if options.payload {
        json.base64("payload", shown);
    }
    if options.payload_printable {
        json.printable("payload_printable", shown);
    }
    if options.payload_length {
        json.uint("payload_length", alert.payload.len() as u64);
    }
    json.uint("stream", u64::from(alert.stream));
}
