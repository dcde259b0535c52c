//! Headers as checked views over bytes, one file per header.
//!
//! In: bytes from the first byte of a header to the end of what was captured (or of what the layer below
//! claims).  Out: a view, or [`Malformed`].  Length is proven once, in the constructor, and the type carries
//! the proof: no later call can fail or panic.  Holds nothing.  May import `anomaly` alone.

pub mod arp;
pub mod chdlc;
pub mod cooked;
pub mod erspan;
pub mod esp;
pub mod ether_type;
pub mod ethernet;
pub mod geneve;
pub mod gre;
pub mod icmp;
pub mod ip_proto;
pub mod ipv4;
pub mod ipv4_options;
pub mod ipv6;
pub mod ipv6_chain;
pub mod mpls;
pub mod nsh;
pub mod null;
pub mod pbb;
pub mod ppp;
pub mod pppoe;
pub mod sctp;
pub mod tcp;
pub mod tcp_options;
pub mod teredo;
pub mod udp;
pub mod vlan;
pub mod vntag;
pub mod vxlan;

use crate::anomaly::Anomaly;

/// Why bytes are not the header they should be: the anomaly to note on the packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(pub Anomaly);

/// The first `N` bytes and the rest, or `short` as the reason why not.
fn split<const N: usize>(bytes: &[u8], short: Anomaly) -> Result<(&[u8; N], &[u8]), Malformed> {
    bytes.split_first_chunk::<N>().ok_or(Malformed(short))
}

#[cfg(test)]
mod tests;
