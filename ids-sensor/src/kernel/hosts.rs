//! Host and prefix blocks as they must stand in a longest-prefix-match trie.
//!
//! In: blocks asked for and taken away.  Out: which entries of the trie change, and to what.
//! A trie answers with the longest match alone, so a short block of a host would hide a long one of its network.
//! Hence each entry's `until` is the latest of its own times and those of all broader entries; a new entry
//! inherits from those above it, and a new broader one raises those below. The same holds of IPv4 hosts, which lie in a
//! hash of their own that is searched first.

use std::collections::BTreeMap;

use ids_ebpf::block::HostBlock;

use super::prefix::Prefix;

/// All blocks of hosts and prefixes; the copy in userspace, which is the truth.
#[derive(Debug, Default)]
pub struct Hosts {
    entries: BTreeMap<Prefix, Entry>,
    lengths: Lengths,
}

/// One prefix, and who wants it blocked.
#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    /// As it stands in the trie. Its own times are the later ones of those below.
    block: HostBlock,
    /// Until when rules or people want it blocked, by side.
    asked: [u64; 2],
    /// Until when lists do, on both sides.
    listed: u64,
}

impl Entry {
    /// Brings the times of the trie up to date with what is wanted and what broader entries demand.
    fn settle(&mut self, inherited: [u64; 2]) {
        self.block.own = later(self.asked, [self.listed; 2]);
        self.block.until = later(self.block.own, inherited);
    }
}

/// What happens to one entry of the trie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is new.
    Insert(Prefix, HostBlock),
    /// It is there, and its times change; its hits are the kernel's.
    Update(Prefix, HostBlock),
    /// It goes.
    Delete(Prefix),
}

impl Change {
    /// Whose entry it is.
    pub const fn prefix(&self) -> Prefix {
        let (Self::Insert(prefix, _) | Self::Update(prefix, _) | Self::Delete(prefix)) = self;
        *prefix
    }
}

impl Hosts {
    /// From what stands in the maps. Who wanted it is not known there: it counts as asked for.
    pub fn from_maps(entries: impl IntoIterator<Item = (Prefix, HostBlock)>) -> Self {
        let mut hosts = Self::default();
        for (prefix, block) in entries {
            hosts.lengths.add(prefix);
            hosts.entries.insert(prefix, Entry { block, asked: block.own, listed: 0 });
        }
        hosts
    }

    /// Blocks a prefix by side until the given times (0: that side is not asked for). Times that are already later
    /// stay: a block is not shortened by another.
    pub fn add(&mut self, prefix: Prefix, until: [u64; 2], sid: u32) -> Vec<Change> {
        self.change(prefix, |entry| {
            entry.asked = later(entry.asked, until);
            entry.block.sid = sid;
        })
    }

    /// Blocks what stands on a list until a time, on both sides.
    pub fn list(&mut self, prefix: Prefix, until: u64) -> Vec<Change> {
        self.change(prefix, |entry| entry.listed = until)
    }

    /// Changes what is wanted of a prefix; its times are later then, or as they were.
    fn change(&mut self, prefix: Prefix, change: impl FnOnce(&mut Entry)) -> Vec<Change> {
        let inherited = self.above(prefix);
        let there = self.entries.contains_key(&prefix);
        if !there {
            self.lengths.add(prefix);
        }
        let entry = self.entries.entry(prefix).or_default();
        change(entry);
        entry.settle(inherited);
        let (block, own) = (entry.block, entry.block.own);
        let mut changes = vec![if there { Change::Update(prefix, block) } else { Change::Insert(prefix, block) }];
        for (inner, entry) in below(&mut self.entries, prefix) {
            let raised = later(entry.block.until, own);
            if raised != entry.block.until {
                entry.block.until = raised;
                changes.push(Change::Update(*inner, entry.block));
            }
        }
        changes
    }

    /// Takes a block away, and what others inherited from it; `None` if it was not there.
    pub fn remove(&mut self, prefix: Prefix) -> Option<Vec<Change>> {
        self.entries.remove(&prefix)?;
        self.lengths.take(prefix);
        let mut changes = vec![Change::Delete(prefix)];
        self.lower_inside(prefix, &mut changes);
        Some(changes)
    }

    /// Ends what lists wanted of a prefix. What was asked for besides stays as long as it holds.
    pub fn unlist(&mut self, prefix: Prefix, now: u64) -> Vec<Change> {
        let inherited = self.above(prefix);
        match self.entries.get_mut(&prefix) {
            None => Vec::new(),
            Some(entry) if entry.asked.iter().any(|until| *until > now) => {
                entry.listed = 0;
                entry.settle(inherited);
                let mut changes = vec![Change::Update(prefix, entry.block)];
                self.lower_inside(prefix, &mut changes);
                changes
            }
            Some(_) => self.remove(prefix).unwrap_or_default(),
        }
    }

