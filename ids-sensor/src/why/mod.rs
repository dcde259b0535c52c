//! What happens to a packet now, and because of what.
//!
//! In: a [`Target`], the maps of the kernel stage, and what a running sensor knows besides ([`Site`]).  Out: a [`Why`].
//! The answer is the kernel stage's own decision on a copy of what stands in its maps, with everything in them that
//! is about the target.
//! Works with a running sensor and on the maps that one has left.

pub mod target;

use ids_ebpf::Outcome;
use ids_ebpf::config::{FailPolicy, Mode, PortConfig};
use ids_ebpf::flood::{Kind, Source};
use ids_ebpf::flow::FlowKey;
use ids_ebpf::headers::Headers;
use ids_ebpf::outcome::Way;
use serde::{Deserialize, Serialize};

use crate::kernel::tables::HostEntry;
use crate::kernel::{self, Prefix, Tables, decision};
use crate::shield::{Cause, Shield};
pub use target::Target;

/// The answer.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Why {
    /// What was asked about.
    pub target: String,
    /// `drop`, `inspect` or `fast`; for hosts and networks `drop`, `partly` or `pass`.
    pub way: String,
    /// The kernel stage's name for what it decides; empty for hosts and networks.
    pub outcome: String,
    /// The answer as a sentence.
    pub says: String,
    /// All that has a say, in the order in which it is asked.
    pub facts: Vec<Fact>,
}

/// Something that has a say in what happens.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Fact {
    /// `allow`, `host-block`, `limit`, `flow-block`, `release`, `interest` or `port`.
    pub kind: String,
    /// What it is about.
    pub about: String,
    /// Where it comes from.
    pub because: String,
    /// It decides.
    pub decides: bool,
    /// Seconds that are left of it, rounded up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl: Option<u64>,
    /// Packets it has decided on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packets: Option<u64>,
    /// The rule on whose account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sid: Option<u32>,
    /// The latest alert of that rule on the target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alert: Option<Alert>,
}

/// An alert of the store.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Alert {
    /// Its number, as `alerts show` takes it.
    pub id: String,
    /// When.
    pub time: String,
    /// What the rule says.
    pub signature: String,
}

/// Ports whose packets are one engine's, and how they behave.
#[derive(Clone, Debug)]
pub struct Group {
    /// Their interfaces.
    pub interfaces: String,
    /// What their programs are told.
    pub config: PortConfig,
    /// Their workers run.
    pub alive: bool,
}

/// What a running sensor knows; nothing, where none runs.
pub struct Site<'a> {
    /// Its ports.
    pub groups: Vec<Group>,
    /// Who must not be blocked.
    pub shield: Option<&'a Shield>,
    /// Why a host or network was blocked that no rule has blocked.
    pub reason: &'a dyn Fn(Prefix) -> Option<String>,
    /// The latest alert of a rule with an address of this prefix.
    pub alert: &'a dyn Fn(u32, Prefix) -> Option<Alert>,
}

/// Entries inside of a network that are shown one by one.
const SHOWN: usize = 10;

/// Explains.
///
/// # Errors
/// A map cannot be read.
pub fn explain(target: &Target, tables: &Tables, site: &Site<'_>) -> Result<Why, kernel::Error> {
    match target {
        Target::Network(prefix) => network(*prefix, tables, site),
        Target::Flow { .. } => flow(target, tables, site),
    }
}

/// All packets of a host or network: allowances and blocks of hosts, which are asked before anything else.
fn network(prefix: Prefix, tables: &Tables, site: &Site<'_>) -> Result<Why, kernel::Error> {
    let mut facts = allowances(prefix, tables, site)?;
    let shielded = facts.iter().any(|fact| fact.decides);
    let covering = tables.covering(prefix)?;
    let held = |side: usize| covering.iter().any(|entry| !entry.left[side].is_zero()) && !shielded;
    facts.extend(covering.iter().map(|entry| host_block(entry, !shielded, site)));
    let inside = tables.inside(prefix)?;
    facts.extend(inside.iter().take(SHOWN).map(|entry| host_block(entry, false, site)));
    facts.extend(ports(site));
    let mut says = match (held(0), held(1)) {
        (true, true) => "packets from and to it are dropped in the kernel",
        (true, false) => "packets from it are dropped in the kernel",
        (false, true) => "packets to it are dropped in the kernel",
        (false, false) if shielded => "it is shielded: no block holds for it",
        (false, false) => "it is not blocked; what happens to its packets depends on their flow",
    }
    .to_owned();
    if !inside.is_empty() {
        says.push_str(&format!("; {} blocks lie inside of it", inside.len()));
    }
    let way = match (held(0), held(1)) {
        (true, true) => "drop",
        (false, false) => "pass",
        _ => "partly",
    };
    Ok(Why { target: prefix.to_string(), way: way.to_owned(), outcome: String::new(), says, facts })
}

