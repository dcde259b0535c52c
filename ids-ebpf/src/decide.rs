//! The order of decisions: host block → limits of the source → flow block → released flow → interest → inspect.
//!
//! In: the headers of a frame, the port's configuration, the maps.  Out: one [`Outcome`].  An allowed prefix
//! shields the address that a host block names, a source from its limits, and either end of a flow block; where frames are
//! for this machine ([`Mode::Host`]), their sender alone: the receiver would shield all flows.
//!
//! Where the network stack carries frames on and hands up copies ([`Mode::Host`]), copies are decided on by the last part
//! of the same order ([`copy`]), which also sees what this machine sends: so released flows are counted there.

use crate::block::{HostBlock, Side};
use crate::config::{Mode, PortConfig};
use crate::flood::{Bucket, Kind, Limit, Source};
use crate::flow::{Addr, Dir, FlowBlock, FlowKey, Released};
use crate::headers::{Bytes, Class, Headers};
use crate::interest::Interest;
use crate::outcome::Outcome;
use crate::shared::Shared;
use crate::sieve::Part;

/// The maps, and the clock that their times are in.
pub trait Tables {
    /// CLOCK_MONOTONIC in nanoseconds.
    fn now(&self) -> u64;
    /// The same as of the latest tick of the kernel's timer: some milliseconds behind, at less than half the cost. For all
    /// that lasts longer than that.
    fn tick(&self) -> u64;
    /// Whether an allowed prefix holds this address (of IP version 4 or 6).
    fn allowed(&self, version: u8, addr: Addr) -> bool;
    /// The longest blocked prefix that holds this address.
    fn host(&self, version: u8, addr: Addr) -> Option<&Shared<HostBlock>>;
    /// The limit on packets of this kind, if there is one.
    fn limit(&self, kind: Kind) -> Option<Limit>;
    /// What a source has sent of what is limited; `None` if it is new, and has now sent one packet.
    fn bucket(&self, source: &Source, limit: &Limit) -> Option<&Shared<Bucket>>;
    /// Counts a frame over a limit that is only watched.
    fn over_limit(&self, kind: Kind, length: u64);
    /// The block of a flow.
    fn flow(&self, key: &FlowKey) -> Option<&Shared<FlowBlock>>;
    /// The release of a flow.
    fn released(&self, key: &FlowKey) -> Option<&Shared<Released>>;
    /// What is wanted; `None` means everything.
    fn interest(&self) -> Option<&Interest>;
}

/// Decides on one frame of `length` bytes, and counts it in the entry that decided.
#[inline(always)]
pub fn decide(
    frame: &(impl Bytes + ?Sized),
    headers: &Headers,
    length: u64,
    config: &PortConfig,
    tables: &impl Tables,
) -> Outcome {
    if headers.version != 0
        && (blocked(headers.version, headers.src, Side::Source, tables)
            || blocked(headers.version, headers.dst, Side::Destination, tables))
    {
        return Outcome::DropHost;
    }
    if let Some(kind) = Kind::of(headers)
        && is_flood(headers, kind, length, tables)
    {
        return kind.outcome();
    }
    match headers.class {
        Class::Whole => {
            let (key, dir) = FlowKey::of(headers, config);
            if flow_blocked(&key, headers, config, tables) {
                return Outcome::DropFlow;
            }
            let counted = !is_host(config);
            flow((frame, headers), length, (&key, dir), counted, tables)
        }
        Class::Partly => {
            let (key, _) = FlowKey::of(headers, config);
            if flow_blocked(&key, headers, config, tables) { Outcome::DropFlow } else { Outcome::InspectUnknown }
        }
        class => without_flow(class, tables),
    }
}

/// Decides on the copy of a frame that the network stack carries on: whether somebody wants to look at it.
#[inline(always)]
pub fn copy(
    frame: &(impl Bytes + ?Sized),
    headers: &Headers,
    length: u64,
    config: &PortConfig,
    tables: &impl Tables,
) -> Outcome {
    match headers.class {
        Class::Whole => {
            let (key, dir) = FlowKey::of(headers, config);
            flow((frame, headers), length, (&key, dir), true, tables)
        }
        Class::Partly => Outcome::InspectUnknown,
        class => without_flow(class, tables),
    }
}

