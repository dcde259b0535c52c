//! Golden lines: one for each kind of record, out of events made by hand, and what the options change.

use ids_core::anomaly::Anomaly;
use ids_core::app::file::{File, State as FileState};
use ids_core::app::parser::{Detail, Protocol, Transaction};
use ids_core::counters::{Counter, Counters, ProtocolCounts};
use ids_core::event::{ArpRef, Context, Dropped, FileRef, FlowEnd, Odd, Oddity, Tagged, TxAt, TxRef, Variables};
use ids_core::field::{Dir, Dirs, Value};
use ids_core::flow::{End, Flow, Macs};
use ids_core::packet::{Source, Tunnel};
use ids_core::record::Writer;
use ids_core::stream::Summary;
use ids_core::time::Time;
use ids_core::verdict::DropReason;
use ids_core::wire::arp::Arp;
use serde_json::{Value as Json, json};

use super::*;
use crate::config::Config;
use crate::config::node::parse;
use crate::output::fixtures::{Bits, PROTOCOL, Talk, a_flow, a_packet, a_rule, alert, context};

/// A file that came through whole.
fn ended(name: &[u8]) -> File {
    let mut file = File::default();
    file.name = name.to_vec();
    file.state = FileState::Closed;
    file
}

/// The records that an instance with these `types` (and more of its options) writes.
fn records(instance: &str, act: impl FnOnce(&mut Eve, &mut Lines)) -> Vec<Json> {
    let config = Config::from_tree(parse(&format!("outputs: [{{eve-log: {{{instance}}}}}]")).unwrap(), true);
    assert_eq!(config.warnings, []);
    let scene = Scene { capture: Some("x.pcap".into()), sensor: Some("me".into()), ..Scene::default() };
    let mut eve = Eve::new(config.outputs.eve[0].clone(), config.stats.clone(), Arc::new(scene));
    let mut lines = Lines::default();
    act(&mut eve, &mut lines);
    lines
        .iter()
        .map(|(_, line)| serde_json::from_slice(line.strip_suffix(b"\n").expect("a line")).expect("JSON"))
        .collect()
}

fn one(instance: &str, event: Event<'_>) -> Json {
    let mut all = records(instance, |eve, lines| eve.event(&event, lines));
    assert_eq!(all.len(), 1);
    all.remove(0)
}

/// Common fields of a packet's record, and those of its kind.
fn with_head(kind: &str, more: Json) -> Json {
    let mut head = json!({
        "timestamp": "2026-01-02T03:04:06.000123+0000", "flow_id": 714, "pcap_cnt": 5, "event_type": kind, "host": "me",
        "src_ip": "10.0.0.5", "src_port": 40000, "dest_ip": "192.0.2.7", "dest_port": 80, "proto": "TCP", "ip_v": 4,
        "pkt_src": "wire/pcap",
    });
    head.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    head
}

#[test]
fn alerts() {
    let (flow, rule, packet) = (a_flow(), a_rule(), a_packet());
    let rest = json!({
        "tx_id": 1, "direction": "to_server", "app_proto": "http",
        "ts_progress": "request_complete", "tc_progress": "response_started",
        "alert": {
            "action": "blocked", "gid": 1, "signature_id": 1000001, "rev": 2, "signature": "test \"quoted\"",
            "category": "Misc activity", "severity": 3, "metadata": {"tag": ["a", "b"], "confidence": ["High"]},
            "source": {"ip": "10.0.0.5", "port": 40000}, "target": {"ip": "192.0.2.7", "port": 80},
        },
        "http": {"hostname": "a.example", "status": 200},
        "flow": {
            "pkts_toserver": 4, "pkts_toclient": 3, "bytes_toserver": 420, "bytes_toclient": 610,
            "start": "2026-01-02T03:04:05.000000+0000", "src_ip": "10.0.0.5", "dest_ip": "192.0.2.7", "src_port": 40000,
            "dest_port": 80,
        },
    });
    let got = one("types: [alert]", Event::Alert(alert(&flow, &rule, &packet)));
    assert_eq!(got, with_head("alert", rest));
}

