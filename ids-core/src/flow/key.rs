//! What makes packets one flow: addresses, ports, protocol, VLANs; both directions give the same key.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;

use super::Endpoint;

/// The key of a flow: endpoints in order, so that both directions give the same one. ICMP has types in place of ports,
/// and ESP its security association: see [`icmp_endpoints`] and [`esp_endpoints`].
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
    /// Interface, or pair of interfaces, that its packets come in on; 0 if those do not tell flows apart.
    pub device: u16,
}

impl Key {
    /// The key of packets between these endpoints, and whether the first one is the smaller.
    pub fn new(src: Endpoint, dst: Endpoint, proto: u8, vlan: [u16; 3], depth: u8) -> (Self, bool) {
        let straight = src <= dst;
        let (low, high) = if straight { (src, dst) } else { (dst, src) };
        (Self { low, high, proto, vlan, depth, device: 0 }, straight)
    }

    /// A hash that is the same in every run, for choosing a worker and for `flow_id`; not for hash tables.
    pub fn stable_hash(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        hasher.finish()
    }
}

/// Endpoints for the key of an ICMP packet: its type stands for the sender's port, and for the receiver's the type that
/// answers it, so that request and reply are one flow and different requests are not. Types without an answer stand
/// for both.
pub fn icmp_endpoints(src: IpAddr, dst: IpAddr, v6: bool, kind: u8) -> (Endpoint, Endpoint) {
    let pairs: &[(u8, u8)] = if v6 { &ICMP6_PAIRS } else { &ICMP4_PAIRS };
    let answer = pairs.iter().find_map(|&(ask, answer)| match kind {
        kind if kind == ask => Some(answer),
        kind if kind == answer => Some(ask),
        _ => None,
    });
    ((src, u16::from(kind)).into(), (dst, u16::from(answer.unwrap_or(kind))).into())
}

/// Endpoints for the key of an ESP packet: one half of the index of its security association stands for each port, so
/// that every association (RFC 4303 §2.1: one way, from one host to another) is a flow.
pub fn esp_endpoints(src: IpAddr, dst: IpAddr, spi: u32) -> (Endpoint, Endpoint) {
    let [a, b, c, d] = spi.to_be_bytes();
    ((src, u16::from_be_bytes([a, b])).into(), (dst, u16::from_be_bytes([c, d])).into())
}

/// Requests and replies: echo, timestamp, information, address mask, router discovery (RFC 792, 950, 1256).
const ICMP4_PAIRS: [(u8, u8); 5] = [(8, 0), (13, 14), (15, 16), (17, 18), (10, 9)];

/// Requests and replies: echo, listener, router and neighbour discovery, node information (RFC 4443, 2710, 4861, 4620).
const ICMP6_PAIRS: [(u8, u8); 5] = [(128, 129), (130, 131), (133, 134), (135, 136), (139, 140)];

impl From<(IpAddr, u16)> for Endpoint {
    fn from((addr, port): (IpAddr, u16)) -> Self {
        Self { addr, port }
    }
}
