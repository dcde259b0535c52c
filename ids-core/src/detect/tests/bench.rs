//! A bench to try rules on: one flow with its state, fed with frames and stream data as the engine would.

use std::time::Duration;

use super::frames::{self, CLIENT, PORT, SERVER};
use crate::anomaly::Anomaly;
use crate::app::App;
use crate::app::config::{self, Config, Switch};
use crate::app::expected::Topic;
use crate::app::file::{Care, Kinds};
use crate::app::parser::{Input, Parsed};
use crate::app::registry::{self, ProtoId};
use crate::app::state::{Facts, Findings, Found};
use crate::counters::Counters;
use crate::decode::{self, Frame, Start, decode};
use crate::detect::compile::{Loaded, Loader};
use crate::detect::datasets::Purpose;
use crate::detect::detector::Detector;
use crate::detect::hits::{Decision, Hits};
use crate::detect::rule_set::RuleSet;
use crate::detect::scene::{AppView, Scene, StreamChunk};
use crate::detect::settings::{Files, Settings};
use crate::detect::shared::Shared;
use crate::detect::state::{AppState, FlowState};
use crate::detect::tables::{Classes, References, Reputation, Thresholds};
use crate::field::Dir::{self, ToClient, ToServer};
use crate::flow::{Flow, Key};
use crate::packet::{LinkType, Packet};
use crate::time::Time;

/// What happens.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// A frame arrives.
    Frame(Vec<u8>),
    /// The client says something over TCP.
    Client(Vec<u8>),
    /// The server answers over TCP.
    Server(Vec<u8>),
    /// The client sends a datagram to the server.
    Ask(Vec<u8>),
    /// The server answers with one.
    Answer(Vec<u8>),
    /// The client sends a message of multicast DNS.
    Cast(Vec<u8>),
    /// A TCP packet from the client arrives, with which the TCP engine finds this odd.
    Odd(Anomaly),
    /// Seconds pass.
    Wait(u64),
    /// The packets that follow belong to another flow.
    NewFlow,
    /// It was announced: protocol, command and file name.
    Announced(&'static str, &'static str, &'static str),
    /// So many bytes of the server are lost.
    Lost(u64),
    /// From here on the server listens at this port, instead of 80 over TCP and 53 over UDP.
    Listen(u16),
}

/// Rules, and what they are tried on.
pub(super) struct Bench {
    pub(super) rules: RuleSet,
    pub(super) detector: Detector,
    pub(super) shared: Shared,
    pub(super) hits: Hits,
    pub(super) decision: Decision,
    pub(super) counters: Counters,
    pub(super) inline: bool,
    /// Over TCP, and over UDP.
    ports: [u16; 2],
    flow: Option<Flow>,
    pub(super) state: FlowState,
    app: AppState,
    config: App,
    streams: [Vec<u8>; 2],
    /// Datagrams or bytes not used by the parser, by direction.
    unused: [Vec<u8>; 2],
    time: Time,
    packets: u64,
    odd: Option<Anomaly>,
}

struct TestFiles;

impl Files for TestFiles {
    fn read(&self, name: &str, _: usize) -> Result<Vec<u8>, String> {
        let digest = match name {
            "md5.list" => "5d41402abc4b2a76b9719d911017c592  hello\n",
            "sha1.list" => "# comment\naaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d\n",
            "sha256.list" => "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824\n",
            _ => return Err("no such file".to_owned()),
        };
        Ok(digest.as_bytes().to_vec())
    }

    fn set(&self, name: &str, purpose: Purpose, _: Option<usize>) -> Result<Vec<u8>, String> {
        let content = match (name, purpose) {
            ("hosts.csv", Purpose::Load) => "b25lLmV4YW1wbGU=\n",
            ("scores.csv", Purpose::Load) => "b25lLmV4YW1wbGU=,200\ndHdvLmV4YW1wbGU=,100\n",
            ("addresses.json", Purpose::Load) => r#"[{"ip":"10.0.0.1","why":"listed"}]"#,
            (_, Purpose::State | Purpose::Save) => "",
            (_, Purpose::Load) => return Err("no such file".to_owned()),
        };
        Ok(content.as_bytes().to_vec())
    }

