//! State that the rule language makes global: thresholds, rate filters, xbits, hostbits, tags of hosts; and the connections
//! that others announced.
//!
//! In: operations on a key, each with the time of its packet.  Out: answers.
//! Holds at most [`Limits`] entries of each kind; beyond that the oldest go, counted. Everything expires by
//! packet time. Shared by all workers: each table is split into parts with a lock of their own.

use std::collections::VecDeque;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ahash::RandomState;
use hashbrown::HashMap;

use super::names::NameId;
use super::tags::{Extent, Tags};
use super::threshold::{Answer, Counter, Rate, RateFilter, Threshold, Tracked};
use crate::app::expected::Topic;
use crate::app::registry::ProtoId;
use crate::packet::Packet;
use crate::time::Time;

/// Puts operations of several workers in order. Each worker has its own, which knows where the worker is.
pub trait Turn: Send + Sync {
    /// Returns once everything that comes before what the worker is at is done with shared state.
    fn wait(&self);

    /// The worker comes to the end of a flow, one of those that end at the same moment in all workers: they take their
    /// turns in the order of their first packets, then of their ids.
    fn ending(&self, first_packet: u64, flow: u64);
}

/// In order of arrival.
struct Arrival;

impl Turn for Arrival {
    fn wait(&self) {}

    fn ending(&self, _: u64, _: u64) {}
}

/// How much is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Counters of thresholds and rate filters, each.
    pub thresholds: usize,
    /// xbits and hostbits, each.
    pub bits: usize,
    /// Hosts with tags.
    pub tags: usize,
    /// Connections that were announced.
    pub expected: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { thresholds: 1 << 20, bits: 1 << 20, tags: 1 << 16, expected: 1 << 16 }
    }
}

/// The global state; clones are the same one.
#[derive(Clone)]
pub struct Shared {
    tables: Arc<Tables>,
    turn: Arc<dyn Turn>,
}

struct Tables {
    thresholds: Table<(u64, Tracked), Counter>,
    rates: Table<(u64, Tracked), Rate>,
    xbits: Table<(NameId, Tracked), ()>,
    hostbits: Table<(NameId, IpAddr), ()>,
    tags: Table<IpAddr, Tags>,
    expected: Table<Ends, Option<(ProtoId, Topic)>>,
    /// Connections that were ever announced.
    announced: AtomicU64,
    /// Files that are stored.
    files: AtomicU64,
}

/// A connection to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ends {
    /// Who opens it.
    pub from: IpAddr,
    /// Where to.
    pub to: IpAddr,
    /// The port it goes to.
    pub port: u16,
}

/// How long a connection that was announced is waited for.
const EXPECTED: Duration = Duration::from_secs(60);

/// What is done to a bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Set {
    /// It is set.
    On,
    /// It is cleared.
    Off,
    /// It becomes what it was not.
    Toggle,
}

impl Default for Shared {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Shared").field("evicted", &self.evicted()).finish_non_exhaustive()
    }
}

impl Shared {
    /// Empty. Operations are done in order of arrival.
    pub fn new(limits: Limits) -> Self {
        let tables = Tables {
            thresholds: Table::new(limits.thresholds),
            rates: Table::new(limits.thresholds),
            xbits: Table::new(limits.bits),
            hostbits: Table::new(limits.bits),
            tags: Table::new(limits.tags),
            expected: Table::new(limits.expected),
            announced: AtomicU64::new(0),
            files: AtomicU64::new(0),
        };
        Self { tables: Arc::new(tables), turn: Arc::new(Arrival) }
    }

    /// The same state for a worker whose turn is asked before every operation.
    #[must_use]
    pub fn in_turn(&self, turn: Arc<dyn Turn>) -> Self {
        Self { tables: Arc::clone(&self.tables), turn }
    }

    /// The worker comes to the end of a flow: see [`Turn::ending`].
    pub fn ending(&self, first_packet: u64, flow: u64) {
        self.turn.ending(first_packet, flow);
    }

    /// Returns once it is the worker's turn at shared state: for what is kept elsewhere.
    pub(super) fn wait(&self) {
        self.turn.wait();
    }

    /// How many entries had to go because a table was full.
    pub fn evicted(&self) -> u64 {
        let tables = &self.tables;
        let Tables { thresholds, rates, xbits, hostbits, tags, expected, announced: _, files: _ } = &**tables;
        [&thresholds.evicted, &rates.evicted, &xbits.evicted, &hostbits.evicted, &tags.evicted, &expected.evicted]
            .iter()
            .map(|count| count.load(Ordering::Relaxed))
            .sum()
    }

