//! SSH (RFC 4253), as far as it can be read without keys.
//!
//! In: ordered bytes of both directions.  Out: one transaction per connection: who talks, and what they can do.
//!
//! The parts in the order bytes meet them: `session` finds lines and packets, `banner` reads the version that a side
//! names, `kex` what it can do; `tx` holds both, `fields` shows them.

mod banner;
mod events;
mod fields;
mod kex;
#[cfg(test)]
pub(crate) mod sample;
mod session;
#[cfg(test)]
mod tests;
mod tx;

use super::config::Encrypted;
use super::frames::frame;
use super::parser::{Pattern, Protocol};
use crate::field::{Dir, Info};

/// SSH.
pub static PROTOCOL: Protocol = Protocol {
    name: "ssh",
    rule_names: &["ssh"],
    tcp: true,
    patterns: &[start(Dir::ToServer), start(Dir::ToClient)],
    states: [
        &["request_in_progress", "request_banner_wait_eol", "request_banner_done", "request_finished"],
        &["response_in_progress", "response_banner_wait_eol", "response_banner_done", "response_finished"],
    ],
    fields: || fields::FIELDS.iter().map(|field| &field.info).collect(),
    events: events::NAMES,
    record: Some("ssh"),
    uncounted: true,
    frames: FRAMES,
    session: Some(|config, _| Box::new(session::Session::new(config.ssh))),
    ..Protocol::BARE
};

/// The start of the line in which a side names its version (RFC 4253 §4.2).
const START: &[u8] = b"SSH-";

const fn start(dir: Dir) -> Pattern {
    Pattern { dir, bytes: START, offset: 0, depth: START.len() as u16, nocase: false }
}

/// Kinds of frames: positions in [`FRAMES`].
mod unit {
    pub(super) const HEADER: usize = 0;
    pub(super) const DATA: usize = 1;
    pub(super) const PACKET: usize = 2;
}

const FRAMES: &[Info] = &[
    frame("ssh.record.hdr", "Length, padding and type of a packet in the clear (RFC 4253 §6)."),
    frame("ssh.record.data", "What follows them in the packet, padding included (RFC 4253 §6)."),
    frame("ssh.record.pdu", "A whole packet in the clear (RFC 4253 §6)."),
    frame("ssh.stream", "All data of the connection."),
];

/// Settings (`app-layer.protocols.ssh`).
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Whether HASSH is made (`hassh`).
    pub hassh: bool,
    /// What becomes of a connection once it is encrypted (`encryption-handling`).
    pub encrypted: Encrypted,
}

impl Config {
    /// Names of fields that are not made with these settings.
    pub fn unmade(&self) -> &'static [&'static str] {
        const HASSH: &[&str] = &["ssh.hassh", "ssh.hassh.string", "ssh.hassh.server", "ssh.hassh.server.string"];
        if self.hassh { &[] } else { HASSH }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self { hassh: true, encrypted: Encrypted::TrackOnly }
    }
}
