//! Where packets come from.

pub mod compressed;
pub mod filter;
pub mod pcap;
pub mod source;
