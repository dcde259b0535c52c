//! The maps that all ports share: who is blocked, allowed, released, and what is of interest.
//!
//! In: commands, with spans of time.  Out: what stands in the maps, with hits.
//! Works with and without a running sensor, through the pinned maps; one process at a time should write, since
//! the rule for host blocks (`hosts.rs`) needs to see all of them.

use std::net::IpAddr;
use std::time::Duration;

use aya::maps::lpm_trie::Key as TrieKey;
use aya::maps::{Array, ArrayOfMaps, HashMap, IterableMap, LpmTrie, MapData, MapError};
use ids_core::flow::{Endpoint, Key};
use ids_ebpf::block::HostBlock;
use ids_ebpf::flow::{Dir, FlowBlock, FlowKey, Released};
use ids_ebpf::interest::Interest;
use ids_ebpf::map::{self, Table};

use super::clock::Monotonic;
use super::decision;
use super::floods::Floods;
use super::hosts::{Change, Hosts};
use super::in_use::InUse;
use super::pins::Pins;
use super::prefix::Prefix;
use super::{Error, Sizes, again, load, take};

/// Which packets of a blocked host die.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sides {
    /// Those from it and to it.
    #[default]
    Both,
    /// Those from it.
    Source,
    /// Those to it.
    Destination,
}

/// One block of a host or prefix, as it stands in the maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostEntry {
    /// Who.
    pub prefix: Prefix,
    /// What is left of what was asked for this very prefix, as source and as destination; zero if it was not
    /// asked for or has run out.
    pub left: [Duration; 2],
    /// Packets dropped on its account.
    pub hits: u64,
    /// The rule on whose account; 0 if none.
    pub sid: u32,
}

/// One block of a flow, as it stands in the maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowEntry {
    /// Which flow.
    pub key: FlowKey,
    /// What is left of it; zero if it has run out.
    pub left: Duration,
    /// Packets dropped on its account.
    pub hits: u64,
    /// The rule on whose account; 0 if none.
    pub sid: u32,
}

/// The shared maps, for the one who writes host blocks.
pub struct Tables {
    pub(super) allow4: LpmTrie<MapData, [u8; 4], u32>,
    pub(super) allow6: LpmTrie<MapData, [u8; 16], u32>,
    /// IPv4 hosts; what is broader lies in the trie, as all of IPv6 does.
    pub(super) hosts4: HashMap<MapData, [u8; 4], HostBlock>,
    pub(super) block4: LpmTrie<MapData, [u8; 4], HostBlock>,
    pub(super) block6: LpmTrie<MapData, [u8; 16], HostBlock>,
    interest: ArrayOfMaps<MapData, Array<MapData, Interest>>,
    pub(super) hosts: Hosts,
    /// Limits on what one source may send.
    pub floods: Floods,
    /// What was put into `INTEREST` last.
    wanted: Option<Box<Interest>>,
    /// Blocks and releases of flows.
    pub flows: Flows,
}

impl Tables {
    /// Opens the pinned maps of an instance, or creates and pins them.
    ///
    /// # Errors
    /// Missing rights, or maps of another layout under the same name.
    pub fn open(pins: &Pins, sizes: Sizes) -> Result<Self, Error> {
        let mut ebpf = load(pins, sizes)?;
        let mut tables = Self {
            allow4: take(&mut ebpf, map::ALLOW4)?,
            allow6: take(&mut ebpf, map::ALLOW6)?,
            hosts4: take(&mut ebpf, map::HOSTS4)?,
            block4: take(&mut ebpf, map::BLOCK4)?,
            block6: take(&mut ebpf, map::BLOCK6)?,
            interest: take(&mut ebpf, map::INTEREST)?,
            hosts: Hosts::default(),
            floods: Floods::open(&mut ebpf)?,
            wanted: None,
            flows: Flows {
                blocked: take(&mut ebpf, map::BLOCKED_FLOWS)?,
                released: take(&mut ebpf, map::RELEASED_FLOWS)?,
                in_use: InUse::new(take(&mut ebpf, map::IN_USE)?),
            },
        };
        tables.hosts = Hosts::from_maps(tables.host_entries()?);
        tables.unmark_empty()?;
        Ok(tables)
    }

