//! Signs of life of several threads that share a port's packets: the kernel stage cannot tell whose a packet will be, so
//! the port counts as alive for as long as all of them are.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::kernel;
use crate::kernel::clock::Monotonic;
use crate::kernel::port::Heartbeat;

/// The place of the map that the kernel stage looks at where packets are copied.
const PLACE: u32 = 0;

/// Gives signs of life on behalf of one thread.
pub(super) struct Sign {
    heartbeat: Heartbeat,
    /// When each thread lived last.
    lived: Arc<[AtomicU64]>,
    number: usize,
    every: Duration,
    latest: Monotonic,
}

impl Sign {
    /// For thread `number` of those that share `lived`; the first sign is given at once.
    pub(super) fn new(
        heartbeat: Heartbeat,
        lived: &Arc<[AtomicU64]>,
        number: usize,
        deadline: Duration,
    ) -> Result<Self, kernel::Error> {
        let lived = Arc::clone(lived);
        let mut sign = Self { heartbeat, lived, number, every: deadline / 10, latest: Monotonic::default() };
        sign.give(Monotonic::now())?;
        Ok(sign)
    }

    /// This thread lives.
    pub(super) fn give(&mut self, now: Monotonic) -> Result<(), kernel::Error> {
        if now.since(self.latest) < self.every {
            return Ok(());
        }
        self.latest = now;
        if let Some(own) = self.lived.get(self.number) {
            own.store(now.0, Ordering::Relaxed);
        }
        let oldest = self.lived.iter().map(|lived| lived.load(Ordering::Relaxed)).min().unwrap_or(now.0);
        self.heartbeat.beat(PLACE, Monotonic(oldest))
    }

    /// How often a sign is due.
    pub(super) const fn every(&self) -> Duration {
        self.every
    }
}
