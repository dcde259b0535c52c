//! What records show of a transaction.

use super::header::Version;
use super::names;
use super::status;
use super::tx::{Content, Create, FileId, Negotiate, Opened, Setup, Tree, Tx};
use crate::record::{Shape, Writer};

/// What a file or folder without a name is: the share itself.
const ROOT: &[u8] = b"<share_root>";
/// Options of CREATE (MS-SMB2 §2.2.13): a folder is meant; it goes with the last who has it open.
const DIRECTORY: u32 = 0x0001;
const DELETE_ON_CLOSE: u32 = 0x1000;
/// Seconds from the beginning of Windows' time, 1601, to that of Unix; and how many units a second has.
const EPOCH: u64 = 11_644_473_600;
const UNITS: u64 = 10_000_000;

/// Writes the object.
pub(super) fn write(tx: &Tx, id: u64, out: &mut dyn Writer) {
    out.uint("id", id + 1);
    out.text("dialect", tx.dialect.name());
    match names::command(tx.command) {
        Some(name) => out.text("command", name.as_bytes()),
        None => out.text("command", format!("UNKNOWN_{:02x}", tx.command.code).as_bytes()),
    }
    if let Some(answer) = tx.status {
        if let Some(name) = status::name(answer) {
            out.text("status", name.as_bytes());
        }
        out.text("status_code", status::code(answer).as_bytes());
    }
    out.uint("session_id", tx.session);
    out.uint("tree_id", tx.tree.into());
    content(tx, out);
}

fn content(tx: &Tx, out: &mut dyn Writer) {
    match &tx.content {
        Content::Other => {}
        Content::Negotiate(negotiate) => negotiated(negotiate, out),
        Content::Setup(setup) => signed_on(setup, out),
        Content::Tree(tree) => connected(tree, tx.command.version, out),
        Content::Create(create) => created(create, tx.command.version, out),
        Content::Control(code) => match names::function(*code) {
            Some(name) => out.text("function", name.as_bytes()),
            None => out.text("function", format!("{code:#010x}").as_bytes()),
        },
        Content::Transfer { transfer, file, share } => {
            if !transfer.file.name.is_empty() {
                out.text("filename", &transfer.file.name);
            }
            if !share.is_empty() {
                out.text("share", share);
            }
            number(*file, tx.command.version, out);
        }
        Content::Call(call) => {
            out.open("dcerpc", Shape::Object);
            call.record(true, out);
            out.uint("call_id", call.number.into());
            out.close();
        }
        Content::Rename { from, to, file } => {
            out.open("rename", Shape::Object);
            out.text("from", from);
            out.text("to", to);
            out.close();
            number(*file, tx.command.version, out);
        }
        Content::Disposition { name, file, delete } => {
            out.text("filename", name);
            out.text("access", if *delete { b"delete on close" } else { b"normal" });
            number(*file, tx.command.version, out);
        }
    }
}

fn negotiated(negotiate: &Negotiate, out: &mut dyn Writer) {
    if !negotiate.dialects.is_empty() {
        out.open("client_dialects", Shape::List);
        negotiate.dialects.iter().for_each(|dialect| out.text("", dialect));
        out.close();
    }
    if let Some(id) = negotiate.client {
        out.text("client_guid", guid(id).as_bytes());
    }
    if let Some(id) = negotiate.server {
        out.text("server_guid", guid(id).as_bytes());
    }
    if let Some((read, write)) = negotiate.sizes {
        out.uint("max_read_size", read.into());
        out.uint("max_write_size", write.into());
    }
}

fn signed_on(setup: &Setup, out: &mut dyn Writer) {
    setup.identity.record(out);
    for (name, side) in [("request", &setup.request), ("response", &setup.response)] {
        if let Some((system, software)) = side {
            out.open(name, Shape::Object);
            out.text("native_os", system);
            out.text("native_lm", software);
            out.close();
        }
    }
}

fn connected(tree: &Tree, version: Version, out: &mut dyn Writer) {
    out.text(if tree.pipes { "named_pipe" } else { "share" }, &tree.name);
    match version {
        Version::One => {
            let [request, response] = &tree.service;
            out.open("service", Shape::Object);
            out.text("request", request);
            out.text("response", response);
            out.close();
        }
        Version::Two => {
            if let Some(kind) = tree.kind {
                out.text("share_type", names::share(kind).as_bytes());
            }
        }
    }
}

fn created(create: &Create, version: Version, out: &mut dyn Writer) {
    let key = if create.options & DIRECTORY == 0 { "filename" } else { "directory" };
    out.text(key, if create.name.is_empty() { ROOT } else { &create.name });
    out.text("disposition", names::disposition(create.disposition).as_bytes());
    out.text("access", if create.options & DELETE_ON_CLOSE == 0 { b"normal" } else { b"delete on close" });
    let Some(opened) = create.opened else { return };
    let Opened { file, created, accessed, modified, changed, size } = opened;
    out.uint("created", seconds(created));
    out.uint("accessed", seconds(accessed));
    out.uint("modified", seconds(modified));
    out.uint("changed", seconds(changed));
    out.uint("size", size);
    number(file, version, out);
}

/// The number of a file.
fn number(FileId(bytes): FileId, version: Version, out: &mut dyn Writer) {
    match version {
        Version::One => {
            let [low, high, ..] = bytes;
            out.text("fuid", format!("{:04x}", u16::from_le_bytes([low, high])).as_bytes());
        }
        Version::Two => out.text("fuid", guid(bytes).as_bytes()),
    }
}

/// Sixteen bytes in the form that records have: numbers of 4, 2, 2, 2, 2 and 4 bytes, the lowest byte first.
fn guid(bytes: [u8; 16]) -> String {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = bytes;
    let long = |bytes| u32::from_le_bytes(bytes);
    let short = |bytes| u16::from_le_bytes(bytes);
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:04x}{:08x}",
        long([a, b, c, d]),
        short([e, f]),
        short([g, h]),
        short([i, j]),
        short([k, l]),
        long([m, n, o, p])
    )
}

/// A time of Windows in seconds of Unix; what lies before is shown as 0.
const fn seconds(time: u64) -> u64 {
    (time / UNITS).saturating_sub(EPOCH)
}