    /// Blocks a host or network for a span of time. A block that lasts longer stays as it is.
    ///
    /// # Errors
    /// The map is full.
    pub fn block(&mut self, prefix: Prefix, sides: Sides, ttl: Duration, sid: u32) -> Result<(), Error> {
        let until = Monotonic::now().after(ttl).0;
        let until = match sides {
            Sides::Both => [until; 2],
            Sides::Source => [until, 0],
            Sides::Destination => [0, until],
        };
        let changes = self.hosts.add(prefix, until, sid);
        self.write(changes)
    }

    /// Takes a block away; whether there was one.
    ///
    /// # Errors
    /// The map refuses.
    pub fn unblock(&mut self, prefix: Prefix) -> Result<bool, Error> {
        match self.hosts.remove(prefix) {
            Some(changes) => self.write(changes).map(|()| true),
            None => Ok(false),
        }
    }

    /// All blocks of hosts and networks; those that have run out have nothing left.
    ///
    /// # Errors
    /// A map cannot be read.
    pub fn blocks(&self) -> Result<Vec<HostEntry>, Error> {
        let now = Monotonic::now().0;
        Ok(self.host_entries()?.into_iter().map(|(prefix, block)| host_entry(prefix, &block, now)).collect())
    }

    /// The block of a prefix and those of all broader ones, the narrowest first.
    ///
    /// # Errors
    /// A map cannot be read.
    pub fn covering(&self, prefix: Prefix) -> Result<Vec<HostEntry>, Error> {
        self.hosts.covering(prefix).map(|(prefix, block)| self.entry(prefix, block)).collect()
    }

    /// The blocks inside of a prefix.
    ///
    /// # Errors
    /// A map cannot be read.
    pub fn inside(&self, prefix: Prefix) -> Result<Vec<HostEntry>, Error> {
        self.hosts.inside(prefix).map(|(prefix, block)| self.entry(prefix, block)).collect()
    }

    /// What the kernel finds for a host: its longest match.
    ///
    /// # Errors
    /// The map cannot be read.
    pub fn longest(&self, host: Prefix) -> Result<Option<HostBlock>, Error> {
        let length = u32::from(host.length());
        if let IpAddr::V4(addr) = host.addr()
            && table_of(host) == Table::Hosts4
            && let Some(found) = there(map::HOSTS4, self.hosts4.get(&addr.octets(), 0))?
        {
            return Ok(Some(found));
        }
        let (map, found) = match host.addr() {
            IpAddr::V4(addr) => (map::BLOCK4, self.block4.get(&TrieKey::new(length, addr.octets()), 0)),
            IpAddr::V6(addr) => (map::BLOCK6, self.block6.get(&TrieKey::new(length, addr.octets()), 0)),
        };
        there(map, found)
    }

    /// An entry with what the kernel has counted on it: no narrower one can be the longest match of its own prefix.
    pub(super) fn entry(&self, prefix: Prefix, block: &HostBlock) -> Result<HostEntry, Error> {
        let hits = self.longest(prefix)?.map_or(0, |found| found.hits);
        Ok(host_entry(prefix, &HostBlock { hits, ..*block }, Monotonic::now().0))
    }

    /// What of all packets is wanted, if anything is said about it.
    pub fn interest(&self) -> Option<&Interest> {
        self.wanted.as_deref()
    }

    /// Takes blocks of hosts and flows away that have run out; how many there were.
    ///
    /// # Errors
    /// A map refuses.
    pub fn sweep(&mut self) -> Result<usize, Error> {
        let now = Monotonic::now().0;
        let over = self.hosts.sweep(now);
        let count = over.len();
        self.write(over)?;
        let count = count + self.flows.sweep_blocked(now)?;
        self.unmark_empty()?;
        Ok(count)
    }