/// One packet of a flow.
fn flow(target: &Target, tables: &Tables, site: &Site<'_>) -> Result<Why, kernel::Error> {
    let left =
        Group { interfaces: String::new(), config: PortConfig::new(Mode::Mirror, FailPolicy::Open, 0), alive: true };
    let groups = if site.groups.is_empty() { std::slice::from_ref(&left) } else { &site.groups };
    let headers = target.headers().expect("a flow has headers");
    let mut outcomes = Vec::new();
    for group in groups {
        let decided = decision::of(tables, &headers, &group.config)?;
        outcomes.push(if decided.way() == Way::Inspect && !group.alive { unwatched(&group.config) } else { decided });
    }
    let mut facts = Vec::new();
    let is = |outcome: Outcome| outcomes.contains(&outcome);
    for (end, side) in target.ends() {
        facts.extend(allowances(end, tables, site)?.into_iter().map(|fact| Fact { decides: false, ..fact }));
        for entry in tables.covering(end)? {
            let live = side.is_some_and(|side| !entry.left[side].is_zero());
            facts.push(host_block(&entry, live && is(Outcome::DropHost), site));
        }
    }
    facts.extend(limit(&headers, tables, &outcomes)?);
    for group in groups {
        facts.extend(flow_entries(target, group, tables, site, &outcomes)?);
    }
    facts.push(interest(tables, &outcomes));
    facts.extend(ports(site));
    let first = outcomes[0];
    let mut says = sentence(first).to_owned();
    if let Some((group, other)) = groups.iter().zip(&outcomes).find(|(_, outcome)| **outcome != first) {
        says.push_str(&format!("; on {}: {}", group.interfaces, sentence(*other)));
    }
    if site.groups.is_empty() {
        says.push_str(
            "; no sensor runs: its ports, if it left any attached, go by their fail policy for what is inspected",
        );
    }
    let way = match first.way() {
        Way::Inspect => "inspect",
        Way::Drop => "drop",
        Way::Fast => "fast",
    };
    Ok(Why { target: target.to_string(), way: way.to_owned(), outcome: first.name().to_owned(), says, facts })
}

/// What becomes of a packet that needs inspection while nobody inspects.
fn unwatched(config: &PortConfig) -> Outcome {
    match config.policy() {
        FailPolicy::Open => Outcome::FastSilent,
        FailPolicy::Closed => Outcome::DropClosed,
    }
}

/// An outcome for people.
const fn sentence(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Inspect => "it is inspected, and rules decide on it",
        Outcome::InspectRecall => {
            "it is inspected, and ends the release of its flow: it opens or ends a connection or does not continue it \
             as it should, is watched still, or comes after a long silence"
        }
        Outcome::InspectFragment | Outcome::InspectMalformed | Outcome::InspectUnknown => {
            "it is inspected, as the kernel stage cannot decide on it"
        }
        Outcome::DropHost => "it is dropped in the kernel: its source or destination is blocked",
        Outcome::DropFlow => "it is dropped in the kernel: its flow is blocked",
        Outcome::DropFloodSyn => {
            "it is dropped in the kernel: its source opens more connections than `ips.flood` lets it"
        }
        Outcome::DropFloodUdp => "it is dropped in the kernel: its source sends more UDP than `ips.flood` lets it",
        Outcome::DropClosed => "it is dropped: nobody inspects, and the fail policy is closed",
        Outcome::DropNoPeer => "it is dropped: the port has no peer",
        Outcome::FastReleased => "it passes without inspection: its flow was released",
        Outcome::FastUninteresting => "it passes without inspection: no rule and no logger wants it",
        Outcome::FastSilent | Outcome::FastNoSocket | Outcome::FastUnconfigured => {
            "it passes without inspection: nobody inspects, and the fail policy is open"
        }
    }
}

/// Who shields a host or network from blocks. What shields it decides: no block holds.
fn allowances(prefix: Prefix, tables: &Tables, site: &Site<'_>) -> Result<Vec<Fact>, kernel::Error> {
    let because = |allowed: Prefix| {
        let cause = site.shield.and_then(|shield| shield.cause(allowed));
        cause.map_or("left by an earlier sensor", Cause::text).to_owned()
    };
    let allowed = tables.allowed()?.into_iter().filter(|allowed| allowed.contains(prefix)).map(|allowed| Fact {
        kind: "allow".to_owned(),
        about: allowed.to_string(),
        because: because(allowed),
        decides: true,
        ..Fact::default()
    });
    let mut facts: Vec<Fact> = allowed.collect();
    if facts.is_empty()
        && let Some(cause @ Cause::Home) = site.shield.and_then(|shield| shield.cause(prefix))
    {
        let because = format!("{}: no block may name it", cause.text());
        facts.push(Fact { kind: "allow".to_owned(), about: prefix.to_string(), because, ..Fact::default() });
    }
    Ok(facts)
}

