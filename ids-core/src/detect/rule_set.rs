//! The rules as the engine uses them: immutable, shared by all workers, swapped whole on reload.
//!
//! [`compile`](super::compile) makes it; [`inspect`](super::inspect) and [`transactions`](super::transactions)
//! walk it. Rules stand in the order in which they are tried and told.

use std::sync::Arc;

use hashbrown::HashMap;
use smallvec::SmallVec;

pub(super) use super::address_tests::{CountryTest, Ends, Listed, ReputationTest};
use super::bytes::Chain;
use super::catalog::Having;
use super::datasets::{Dataset, SetTest};
use super::files::{self, FileTest};
use super::gate::Gates;
use super::header::{Carriers, Header};
use super::index::Index;
use super::integer;
use super::interest::lasting::Lasting;
use super::names::{NameId, Names};
use super::packet_fields::{PacketField, PacketTest};
use super::patterns::Group;
use super::rule::RuleInfo;
use super::shared::Set;
use super::state::{FlowState, Shown};
use super::tags::Tag;
use super::threshold::{RateFilter, Suppress, Threshold};
use super::transforms::Transform;
use crate::anomaly::Anomaly;
use crate::app::probe::DetectionEvent;
use crate::app::registry::ProtoId;
use crate::app::{file, frames};
use crate::field::{Dir, Info};

/// Number of a rule within its set: its place in the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId(pub(super) u32);

impl RuleId {
    pub(super) fn new(place: usize) -> Self {
        Self(u32::try_from(place).unwrap_or(u32::MAX))
    }
}

/// Which of the rule sets of one loader, counted from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Generation(pub(super) u32);

/// The compiled rules.
#[derive(Debug, Default)]
pub struct RuleSet {
    pub(super) generation: Generation,
    /// Shared with the set before and the one after, as far as they have the same rules.
    pub(super) rules: Vec<Arc<Compiled>>,
    /// By rule, the first of the sets without a break that it was in.
    pub(super) since: Vec<Generation>,
    /// Of each rule what is looked at first.
    pub(super) gates: Gates,
    pub(super) names: Names,
    /// Buffers of transactions that rules look at, transforms included.
    pub(super) buffers: Vec<Buffer>,
    /// Rules that look at packets and have no pattern.
    pub(super) always: Index,
    /// Rules on a packet's oddities, by anomaly number.
    pub(super) anomalies: HashMap<u16, Vec<RuleId>, ahash::RandomState>,
    /// Rules on oddities of finding out the protocol.
    pub(super) detection_events: Vec<RuleId>,
    /// Patterns of payloads, by [`Payload`] and direction.
    pub(super) payloads: [[Option<Group>; 2]; Payload::COUNT],
    /// What transactions are searched for, by protocol number.
    pub(super) apps: Vec<AppGroup>,
    pub(super) by_identity: HashMap<u64, RuleId, ahash::RandomState>,
    /// The sets of values that rules use, and those of the configuration.
    pub(super) datasets: Vec<Arc<Dataset>>,
    /// Most alerts of one packet.
    pub(super) max_alerts: usize,
    /// Of which protocols rules look at frames.
    pub(super) frames: frames::Wanted,
    /// Rules that go on looking at single packets.
    pub(super) lasting: Lasting,
    /// Some rule tags hosts, so that every packet's are asked for.
    pub(super) tags_hosts: bool,
    /// What rules want of files.
    pub(super) files: file::Wanted,
    /// Some rule wants certificates stored.
    pub(super) certificates: bool,
}

impl RuleSet {
    /// Takes the place of another set of the same loader, of which some rules may have stayed: what those have
    /// done to a flow is not done again.
    pub fn succeed(&mut self, before: &Self) {
        for (rule, since) in self.rules.iter().zip(&mut self.since) {
            let older = before.by_identity.get(&rule.identity).and_then(|id| before.since.get(id.0 as usize));
            *since = older.copied().unwrap_or(*since);
        }
    }

    /// How many rules there are.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// What alerts tell of a rule.
    pub fn info(&self, id: RuleId) -> Option<&RuleInfo> {
        self.rules.get(id.0 as usize).map(|rule| &rule.info)
    }

