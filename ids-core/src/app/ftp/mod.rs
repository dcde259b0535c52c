//! FTP (RFC 959): control connections, and the data connections that they announce (`data`).
//!
//! In: ordered bytes of both directions.  Out: one transaction per command with its replies; per data connection one.
//!
//! `session` finds lines, `command` reads them; `tx` holds a command with its replies, `fields` shows it.

mod command;
pub mod data;
mod fields;
mod session;
#[cfg(test)]
mod tests;
mod tx;

use super::parser::{Pattern, Probe, Probing, Protocol};
use super::probe::lines::{command, line_holds, reply};
use crate::field::Dir;

/// FTP.
pub static PROTOCOL: Protocol = Protocol {
    name: "ftp",
    rule_names: &["ftp"],
    tcp: true,
    patterns: &[word(b"USER "), word(b"PASS "), word(b"PORT ")],
    probe: Some(Probing { ports: &[21], probe }),
    fields: || fields::FIELDS.iter().map(|field| &field.info).collect(),
    events: tx::EVENTS,
    record: Some("ftp"),
    session: Some(|config, facts| Box::new(session::Ftp::new(config.ftp, facts.client))),
    ..Protocol::BARE
};

const fn word(bytes: &'static [u8]) -> Pattern {
    Pattern { dir: Dir::ToServer, bytes, offset: 0, depth: bytes.len() as u16, nocase: true }
}

/// The first line of either side: a command that may come first, a greeting (RFC 959 §5.4).
fn probe(data: &[u8], dir: Dir, _: bool) -> Probe {
    let first = ["USER", "PASS", "AUTH", "FEAT", "SYST", "PASV", "EPSV", "QUIT", "OPTS"];
    let is = match dir {
        Dir::ToServer => Some(command(data, &first)),
        Dir::ToClient => reply(data, &[b"220", b"120", b"421"]).map(|is| is && !line_holds(data, b"SMTP")),
    };
    match is {
        Some(true) => Probe::Yes(dir),
        Some(false) => Probe::No,
        None => Probe::Unsure,
    }
}

/// Settings (`app-layer.protocols.ftp`).
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Longest line that is read, its end included (`max-line-length`); what stands beyond is passed over.
    pub max_line: usize,
    /// Most commands of a connection without a complete reply (`max-tx`).
    pub max_tx: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { max_line: 4096, max_tx: 1024 }
    }
}