    /// The next number for a file that is stored, from 1.
    pub fn file_number(&self) -> u64 {
        self.turn.wait();
        self.tables.files.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// A hit of rule `rule` under `key`.
    pub fn threshold(&self, rule: u64, key: Tracked, threshold: &Threshold, at: Time) -> Answer {
        self.turn.wait();
        self.tables.thresholds.with((rule, key), at, |counter| {
            let answer = counter.hit(threshold, at);
            (answer, counter.expires(threshold))
        })
    }

    /// A hit of rule `rule` under `key`. Out: whether the filter's action holds for it.
    pub fn rate(&self, rule: u64, key: Tracked, filter: &RateFilter, at: Time) -> bool {
        self.turn.wait();
        self.tables.rates.with((rule, key), at, |rate| {
            let holds = rate.hit(filter, at);
            (holds, rate.expires(filter))
        })
    }

    /// Whether an xbit is set.
    pub fn xbit(&self, name: NameId, key: Tracked, at: Time) -> bool {
        self.turn.wait();
        self.tables.xbits.has(&(name, key), at)
    }

    /// Changes an xbit; when set, it expires after `expire`.
    pub fn set_xbit(&self, name: NameId, key: Tracked, set: Set, expire: Duration, at: Time) {
        self.turn.wait();
        self.tables.xbits.set((name, key), set, at, at + expire);
    }

    /// Whether a hostbit is set.
    pub fn hostbit(&self, name: NameId, host: IpAddr, at: Time) -> bool {
        self.turn.wait();
        self.tables.hostbits.has(&(name, host), at)
    }

    /// A connection of this protocol is announced.
    pub fn expect(&self, ends: Ends, proto: ProtoId, topic: Topic, at: Time) {
        self.turn.wait();
        self.tables.announced.fetch_add(1, Ordering::Relaxed);
        self.tables.expected.with(ends, at, |entry| {
            *entry = Some((proto, topic));
            ((), at + EXPECTED)
        });
    }

    /// A connection comes. Out: what was announced of it, once.
    pub fn expected(&self, ends: Ends, at: Time) -> Option<(ProtoId, Topic)> {
        self.turn.wait();
        if self.tables.announced.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let known = self.tables.expected.has(&ends, at);
        let found = self.tables.expected.existing(&ends, |entry| (entry.take(), false)).flatten();
        found.filter(|_| known)
    }

    /// A rule that tags a host matched on a packet.
    pub(super) fn set_tag(&self, host: IpAddr, rule: u64, extent: Extent, packet: &Packet<'_>) {
        self.turn.wait();
        self.tables.tags.with(host, packet.time, |tags| {
            tags.set(rule, extent, packet);
            ((), Time::from_nanos(u64::MAX))
        });
    }

    /// A packet of these hosts comes by. Out: whether a tag of one of them shows it.
    pub(super) fn follow_tags(&self, hosts: [IpAddr; 2], packet: &Packet<'_>) -> bool {
        self.turn.wait();
        let [one, other] = hosts;
        let follow = |host| {
            let shown = self.tables.tags.existing(&host, |tags| (tags.follow(packet), !tags.is_empty()));
            shown.unwrap_or(false)
        };
        let shown = follow(one);
        (other != one && follow(other)) || shown
    }

    /// Changes a hostbit, which does not expire.
    pub fn set_hostbit(&self, name: NameId, host: IpAddr, set: Set, at: Time) {
        self.turn.wait();
        self.tables.hostbits.set((name, host), set, at, Time::from_nanos(u64::MAX));
    }
}

const PARTS: usize = 64;

/// A bounded map in parts.
struct Table<K, V> {
    parts: [Mutex<Part<K, V>>; PARTS],
    hasher: RandomState,
    /// Entries a part may have.
    room: usize,
    evicted: AtomicU64,
}

struct Part<K, V> {
    entries: HashMap<K, Entry<V>, RandomState>,
    /// Keys in the order they came; some may be gone.
    order: VecDeque<K>,
}

struct Entry<V> {
    value: V,
    expires: Time,
}

impl<K: Hash + Eq + Copy, V: Default> Table<K, V> {
    fn new(limit: usize) -> Self {
        // The same in every run, so that what is forgotten does not depend on chance.
        let hasher = RandomState::with_seeds(1, 2, 3, 4);
        let part = || Mutex::new(Part { entries: HashMap::with_hasher(hasher.clone()), order: VecDeque::new() });
        Self {
            parts: std::array::from_fn(|_| part()),
            room: limit.div_ceil(PARTS).max(1),
            evicted: AtomicU64::new(0),
            hasher,
        }
    }