fn host_block(entry: &HostEntry, decides: bool, site: &Site<'_>) -> Fact {
    let left = entry.left[0].max(entry.left[1]);
    let sides = match entry.left.map(|left| left.is_zero()) {
        [false, false] => "",
        [false, true] => ", as source",
        [true, false] => ", as destination",
        [true, true] => ", run out",
    };
    let because = match entry.sid {
        0 => (site.reason)(entry.prefix).unwrap_or_else(|| "by command".to_owned()),
        sid => format!("rule {sid}"),
    };
    Fact {
        kind: "host-block".to_owned(),
        about: entry.prefix.to_string(),
        because: format!("{because}{sides}"),
        decides: decides && !left.is_zero(),
        ttl: Some(seconds(left)),
        packets: Some(entry.hits),
        sid: (entry.sid != 0).then_some(entry.sid),
        alert: (entry.sid != 0).then(|| (site.alert)(entry.sid, entry.prefix)).flatten(),
    }
}

/// The limit on what the source sends of such packets.
fn limit(headers: &Headers, tables: &Tables, outcomes: &[Outcome]) -> Result<Option<Fact>, kernel::Error> {
    let Some(kind) = Kind::of(headers) else { return Ok(None) };
    let Some(limit) = tables.floods.limit(kind)? else { return Ok(None) };
    let bucket = tables.floods.bucket(&Source::of(headers, kind))?;
    let watched = if limit.dry_run == 0 { "" } else { ", only watched" };
    Ok(Some(Fact {
        kind: "limit".to_owned(),
        about: decision::address(headers.version, headers.src).to_string(),
        because: format!("`ips.flood.{}`, {} a second{watched}", kind.name(), 1_000_000_000 / limit.cost),
        decides: outcomes.contains(&kind.outcome()),
        packets: Some(bucket.map_or(0, |bucket| bucket.over)),
        ..Fact::default()
    }))
}

/// The block and the release of a flow.
fn flow_entries(
    target: &Target,
    group: &Group,
    tables: &Tables,
    site: &Site<'_>,
    outcomes: &[Outcome],
) -> Result<Vec<Fact>, kernel::Error> {
    let Some(headers) = target.headers() else { return Ok(Vec::new()) };
    let key = FlowKey::of(&headers, &group.config).0;
    let on = |what: &str| {
        if group.interfaces.is_empty() { what.to_owned() } else { format!("{what}, on {}", group.interfaces) }
    };
    let mut facts = Vec::new();
    if let Some(entry) = tables.flows.block_entry(&key)? {
        let host = Prefix::host(decision::address(headers.version, headers.src));
        facts.push(Fact {
            kind: "flow-block".to_owned(),
            about: on("the flow"),
            because: if entry.sid == 0 { "no rule".to_owned() } else { format!("rule {}", entry.sid) },
            decides: outcomes.contains(&Outcome::DropFlow) && !entry.left.is_zero(),
            ttl: Some(seconds(entry.left)),
            packets: Some(entry.hits),
            sid: (entry.sid != 0).then_some(entry.sid),
            alert: (entry.sid != 0).then(|| (site.alert)(entry.sid, host)).flatten(),
        });
    }
    if let Some(released) = tables.flows.release_of(&key)? {
        facts.push(Fact {
            kind: "release".to_owned(),
            about: on("the flow"),
            because: "nothing that is loaded can match on it any more".to_owned(),
            decides: outcomes.contains(&Outcome::FastReleased),
            packets: Some(released.carried.iter().map(|carried| carried.packets).sum()),
            ..Fact::default()
        });
    }
    Ok(facts)
}

fn interest(tables: &Tables, outcomes: &[Outcome]) -> Fact {
    let because = match tables.interest() {
        Some(_) => "what the loaded rules and loggers want",
        None => "everything is inspected",
    };
    let decides = outcomes.contains(&Outcome::FastUninteresting) || outcomes.contains(&Outcome::Inspect);
    let kind = "interest".to_owned();
    Fact { kind, about: "all packets".to_owned(), because: because.to_owned(), decides, ..Fact::default() }
}

/// How the ports behave.
fn ports<'a>(site: &'a Site<'_>) -> impl Iterator<Item = Fact> + 'a {
    site.groups.iter().map(|group| {
        let mode = match group.config.mode() {
            Some(Mode::Inline) => "inline",
            Some(Mode::Host) => "host",
            Some(Mode::Mirror) | None => "mirror",
        };
        let policy = match group.config.policy() {
            FailPolicy::Open => "open",
            FailPolicy::Closed => "closed",
        };
        let workers = if group.alive { "workers run" } else { "a worker has ended" };
        Fact {
            kind: "port".to_owned(),
            about: group.interfaces.clone(),
            because: format!("{mode}, fail policy {policy}, {workers}"),
            decides: !group.alive,
            ..Fact::default()
        }
    })
}

/// Whole seconds, rounded up.
fn seconds(left: std::time::Duration) -> u64 {
    left.as_secs() + u64::from(left.subsec_nanos() > 0)
}
