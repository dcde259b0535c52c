//! Files and interfaces → packets.

pub mod af_xdp;
