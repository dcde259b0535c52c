//! What the configuration says to protocol parsers. Filled in by the sensor; defaults are Suricata's.

use super::dcerpc;
use super::dnp3;
use super::dns;
use super::file::{Care, Wanted};
use super::ftp;
use super::http1;
use super::http2;
use super::ldap;
use super::mqtt;
use super::smb;
use super::smtp;
use super::ssh;
use super::tls;
use super::websocket;

/// Settings of all protocols.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Protocols by record name: whether they are looked for, and on which ports probes are asked.
    pub protocols: Vec<Switch>,
    /// HTTP/1.
    pub http1: http1::Config,
    /// HTTP/2.
    pub http2: http2::Config,
    /// DCE/RPC.
    pub dcerpc: dcerpc::Config,
    /// DNP3.
    pub dnp3: dnp3::Config,
    /// DNS.
    pub dns: dns::Config,
    /// LDAP.
    pub ldap: ldap::Config,
    /// MQTT.
    pub mqtt: mqtt::Config,
    /// SMB.
    pub smb: smb::Config,
    /// FTP.
    pub ftp: ftp::Config,
    /// SMTP, and mail.
    pub smtp: smtp::Config,
    /// SSH.
    pub ssh: ssh::Config,
    /// TLS.
    pub tls: tls::Config,
    /// WebSocket.
    pub websocket: websocket::Config,
    /// Files that protocols carry.
    pub files: Files,
}

/// What the configuration says about files.
#[derive(Clone, Debug, Default)]
pub struct Files {
    /// What is wanted of every file, and the means to give it. Rules may want more.
    pub care: Care,
    /// Files can be stored; else what rules say of that has no effect.
    pub store: bool,
    /// Another depth than `stream.reassembly.depth` for a direction from which a file is stored, in bytes; 0 for none.
    pub depth: Option<u64>,
}

impl Files {
    /// What is wanted of files where rules want this.
    pub fn wanted(&self, rules: Wanted) -> Wanted {
        let content = rules.content && self.store;
        self.care.wanted.or(Wanted { content, ..rules })
    }
}

/// What the configuration says about any protocol.
#[derive(Clone, Debug)]
pub struct Switch {
    /// Record name.
    pub name: String,
    /// Recognised at all.
    pub detect: bool,
    /// Parsed once recognised.
    pub parse: bool,
    /// Server ports for probing over TCP, instead of the protocol's own.
    pub tcp_ports: Option<Vec<u16>>,
    /// Server ports for probing over UDP, instead of the protocol's own.
    pub udp_ports: Option<Vec<u16>>,
}

/// What becomes of a connection once both sides send encrypted data (`encryption-handling`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encrypted {
    /// Rules do not look at the payload any more.
    #[default]
    TrackOnly,
    /// Nor at anything else: the flow is bypassed.
    Bypass,
    /// Rules look at the payload all the same.
    Full,
}

/// Digests of files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hashes {
    /// MD5.
    pub md5: bool,
    /// SHA-1.
    pub sha1: bool,
    /// SHA-256.
    pub sha256: bool,
}
