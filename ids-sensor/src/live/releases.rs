//! Flows that the kernel stage carries for a worker's engine.
//!
//! In: flows to release, and flows to take back.  Out: entries of the kernel's map, and what it counted in them.
//! A release waits until all packets in line were taken and have left, so that none is overtaken on the fast path, and the
//! kernel goes on from where the engine is.

use std::time::Duration;

use ahash::AHashMap;
use ids_core::flow::{Carried, Key, Look, Watch, release::OneWay};
use ids_core::stream::{Pace, Stamp};
use ids_core::time::Time;
use ids_ebpf::flow::{Dir, FlowKey, Released};
use ids_ebpf::sieve;
use ids_ebpf::track::{Side, Stamps};

use crate::kernel::clock::{Monotonic, wall};
use crate::kernel::tables::{Flows, flow_key};

/// Releases that may wait for their flow's last packet to leave.
const WAITING: usize = 4096;

/// Rounds of a worker that releases wait for a moment without packets in line. Of a flow that never pauses some are overtaken
/// then: they go on being looked at, but the kernel does not know of them.
const PATIENCE: u32 = 4;

/// How flows become keys of the kernel's maps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Keys {
    /// The pair or mirror port that packets come in on.
    pub(super) pair: u16,
    pub(super) track_vlan: bool,
}

impl Keys {
    /// The kernel's key; `None` if it cannot tell the flow apart. Both call the same endpoint the smaller.
    pub(super) fn of(self, key: &Key) -> Option<(FlowKey, Dir)> {
        let key = if self.track_vlan { *key } else { Key { vlan: [0; 3], ..*key } };
        flow_key(&key, self.pair)
    }
}

/// What became of releases.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Count {
    pub(super) released: u64,
    /// The map or the line was full, or the map refused: the flow's packets go on being handed up.
    pub(super) failed: u64,
    /// The kernel stage cannot tell the flow apart.
    pub(super) not_expressible: u64,
}

/// Flows to release: after which silence they are over, and on which terms.
type Line = AHashMap<FlowKey, (Duration, Released)>;

/// The releases of one worker.
pub(super) struct Releases {
    flows: Flows,
    keys: Keys,
    /// Asked for since the latest [`Self::stage`].
    asked: Line,
    waiting: Line,
    /// Rounds since they wait.
    rounds: u32,
    pub(super) count: Count,
}

impl Releases {
    pub(super) fn new(flows: Flows, keys: Keys) -> Self {
        let count = Count { released: 0, failed: 0, not_expressible: 0 };
        Self { flows, keys, asked: Line::default(), waiting: Line::default(), rounds: 0, count }
    }

    /// Puts a release in line, or brings one in line up to date.
    pub(super) fn ask(&mut self, key: &Key, idle: Duration, terms: (&Watch, Option<[Pace; 2]>), again: bool) {
        let Some((key, low)) = self.keys.of(key) else {
            self.count.not_expressible += u64::from(!again);
            return;
        };
        let terms = (idle, released(terms.0, terms.1, low));
        let full = self.asked.len() >= WAITING;
        match self.asked.get_mut(&key).or(self.waiting.get_mut(&key)) {
            Some(there) => *there = terms,
            None if again => {}
            None if full => self.count.failed += 1,
            None => {
                self.asked.insert(key, terms);
            }
        }
    }

    /// Whether some are in line.
    pub(super) fn any_waiting(&self) -> bool {
        !self.waiting.is_empty() || !self.asked.is_empty()
    }

    /// Lets those in line wait for the packets that are on their way now, if none waits already; whether any begins to.
    pub(super) fn stage(&mut self) -> bool {
        if self.waiting.is_empty() {
            std::mem::swap(&mut self.asked, &mut self.waiting);
            self.rounds = 0;
            return !self.waiting.is_empty();
        }
        false
    }

    /// A round is over, after which there are packets in line, or none. Out: whether those that wait have done so for long
    /// enough.
    pub(super) const fn is_due(&mut self, in_line: bool) -> bool {
        self.rounds += 1;
        !in_line || self.rounds > PATIENCE
    }

