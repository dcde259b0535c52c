//! CLOCK_MONOTONIC, the clock of everything that expires in the kernel.

use std::time::Duration;

use ids_core::time::Time;
use rustix::time::{ClockId, Timespec, clock_gettime};

/// A moment of CLOCK_MONOTONIC, in nanoseconds: what `bpf_ktime_get_ns` says in the kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Monotonic(pub u64);

impl Monotonic {
    /// Now.
    pub fn now() -> Self {
        Self(nanos(clock_gettime(ClockId::Monotonic)))
    }

    /// This moment and a span.
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// How long ago `earlier` was; zero if it lies ahead.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// Packet time, now: nanoseconds since the epoch.
pub fn wall() -> Time {
    Time::from_nanos(nanos(clock_gettime(ClockId::Realtime)))
}

fn nanos(time: Timespec) -> u64 {
    // Neither clock is before its epoch.
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(u64::try_from(time.tv_nsec).unwrap_or(0))
}