    /// Whether a rule is about application protocols.
    pub fn names_protocols(&self, id: RuleId) -> bool {
        self.rule(id).is_some_and(|rule| !rule.apps.is_empty())
    }

    /// Every rule's header: what carries it, which endpoints, which application protocols (none: any).
    pub fn headers(&self) -> impl Iterator<Item = (&RuleInfo, Carriers, &Header, &[ProtoId])> {
        self.rules.iter().map(|rule| (&rule.info, rule.carriers, &rule.header, &*rule.apps))
    }

    /// The variables of a flow and a packet, as records show them.
    pub fn vars<'a>(&'a self, flow: Option<&'a FlowState>, hits: &'a super::hits::Hits) -> Shown<'a> {
        Shown { names: &self.names, flow, packet: hits.packet_vars() }
    }

    /// The names that rules made up.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// What rules want of files.
    pub fn files(&self) -> file::Wanted {
        self.files
    }

    /// Whether some rule wants certificates stored.
    pub fn wants_certificates(&self) -> bool {
        self.certificates
    }

    /// The sets of values, by name.
    pub fn datasets(&self) -> &[Arc<Dataset>] {
        &self.datasets
    }

    /// Of which protocols rules look at frames.
    pub fn frames(&self) -> frames::Wanted {
        self.frames
    }

    pub(super) fn rule(&self, id: RuleId) -> Option<&Compiled> {
        self.rules.get(id.0 as usize).map(Arc::as_ref)
    }

    /// The first of the sets without a break that a rule was in.
    pub(super) fn since(&self, id: RuleId) -> Generation {
        self.since.get(id.0 as usize).copied().unwrap_or(self.generation)
    }
}

/// Which payload patterns are searched for in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Payload {
    /// Reassembled TCP.
    Stream,
    /// TCP packets.
    Tcp,
    /// UDP packets.
    Udp,
    /// All other packets.
    Other,
}

impl Payload {
    pub(super) const COUNT: usize = 4;
}

/// What is searched for in the transactions and frames of one protocol, by direction.
#[derive(Debug, Default)]
pub(super) struct AppGroup {
    /// Prefilter buffers: place in [`RuleSet::buffers`], and number of the field.
    pub(super) buffers: [Vec<(u16, usize)>; 2],
    /// Rules that have no pattern.
    pub(super) always: [Vec<RuleId>; 2],
    /// Prefilter buffers that are frames: place in [`RuleSet::buffers`], and number of the kind.
    pub(super) frames: [Vec<(u16, usize)>; 2],
    /// Rules on frames that have no pattern, with the kind.
    pub(super) frames_always: [Vec<(RuleId, usize)>; 2],
}

/// A buffer of transactions or a kind of frame, with what is done to it before it is looked at.
#[derive(Debug)]
pub(super) struct Buffer {
    pub(super) info: &'static Info,
    /// The field, or the kind of frame, in each protocol that has it.
    pub(super) fields: SmallVec<[Having; 2]>,
    pub(super) transforms: Box<[Transform]>,
    /// Patterns, by direction.
    pub(super) groups: [Option<Group>; 2],
}

impl Buffer {
    /// Where a protocol has it.
    pub(super) fn of(&self, proto: ProtoId) -> Option<&Having> {
        self.fields.iter().find(|row| row.proto == proto)
    }
}

impl Having {
    /// Whether it is final at this progress of a direction.
    pub(super) fn is_ready(&self, dir: Dir, progress: u8) -> bool {
        progress >= self.ready.get(dir.index()).copied().unwrap_or_default()
    }
}

/// When a rule is looked at, and on what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// On packets with some oddity, whether or not they are IP.
    Event,
    /// Addresses alone: once per direction of a flow.
    Addresses,
    /// The application protocol alone: once it is known.
    Protocol,
    /// The application protocol of the header alone.
    App,
    /// On packets.
    Packet,
    /// On packets and on the stream.
    PacketAndStream,
    /// On the stream; on packets that are no part of it.
    Stream,
    /// On transactions.
    Transaction,
    /// On frames.
    Frame,
}

impl Kind {
    /// Whether packets and stream data are the occasion to look at such a rule.
    pub(super) const fn on_packets(self) -> bool {
        !matches!(self, Self::Transaction | Self::Frame)
    }
}

