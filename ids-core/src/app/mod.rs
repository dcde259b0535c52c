//! Application protocols: ordered bytes → transactions, one folder per protocol.
//!
//! [`parser`] says what a protocol is, [`registry`] lists them all, [`probe`] finds out which one a flow
//! speaks, [`state`] holds what a flow knows. May import `field`, `record`, `anomaly` and `stream::chunk`;
//! never rules, detection or events.

mod ber;
pub mod config;
mod cursor;
mod datagram;
pub mod dcerpc;
pub mod dhcp;
pub mod dnp3;
pub mod dns;
mod dotted;
pub mod events;
pub mod expected;
pub mod file;
pub mod frames;
pub mod ftp;
#[cfg(test)]
mod harness;
pub mod http;
pub mod http1;
pub mod http2;
pub mod ike;
mod kept;
pub mod krb5;
pub mod ldap;
pub mod mime;
pub mod mqtt;
pub mod ntp;
pub mod parser;
pub mod pop3;
pub mod probe;
mod queue;
pub mod recognised;
pub mod registry;
mod rpc;
pub mod sip;
pub mod smb;
pub mod smtp;
pub mod snmp;
pub mod ssh;
pub mod state;
pub mod tftp;
pub mod tls;
mod txs;
pub mod upgrade;
pub mod websocket;

use config::Config;
use probe::Probes;

/// What all flows share: the configuration and the recognisers made from it. Immutable.
#[derive(Debug, Default)]
pub struct App {
    /// The configuration.
    pub config: Config,
    /// The recognisers of all protocols that are looked for.
    pub probes: Probes,
}

impl App {
    /// Prepares recognition and parsing as the configuration says.
    pub fn new(config: Config) -> Self {
        let probes = Probes::new(&config);
        Self { config, probes }
    }
}
