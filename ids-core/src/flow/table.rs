//! The flow table: a slab of flows, found by key, in lists by how long each may be idle.
//!
//! A flow ends when a packet finds it idle for too long, not when a sweep comes by: sweeps cannot change results. For
//! that, callers give the largest packet time seen so far (`now`) along with each packet.
//! Cap: `flow.memcap`. When it is reached (`flow.memcap` counts it) shorter timeouts hold until enough of the table is free
//! again, and the flow that is idle longest goes if it is over by these, or if [`Config::evict`] says so; else the packet
//! gets no flow.

use std::collections::BTreeSet;
use std::time::Duration;

use ahash::RandomState;
use hashbrown::HashTable;

use super::arrival::Arrival;
use super::config::{Config, Limits};
use super::{Action, Count, End, Endpoint, Flow, Key, State};
use crate::counters::{Counter, Counters};
use crate::field::Dir;
use crate::stream::Session;
use crate::time::Time;
use crate::wire::tcp::Flags;

/// A flow in the table. Valid until the flow ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowId(u32);

/// A flow and what belongs to it.
#[derive(Debug)]
pub struct Entry<D> {
    /// What every stage may know.
    pub flow: Flow,
    /// TCP: the session, once there is one.
    pub tcp: Option<Box<Session>>,
    /// What later stages keep.
    pub data: D,
}

/// The flows of one worker.
#[derive(Debug)]
pub struct Table<D> {
    config: Config,
    index: HashTable<u32>,
    hasher: RandomState,
    slots: Vec<Slot<D>>,
    free: Vec<u32>,
    lists: [List; CLASSES],
    /// Flows that are not in the order of their lists, by when they are due ([`super::release`]).
    aside: BTreeSet<(Time, u32)>,
    emergency: bool,
    clock: Time,
    capacity: usize,
}

/// A place in the slab.
#[derive(Debug)]
struct Slot<D> {
    entry: Option<Entry<D>>,
    hash: u64,
    /// The largest packet time when it was touched last; lists are in this order.
    seen: Time,
    class: u8,
    before: u32,
    after: u32,
}

/// Flows that may be idle equally long, the one touched longest ago first.
#[derive(Clone, Copy, Debug)]
struct List {
    first: u32,
    last: u32,
}

/// Lists: four groups of protocols, four states each.
const CLASSES: usize = 16;

/// No slot.
const NONE: u32 = u32::MAX;

/// `flow_id` stays below what a JSON number holds exactly.
const ID_MASK: u64 = (1 << 53) - 1;

impl<D: Default> Table<D> {
    /// An empty table.
    pub fn new(config: Config) -> Self {
        let fit = config.memcap / Self::flow_bytes();
        let capacity = usize::try_from(fit).unwrap_or(usize::MAX).clamp(1, NONE as usize - 1);
        let prepared = config.prealloc.min(capacity);
        Self {
            config,
            index: HashTable::with_capacity(prepared),
            hasher: RandomState::new(),
            slots: Vec::with_capacity(prepared),
            free: Vec::new(),
            lists: [List { first: NONE, last: NONE }; CLASSES],
            aside: BTreeSet::new(),
            emergency: false,
            clock: Time::ZERO,
            capacity,
        }
    }

    /// What one flow costs, in bytes, without what session and later stages allocate.
    const fn flow_bytes() -> u64 {
        (size_of::<Slot<D>>() + 2 * size_of::<u32>()) as u64
    }

    /// The flow of a packet and the packet's direction; a new flow if there is none, or none that still lives. `now` is
    /// the largest packet time so far. Flows that end on account of it are handed to `ended` first. `None` if the table is
    /// full and no flow may be ended.
    pub fn touch(
        &mut self,
        arrival: &Arrival<'_>,
        now: Time,
        counters: &mut Counters,
        mut ended: impl FnMut(&mut Entry<D>, End),
    ) -> Option<(FlowId, Dir)> {
        self.advance(now.max(arrival.time));
        let hash = self.hasher.hash_one(arrival.key);
        let mut found = self.find(hash, &arrival.key);
        if let Some((id, end)) = found.and_then(|id| Some((id, self.ends(id, arrival)?))) {
            if end == End::TcpReuse {
                counters.count(Counter::FlowTcpReuse);
            }
            self.remove(id, end, counters, &mut ended);
            found = None;
        }
        let id = match found {
            Some(id) => id,
            None => self.create(arrival, hash, counters, &mut ended)?,
        };
        let dir = self.direction(id, arrival);
        self.record(id, dir, arrival);
        Some((FlowId(id), dir))
    }