/// How much an action covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The packet.
    Packet,
    /// The flow from here on.
    Flow,
}

/// A rule as it is matched.
#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) info: RuleInfo,
    pub(super) kind: Kind,
    /// How much its action covers, where the rule says.
    pub(super) scope: Option<Scope>,
    /// It acts, but does not tell.
    pub(super) noalert: bool,
    pub(super) carriers: Carriers,
    pub(super) header: Header,
    /// Application protocols; none: any.
    pub(super) apps: SmallVec<[ProtoId; 2]>,
    pub(super) flow: FlowTest,
    pub(super) packet: Box<[PacketTest]>,
    pub(super) state: Box<[StateTest]>,
    pub(super) events: Box<[EventTest]>,
    /// Tests of the payload; several chains where a rule comes back to it are one.
    pub(super) payload: Option<Chain>,
    pub(super) headers: Box<[HeaderTest]>,
    pub(super) inspections: Box<[Inspection]>,
    /// Both sides of one transaction together (`=>`).
    pub(super) transactional: bool,
    /// It fires once per transaction and not per direction: both sides are looked at together, or what it looks at is
    /// the same in either direction.
    pub(super) undirected: bool,
    pub(super) effects: Box<[Effect]>,
    pub(super) threshold: Option<Threshold>,
    pub(super) rate: Option<Box<RateFilter>>,
    pub(super) suppress: Box<[Suppress]>,
    /// What it is over reloads: a hash of (gid, sid, rev, options). Also the key of its counters.
    pub(super) identity: u64,
}

impl Compiled {
    /// Whether it holds what was read from a file, a database or a set, and may be another one next time.
    pub(super) fn has_outside_parts(&self) -> bool {
        let state = |test: &StateTest| matches!(test, StateTest::Reputation(_) | StateTest::Country(_));
        let check = |inspection: &Inspection| match &inspection.check {
            Check::Bytes { sets, .. } => !sets.is_empty(),
            Check::File(_) => true,
            _ => false,
        };
        self.state.iter().any(state)
            || self.inspections.iter().any(check)
            || self.headers.iter().any(|test| !test.sets.is_empty())
    }

    /// How much the action of a match covers: the flow, if the rule is about the flow or matched on its data.
    pub(super) fn scope(&self, stream: bool) -> Scope {
        self.scope.unwrap_or(match self.kind {
            Kind::Event | Kind::Packet => Scope::Packet,
            Kind::Stream | Kind::PacketAndStream if !stream => Scope::Packet,
            _ => Scope::Flow,
        })
    }
}

/// `flow`, and which direction the buffers of a rule are in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct FlowTest {
    pub(super) dir: Option<Dir>,
    pub(super) established: Option<bool>,
    /// Only reassembled data, or none of it.
    pub(super) stream: Option<bool>,
    /// Only what was put together from fragments, or none of it.
    pub(super) defragmented: Option<bool>,
}

/// Bytes of a packet's header.
#[derive(Debug)]
pub(super) struct HeaderTest {
    pub(super) field: &'static PacketField,
    pub(super) transforms: Box<[Transform]>,
    pub(super) chain: Chain,
    /// Sets that are asked when the chain has matched.
    pub(super) sets: Box<[SetTest]>,
}

/// Something odd that a rule asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EventTest {
    Packet(Anomaly),
    Detection(DetectionEvent),
}

/// One condition on a transaction.
#[derive(Debug)]
pub(super) struct Inspection {
    /// Where it looks: fixed by `=>` rules, else the direction that is inspected.
    pub(super) dir: Option<Dir>,
    pub(super) check: Check,
}

impl Inspection {
    /// The buffer it looks at, if it looks at one.
    pub(super) const fn buffer(&self) -> Option<u16> {
        match self.check {
            Check::Bytes { buffer, .. } | Check::Number { buffer, .. } => Some(buffer),
            _ => None,
        }
    }
}

