//! Files and interfaces → packets.

pub mod af_packet;
pub mod af_xdp;
pub mod compressed;
pub mod filter;
pub mod nfqueue;
pub mod pcap;
pub mod source;
