//! Packets of an interface from a packet socket (packet(7), TPACKET_V3): where they belong to the network stack, or AF_XDP
//! cannot be had.
//!
//! In: an interface, and a filter.  Out: copies of its packets, in and out, with the kernel's time of each. The stack goes
//! on as if nobody listened: nothing can be dropped here.

mod checksum;
mod ring;

pub use ring::{Captured, Error, Options, Socket, Statistics};
