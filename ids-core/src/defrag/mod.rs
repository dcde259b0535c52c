//! IPv4 and IPv6 fragments → datagrams (RFC 791 §3.2, RFC 8200 §4.5).
//!
//! In: decoded packets that are fragments.  Out: an [`Outcome`], with the whole datagram behind the link layer
//! of its first fragment once nothing is missing.
//! Holds: a tracker per datagram until its timeout, up to [`Config::trackers`], [`Config::max_frags`] and
//! [`Config::memcap`]; beyond those new fragments are refused and counted.  A dropped datagram leaves its
//! verdict to late copies of its fragments until its timeout.
//! Overlaps: `overlap.rs`, by the policy of the destination.  Time is packet time; a tracker expires on touch,
//! so that sweeps change nothing but memory.  Must not know flows or rules.

mod overlap;
#[cfg(test)]
mod tests;
mod tracker;

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use crate::anomaly::Anomaly;
use crate::counters::{Counter, Counters};
use crate::host_policy::{ByPrefix, HostPolicy};
use crate::packet::{Fragment, Layers, Network, Packet};
use crate::time::Time;
use crate::verdict::Verdict;
use tracker::{Added, Part, State, Tracker};

/// Datagrams cannot be longer (RFC 791 §3.1), nor what follows an IPv6 header (RFC 8200 §3).
const LONGEST: u32 = 65_535;

/// How fragments are put together (`defrag`, `host-os-policy`, `vlan`).
#[derive(Clone, Debug)]
pub struct Config {
    /// Bytes that all trackers may hold.
    pub memcap: usize,
    /// Datagrams that may be open at a time.
    pub trackers: usize,
    /// Fragments that may be held at a time.
    pub max_frags: usize,
    /// How long a datagram may take from its first fragment on.
    pub timeout: Duration,
    /// Other timeouts, by destination.
    pub host_timeouts: ByPrefix<Duration>,
    /// Who puts overlaps together how, by destination.
    pub policies: HostPolicy,
    /// Whether fragments in different VLANs belong to different datagrams (`vlan.use-for-tracking`).
    pub vlan_for_tracking: bool,
    /// Whether fragments inside and outside of a tunnel do (`decoder.recursion-level.use-for-tracking`).
    pub depth_for_tracking: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            memcap: 32 << 20,
            trackers: 65_535,
            max_frags: 65_535,
            timeout: Duration::from_secs(60),
            host_timeouts: ByPrefix::default(),
            policies: HostPolicy::default(),
            vlan_for_tracking: true,
            depth_for_tracking: true,
        }
    }
}

/// What fragments of one datagram have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    src: IpAddr,
    dst: IpAddr,
    id: u32,
    /// IPv4 alone: in IPv6 only the first fragment names it.
    proto: u8,
    vlan: [u16; 3],
    depth: u8,
}

impl Key {
    fn of(packet: &Packet<'_>, fragment: &Fragment, config: &Config) -> Option<Self> {
        let (src, dst) = packet.addresses()?;
        Some(Self {
            src,
            dst,
            id: fragment.id,
            proto: if packet.layers.network == Network::Ipv4 { packet.layers.proto } else { 0 },
            vlan: if config.vlan_for_tracking { packet.layers.vlan } else { [0; 3] },
            depth: packet.tunnel.filter(|_| config.depth_for_tracking).map_or(0, |tunnel| tunnel.depth),
        })
    }
}

/// What became of a fragment.
#[derive(Debug)]
pub enum Outcome {
    /// It was added; more is missing.
    Held,
    /// It was not added: it cannot be part of a datagram, or a table is full.
    Refused(Refusal),
    /// It is a copy of part of a datagram that was dropped: this is to become of it, too.
    Late(Verdict),
    /// It was the last one missing.
    Complete(Datagram),
}

/// Why a fragment was not added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It cannot be part of a datagram.
    Malformed,
    /// A table is full.
    Full,
}

/// A whole datagram.
#[derive(Debug)]
pub struct Datagram {
    /// What its fragments had in common; [`Defrag::settle`] wants it.
    pub key: Key,
    /// Offsets of the link layer in `bytes`, and `network_at`; the rest is that of the first fragment.
    pub link: Layers,
    /// Link layer of the first fragment, network header, data.
    pub bytes: Vec<u8>,
}

