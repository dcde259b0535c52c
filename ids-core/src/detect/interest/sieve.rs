//! Rules on the payload of single packets, as tables that few steps per packet can be asked by.
//!
//! In: compiled rules.  Out: a [`Sieve`], and of each rule, among the [`Glances`], that by which it is in it. Rules are put into classes;
//! the tables say of each size, and of each value of each of the first bytes, which classes it leaves. What stands at no fixed
//! place is sought by three of its bytes. A packet that no class of a rule is left of cannot match; what a rule asks besides
//! is not in the tables. A rule of which they would keep back too little has no glance.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use hashbrown::HashMap;

use super::super::bytes::outline::{ByteSet, HEAD as FIRST, Outline, Seek};
use super::super::mpm;
use super::super::rule_set::{Compiled, RuleId};
use super::passes_any;
use crate::flow::Look;

/// Sizes of payload that are told apart; larger ones are as one.
pub const SIZES: usize = 2048;
/// Bytes at the beginning that are told apart.
pub const HEAD: usize = FIRST;
/// Farthest place up to which bytes are sought at every even place.
pub const NEAR: usize = 384;
/// Farthest place up to which bytes are sought at every fourth place.
pub const FAR: usize = 1536;
/// Classes of rules that seek at every even place; the others do at every fourth.
pub const NEAR_CLASSES: u8 = 0x0f;
/// What is as long as this has three bytes at a fourth place wherever it stands.
const LONG: usize = 6;
/// Classes of rules by size and first bytes.
const CLASSES: usize = 64;
/// Classes of rules by what they seek: half of them near, half far.
const SEEKERS: usize = 4;
/// A rule is in a class if that leaves no larger share of packets: one byte that is not rare will do.
const SELECTIVE: f64 = 1.0 / 64.0;
/// Packets of this size and above are the bulk of what is long.
const BULK: usize = 1024;

/// The tables.
#[derive(Clone, Debug)]
pub struct Sieve {
    /// Classes by size of the payload; the last stands for all that is larger.
    pub sizes: Vec<u64>,
    /// Classes by place and value of a byte.
    pub head: Vec<[u64; 256]>,
    /// Three bytes that stand at a place that is looked at wherever what is sought stands, and the classes of seekers.
    pub seekers: Vec<([u8; 3], u8)>,
}

/// How a rule is in the tables: what of a flow's data it wants to see.
pub(super) type Glances = HashMap<RuleId, Look, ahash::RandomState>;

impl Default for Sieve {
    fn default() -> Self {
        Self { sizes: vec![0; SIZES], head: vec![[0; 256]; HEAD], seekers: Vec::new() }
    }
}

/// What the payload of one or more rules must be like.
#[derive(Clone, Debug)]
struct Class {
    rules: Vec<RuleId>,
    /// Smallest and largest size. Nothing in between is left out.
    sizes: (usize, usize),
    head: [ByteSet; HEAD],
}