    fn countries(&self) -> Result<Vec<u8>, String> {
        Ok(super::geoip::database())
    }
}

pub(in crate::detect) fn settings() -> Settings {
    let mut settings = Settings { files: Box::new(TestFiles), ..Settings::default() };
    settings.classes = Classes::parse("config classification: bad-unknown,Potentially Bad Traffic,2").0;
    settings.references = References::parse("config reference: url http://\n").0;
    let mut reputation = Reputation::default();
    reputation.add_categories("1,bad,Bad\n2,good,Good");
    reputation.add_list("192.0.2.0/24,1,20\n10.0.0.1,1,10\n10.0.0.1,2,0");
    settings.reputation = reputation.into();
    settings.features.push("true".to_owned());
    settings.vars.addresses.insert("HOME_NET".to_owned(), "10.0.0.0/8".to_owned());
    settings.vars.addresses.insert("EXTERNAL_NET".to_owned(), "!$HOME_NET".to_owned());
    settings.vars.ports.insert("HTTP_PORTS".to_owned(), "80".to_owned());
    settings
}

pub(in crate::detect) fn load(rules: &str, settings: &Settings) -> Loaded {
    let parsed = crate::rules::parse(rules);
    assert!(parsed.faults.is_empty(), "{:?}", parsed.faults);
    Loader::default().compile(parsed.rules.into_iter().map(|rule| (0, rule)), settings).unwrap()
}

/// All protocols are looked for.
fn switches() -> Vec<Switch> {
    let rows = registry::all().filter(|(_, row)| !row.by_default);
    let on = |name: &str| Switch { name: name.to_owned(), detect: true, parse: true, tcp_ports: None, udp_ports: None };
    rows.map(|(_, row)| on(row.name)).collect()
}

impl Bench {
    pub(super) fn new(rules: &str) -> Self {
        Self::with(rules, "")
    }

    /// With a global threshold file.
    pub(super) fn with(rules: &str, thresholds: &str) -> Self {
        let mut settings = settings();
        let (table, faults) = Thresholds::parse(thresholds, &settings.vars);
        assert!(faults.is_empty(), "{faults:?}");
        settings.thresholds = table;
        let loaded = load(rules, &settings);
        let errors = loaded.faults.iter().map(|row| &row.1.diagnostic);
        let errors: Vec<_> =
            errors.filter(|fault| fault.severity == crate::rules::diagnostic::Severity::Error).collect();
        assert!(errors.is_empty(), "{errors:#?}");
        let kinds = Kinds::new(|head| if head.ends_with(b"-a") { "ends in -a" } else { "data" }.into());
        let files = config::Files { care: Care { kinds, ..Care::default() }, store: true, depth: None };
        Self {
            rules: loaded.rules,
            detector: Detector::default(),
            shared: Shared::default(),
            hits: Hits::default(),
            decision: Decision::default(),
            counters: Counters::default(),
            inline: false,
            flow: None,
            state: FlowState::default(),
            app: AppState::default(),
            config: App::new(Config { files, protocols: switches(), ..Config::default() }),
            ports: [80, 53],
            streams: Default::default(),
            unused: Default::default(),
            time: Time::from_micros(1_000_000, 0),
            packets: 0,
            odd: None,
        }
    }

