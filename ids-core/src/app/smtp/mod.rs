//! SMTP (RFC 5321), as real servers and attackers speak it, and the mail in it.
//!
//! In: ordered bytes of both directions, or the news that some are missing.  Out: one transaction per mail, with what
//! the client said before it.
//!
//! The parts in the order bytes meet them: `session` finds lines and messages, `command` reads lines of both sides,
//! `replies` matches replies with commands; `tx` holds a mail, whose message `app::mime` takes apart and
//! shows; `fields` and `log` show the rest.

mod command;
mod events;
mod fields;
mod log;
mod replies;
mod session;
#[cfg(test)]
mod tests;
mod tx;

use super::file::Care;
use super::frames::frame;
use super::mime;
use super::parser::{Pattern, Probe, Probing, Protocol};
use super::probe::lines::{command, line_holds, reply};
use crate::field::{Dir, Info};

/// SMTP.
pub static PROTOCOL: Protocol = Protocol {
    name: "smtp",
    rule_names: &["smtp"],
    tcp: true,
    patterns: &[word(b"EHLO "), word(b"HELO ")],
    probe: Some(Probing { ports: &[25, 465, 587], probe }),
    fields: || fields::all().map(|field| &field.info).collect(),
    events: events::NAMES,
    capital_events: true,
    record: Some("smtp"),
    frames: FRAMES,
    session: Some(|config, facts| {
        let care = Care { wanted: facts.files, ..config.files.care.clone() };
        Box::new(session::Smtp::new(&config.smtp, care))
    }),
    ..Protocol::BARE
};

const fn word(bytes: &'static [u8]) -> Pattern {
    Pattern { dir: Dir::ToServer, bytes, offset: 0, depth: bytes.len() as u16, nocase: true }
}

/// The first line of either side: a command that may come first, a greeting (RFC 5321 §4.3.2).
fn probe(data: &[u8], dir: Dir, _: bool) -> Probe {
    let is = match dir {
        Dir::ToServer => Some(command(data, &["EHLO", "HELO", "QUIT", "NOOP", "HELP", "STARTTLS"])),
        Dir::ToClient => reply(data, &[b"220", b"421", b"554"]).map(|is| is && !line_holds(data, b"FTP")),
    };
    match is {
        Some(true) => Probe::Yes(dir),
        Some(false) => Probe::No,
        None => Probe::Unsure,
    }
}

/// Kinds of frames: positions in [`FRAMES`].
mod unit {
    pub(super) const COMMAND_LINE: usize = 0;
    pub(super) const RESPONSE_LINE: usize = 1;
    pub(super) const DATA: usize = 2;
}

const FRAMES: &[Info] = &[
    frame("smtp.command_line", "A line of the client that is no part of a message, with its end (RFC 5321 §4.1)."),
    frame("smtp.response_line", "A line of the server, with its end (RFC 5321 §4.2)."),
    frame("smtp.data", "A message as it is sent, or a chunk of one (RFC 5321 §4.1.1.4, RFC 3030 §2)."),
    frame("smtp.stream", "All data of the connection."),
];

/// Settings (`app-layer.protocols.smtp`).
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Whether a message is one file, and not taken apart (`raw-extraction`).
    pub raw: bool,
    /// How messages are taken apart (`mime`, `inspected-tracker`).
    pub mime: mime::Config,
}