impl Sieve {
    /// Puts rules on payload into tables.
    pub(super) fn of<'r>(rules: impl Iterator<Item = (RuleId, &'r Compiled)>) -> (Self, Glances) {
        let (mut classes, mut seekers) = (Vec::new(), Vec::new());
        for (id, rule) in rules {
            let outline = rule.payload.as_ref().map_or(Outline::ANY, |chain| chain.outline());
            let class = Class { rules: vec![id], sizes: sizes(rule), head: outline.head };
            match outline.seek.filter(can_be_sought) {
                _ if class.share() <= SELECTIVE => classes.push(class),
                Some(seek) => seekers.push((ported(rule), id, seek)),
                None => {}
            }
        }
        let (mut sieve, mut glances) = (Self::default(), Glances::default());
        for (number, class) in merged(classes).iter().enumerate() {
            sieve.add(1 << number, class);
            let look = Look { classes: 1 << number, ..Look::default() };
            glances.extend(class.rules.iter().map(|id| (*id, look)));
        }
        // Those that most flows meet stand together.
        seekers.sort_by_key(|(ported, id, seek)| (*ported, seek.reach, *id));
        let seekers = seekers.into_iter().map(|(_, id, seek)| (id, seek));
        let (far, near): (Vec<_>, Vec<_>) = seekers.partition(|(_, seek)| is_far(seek));
        sieve.seek(&near, 0, &mut glances);
        sieve.seek(&far, SEEKERS, &mut glances);
        (sieve, glances)
    }

    /// Adds what rules seek, those of a like reach in one class, the first of which has this number.
    fn seek(&mut self, rules: &[(RuleId, Seek)], first: usize, glances: &mut Glances) {
        let each = rules.len().div_ceil(SEEKERS).max(1);
        for (number, (id, seek)) in rules.iter().enumerate() {
            let class = 1u8 << (first + (number / each).min(SEEKERS - 1));
            self.seekers.extend(triples(seek).map(|bytes| (bytes, class)));
            let reach = u16::try_from(seek.reach).unwrap_or(u16::MAX);
            let (near, far) = if is_far(seek) { (0, reach) } else { (reach, 0) };
            glances.insert(*id, Look { seekers: class.into(), near, far, ..Look::default() });
        }
    }

    fn add(&mut self, bit: u64, class: &Class) {
        let (least, most) = class.sizes;
        let sizes = self.sizes.iter_mut().enumerate().filter(|(size, _)| least <= *size && *size <= most);
        sizes.for_each(|(_, classes)| *classes |= bit);
        // The last one is all that is larger.
        if let Some(last) = self.sizes.last_mut().filter(|_| least <= most && most >= SIZES) {
            *last |= bit;
        }
        for (row, set) in self.head.iter_mut().zip(class.head) {
            for byte in set.bytes() {
                if let Some(classes) = row.get_mut(usize::from(byte)) {
                    *classes |= bit;
                }
            }
        }
    }
}

/// Whether the tables can have something, by its length and reach.
fn can_be_sought(seek: &Seek) -> bool {
    seek.reach <= NEAR || is_far(seek) && (seek.reach <= FAR || seek.reach == usize::MAX)
}

/// Whether a rule names ports.
fn ported(rule: &Compiled) -> bool {
    !(rule.header.src_ports.is_all() && rule.header.dst_ports.is_all())
}

fn is_far(seek: &Seek) -> bool {
    seek.bytes.len() >= LONG
}

/// Smallest and largest size of payload that a rule can match on.
fn sizes(rule: &Compiled) -> (usize, usize) {
    let (least, most) = rule.payload.as_ref().map_or((0, u64::MAX), |chain| (chain.min_len(), chain.max_len()));
    let size = |size: u64| usize::try_from(size).unwrap_or(usize::MAX);
    let passes = |size: &u64| rule.packet.iter().all(|test| passes_any(test, "dsize", [*size]));
    let fits = || (least.min(1 << 16)..=most.min(u64::from(u16::MAX))).filter(passes);
    match (fits().next(), (least.min(1 << 16)..=most.min(u64::from(u16::MAX))).rev().find(passes)) {
        (Some(first), Some(last)) => (size(first), size(last)),
        // No packet can match.
        _ => (1, 0),
    }
}

impl Class {
    /// Which share of the packets of a long transfer it leaves, as a guess.
    fn share(&self) -> f64 {
        let (least, most) = self.sizes;
        let bulk = if least > most {
            0.0
        } else if most < BULK {
            1.0 / 256.0
        } else {
            1.0
        };
        let byte = |set: &ByteSet| if *set == ByteSet::ALL { 1.0 } else { set.bytes().map(frequency).sum::<f64>() };
        self.head.iter().map(byte).product::<f64>() * bulk
    }

    /// What is like either.
    fn or(&self, other: &Self) -> Self {
        let mut head = self.head;
        head.iter_mut().zip(other.head).for_each(|(set, more)| *set = set.or(more));
        let sizes = (self.sizes.0.min(other.sizes.0), self.sizes.1.max(other.sizes.1));
        Self { rules: self.rules.iter().chain(&other.rules).copied().collect(), sizes, head }
    }

    /// Like ones stand together in this order.
    fn order(&self) -> (bool, [bool; HEAD], [ByteSet; HEAD]) {
        (self.sizes.1 < BULK, self.head.map(|set| set == ByteSet::ALL), self.head)
    }
}

