//! How far a TCP connection has come while userspace does not look: a segment either continues it as it should, or is
//! handed up.
//!
//! What passes is such that a TCP engine finds nothing odd in it, and all that it would remember of it is kept here: so
//! userspace goes on from there as if it had seen every segment. Whatever is not that plain (out of the window, an
//! acknowledgment of what was not allowed, an old timestamp) is for userspace to judge. What is sent again is where
//! somebody asks, or where userspace may have kept the first copy.
//! Sources: RFC 9293 §3.10.7.4; timestamps: RFC 7323 §5; acknowledgments: RFC 5961 §5.

use crate::segment::Segment;

/// What is known of one sender, in its own sequence numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Side {
    /// What comes after the last byte sent.
    pub next: u32,
    /// What the other side has acknowledged.
    pub acked: u32,
    /// Right edge of the window that the other side granted.
    pub edge: u32,
    /// Largest window that the other side granted, in bytes.
    pub reach: u32,
    /// Its latest timestamp that is in order.
    pub stamp: u32,
    /// What comes after the last byte that userspace has seen.
    pub seen: u32,
    /// The latest window that it grants, unscaled.
    pub window: u16,
    /// Shift of that window.
    pub scale: u8,
    /// Number of a [`Stamps`].
    pub stamps: u8,
}

const _: () = assert!(size_of::<Side>() == 28);

/// What is known of a sender's timestamps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Stamps {
    /// None has come yet.
    #[default]
    None = 0,
    /// `stamp` is one.
    Known = 1,
    /// They were not agreed on, and mean nothing.
    Ignored = 2,
}

impl Side {
    /// What a segment of this side makes of both, `peer` being the other one; `None` if it is to be looked at. `again`: so is
    /// all that was sent before.
    #[inline(always)]
    pub const fn after(&self, peer: &Self, segment: &Segment, again: bool) -> Option<(Self, Self)> {
        let end = segment.seq.wrapping_add(segment.data);
        let window = (segment.window as u32) << (self.scale & 0xf);
        let granted = segment.ack.wrapping_add(window);
        let farthest = later(peer.edge, peer.next);
        // Bits and no branches: each of those doubles what the kernel's verifier goes through.
        let copied = (1 ^ nothing(segment.data)) & before(segment.seq, self.seen);
        let repeated = again as u32 & before(segment.seq, self.next);
        let oldest = self.acked.wrapping_sub(later(self.reach, LEAST_REACH));
        let disorder = copied | repeated | before(end, oldest) | before(self.edge, end);
        let unbelievable = before(segment.ack, peer.acked) | before(farthest, segment.ack);
        let old = segment.stamped as u32 & known(self.stamps) & before(segment.stamp, self.stamp);
        // Nothing but a window that takes back what is under way.
        let news = segment.data | (segment.seq ^ self.next) | (segment.ack ^ peer.acked);
        let taken_back = nothing(news) & before(granted, peer.next);
        if disorder | unbelievable | old | taken_back != 0 {
            return None;
        }
        // An acknowledgment may come before data that it follows; it sends nothing itself.
        let next = if segment.data > 0 { later(self.next, end) } else { self.next };
        let mut mine = Self { next, window: segment.window, ..*self };
        if segment.stamped && self.stamps != Stamps::Ignored as u8 && before(self.acked, segment.seq) == 0 {
            (mine.stamp, mine.stamps) = (segment.stamp, Stamps::Known as u8);
        }
        let edge = later(peer.edge, granted);
        let reach = later(peer.reach, window);
        Some((mine, Self { acked: segment.ack, next: later(peer.next, segment.ack), edge, reach, ..*peer }))
    }
}

/// So many bytes before what is acknowledged lie in the window, whatever that was: it can be that large without scaling.
const LEAST_REACH: u32 = 0xffff;

/// 1 if a sequence number comes before another one, where they are less than 2^31 apart.
#[inline(always)]
const fn before(one: u32, other: u32) -> u32 {
    one.wrapping_sub(other) >> 31
}

/// The one that comes later.
#[inline(always)]
const fn later(one: u32, other: u32) -> u32 {
    let behind = other.wrapping_sub(one);
    // All bits if `other` is not before `one`.
    one.wrapping_add(behind & (behind >> 31).wrapping_sub(1))
}

/// 1 if a number is 0.
#[inline(always)]
const fn nothing(number: u32) -> u32 {
    !(number | number.wrapping_neg()) >> 31
}

