//! What makes packets one flow: addresses, ports, protocol, VLANs; both directions give the same key.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;

use super::Endpoint;

/// The key of a flow: endpoints in order, so that both directions give the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// The smaller endpoint.
    pub low: Endpoint,
    /// The larger endpoint.
    pub high: Endpoint,
    /// IP protocol number.
    pub proto: u8,
    /// VLAN ids, outermost first, 0 where there is none; all 0 if VLANs do not tell flows apart.
    pub vlan: [u16; 3],
    /// Tunnel depth: the same addresses inside and outside of a tunnel are two flows.
    pub depth: u8,
}

impl Key {
    /// The key of packets between these endpoints, and whether the first one is the smaller.
    pub fn new(src: Endpoint, dst: Endpoint, proto: u8, vlan: [u16; 3], depth: u8) -> (Self, bool) {
        let straight = src <= dst;
        let (low, high) = if straight { (src, dst) } else { (dst, src) };
        (Self { low, high, proto, vlan, depth }, straight)
    }

    /// A hash that is the same in every run, for choosing a worker and for `flow_id`; not for hash tables.
    pub fn stable_hash(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        hasher.finish()
    }
}

impl From<(IpAddr, u16)> for Endpoint {
    fn from((addr, port): (IpAddr, u16)) -> Self {
        Self { addr, port }
    }
}