/// Frames that no flow's key can be made of.
#[inline(always)]
fn without_flow(class: Class, tables: &impl Tables) -> Outcome {
    match class {
        Class::Fragment => Outcome::InspectFragment,
        Class::Malformed => Outcome::InspectMalformed,
        Class::NonIp => match tables.interest() {
            Some(interest) if !interest.wants_non_ip() => Outcome::FastUninteresting,
            _ => Outcome::Inspect,
        },
        Class::Unknown | Class::Whole | Class::Partly => Outcome::InspectUnknown,
    }
}

#[inline(always)]
fn blocked(version: u8, addr: Addr, side: Side, tables: &impl Tables) -> bool {
    let Some(block) = tables.host(version, addr) else { return false };
    if block.until(side) <= tables.tick() || tables.allowed(version, addr) {
        return false;
    }
    block.hit();
    true
}

/// Whether a packet is over the limit of its source, and has to go.
#[inline(always)]
fn is_flood(headers: &Headers, kind: Kind, length: u64, tables: &impl Tables) -> bool {
    let Some(limit) = tables.limit(kind) else { return false };
    let Some(bucket) = tables.bucket(&Source::of(headers, kind), &limit) else { return false };
    if bucket.take(&limit, tables.now()) || tables.allowed(headers.version, headers.src) {
        return false;
    }
    bucket.count_over();
    if limit.dry_run != 0 {
        tables.over_limit(kind, length);
    }
    limit.dry_run == 0
}

/// The part of the order behind all blocks. `counted`: what a released flow carries is counted here.
#[inline(always)]
fn flow(
    (frame, headers): (&(impl Bytes + ?Sized), &Headers),
    length: u64,
    (key, dir): (&FlowKey, Dir),
    counted: bool,
    tables: &impl Tables,
) -> Outcome {
    if let Some(flow) = tables.released(key)
        && !flow.reopened()
    {
        // What flows carried is told with the time, and that is worth its cost.
        let now = tables.now();
        if headers.turns() || flow.silent(now) || wanted((frame, headers), flow, dir, tables) {
            flow.reopen();
            return Outcome::InspectRecall;
        }
        if counted {
            flow.count(dir, length, now, headers.tcp_flags);
        }
        return Outcome::FastReleased;
    }
    match tables.interest() {
        Some(interest) if !interest.wants(headers) => Outcome::FastUninteresting,
        _ => Outcome::Inspect,
    }
}

/// Whether a packet of a released flow that neither opens nor ends anything is to be inspected; if not, it is taken into
/// account.
#[inline(always)]
fn wanted(
    (frame, headers): (&(impl Bytes + ?Sized), &Headers),
    flow: &Shared<Released>,
    dir: Dir,
    tables: &impl Tables,
) -> bool {
    let watched = flow.watched();
    if headers.carries() && watched & Released::watch(dir) != 0 {
        return true;
    }
    if watched & Released::CHECKED != 0 && !frame.fits(headers.place) {
        return true;
    }
    let look = flow.look(dir);
    let finds = |part| {
        headers.carries() && look.seekers_of(part) != 0 && frame.finds(headers.place, (&look, part), tables.interest())
    };
    if finds(Part::Near) || finds(Part::Far) {
        return true;
    }
    if watched & Released::TRACKED != 0 {
        return frame.odd(headers.place, flow, dir, tables.interest());
    }
    look.classes != 0 && headers.carries() && frame.sifts(headers.place, look.classes, tables.interest())
}

#[inline(always)]
fn flow_blocked(key: &FlowKey, headers: &Headers, config: &PortConfig, tables: &impl Tables) -> bool {
    let Some(block) = tables.flow(key) else { return false };
    if block.until() <= tables.tick()
        || tables.allowed(headers.version, headers.src)
        || (!is_host(config) && tables.allowed(headers.version, headers.dst))
    {
        return false;
    }
    block.hit();
    true
}

#[inline(always)]
const fn is_host(config: &PortConfig) -> bool {
    matches!(config.mode(), Some(Mode::Host))
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