#[test]
fn alert_options() {
    let (flow, rule, packet) = (a_flow(), a_rule(), a_packet());
    for (options, pointer, want) in [
        ("payload: yes", "/payload", json!("R0VUIC8NCv8=")),
        ("payload: yes", "/stream", json!(1)),
        ("payload: yes, payload-buffer-size: 3", "/payload", json!("R0VU")),
        ("payload-printable: yes", "/payload_printable", json!("GET /\r\n.")),
        ("payload-length: yes", "/payload_length", json!(8)),
        ("packet: yes", "/packet_info", json!({"linktype": 1, "linktype_name": "EN10MB"})),
        ("http-body: yes", "/http/http_request_body", json!("YT0B")),
        ("http-body-printable: yes", "/http/http_request_body_printable", json!("a=.")),
        ("verdict: yes", "/verdict", json!({"action": "drop", "reject-target": "both", "reject": ["tcp-reset"]})),
        ("xff: {enabled: yes}", "/alert/xff", json!("10.9.9.9")),
        ("xff: {enabled: yes, deployment: forward}", "/alert/xff", json!("10.1.1.1")),
        ("xff: {enabled: yes, mode: overwrite}", "/src_ip", json!("10.9.9.9")),
        ("xff: {enabled: yes, mode: overwrite}", "/alert/xff", Json::Null),
        ("metadata: {rule: {raw: yes}}", "/alert/rule", json!(rule.raw)),
        ("metadata: {rule: {reference: yes}}", "/alert/references", json!(["https://example.org"])),
        ("metadata: no", "/flow", Json::Null),
        ("metadata: no", "/http", Json::Null),
        ("metadata: no", "/alert/metadata", Json::Null),
        ("metadata: {app-layer: no}", "/http", Json::Null),
    ] {
        let got = one(&format!("types: [alert: {{{options}}}]"), Event::Alert(alert(&flow, &rule, &packet)));
        assert_eq!(got.pointer(pointer).cloned().unwrap_or_default(), want, "{options} {pointer}");
    }
}

#[test]
fn instance_options() {
    let (flow, rule, packet) = (a_flow(), a_rule(), a_packet());
    for (options, pointer, want) in [
        ("pcap-file: yes", "/pcap_filename", json!("x.pcap")),
        ("community-id: yes", "/community_id", json!(community_id::of(&flow, 0))),
        ("community-id: yes, community-id-seed: 9", "/community_id", json!(community_id::of(&flow, 9))),
        ("ethernet: yes", "/ether/src_mac", json!("02:00:00:00:00:01")),
        ("suricata-version: yes", "/suricata_version", json!(env!("CARGO_PKG_VERSION"))),
        ("metadata: yes", "/metadata/flowbits/0", json!("traffic/label/video")),
        ("metadata: yes", "/traffic", json!({"label": ["video"]})),
        ("metadata: no", "/metadata", Json::Null),
        ("metadata: yes", "/vlan", json!([10, 20])),
        ("metadata: yes", "/tunnel/src_ip", json!("1.1.1.1")),
        ("metadata: yes", "/tunnel/proto", json!("GRE")),
        ("metadata: yes", "/community_id", Json::Null),
        ("metadata: yes", "/ether", Json::Null),
    ] {
        let mut alert = alert(&flow, &rule, &packet);
        alert.context.vars = Some(&Bits);
        alert.context.vlans = &[10, 20];
        let (src, dst) = ("1.1.1.1".parse().unwrap(), "2.2.2.2".parse().unwrap());
        alert.context.tunnel = Some(Tunnel { src, dst, ports: None, proto: 47, depth: 1, source: Source::Wire });
        let got = one(&format!("{options}, types: [alert]"), Event::Alert(alert));
        assert_eq!(got.pointer(pointer).cloned().unwrap_or_default(), want, "{options} {pointer}");
    }
}