/// 1 if there is a timestamp: numbers of [`Stamps`] have it in their lowest bit.
#[inline(always)]
const fn known(stamps: u8) -> u32 {
    stamps as u32 & 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_plain_passes_and_is_remembered() {
        let side = Side {
            next: 1000,
            acked: 900,
            edge: 3000,
            reach: 2000,
            stamp: 50,
            stamps: 1,
            seen: 940,
            ..Side::default()
        };
        let peer = Side { next: 80, acked: 80, edge: 500, reach: 400, ..Side::default() };
        let data = Segment { seq: 1000, ack: 80, window: 420, data: 100, ..Segment::default() };
        let bare = Segment { data: 0, ..data };
        let stamped = |stamp| Segment { stamped: true, stamp, ..data };
        let cases = [
            ("data in order", data, [true; 2]),
            ("an acknowledgment", bare, [true; 2]),
            ("up to the edge", Segment { data: 2000, ..data }, [true; 2]),
            ("beyond the edge", Segment { data: 2001, ..data }, [false; 2]),
            ("behind a hole", Segment { seq: 1500, ..data }, [true; 2]),
            ("sent again", Segment { seq: 940, data: 60, ..data }, [true, false]),
            ("sent again in part", Segment { seq: 999, ..data }, [true, false]),
            ("what userspace has seen, too", Segment { seq: 939, ..data }, [false; 2]),
            ("a probe for a dead peer", Segment { seq: 999, ..bare }, [true, false]),
            ("an acknowledgment out of order", Segment { seq: 900, ..bare }, [true, false]),
            ("one from before the window", Segment { seq: 900u32.wrapping_sub(65_536), ..bare }, [false; 2]),
            ("acknowledges more", Segment { ack: 400, ..bare }, [true; 2]),
            ("acknowledges what was not allowed", Segment { ack: 501, ..bare }, [false; 2]),
            ("acknowledges less", Segment { ack: 79, ..data }, [false; 2]),
            ("the next timestamp", stamped(51), [true; 2]),
            ("the same timestamp", stamped(50), [true; 2]),
            ("an old timestamp", stamped(49), [false; 2]),
        ];
        for (name, segment, passes) in cases {
            // Where nobody asks for what is sent again, and where somebody does.
            let found = [false, true].map(|again| side.after(&peer, &segment, again).is_some());
            assert_eq!(found, passes, "{name}");
        }
        let after = |side: &Side, segment| side.after(&peer, &segment, false).unwrap();
        let (mine, theirs) = after(&side, Segment { ack: 300, ..stamped(60) });
        assert_eq!((mine.next, mine.window, mine.stamp), (1100, 420, 50), "not at the edge of what is acknowledged");
        assert_eq!((theirs.acked, theirs.next, theirs.edge, theirs.reach), (300, 300, 720, 420));
        assert_eq!(after(&side, Segment { seq: 1500, ..bare }).0.next, 1000, "an acknowledgment sends nothing");
        let ends =
            [(950, 10), (999, 10), (1000, 10)].map(|(seq, data)| after(&side, Segment { seq, data, ..bare }).0.next);
        assert_eq!(ends, [1000, 1009, 1010], "what is sent again takes nothing back");
        assert_eq!(after(&Side { acked: 1000, ..side }, stamped(60)).0.stamp, 60);
        let ignoring = Side { stamps: Stamps::Ignored as u8, ..side };
        assert_eq!(after(&ignoring, stamped(1)).0.stamp, 50);
    }

    #[test]
    fn a_window_is_not_taken_back() {
        let client = Side { next: 10, acked: 10, edge: 100, ..Side::default() };
        let server = Side { next: 5000, acked: 1000, edge: 9000, reach: 8000, ..Side::default() };
        let said = |ack, window| Segment { seq: 10, ack, window, ..Segment::default() };
        let cases = [(1000, 8000, true), (1000, 4000, true), (1000, 3999, false), (1001, 3000, true)];
        for (ack, window, passes) in cases {
            assert_eq!(client.after(&server, &said(ack, window), true).is_some(), passes, "{ack} {window}");
        }
        let scaled = Side { scale: 7, ..client };
        assert_eq!(scaled.after(&server, &said(1500, 100), true).unwrap().1.edge, 14_300);
    }

    #[test]
    fn numbers_go_round() {
        let top = u32::MAX - 9;
        let side = Side { next: top, acked: top, seen: top, edge: top.wrapping_add(100), ..Side::default() };
        let peer = Side { next: 7, acked: 7, edge: 90, ..Side::default() };
        let segment = Segment { seq: top, ack: 7, data: 50, ..Segment::default() };
        assert_eq!(side.after(&peer, &segment, true).unwrap().0.next, 40);
        assert!(side.after(&peer, &Segment { data: 101, ..segment }, true).is_none());
    }
}
