//! Flows that the kernel stage carries: what went by there is added when the flow is asked for again, or ends.
//!
//! While a flow is released, the table does not know when it was heard last: before a packet or a sweep can find it idle,
//! the release is recalled, and so it is before a packet is looked at for more than its size.

use super::table::{Entry, Table};
use super::{Flow, Key, State};
use crate::field::Dir;
use crate::packet::Packet;
use crate::stream::Pace;
use crate::time::Time;
use crate::wire::tcp::Flags;

/// What of a flow is looked at though nothing can match on all the rest. What opens or ends a connection, or does not
/// continue it as it should, and whatever is odd, is looked at in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Watch {
    /// By direction, all but lone acknowledgments of TCP.
    pub data: [bool; 2],
    /// By direction, data of TCP and UDP that is like this.
    pub looks: [Look; 2],
    /// Segments of TCP with a wrong checksum, or of which IPv4's is.
    pub sums: bool,
    /// Segments of TCP that send again what was sent before.
    pub again: bool,
}

/// Which data rules may match on, in terms of the tables that it is sifted by, which the rules are made into.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Classes by size and first bytes.
    pub classes: u64,
    /// Classes by what stands somewhere in it.
    pub seekers: u32,
    /// Up to where in it what is short is looked for.
    pub near: u16,
    /// Up to where what is longer is; `u16::MAX`: in all of it.
    pub far: u16,
}

impl Look {
    /// What either looks at.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let (classes, seekers) = (self.classes | other.classes, self.seekers | other.seekers);
        Self { classes, seekers, near: self.near.max(other.near), far: self.far.max(other.far) }
    }
}

impl Watch {
    /// The same, client and server being the other way round.
    #[must_use]
    pub fn turned(mut self) -> Self {
        self.data.reverse();
        self.looks.reverse();
        self
    }

    /// Whether a packet of the flow is certainly to be looked at.
    pub fn wants(self, packet: &Packet<'_>, dir: Dir) -> bool {
        let watched = self.data.get(dir.index()).copied().unwrap_or_default();
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
    /// How far this side of a connection has come, if that was followed.
    pub pace: Option<Pace>,
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

/// A flow was taken back; what it has carried, if that is known.
#[derive(Clone, Copy, Debug)]
pub struct Taken(pub Option<Carried>);

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
        let last = carried.last.unwrap_or_default();
        for (dir, way) in [(up, carried.up), (up.flip(), carried.down)] {
            if let Some(count) = self.flow.counts.get_mut(dir.index()) {
                count.packets += way.packets;
                count.bytes += way.bytes;
            }
            let Some(session) = &mut self.tcp else { continue };
            if self.flow.state == State::Bypassed {
                session.pass_by(dir, Flags(way.tcp_flags));
            } else {
                session.go_by(dir, Flags(way.tcp_flags), (way.packets, way.bytes), last, way.pace.as_ref());
            }
        }
        self.flow.last = self.flow.last.max(last);
    }
}

impl<D: Default> Table<D> {
    /// A packet comes at `now`: `recall` is asked whether a released flow has to be taken back before that, and does it; it
    /// is told whether the packet would otherwise find the flow over: as far as the table knows, idle for too long.
    pub fn recall_before(&mut self, key: &Key, now: Time, recall: impl FnOnce(&Flow, bool) -> Option<Taken>) {
        let Some(id) = self.released(key, now) else { return };
        let over = self.is_expired(id);
        let taken = self.entry(id).and_then(|entry| recall(&entry.flow, over));
        if let Some(Taken(carried)) = taken {
            self.taken(id, carried);
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
        if let Some(carried) = self.entry(id).map(|entry| recall(&entry.flow)) {
            self.taken(id, carried);
        }
    }

    fn taken(&mut self, id: u32, carried: Option<Carried>) {
        self.heard(id, carried.and_then(|carried| carried.heard), |entry| entry.recalled(carried.as_ref()));
    }
}
