//! `flow` and `netflow` records: what a flow was, at its end.

use ids_core::event::{Context, FlowEnd};
use ids_core::field::Dir;
use ids_core::flow::{Action, Flow, State};
use ids_core::record::Writer;
use ids_core::stream::Summary;
use ids_core::wire::tcp::Flags;

use super::common::{self, Head};
use super::json::Json;

/// Writes the record of both directions.
pub fn write(event: &FlowEnd<'_>, head: &mut Head<'_>, out: &mut Vec<u8>) {
    let flow = event.flow;
    head.record("flow", &event.context, out, |json, head| {
        if let (None, Some((kind, code))) = (event.context.icmp, flow.icmp[Dir::ToServer.index()]) {
            json.uint("icmp_type", u64::from(kind));
            json.uint("icmp_code", u64::from(code));
        }
        if let Some((kind, code)) = flow.icmp[Dir::ToClient.index()] {
            json.uint("response_icmp_type", u64::from(kind));
            json.uint("response_icmp_code", u64::from(code));
        }
        ether(flow, Dir::ToServer, head, json);
        common::app_proto(event.context.app, json);
        json.object("flow", |json| {
            common::flow_counts(flow, json);
            head.time("start", flow.start, json);
            head.time("end", flow.last, json);
            json.uint("age", age(event));
            json.str("state", flow.state.name());
            json.str("reason", event.end.name());
            if flow.state == State::Bypassed {
                json.str("bypass", "local");
            }
            json.flag("alerted", flow.alerted);
            match flow.action {
                Action::Drop => json.str("action", "drop"),
                Action::Pass => json.str("action", "pass"),
                Action::None => {}
            }
            transactions(event, json);
            if !event.exceptions.is_empty() {
                json.list("exception_policy", |json| exceptions(event, json));
            }
        });
        if let Some(tcp) = &event.tcp {
            json.object("tcp", |json| session(tcp, json));
        }
    });
}

/// Whether there is a record for this direction: the client always has one, the server if it said anything.
pub fn has_netflow(event: &FlowEnd<'_>, dir: Dir) -> bool {
    dir == Dir::ToServer || event.flow.counts[dir.index()].packets > 0
}

/// Writes the record of one direction, with its sender as source.
pub fn write_netflow(event: &FlowEnd<'_>, dir: Dir, head: &mut Head<'_>, out: &mut Vec<u8>) {
    let flow = event.flow;
    let (src, dst) = flow.ends(dir);
    let context = Context {
        src: Some(src.addr),
        dst: Some(dst.addr),
        src_port: src.port,
        dst_port: dst.port,
        icmp: flow.icmp[dir.index()],
        ..event.context.clone()
    };
    let count = flow.counts[dir.index()];
    head.record("netflow", &context, out, |json, head| {
        ether(flow, dir, head, json);
        common::app_proto(context.app, json);
        json.object("netflow", |json| {
            json.uint("pkts", count.packets);
            json.uint("bytes", count.bytes);
            head.time("start", flow.start, json);
            head.time("end", flow.last, json);
            json.uint("age", age(event));
            json.uint("min_ttl", u64::from(count.min_ttl));
            json.uint("max_ttl", u64::from(count.max_ttl));
            transactions(event, json);
        });
        if let Some(tcp) = &event.tcp {
            json.object("tcp", |json| flags("tcp_flags", tcp.flags[dir.index()], json));
        }
    });
}

/// `ether`: the MAC addresses of the side that sends in `dir`, and of the other one.
fn ether(flow: &Flow, dir: Dir, head: &Head<'_>, json: &mut Json<'_>) {
    let Some(macs) = flow.macs.as_ref().filter(|_| head.settings.ethernet) else { return };
    json.object("ether", |json| {
        for (key, dir) in [("dest_macs", dir.flip()), ("src_macs", dir)] {
            let all = macs.senders(dir).iter();
            json.list(key, |json| all.for_each(|mac| json.verbatim("", |out| common::mac(*mac, out))));
        }
    });
}

/// Whole seconds between the first packet and the last, as their timestamps count them.
fn age(event: &FlowEnd<'_>) -> u64 {
    event.flow.last.seconds().saturating_sub(event.flow.start.seconds())
}

fn transactions(event: &FlowEnd<'_>, json: &mut Json<'_>) {
    if let Some(app) = event.context.app.filter(|app| app.proto.is_some()) {
        json.uint("tx_cnt", app.transactions);
    }
}

fn exceptions(event: &FlowEnd<'_>, json: &mut Json<'_>) {
    for (trouble, policy) in event.exceptions {
        json.object("", |json| {
            json.str("target", trouble.target());
            json.str("policy", policy.record_name());
        });
    }
}

fn session(tcp: &Summary, json: &mut Json<'_>) {
    let [to_server, to_client] = tcp.flags;
    json.display("tcp_flags_ts", format_args!("{to_server:02x}"));
    json.display("tcp_flags_tc", format_args!("{to_client:02x}"));
    flags("tcp_flags", to_server | to_client, json);
    if !tcp.state.is_empty() {
        json.str("state", tcp.state);
    }
    for (dir, gap, regions, urgent) in [
        (Dir::ToServer, "ts_gap", "ts_max_regions", "ts_urgent_oob_data"),
        (Dir::ToClient, "tc_gap", "tc_max_regions", "tc_urgent_oob_data"),
    ] {
        let at = dir.index();
        if tcp.gap[at] {
            json.flag(gap, true);
        }
        json.uint(regions, u64::from(tcp.regions[at]));
        if tcp.urgent[at] > 0 {
            json.uint(urgent, u64::from(tcp.urgent[at]));
        }
    }
}

/// The flags as hex digits, and each one that is set.
fn flags(key: &str, bits: u8, json: &mut Json<'_>) {
    json.display(key, format_args!("{bits:02x}"));
    for (bit, name) in [
        (Flags::SYN, "syn"),
        (Flags::FIN, "fin"),
        (Flags::RST, "rst"),
        (Flags::PSH, "psh"),
        (Flags::ACK, "ack"),
        (Flags::URG, "urg"),
        (Flags::ECE, "ecn"),
        (Flags::CWR, "cwr"),
    ] {
        if bits & bit != 0 {
            json.flag(name, true);
        }
    }
}
