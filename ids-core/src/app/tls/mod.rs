//! TLS and the SSL before it (RFC 8446, RFC 5246, RFC 6101, SSL 2.0), as far as it can be read without keys.
//!
//! In: ordered bytes of both directions, or the news that some are missing.  Out: one transaction per connection,
//! which is the handshake.
//!
//! The parts in the order bytes meet them: `session` takes records apart (`sslv2` the older ones), `handshake` puts
//! messages together, `hello` and `certificate` read them; `tx` holds what was read, `fingerprint` sums hellos up,
//! `fields` and `log` show it all.
//!
//! A malformed part costs itself alone where that is possible: what stands before and after it is still seen.

mod certificate;
mod events;
mod fields;
mod fingerprint;
mod handshake;
mod hello;
mod log;
#[cfg(test)]
pub(crate) mod sample;
mod session;
mod sslv2;
#[cfg(test)]
mod tests;
mod tx;
mod version;

use super::config::Encrypted;
use super::frames::frame;
use super::parser::{Probe, Probing, Protocol};
use crate::app::cursor::Cursor;
use crate::field::{Dir, Dirs, Info};
use handshake::message;

/// TLS.
pub static PROTOCOL: Protocol = Protocol {
    name: "tls",
    rule_names: &["tls"],
    tcp: true,
    opens: Dirs::ToServer,
    probe: Some(Probing { ports: &[], probe }),
    states: [
        &["client_in_progress", "client_hello_done", "client_cert_done", "client_handshake_done", "client_finished"],
        &[
            "server_in_progress",
            "server_hello",
            "server_cert_done",
            "server_hello_done",
            "server_handshake_done",
            "server_finished",
        ],
    ],
    fields: || fields::FIELDS.iter().map(|field| &field.info).collect(),
    events: events::NAMES,
    capital_events: true,
    record: Some("tls"),
    uncounted: true,
    frames: FRAMES,
    session: Some(|config, facts| Box::new(session::Session::new(config.tls).after(facts.before))),
    ..Protocol::BARE
};

/// Kinds of frames: positions in [`FRAMES`].
mod unit {
    pub(super) const RECORD: usize = 0;
    pub(super) const HEADER: usize = 1;
    pub(super) const DATA: usize = 2;
    pub(super) const ALERT: usize = 3;
    pub(super) const HEARTBEAT: usize = 4;
    pub(super) const SSL2_HEADER: usize = 5;
    pub(super) const SSL2_RECORD: usize = 6;
}

const FRAMES: &[Info] = &[
    frame("tls.pdu", "A whole record, encrypted or not (RFC 8446 §5.1)."),
    frame("tls.hdr", "Type, version and length of a record (RFC 8446 §5.1)."),
    frame("tls.data", "The content of a record (RFC 8446 §5.1)."),
    frame("tls.alert", "The content of a record that holds an alert (RFC 8446 §6)."),
    frame("tls.heartbeat", "The content of a record that holds a heartbeat (RFC 6520 §4)."),
    frame("tls.ssl2.hdr", "Length and padding of a record of SSL 2.0 (\"The SSL Protocol\", Hickman 1995)."),
    frame("tls.ssl2.pdu", "A whole record of SSL 2.0 (\"The SSL Protocol\", Hickman 1995)."),
    frame("tls.stream", "All TCP data of a direction."),
];

/// Settings (`app-layer.protocols.tls`).
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Whether JA3 and JA3S are made (`ja3-fingerprints`).
    pub ja3: bool,
    /// Whether JA4 is made (`ja4-fingerprints`).
    pub ja4: Ja4,
    /// What becomes of a connection once it is encrypted (`encryption-handling`).
    pub encrypted: Encrypted,
}

impl Config {
    /// Names of fields that are not made with these settings.
    pub fn unmade(&self) -> Vec<&'static str> {
        const JA3: [&str; 4] = ["ja3.hash", "ja3.string", "ja3s.hash", "ja3s.string"];
        let ja3 = JA3.into_iter().filter(|_| !self.ja3);
        ja3.chain((self.ja4 == Ja4::Off).then_some("ja4.hash")).collect()
    }
}

/// What becomes of JA4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ja4 {
    /// It is not made: rules cannot ask for it.
    Off,
    /// It is there for rules, and for records that ask for it.
    OnDemand,
    /// All records show it.
    Shown,
}

impl Default for Config {
    fn default() -> Self {
        Self { ja3: true, ja4: Ja4::OnDemand, encrypted: Encrypted::TrackOnly }
    }
}

/// Largest record with the expansion that encryption may add (RFC 5246 §6.2.3).
const LARGEST_RECORD: usize = (1 << 14) + 2048;

/// A handshake or alert record, or the SSLv2 form of a client's hello. Which hello it is tells the direction.
fn probe(data: &[u8], dir: Dir, _: bool) -> Probe {
    let settle = |is: Option<bool>| match is {
        Some(true) => Probe::Yes(dir),
        Some(false) => Probe::No,
        None => Probe::Unsure,
    };
    match data {
        [] | [0x15 | 0x16] | [0x15 | 0x16, 3] => Probe::Unsure,
        [0x16, 3, 0..=4, _, _, message::CLIENT_HELLO, ..] => Probe::Yes(Dir::ToServer),
        [0x16, 3, 0..=4, _, _, message::SERVER_HELLO, ..] => Probe::Yes(Dir::ToClient),
        [0x16, 3, 0..=4, _, _, _, ..] => Probe::Yes(dir),
        [0x16, 3, 0..=4, ..] => Probe::Unsure,
        [0x15, 3, 0..=4, rest @ ..] => settle(Cursor::big(rest).u16().map(|length| length == 2)),
        [first, ..] if first & 0x80 != 0 && dir == Dir::ToServer => settle(sslv2::is_client_hello(data)),
        _ => Probe::No,
    }
}
