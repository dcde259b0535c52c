//! Flows that the kernel stage carries: what went by there is added when the flow is asked for again, or ends.
//!
//! While a flow is released, the table does not know when it was heard last: before a packet or a sweep can find it idle,
//! or a new connection takes its addresses and ports, the release is recalled.

use super::table::{Entry, Table};
use super::{Flow, Key};
use crate::field::Dir;
use crate::time::Time;
use crate::wire::tcp::Flags;

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
}

/// Whether the kernel stage can carry a flow: both ends tell its directions apart, and nothing has to be kept of its
/// packets that is not in [`Carried`].
pub fn can_be_carried(flow: &Flow) -> bool {
    let ends = (flow.client, flow.server);
    let Key { low, high, depth, .. } = flow.key;
    let apart = low != high && (ends == (low, high) || ends == (high, low));
    apart && depth == 0 && flow.macs.is_none()
}

impl<D> Entry<D> {
    /// Ends the release: adds what went by.
    pub fn recalled(&mut self, carried: Option<&Carried>) {
        self.flow.released = false;
        let Some(carried) = carried else { return };
        let up = if self.flow.client == self.flow.key.low { Dir::ToServer } else { Dir::ToClient };
        for (dir, way) in [(up, carried.up), (up.flip(), carried.down)] {
            if let Some(count) = self.flow.counts.get_mut(dir.index()) {
                count.packets += way.packets;
                count.bytes += way.bytes;
            }
            if let Some(session) = &mut self.tcp {
                session.pass_by(dir, Flags(way.tcp_flags));
            }
        }
        self.flow.last = self.flow.last.max(carried.last.unwrap_or_default());
    }
}

impl<D: Default> Table<D> {
    /// Recalls the release of a flow that a packet at `now` would otherwise find over, as far as the table knows: idle for
    /// too long, or (`opens`) taken by a new connection.
    pub fn recall_before(&mut self, key: &Key, opens: bool, now: Time, recall: impl FnOnce(&Flow) -> Option<Carried>) {
        if let Some(id) = self.released(key, now).filter(|id| opens || self.is_expired(*id)) {
            self.recall(id, recall);
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
        self.heard(id, carried.and_then(|carried| carried.last), |entry| entry.recalled(carried.as_ref()));
    }
}