/// The fragments that wait for others.
#[derive(Debug, Default)]
pub struct Defrag {
    config: Config,
    table: HashMap<Key, Tracker, ahash::RandomState>,
    /// Bytes that the trackers hold.
    memory: usize,
    /// Fragments that open trackers hold.
    held: usize,
    /// When expired trackers were last looked for.
    swept: Time,
}

impl Defrag {
    /// Nothing waits yet.
    pub fn new(config: Config) -> Self {
        Self { config, ..Self::default() }
    }

    /// Takes a packet that is a fragment, notes on it what is odd, and says what became of it.
    pub fn push(&mut self, packet: &mut Packet<'_>, counters: &mut Counters) -> Outcome {
        let Some(fragment) = packet.layers.fragment else { return Outcome::Refused(Refusal::Malformed) };
        let Some(key) = Key::of(packet, &fragment, &self.config) else {
            return Outcome::Refused(Refusal::Malformed);
        };
        counters.count(match packet.layers.network {
            Network::Ipv4 => Counter::DefragIpv4Fragments,
            _ => Counter::DefragIpv6Fragments,
        });
        let outcome = match part(packet, &fragment) {
            Ok(part) => self.add(key, packet, &part, counters),
            Err(anomaly) => {
                note(packet, anomaly, counters);
                Outcome::Refused(Refusal::Malformed)
            }
        };
        counters.set(Counter::DefragMemuse, self.memory as u64);
        outcome
    }

    /// Says what became of a datagram. A dropped one leaves its verdict to late copies of its fragments: the
    /// receiver has all the others.
    pub fn settle(&mut self, key: &Key, verdict: Verdict) {
        let Some(tracker) = self.table.get_mut(key).filter(|tracker| tracker.state != State::Open) else { return };
        match verdict {
            Verdict::Accept => self.remove(key),
            Verdict::Drop(_) => tracker.state = State::Done(verdict),
        }
    }

    /// Gives up all datagrams whose time is over.
    pub fn expire(&mut self, now: Time, counters: &mut Counters) {
        self.swept = now;
        let Self { table, memory, held, .. } = self;
        table.retain(|key, tracker| {
            let keep = now < tracker.deadline;
            if !keep {
                *memory -= tracker.memory();
                *held -= tracker.fragments;
                count_timeout(key, tracker, counters);
            }
            keep
        });
        counters.set(Counter::DefragMemuse, self.memory as u64);
    }

    fn add(&mut self, key: Key, packet: &mut Packet<'_>, part: &Part<'_>, counters: &mut Counters) -> Outcome {
        if let Some(verdict) = self.verdict_for_copies(&key, packet.time, counters) {
            return Outcome::Late(verdict);
        }
        if let Some(full) = self.full(&key, part, packet.time, counters) {
            counters.count(full);
            note(packet, ignored(packet), counters);
            return Outcome::Refused(Refusal::Full);
        }
        let Self { config, table, memory, held, .. } = self;
        let tracker = table.entry(key).or_insert_with(|| {
            let timeout = config.host_timeouts.get(key.dst).unwrap_or(config.timeout);
            let tracker = Tracker::new(config.policies.policy(key.dst), packet.time + timeout);
            *memory += tracker.memory();
            tracker
        });
        let before = tracker.memory();
        let added = tracker.add(packet, part);
        *memory = *memory - before + tracker.memory();
        let (Added::Kept { overlap } | Added::Refused { overlap }) = added;
        if overlap {
            note(packet, by_version(packet, Anomaly::Ipv4FragOverlap, Anomaly::Ipv6FragOverlap), counters);
        }
        if matches!(added, Added::Refused { .. }) {
            note(packet, ignored(packet), counters);
            return Outcome::Refused(Refusal::Malformed);
        }
        *held += 1;
        if tracker.is_complete() { self.complete(key, packet, counters) } else { Outcome::Held }
    }

    /// What is to become of copies of a datagram that is done; `None` if the fragment belongs to an open one,
    /// or to a new one: senders use their ids again, and receivers forget a datagram once it is complete.
    fn verdict_for_copies(&mut self, key: &Key, now: Time, counters: &mut Counters) -> Option<Verdict> {
        let tracker = self.table.get(key)?;
        match tracker.state {
            _ if now >= tracker.deadline => count_timeout(key, tracker, counters),
            State::Open => return None,
            State::Done(verdict @ Verdict::Drop(_)) => return Some(verdict),
            State::Done(Verdict::Accept) => {}
        }
        self.remove(key);
        None
    }

