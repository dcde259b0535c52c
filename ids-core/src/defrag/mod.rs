//! IPv4 and IPv6 fragments → datagrams (RFC 791 §3.2, RFC 8200 §4.5).
//!
//! In: fragments as decoded packets.  Out: the whole datagram, with the link layer of its first fragment.
//! Holds: one tracker per datagram, by addresses, protocol, identification and VLANs. Caps: trackers
//! (`defrag.max_trackers_reached`), fragments and bytes of one datagram (`defrag.max_frags_reached`), time.
//! Which copy of an overlapped byte wins depends on the receiver: `tracker::later_wins`.

mod tracker;

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use ahash::RandomState;
use hashbrown::HashMap;

use crate::anomaly::Anomaly;
use crate::counters::{Counter, Counters};
use crate::host_policy::HostPolicies;
use crate::packet::{Anomalies, Fragment, Network, Packet};
use crate::time::Time;
use tracker::{Added, Tracker};

/// Settings (`defrag` in the configuration).
#[derive(Clone, Debug)]
pub struct Config {
    /// Datagrams that may be open at a time (`trackers`).
    pub max_trackers: usize,
    /// Bytes that open datagrams may hold together (`memcap`).
    pub memcap: u64,
    /// How long a datagram may stay open (`timeout`).
    pub timeout: Duration,
    /// Other times by receiver: address, prefix length, time (`host-config`).
    pub host_timeouts: Vec<(IpAddr, u8, Duration)>,
    /// Operating systems of receivers.
    pub policies: HostPolicies,
    /// Whether VLANs tell datagrams apart (`vlan.use-for-tracking`).
    pub vlan_tracking: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_trackers: 65_535,
            memcap: 32 << 20,
            timeout: Duration::from_secs(60),
            host_timeouts: Vec::new(),
            policies: HostPolicies::default(),
            vlan_tracking: true,
        }
    }
}

/// What makes fragments parts of one datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    src: IpAddr,
    dst: IpAddr,
    id: u32,
    /// IPv4 alone: in IPv6 the protocol stands in the first fragment only.
    proto: u8,
    vlan: [u16; 3],
    depth: u8,
}

/// The fragments of one worker.
#[derive(Debug)]
pub struct Defrag {
    config: Config,
    trackers: HashMap<Key, Tracker, RandomState>,
    /// Trackers by age, oldest first; those that are gone are skipped.
    order: VecDeque<(Key, Time)>,
    held: u64,
    now: Time,
}

/// What became of a fragment.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It waits for others.
    Held,
    /// It was not taken; an anomaly says why, if there is one to say.
    Refused,
    /// The datagram is whole: its bytes, from the link layer of its first fragment on, are in the buffer.
    Complete,
}

impl Defrag {
    /// Nothing is open.
    pub fn new(config: Config) -> Self {
        Self {
            config,
            trackers: HashMap::with_hasher(RandomState::new()),
            order: VecDeque::new(),
            held: 0,
            now: Time::ZERO,
        }
    }

    /// Takes a fragment. `whole` is overwritten with the datagram if it is [`Outcome::Complete`]; oddities go to
    /// `odd`.
    pub fn push(
        &mut self,
        packet: &Packet<'_>,
        counters: &mut Counters,
        odd: &mut Anomalies,
        whole: &mut Vec<u8>,
    ) -> Outcome {
        let (Some(fragment), Some((src, dst))) = (packet.layers.fragment, packet.addresses()) else {
            return Outcome::Refused;
        };
        let v4 = packet.layers.network == Network::Ipv4;
        counters.count(if v4 { Counter::DefragIpv4Fragments } else { Counter::DefragIpv6Fragments });
        self.now = self.now.max(packet.time);
        self.expire(counters);
        let names = if v4 {
            [Anomaly::Ipv4FragPktTooLarge, Anomaly::Ipv4FragOverlap, Anomaly::Ipv4FragIgnored]
        } else {
            [Anomaly::Ipv6FragPktTooLarge, Anomaly::Ipv6FragOverlap, Anomaly::Ipv6FragIgnored]
        };
        let [too_large, overlap, ignored] = names;
        let mut note = |anomaly| {
            let _ = odd.try_push(anomaly);
        };
        let key = self.key(packet, fragment, src, dst);
        let size = packet.network_payload().len() as u64;
        if !self.trackers.contains_key(&key) && self.trackers.len() >= self.config.max_trackers {
            counters.count(Counter::DefragMaxTrackers);
            note(ignored);
            return Outcome::Refused;
        }
        if self.held + size > self.config.memcap {
            counters.count(Counter::DefragMaxFrags);
            note(ignored);
            return Outcome::Refused;
        }
        let policy = self.config.policies.of(dst);
        let opened = self.now;
        let order = &mut self.order;
        let tracker = self.trackers.entry(key).or_insert_with(|| {
            order.push_back((key, opened));
            Tracker::new(policy, opened)
        });
        match tracker.add(packet, fragment) {
            Added::TooLarge => {
                note(too_large);
                return Outcome::Refused;
            }
            Added::TooMany => {
                counters.count(Counter::DefragMaxFrags);
                note(ignored);
                return Outcome::Refused;
            }
            Added::Empty => return Outcome::Refused,
            Added::Taken { overlaps } => {
                self.held += size;
                if overlaps {
                    note(overlap);
                }
            }
        }
        if !tracker.is_whole() {
            return Outcome::Held;
        }
        let done = tracker.assemble(v4, whole);
        self.remove(&key);
        if done.is_none() {
            return Outcome::Refused;
        }
        counters.count(if v4 { Counter::DefragIpv4Reassembled } else { Counter::DefragIpv6Reassembled });
        Outcome::Complete
    }

    fn key(&self, packet: &Packet<'_>, fragment: Fragment, src: IpAddr, dst: IpAddr) -> Key {
        let layers = &packet.layers;
        Key {
            src,
            dst,
            id: fragment.id,
            proto: if layers.network == Network::Ipv4 { layers.proto } else { 0 },
            vlan: if self.config.vlan_tracking { layers.vlan } else { [0; 3] },
            depth: packet.tunnel.map_or(0, |tunnel| tunnel.depth),
        }
    }

    fn remove(&mut self, key: &Key) -> Option<Tracker> {
        let tracker = self.trackers.remove(key)?;
        self.held = self.held.saturating_sub(tracker.held());
        Some(tracker)
    }

    /// Gives up datagrams that were open for too long, as far as they are first in line.
    fn expire(&mut self, counters: &mut Counters) {
        while let Some(&(key, opened)) = self.order.front() {
            let live = self.trackers.get(&key).is_some_and(|tracker| tracker.opened() == opened);
            if live && self.now.since(opened) <= self.timeout(key.dst) {
                return;
            }
            self.order.pop_front();
            if live && self.remove(&key).is_some() {
                let v4 = key.dst.is_ipv4();
                counters.count(if v4 { Counter::DefragIpv4Timeouts } else { Counter::DefragIpv6Timeouts });
            }
        }
    }

    fn timeout(&self, receiver: IpAddr) -> Duration {
        let rows = self.config.host_timeouts.iter();
        let fits = rows.filter(|(prefix, bits, _)| crate::host_policy::contains(*prefix, *bits, receiver));
        fits.max_by_key(|row| row.1).map_or(self.config.timeout, |row| row.2)
    }
}

#[cfg(test)]
mod tests;
