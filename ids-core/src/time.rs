//! Packet time: the only clock the engine knows.
//!
//! A record carries its packet's own time; timers use the largest time seen so far.

use std::ops::Add;
use std::time::Duration;

/// A point in time: nanoseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(u64);

impl Time {
    /// The epoch; also "no packet seen yet".
    pub const ZERO: Self = Self(0);

    /// From nanoseconds since the epoch.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// From whole seconds and microseconds since the epoch.
    pub const fn from_micros(seconds: u64, micros: u64) -> Self {
        Self(seconds.saturating_mul(1_000_000_000).saturating_add(micros.saturating_mul(1_000)))
    }

    /// Nanoseconds since the epoch.
    pub const fn nanos(self) -> u64 {
        self.0
    }

    /// Whole seconds since the epoch.
    pub const fn seconds(self) -> u64 {
        self.0 / 1_000_000_000
    }

    /// The microseconds within the second, 0 to 999,999.
    pub const fn subsec_micros(self) -> u64 {
        self.0 % 1_000_000_000 / 1_000
    }

    /// How long ago `earlier` was; zero if it lies in the future (captures do go back in time).
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Time {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        let nanos = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(nanos))
    }
}
