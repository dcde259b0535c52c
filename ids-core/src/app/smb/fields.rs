//! What rules can see of a transaction.

use super::header::Version;
use super::security::Ntlm;
use super::tx::{Content, Tx, progress};
use crate::field::Dirs::{Both, ToServer};
use crate::field::{Dir, Field, Notation, Value};

type Row = Field<Tx>;

const COMPLETE: u8 = progress::COMPLETE;

/// The fields; the position is the number.
pub(super) static FIELDS: &[Row] = &[
    Row::bytes(
        "smb.named_pipe",
        ToServer,
        COMPLETE,
        |tx, _, _, _| share(tx, true),
        "Path of the share that a client connects to, where it holds named pipes (MS-SMB2 §2.2.9).",
    )
    .aliases(&["smb_named_pipe"]),
    Row::bytes(
        "smb.share",
        ToServer,
        COMPLETE,
        |tx, _, _, _| share(tx, false),
        "Path of the share that a client connects to, where it holds files (MS-SMB2 §2.2.9).",
    )
    .aliases(&["smb_share"]),
    Row::bytes(
        "smb.ntlmssp_user",
        ToServer,
        COMPLETE,
        |tx, _, _, _| ntlm(tx, |ntlm| &ntlm.user),
        "User who signs on with NTLM (MS-NLMP §2.2.1.3).",
    ),
    Row::bytes(
        "smb.ntlmssp_domain",
        ToServer,
        COMPLETE,
        |tx, _, _, _| ntlm(tx, |ntlm| &ntlm.domain),
        "Domain of the user who signs on with NTLM (MS-NLMP §2.2.1.3).",
    ),
    Row::uint(
        "smb.version",
        8,
        Both,
        0,
        |tx, _, _, _| Value::Uint(if tx.command.version == Version::One { 1 } else { 2 }),
        "Version of the messages: 1, or 2 for those of SMB 2 and 3 (MS-SMB2 §2.2.1).",
    )
    .names(&[("1", 1), ("2", 2)])
    .notation(Notation::Name),
];

/// The server says what a share holds: until then the path may be that of files, whatever it is called.
fn share(tx: &Tx, pipes: bool) -> Value<'_> {
    match &tx.content {
        Content::Tree(tree) if tree.pipes == pipes || !pipes && !tx.is_done(Dir::ToClient) => Value::Bytes(&tree.name),
        _ => Value::Absent,
    }
}

fn ntlm(tx: &Tx, part: fn(&Ntlm) -> &[u8]) -> Value<'_> {
    match &tx.content {
        Content::Setup(setup) => setup.identity.ntlm.as_ref().map_or(Value::Absent, |ntlm| Value::Bytes(part(ntlm))),
        _ => Value::Absent,
    }
}