    /// Takes a step. Out: the signatures that fire.
    pub(super) fn take(&mut self, step: &Step) -> Vec<u32> {
        match step {
            Step::Frame(frame) => self.frame(frame, None),
            Step::Client(data) => {
                let frame = frames::segment((CLIENT, PORT), (SERVER, self.ports[0]), "PA", data);
                self.frame(&frame, Some(ToServer))
            }
            Step::Server(data) => {
                let frame = frames::segment((SERVER, self.ports[0]), (CLIENT, PORT), "PA", data);
                self.frame(&frame, Some(ToClient))
            }
            Step::Ask(data) => {
                let frame = frames::udp(self.ports[1], data);
                self.frame(&frame, Some(ToServer))
            }
            Step::Answer(data) => {
                let frame = frames::datagram((SERVER, self.ports[1]), (CLIENT, PORT), data);
                self.frame(&frame, Some(ToClient))
            }
            Step::Cast(data) => {
                let frame = frames::datagram((CLIENT, 5353), ([224, 0, 0, 251], 5353), data);
                self.frame(&frame, Some(ToServer))
            }
            Step::Odd(anomaly) => {
                self.odd = Some(*anomaly);
                let alerts = self.frame(&frames::tcp("A", b"odd"), None);
                self.odd = None;
                alerts
            }
            Step::Wait(seconds) => {
                self.time = self.time + Duration::from_secs(*seconds);
                Vec::new()
            }
            Step::Lost(bytes) => {
                let unused = std::mem::take(&mut self.unused[ToClient.index()]).len() as u64;
                self.app.gap(ToClient, unused + bytes, &mut Findings::default());
                Vec::new()
            }
            Step::Listen(port) => {
                self.ports = [*port; 2];
                Vec::new()
            }
            Step::Announced(proto, command, name) => {
                let topic = Topic { command, name: name.as_bytes().to_vec() };
                self.app.announced(registry::by_name(proto).unwrap(), topic, &mut Findings::default());
                Vec::new()
            }
            Step::NewFlow => {
                (self.flow, self.state, self.app) = (None, FlowState::default(), AppState::default());
                (self.streams, self.unused) = Default::default();
                Vec::new()
            }
        }
    }

    /// `data`: the payload is application data in this direction.
    fn frame(&mut self, frame: &[u8], data: Option<Dir>) -> Vec<u32> {
        self.packets += 1;
        let captured = Frame { id: self.packets, port: 0, time: self.time, link: LinkType::Ethernet, bytes: frame };
        let (config, mut counters) = (decode::Config::default(), Counters::default());
        let mut packets = Vec::new();
        let mut next = Some(Start::captured(&captured, &config, &mut counters));
        while let Some(mut start) = next {
            next = decode(&mut start, &config, &mut counters);
            packets.push(start.packet);
        }
        let odd = self.odd;
        packets.iter_mut().for_each(|packet| odd.into_iter().for_each(|odd| packet.note(odd)));
        packets.iter().flat_map(|packet| self.packet(packet, data)).collect()
    }

    fn packet(&mut self, packet: &Packet<'_>, data: Option<Dir>) -> Vec<u32> {
        self.hits.clear();
        let dir = self.touch(packet);
        let tcp = packet.tcp().is_some();
        let mut findings = Findings::default();
        if let Some(dir) = data.filter(|_| !packet.payload().is_empty()) {
            self.parse(packet, dir, tcp, &mut findings);
            self.inspect_transactions(packet, if findings.turn { dir.flip() } else { dir });
        }
        let streamed = tcp && data.is_some();
        if let Some(dir) = data.filter(|_| streamed) {
            let index = dir.index();
            self.streams[index].extend_from_slice(packet.payload());
            let offset = (self.streams[index].len() - packet.payload().len()) as u64;
            let chunk = StreamChunk { data: packet.payload(), offset, last: false };
            self.with_scene(packet, dir, &findings, |detector, rules, scene, hits, _| {
                scene.stream = Some(chunk);
                detector.stream(rules, scene, hits);
            });
        }
        self.with_scene(packet, dir, &findings, |detector, rules, scene, hits, _| {
            scene.streamed = streamed;
            detector.packet(rules, scene, hits);
        });
        let mut decision = Decision::default();
        self.with_scene(packet, dir, &findings, |_, rules, scene, hits, counters| {
            decision = hits.decide(rules, scene, counters);
        });
        self.decision = decision;
        let alerts = self.hits.alerts().iter();
        alerts.map(|hit| self.rules.info(hit.rule).unwrap().sid).collect()
    }

