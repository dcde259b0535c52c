//! What is known of one sender of a connection: sequence numbers, window, timestamps, its bytes.
//!
//! Positions are sequence numbers without the wrap-around: the SYN is 0, the first byte 1. They are signed, since a
//! packet may name one before the SYN.

use std::time::Duration;

use super::assembly::Assembly;
use crate::time::Time;
use crate::wire::tcp::Tcp;

/// After so long without one, an old timestamp says nothing (RFC 7323 §5.5).
const STAMP_LIFE: Duration = Duration::from_secs(24 * 24 * 3600);

/// Largest receive window there is (RFC 7323 §2.3).
pub(super) const LARGEST_WINDOW: i64 = 65_535 << 14;

/// One sender.
#[derive(Debug)]
pub(super) struct Half {
    isn: u32,
    /// Position after the last thing sent.
    pub(super) next: i64,
    /// Position up to which the other side has acknowledged.
    pub(super) acked: i64,
    /// Right edge of the window that the other side granted: no byte may lie there or beyond.
    pub(super) edge: i64,
    /// Largest window that the other side granted.
    pub(super) reach: i64,
    /// Latest window this side grants the other, in bytes.
    pub(super) window: i64,
    /// Window shift of this side's packets.
    pub(super) scale: u8,
    /// Timestamps of this side.
    pub(super) stamps: Stamps,
    /// All flags seen.
    pub(super) flags: u8,
    /// Position of the FIN.
    pub(super) fin: Option<i64>,
    /// Position after the byte of the last zero-window probe.
    pub(super) probe: Option<i64>,
    /// Its bytes.
    pub(super) assembly: Assembly,
}

/// Timestamp option of one side (RFC 7323).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stamps {
    /// The latest value that is in order, and when it came.
    latest: Option<(u32, Time)>,
    /// They were not agreed on: what looks like one means nothing.
    ignored: bool,
}

impl Half {
    pub(super) fn new(assembly: Assembly) -> Self {
        Self {
            isn: 0,
            next: 0,
            acked: 0,
            edge: 0,
            reach: 0,
            window: 0,
            scale: 0,
            stamps: Stamps::default(),
            flags: 0,
            fin: None,
            probe: None,
            assembly,
        }
    }

    /// Begins the sequence space with a SYN, or with what stands for one.
    pub(super) fn open(&mut self, isn: u32) {
        self.isn = isn;
        self.next = 1;
        self.acked = 0;
    }

    /// The initial sequence number.
    pub(super) const fn isn(&self) -> u32 {
        self.isn
    }

    /// The sequence number of a position.
    pub(super) const fn sequence(&self, position: i64) -> u32 {
        // Sequence numbers wrap around at 32 bits, so that the lower half of the position is all there is of it.
        self.isn.wrapping_add((position & 0xffff_ffff) as u32)
    }

    /// The position of a sequence number: the one nearest to what comes next.
    pub(super) fn position(&self, sequence: u32) -> i64 {
        self.position_near(sequence, self.next)
    }

    /// The position of a sequence number that is nearest to another position.
    pub(super) fn position_near(&self, sequence: u32, position: i64) -> i64 {
        let there = self.sequence(position);
        position.saturating_add(i64::from(sequence.wrapping_sub(there).cast_signed()))
    }

    /// The other side acknowledged up to `ack` and grants `window` bytes beyond. Out: gaps that this closed.
    pub(super) fn acknowledge(&mut self, ack: i64, window: i64) -> u32 {
        self.next = self.next.max(ack);
        self.acked = self.acked.max(ack);
        self.grant(ack, window);
        u64::try_from(ack - 1).map_or(0, |offset| self.assembly.acknowledge(offset))
    }

    /// The other side can take `window` bytes from `ack` on.
    pub(super) fn grant(&mut self, ack: i64, window: i64) {
        self.edge = self.edge.max(ack + window);
        self.reach = self.reach.max(window);
    }

    /// Whether the FIN was sent and acknowledged.
    pub(super) fn fin_acked(&self) -> bool {
        self.fin.is_some_and(|fin| self.acked > fin)
    }

    /// Whether a packet with `length` bytes at `start` may be sent (RFC 9293 §3.10.7.4, step 1): within the window, or
    /// the byte that probes a closed one.
    pub(super) fn may_send(&self, start: i64, length: i64) -> bool {
        let room = self.edge.max(self.next.min(self.acked));
        let end = start + length;
        let in_front = end <= room || (length == 1 && start == room);
        in_front && end >= self.acked - self.reach.max(i64::from(u16::MAX))
    }

    /// Whether an acknowledgment of this side's bytes is believable (RFC 5961 §5.2); bytes that were not seen are fine
    /// as long as they were allowed.
    pub(super) fn may_be_acked(&self, ack: i64) -> bool {
        // One beyond the window: a FIN, or the byte of a zero-window probe.
        ack <= self.edge.max(self.next) + 1 && ack >= self.acked - self.reach.max(i64::from(u16::MAX)) && ack >= 0
    }
}

/// What is known of one side's timestamps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stamp {
    /// None has come yet.
    #[default]
    None,
    /// The latest that is in order.
    Known(u32),
    /// They were not agreed on, and mean nothing.
    Ignored,
}

impl Stamps {
    /// What is known.
    pub(super) fn state(&self) -> Stamp {
        match self.latest {
            _ if self.ignored => Stamp::Ignored,
            Some((value, _)) => Stamp::Known(value),
            None => Stamp::None,
        }
    }

    /// Notes a timestamp that is in order.
    pub(super) fn note(&mut self, value: u32, now: Time) {
        let newer = self.latest.is_none_or(|(latest, _)| value.wrapping_sub(latest).cast_signed() > 0);
        if newer && !self.ignored {
            self.latest = Some((value, now));
        }
    }

    /// Both sides must offer timestamps for them to mean anything (RFC 7323 §3.2).
    pub(super) fn ignore(&mut self) {
        *self = Self { latest: None, ignored: true };
    }

    /// Whether a value is older than one that the receiver has taken (PAWS, RFC 7323 §5.3).
    pub(super) fn is_old(&self, value: u32, now: Time) -> bool {
        self.latest
            .is_some_and(|(latest, at)| value.wrapping_sub(latest).cast_signed() < 0 && now.since(at) < STAMP_LIFE)
    }

    /// Notes the timestamp of a packet at the left edge of what the receiver expects, or before it.
    pub(super) fn take(&mut self, tcp: &Tcp<'_>, now: Time) {
        if let Some((value, _)) = tcp.timestamps().filter(|_| !self.ignored) {
            let newer = self.latest.is_none_or(|(latest, _)| value.wrapping_sub(latest).cast_signed() >= 0);
            self.latest = if newer { Some((value, now)) } else { self.latest };
        }
    }
}
