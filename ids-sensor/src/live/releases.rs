//! Flows that the kernel stage carries for a worker's engine.
//!
//! In: flows to release, and flows to take back.  Out: entries of the kernel's map, and what it counted in them.
//! A release waits until all packets in line have left, so that none is overtaken on the fast path.

use std::time::Duration;

use ids_core::flow::{Carried, Key, release::OneWay};
use ids_core::time::Time;
use ids_ebpf::flow::{Dir, FlowKey, Released};

use crate::kernel::clock::{Monotonic, wall};
use crate::kernel::tables::{Flows, flow_key};

/// Releases that may wait for their flow's last packet to leave.
const WAITING: usize = 4096;

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

/// The releases of one worker.
pub(super) struct Releases {
    flows: Flows,
    keys: Keys,
    /// Asked for since the latest [`Self::stage`].
    asked: Vec<(FlowKey, Duration, u64)>,
    waiting: Vec<(FlowKey, Duration, u64)>,
    pub(super) count: Count,
}

impl Releases {
    pub(super) const fn new(flows: Flows, keys: Keys) -> Self {
        let count = Count { released: 0, failed: 0, not_expressible: 0 };
        Self { flows, keys, asked: Vec::new(), waiting: Vec::new(), count }
    }

    /// Puts a release in line.
    pub(super) fn ask(&mut self, key: &Key, idle: Duration, watch: [bool; 2]) {
        match self.keys.of(key) {
            None => self.count.not_expressible += 1,
            Some(_) if self.asked.len() >= WAITING => self.count.failed += 1,
            Some((key, low)) => self.asked.push((key, idle, watched(watch, low))),
        }
    }

    /// Whether some are in line.
    pub(super) const fn any_waiting(&self) -> bool {
        !self.waiting.is_empty() || !self.asked.is_empty()
    }

    /// Lets those in line wait for the packets that are on their way now, if none waits already; whether any begins to.
    pub(super) fn stage(&mut self) -> bool {
        if self.waiting.is_empty() {
            std::mem::swap(&mut self.asked, &mut self.waiting);
            return !self.waiting.is_empty();
        }
        false
    }

    /// Writes those that [wait](Self::stage): no packet of theirs is on its way any more.
    pub(super) fn write(&mut self) {
        for (key, idle, watched) in self.waiting.drain(..) {
            match self.flows.release(&key, idle, watched) {
                Ok(()) => self.count.released += 1,
                Err(_) => self.count.failed += 1,
            }
        }
    }

    /// Ends a release; what the flow has carried, if it was carried out.
    pub(super) fn recall(&mut self, key: &Key) -> Option<Carried> {
        let (key, low) = self.keys.of(key)?;
        self.asked.retain(|(asked, ..)| *asked != key);
        self.waiting.retain(|(waiting, ..)| *waiting != key);
        match self.flows.recall(&key) {
            Ok(released) => released.map(|released| carried(&released, low, wall(), Monotonic::now())),
            Err(error) => {
                tracing::warn!(%error, "what a flow carried in the kernel is not known");
                None
            }
        }
    }
}

/// What the engine wants to see, by its smaller endpoint and its larger, as the kernel writes it; `low` is the direction
/// in which the smaller one sends.
pub fn watched([smaller, larger]: [bool; 2], low: Dir) -> u64 {
    let high = if low == Dir::Up { Dir::Down } else { Dir::Up };
    let bit = |is: bool, dir| if is { Released::watch(dir) } else { 0 };
    bit(smaller, low) | bit(larger, high)
}

/// The kernel's counts as the engine's; `low` is the direction in which the engine's smaller endpoint sends. Clocks are
/// those of one moment.
pub fn carried(released: &Released, low: Dir, wall: Time, now: Monotonic) -> Carried {
    let way = |at: usize| {
        let way = released.carried[at];
        // TCP flags are eight bits.
        OneWay { packets: way.packets, bytes: way.bytes, tcp_flags: (way.tcp_flags & 0xff) as u8 }
    };
    let (up, down) = if low == Dir::Up { (0, 1) } else { (1, 0) };
    let last = released.carried.iter().map(|way| way.last).max().filter(|last| *last > 0);
    let age = |last| u64::try_from(now.since(Monotonic(last)).as_nanos()).unwrap_or(u64::MAX);
    let last = last.map(|last| Time::from_nanos(wall.nanos().saturating_sub(age(last))));
    Carried { up: way(up), down: way(down), last, heard: last }
}