    fn parse(&mut self, packet: &Packet<'_>, dir: Dir, tcp: bool, findings: &mut Findings) {
        let unused = &mut self.unused[dir.index()];
        unused.extend_from_slice(packet.payload());
        self.app.want(self.rules.frames());
        let client = packet.addresses().map(|(src, dst)| if dir == ToServer { src } else { dst });
        let facts =
            Facts { udp: !tcp, files: self.config.config.files.wanted(self.rules.files()), client, ..Facts::default() };
        let input = Input { dir, data: unused, last: false, time: packet.time, ports: packet.ports() };
        let used = match self.app.data(&self.config, input, facts, findings) {
            Parsed::Used { bytes, .. } | Parsed::Switch { bytes, .. } => bytes,
            Parsed::Failed => unused.len(),
        };
        unused.drain(..if tcp { used } else { unused.len() });
    }

    /// The flow of the packet, made if need be, and the packet's direction in it.
    fn touch(&mut self, packet: &Packet<'_>) -> Dir {
        let Some((src, dst)) = packet.addresses() else { return ToServer };
        let (src_port, dst_port) = packet.ports();
        let (src, dst) = ((src, src_port).into(), (dst, dst_port).into());
        let proto = packet.layers.proto;
        let flow = self.flow.get_or_insert_with(|| Flow {
            id: 1,
            key: Key::new(src, dst, proto, [0; 3], 0).0,
            client: src,
            server: dst,
            proto,
            vlan: [0; 3],
            vlans: 0,
            port: 0,
            first_packet: packet.id,
            last_packet: 0,
            start: packet.time,
            last: packet.time,
            counts: Default::default(),
            icmp: Default::default(),
            spi: None,
            macs: None,
            state: Default::default(),
            action: Default::default(),
            alerted: false,
            done: None,
            released: false,
        });
        let dir = if flow.client == src { ToServer } else { ToClient };
        let count = &mut flow.counts[dir.index()];
        count.packets += 1;
        count.bytes += packet.bytes.len() as u64;
        dir
    }

    fn inspect_transactions(&mut self, packet: &Packet<'_>, dir: Dir) {
        let mut app = std::mem::take(&mut self.app);
        let (proto, sides) = (known(app.protocol()), Dir::BOTH.map(|dir| known(app.protocol_of(dir))));
        self.with_scene(packet, dir, &Findings::default(), |detector, rules, scene, hits, _| {
            scene.app = AppView { proto, sides, ..AppView::default() };
            for mut open in app.transactions() {
                detector.transaction(rules, scene, &mut open, hits);
            }
            for mut open in app.frames(dir).filter(|open| open.is_due(1)) {
                detector.frame(rules, scene, &mut open, hits);
                open.inspected();
            }
        });
        self.app = app;
    }

    fn with_scene<'a>(
        &'a mut self,
        packet: &'a Packet<'a>,
        dir: Dir,
        findings: &'a Findings,
        run: impl FnOnce(&mut Detector, &RuleSet, &mut Scene<'a>, &mut Hits, &mut Counters),
    ) {
        let established = self.flow.as_ref().is_some_and(|flow| {
            let [to_server, to_client] = flow.counts;
            flow.proto == 6 && packet.tcp().is_some_and(|tcp| tcp.flags().has(0x10))
                || to_server.packets > 0 && to_client.packets > 0
        });
        let mut scene = Scene {
            packet,
            flow: self.flow.as_ref(),
            state: Some(&mut self.state),
            dir,
            established,
            anomalies: &packet.anomalies,
            stream: None,
            streamed: false,
            sizes: [self.streams[0].len() as u64, self.streams[1].len() as u64],
            app: AppView {
                proto: known(self.app.protocol()),
                sides: Dir::BOTH.map(|dir| known(self.app.protocol_of(dir))),
                failed: self.app.protocol() == Found::Failed,
                events: &findings.events,
                ..AppView::default()
            },
            shared: &self.shared,
            inline: self.inline,
            checksums: true,
        };
        if packet.addresses().is_none() {
            (scene.flow, scene.state) = (None, None);
        }
        run(&mut self.detector, &self.rules, &mut scene, &mut self.hits, &mut self.counters);
    }
}

fn known(found: Found) -> Option<ProtoId> {
    match found {
        Found::Known(id) => Some(id),
        Found::Unknown | Found::Failed => None,
    }
}
