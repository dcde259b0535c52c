//! Blocked hosts and prefixes: values of `HOSTS4`, `BLOCK4` and `BLOCK6`.
//!
//! An LPM trie answers with the longest match alone, so an entry must carry what every broader entry above it
//! demands. `own` is what was asked for this prefix; `until` is the latest of its own and all broader ones'
//! times, which userspace keeps up.

/// Which end of a packet an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Side {
    /// Its sender.
    Source = 0,
    /// Its receiver.
    Destination = 1,
}

/// One blocked prefix. Times are CLOCK_MONOTONIC in nanoseconds, indexed by [`Side`]; 0 means that this side is
/// not blocked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct HostBlock {
    /// Until when packets from (or to) this prefix are dropped.
    pub until: [u64; 2],
    /// What was asked for this very prefix.
    pub own: [u64; 2],
    /// Packets dropped on account of this entry.
    pub hits: u64,
    /// The rule on whose account; 0 if none.
    pub sid: u32,
    /// Always 0.
    pub reserved: u32,
}

const _: () = assert!(size_of::<HostBlock>() == 48);