#[test]
fn anomalies() {
    let packet = a_packet();
    let odd = |what| Odd { context: Context { app: None, ..context(None) }, what, packet: Some(&packet) };
    let app =
        Oddity::App { protocol: "http", event: "too_long", tx: Some(TxAt { id: 3, protocol: &PROTOCOL, tx: &Talk }) };
    static LOUD: Protocol = Protocol { capital_events: true, ..PROTOCOL };
    let loud =
        Oddity::App { protocol: "http", event: "too_long", tx: Some(TxAt { id: 3, protocol: &LOUD, tx: &Talk }) };
    let detection = Oddity::Detection { protocol: None, event: "APPLAYER_WRONG_DIRECTION_FIRST_DATA" };
    for (what, want) in [
        (Oddity::Packet(Anomaly::Ipv4TruncPkt), json!({"type": "decode", "event": "decoder.ipv4.trunc_pkt"})),
        (Oddity::Packet(Anomaly::StreamEstInvalidAck), json!({"type": "stream", "event": "stream.est_invalid_ack"})),
        (app, json!({"app_proto": "http", "type": "applayer", "event": "too_long", "layer": "proto_parser"})),
        (loud, json!({"app_proto": "http", "type": "applayer", "event": "TOO_LONG", "layer": "proto_parser"})),
        (
            detection,
            json!({"type": "applayer", "event": "APPLAYER_WRONG_DIRECTION_FIRST_DATA", "layer": "proto_detect"}),
        ),
    ] {
        let types = "types: [anomaly: {types: {decode: yes, stream: yes}}]";
        let got = one(types, Event::Anomaly(odd(what)));
        assert_eq!(got["anomaly"], want);
        assert_eq!(got["tx_id"], if matches!(what, Oddity::App { .. }) { json!(3) } else { Json::Null });
    }
    let event = Event::Anomaly(odd(Oddity::Packet(Anomaly::Ipv4TruncPkt)));
    assert_eq!(records("types: [anomaly]", |eve, lines| eve.event(&event, lines)), [Json::Null; 0]);
    let got = one("types: [anomaly: {packethdr: yes, types: {decode: yes}}]", event);
    assert_eq!(got["packet_info"]["linktype"], 1);
    assert_eq!(got["packet"].as_str().unwrap().len(), 72, "54 bytes of headers");
}

/// What a server said unasked.
struct Answer;