    /// The flow that an ICMP error is about: `src` and `dst` are those of the packet that it quotes. The error travels
    /// the other way. `None` if there is no such flow.
    pub fn touch_quoted(
        &mut self,
        arrival: &Arrival<'_>,
        (src, dst, proto): (Endpoint, Endpoint, u8),
        now: Time,
    ) -> Option<(FlowId, Dir)> {
        let id = self.quoted(arrival, (src, dst, proto), now)?;
        let dir = if self.entry(id)?.flow.client == src { Dir::ToClient } else { Dir::ToServer };
        self.record(id, dir, arrival);
        Some((FlowId(id), dir))
    }

    /// Whether [`Table::touch_quoted`] would find the flow that an ICMP error is about.
    pub fn knows_quoted(&mut self, arrival: &Arrival<'_>, ends: (Endpoint, Endpoint, u8), now: Time) -> bool {
        self.quoted(arrival, ends, now).is_some()
    }

    /// A flow.
    pub fn get(&self, id: FlowId) -> Option<&Entry<D>> {
        self.entry(id.0)
    }

    /// A flow, to change. Call [`Table::update`] when done.
    pub fn get_mut(&mut self, id: FlowId) -> Option<&mut Entry<D>> {
        self.slots.get_mut(id.0 as usize)?.entry.as_mut()
    }

    /// Takes over the state that the flow has come to, so that the right timeout holds: the session's for TCP.
    pub fn update(&mut self, id: FlowId) {
        let Some(entry) = self.get_mut(id) else { return };
        if let Some(session) = entry.tcp.as_ref().filter(|_| entry.flow.state != State::Bypassed) {
            entry.flow.state = match session.state() {
                state if state.is_closed() => State::Closed,
                state if state.is_new() => State::New,
                _ => State::Established,
            };
        }
        self.file(id.0);
    }

    /// Client and server of a flow turn out to be the other way round.
    pub fn turn(&mut self, id: FlowId) {
        if let Some(entry) = self.get_mut(id) {
            entry.flow.turn();
            if let Some(session) = &mut entry.tcp {
                session.turn();
            }
        }
    }

    /// Ends flows that were idle for too long, at most `budget`, in the order of their first packets.
    pub fn sweep(
        &mut self,
        now: Time,
        budget: usize,
        counters: &mut Counters,
        mut ended: impl FnMut(&mut Entry<D>, End),
    ) {
        self.advance(now);
        let expired = self.expired(budget);
        if expired.len() < budget {
            self.aside = self.aside.split_off(&(self.clock, 0));
        }
        self.remove_all(expired, End::Timeout, counters, &mut ended);
    }

    /// Ends all flows, in the order of their first packets.
    pub fn drain(&mut self, counters: &mut Counters, mut ended: impl FnMut(&mut Entry<D>, End)) {
        let all = (0..u32::try_from(self.slots.len()).unwrap_or(NONE)).filter(|id| self.entry(*id).is_some()).collect();
        self.remove_all(all, End::Shutdown, counters, &mut ended);
    }

    /// Number of flows.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there are no flows.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// Whether the short timeouts hold.
    pub const fn is_emergency(&self) -> bool {
        self.emergency
    }

    pub(super) fn entry(&self, id: u32) -> Option<&Entry<D>> {
        self.slots.get(id as usize)?.entry.as_ref()
    }

    /// A flow that is released.
    pub(super) fn released(&mut self, key: &Key, now: Time) -> Option<u32> {
        self.advance(now);
        let id = self.find(self.hasher.hash_one(key), key)?;
        self.entry(id).is_some_and(|entry| entry.flow.released).then_some(id)
    }

    /// All flows that are done.
    pub(super) fn all_done(&mut self, now: Time) -> Vec<u32> {
        self.advance(now);
        let is_done = |id: &u32| self.entry(*id).is_some_and(|entry| entry.flow.done.is_some());
        (0..u32::try_from(self.slots.len()).unwrap_or(NONE)).filter(is_done).collect()
    }

    /// Released flows that were idle for too long, as far as the table knows.
    pub(super) fn idle_releases(&mut self, now: Time) -> Vec<u32> {
        self.advance(now);
        let mut idle = self.expired(usize::MAX);
        idle.retain(|id| self.entry(*id).is_some_and(|entry| entry.flow.released));
        idle
    }

