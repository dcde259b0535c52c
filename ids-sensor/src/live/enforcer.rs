//! What the engine tells the kernel stage, carried out: blocks of flows and hosts.
//!
//! In: commands of one worker.  Out: entries of the kernel's maps, and counts of them. What the maps cannot take is
//! counted: the engine goes on deciding on such packets.

use std::sync::{Arc, Mutex, PoisonError};

use ids_core::engine::Command;

use super::counters::Commands;
use super::releases::{Count, Keys, Releases};
use crate::kernel::clock::Monotonic;
use crate::kernel::tables::{Flows, Sides};
use crate::kernel::{Prefix, Tables};
use crate::shield::{Refusal, Shield};

/// Everything it takes to block on behalf of one worker.
pub(super) struct Enforcer {
    pub(super) keys: Keys,
    pub(super) block_v6_length: u8,
    pub(super) shield: Arc<Shield>,
    pub(super) flows: Flows,
    pub(super) tables: Arc<Mutex<Tables>>,
    pub(super) counts: Commands,
}

impl Enforcer {
    /// Carries one command out. Only blocks of hosts, which are rare, take a lock.
    pub(super) fn carry_out(&mut self, command: Command, now: Monotonic) {
        match command {
            Command::BlockFlow { key, ttl, sid, .. } => match (self.keys.of(&key), self.shield.carry_out()) {
                (_, Err(refusal)) => self.refused(refusal),
                (None, _) => self.counts.not_expressible += 1,
                (Some((key, _)), Ok(())) => match self.flows.block(&key, ttl, sid) {
                    Ok(()) => self.counts.flows_blocked += 1,
                    Err(_) => self.counts.blocks_failed += 1,
                },
            },
            Command::BlockHost { addr, ttl, sid, spoofable } => {
                let prefix =
                    if addr.is_ipv4() { Prefix::host(addr) } else { Prefix::around(addr, self.block_v6_length) };
                if let Err(refusal) = self.shield.admit(prefix, spoofable, now) {
                    return self.refused(refusal);
                }
                let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
                match tables.block(prefix, Sides::Both, ttl, sid) {
                    Ok(()) => self.counts.hosts_blocked += 1,
                    Err(_) => self.counts.blocks_failed += 1,
                }
            }
            // The outlet has taken it.
            Command::Release { .. } => {}
        }
    }

    fn refused(&mut self, refusal: Refusal) {
        self.counts.refused[refusal as usize] += 1;
    }

    /// What was told the kernel stage so far, with the releases.
    pub(super) fn counts(&self, releases: Option<&Releases>) -> Commands {
        let Count { released, failed, not_expressible } = releases.map(|releases| releases.count).unwrap_or_default();
        Commands {
            released: self.counts.released + released,
            releases_failed: self.counts.releases_failed + failed,
            not_expressible: self.counts.not_expressible + not_expressible,
            ..self.counts
        }
    }
}