    /// Which cap stands in the way of a fragment, if any.
    fn full(&mut self, key: &Key, part: &Part<'_>, now: Time, counters: &mut Counters) -> Option<Counter> {
        let cap = self.cap(key, part)?;
        // Looking for expired trackers walks the whole table: once per second at most.
        if now.since(self.swept) >= Duration::from_secs(1) {
            self.expire(now, counters);
            return self.cap(key, part);
        }
        Some(cap)
    }

    fn cap(&self, key: &Key, part: &Part<'_>) -> Option<Counter> {
        if self.memory + part.data.len() + size_of::<(Key, Tracker)>() > self.config.memcap {
            Some(Counter::DefragMemcap)
        } else if self.held >= self.config.max_frags {
            Some(Counter::DefragMaxFrags)
        } else if self.table.len() >= self.config.trackers && !self.table.contains_key(key) {
            Some(Counter::DefragMaxTrackers)
        } else {
            None
        }
    }

    fn complete(&mut self, key: Key, packet: &mut Packet<'_>, counters: &mut Counters) -> Outcome {
        let Some(tracker) = self.table.get_mut(&key) else { return Outcome::Held };
        self.memory -= tracker.memory();
        self.held -= tracker.fragments;
        let datagram = tracker.take();
        tracker.fragments = 0;
        tracker.state = State::Done(Verdict::Accept);
        self.memory += tracker.memory();
        let Some((link, bytes)) = datagram else {
            note(packet, too_large(packet), counters);
            return Outcome::Refused(Refusal::Malformed);
        };
        counters.count(match packet.layers.network {
            Network::Ipv4 => Counter::DefragIpv4Reassembled,
            _ => Counter::DefragIpv6Reassembled,
        });
        Outcome::Complete(Datagram { key, link, bytes })
    }

    fn remove(&mut self, key: &Key) {
        if let Some(tracker) = self.table.remove(key) {
            self.memory -= tracker.memory();
            self.held -= tracker.fragments;
        }
    }
}

/// What a fragment adds to its datagram, or why it cannot be part of one.
fn part<'a>(packet: &Packet<'a>, fragment: &Fragment) -> Result<Part<'a>, Anomaly> {
    let mut data = packet.network_payload();
    // All but the last fragment are multiples of 8 bytes. IPv6 says to discard others (RFC 8200 §4.5); with
    // IPv4 some receivers take what lies before the last boundary, and more is seen by doing so.
    let tail = data.len() % 8;
    if fragment.more && tail != 0 {
        match packet.layers.network {
            Network::Ipv4 => data = data.get(..data.len() - tail).unwrap_or_default(),
            _ => return Err(Anomaly::Ipv6FragInvalidLength),
        }
    }
    if data.is_empty() {
        return Err(ignored(packet));
    }
    let part = Part { start: fragment.offset, data, more: fragment.more };
    let header = match packet.layers.network {
        Network::Ipv4 => packet.layers.network_len,
        _ => tracker::fragment_header(packet).map_or(0, |header| u32::try_from(header.at).unwrap_or(u32::MAX)),
    };
    if part.end().saturating_add(header) > LONGEST { Err(too_large(packet)) } else { Ok(part) }
}

fn note(packet: &mut Packet<'_>, anomaly: Anomaly, counters: &mut Counters) {
    counters.anomaly(anomaly);
    packet.note(anomaly);
}

fn count_timeout(key: &Key, tracker: &Tracker, counters: &mut Counters) {
    if tracker.state == State::Open {
        counters.count(if key.src.is_ipv4() { Counter::DefragIpv4Timeouts } else { Counter::DefragIpv6Timeouts });
    }
}

fn ignored(packet: &Packet<'_>) -> Anomaly {
    by_version(packet, Anomaly::Ipv4FragIgnored, Anomaly::Ipv6FragIgnored)
}

fn too_large(packet: &Packet<'_>) -> Anomaly {
    by_version(packet, Anomaly::Ipv4FragPktTooLarge, Anomaly::Ipv6FragPktTooLarge)
}

const fn by_version(packet: &Packet<'_>, v4: Anomaly, v6: Anomaly) -> Anomaly {
    match packet.layers.network {
        Network::Ipv4 => v4,
        _ => v6,
    }
}
