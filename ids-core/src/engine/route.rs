//! Which of several workers a packet belongs to.
//!
//! In: a decoded packet.  Out: numbers that are the same for all packets of a flow, in every run.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::worker::quoted_ends;
use crate::flow::{Arrival, Config};
use crate::packet::Packet;

/// Where a packet belongs, as hashes: packets with the same one must go to the same worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// Its own flow; its addresses, if it has none.
    pub own: u64,
    /// An ICMP error: the flow that it is about. If there is such a flow the packet belongs there, else to `own`.
    pub quoted: Option<u64>,
}

impl Route {
    /// Which of so many workers has the flows of a hash.
    pub fn worker(hash: u64, workers: usize) -> usize {
        // A remainder is smaller than what it is of, which came from a `usize`.
        (hash % workers.max(1) as u64) as usize
    }

    /// The route of a packet, as the configuration tells flows apart.
    pub fn of(packet: &Packet<'_>, config: &Config) -> Self {
        let Some(arrival) = Arrival::of(packet, config) else {
            let mut hasher = DefaultHasher::new();
            packet.addresses().hash(&mut hasher);
            return Self { own: hasher.finish(), quoted: None };
        };
        let quoted = quoted_ends(packet).map(|(src, dst, proto)| arrival.quoted_key(src, dst, proto).stable_hash());
        Self { own: arrival.key.stable_hash(), quoted }
    }
}