    /// A flow was heard last at this time; `change` changes it. Its place in the list is that of a flow heard before.
    pub(super) fn heard(&mut self, id: u32, last: Option<Time>, change: impl FnOnce(&mut Entry<D>)) {
        let clock = self.clock;
        let Some(slot) = self.slots.get_mut(id as usize) else { return };
        slot.seen = slot.seen.max(last.unwrap_or_default().min(clock));
        if let Some(entry) = &mut slot.entry {
            change(entry);
        }
    }

    /// Puts a flow aside that is not in the order of its list: sweeps find it when it is due.
    pub(super) fn put_aside(&mut self, id: u32) {
        self.unlink(id);
        self.link(id);
        let due = self.slots.get(id as usize).and_then(|slot| {
            let idle = self.idle(slot.entry.as_ref()?);
            Some(slot.seen.nanos().saturating_add(u64::try_from(idle.as_nanos()).unwrap_or(u64::MAX)))
        });
        self.aside.extend(due.map(|due| (Time::from_nanos(due), id)));
    }

    fn find(&self, hash: u64, key: &Key) -> Option<u32> {
        self.index.find(hash, |id| self.entry(*id).is_some_and(|entry| entry.flow.key == *key)).copied()
    }

    fn quoted(&mut self, arrival: &Arrival<'_>, (src, dst, proto): (Endpoint, Endpoint, u8), now: Time) -> Option<u32> {
        self.advance(now.max(arrival.time));
        let key = arrival.quoted_key(src, dst, proto);
        self.find(self.hasher.hash_one(key), &key).filter(|id| !self.is_expired(*id))
    }

    fn advance(&mut self, now: Time) {
        self.clock = self.clock.max(now);
        let busy = usize::from(100u8.saturating_sub(self.config.emergency_recovery));
        let busy_below = self.capacity.saturating_mul(busy) / 100;
        self.emergency &= self.len() >= busy_below.max(1);
    }

    /// Flows that were idle for too long, at most `budget`.
    fn expired(&self, budget: usize) -> Vec<u32> {
        let mut expired = Vec::new();
        for list in self.lists {
            let mut id = list.first;
            while id != NONE && expired.len() < budget && self.is_expired(id) {
                expired.push(id);
                id = self.slots.get(id as usize).map_or(NONE, |slot| slot.after);
            }
        }
        // One that was put aside and touched since then is in the order of its list again.
        let due = self.aside.range(..(self.clock, 0)).map(|(_, id)| *id).filter(|id| self.is_expired(*id));
        expired.extend(due);
        expired.sort_unstable();
        expired.dedup();
        expired.truncate(budget);
        expired
    }

    /// How long a flow may be idle in the state that it is in.
    pub fn may_be_idle(&self, id: FlowId) -> Option<Duration> {
        self.entry(id.0).map(|entry| self.idle(entry))
    }

    /// Why a flow does not live on when this packet comes.
    fn ends(&self, id: u32, arrival: &Arrival<'_>) -> Option<End> {
        if self.is_expired(id) {
            return Some(End::Timeout);
        }
        let Entry { flow, tcp: session, .. } = self.entry(id)?;
        let tcp = arrival.tcp.as_ref()?;
        let reuse = match session {
            Some(session) => session.is_reuse(tcp, flow.state == State::Bypassed),
            // Picked up midstream, and let go at once.
            None => flow.state == State::Bypassed && tcp.flags().has(Flags::SYN) && !tcp.flags().has(Flags::ACK),
        };
        reuse.then_some(End::TcpReuse)
    }

    pub(super) fn is_expired(&self, id: u32) -> bool {
        let Some(slot) = self.slots.get(id as usize) else { return false };
        slot.entry.as_ref().is_some_and(|entry| self.clock.since(slot.seen) > self.idle(entry))
    }

    /// How long a flow may be idle.
    fn idle(&self, entry: &Entry<D>) -> Duration {
        let timeouts = &self.config.timeouts;
        let Limits { normal, emergency } = match group(entry.flow.proto) {
            0 => timeouts.tcp,
            1 => timeouts.udp,
            2 => timeouts.icmp,
            _ => timeouts.other,
        };
        if self.emergency { emergency } else { normal }.of(stage(entry))
    }

