//! Application protocols: ordered bytes → transactions, one folder per protocol.
//!
//! [`parser`] says what a protocol is, [`registry`] lists them all, `probe` finds out which one a flow
//! speaks. May import `field`, `record`, `anomaly` and `stream::chunk`; never rules, detection or events.

pub mod config;
pub mod dns;
pub mod file;
pub mod http1;
pub mod parser;