    /// Spares packets the search of tables that have become empty.
    fn unmark_empty(&mut self) -> Result<(), Error> {
        let Self { hosts4, block4, block6, flows: Flows { blocked, released, in_use }, .. } = self;
        in_use.unmark_if(Table::Hosts4, || hosts4.keys().next().is_none())?;
        in_use.unmark_if(Table::Block4, || block4.keys().next().is_none())?;
        in_use.unmark_if(Table::Block6, || block6.keys().next().is_none())?;
        in_use.unmark_if(Table::BlockedFlows, || blocked.keys().next().is_none())?;
        in_use.unmark_if(Table::ReleasedFlows, || released.keys().next().is_none())
    }

    /// Shields a host or network from all blocks.
    ///
    /// # Errors
    /// The map is full.
    pub fn allow(&mut self, prefix: Prefix) -> Result<(), Error> {
        let length = u32::from(prefix.length());
        match prefix.addr() {
            IpAddr::V4(addr) => self.allow4.insert(&TrieKey::new(length, addr.octets()), 1, 0).map_err(of(map::ALLOW4)),
            IpAddr::V6(addr) => self.allow6.insert(&TrieKey::new(length, addr.octets()), 1, 0).map_err(of(map::ALLOW6)),
        }
    }

    /// Shields these hosts and networks, and no others.
    ///
    /// # Errors
    /// The map is full, or refuses.
    pub fn set_allowed(&mut self, wanted: &[Prefix]) -> Result<(), Error> {
        let there = self.allowed()?;
        for prefix in wanted.iter().filter(|prefix| !there.contains(prefix)) {
            self.allow(*prefix)?;
        }
        for prefix in there.iter().filter(|prefix| !wanted.contains(prefix)) {
            self.disallow(*prefix)?;
        }
        Ok(())
    }

    /// Takes a shield away; whether there was one.
    ///
    /// # Errors
    /// The map refuses.
    pub fn disallow(&mut self, prefix: Prefix) -> Result<bool, Error> {
        let length = u32::from(prefix.length());
        match prefix.addr() {
            IpAddr::V4(addr) => was_there(map::ALLOW4, self.allow4.remove(&TrieKey::new(length, addr.octets()))),
            IpAddr::V6(addr) => was_there(map::ALLOW6, self.allow6.remove(&TrieKey::new(length, addr.octets()))),
        }
    }

    /// All shielded hosts and networks.
    ///
    /// # Errors
    /// A map cannot be read.
    pub fn allowed(&self) -> Result<Vec<Prefix>, Error> {
        let four = self.allow4.keys().map(|key| key.map(|key| prefix_of(&key)).map_err(of(map::ALLOW4)));
        let six = self.allow6.keys().map(|key| key.map(|key| prefix_of(&key)).map_err(of(map::ALLOW6)));
        four.chain(six).collect()
    }

    /// Puts a new set of interest into force, for all ports at once.
    ///
    /// # Errors
    /// The map cannot be created.
    pub fn set_interest(&mut self, interest: &Interest) -> Result<(), Error> {
        let mut inner: Array<MapData, Interest> = Array::create(1, 0).map_err(of(map::INTEREST))?;
        inner.set(0, interest, 0).map_err(of(map::INTEREST))?;
        self.interest.set(0, &inner, 0).map_err(of(map::INTEREST))?;
        self.wanted = Some(Box::new(*interest));
        Ok(())
    }