/// What is asked of a transaction.
#[derive(Debug)]
pub(super) enum Check {
    /// Bytes of a buffer.
    Bytes {
        /// Place in [`RuleSet::buffers`].
        buffer: u16,
        chain: Chain,
        /// Sets that are asked when the chain has matched.
        sets: Box<[SetTest]>,
    },
    /// A number, or the length of a buffer.
    Number {
        buffer: u16,
        /// One of these must pass.
        tests: SmallVec<[integer::Array; 1]>,
        /// The size of the bytes is meant.
        length: bool,
    },
    /// An event of the parser, by protocol.
    Event(SmallVec<[(ProtoId, u8); 2]>),
    /// The payload of the packet or the stream.
    Payload(Chain),
    /// Properties of a file: one file must have them all; with none, there is a file.
    File(Vec<FileTest>),
    /// A state was reached, by protocol: position in its list of states.
    State(SmallVec<[(ProtoId, u8); 2]>, StateOrder),
}

/// How `app-layer-state` compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StateOrder {
    Before,
    At,
    After,
    /// At it or after: what hooks ask.
    Reached,
}

/// Something remembered that a rule asks for.
#[derive(Debug)]
pub(super) enum StateTest {
    /// One of these flowbits is set; or, unless `set`, none is.
    Flowbit {
        any: SmallVec<[NameId; 2]>,
        set: bool,
    },
    /// A flowint compares so.
    Flowint {
        name: NameId,
        test: Compare,
        value: Operand,
    },
    /// A flowint has a value, or has none.
    FlowintSet {
        name: NameId,
        set: bool,
    },
    Xbit {
        name: NameId,
        by: XbitKey,
        set: bool,
    },
    Hostbit {
        name: NameId,
        end: End,
        set: bool,
    },
    /// `app-layer-protocol`
    Protocol {
        which: Which,
        of: Whose,
        negated: bool,
    },
    StreamSize {
        side: Side,
        test: integer::Test,
    },
    /// The first packet of its direction.
    FlowStart,
    /// `iprep`
    Reputation(Box<ReputationTest>),
    /// `geoip`
    Country(Box<CountryTest>),
    /// A captured variable has this value.
    Var {
        flow: bool,
        name: Vec<u8>,
        value: Vec<u8>,
        negated: bool,
    },
}

/// What a rule remembers when it matches.
#[derive(Debug)]
pub(super) enum Effect {
    Flowbit {
        name: NameId,
        set: Set,
    },
    Flowint {
        name: NameId,
        change: Change,
        value: Operand,
    },
    Xbit {
        name: NameId,
        by: XbitKey,
        set: Set,
        expire: std::time::Duration,
    },
    Hostbit {
        name: NameId,
        end: End,
        set: Set,
    },
    /// No rule looks at the flow any more.
    Bypass,
    /// Packets that follow are shown.
    Tag(Tag),
    /// Transactions get no record.
    Unrecorded(Extent),
    /// Files are stored.
    Store(files::Store),
    /// Certificates are stored.
    Certificates,
}

impl Effect {
    /// Whether it tags a host, so that packets of all flows are looked at.
    pub(super) const fn tags_host(&self) -> bool {
        matches!(self, Self::Tag(Tag { host: Some(_), .. }))
    }
}

/// Which transactions something is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// The one that the rule matched on.
    Transaction,
    /// All that the flow has from now on.
    Flow,
}

/// How a number is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compare {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    Unequal,
}

impl Compare {
    /// Whether two numbers compare so.
    pub(super) fn holds<T: Ord>(self, left: T, right: T) -> bool {
        match self {
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
            Self::Equal => left == right,
            Self::Unequal => left != right,
        }
    }
}

/// What is done to a flowint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Add,
    Subtract,
    Assign,
}

/// A number in a rule, or another flowint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operand {
    Value(u32),
    Flowint(NameId),
}

/// What an xbit belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum XbitKey {
    Host(End),
    Pair,
}

/// An end of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Source,
    Destination,
}

/// Which side of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Client,
    Server,
    Both,
    Either,
}

/// Which protocols `app-layer-protocol` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Which {
    These(SmallVec<[ProtoId; 2]>),
    Failed,
    Unknown,
}

/// Of what `app-layer-protocol` asks the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// The direction of the packet.
    Direction,
    Side(Dir),
    Either,
    Final,
    Original,
}