    /// Writes those that [wait](Self::stage): no packet of theirs is on its way any more.
    pub(super) fn write(&mut self) {
        for (key, (idle, released)) in self.waiting.drain() {
            match self.flows.release(&key, idle, &released) {
                Ok(()) => self.count.released += 1,
                Err(_) => self.count.failed += 1,
            }
        }
    }

    /// Whether the kernel found something among the packets of a released flow, and hands them up since.
    pub(super) fn is_reopened(&self, key: &Key) -> bool {
        let Some((key, _)) = self.keys.of(key) else { return true };
        if self.asked.contains_key(&key) || self.waiting.contains_key(&key) {
            return false;
        }
        // A release that could not be carried out is none.
        !matches!(self.flows.release_of(&key), Ok(Some(released)) if released.reopened == 0)
    }

    /// Ends a release; what the flow has carried, if it was carried out.
    pub(super) fn recall(&mut self, key: &Key) -> Option<Carried> {
        let (key, low) = self.keys.of(key)?;
        self.asked.remove(&key);
        self.waiting.remove(&key);
        match self.flows.recall(&key) {
            Ok(released) => released.map(|released| carried(&released, low, wall(), Monotonic::now())),
            Err(error) => {
                tracing::warn!(%error, "what a flow carried in the kernel is not known");
                None
            }
        }
    }
}

/// What the engine wants to see, and how far the connection has come, as the kernel writes it; `low` is the direction in
/// which the engine's smaller endpoint sends.
pub fn released(watch: &Watch, pace: Option<[Pace; 2]>, low: Dir) -> Released {
    let flag = |is: bool, bit| if is { bit } else { 0 };
    let Watch { data: [smaller, larger], looks, sums, again } = watch;
    let high = if low == Dir::Up { Dir::Down } else { Dir::Up };
    let watched = flag(*smaller, Released::watch(low))
        | flag(*larger, Released::watch(high))
        | flag(*sums, Released::CHECKED)
        | flag(*again, Released::AGAIN)
        | flag(pace.is_some(), Released::TRACKED);
    let mut released = Released {
        watched,
        looks: looks.map(|Look { classes, seekers, near, far }| sieve::Look { classes, seekers, near, far }),
        sides: pace.unwrap_or_default().map(side),
        ..Released::default()
    };
    if low == Dir::Down {
        released.looks.reverse();
        released.sides.reverse();
    }
    released
}

fn side(pace: Pace) -> Side {
    let Pace { next, acked, edge, reach, window, scale, stamp } = pace;
    let (stamp, stamps) = match stamp {
        Stamp::None => (0, Stamps::None),
        Stamp::Known(value) => (value, Stamps::Known),
        Stamp::Ignored => (0, Stamps::Ignored),
    };
    Side { next, acked, edge, reach, stamp, seen: next, window, scale, stamps: stamps as u8 }
}

fn pace(side: &Side) -> Pace {
    let Side { next, acked, edge, reach, stamp, seen: _, window, scale, stamps } = *side;
    let known = |kind: Stamps| stamps == kind as u8;
    let stamp = match () {
        () if known(Stamps::Known) => Stamp::Known(stamp),
        () if known(Stamps::Ignored) => Stamp::Ignored,
        () => Stamp::None,
    };
    Pace { next, acked, edge, reach, window, scale, stamp }
}

/// The kernel's counts as the engine's; `low` is the direction in which the engine's smaller endpoint sends. Clocks are
/// those of one moment.
pub fn carried(released: &Released, low: Dir, wall: Time, now: Monotonic) -> Carried {
    let way = |at: usize| {
        let way = released.carried[at];
        let pace = (released.watched & Released::TRACKED != 0).then(|| pace(&released.sides[at]));
        // TCP flags are eight bits.
        OneWay { packets: way.packets, bytes: way.bytes, tcp_flags: (way.tcp_flags & 0xff) as u8, pace }
    };
    let (up, down) = if low == Dir::Up { (0, 1) } else { (1, 0) };
    let last = released.carried.iter().map(|way| way.last).max().filter(|last| *last > 0);
    let age = |last| u64::try_from(now.since(Monotonic(last)).as_nanos()).unwrap_or(u64::MAX);
    let last = last.map(|last| Time::from_nanos(wall.nanos().saturating_sub(age(last))));
    Carried { up: way(up), down: way(down), last, heard: last }
}
