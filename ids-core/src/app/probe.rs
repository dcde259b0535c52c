//! Which protocol the first bytes of a direction speak.
//!
//! In: the first bytes of one direction of a flow, its ports, and what the other direction was found to be.
//! Out: a protocol, none, or "more bytes".
//! Content comes first: patterns, on any port. Then the probes of protocols whose ports these are, then the
//! probes that are asked on every port. Undecided bytes are bounded by [`LIMIT`].
//!
//! The rows of one transport and direction are some dozens of short anchored patterns, looked at once in a
//! flow's life: comparing them one by one is cheaper than stepping an automaton, and tells which of them
//! could still match once more bytes come.

pub(super) mod lines;

use super::config::{Config, Switch};
use super::parser::{Pattern, Probe};
use super::registry::{self, ProtoId};
use crate::field::Dir;

/// Bytes of a direction after which "more bytes" is no longer an answer.
pub const LIMIT: usize = 2048;

/// Something odd about finding the protocol (`app-layer-event` without a protocol, `anomaly` records).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DetectionEvent {
    /// The directions speak two different protocols.
    Mismatch,
    /// The first data came from the side that does not speak first in this protocol.
    WrongDirectionFirstData,
    /// One direction was recognised, the other one was not.
    OnlyOneDirection,
    /// A direction had too many bytes before the other one told anything.
    Skipped,
    /// TLS was announced, something else came.
    NoTlsAfterStartTls,
    /// A protocol was announced, another one came.
    Unexpected,
}

impl DetectionEvent {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Mismatch,
        Self::WrongDirectionFirstData,
        Self::OnlyOneDirection,
        Self::Skipped,
        Self::NoTlsAfterStartTls,
        Self::Unexpected,
    ];

    /// The name in rules.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mismatch => "applayer_mismatch_protocol_both_directions",
            Self::WrongDirectionFirstData => "applayer_wrong_direction_first_data",
            Self::OnlyOneDirection => "applayer_detect_protocol_only_one_direction",
            Self::Skipped => "applayer_proto_detection_skipped",
            Self::NoTlsAfterStartTls => "applayer_no_tls_after_starttls",
            Self::Unexpected => "applayer_unexpected_protocol",
        }
    }

    /// The name in records.
    pub const fn record_name(self) -> &'static str {
        match self {
            Self::Mismatch => "APPLAYER_MISMATCH_PROTOCOL_BOTH_DIRECTIONS",
            Self::WrongDirectionFirstData => "APPLAYER_WRONG_DIRECTION_FIRST_DATA",
            Self::OnlyOneDirection => "APPLAYER_DETECT_PROTOCOL_ONLY_ONE_DIRECTION",
            Self::Skipped => "APPLAYER_PROTO_DETECTION_SKIPPED",
            Self::NoTlsAfterStartTls => "APPLAYER_NO_TLS_AFTER_STARTTLS",
            Self::Unexpected => "APPLAYER_UNEXPECTED_PROTOCOL",
        }
    }
}

/// The recognisers of all protocols that are looked for.
#[derive(Debug, Default)]
pub struct Probes {
    patterns: [Vec<(ProtoId, Pattern)>; 2],
    /// Probes with their ports; those for every port, which have none, last.
    probes: [Vec<Asked>; 2],
}

/// A probe, and where it is asked.
#[derive(Debug)]
struct Asked {
    id: ProtoId,
    ports: Vec<u16>,
    probe: fn(&[u8], Dir, bool) -> Probe,
}

/// What is asked: the first bytes of one direction, and what is known of the flow.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The bytes.
    pub data: &'a [u8],
    /// Their direction, as assumed so far.
    pub dir: Dir,
    /// Source and destination port.
    pub ports: (u16, u16),
    /// Whether this is UDP.
    pub udp: bool,
    /// No more bytes will follow.
    pub last: bool,
    /// The assumed direction may be wrong: look for the other side's patterns too.
    pub either: bool,
    /// What the other direction speaks.
    pub other: Option<ProtoId>,
}

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// This protocol, travelling in this direction.
    Yes(ProtoId, Dir),
    /// None.
    No,
    /// More bytes are needed.
    Unsure,
}