/// How often a byte occurs, half of what is transferred being text: a guess.
fn frequency(byte: u8) -> f64 {
    let text = if byte.is_ascii_alphanumeric() || byte == b' ' { 0.5 / 63.0 } else { 0.0 };
    let even = 0.4 / 256.0;
    if byte == 0 { even + 0.1 } else { even + text }
}

/// Neighbours are merged, those first that leave the least more together than apart, until no more than [`CLASSES`] are left.
fn merged(mut classes: Vec<Class>) -> Vec<Class> {
    classes.sort_by_key(Class::order);
    let mut slots: Vec<Option<Class>> = classes.into_iter().map(Some).collect();
    let mut left = slots.len();
    let mut next: Vec<usize> = (1..=slots.len()).collect();
    let mut changed: Vec<u32> = vec![0; slots.len()];
    let mut heap = BinaryHeap::new();
    let loss = |slots: &[Option<Class>], at: usize, after: usize| {
        let (one, other) = (slots.get(at)?.as_ref()?, slots.get(after)?.as_ref()?);
        // Comparable: shares are numbers from 0 to 1.
        Some((one.or(other).share() * 1e15 - (one.share() + other.share()) * 1e15).max(0.0) as u64)
    };
    let offer = |heap: &mut BinaryHeap<_>, slots: &[Option<Class>], changed: &[u32], at: usize, after: usize| {
        let stamps = (changed.get(at).copied(), changed.get(after).copied());
        heap.extend(loss(slots, at, after).map(|loss| Reverse((loss, at, after, stamps))));
    };
    (0..slots.len()).for_each(|at| offer(&mut heap, &slots, &changed, at, at + 1));
    while left > CLASSES {
        let Some(Reverse((_, at, after, stamps))) = heap.pop() else { break };
        let current = (changed.get(at).copied(), changed.get(after).copied()) == stamps;
        let pair = (slots.get(at).and_then(Option::as_ref), slots.get(after).and_then(Option::as_ref));
        let (true, (Some(one), Some(other))) = (current, pair) else { continue };
        let both = one.or(other);
        let beyond = next.get(after).copied().unwrap_or(slots.len());
        if let (Some(place), Some(link), Some(stamp)) = (slots.get_mut(at), next.get_mut(at), changed.get_mut(at)) {
            (*place, *link, *stamp) = (Some(both), beyond, *stamp + 1);
        }
        slots.get_mut(after).map(Option::take);
        left -= 1;
        offer(&mut heap, &slots, &changed, at, beyond);
        if let Some(before) = (0..at).rev().find(|before| slots.get(*before).is_some_and(Option::is_some)) {
            offer(&mut heap, &slots, &changed, before, at);
        }
    }
    slots.into_iter().flatten().collect()
}

/// Three bytes each that stand at a place that is looked at, wherever the whole begins. The rarest are taken; of three bytes
/// in all that begin at an odd place, they and the one before are looked at, which is any.
fn triples(seek: &Seek) -> impl Iterator<Item = [u8; 3]> {
    let every = if is_far(seek) { 4 } else { 2 };
    let exact = |bytes: &[u8]| bytes.iter().map(|byte| set(*byte, seek.nocase)).collect::<Vec<_>>();
    let from = |start: usize| {
        let rarity = |bytes: &&[u8]| mpm::score(bytes, seek.nocase);
        let windows = seek.bytes.get(start..).unwrap_or_default().windows(3).step_by(every);
        match (windows.max_by_key(rarity), &*seek.bytes) {
            (Some(bytes), _) => exact(bytes),
            (None, [a, b, ..]) => vec![ByteSet::ALL, set(*a, seek.nocase), set(*b, seek.nocase)],
            (None, _) => Vec::new(),
        }
    };
    let all: Vec<_> = (0..every).map(from).collect();
    all.into_iter().flat_map(all_of)
}

fn set(byte: u8, nocase: bool) -> ByteSet {
    let mut set = ByteSet::NONE;
    set.add(byte, nocase);
    set
}

/// Every combination.
fn all_of(sets: Vec<ByteSet>) -> impl Iterator<Item = [u8; 3]> {
    let [a, b, c] = <[ByteSet; 3]>::try_from(sets).unwrap_or([ByteSet::NONE; 3]);
    a.bytes().flat_map(move |a| b.bytes().flat_map(move |b| c.bytes().map(move |c| [a, b, c])))
}