    /// Makes a flow. If the table is full, the one idle longest goes, if it may.
    fn create(
        &mut self,
        arrival: &Arrival<'_>,
        hash: u64,
        counters: &mut Counters,
        ended: &mut impl FnMut(&mut Entry<D>, End),
    ) -> Option<u32> {
        while self.len() >= self.capacity {
            self.emergency = true;
            counters.count(Counter::FlowMemcap);
            let seen = |list: &&List| self.slots.get(list.first as usize).map_or(Time::ZERO, |slot| slot.seen);
            let Some(oldest) = self.lists.iter().filter(|list| list.first != NONE).min_by_key(seen).copied() else {
                break;
            };
            if !self.config.evict && !self.is_expired(oldest.first) {
                return None;
            }
            self.remove(oldest.first, End::Forced, counters, ended);
        }
        let entry = Entry { flow: new_flow(arrival), tcp: None, data: D::default() };
        count_new(&entry.flow, counters);
        let class = class_of(&entry);
        let slot = Slot { entry: Some(entry), hash, seen: self.clock, class, before: NONE, after: NONE };
        let id = match self.free.pop() {
            Some(id) => {
                if let Some(place) = self.slots.get_mut(id as usize) {
                    *place = slot;
                }
                id
            }
            None => {
                self.slots.push(slot);
                u32::try_from(self.slots.len() - 1).expect("the capacity is below u32::MAX")
            }
        };
        let slots = &self.slots;
        self.index.insert_unique(hash, id, |id| slots.get(*id as usize).map_or(0, |slot| slot.hash));
        self.link(id);
        self.count_level(counters);
        Some(id)
    }

    /// The direction of a packet within its flow.
    fn direction(&mut self, id: u32, arrival: &Arrival<'_>) -> Dir {
        let Some(flow) = self.entry(id).map(|entry| &entry.flow) else { return Dir::ToServer };
        let by_icmp = arrival.icmp.is_some() && flow.client.addr == flow.server.addr;
        let to_server = if by_icmp {
            // Addresses do not tell: the type of the first packet does.
            flow.icmp
                .first()
                .copied()
                .flatten()
                .is_none_or(|(kind, _)| arrival.icmp.is_some_and(|(now, _)| now == kind))
        } else {
            flow.client == arrival.src
        };
        let dir = if to_server { Dir::ToServer } else { Dir::ToClient };
        // A flow without a session began with what was no connection; the first SYN tells who the client is.
        let opens = arrival.tcp.is_some_and(|tcp| tcp.flags().has(Flags::SYN) && !tcp.flags().has(Flags::ACK));
        if opens && dir == Dir::ToClient && self.entry(id).is_some_and(|entry| entry.tcp.is_none()) {
            self.turn(FlowId(id));
            return Dir::ToServer;
        }
        dir
    }

    /// Notes a packet on its flow.
    fn record(&mut self, id: u32, dir: Dir, arrival: &Arrival<'_>) {
        let clock = self.clock;
        let Some(slot) = self.slots.get_mut(id as usize) else { return };
        slot.seen = clock;
        let Some(Entry { flow, .. }) = &mut slot.entry else { return };
        flow.last = flow.last.max(arrival.time);
        flow.last_packet = arrival.packet;
        let [server_count, client_count] = &mut flow.counts;
        let count = if dir == Dir::ToServer { server_count } else { client_count };
        add(count, arrival);
        let [server_icmp, client_icmp] = &mut flow.icmp;
        let icmp = if dir == Dir::ToServer { server_icmp } else { client_icmp };
        if is_icmp(flow.proto) {
            *icmp = icmp.or(arrival.icmp);
        }
        if let Some(macs) = arrival.macs {
            flow.macs.get_or_insert_default().note(dir, macs);
        }
        let both = flow.counts.iter().all(|count| count.packets > 0);
        if flow.state == State::New && both && flow.proto != TCP {
            flow.state = State::Established;
        }
        self.file(id);
    }

    /// Puts a flow at the end of the list that its state says.
    fn file(&mut self, id: u32) {
        let class = self.entry(id).map(class_of);
        let Some((slot, class)) = self.slots.get_mut(id as usize).zip(class) else { return };
        if slot.class == class && slot.after == NONE {
            return;
        }
        self.unlink(id);
        if let Some(slot) = self.slots.get_mut(id as usize) {
            slot.class = class;
        }
        self.link(id);
    }

    fn link(&mut self, id: u32) {
        let Some(slot) = self.slots.get_mut(id as usize) else { return };
        let Some(list) = self.lists.get_mut(usize::from(slot.class)) else { return };
        let last = std::mem::replace(&mut list.last, id);
        slot.before = last;
        slot.after = NONE;
        match self.slots.get_mut(last as usize) {
            Some(previous) => previous.after = id,
            None => list.first = id,
        }
    }