impl Transaction for Answer {
    fn field<'a>(&'a self, _: usize, _: Dir, _: usize, _: &'a mut Vec<u8>) -> Value<'a> {
        Value::Absent
    }
    fn dirs(&self) -> Dirs {
        Dirs::ToClient
    }
    fn progress(&self, _: Dir) -> u8 {
        1
    }
    fn revision(&self, _: Dir) -> u32 {
        0
    }
    fn events(&self) -> &[u8] {
        &[]
    }
    fn record(&self, _: &Detail<'_>, _: &mut dyn Writer) {}
}

#[test]
fn answers_of_dns_name_the_client_first_in_the_old_form() {
    static DNS: Protocol = Protocol { name: "dns", record: Some("dns"), ..Protocol::BARE };
    let ends = |version: u8| {
        let tx = TxRef { context: context(None), at: TxAt { id: 0, protocol: &DNS, tx: &Answer } };
        let got = one(&format!("types: [dns: {{version: {version}}}]"), Event::Transaction(tx));
        ["src_ip", "src_port", "dest_ip", "dest_port"].map(|key| got[key].clone())
    };
    let [src, src_port, dst, dst_port] = ends(3);
    assert_eq!(ends(2), [dst, dst_port, src, src_port]);
}

#[test]
fn transactions_and_files() {
    let flow = a_flow();
    let tx = || TxRef { context: context(Some(&flow)), at: TxAt { id: 1, protocol: &PROTOCOL, tx: &Talk } };
    let got = one("types: [http: {extended: no}]", Event::Transaction(tx()));
    assert_eq!(got, with_head("http", json!({"tx_id": 1, "http": {"hostname": "a.example"}})));
    let got = one("types: [http: {dump-all-headers: request, xff: {enabled: yes}}]", Event::Transaction(tx()));
    assert_eq!(got["http"]["request_headers"][0], json!({"name": "Host", "value": "a.example"}));
    assert_eq!(got["http"]["xff"], "10.9.9.9");
    assert_eq!(records("types: [dns]", |eve, lines| eve.event(&Event::Transaction(tx()), lines)), [Json::Null; 0]);

    let mut file = ended(b"/a\xff");
    file.size = 12;
    file.range = Some((0, 11));
    file.md5 = Some([0xab; 16]);
    let event = FileRef { context: context(Some(&flow)), at: tx().at, file: &file, sids: &[7] };
    let fileinfo = json!({
        "filename": "/a\\xff", "sid": [7], "gaps": false, "state": "CLOSED", "md5": "ab".repeat(16), "stored": false,
        "size": 12, "tx_id": 1, "start": 0, "end": 11,
    });
    let more = json!({"app_proto": "http", "http": {"hostname": "a.example", "status": 200}, "fileinfo": fileinfo});
    assert_eq!(one("types: [files]", Event::File(event)), with_head("fileinfo", more));
}

#[test]
fn flows() {
    let flow = a_flow();
    let ended = || {
        let context = Context { packet: None, source: None, dir: None, ..context(Some(&flow)) };
        let tcp = Summary { flags: [0x1b, 0x12], state: "closed", gap: [false, true], regions: [1, 2], urgent: [0, 0] };
        FlowEnd { context, flow: &flow, end: End::Shutdown, tcp: Some(tcp), exceptions: &[] }
    };
    let got = one("types: [flow]", Event::Flow(ended()));
    let want = json!({
        "timestamp": "2026-01-02T03:04:06.000123+0000", "flow_id": 714, "event_type": "flow", "host": "me",
        "src_ip": "10.0.0.5", "src_port": 40000, "dest_ip": "192.0.2.7", "dest_port": 80, "proto": "TCP", "ip_v": 4,
        "app_proto": "http",
        "flow": {
            "pkts_toserver": 4, "pkts_toclient": 3, "bytes_toserver": 420, "bytes_toclient": 610,
            "start": "2026-01-02T03:04:05.000000+0000", "end": "2026-01-02T03:04:07.500000+0000", "age": 2,
            "state": "established", "reason": "shutdown", "alerted": true, "tx_cnt": 2,
        },
        "tcp": {
            "tcp_flags": "1b", "tcp_flags_ts": "1b", "tcp_flags_tc": "12", "syn": true, "fin": true, "psh": true,
            "ack": true, "state": "closed", "tc_gap": true, "ts_max_regions": 1, "tc_max_regions": 2,
        },
    });
    assert_eq!(got, want);

    let both = records("types: [netflow]", |eve, lines| eve.event(&Event::Flow(ended()), lines));
    assert_eq!(both.len(), 2);
    assert_eq!((&both[1]["src_ip"], &both[1]["dest_port"]), (&json!("192.0.2.7"), &json!(40000)));
    let netflow = json!({
        "pkts": 3, "bytes": 610, "start": "2026-01-02T03:04:05.000000+0000", "end": "2026-01-02T03:04:07.500000+0000",
        "age": 2, "min_ttl": 50, "max_ttl": 50, "tx_cnt": 2,
    });
    assert_eq!(both[1]["netflow"], netflow);
    assert_eq!(both[1]["tcp"], json!({"tcp_flags": "12", "syn": true, "ack": true}));
}

#[test]
fn flows_with_mac_addresses_and_an_index() {
    let mut macs = Macs::default();
    macs.note(Dir::ToServer, ([1; 6], [2; 6]));
    let flow = Flow { macs: Some(Box::new(macs)), spi: Some(7), ..a_flow() };
    let context = Context { ether: None, ..context(Some(&flow)) };
    let ended = || {
        Event::Flow(FlowEnd { context: context.clone(), flow: &flow, end: End::Timeout, tcp: None, exceptions: &[] })
    };
    let all = records("ethernet: yes, types: [flow, netflow]", |eve, lines| eve.event(&ended(), lines));
    let (one, two) = ("01:01:01:01:01:01", "02:02:02:02:02:02");
    assert_eq!(all.iter().map(|record| &record["spi"]).collect::<Vec<_>>(), [7, 7, 7]);
    for (record, src, dst) in [(&all[0], one, two), (&all[1], one, two), (&all[2], two, one)] {
        assert_eq!(record["ether"], json!({"src_macs": [src], "dest_macs": [dst]}), "{record}");
    }
    assert_eq!(self::one("types: [flow]", ended())["ether"], Json::Null);
}

#[test]
fn variables_are_records_of_their_own_if_asked_for() {
    let flow = a_flow();
    let found =
        || Event::Variables(Variables { context: Context { vars: Some(&Bits), app: None, ..context(Some(&flow)) } });
    let got = one("metadata: no, types: [metadata]", found());
    let more = json!({
        "metadata": {"flowbits": ["traffic/label/video"]}, "traffic": {"label": ["video"]},
    });
    assert_eq!(got, with_head("metadata", more));
    assert_eq!(records("types: [alert]", |eve, lines| eve.event(&found(), lines)), [Json::Null; 0]);
}

#[test]
fn arp_packets_are_records_if_asked_for() {
    for (number, opcode) in [(2, "reply"), (9, "inarp_reply")] {
        let bytes = [
            [0, 1, 8, 0, 6, 4, 0, number].as_slice(), // Ethernet, IPv4
            &[2, 0, 0, 0, 0, 1, 10, 0, 0, 1],
            &[2, 0, 0, 0, 0, 2, 10, 0, 0, 2],
        ]
        .concat();
        let arp = Arp::parse(&bytes).unwrap();
        let seen = || Event::Arp(ArpRef { context: context(None), arp });
        let want = json!({
            "hw_type": "ethernet", "proto_type": "ipv4", "opcode": opcode, "src_mac": "02:00:00:00:00:01",
            "src_ip": "10.0.0.1", "dest_mac": "02:00:00:00:00:02", "dest_ip": "10.0.0.2",
        });
        for asked in ["types: [arp: {enabled: yes}]", "types: [arp]"] {
            assert_eq!(one(asked, seen())["arp"], want, "{asked}");
        }
        assert_eq!(records("types: [arp: {}]", |eve, lines| eve.event(&seen(), lines)), [Json::Null; 0]);
    }
}

#[test]
fn drops() {
    let (flow, rule, packet) = (a_flow(), a_rule(), a_packet());
    let dropped = || Dropped {
        context: Context { app: None, ..context(Some(&flow)) },
        packet: &packet,
        reason: DropReason::Rules,
        rule: Some(&rule),
        reject: None,
    };
    let got = one("types: [drop: {verdict: yes}]", Event::Drop(dropped()));
    let drop = json!({
        "len": 42, "tos": 16, "ttl": 64, "ipid": 9, "tcpseq": 1, "tcpack": 2, "tcpwin": 1024, "syn": true, "ack": false,
        "psh": false, "rst": false, "urg": false, "fin": false, "tcpres": 0, "tcpurgp": 0, "reason": "rules",
    });
    assert_eq!(got["drop"], drop);
    assert_eq!(got["alert"]["action"], "blocked");
    assert_eq!(got["verdict"], json!({"action": "drop"}));
    assert_eq!(got["direction"], "to_server");
    assert_eq!(one("types: [drop: {alerts: no}]", Event::Drop(dropped())).get("alert"), None);
    for (flows, want) in [("all", 3), ("start", 1)] {
        let all = records(&format!("types: [drop: {{flows: {flows}}}]"), |eve, lines| {
            (0..3).for_each(|_| eve.event(&Event::Drop(dropped()), lines));
        });
        assert_eq!(all.len(), want, "{flows}");
    }
}

#[test]
fn tagged_packets() {
    let packet = a_packet();
    let tagged = || Event::Tagged(Tagged { context: context(None), packet: &packet });
    let got = one("types: [alert]", tagged());
    assert_eq!((&got["event_type"], &got["packet_info"]["linktype"]), (&json!("packet"), &json!(1)));
    let off = records("types: [alert: {tagged-packets: no}]", |eve, lines| eve.event(&tagged(), lines));
    assert_eq!(off, [Json::Null; 0]);
}

#[test]
fn stats() {
    let mut counters = Counters::default();
    counters.add(Counter::DecoderPkts, 4);
    counters.add(Counter::DecoderBytes, 400);
    counters.anomaly(Anomaly::UdpLenInvalid);
    counters.dropped(DropReason::Rules);
    let counts = ProtocolCounts { flows: 2, transactions: 3, gap_errors: 4, parser_errors: 5 };
    counters.protocol("dns_udp", counts);
    let threads = [("W#01", &counters)];
    let now = |inline| Stats {
        time: Time::from_micros(1_767_323_046, 0),
        uptime: 9,
        counters: &counters,
        threads: &threads,
        rules: crate::output::sink::RulesLoaded { loaded: 5, failed: 1, ..Default::default() },
        more: &[("capture.kernel_packets", 6)],
        inline,
    };
    let all = records("types: [stats: {deltas: yes, threads: yes}]", |eve, lines| {
        eve.stats(&now(true), lines);
        eve.stats(&now(true), lines);
    });
    let [first, second] = &all[..] else { panic!("two records") };
    for (pointer, want) in [
        ("/event_type", json!("stats")),
        ("/stats/uptime", json!(9)),
        ("/stats/decoder/pkts", json!(4)),
        ("/stats/decoder/pkts_delta", json!(4)),
        ("/stats/decoder/avg_pkt_size", json!(100)),
        ("/stats/decoder/event/udp/len_invalid", json!(1)),
        ("/stats/ips/drop_reason/rules", json!(1)),
        ("/stats/app_layer/tx/dns_udp", json!(3)),
        ("/stats/app_layer/error/dns_udp/gap", json!(4)),
        ("/stats/app_layer/error/dns_udp/parser", json!(5)),
        ("/stats/detect/engines/0/rules_loaded", json!(5)),
        ("/stats/detect/alert", json!(0)),
        ("/stats/capture/kernel_packets", json!(6)),
        ("/stats/stream", Json::Null),
        ("/stats/threads/W#01/decoder/pkts", json!(4)),
        ("/stats/threads/W#01/decoder/pkts_delta", Json::Null),
    ] {
        assert_eq!(first.pointer(pointer).cloned().unwrap_or_default(), want, "{pointer}");
    }
    assert_eq!(second.pointer("/stats/decoder/pkts_delta"), Some(&json!(0)));
    let short = &records("types: [stats: {null-values: no}]", |eve, lines| eve.stats(&now(false), lines))[0];
    assert_eq!(short.pointer("/stats/tcp"), None);
    assert_eq!(short.pointer("/stats/ips"), None);
    assert_eq!(short.pointer("/stats/detect/engines/0/rules_failed"), Some(&json!(1)));
}

/// Records of all kinds, checked against the published schema where it is at hand.
#[test]
fn records_follow_the_schema() {
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/eve-schema/schema.json");
    if !std::path::Path::new(schema).exists() {
        eprintln!("skipped: no schema at {schema}");
        return;
    }
    let schema = jsonschema::validator_for(&serde_json::from_slice(&std::fs::read(schema).unwrap()).unwrap()).unwrap();
    let (flow, rule, packet) = (a_flow(), a_rule(), a_packet());
    let everything = "ethernet: yes, community-id: yes, pcap-file: yes, suricata-version: yes, types: [alert: {payload: yes, \
        payload-printable: yes, payload-length: yes, packet: yes, http-body: yes, http-body-printable: yes, verdict: yes, \
        xff: {enabled: yes}, metadata: {rule: {raw: yes, reference: yes}}}, anomaly: {packethdr: yes, types: {decode: yes, \
        stream: yes}}, http: {dump-all-headers: both}, files, flow, netflow, drop: {verdict: yes}, stats: {threads: no}]";
    let context = context(Some(&flow));
    let tx = TxAt { id: 1, protocol: &PROTOCOL, tx: &Talk };
    let mut file = ended(b"f");
    file.sha256 = Some([1; 32]);
    let all = records(everything, |eve, lines| {
        let mut fired = alert(&flow, &rule, &packet);
        fired.context.vars = Some(&Bits);
        eve.event(&Event::Alert(fired), lines);
        let what = Oddity::Packet(Anomaly::Ipv4TruncPkt);
        eve.event(&Event::Anomaly(Odd { context: context.clone(), what, packet: Some(&packet) }), lines);
        eve.event(&Event::Transaction(TxRef { context: context.clone(), at: tx }), lines);
        eve.event(&Event::File(FileRef { context: context.clone(), at: tx, file: &file, sids: &[1] }), lines);
        let tcp = Some(Summary { state: "closed", ..Summary::default() });
        eve.event(
            &Event::Flow(FlowEnd { context: context.clone(), flow: &flow, end: End::Timeout, tcp, exceptions: &[] }),
            lines,
        );
        let reason = DropReason::Rules;
        let dropped = Dropped { context: context.clone(), packet: &packet, reason, rule: Some(&rule), reject: None };
        eve.event(&Event::Drop(dropped), lines);
        let counters = Counters::default();
        let rules = crate::output::sink::RulesLoaded::default();
        eve.stats(
            &Stats { time: Time::ZERO, uptime: 0, counters: &counters, threads: &[], rules, more: &[], inline: true },
            lines,
        );
    });
    assert_eq!(all.len(), 9, "two of them are netflow");
    for record in all.iter().filter(|record| record["event_type"] != "stats") {
        let problems: Vec<_> = schema.iter_errors(record).map(|error| error.to_string()).collect();
        assert_eq!(problems, [""; 0], "{record}");
    }
}
