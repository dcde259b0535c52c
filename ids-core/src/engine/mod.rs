//! The whole path of a packet, in one function that reads top to bottom.
//!
//! In: packets with their time ([`Engine::push`]), ticks, the end.  Out: verdicts, events, frames to send and
//! commands for the kernel stage, through a [`Sink`].
//! Holds everything a worker owns; shares nothing but the rule set.

mod config;
mod context;

use std::net::IpAddr;
use std::time::Duration;

use crate::counters::Counters;
use crate::event::Event;
use crate::flow::Key;
use crate::packet::PacketIn;
use crate::time::Time;
use crate::verdict::Verdict;
pub use config::Config;

/// Takes what the engine has to say.
pub trait Sink {
    /// The fate of packet `id`: called exactly once per packet, possibly later than its push. The bytes that
    /// were handed in may have been rewritten by then.
    fn verdict(&mut self, id: u64, verdict: Verdict);

    /// A frame to send out of `port`: a reset or an unreachable, link layer included.
    fn inject(&mut self, port: u16, frame: &[u8]);

    /// Something the kernel stage should know.
    fn kernel(&mut self, command: Command);

    /// Something to tell the outside.
    fn event(&mut self, event: Event<'_>);
}

/// What the kernel stage should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Drop all packets of a flow.
    BlockFlow {
        /// The flow.
        key: Key,
        /// Port its packets come in on.
        port: u16,
        /// For how long.
        ttl: Duration,
        /// The rule on whose account; 0 if none.
        sid: u32,
    },
    /// Drop all packets from and to a host.
    BlockHost {
        /// Its address.
        addr: IpAddr,
        /// For how long.
        ttl: Duration,
        /// The rule on whose account.
        sid: u32,
    },
    /// Nothing can match on this flow any more.
    Release {
        /// The flow.
        key: Key,
        /// Port its packets come in on.
        port: u16,
    },
}

/// One worker's engine.
#[derive(Debug, Default)]
pub struct Engine {
    counters: Counters,
}

impl Engine {
    /// Takes one packet through the whole path.
    pub fn push(&mut self, packet: PacketIn<'_>, out: &mut impl Sink) {
        out.verdict(packet.id, Verdict::Accept);
    }

    /// Lets time pass: flows that are idle for too long end.
    pub fn tick(&mut self, now: Time, out: &mut impl Sink) {
        let _ = (now, out);
    }

    /// Ends everything that is still open, as at the end of a capture.
    pub fn finish(&mut self, out: &mut impl Sink) {
        let _ = out;
    }

    /// What was counted so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }
}