    /// Takes from the entries inside of a prefix what they inherited and nobody demands any more.
    fn lower_inside(&mut self, prefix: Prefix, changes: &mut Vec<Change>) {
        let inner: Vec<Prefix> = below(&mut self.entries, prefix).map(|(inner, _)| *inner).collect();
        for inner in inner {
            let inherited = self.above(inner);
            if let Some(entry) = self.entries.get_mut(&inner) {
                let until = later(entry.block.own, inherited);
                if until != entry.block.until {
                    entry.block.until = until;
                    changes.push(Change::Update(inner, entry.block));
                }
            }
        }
    }

    /// Takes away what has run out: the broader entry, if there is one, then answers for itself.
    pub fn sweep(&mut self, now: u64) -> Vec<Change> {
        let mut over = Vec::new();
        let Self { entries, lengths } = self;
        entries.retain(|prefix, entry| {
            let live = entry.block.own.iter().any(|until| *until > now);
            if !live {
                lengths.take(*prefix);
                over.push(Change::Delete(*prefix));
            }
            live
        });
        over
    }

    /// Whether there is an entry of this very prefix.
    pub fn holds(&self, prefix: Prefix) -> bool {
        self.entries.contains_key(&prefix)
    }

    /// How many entries there are of an IP version.
    pub fn count(&self, v4: bool) -> usize {
        self.lengths.of(v4).iter().sum()
    }

    /// What was asked for and holds, lists aside.
    pub fn asked(&self, now: u64) -> impl Iterator<Item = (Prefix, &HostBlock)> {
        let live = move |entry: &Entry| entry.asked.iter().any(|until| *until > now);
        self.entries.iter().filter(move |(_, entry)| live(entry)).map(|(prefix, entry)| (*prefix, &entry.block))
    }

    /// The entry of a prefix and all broader ones, the narrowest first.
    pub fn covering(&self, prefix: Prefix) -> impl Iterator<Item = (Prefix, &HostBlock)> {
        let found = |outer| Some((outer, &self.entries.get(&outer)?.block));
        std::iter::once(prefix).chain(self.broader(prefix)).filter_map(found)
    }

    /// The entries inside of a prefix, without its own.
    pub fn inside(&self, prefix: Prefix) -> impl Iterator<Item = (Prefix, &HostBlock)> {
        let all = self.entries.range(prefix..).take_while(move |(inner, _)| prefix.contains(**inner));
        all.filter(move |(inner, _)| **inner != prefix).map(|(inner, entry)| (*inner, &entry.block))
    }

    /// The latest times of all broader entries.
    fn above(&self, prefix: Prefix) -> [u64; 2] {
        let found = self.broader(prefix).filter_map(|outer| self.entries.get(&outer));
        found.fold([0; 2], |until, entry| later(until, entry.block.own))
    }

    /// The networks around a prefix that there may be an entry of.
    fn broader(&self, prefix: Prefix) -> impl Iterator<Item = Prefix> {
        prefix.broader().filter(|outer| self.lengths.has(*outer))
    }
}

/// How many entries there are of each length, so that none is looked for where there is none: most blocks are of
/// hosts, and an IPv6 host lies in 128 networks.
#[derive(Debug)]
struct Lengths {
    v4: [usize; 33],
    v6: [usize; 129],
}

impl Default for Lengths {
    fn default() -> Self {
        Self { v4: [0; 33], v6: [0; 129] }
    }
}

impl Lengths {
    const fn of(&self, v4: bool) -> &[usize] {
        if v4 { &self.v4 } else { &self.v6 }
    }

    const fn place(&mut self, prefix: Prefix) -> &mut usize {
        let length = prefix.length() as usize;
        if prefix.is_v4() { &mut self.v4[length] } else { &mut self.v6[length] }
    }

    const fn add(&mut self, prefix: Prefix) {
        *self.place(prefix) += 1;
    }

    const fn take(&mut self, prefix: Prefix) {
        *self.place(prefix) -= 1;
    }

    const fn has(&self, prefix: Prefix) -> bool {
        self.of(prefix.is_v4())[prefix.length() as usize] > 0
    }
}

/// The entries inside of a prefix, without itself.
fn below(entries: &mut BTreeMap<Prefix, Entry>, prefix: Prefix) -> impl Iterator<Item = (&Prefix, &mut Entry)> {
    entries
        .range_mut(prefix..)
        .take_while(move |(inner, _)| prefix.contains(**inner))
        .filter(move |(inner, _)| **inner != prefix)
}

