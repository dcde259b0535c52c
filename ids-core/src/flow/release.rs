//! Flows that the kernel stage carries: what went by there is added when the flow is asked for again, or ends.
//!
//! While a flow is released, the table does not know when it was heard last: before a packet or a sweep can find it idle,
//! the release is recalled, and so it is before a packet is looked at for more than its size.

use super::table::{Entry, Table};
use super::{Flow, Key, State};
use crate::field::Dir;
use crate::packet::Packet;
use crate::time::Time;
use crate::wire::tcp::Flags;

/// What of a flow is looked at though nothing can match on all the rest: by direction, all but lone acknowledgments of
/// TCP. What opens or ends a connection, and whatever is odd, is looked at in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Watch(pub [bool; 2]);

impl Watch {
    /// Whether a packet of the flow is to be looked at.
    pub fn wants(self, packet: &Packet<'_>, dir: Dir) -> bool {
        let watched = self.0.get(dir.index()).copied().unwrap_or_default();
        let wanted = match packet.tcp() {
            Some(tcp) => !tcp.flags().only_carry() || watched && !tcp.payload.is_empty(),
            None => watched,
        };
        wanted || !packet.anomalies.is_empty()
    }
}

/// What went by in one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OneWay {
    /// Packets.
    pub packets: u64,
    /// Bytes, link layer included.
    pub bytes: u64,
    /// All TCP flags seen.
    pub tcp_flags: u8,
}

/// What a flow carried while it was released.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// From the key's smaller endpoint to the larger.
    pub up: OneWay,
    /// And back.
    pub down: OneWay,
    /// Time of the latest packet; `None` if there was none.
    pub last: Option<Time>,
    /// The largest packet time so far when it came: what the flow's silence is measured by.
    pub heard: Option<Time>,
}

/// Whether the kernel stage can carry a flow: both ends tell its directions apart, and nothing has to be kept of its
/// packets that is not in [`Carried`].
pub fn can_be_carried(flow: &Flow) -> bool {
    let ends = (flow.client, flow.server);
    let Key { low, high, depth, .. } = flow.key;
    let apart = low != high && (ends == (low, high) || ends == (high, low));
    apart && depth == 0 && flow.macs.is_none()
}

/// The direction in which the key's smaller endpoint sends.
pub fn up(flow: &Flow) -> Dir {
    if flow.client == flow.key.low { Dir::ToServer } else { Dir::ToClient }
}

impl<D> Entry<D> {
    /// Ends the release: adds what went by.
    pub fn recalled(&mut self, carried: Option<&Carried>) {
        self.flow.released = false;
        let Some(carried) = carried else { return };
        let up = up(&self.flow);
        for (dir, way) in [(up, carried.up), (up.flip(), carried.down)] {
            if let Some(count) = self.flow.counts.get_mut(dir.index()) {
                count.packets += way.packets;
                count.bytes += way.bytes;
            }
            self.went_by(dir, Flags(way.tcp_flags), way.bytes);
        }
        self.flow.last = self.flow.last.max(carried.last.unwrap_or_default());
    }
}

impl<D> Entry<D> {
    /// TCP packets with these flags and at most so many bytes went by in a direction.
    pub fn went_by(&mut self, dir: Dir, flags: Flags, bytes: u64) {
        let Some(session) = &mut self.tcp else { return };
        match self.flow.done {
            // What is watched did not go by, but its acknowledgments.
            Some(Watch(watched)) if self.flow.state != State::Bypassed => {
                let watched = watched.get(dir.index()).copied().unwrap_or_default();
                session.go_by(dir, flags, if watched { 0 } else { bytes });
            }
            _ => session.pass_by(dir, flags),
        }
    }
}

impl<D: Default> Table<D> {
    /// Recalls the release of a flow before a packet at `now` that `needs` it, or that would otherwise find it over: as far
    /// as the table knows, idle for too long.
    pub fn recall_before(
        &mut self,
        key: &Key,
        now: Time,
        needs: impl FnOnce(&Flow) -> bool,
        recall: impl FnOnce(&Flow) -> Option<Carried>,
    ) {
        let Some(id) = self.released(key, now) else { return };
        if self.is_expired(id) || self.entry(id).is_some_and(|entry| needs(&entry.flow)) {
            self.recall(id, recall);
        }
    }

    /// What can match on flows is another question now: recalls the releases of those that are done, and forgets that they
    /// were.
    pub fn recall_done(&mut self, now: Time, mut recall: impl FnMut(&Flow) -> Option<Carried>) {
        for id in self.all_done(now) {
            if self.entry(id).is_some_and(|entry| entry.flow.released) {
                self.recall(id, &mut recall);
                self.put_aside(id);
            }
            self.heard(id, None, |entry| entry.flow.done = None);
        }
    }

    /// Recalls the releases of all flows that a sweep at `now` would find idle for too long, as far as the table knows.
    pub fn recall_idle(&mut self, now: Time, mut recall: impl FnMut(&Flow) -> Option<Carried>) {
        for id in self.idle_releases(now) {
            self.recall(id, &mut recall);
            self.put_aside(id);
        }
    }

    fn recall(&mut self, id: u32, recall: impl FnOnce(&Flow) -> Option<Carried>) {
        let Some(carried) = self.entry(id).map(|entry| recall(&entry.flow)) else { return };
        self.heard(id, carried.and_then(|carried| carried.heard), |entry| entry.recalled(carried.as_ref()));
    }
}
