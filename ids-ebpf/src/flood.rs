//! Limits on what one source may send: keys and values of `FLOOD_LIMITS` and `FLOOD_SOURCES`.
//!
//! A token bucket for each source and kind of packet, kept as one number: the moment at which it will be full again
//! (virtual scheduling, ITU-T I.371 annex A). A packet takes what one packet costs, and is over the limit if the bucket
//! would then be full again too late. So a packet is one comparison and one addition, and there is nothing to refill.

use crate::flow::Addr;
use crate::headers::Headers;
use crate::outcome::Outcome;

/// What is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// TCP connections that are opened: SYN without ACK.
    Syn = 0,
    /// UDP packets, also in fragments.
    Udp = 1,
}

impl Kind {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 2] = [Self::Syn, Self::Udp];

    /// What a packet is; `None` if nothing limits it.
    #[inline(always)]
    pub const fn of(headers: &Headers) -> Option<Self> {
        match headers.proto {
            _ if headers.version == 0 => None,
            6 if headers.opens() => Some(Self::Syn),
            17 => Some(Self::Udp),
            _ => None,
        }
    }

    /// What becomes of a packet over the limit.
    #[inline(always)]
    pub const fn outcome(self) -> Outcome {
        match self {
            Self::Syn => Outcome::DropFloodSyn,
            Self::Udp => Outcome::DropFloodUdp,
        }
    }

    /// Its name in records and counters.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Syn => "syn",
            Self::Udp => "udp",
        }
    }
}

/// How much a source may send of one kind. All zeroes: there is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Limit {
    /// What a packet costs: the nanoseconds between packets at the highest rate.
    pub cost: u64,
    /// What a full bucket holds, in nanoseconds.
    pub depth: u64,
    /// Not 0: packets over the limit are counted, but not dropped.
    pub dry_run: u64,
}

const _: () = assert!(size_of::<Limit>() == 24);

impl Limit {
    /// So many packets a second, and so many at once. A rate of 0 is no limit.
    pub const fn new(rate: u32, burst: u32, dry_run: bool) -> Self {
        if rate == 0 {
            return Self { cost: 0, depth: 0, dry_run: 0 };
        }
        let cost = 1_000_000_000 / rate as u64;
        let burst = if burst == 0 { 1 } else { burst as u64 };
        // A rate beyond a billion is one packet a nanosecond.
        let cost = if cost == 0 { 1 } else { cost };
        Self { cost, depth: cost * burst, dry_run: dry_run as u64 }
    }

    /// Whether there is one.
    #[inline(always)]
    pub const fn is_set(&self) -> bool {
        self.cost != 0
    }
}

/// Whose bucket it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct Source {
    /// An IPv4 address, or the first 64 bits of an IPv6 address: those that follow are the sender's to choose.
    pub addr: Addr,
    /// A number of [`Kind`].
    pub kind: u64,
}

const _: () = assert!(size_of::<Source>() == 24);

impl Source {
    /// Of a packet.
    #[inline(always)]
    pub const fn of(headers: &Headers, kind: Kind) -> Self {
        let Addr { high, low } = headers.src;
        let low = if headers.version == 4 { low } else { 0 };
        Self { addr: Addr { high, low }, kind: kind as u64 }
    }
}

/// What a source has sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Bucket {
    /// When it will be full again, CLOCK_MONOTONIC in nanoseconds.
    pub full_at: u64,
    /// Packets over the limit.
    pub over: u64,
}

const _: () = assert!(size_of::<Bucket>() == 16);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::Shared;

    #[test]
    fn a_burst_passes_and_then_the_rate() {
        let limit = Limit::new(10, 3, false);
        let bucket = Shared::new(Bucket::default());
        let second = 1_000_000_000;
        let start = 5 * second;
        let passed = |now: u64| bucket.take(&limit, now);
        assert_eq!([0; 4].map(|_| passed(start)), [true, true, true, false]);
        let tenth = start + second / 10;
        assert_eq!([tenth - 1, tenth, tenth].map(passed), [false, true, false]);
        // Never more at once than the burst, however long it was silent.
        assert_eq!([0; 5].map(|_| passed(start + 100 * second)), [true, true, true, false, false]);
        let in_a_second = (0..1000).filter(|n| passed(start + 200 * second + n * second / 1000)).count();
        assert_eq!(in_a_second, 3 + 9, "the burst, and ten a second from then on");
    }

    #[test]
    fn limits() {
        assert!(!Limit::new(0, 5, true).is_set());
        assert_eq!(Limit::new(1000, 0, false), Limit { cost: 1_000_000, depth: 1_000_000, dry_run: 0 });
        assert_eq!(Limit::new(u32::MAX, 2, true), Limit { cost: 1, depth: 2, dry_run: 1 });
    }

    #[test]
    fn kinds_and_sources() {
        let tcp = |tcp_flags| Headers { version: 4, proto: 6, tcp_flags, ..Headers::EMPTY };
        let udp = Headers { version: 6, proto: 17, src: Addr { high: 7, low: 9 }, ..Headers::EMPTY };
        for (headers, want) in [
            (tcp(0x02), Some(Kind::Syn)),
            (tcp(0x12), None),
            (tcp(0x10), None),
            (udp, Some(Kind::Udp)),
            (Headers { version: 0, ..udp }, None),
            (Headers { proto: 58, ..udp }, None),
        ] {
            assert_eq!(Kind::of(&headers), want, "{headers:?}");
        }
        assert_eq!(Source::of(&udp, Kind::Udp), Source { addr: Addr { high: 7, low: 0 }, kind: 1 });
        let four = Headers { version: 4, src: Addr::v4([10, 0, 0, 1]), ..udp };
        assert_eq!(Source::of(&four, Kind::Syn), Source { addr: Addr::v4([10, 0, 0, 1]), kind: 0 });
    }
}