    pub(super) fn write(&mut self, changes: Vec<Change>) -> Result<(), Error> {
        let Self { hosts4, block4, block6, flows, .. } = self;
        for change in changes {
            let prefix = change.prefix();
            let (table, length) = (table_of(prefix), u32::from(prefix.length()));
            flows.in_use.marking(table, || match prefix.addr() {
                IpAddr::V4(addr) if table == Table::Hosts4 => put(map::HOSTS4, hosts4, &addr.octets(), change),
                IpAddr::V4(addr) => put(map::BLOCK4, block4, &TrieKey::new(length, addr.octets()), change),
                IpAddr::V6(addr) => put(map::BLOCK6, block6, &TrieKey::new(length, addr.octets()), change),
            })?;
        }
        Ok(())
    }

    fn host_entries(&self) -> Result<Vec<(Prefix, HostBlock)>, Error> {
        let hosts = self
            .hosts4
            .iter()
            .map(|e| e.map(|(addr, block)| (Prefix::host(addr.into()), block)).map_err(of(map::HOSTS4)));
        let four = self.block4.iter().map(|e| e.map(|(key, block)| (prefix_of(&key), block)).map_err(of(map::BLOCK4)));
        let six = self.block6.iter().map(|e| e.map(|(key, block)| (prefix_of(&key), block)).map_err(of(map::BLOCK6)));
        hosts.chain(four).chain(six).collect()
    }
}

fn host_entry(prefix: Prefix, block: &HostBlock, now: u64) -> HostEntry {
    let left = |until: u64| Duration::from_nanos(until.saturating_sub(now));
    HostEntry { prefix, left: block.own.map(left), hits: block.hits, sid: block.sid }
}

/// Where the block of a prefix stands.
pub(super) fn table_of(prefix: Prefix) -> Table {
    match prefix.addr() {
        IpAddr::V4(_) if u32::from(prefix.length()) == u32::BITS => Table::Hosts4,
        IpAddr::V4(_) => Table::Block4,
        IpAddr::V6(_) => Table::Block6,
    }
}

/// A map of blocks, whatever its keys are.
trait Blocks<K> {
    /// Also a broader one, in a trie.
    fn find(&self, key: &K) -> Result<HostBlock, MapError>;
    fn store(&mut self, key: &K, block: HostBlock) -> Result<(), MapError>;
    fn take_out(&mut self, key: &K) -> Result<(), MapError>;
}

impl<A: aya::Pod> Blocks<TrieKey<A>> for LpmTrie<MapData, A, HostBlock> {
    fn find(&self, key: &TrieKey<A>) -> Result<HostBlock, MapError> {
        self.get(key, 0)
    }
    fn store(&mut self, key: &TrieKey<A>, block: HostBlock) -> Result<(), MapError> {
        self.insert(key, block, 0)
    }
    fn take_out(&mut self, key: &TrieKey<A>) -> Result<(), MapError> {
        self.remove(key)
    }
}

impl<A: aya::Pod> Blocks<A> for HashMap<MapData, A, HostBlock> {
    fn find(&self, key: &A) -> Result<HostBlock, MapError> {
        self.get(key, 0)
    }
    fn store(&mut self, key: &A, block: HostBlock) -> Result<(), MapError> {
        self.insert(key, block, 0)
    }
    fn take_out(&mut self, key: &A) -> Result<(), MapError> {
        self.remove(key)
    }
}

/// Does one change. Hits so far are kept, less those that fall between reading and writing.
fn put<K>(name: &'static str, blocks: &mut impl Blocks<K>, key: &K, change: Change) -> Result<(), Error> {
    match change {
        Change::Insert(_, block) => blocks.store(key, block).map_err(of(name)),
        Change::Update(_, block) => {
            // The entry is there, so that it is the longest match of its own key.
            let hits = blocks.find(key).map_err(of(name))?.hits;
            blocks.store(key, HostBlock { hits, ..block }).map_err(of(name))
        }
        Change::Delete(_) => was_there(name, blocks.take_out(key)).map(|_| ()),
    }
}

fn prefix_of<A: aya::Pod + Into<IpAddr>>(key: &TrieKey<A>) -> Prefix {
    // Lengths in the maps were written from a prefix's.
    Prefix::around(key.data().into(), u8::try_from(key.prefix_len()).unwrap_or(u8::MAX))
}

