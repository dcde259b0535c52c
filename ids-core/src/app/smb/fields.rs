//! What rules can see of a transaction.

use super::header::Version;
use super::security::Ntlm;
use super::transfer::Transfer;
use super::tx::{Content, Tx, progress};
use crate::app::rpc::{self, Call};
use crate::field::Dirs::{Both, ToServer};
use crate::field::{BytesKind, Dir, Field, Get, Notation, Value};

type Row = Field<Tx>;

const COMPLETE: u8 = progress::COMPLETE;

/// Those of calls through pipes.
const CALLS: [Row; 3] = rpc::fields::<Tx>(
    |tx, _, _, scratch| call(tx).map_or(Value::Absent, |call| call.interface(scratch)),
    |tx, _, _, _| call(tx).map_or(Value::Absent, Call::operation),
    |tx, dir, _, _| call(tx).map_or(Value::Absent, |call| call.stub(dir)),
    COMPLETE,
);

/// The fields; the position is the number.
pub(super) static FIELDS: &[Row] = &{
    let [interface, operation, stub] = CALLS;
    let [pipe, share, user, domain, version, data, name, kind] = OWN;
    [pipe, share, user, domain, version, data, name, kind, interface, operation, stub]
};

/// Those of SMB, and of the files that it carries.
const OWN: [Row; 8] = [
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
    file(
        "file.data",
        |tx, dir, n, _| transfer(tx, dir, n).map_or(Value::Absent, Transfer::value),
        "Content of a file.",
    ),
    file("file.name", |tx, dir, n, _| at_once(transfer(tx, dir, n).map(|one| &*one.file.name)), "Name of a file."),
    file(
        "file.magic",
        |tx, dir, n, _| at_once(transfer(tx, dir, n).and_then(|one| one.file.kind.as_deref()).map(str::as_bytes)),
        "What libmagic would call a file, by its first bytes.",
    ),
];

/// A field of files, as all protocols that carry them have it.
const fn file(name: &'static str, get: Get<Tx>, doc: &'static str) -> Row {
    Row::bytes(name, Both, COMPLETE, get, doc).kind(BytesKind::STREAMING).multi()
}

/// The one file of a transaction.
fn transfer(tx: &Tx, dir: Dir, instance: usize) -> Option<&Transfer> {
    tx.transfer(dir).filter(|_| instance == 0)
}

/// What is final as soon as it is there, long before the file ends.
fn at_once(bytes: Option<&[u8]>) -> Value<'_> {
    match bytes {
        Some(data) if !data.is_empty() => Value::Stream { data, offset: 0, complete: true },
        _ => Value::Absent,
    }
}

fn call(tx: &Tx) -> Option<&Call> {
    match &tx.content {
        Content::Call(call) => Some(call),
        _ => None,
    }
}

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
