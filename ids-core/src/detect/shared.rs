//! State that the rule language makes global: thresholds, rate filters, xbits, hostbits.
//!
//! In: operations on a key, each with the number and time of its packet.  Out: answers.
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
use super::threshold::{Answer, Counter, Rate, RateFilter, Threshold, Tracked};
use crate::time::Time;

/// Puts operations of several workers in order.
pub trait Turn: Send + Sync {
    /// Returns once every packet before `packet` is done with shared state.
    fn wait(&self, packet: u64);
}

/// In order of arrival.
struct Arrival;

impl Turn for Arrival {
    fn wait(&self, _: u64) {}
}

/// How much is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Counters of thresholds and rate filters, each.
    pub thresholds: usize,
    /// xbits and hostbits, each.
    pub bits: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { thresholds: 1 << 20, bits: 1 << 20 }
    }
}

/// The global state; clones are the same one.
#[derive(Clone)]
pub struct Shared(Arc<Inner>);

struct Inner {
    thresholds: Table<(u64, Tracked), Counter>,
    rates: Table<(u64, Tracked), Rate>,
    xbits: Table<(NameId, Tracked), ()>,
    hostbits: Table<(NameId, IpAddr), ()>,
    turn: Box<dyn Turn>,
}

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

/// Who asks, and when.
#[derive(Clone, Copy, Debug)]
pub struct At {
    /// Number of the packet.
    pub packet: u64,
    /// Its time.
    pub time: Time,
}

impl Default for Shared {
    fn default() -> Self {
        Self::new(Limits::default(), Box::new(Arrival))
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Shared").field("evicted", &self.evicted()).finish_non_exhaustive()
    }
}

impl Shared {
    /// Empty. `turn` is asked before every operation.
    pub fn new(limits: Limits, turn: Box<dyn Turn>) -> Self {
        Self(Arc::new(Inner {
            thresholds: Table::new(limits.thresholds),
            rates: Table::new(limits.thresholds),
            xbits: Table::new(limits.bits),
            hostbits: Table::new(limits.bits),
            turn,
        }))
    }

    /// How many entries had to go because a table was full.
    pub fn evicted(&self) -> u64 {
        let inner = &self.0;
        [&inner.thresholds.evicted, &inner.rates.evicted, &inner.xbits.evicted, &inner.hostbits.evicted]
            .iter()
            .map(|count| count.load(Ordering::Relaxed))
            .sum()
    }

    /// A hit of rule `rule` under `key`.
    pub fn threshold(&self, rule: u64, key: Tracked, threshold: &Threshold, at: At) -> Answer {
        self.0.turn.wait(at.packet);
        self.0.thresholds.with((rule, key), at.time, |counter| {
            let answer = counter.hit(threshold, at.time);
            (answer, counter.expires(threshold))
        })
    }

    /// A hit of rule `rule` under `key`. Out: whether the filter's action holds for it.
    pub fn rate(&self, rule: u64, key: Tracked, filter: &RateFilter, at: At) -> bool {
        self.0.turn.wait(at.packet);
        self.0.rates.with((rule, key), at.time, |rate| {
            let holds = rate.hit(filter, at.time);
            (holds, rate.expires(filter))
        })
    }

    /// Whether an xbit is set.
    pub fn xbit(&self, name: NameId, key: Tracked, at: At) -> bool {
        self.0.turn.wait(at.packet);
        self.0.xbits.has(&(name, key), at.time)
    }

    /// Changes an xbit; when set, it expires after `expire`.
    pub fn set_xbit(&self, name: NameId, key: Tracked, set: Set, expire: Duration, at: At) {
        self.0.turn.wait(at.packet);
        self.0.xbits.set((name, key), set, at.time, at.time + expire);
    }

    /// Whether a hostbit is set.
    pub fn hostbit(&self, name: NameId, host: IpAddr, at: At) -> bool {
        self.0.turn.wait(at.packet);
        self.0.hostbits.has(&(name, host), at.time)
    }

    /// Changes a hostbit, which does not expire.
    pub fn set_hostbit(&self, name: NameId, host: IpAddr, set: Set, at: At) {
        self.0.turn.wait(at.packet);
        self.0.hostbits.set((name, host), set, at.time, Time::from_nanos(u64::MAX));
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

    fn at(seconds: u64) -> At {
        At { packet: seconds, time: Time::from_micros(seconds, 0) }
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
        let limits = Limits { thresholds: 1, bits: PARTS };
        let (shared, name) = (Shared::new(limits, Box::new(Arrival)), Names::default().intern(Space::Hostbit, "h"));
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
        let limits = Limits { thresholds: 1, bits: PARTS };
        let (shared, name) = (Shared::new(limits, Box::new(Arrival)), Names::default().intern(Space::Hostbit, "h"));
        for _ in 0..100 {
            shared.set_hostbit(name, host(1), Set::On, at(1));
            shared.set_hostbit(name, host(1), Set::Off, at(1));
        }
        let queued: usize = shared.0.hostbits.parts.iter().map(|part| part.lock().unwrap().order.len()).sum();
        assert!(queued <= 3, "{queued}");
    }
}