/// Names the map in an error.
fn of(name: &'static str) -> impl Fn(MapError) -> Error {
    move |error| Error::map(name, &error)
}

/// Looking up what is not there is no error.
pub(super) fn there<T>(name: &'static str, result: Result<T, MapError>) -> Result<Option<T>, Error> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(MapError::KeyNotFound | MapError::ElementNotFound) => Ok(None),
        Err(error) => Err(Error::map(name, &error)),
    }
}

/// Deleting what is not there is no error.
fn was_there(name: &'static str, result: Result<(), MapError>) -> Result<bool, Error> {
    match result {
        Ok(()) => Ok(true),
        Err(MapError::KeyNotFound | MapError::ElementNotFound) => Ok(false),
        Err(MapError::SyscallError(error)) if error.io_error.raw_os_error() == Some(libc::ENOENT) => Ok(false),
        Err(error) => Err(Error::map(name, &error)),
    }
}

/// Blocks and releases of single flows. Every worker has its own handle; the kernel orders what they do.
pub struct Flows {
    blocked: HashMap<MapData, FlowKey, FlowBlock>,
    released: HashMap<MapData, FlowKey, Released>,
    pub(super) in_use: InUse,
}

impl Flows {
    /// Another handle to the same maps.
    ///
    /// # Errors
    /// No more file descriptors.
    pub fn again(&self) -> Result<Self, Error> {
        Ok(Self {
            blocked: reopened(map::BLOCKED_FLOWS, &self.blocked)?,
            released: reopened(map::RELEASED_FLOWS, &self.released)?,
            in_use: self.in_use.again()?,
        })
    }

    /// Drops all packets of a flow for a span of time. A block that lasts longer stays; its hits are kept.
    ///
    /// # Errors
    /// [`Error::Full`]: whoever asked must go on dropping.
    pub fn block(&mut self, key: &FlowKey, ttl: Duration, sid: u32) -> Result<(), Error> {
        let there = self.blocked.get(key, 0).unwrap_or_default();
        let until = Monotonic::now().after(ttl).0.max(there.until);
        let block = FlowBlock { until, hits: there.hits, sid, reserved: 0 };
        let insert = || self.blocked.insert(key, block, 0).map_err(of(map::BLOCKED_FLOWS));
        self.in_use.marking(Table::BlockedFlows, insert)
    }

    /// Takes the block of a flow away; whether there was one.
    ///
    /// # Errors
    /// The map refuses.
    pub fn unblock(&mut self, key: &FlowKey) -> Result<bool, Error> {
        was_there(map::BLOCKED_FLOWS, self.blocked.remove(key))
    }

    /// All blocked flows; those that have run out have nothing left.
    ///
    /// # Errors
    /// The map cannot be read.
    pub fn blocks(&self) -> Result<Vec<FlowEntry>, Error> {
        let now = Monotonic::now().0;
        let entry = |(key, block): (FlowKey, FlowBlock)| flow_entry(key, &block, now);
        self.blocked.iter().map(|found| found.map(entry).map_err(of(map::BLOCKED_FLOWS))).collect()
    }

    /// The block of a flow as it stands in the map.
    ///
    /// # Errors
    /// The map cannot be read.
    pub fn block_of(&self, key: &FlowKey) -> Result<Option<FlowBlock>, Error> {
        there(map::BLOCKED_FLOWS, self.blocked.get(key, 0))
    }

    /// The same, with the time that is left.
    ///
    /// # Errors
    /// The map cannot be read.
    pub fn block_entry(&self, key: &FlowKey) -> Result<Option<FlowEntry>, Error> {
        Ok(self.block_of(key)?.map(|block| flow_entry(*key, &block, Monotonic::now().0)))
    }