/// The later time of each side.
fn later(a: [u64; 2], b: [u64; 2]) -> [u64; 2] {
    [a[0].max(b[0]), a[1].max(b[1])]
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use proptest::prelude::*;

    use super::*;

    /// What happens to the blocks of a small network.
    #[derive(Clone, Debug)]
    enum Step {
        Add(Prefix, [u64; 2]),
        Remove(Prefix),
        List(Prefix, u64),
        Unlist(Prefix),
        Sweep(u64),
    }

    fn prefixes() -> impl Strategy<Value = Prefix> {
        // Few addresses and all lengths, so that entries nest.
        (0u8..4, prop_oneof![Just(0u8), Just(8), Just(29), Just(30), Just(31), Just(32)])
            .prop_map(|(last, length)| Prefix::around(IpAddr::V4(Ipv4Addr::new(10, 0, 0, last)), length))
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let until = prop_oneof![Just(0u64), 1..20u64];
        let step = prop_oneof![
            4 => (prefixes(), until.clone(), until).prop_map(|(p, a, b)| Step::Add(p, [a, b])),
            2 => prefixes().prop_map(Step::Remove),
            2 => (prefixes(), 1..20u64).prop_map(|(p, until)| Step::List(p, until)),
            2 => prefixes().prop_map(Step::Unlist),
            1 => (0..20u64).prop_map(Step::Sweep),
        ];
        proptest::collection::vec(step, 0..40)
    }

    /// The trie as the kernel keeps it, written by changes alone.
    fn longest(trie: &BTreeMap<Prefix, HostBlock>, host: Prefix) -> [u64; 2] {
        let hit = trie.iter().filter(|(p, _)| p.contains(host)).max_by_key(|(p, _)| p.length());
        hit.map_or([0; 2], |(_, block)| block.until)
    }

    proptest! {
        /// At any time, the longest match says what a plain list of all blocks says.
        #[test]
        fn as_good_as_a_list(steps in steps()) {
            let mut hosts = Hosts::default();
            let mut trie: BTreeMap<Prefix, HostBlock> = BTreeMap::new();
            let mut list: Vec<(Prefix, [u64; 2])> = Vec::new();
            let mut listed: BTreeMap<Prefix, u64> = BTreeMap::new();
            let mut now = 0;
            for step in steps {
                let changes = match step {
                    Step::Add(prefix, until) => {
                        list.push((prefix, until));
                        hosts.add(prefix, until, 1)
                    }
                    Step::Remove(prefix) => {
                        list.retain(|(p, _)| *p != prefix);
                        listed.remove(&prefix);
                        hosts.remove(prefix).unwrap_or_default()
                    }
                    Step::List(prefix, until) => {
                        // A list is read again before its time is over.
                        let until = until.max(now + 1).max(listed.get(&prefix).copied().unwrap_or(0));
                        listed.insert(prefix, until);
                        hosts.list(prefix, until)
                    }
                    Step::Unlist(prefix) => {
                        listed.remove(&prefix);
                        hosts.unlist(prefix, now)
                    }
                    Step::Sweep(at) => {
                        now = now.max(at);
                        list.retain(|(_, until)| until[0] > now || until[1] > now);
                        listed.retain(|_, until| *until > now);
                        hosts.sweep(now)
                    }
                };
                for change in changes {
                    match change {
                        Change::Insert(prefix, block) => prop_assert!(trie.insert(prefix, block).is_none()),
                        Change::Update(prefix, block) => prop_assert!(trie.insert(prefix, block).is_some()),
                        Change::Delete(prefix) => prop_assert!(trie.remove(&prefix).is_some()),
                    }
                }
                for last in 0..9 {
                    let host = Prefix::host(IpAddr::V4(Ipv4Addr::new(10, 0, 0, last)));
                    let held = list.iter().filter(|(p, _)| p.contains(host));
                    let wanted = held.fold([0; 2], |until, (_, more)| later(until, *more));
                    let held = listed.iter().filter(|(p, _)| p.contains(host));
                    let wanted = held.fold(wanted, |until, (_, more)| later(until, [*more; 2]));
                    let found = longest(&trie, host);
                    for side in 0..2 {
                        prop_assert_eq!(found[side] > now, wanted[side] > now, "{} side {}", host, side);
                        if wanted[side] > now {
                            prop_assert_eq!(found[side], wanted[side], "{} side {}", host, side);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_short_block_of_a_host_does_not_hide_a_long_one_of_its_network() {
        let mut hosts = Hosts::default();
        let (net, host) = ("10.0.0.0/8".parse().unwrap(), "10.0.0.1".parse().unwrap());
        let block = |own, until, sid| HostBlock { own, until, sid, ..HostBlock::default() };
        assert_eq!(hosts.add(net, [100, 0], 1), [Change::Insert(net, block([100, 0], [100, 0], 1))]);
        assert_eq!(hosts.add(host, [5, 5], 2), [Change::Insert(host, block([5, 5], [100, 5], 2))]);
        assert_eq!(
            hosts.add(net, [200, 0], 1),
            [Change::Update(net, block([200, 0], [200, 0], 1)), Change::Update(host, block([5, 5], [200, 5], 2))]
        );
        let changes = hosts.remove(net).unwrap();
        assert_eq!(changes, [Change::Delete(net), Change::Update(host, block([5, 5], [5, 5], 2))]);
        assert!(hosts.remove(net).is_none());
        assert_eq!(hosts.sweep(4), []);
        assert_eq!(hosts.sweep(5), [Change::Delete(host)]);
    }
}
