//! Tests of the TCP engine: packets built by hand, pushed through sessions.

mod events;
mod memory;
mod model;
mod readers;
mod states;

use super::*;

/// A packet, with sequence numbers counted from the SYN of each side.
#[derive(Clone, Debug)]
pub(super) struct P {
    dir: Dir,
    flags: u8,
    seq: u32,
    ack: u32,
    window: u16,
    urgent: u16,
    options: Vec<u8>,
    payload: Vec<u8>,
    good_checksum: bool,
}

/// A packet with flags by letter, from the client (`>`) or the server (`<`).
pub(super) fn p(dir: char, flags: &str, seq: u32, ack: u32) -> P {
    let bit = |letter| match letter {
        'F' => Flags::FIN,
        'S' => Flags::SYN,
        'R' => Flags::RST,
        'P' => Flags::PSH,
        'A' => Flags::ACK,
        'U' => Flags::URG,
        other => panic!("no such flag: {other}"),
    };
    P {
        dir: if dir == '>' { Dir::ToServer } else { Dir::ToClient },
        flags: flags.chars().map(bit).fold(0, |all, one| all | one),
        seq,
        ack,
        window: 8192,
        urgent: 0,
        options: Vec::new(),
        payload: Vec::new(),
        good_checksum: true,
    }
}

impl P {
    pub(super) fn data(mut self, payload: impl AsRef<[u8]>) -> Self {
        self.payload = payload.as_ref().to_vec();
        self
    }

    pub(super) fn window(mut self, window: u16) -> Self {
        self.window = window;
        self
    }

    pub(super) fn urgent(mut self, pointer: u16) -> Self {
        self.urgent = pointer;
        self
    }

    pub(super) fn option(mut self, option: &[u8]) -> Self {
        self.options.extend_from_slice(option);
        self
    }

    pub(super) fn stamp(self, value: u32, echo: u32) -> Self {
        let [a, b, c, d] = value.to_be_bytes();
        let [e, f, g, h] = echo.to_be_bytes();
        self.option(&[1, 1, 8, 10, a, b, c, d, e, f, g, h])
    }

    pub(super) fn scale(self, shift: u8) -> Self {
        self.option(&[1, 3, 3, shift])
    }

    /// With a fast open cookie.
    pub(super) fn cookie(self) -> Self {
        self.option(&[34, 6, 1, 2, 3, 4, 1, 1])
    }

    fn bad_checksum(mut self) -> Self {
        self.good_checksum = false;
        self
    }
}

/// A conversation and everything its session works with.
pub(super) struct Talk {
    pub(super) slot: Option<Box<Session>>,
    pub(super) config: Config,
    pub(super) memory: Memory,
    pub(super) counters: Counters,
    pub(super) policy: Policy,
    pub(super) isn: [u32; 2],
    pub(super) time: Time,
}

impl Default for Talk {
    fn default() -> Self {
        Self::with(Config::default())
    }
}

impl Talk {
    pub(super) fn with(config: Config) -> Self {
        Self {
            slot: None,
            config,
            memory: Memory::default(),
            counters: Counters::default(),
            policy: Policy::default(),
            isn: [1_000, 0xffff_fff0],
            time: Time::from_micros(1_000, 0),
        }
    }

    pub(super) fn inline() -> Self {
        Self::with(Config { inline: true, ..Config::default() })
    }

    /// With the handshake done.
    pub(super) fn established(mut self) -> Self {
        for packet in handshake() {
            let (_, noted) = self.push(&packet);
            assert_eq!(noted, [], "{packet:?}");
        }
        assert_eq!(self.state(), "established");
        self
    }

    pub(super) fn push(&mut self, packet: &P) -> (Outcome, Vec<Anomaly>) {
        let [client, server] = self.isn;
        let (mine, theirs) = if packet.dir == Dir::ToServer { (client, server) } else { (server, client) };
        let mut bytes = vec![0u8; 20];
        bytes[4..8].copy_from_slice(&mine.wrapping_add(packet.seq).to_be_bytes());
        if packet.flags & Flags::ACK != 0 {
            bytes[8..12].copy_from_slice(&theirs.wrapping_add(packet.ack).to_be_bytes());
        } else {
            bytes[8..12].copy_from_slice(&packet.ack.to_be_bytes());
        }
        let options = packet.options.len().next_multiple_of(4);
        bytes[12] = u8::try_from((20 + options) / 4).unwrap() << 4;
        bytes[13] = packet.flags;
        bytes[14..16].copy_from_slice(&packet.window.to_be_bytes());
        bytes[18..20].copy_from_slice(&packet.urgent.to_be_bytes());
        bytes.extend_from_slice(&packet.options);
        bytes.resize(20 + options, 0);
        bytes.extend_from_slice(&packet.payload);
        let tcp = Tcp::parse(&bytes).unwrap();
        let mut anomalies = Anomalies::new();
        let mut env = Env {
            config: &self.config,
            memory: &mut self.memory,
            counters: &mut self.counters,
            anomalies: &mut anomalies,
        };
        let facts = Facts { time: self.time, checksum_ok: packet.good_checksum };
        let policy = self.policy;
        let outcome = push(&mut self.slot, &tcp, packet.dir, facts, || [policy; 2], &mut env);
        (outcome, anomalies.to_vec())
    }

    pub(super) fn session(&mut self) -> &mut Session {
        self.slot.as_mut().expect("there is a session")
    }

    pub(super) fn state(&self) -> &'static str {
        self.slot.as_ref().map_or("none", |session| session.state().name())
    }

    /// Everything the application layer gets now; a gap reads `<n>`.
    pub(super) fn app(&mut self, dir: char) -> String {
        let dir = if dir == '>' { Dir::ToServer } else { Dir::ToClient };
        let session = self.session();
        let mut text = String::new();
        for _ in 0..1_000 {
            let used = match session.app(dir) {
                None => return text,
                Some(Chunk::Gap { bytes }) => {
                    text.push_str(&format!("<{bytes}>"));
                    0
                }
                Some(Chunk::Data { bytes, last }) => {
                    text.push_str(&String::from_utf8_lossy(bytes));
                    text.push_str(if last { "." } else { "" });
                    bytes.len()
                }
            };
            session.app_used(dir, used, 0);
        }
        panic!("never done: {text}");
    }

    /// Everything payload rules get now, with what is new after a `|`.
    pub(super) fn raw(&mut self, dir: char) -> Vec<String> {
        let dir = if dir == '>' { Dir::ToServer } else { Dir::ToClient };
        let session = self.session();
        let mut all = Vec::new();
        while session.raw_due(dir) {
            let raw = session.raw(dir);
            let (seen, fresh) = raw.data.split_at(usize::try_from(raw.fresh_from - raw.offset).unwrap());
            all.push(format!("{}|{}", String::from_utf8_lossy(seen), String::from_utf8_lossy(fresh)));
            let end = raw.end();
            session.raw_done(dir, end);
            assert!(all.len() < 100, "never done");
        }
        all
    }
}

pub(super) fn handshake() -> [P; 3] {
    [p('>', "S", 0, 0), p('<', "SA", 0, 1), p('>', "A", 1, 1)]
}
