//! What detection remembers: of a flow, and of a transaction.
//!
//! Holds flowbits, flow variables, counters of thresholds by flow, and which rules were already tried. All of it
//! is bounded: names come from rules, captured variables have [`MAX_VARS`].

use smallvec::SmallVec;

use super::files::{self, Stores};
use super::names::{NameId, Names, Space};
use super::rule_set::{Generation, RuleId};
use super::shared::Set;
use super::tags::{Extent, Tags};
use super::threshold::{Counter, Rate};
use crate::event::Vars;
use crate::field::Dir;
use crate::packet::Packet;
use crate::record::{Shape, Writer};

/// Variables captured from content that a flow or packet may have.
pub const MAX_VARS: usize = 64;

/// Longest captured value that is kept, in bytes.
pub const MAX_VALUE: usize = 4096;

/// Rules whose matches on the stream are remembered.
const MAX_MATCHED: usize = 64;

/// What detection remembers of a flow.
#[derive(Debug, Default)]
pub struct FlowState {
    /// The flowbits that are set, sorted.
    bits: SmallVec<[NameId; 4]>,
    ints: SmallVec<[(NameId, u32); 2]>,
    rare: Option<Box<Rare>>,
    /// A rule with `bypass` has matched: no rule looks at the flow any more.
    pub(super) bypassed: bool,
    /// A rule with `config` wants no record of the flow's transactions.
    pub(super) unrecorded: bool,
    /// Rules without a pattern that apply to the flow, by direction.
    pub(super) always: [Option<Box<[RuleId]>>; 2],
    /// The rule set that the above are of.
    pub(super) generation: Generation,
    /// The rule set whose rules on addresses alone were tried last, by direction.
    pub(super) addresses_tried: [Generation; 2],
    /// The same for rules on the protocol alone.
    pub(super) protocol_tried: [Generation; 2],
}

/// What few flows have.
#[derive(Debug, Default)]
struct Rare {
    vars: Captured,
    /// Entropies that rules measured, by buffer.
    entropies: Vec<(&'static str, f64)>,
    counters: Vec<(u64, Counter)>,
    rates: Vec<(u64, Rate)>,
    /// Rules that matched on the stream, with the direction and where the data they saw ended, the latest last.
    matched: Vec<(u64, Dir, u64)>,
    tags: Tags,
    /// Files that rules want stored, by direction.
    stores: [Stores; 2],
}

impl FlowState {
    /// Whether a flowbit is set.
    pub fn bit(&self, name: NameId) -> bool {
        self.bits.binary_search(&name).is_ok()
    }

    /// Changes a flowbit.
    pub fn set_bit(&mut self, name: NameId, set: Set) {
        match (self.bits.binary_search(&name), set) {
            (Err(at), Set::On | Set::Toggle) => self.bits.insert(at, name),
            (Ok(at), Set::Off | Set::Toggle) => drop(self.bits.remove(at)),
            (Ok(_), Set::On) | (Err(_), Set::Off) => {}
        }
    }

    /// The value of a flowint, if it has one.
    pub fn int(&self, name: NameId) -> Option<u32> {
        self.ints.iter().find(|row| row.0 == name).map(|row| row.1)
    }

    /// Gives a flowint a value.
    pub fn set_int(&mut self, name: NameId, value: u32) {
        match self.ints.iter_mut().find(|row| row.0 == name) {
            Some(row) => row.1 = value,
            None => self.ints.push((name, value)),
        }
    }

    /// Whether a rule wants no record of the flow's transactions.
    pub const fn unrecorded(&self) -> bool {
        self.unrecorded
    }

    /// The captured variables of the flow.
    pub fn vars(&self) -> &[(Vec<u8>, Vec<u8>)] {
        self.rare.as_ref().map_or(&[], |rare| &rare.vars.0)
    }

    /// Keeps a captured variable.
    pub fn set_var(&mut self, name: &[u8], value: &[u8]) {
        self.rare.get_or_insert_default().vars.set(name, value);
    }

    /// Keeps the entropy of a buffer that made a rule match.
    pub(super) fn set_entropy(&mut self, buffer: &'static str, entropy: f64) {
        let list = &mut self.rare.get_or_insert_default().entropies;
        match list.iter_mut().find(|row| row.0 == buffer) {
            Some(row) => row.1 = entropy,
            None => list.push((buffer, entropy)),
        }
    }