    /// The release of a flow.
    ///
    /// # Errors
    /// The map cannot be read.
    pub fn release_of(&self, key: &FlowKey) -> Result<Option<Released>, Error> {
        there(map::RELEASED_FLOWS, self.released.get(key, 0))
    }

    /// Lets a flow take the fast path from now on, until nothing was heard of it for `idle` (0: for ever), or something comes
    /// that is to be inspected by the `terms` of its release.
    ///
    /// # Errors
    /// [`Error::Full`]: it is not released, and goes on being inspected.
    pub fn release(&mut self, key: &FlowKey, idle: Duration, terms: &Released) -> Result<(), Error> {
        let idle = u64::try_from(idle.as_nanos()).unwrap_or(u64::MAX);
        let released = Released { since: Monotonic::now().0, idle, ..*terms };
        let insert = || self.released.insert(key, released, 0).map_err(of(map::RELEASED_FLOWS));
        self.in_use.marking(Table::ReleasedFlows, insert)
    }

    /// Ends a release; what the flow carried meanwhile, if it was released.
    ///
    /// # Errors
    /// The map refuses.
    pub fn recall(&mut self, key: &FlowKey) -> Result<Option<Released>, Error> {
        match self.released.get(key, 0) {
            Ok(released) => was_there(map::RELEASED_FLOWS, self.released.remove(key)).map(|_| Some(released)),
            Err(MapError::KeyNotFound) => Ok(None),
            Err(error) => Err(Error::map(map::RELEASED_FLOWS, &error)),
        }
    }

    /// Ends a release as if nothing had been heard of the flow for too long: the next packet is handed up.
    ///
    /// # Errors
    /// The map refuses.
    pub fn expire_release(&mut self, key: &FlowKey) -> Result<(), Error> {
        let Some(released) = self.release_of(key)? else { return Ok(()) };
        let expired = Released { reopened: 1, ..released };
        self.released.insert(key, expired, 0).map_err(of(map::RELEASED_FLOWS))
    }

    /// Ends all releases.
    ///
    /// # Errors
    /// The map refuses.
    pub fn recall_all(&mut self) -> Result<(), Error> {
        let keys: Result<Vec<FlowKey>, MapError> = self.released.keys().collect();
        for key in keys.map_err(of(map::RELEASED_FLOWS))? {
            self.recall(&key)?;
        }
        Ok(())
    }

    fn sweep_blocked(&mut self, now: u64) -> Result<usize, Error> {
        let mut over = Vec::new();
        for found in self.blocked.iter() {
            let (key, block) = found.map_err(of(map::BLOCKED_FLOWS))?;
            if block.until <= now {
                over.push(key);
            }
        }
        for key in &over {
            self.unblock(key)?;
        }
        Ok(over.len())
    }
}

fn flow_entry(key: FlowKey, block: &FlowBlock, now: u64) -> FlowEntry {
    let left = Duration::from_nanos(block.until.saturating_sub(now));
    FlowEntry { key, left, hits: block.hits, sid: block.sid }
}

/// Another handle to a hash map.
pub(super) fn reopened<K: aya::Pod, V: aya::Pod>(
    name: &'static str,
    map: &HashMap<MapData, K, V>,
) -> Result<HashMap<MapData, K, V>, Error> {
    let data = again(name, map.map())?;
    HashMap::try_from(aya::maps::Map::HashMap(data)).map_err(of(name))
}

/// The kernel's key of a flow, and the direction in which the flow's smaller endpoint sends; `None` if the kernel stage
/// cannot tell it apart: inside of a tunnel, or below more than two VLANs.
pub fn flow_key(key: &Key, pair: u16) -> Option<(FlowKey, Dir)> {
    let [outer, inner, third] = key.vlan;
    if key.depth != 0 || third != 0 {
        return None;
    }
    let end = |end: Endpoint| (decision::addr(end.addr), end.port);
    Some(FlowKey::new(end(key.low), end(key.high), key.proto, [outer, inner], pair))
}
