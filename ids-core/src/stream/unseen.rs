//! Packets of a connection that went by without being looked at, and what they have done to it.
//!
//! Of a connection that is bypassed flags are all that is kept. Of any other one, only such packets go by as continue it as
//! they should, and how far that has come is known ([`Pace`]): so it goes on as if they had been looked at.

use super::half::{Half, Stamp};
use super::session::{Session, State};
use crate::field::Dir;
use crate::time::Time;
use crate::wire::tcp::Flags;

/// How far one side of a connection has come, in its own sequence numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    /// What comes after the last byte sent.
    pub next: u32,
    /// What the other side has acknowledged.
    pub acked: u32,
    /// Right edge of the window that the other side granted.
    pub edge: u32,
    /// Largest window that the other side granted, in bytes.
    pub reach: u32,
    /// The latest window that it grants, unscaled.
    pub window: u16,
    /// Shift of that window.
    pub scale: u8,
    /// Its timestamps.
    pub stamp: Stamp,
}

/// Positions of one side that lie farther apart than this cannot be told by sequence numbers alone.
const FAR: i64 = 1 << 30;

/// What a packet has besides its payload, at least: link layer, IP and TCP.
const HEADERS: u64 = 54;

impl Session {
    /// Notes packets of a connection that is bypassed. It is over when both sides have said so, or one has reset it.
    pub fn pass_by(&mut self, dir: Dir, flags: Flags) {
        self.half(dir).flags |= flags.0;
        let (client, server) = (Flags(self.client.flags), Flags(self.server.flags));
        let ended = client.has(Flags::FIN) && server.has(Flags::FIN);
        if ended || client.has(Flags::RST) || server.has(Flags::RST) {
            self.state = State::Closed;
        }
    }

    /// How far both sides have come, by the direction that they send in; `None` if it takes more than that to tell what is
    /// odd about the next packet.
    pub fn pace(&self) -> Option<[Pace; 2]> {
        if self.one_sided || self.client.probe.is_some() || self.server.probe.is_some() {
            return None;
        }
        Some([self.client.pace()?, self.server.pace()?])
    }

    /// Notes what went by in a direction: these flags, so many packets and bytes, the last of them at a time, and how far that
    /// has come.
    pub fn go_by(&mut self, dir: Dir, flags: Flags, (packets, bytes): (u64, u64), last: Time, pace: Option<&Pace>) {
        let half = self.half(dir);
        half.flags |= flags.0;
        if let Some(pace) = pace {
            half.catch_up(pace, (packets, bytes), last);
        }
    }
}

impl Half {
    fn pace(&self) -> Option<Pace> {
        let near = |position: i64| (position - self.next).abs() < FAR;
        let edge = self.edge.min(self.next + FAR - 1);
        if !near(self.acked) || !near(edge) {
            return None;
        }
        Some(Pace {
            next: self.sequence(self.next),
            acked: self.sequence(self.acked),
            edge: self.sequence(edge),
            reach: u32::try_from(self.reach).ok()?,
            window: u16::try_from(self.window >> self.scale).ok()?,
            scale: self.scale,
            stamp: self.stamps.state(),
        })
    }

    /// What went by moves nothing back: the side may have been heard since.
    fn catch_up(&mut self, pace: &Pace, (packets, bytes): (u64, u64), last: Time) {
        // Sequence numbers go round: this many bytes tell how often.
        let sent = bytes.saturating_sub(packets.saturating_mul(HEADERS));
        let about = self.next.saturating_add(i64::try_from(sent).unwrap_or(i64::MAX));
        let next = self.position_near(pace.next, about);
        self.next = self.next.max(next);
        let acked = self.position_near(pace.acked, next);
        if acked > self.acked {
            self.acknowledge(acked, 0);
        }
        self.edge = self.edge.max(self.position_near(pace.edge, next));
        self.reach = self.reach.max(i64::from(pace.reach));
        if packets > 0 {
            self.window = i64::from(pace.window) << self.scale;
        }
        if let Stamp::Known(value) = pace.stamp {
            self.stamps.note(value, last);
        }
    }
}