    fn unlink(&mut self, id: u32) {
        let Some(slot) = self.slots.get(id as usize) else { return };
        let (before, after, class) = (slot.before, slot.after, slot.class);
        let Some(list) = self.lists.get_mut(usize::from(class)) else { return };
        match self.slots.get_mut(before as usize) {
            Some(previous) => previous.after = after,
            None => list.first = after,
        }
        match self.slots.get_mut(after as usize) {
            Some(next) => next.before = before,
            None => list.last = before,
        }
    }

    fn remove_all(
        &mut self,
        mut ids: Vec<u32>,
        end: End,
        counters: &mut Counters,
        ended: &mut impl FnMut(&mut Entry<D>, End),
    ) {
        ids.sort_by_key(|id| self.entry(*id).map(|entry| (entry.flow.first_packet, entry.flow.id)));
        for id in ids {
            self.remove(id, end, counters, ended);
        }
    }

    fn remove(&mut self, id: u32, end: End, counters: &mut Counters, ended: &mut impl FnMut(&mut Entry<D>, End)) {
        self.unlink(id);
        let Some(slot) = self.slots.get_mut(id as usize) else { return };
        let hash = slot.hash;
        let Some(mut entry) = slot.entry.take() else { return };
        if let Ok(found) = self.index.find_entry(hash, |other| *other == id) {
            found.remove();
        }
        self.free.push(id);
        self.count_level(counters);
        ended(&mut entry, end);
    }

    fn count_level(&self, counters: &mut Counters) {
        counters.set(Counter::FlowActive, self.len() as u64);
        counters.set(Counter::FlowMemuse, self.len() as u64 * Self::flow_bytes());
    }
}

const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMP6: u8 = 58;

const fn is_icmp(proto: u8) -> bool {
    matches!(proto, ICMP | ICMP6)
}

/// Which timeouts a protocol has.
const fn group(proto: u8) -> u8 {
    match proto {
        TCP => 0,
        UDP => 1,
        ICMP | ICMP6 => 2,
        _ => 3,
    }
}

/// The state whose timeouts hold. A connection that is over is over, bypassed or not.
fn stage<D>(entry: &Entry<D>) -> State {
    let closed = entry.tcp.as_ref().is_some_and(|session| session.state().is_closed());
    if entry.flow.state == State::Bypassed && closed { State::Closed } else { entry.flow.state }
}

fn class_of<D>(entry: &Entry<D>) -> u8 {
    let state = match stage(entry) {
        State::New => 0,
        State::Established => 1,
        State::Closed => 2,
        State::Bypassed => 3,
    };
    group(entry.flow.proto) * 4 + state
}

/// A flow that begins with a packet. Its sender is the client, unless it answers: a SYN/ACK is the server's.
fn new_flow(arrival: &Arrival<'_>) -> Flow {
    let answers = arrival.tcp.is_some_and(|tcp| tcp.flags().has(Flags::SYN | Flags::ACK));
    let (client, server) = if answers { (arrival.dst, arrival.src) } else { (arrival.src, arrival.dst) };
    // The number of the packet alone tells flows of one run apart, but not well, and tunnels share it.
    let mixed = arrival.key.stable_hash() ^ arrival.packet.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    Flow {
        id: (mixed & ID_MASK).max(1),
        key: arrival.key,
        client,
        server,
        proto: arrival.key.proto,
        vlan: arrival.vlan,
        vlans: arrival.vlans,
        port: arrival.port,
        first_packet: arrival.packet,
        last_packet: arrival.packet,
        start: arrival.time,
        last: arrival.time,
        counts: [Count::default(); 2],
        icmp: [None; 2],
        spi: arrival.spi,
        macs: None,
        state: State::New,
        action: Action::None,
        alerted: false,
        done: None,
        released: false,
    }
}

fn add(count: &mut Count, arrival: &Arrival<'_>) {
    if let Some(ttl) = arrival.ttl {
        let first = count.max_ttl == 0 && count.min_ttl == 0;
        count.min_ttl = if first { ttl } else { count.min_ttl.min(ttl) };
        count.max_ttl = count.max_ttl.max(ttl);
    }
    count.packets += 1;
    count.bytes += arrival.bytes;
}

fn count_new(flow: &Flow, counters: &mut Counters) {
    counters.count(Counter::FlowTotal);
    match flow.proto {
        TCP => counters.count(Counter::FlowTcp),
        UDP => counters.count(Counter::FlowUdp),
        ICMP => counters.count(Counter::FlowIcmpv4),
        ICMP6 => counters.count(Counter::FlowIcmpv6),
        _ => {}
    }
}