    /// Runs `work` with the part that `key` belongs to.
    fn part<R>(&self, key: &K, work: impl FnOnce(&mut Part<K, V>) -> R) -> R {
        let at = usize::try_from(self.hasher.hash_one(key) % PARTS as u64).unwrap_or(0);
        let part = self.parts.get(at).expect("a remainder of the number of parts");
        // A worker that panicked leaves an entry in some state at worst; the others go on.
        work(&mut part.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the value of `key`, made anew if it is missing or expired; `work` also says when it expires.
    fn with<R>(&self, key: K, now: Time, work: impl FnOnce(&mut V) -> (R, Time)) -> R {
        self.part(&key, |part| {
            if part.entries.get(&key).is_none_or(|entry| entry.expires < now) {
                self.make_room(part, now);
                let fresh = Entry { value: V::default(), expires: now };
                if part.entries.insert(key, fresh).is_none() {
                    part.order.push_back(key);
                }
            }
            let entry = part.entries.get_mut(&key).expect("inserted above if it was missing");
            let (result, expires) = work(&mut entry.value);
            entry.expires = expires;
            result
        })
    }

    /// Works on the value of `key`, if there is one; `work` also says whether it stays.
    fn existing<R>(&self, key: &K, work: impl FnOnce(&mut V) -> (R, bool)) -> Option<R> {
        self.part(key, |part| {
            let (result, stays) = work(&mut part.entries.get_mut(key)?.value);
            if !stays {
                part.entries.remove(key);
            }
            Some(result)
        })
    }

    fn has(&self, key: &K, now: Time) -> bool {
        self.part(key, |part| part.entries.get(key).is_some_and(|entry| now < entry.expires))
    }

    fn set(&self, key: K, set: Set, now: Time, expires: Time) {
        let on = match set {
            Set::On => true,
            Set::Off => false,
            Set::Toggle => !self.has(&key, now),
        };
        if on {
            self.with(key, now, |_| ((), expires));
        } else {
            self.part(&key, |part| part.entries.remove(&key));
        }
    }

    /// Lets the oldest go until there is room for one more; keys whose entry is gone cost nothing.
    fn make_room(&self, part: &mut Part<K, V>, now: Time) {
        while part.entries.len() >= self.room || part.order.len() > 2 * self.room {
            let Some(oldest) = part.order.pop_front() else { return };
            if let Some(entry) = part.entries.remove(&oldest)
                && entry.expires >= now
            {
                self.evicted.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::names::{Names, Space};
    use super::*;

    fn at(seconds: u64) -> Time {
        Time::from_micros(seconds, 0)
    }

    fn host(n: u32) -> IpAddr {
        std::net::Ipv4Addr::from(n).into()
    }

    #[test]
    fn xbits_expire_and_toggle() {
        let (shared, name) = (Shared::default(), Names::default().intern(Space::Xbit, "x"));
        let key = Tracked::pair(host(1), host(2));
        let expire = Duration::from_secs(5);
        shared.set_xbit(name, key, Set::On, expire, at(10));
        assert!(shared.xbit(name, Tracked::pair(host(2), host(1)), at(14)));
        assert!(!shared.xbit(name, key, at(15)));
        shared.set_xbit(name, key, Set::Toggle, expire, at(16));
        assert!(shared.xbit(name, key, at(16)));
        shared.set_xbit(name, key, Set::Toggle, expire, at(17));
        assert!(!shared.xbit(name, key, at(17)));
    }

    #[test]
    fn a_full_table_forgets_the_oldest_and_counts() {
        let limits = Limits { bits: PARTS, ..Limits::default() };
        let (shared, name) = (Shared::new(limits), Names::default().intern(Space::Hostbit, "h"));
        for n in 0..1000 {
            shared.set_hostbit(name, host(n), Set::On, at(1));
        }
        assert!(shared.hostbit(name, host(999), at(2)));
        let left = (0..1000).filter(|n| shared.hostbit(name, host(*n), at(2))).count();
        assert!(left <= PARTS, "{left}");
        assert_eq!(shared.evicted(), 1000 - left as u64);
    }

    #[test]
    fn clearing_and_setting_again_and_again_stays_bounded() {
        let limits = Limits { bits: PARTS, ..Limits::default() };
        let (shared, name) = (Shared::new(limits), Names::default().intern(Space::Hostbit, "h"));
        for _ in 0..100 {
            shared.set_hostbit(name, host(1), Set::On, at(1));
            shared.set_hostbit(name, host(1), Set::Off, at(1));
        }
        let queued: usize = shared.tables.hostbits.parts.iter().map(|part| part.lock().unwrap().order.len()).sum();
        assert!(queued <= 3, "{queued}");
    }
}