    fn entropies(&self) -> &[(&'static str, f64)] {
        self.rare.as_ref().map_or(&[], |rare| &rare.entropies)
    }

    /// How far the stream was searched when a rule matched on it last.
    pub(super) fn matched(&self, rule: u64, dir: Dir) -> u64 {
        let rows = self.rare.as_ref().map_or(&[][..], |rare| &rare.matched);
        rows.iter().find(|row| (row.0, row.1) == (rule, dir)).map_or(0, |row| row.2)
    }

    /// A rule has matched on the stream as far as `upto`. Of many such rules the oldest is forgotten.
    pub(super) fn set_matched(&mut self, rule: u64, dir: Dir, upto: u64) {
        let rows = &mut self.rare.get_or_insert_default().matched;
        rows.retain(|row| (row.0, row.1) != (rule, dir));
        if rows.len() == MAX_MATCHED {
            rows.remove(0);
        }
        rows.push((rule, dir, upto));
    }

    /// The counter of a rule whose threshold is by flow.
    pub(super) fn counter(&mut self, rule: u64) -> &mut Counter {
        entry(&mut self.rare.get_or_insert_default().counters, rule)
    }

    /// The same for rate filters.
    pub(super) fn rate(&mut self, rule: u64) -> &mut Rate {
        entry(&mut self.rare.get_or_insert_default().rates, rule)
    }

    /// A rule that tags the flow matched on a packet.
    pub(super) fn set_tag(&mut self, rule: u64, extent: Extent, packet: &Packet<'_>) {
        self.rare.get_or_insert_default().tags.set(rule, extent, packet);
    }

    /// A rule wants all files of a direction stored from now on.
    pub(super) fn store(&mut self, dir: Dir, sid: u32) {
        if let Some(stores) = self.rare.get_or_insert_default().stores.get_mut(dir.index()) {
            stores.add(files::ALL, sid);
        }
    }

    /// Numbers of the rules that want all files of a direction stored.
    pub fn stores(&self, dir: Dir) -> impl Iterator<Item = u32> {
        let stores = self.rare.as_ref().and_then(|rare| rare.stores.get(dir.index()));
        stores.into_iter().flat_map(|stores| stores.of(0))
    }

    /// Whether a tag still holds.
    pub(super) fn is_tagged(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| !rare.tags.is_empty())
    }

    /// A packet of the flow comes by. Out: whether a tag shows it.
    pub(super) fn follow_tags(&mut self, packet: &Packet<'_>) -> bool {
        self.rare.as_mut().is_some_and(|rare| rare.tags.follow(packet))
    }

    /// Forgets what belongs to another rule set.
    pub(super) fn belong_to(&mut self, generation: Generation) {
        if self.generation != generation {
            self.generation = generation;
            self.always = [None, None];
        }
    }
}

fn entry<T: Default>(list: &mut Vec<(u64, T)>, key: u64) -> &mut T {
    let at = list.iter().position(|row| row.0 == key).unwrap_or_else(|| {
        list.push((key, T::default()));
        list.len() - 1
    });
    &mut list.get_mut(at).expect("found or appended above").1
}

/// Variables captured from content: names and values.
#[derive(Clone, Debug, Default)]
pub(super) struct Captured(pub(super) Vec<(Vec<u8>, Vec<u8>)>);

impl Captured {
    /// Keeps a value, in place of an earlier one of the same name; beyond the limits it is cut or dropped.
    pub(super) fn set(&mut self, name: &[u8], value: &[u8]) {
        let cut = |bytes: &[u8]| bytes.get(..MAX_VALUE).unwrap_or(bytes).to_vec();
        if let Some(row) = self.0.iter_mut().find(|row| row.0 == name) {
            row.1 = cut(value);
        } else if self.0.len() < MAX_VARS {
            self.0.push((cut(name), cut(value)));
        }
    }
}

/// The variables of a flow and a packet, as records show them.
#[derive(Debug)]
pub struct Shown<'a> {
    pub(super) names: &'a Names,
    pub(super) flow: Option<&'a FlowState>,
    pub(super) packet: &'a [(Vec<u8>, Vec<u8>)],
}

impl Vars for Shown<'_> {
    fn is_empty(&self) -> bool {
        self.packet.is_empty()
            && self.flow.is_none_or(|flow| {
                let captured = flow.vars().is_empty() && flow.entropies().is_empty();
                flow.bits.is_empty() && flow.ints.is_empty() && captured
            })
    }

    fn write(&self, out: &mut dyn Writer) {
        if let Some(flow) = self.flow {
            if !flow.bits.is_empty() {
                out.open("flowbits", Shape::List);
                flow.bits.iter().for_each(|bit| out.text("", self.names.text(Space::Flowbit, *bit).as_bytes()));
                out.close();
            }
            if !flow.ints.is_empty() {
                out.open("flowints", Shape::Object);
                for (name, value) in &flow.ints {
                    out.uint(self.names.text(Space::Flowint, *name), (*value).into());
                }
                out.close();
            }
            write_captured("flowvars", flow.vars(), out);
            if !flow.entropies().is_empty() {
                out.open("entropy", Shape::Object);
                flow.entropies().iter().for_each(|(buffer, entropy)| out.float(&buffer.replace('.', "_"), *entropy));
                out.close();
            }
        }
        write_captured("pktvars", self.packet, out);
    }

    fn flowbits(&self, each: &mut dyn FnMut(&str)) {
        let bits = self.flow.map_or(&[][..], |flow| &flow.bits);
        bits.iter().for_each(|bit| each(self.names.text(Space::Flowbit, *bit)));
    }
}

