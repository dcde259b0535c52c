//! POP3 (RFC 1939) with its extensions (RFC 2449, 2595, 5034, 6856), and the mail in it.
//!
//! In: ordered bytes of both directions, or the news that some are missing.  Out: one transaction for each command with its
//! response, and one for what the server says first.
//!
//! `session` finds lines and what follows them, `command` knows the commands and responses, `tx` holds an exchange, whose
//! message `app::mime` takes apart and shows.

mod command;
mod session;
#[cfg(test)]
mod tests;
mod tx;

use super::file::Care;
use super::parser::{Probe, Probing, Protocol};
use super::probe::lines;
use crate::field::{Dir, Dirs};

/// POP3.
pub static PROTOCOL: Protocol = Protocol {
    name: "pop3",
    rule_names: &["pop3"],
    tcp: true,
    opens: Dirs::ToClient,
    probe: Some(Probing { ports: &[110], probe }),
    fields: || tx::FIELDS.iter().map(|field| &field.info).collect(),
    events: EVENTS,
    record: Some("pop3"),
    session: Some(|config, facts| {
        let care = Care { wanted: facts.files, ..config.files.care.clone() };
        Box::new(session::Session::new(&config.smtp.mime, care))
    }),
    ..Protocol::BARE
};

/// The first line of either side: a command that is allowed before a log-in, a status (RFC 1939 §3).
fn probe(data: &[u8], dir: Dir, _: bool) -> Probe {
    let is = match dir {
        Dir::ToServer => Some(lines::command(data, &["USER", "APOP", "CAPA", "AUTH", "STLS", "QUIT"])),
        Dir::ToClient => data.get(..3).map(|status| status == b"+OK" || data.starts_with(b"-ERR")),
    };
    match is {
        Some(true) => Probe::Yes(dir),
        Some(false) => Probe::No,
        None => Probe::Unsure,
    }
}

/// Names of the events; the position is the number.
const EVENTS: &[&str] =
    &["too_many_transactions", "request_too_long", "incorrect_argument_count", "unknown_command", "response_too_long"];

/// An event: a position in [`EVENTS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Event {
    /// An older exchange had to go for this one.
    TooManyTransactions,
    /// A line of the client is longer than it may be (RFC 2449 §4, RFC 5034 §4).
    RequestTooLong,
    /// A command has more arguments than it takes, or fewer.
    IncorrectArgumentCount,
    UnknownCommand,
    /// A first line of the server is longer than it may be (RFC 2449 §4).
    ResponseTooLong,
}
