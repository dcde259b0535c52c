//! What rules can see of a connection.

use super::banner::Banner;
use super::kex::Hassh;
use super::tx::{Tx, progress};
use crate::field::Dirs::{Both, ToClient, ToServer};
use crate::field::{BytesKind, Dir, Field, Value};

type Row = Field<Tx>;

const BANNER_DONE: u8 = progress::BANNER_DONE;

/// A digest: lower case throughout.
const DIGEST: BytesKind = BytesKind { lowercase: true, ..BytesKind::STREAMING };

/// The fields; the position is the number.
pub(super) static FIELDS: &[Row] = &[
    Row::bytes(
        "ssh.proto",
        Both,
        BANNER_DONE,
        |tx, dir, _, _| banner(tx, dir, |banner| &banner.proto),
        "Version of the protocol that a side names: `2.0` (RFC 4253 §4.2).",
    )
    .aliases(&["ssh_proto"]),
    Row::bytes(
        "ssh.software",
        Both,
        BANNER_DONE,
        |tx, dir, _, _| banner(tx, dir, |banner| &banner.software),
        "Software that a side names, without comments (RFC 4253 §4.2).",
    )
    .aliases(&["ssh_software"]),
    Row::bytes(
        "ssh.hassh",
        ToServer,
        BANNER_DONE,
        |tx, _, _, _| hassh(tx, Dir::ToServer, |hassh| hassh.hash.as_bytes()),
        "HASSH of the client: MD5 of its string.",
    )
    .aliases(&["ssh-hassh"])
    .kind(DIGEST),
    Row::bytes(
        "ssh.hassh.string",
        ToServer,
        BANNER_DONE,
        |tx, _, _, _| hassh(tx, Dir::ToServer, |hassh| &hassh.string),
        "Algorithms of the client that HASSH is made of (RFC 4253 §7.1).",
    )
    .aliases(&["ssh-hassh-string"])
    .kind(BytesKind::STREAMING),
    Row::bytes(
        "ssh.hassh.server",
        ToClient,
        BANNER_DONE,
        |tx, _, _, _| hassh(tx, Dir::ToClient, |hassh| hassh.hash.as_bytes()),
        "HASSH of the server: MD5 of its string.",
    )
    .aliases(&["ssh-hassh-server"])
    .kind(DIGEST),
    Row::bytes(
        "ssh.hassh.server.string",
        ToClient,
        BANNER_DONE,
        |tx, _, _, _| hassh(tx, Dir::ToClient, |hassh| &hassh.string),
        "Algorithms of the server that HASSH is made of (RFC 4253 §7.1).",
    )
    .aliases(&["ssh-hassh-server-string"])
    .kind(BytesKind::STREAMING),
];

fn banner(tx: &Tx, dir: Dir, part: fn(&Banner) -> &[u8]) -> Value<'_> {
    tx.side(dir).banner.as_ref().map_or(Value::Absent, |banner| Value::Bytes(part(banner)))
}

/// It comes after the banner, with which rules begin to look.
fn hassh(tx: &Tx, dir: Dir, part: fn(&Hassh) -> &[u8]) -> Value<'_> {
    let side = tx.side(dir);
    match &side.hassh {
        Some(hassh) => Value::Stream { data: part(hassh), offset: 0, complete: true },
        None if side.progress < progress::FINISHED => Value::Stream { data: &[], offset: 0, complete: false },
        None => Value::Absent,
    }
}
