//! Events made by hand, for the tests of all outputs.

use ids_core::app::parser::{Detail, Protocol, Transaction};
use ids_core::detect::rule::{Action, RuleInfo, Target};
use ids_core::event::{Alert, AppInfo, Context, TxAt, Vars, VerdictInfo};
use ids_core::field::{Dir, Dirs, Field, Info, Value};
use ids_core::flow::{self, Count, Endpoint, Flow, Key};
use ids_core::packet::{Anomalies, Layers, LinkType, Network, Packet, Source, Transport};
use ids_core::record::{Shape, Writer};
use ids_core::time::Time;
use ids_core::verdict::RejectTo;

/// A protocol made up for these tests.
pub(crate) static PROTOCOL: Protocol =
    Protocol { name: "http", rule_names: &["http"], tcp: true, fields, record: Some("http"), ..Protocol::BARE };

static BODY: Field<Talk> =
    Field::bytes("http.request_body", Dirs::ToServer, 1, |_, _, _, _| Value::Bytes(b"a=\x01"), "");

fn fields() -> Vec<&'static Info> {
    vec![&BODY.info]
}

/// A transaction of it.
pub(crate) struct Talk;

impl Transaction for Talk {
    fn field<'a>(&'a self, _: usize, dir: Dir, instance: usize, scratch: &'a mut Vec<u8>) -> Value<'a> {
        (BODY.get)(self, dir, instance, scratch)
    }
    fn progress(&self, dir: Dir) -> u8 {
        u8::from(dir == Dir::ToServer)
    }
    fn revision(&self, _: Dir) -> u32 {
        0
    }
    fn events(&self) -> &[u8] {
        &[]
    }
    fn record(&self, detail: &Detail<'_>, out: &mut dyn Writer) {
        out.text("hostname", b"a.example");
        if detail.extended {
            out.uint("status", 200);
        }
        if detail.all_headers[0] {
            out.open("request_headers", Shape::List);
            for (name, value) in [("Host", "a.example"), ("X-Forwarded-For", "10.1.1.1, 10.9.9.9")] {
                out.open("", Shape::Object);
                out.text("name", name.as_bytes());
                out.text("value", value.as_bytes());
                out.close();
            }
            out.close();
        }
    }
}

/// Variables of a flow.
#[derive(Debug)]
pub(crate) struct Bits;

impl Vars for Bits {
    fn is_empty(&self) -> bool {
        false
    }
    fn write(&self, out: &mut dyn Writer) {
        out.open("flowbits", Shape::List);
        out.text("", b"traffic/label/video");
        out.close();
    }
    fn flowbits(&self, each: &mut dyn FnMut(&str)) {
        each("seen");
        each("traffic/label/video");
    }
}

fn end(addr: &str, port: u16) -> Endpoint {
    Endpoint { addr: addr.parse().unwrap(), port }
}

/// A TCP flow that is over.
pub(crate) fn a_flow() -> Flow {
    let (client, server) = (end("10.0.0.5", 40_000), end("192.0.2.7", 80));
    Flow {
        id: 714,
        key: Key::new(client, server, 6, [0; 3], 0).0,
        client,
        server,
        proto: 6,
        vlan: [0; 3],
        vlans: 0,
        port: 0,
        first_packet: 1,
        last_packet: 5,
        start: Time::from_micros(1_767_323_045, 0),
        last: Time::from_micros(1_767_323_047, 500_000),
        counts: [
            Count { packets: 4, bytes: 420, min_ttl: 63, max_ttl: 64 },
            Count { packets: 3, bytes: 610, min_ttl: 50, max_ttl: 50 },
        ],
        icmp: [None; 2],
        spi: None,
        macs: None,
        state: flow::State::Established,
        action: flow::Action::None,
        alerted: true,
        done: None,
        released: false,
    }
}

/// Where its events happen.
pub(crate) fn context(flow: Option<&Flow>) -> Context<'_> {
    Context {
        time: Time::from_micros(1_767_323_046, 123),
        packet: Some(5),
        order: 0,
        port: 0,
        vlans: &[],
        src: Some("10.0.0.5".parse().unwrap()),
        dst: Some("192.0.2.7".parse().unwrap()),
        src_port: 40_000,
        dst_port: 80,
        proto: Some(6),
        icmp: None,
        source: Some(Source::Wire),
        ether: Some(([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2], 0x0800)),
        tunnel: None,
        flow,
        app: Some(AppInfo { proto: Some("http"), transactions: 2, ..AppInfo::default() }),
        vars: None,
        dir: Some(Dir::ToServer),
    }
}

/// A rule with everything.
pub(crate) fn a_rule() -> RuleInfo {
    RuleInfo {
        sid: 1_000_001,
        gid: 1,
        rev: 2,
        msg: "test \"quoted\"".into(),
        classtype: "misc-activity".into(),
        category: "Misc activity".into(),
        priority: 3,
        action: Action::Drop,
        references: vec!["https://example.org".into()],
        metadata: [("tag", "a"), ("confidence", "High"), ("tag", "b")].into_iter().collect(),
        target: Some(Target::Destination),
        raw: "drop tcp any any -> any any (sid:1000001;)".into(),
        block: None,
    }
}

/// An IPv4 packet with a TCP SYN, behind an Ethernet header.
const FRAME: &[u8] = &[
    2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0x10, 0, 42, 0, 9, 0, 0, 64, 6, 0, 0, 10, 0, 0, 5, 192, 0, 2, 7,
    0x9c, 0x40, 0, 80, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x02, 4, 0, 0, 0, 0, 0, b'h', b'i',
];

/// That packet, decoded.
pub(crate) fn a_packet() -> Packet<'static> {
    let layers = Layers {
        ether: Some(0),
        network: Network::Ipv4,
        network_at: 14,
        network_len: 20,
        network_end: 56,
        proto: 6,
        transport: Transport::Tcp,
        transport_at: 34,
        transport_len: 20,
        ..Layers::default()
    };
    Packet {
        id: 5,
        port: 0,
        time: Time::from_micros(1_767_323_046, 123),
        link: LinkType::Ethernet,
        bytes: FRAME,
        frame_at: Some(0),
        layers,
        source: Source::Wire,
        tunnel: None,
        refused: None,
        anomalies: Anomalies::new(),
    }
}

/// An alert of all of these.
pub(crate) fn alert<'a>(flow: &'a Flow, rule: &'a RuleInfo, packet: &'a Packet<'a>) -> Alert<'a> {
    Alert {
        context: context(Some(flow)),
        rule,
        blocked: true,
        findings: None,
        tx: Some(TxAt { id: 1, protocol: &PROTOCOL, tx: &Talk }),
        frame: None,
        tx_guessed: false,
        payload: b"GET /\r\n\xff",
        stream: true,
        packet: Some(packet),
        verdict: VerdictInfo { dropped: true, passed: false, reject: Some(RejectTo::Both) },
    }
}