/// A list of objects with one key each.
fn write_captured(key: &str, vars: &[(Vec<u8>, Vec<u8>)], out: &mut dyn Writer) {
    if vars.is_empty() {
        return;
    }
    out.open(key, Shape::List);
    for (name, value) in vars {
        out.open("", Shape::Object);
        out.text(&String::from_utf8_lossy(name), value);
        out.close();
    }
    out.close();
}

/// What detection remembers of a transaction.
#[derive(Debug, Default)]
pub struct TxState {
    pub(super) generation: Generation,
    pub(super) sides: [Side; 2],
    /// Rules that are candidates, sorted by number.
    pub(super) rules: Vec<Pending>,
    /// Files that rules want stored, by direction.
    pub(super) stores: [Stores; 2],
    /// Certificates that rules want stored.
    pub certificates: Kept,
}

/// Whose certificates rules want stored, and those that were told of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    asked: [bool; 2],
    told: [bool; 2],
}

impl Kept {
    /// A rule that matched on this side wants them.
    pub fn ask(&mut self, dir: Dir) {
        set(&mut self.asked, dir);
    }

    /// Whether one does that got none yet.
    pub fn is_asked(&self, dir: Dir) -> bool {
        self.asked.get(dir.index()).is_some_and(|asked| *asked)
    }

    /// Those of `side` are there, for the rules that matched on `dir`. Out: whether they were not told of before.
    pub fn tell(&mut self, dir: Dir, side: Dir) -> bool {
        if let Some(asked) = self.asked.get_mut(dir.index()) {
            *asked = false;
        }
        !set(&mut self.told, side)
    }
}

/// Sets the flag of a direction. Out: what it was.
fn set(flags: &mut [bool; 2], dir: Dir) -> bool {
    flags.get_mut(dir.index()).is_some_and(|flag| std::mem::replace(flag, true))
}

impl TxState {
    /// Numbers of the rules that want a file stored: by its direction, and its place in the transaction.
    pub fn stores(&self, dir: Dir, place: usize) -> impl Iterator<Item = u32> {
        self.stores.get(dir.index()).into_iter().flat_map(move |stores| stores.of(place))
    }

    pub(super) fn side(&mut self, dir: Dir) -> &mut Side {
        let [request, response] = &mut self.sides;
        if dir == Dir::ToServer { request } else { response }
    }
}

/// How far a direction of a transaction was inspected.
#[derive(Debug, Default)]
pub(super) struct Side {
    /// Revision and progress at the last inspection; `None` before the first.
    pub(super) seen: Option<(u32, u8)>,
    /// How far each prefilter buffer was searched.
    searched: SmallVec<[Searched; 2]>,
    /// It was inspected when complete.
    pub(super) over: bool,
}

impl Side {
    /// How far an instance of a buffer was searched.
    pub(super) fn searched(&self, buffer: u16, instance: usize) -> Option<u64> {
        self.searched.iter().find(|row| row.buffer == buffer)?.upto.get(instance).copied()
    }

    /// An instance of a buffer was searched up to there.
    pub(super) fn note_searched(&mut self, buffer: u16, instance: usize, upto: u64) {
        let place = match self.searched.iter().position(|row| row.buffer == buffer) {
            Some(place) => place,
            None => {
                self.searched.push(Searched { buffer, upto: SmallVec::new() });
                self.searched.len() - 1
            }
        };
        let Some(row) = self.searched.get_mut(place) else { return };
        if instance >= row.upto.len() {
            row.upto.resize(instance + 1, 0);
        }
        if let Some(known) = row.upto.get_mut(instance) {
            *known = upto;
        }
    }

    /// Nothing was searched: by other rules.
    pub(super) fn search_anew(&mut self) {
        self.seen = None;
        self.searched.clear();
    }
}

/// How far a prefilter buffer was searched, by instance.
#[derive(Debug)]
struct Searched {
    buffer: u16,
    upto: SmallVec<[u64; 1]>,
}

/// A rule that may match a transaction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pending {
    /// Which.
    pub(super) rule: RuleId,
    /// In which direction; rules on both sides at once count as to the server.
    pub(super) dir: Dir,
    /// The inspections it has passed, one bit each.
    pub(super) passed: u64,
    /// The files that it may be about, one bit each.
    pub(super) files: u64,
    /// It fired, or never will.
    pub(super) done: bool,
    /// What the rule is over reloads.
    pub(super) identity: u64,
}

/// What detection remembers of a frame.
#[derive(Debug, Default)]
pub struct FrameState {
    pub(super) generation: Generation,
    /// It was looked at before.
    pub(super) begun: bool,
    /// Rules that are candidates, sorted by number.
    pub(super) rules: Vec<Pending>,
}

/// What a flow knows of its application protocol, with what detection remembers of it.
pub type AppState = crate::app::state::State<TxState, FrameState>;
