//! SMB 1 (MS-CIFS, MS-SMB), 2 and 3 (MS-SMB2), directly over TCP or over the session service of NetBIOS (RFC 1002 §4.3).
//!
//! In: ordered bytes of both directions.  Out: one transaction for each command with its answer; for what is read or
//! written of a file one in all, for what goes through a pipe one for each call.
//!
//! The parts in the order bytes meet them: `session` finds messages, `header` reads what they begin with, `smb1` and
//! `smb2` what they say, `security` who signs on; `connection` holds what is known, `opens` what goes through files and
//! pipes, `transfer` puts files in order; `tx` is what is told, which `record` and `fields` show. `names` and `status` are
//! tables, `text` and `table` helpers. Calls through pipes are read by [`rpc`](super::rpc).

mod connection;
mod events;
mod fields;
mod header;
mod names;
mod opens;
mod record;
#[cfg(test)]
pub(crate) mod sample;
mod security;
mod session;
mod smb1;
mod smb2;
mod status;
mod table;
#[cfg(test)]
mod tests;
mod text;
mod transfer;
mod tx;

use super::file::Care;
use super::frames::frame;
use super::parser::{Probe, Probing, Protocol};
use crate::field::{Dir, Info};
pub use transfer::Limits;

/// SMB.
pub static PROTOCOL: Protocol = Protocol {
    name: "smb",
    // Rules on remote procedure calls are about pipes, too.
    rule_names: &["smb", "dcerpc"],
    tcp: true,
    probe: Some(Probing { ports: &[], probe }),
    fields: || fields::FIELDS.iter().map(|field| &field.info).collect(),
    events: events::NAMES,
    record: Some("smb"),
    frames: FRAMES,
    session: Some(|config, facts| {
        let care = Care { wanted: facts.files, ..config.files.care.clone() };
        Box::new(session::Session::new(config.smb, care))
    }),
    ..Protocol::BARE
};

/// A message in a record of the session service; or a record that opens the session before (RFC 1002 §4.3.2, §4.3.3).
/// Messages in the clear say which way they go.
fn probe(data: &[u8], dir: Dir, _: bool) -> Probe {
    const NAME: u8 = 32;
    let going = |answer: Option<u8>| match answer {
        Some(flag) => Probe::Yes(if flag == 0 { Dir::ToServer } else { Dir::ToClient }),
        None => Probe::Unsure,
    };
    match data {
        [0x81, 0, 0, 68, NAME, ..] => Probe::Yes(Dir::ToServer),
        [0x82, 0, 0, 0] | [0x83, 0, 0, 1, 0x80..=0x8f] if dir == Dir::ToClient => Probe::Yes(dir),
        [0, _, _, _, rest @ ..] if rest.starts_with(header::magic::SMB1) => {
            going(data.get(13).map(|flags| flags & 0x80))
        }
        [0, _, _, _, rest @ ..] if rest.starts_with(header::magic::SMB2) => going(data.get(20).map(|flags| flags & 1)),
        [0, _, _, _, rest @ ..] if rest.starts_with(header::magic::SMB3) => Probe::Yes(dir),
        _ if data.len() < 8 && matches!(data, [] | [0, ..] | [0x81, ..]) => Probe::Unsure,
        _ if data.len() < 5 && matches!(data, [0x82 | 0x83, ..]) => Probe::Unsure,
        _ => Probe::No,
    }
}

/// Kinds of frames: positions in [`FRAMES`].
mod unit {
    /// Those of one layer.
    #[derive(Clone, Copy, Debug)]
    pub(super) struct Kind {
        pub(super) whole: usize,
        pub(super) header: usize,
        pub(super) data: usize,
    }

    const fn kind(first: usize) -> Kind {
        Kind { whole: first, header: first + 1, data: first + 2 }
    }

    pub(super) const NBSS: Kind = kind(0);
    pub(super) const SMB1: Kind = kind(3);
    pub(super) const SMB2: Kind = kind(6);
    pub(super) const SMB3: Kind = kind(9);
}

const FRAMES: &[Info] = &[
    frame("smb.nbss.pdu", "A record of the session service (RFC 1002 §4.3.1)."),
    frame("smb.nbss.hdr", "Its header (RFC 1002 §4.3.1)."),
    frame("smb.nbss.data", "What it holds (RFC 1002 §4.3.1)."),
    frame("smb.smb1.pdu", "A message of SMB 1 (MS-CIFS §2.2.3)."),
    frame("smb.smb1.hdr", "Its header (MS-CIFS §2.2.3.1)."),
    frame("smb.smb1.data", "What follows its header (MS-CIFS §2.2.3)."),
    frame("smb.smb2.pdu", "A message of SMB 2 or 3 (MS-SMB2 §2.2)."),
    frame("smb.smb2.hdr", "Its header (MS-SMB2 §2.2.1)."),
    frame("smb.smb2.data", "What follows its header (MS-SMB2 §2.2)."),
    frame("smb.smb3.pdu", "An encrypted message of SMB 3 (MS-SMB2 §2.2.41)."),
    frame("smb.smb3.hdr", "Its header (MS-SMB2 §2.2.41)."),
    frame("smb.smb3.data", "What is encrypted of it (MS-SMB2 §2.2.41)."),
    frame("smb.stream", "All data of the connection."),
];

/// Settings (`app-layer.protocols.smb`).
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Transactions of a connection that wait for their end at once (`max-tx`); the oldest end first.
    pub max_tx: usize,
    /// Most bytes of a READ (`max-read-size`), and of a WRITE (`max-write-size`); more is told. 0: any.
    pub max_read_size: u64,
    /// See there.
    pub max_write_size: u64,
    /// What is read of a file too early, and waits (`max-read-queue-size`, `max-read-queue-cnt`).
    pub read_queue: Limits,
    /// What is written (`max-write-queue-size`, `max-write-queue-cnt`).
    pub write_queue: Limits,
}

impl Default for Config {
    fn default() -> Self {
        let queue = Limits { size: 64 << 20, pieces: 64 };
        Self { max_tx: 1024, max_read_size: 16 << 20, max_write_size: 16 << 20, read_queue: queue, write_queue: queue }
    }
}
