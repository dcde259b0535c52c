//! TCP segments through a session.

use arbitrary::Arbitrary;
use ids_core::counters::Counters;
use ids_core::field::Dir;
use ids_core::packet::Anomalies;
use ids_core::stream::{self, Chunk, Config, Env, Facts, Memory, Policy, Session};
use ids_core::time::Time;
use ids_core::wire::tcp::Tcp;

/// A connection: settings, and what both sides send.
#[derive(Arbitrary, Debug)]
pub struct Talk {
    inline: bool,
    midstream: bool,
    async_oneside: bool,
    depth: u16,
    memcap: u16,
    policies: [u8; 2],
    /// Whether it begins with a handshake.
    opened: bool,
    segments: Vec<Segment>,
}

#[derive(Arbitrary, Debug)]
struct Segment {
    to_client: bool,
    flags: u8,
    /// Counted from the initial number of the sender, and of the receiver.
    seq: i16,
    ack: i16,
    window: u16,
    urgent: u16,
    timestamps: Option<(u16, u16)>,
    scale: Option<u8>,
    bad_checksum: bool,
    /// How much of what it gets the application layer uses: so many parts in 255.
    used: u8,
    data: Vec<u8>,
}

/// Close to the end, so that numbers wrap.
const ISN: [u32; 2] = [u32::MAX - 40, 1_000];

const POLICIES: [Policy; 7] = [
    Policy::Bsd,
    Policy::BsdRight,
    Policy::Linux,
    Policy::Solaris,
    Policy::Windows,
    Policy::First,
    Policy::Last,
];

/// Everything a session works with.
struct World {
    config: Config,
    memory: Memory,
    counters: Counters,
    slot: Option<Box<Session>>,
    policies: [Policy; 2],
    /// Payload that was pushed, and that readers got, by direction.
    sent: [u64; 2],
    got: [u64; 2],
}

/// Segments in any order, and readers that use as much as they like.
pub fn reassembly(talk: Talk) {
    let mut config = Config {
        inline: talk.inline,
        midstream: talk.midstream,
        async_oneside: talk.async_oneside,
        ..Config::default()
    };
    config.reassembly.depth = u64::from(talk.depth);
    config.reassembly.memcap = u64::from(talk.memcap) * 64;
    let mut world = World {
        config,
        memory: Memory::default(),
        counters: Counters::default(),
        slot: None,
        policies: talk.policies.map(|policy| POLICIES[usize::from(policy) % POLICIES.len()]),
        sent: [0; 2],
        got: [0; 2],
    };
    if talk.opened {
        for (to_client, flags, seq, ack) in [(false, 0x02, 0, 0), (true, 0x12, 0, 1), (false, 0x10, 1, 1)] {
            world.push(&Segment { to_client, flags, seq, ack, ..Segment::PLAIN });
        }
    }
    for segment in &talk.segments {
        world.push(segment);
    }
    world.end();
}

impl Segment {
    const PLAIN: Self = Self {
        to_client: false,
        flags: 0x10,
        seq: 0,
        ack: 0,
        window: 8192,
        urgent: 0,
        timestamps: None,
        scale: None,
        bad_checksum: false,
        used: 255,
        data: Vec::new(),
    };

    fn dir(&self) -> Dir {
        if self.to_client { Dir::ToClient } else { Dir::ToServer }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut options = Vec::new();
        if let Some((value, echo)) = self.timestamps {
            options.extend_from_slice(&[1, 1, 8, 10]);
            options.extend_from_slice(&u32::from(value).to_be_bytes());
            options.extend_from_slice(&u32::from(echo).to_be_bytes());
        }
        if let Some(shift) = self.scale {
            options.extend_from_slice(&[1, 3, 3, shift]);
        }
        let [mine, theirs] = if self.to_client { [ISN[1], ISN[0]] } else { ISN };
        let ack = if self.flags & 0x10 != 0 { theirs.wrapping_add_signed(self.ack.into()) } else { 0 };
        let words = u8::try_from(5 + options.len() / 4).expect("at most 9");
        let mut bytes = vec![0, 1, 0, 2];
        bytes.extend_from_slice(&mine.wrapping_add_signed(self.seq.into()).to_be_bytes());
        bytes.extend_from_slice(&ack.to_be_bytes());
        bytes.extend_from_slice(&[words << 4, self.flags]);
        bytes.extend_from_slice(&self.window.to_be_bytes());
        bytes.extend_from_slice(&[0, 0]);
        bytes.extend_from_slice(&self.urgent.to_be_bytes());
        bytes.extend_from_slice(&options);
        bytes.extend_from_slice(&self.data);
        bytes
    }
}

impl World {
    fn push(&mut self, segment: &Segment) {
        let bytes = segment.bytes();
        let tcp = Tcp::parse(&bytes).expect("built above");
        self.sent[segment.dir().index()] += segment.data.len() as u64;
        let mut anomalies = Anomalies::new();
        let mut env = Env {
            config: &self.config,
            memory: &mut self.memory,
            counters: &mut self.counters,
            anomalies: &mut anomalies,
        };
        let facts = Facts { time: Time::from_micros(1_000, 0), checksum_ok: !segment.bad_checksum };
        let policies = self.policies;
        stream::push(&mut self.slot, &tcp, segment.dir(), facts, || policies, &mut env);
        self.read(segment.used);
    }

    /// Lets both readers of both directions read.
    fn read(&mut self, part: u8) {
        let Some(session) = &mut self.slot else { return };
        for dir in Dir::BOTH {
            while let Some(chunk) = session.app(dir) {
                let (used, all) = match chunk {
                    Chunk::Gap { bytes } => {
                        assert!(bytes > 0, "a gap of nothing");
                        (0, true)
                    }
                    Chunk::Data { bytes, .. } => {
                        let used = bytes.len() * usize::from(part) / 255;
                        (used, used == bytes.len() && used > 0)
                    }
                };
                self.got[dir.index()] += used as u64;
                session.app_used(dir, used, 0);
                if !all {
                    break;
                }
            }
            while session.raw_due(dir) {
                let raw = session.raw(dir);
                assert!(raw.fresh_from >= raw.offset && raw.fresh_from <= raw.end());
                let end = raw.end();
                session.raw_done(dir, end);
            }
            assert!(self.got[dir.index()] <= self.sent[dir.index()], "more was read than sent");
        }
        let _ = session.summary();
        session.settle(&mut self.memory);
    }

    /// The connection is forgotten, and everything it held with it.
    fn end(mut self) {
        if let Some(session) = &mut self.slot {
            session.finish();
        }
        self.read(255);
        if let Some(session) = self.slot.take() {
            self.memory.forget(&session);
        }
        assert_eq!((self.memory.sessions(), self.memory.reassembly_bytes()), (0, 0));
    }
}
