//! What the engine's tests share: packets of a TCP connection, and a sink that keeps what it is told.

use std::net::Ipv6Addr;
use std::sync::Arc;

use etherparse::PacketBuilder;

use super::{Command, Config, Engine, Side, Sink};
use crate::app::App;
use crate::app::file::Fate;
use crate::decode::{self, Ports};
use crate::detect::rule_set::RuleSet;
use crate::detect::shared::Shared;
use crate::event::Event;
use crate::field::Dir;
use crate::flow::{Carried, Key};
use crate::packet::{LinkType, PacketIn};
use crate::stream;
use crate::time::Time;
use crate::verdict::Verdict;

/// What was said about one packet.
#[derive(Default)]
pub(super) struct Told {
    pub(super) verdict: Verdict,
    pub(super) commands: Vec<Command>,
    /// Where answers to a rejected packet went.
    pub(super) answers: Vec<Side>,
    /// The answers themselves.
    pub(super) answered: Vec<Vec<u8>>,
    /// The rules that alerted.
    pub(super) sids: Vec<u32>,
    /// How many transactions were recorded.
    pub(super) records: usize,
    /// What the alerts show.
    pub(super) payloads: Vec<Vec<u8>>,
    /// Content of files that are stored: number and bytes.
    pub(super) contents: Vec<(u64, Vec<u8>)>,
    /// Files that ended: name, what became of the content, and the rules that wanted it stored.
    pub(super) files: Vec<(Vec<u8>, Fate, Vec<u32>)>,
    /// Certificates that are stored: the side, and whom each chain is for.
    pub(super) certificates: Vec<(Dir, String, usize)>,
    /// What flows that are taken back have carried.
    pub(super) carried: Carried,
    /// The kernel stage has found something in what is released.
    pub(super) reopened: bool,
    /// How many were taken back.
    pub(super) recalls: usize,
    /// Packets of the flows that ended, client's first, and when they were heard last.
    pub(super) ended: Vec<([u64; 2], Time)>,
    /// The states of TCP that they ended in.
    pub(super) states: Vec<&'static str>,
}

impl Sink for Told {
    fn verdict(&mut self, _: u64, verdict: Verdict) {
        self.verdict = verdict;
    }

    fn inject(&mut self, _: u16, side: Side, frame: &[u8]) {
        self.answers.push(side);
        self.answered.push(frame.to_vec());
    }

    fn kernel(&mut self, command: Command) {
        self.commands.push(command);
    }

    fn recall(&mut self, _: &Key) -> Option<Carried> {
        self.recalls += 1;
        Some(self.carried)
    }

    fn is_reopened(&mut self, _: &Key) -> bool {
        self.reopened
    }

    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Alert(alert) => {
                self.sids.push(alert.rule.sid);
                self.payloads.push(alert.payload.to_vec());
            }
            Event::Flow(end) => {
                self.ended.push((end.flow.counts.map(|count| count.packets), end.flow.last));
                self.states.extend(end.tcp.map(|tcp| tcp.state));
            }
            Event::Transaction(_) => self.records += 1,
            Event::Certificates(shown) => {
                let subject = String::from_utf8_lossy(shown.certificates.subject).into_owned();
                self.certificates.push((shown.dir, subject, shown.certificates.chain.len()));
            }
            Event::FileContent(content) => self.contents.push((content.number, content.bytes.to_vec())),
            Event::File(told) => {
                self.files.push((told.file.name.clone(), told.file.fate(), told.sids.to_vec()));
            }
            _ => {}
        }
    }
}

/// Settings for inline inspection, with VXLAN looked into.
pub(super) fn inline() -> Config {
    let decode = decode::Config { vxlan: Ports::These(vec![4789]), ..decode::Config::default() };
    let stream = stream::Config { inline: true, checksum_validation: true, ..stream::Config::default() };
    Config { inline: true, decode, stream, ..Config::default() }
}

/// Passive or inline inspection, with the settings of [`inline`] otherwise.
pub(super) fn config(inline: bool) -> Config {
    let mut config = self::inline();
    (config.inline, config.stream.inline) = (inline, inline);
    config
}

/// An engine with these settings.
pub(super) fn engine(config: Config) -> Engine {
    let app = App::new(config.app.clone());
    Engine::new(Arc::new(config), Arc::new(app), Shared::default())
}

/// Both sides agree on a connection; their next bytes are 101 and 501.
pub(super) fn handshake() -> Vec<Vec<u8>> {
    let segment = |from_client, flags, seq, ack| segment(Carrier::V4, from_client, flags, seq, ack, b"");
    vec![segment(true, "S", 100, 0), segment(false, "SA", 500, 101), segment(true, "A", 101, 501)]
}

/// Pushes a frame; a second passes with every number.
pub(super) fn push(engine: &mut Engine, rules: &RuleSet, id: u64, bytes: &mut [u8]) -> Told {
    let mut told = Told::default();
    push_to(&mut told, engine, rules, id, bytes);
    told
}

/// The same with a sink that has something to say itself.
pub(super) fn push_to(told: &mut Told, engine: &mut Engine, rules: &RuleSet, id: u64, bytes: &mut [u8]) {
    let time = Time::from_micros(1000 + id, 0);
    engine.push(rules, PacketIn { id, port: 0, time, link: LinkType::Ethernet, bytes }, told);
}

/// What carries the TCP packets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Carrier {
    V4,
    V6,
    /// IPv4 in Ethernet in VXLAN over IPv6, whose UDP checksum must not be left out.
    Vxlan,
}

pub(super) fn segment(carrier: Carrier, from_client: bool, flags: &str, seq: u32, ack: u32, data: &[u8]) -> Vec<u8> {
    let (a, b) = if from_client { (1, 2) } else { (2, 1) };
    let (sport, dport) = if from_client { (4000, 80) } else { (80, 4000) };
    let v6 = |last| Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, last).octets();
    let ether = PacketBuilder::ethernet2([2; 6], [4; 6]);
    let ip = match carrier {
        Carrier::V6 => ether.ipv6(v6(a), v6(b), 64),
        Carrier::V4 | Carrier::Vxlan => ether.ipv4([10, 0, 0, a as u8], [10, 0, 0, b as u8], 64),
    };
    let mut tcp = ip.tcp(sport, dport, seq, 60_000);
    for flag in flags.chars() {
        tcp = match flag {
            'S' => tcp.syn(),
            'P' => tcp.psh(),
            'F' => tcp.fin(),
            'R' => tcp.rst(),
            _ => tcp.ack(ack),
        };
    }
    let mut bytes = Vec::new();
    tcp.write(&mut bytes, data).unwrap();
    if carrier != Carrier::Vxlan {
        return bytes;
    }
    let inner = [&[8, 0, 0, 0, 0, 0, 7, 0][..], &bytes].concat();
    let mut outer = Vec::new();
    let tunnel = PacketBuilder::ethernet2([2; 6], [4; 6]).ipv6(v6(a + 16), v6(b + 16), 64).udp(5000, 4789);
    tunnel.write(&mut outer, &inner).unwrap();
    outer
}