impl Probes {
    /// Gathers the recognisers of all protocols that the configuration does not turn off.
    pub fn new(config: &Config) -> Self {
        let mut made = Self::default();
        for (id, row) in registry::all() {
            let switch = config.protocols.iter().find(|switch| switch.name == row.name);
            if !switch.map_or(row.by_default, |switch| switch.detect) {
                continue;
            }
            let transports = [(row.tcp, 0), (row.udp, 1)];
            let used = transports.into_iter().filter_map(|(used, transport)| used.then_some(transport));
            for transport in used {
                if let Some(patterns) = made.patterns.get_mut(transport) {
                    patterns.extend(row.patterns.iter().map(|pattern| (id, *pattern)));
                }
                if let (Some(probing), Some(probes)) = (row.probe, made.probes.get_mut(transport)) {
                    let asked = configured(switch, transport).filter(|_| !probing.ports.is_empty());
                    let ports = asked.unwrap_or(probing.ports).to_vec();
                    probes.push(Asked { id, ports, probe: probing.probe });
                }
            }
        }
        for probes in &mut made.probes {
            probes.sort_by_key(|asked| asked.ports.is_empty());
        }
        made
    }

    /// What these bytes are.
    pub fn find(&self, question: &Question<'_>) -> Answer {
        let answer = match question.other {
            Some(other) => match self.is(other, question) {
                Answer::No => self.search(question),
                answer => answer,
            },
            None => self.search(question),
        };
        let over = question.last || question.udp || question.data.len() >= LIMIT;
        if answer == Answer::Unsure && over { Answer::No } else { answer }
    }

    /// Whether these bytes are of one given protocol, whatever the port.
    fn is(&self, id: ProtoId, question: &Question<'_>) -> Answer {
        let mut found = self.by_pattern(question, |row| row == id);
        for asked in self.probes(question.udp).iter().filter(|asked| asked.id == id) {
            found = found.or(asked.ask(question));
        }
        found
    }

    /// Which protocol these bytes are of.
    fn search(&self, question: &Question<'_>) -> Answer {
        let mut found = self.by_pattern(question, |_| true);
        let (src, dst) = question.ports;
        for asked in self.probes(question.udp) {
            if matches!(found, Answer::Yes(..)) {
                break;
            }
            if asked.ports.is_empty() || asked.ports.contains(&src) || asked.ports.contains(&dst) {
                found = found.or(asked.ask(question));
            }
        }
        found
    }

    /// The longest pattern among the wanted protocols that the bytes hold.
    fn by_pattern(&self, question: &Question<'_>, wanted: impl Fn(ProtoId) -> bool) -> Answer {
        let [tcp, udp] = &self.patterns;
        let rows = if question.udp { udp } else { tcp };
        // Of equal patterns the one for the assumed direction counts: many protocols begin alike on both sides.
        let mut best = ((0, false), Answer::No);
        for (id, pattern) in rows {
            if !wanted(*id) || !(question.either || pattern.dir == question.dir) {
                continue;
            }
            match look(pattern, question.data) {
                Probe::Yes(dir) => {
                    let rank = (pattern.bytes.len(), dir == question.dir);
                    if rank > best.0 {
                        best = (rank, Answer::Yes(*id, dir));
                    }
                }
                Probe::Unsure => best.1 = best.1.or(Answer::Unsure),
                Probe::No => {}
            }
        }
        best.1
    }

    fn probes(&self, udp: bool) -> &[Asked] {
        let [over_tcp, over_udp] = &self.probes;
        if udp { over_udp } else { over_tcp }
    }
}

impl Asked {
    fn ask(&self, question: &Question<'_>) -> Answer {
        match (self.probe)(question.data, question.dir, question.udp) {
            Probe::Yes(dir) => Answer::Yes(self.id, dir),
            Probe::No => Answer::No,
            Probe::Unsure => Answer::Unsure,
        }
    }
}

impl Answer {
    /// The more definite of two answers; the first of two protocols.
    const fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Yes(..), _) | (Self::Unsure, Self::No | Self::Unsure) => self,
            (_, other) => other,
        }
    }
}

/// The ports that the configuration gives for a transport (0 TCP, 1 UDP).
fn configured(switch: Option<&Switch>, transport: usize) -> Option<&[u16]> {
    let switch = switch?;
    if transport == 0 { switch.tcp_ports.as_deref() } else { switch.udp_ports.as_deref() }
}

/// Whether the bytes hold a pattern; unsure while it could still begin or go on where they end.
fn look(pattern: &Pattern, data: &[u8]) -> Probe {
    let last = usize::from(pattern.depth).saturating_sub(pattern.bytes.len());
    for start in usize::from(pattern.offset)..=last {
        let Some(rest) = data.get(start..) else { return Probe::Unsure };
        let (here, expected) = match rest.get(..pattern.bytes.len()) {
            Some(here) => (here, pattern.bytes),
            None => (rest, pattern.bytes.get(..rest.len()).unwrap_or_default()),
        };
        let equal = if pattern.nocase { here.eq_ignore_ascii_case(expected) } else { here == expected };
        match equal {
            true if here.len() == pattern.bytes.len() => return Probe::Yes(pattern.dir),
            true => return Probe::Unsure,
            false => {}
        }
    }
    Probe::No
}

#[cfg(test)]
mod tests;
