//! Messages of SMB 2 and 3 (MS-SMB2 §2.2) → what the connection knows.

use super::connection::{Connection, Open};
use super::events::Event;
use super::header::{Command, Header};
use super::names;
use super::security::{Identity, challenge_is_whole};
use super::text::utf8;
use super::tx::{Content, Create, Dialect, FileId, Negotiate, Opened, Setup, Tree};
use crate::app::cursor::Cursor;
use crate::field::Dir;

/// Commands (MS-SMB2 §2.2.1.2).
pub(super) mod code {
    pub(in super::super) const NEGOTIATE: u16 = 0;
    pub(in super::super) const SESSION_SETUP: u16 = 1;
    pub(in super::super) const TREE_CONNECT: u16 = 3;
    pub(in super::super) const CREATE: u16 = 5;
    pub(in super::super) const READ: u16 = 8;
    pub(in super::super) const WRITE: u16 = 9;
    pub(in super::super) const IOCTL: u16 = 11;
    pub(in super::super) const CANCEL: u16 = 12;
    pub(in super::super) const GET_INFO: u16 = 16;
    pub(in super::super) const SET_INFO: u16 = 17;
}

/// Where the body of a message begins.
const BODY: usize = super::header::SMB2;
/// Most dialects that are kept of a negotiation.
const MOST_DIALECTS: usize = 64;

/// What is set of a file (MS-SMB2 §2.2.39, MS-FSCC §2.4).
mod info {
    pub(super) const FILE: u8 = 1;
    pub(super) const RENAME: u8 = 10;
    pub(super) const DISPOSITION: u8 = 13;
}

/// A server that speaks some SMB 2 and wants to know which (MS-SMB2 §3.3.5.3.2).
const WILDCARD: u16 = 0x02ff;

/// Takes a request.
pub(super) fn request(at: &mut Connection, header: &Header, message: &[u8]) {
    let mut odd = Vec::new();
    let content = match header.command.code {
        code::NEGOTIATE => {
            if !matches!(at.dialect, Dialect::Unknown | Dialect::Numbered(WILDCARD)) {
                odd.push(Event::DuplicateNegotiate);
            }
            negotiate(message).map(Content::Negotiate)
        }
        code::SESSION_SETUP => setup(message, &mut odd).map(Content::Setup),
        code::TREE_CONNECT => tree(message).map(Content::Tree),
        code::CREATE => create(message).map(Content::Create),
        code::IOCTL => Cursor::at(message, BODY + 4).and_then(|mut at| at.u32()).map(Content::Control),
        code::READ | code::WRITE | code::GET_INFO => return,
        code::SET_INFO => match set_info(at, message) {
            Some(None) => return,
            content => content.flatten(),
        },
        code::CANCEL => {
            let id = at.begin(header, Content::Other);
            return at.txs.get_mut(id).into_iter().for_each(|tx| tx.finish(Dir::ToClient));
        }
        _ => Some(Content::Other),
    };
    odd.extend(content.is_none().then_some(Event::MalformedData));
    let id = at.ask(header, content.unwrap_or(Content::Other));
    odd.into_iter().for_each(|event| at.note(id, event));
}

/// Takes an answer.
pub(super) fn response(at: &mut Connection, header: &Header, message: &[u8]) {
    if header.status == super::header::Status::PENDING {
        return;
    }
    let negotiating = if header.command.code == code::NEGOTIATE { at.negotiating.take() } else { None };
    let pending = at.asked(header.exchange).unwrap_or_default();
    for id in pending.iter().map(|row| row.1).chain(negotiating) {
        at.answer(id, header, |at, content| answered(at, header, content, message));
    }
}

/// Takes what an answer says. Out: why it could not be read.
fn answered(at: &mut Connection, header: &Header, content: &mut Content, message: &[u8]) -> Result<(), Event> {
    if let Content::Setup(_) = content {
        let whole = security(message).is_none_or(challenge_is_whole);
        return if whole { Ok(()) } else { Err(Event::MalformedNtlmsspResponse) };
    }
    if !header.status.succeeded() {
        return Ok(());
    }
    let read = match content {
        Content::Negotiate(negotiate) => negotiated(at, negotiate, message),
        Content::Tree(tree) => connected(at, header, tree, message),
        Content::Create(create) => created(at, create, message),
        _ => Some(()),
    };
    read.ok_or(Event::MalformedData)
}

/// MS-SMB2 §2.2.3.
fn negotiate(message: &[u8]) -> Option<Negotiate> {
    let mut at = Cursor::at(message, BODY + 2)?;
    let count = at.size16()?;
    at.skip(8)?;
    let client = at.array()?;
    at.skip(8)?;
    let names = (0..count.min(MOST_DIALECTS)).map_while(|_| at.u16());
    let dialects: Vec<_> = names.map(|code| names::dialect(code).as_bytes().to_vec()).collect();
    Some(Negotiate { dialects, client: Some(client), ..Negotiate::default() })
}

/// MS-SMB2 §2.2.4.
fn negotiated(connection: &mut Connection, negotiate: &mut Negotiate, message: &[u8]) -> Option<()> {
    let mut at = Cursor::at(message, BODY + 4)?;
    connection.dialect = Dialect::Numbered(at.u16()?);
    at.skip(2)?;
    negotiate.server = Some(at.array()?);
    at.skip(8)?;
    negotiate.sizes = Some((at.u32()?, at.u32()?));
    Some(())
}

/// MS-SMB2 §2.2.5.
fn setup(message: &[u8], odd: &mut Vec<Event>) -> Option<Setup> {
    let mut at = Cursor::at(message, BODY + 12)?;
    let (offset, length) = (at.size16()?, at.size16()?);
    let blob = message.get(offset..)?.get(..length)?;
    let identity = Identity::of_client(blob, |event| odd.push(event));
    Some(Setup { identity, ..Setup::default() })
}

/// The security buffer of an answer (MS-SMB2 §2.2.6).
fn security(message: &[u8]) -> Option<&[u8]> {
    let mut at = Cursor::at(message, BODY + 4)?;
    let (offset, length) = (at.size16()?, at.size16()?);
    message.get(offset..)?.get(..length)
}

/// MS-SMB2 §2.2.9.
fn tree(message: &[u8]) -> Option<Tree> {
    let mut at = Cursor::at(message, BODY + 4)?;
    let (offset, length) = (at.size16()?, at.size16()?);
    let name = utf8(message.get(offset..)?.get(..length)?, true);
    Some(Tree { pipes: Tree::names_pipes(&name), name, ..Tree::default() })
}

/// MS-SMB2 §2.2.10.
fn connected(at: &mut Connection, header: &Header, tree: &mut Tree, message: &[u8]) -> Option<()> {
    const PIPE: u8 = 2;
    let kind = Cursor::at(message, BODY + 2)?.u8()?;
    tree.kind = Some(kind);
    tree.pipes |= kind == PIPE;
    if let Some(number) = header.tree {
        at.trees.insert(number, tree.pipes);
    }
    Some(())
}

/// MS-SMB2 §2.2.13.
fn create(message: &[u8]) -> Option<Create> {
    let mut at = Cursor::at(message, BODY + 36)?;
    let (disposition, options) = (at.u32()?, at.u32()?);
    let (offset, length) = (at.size16()?, at.size16()?);
    let name = if length == 0 { &[] } else { message.get(offset..)?.get(..length)? };
    Some(Create { name: utf8(name, true), disposition, options, opened: None })
}

/// MS-SMB2 §2.2.14.
fn created(connection: &mut Connection, create: &mut Create, message: &[u8]) -> Option<()> {
    let mut at = Cursor::at(message, BODY + 8)?;
    let (created, accessed, modified, changed) = (at.u64()?, at.u64()?, at.u64()?, at.u64()?);
    at.skip(8)?;
    let size = at.u64()?;
    at.skip(8)?;
    let file = FileId(at.array()?);
    create.opened = Some(Opened { file, created, accessed, modified, changed, size });
    connection.opens.insert(file, Open { name: create.name.clone() });
    Some(())
}

/// MS-SMB2 §2.2.39. Out: a new name or the end of a file; of what else is set no transaction tells.
fn set_info(connection: &Connection, message: &[u8]) -> Option<Option<Content>> {
    let mut at = Cursor::at(message, BODY + 2)?;
    let (class, level) = (at.u8()?, at.u8()?);
    let (length, offset) = (at.size32()?, at.size16()?);
    at.skip(6)?;
    let file = FileId(at.array()?);
    let data = message.get(offset..)?;
    let data = data.get(..length).unwrap_or(data);
    let name = connection.name_of(file);
    Some(match (class, level) {
        (info::FILE, info::RENAME) => Some(Content::Rename { from: name, to: renamed(data)?, file }),
        (info::FILE, info::DISPOSITION) => Some(Content::Disposition { name, file, delete: *data.first()? != 0 }),
        _ => None,
    })
}

/// The new name in FileRenameInformation (MS-FSCC §2.4.43).
fn renamed(data: &[u8]) -> Option<Vec<u8>> {
    let mut at = Cursor::at(data, 16)?;
    let length = at.size32()?;
    at.take(length).map(|name| utf8(name, true))
}

/// How much of a message is looked at, of so many bytes; data that is read or written is not.
pub(super) fn wanted(command: Command, length: usize) -> usize {
    const HEAD: usize = BODY + 48;
    match command.code {
        code::READ | code::WRITE => length.min(HEAD),
        _ => length.min(super::session::WHOLE),
    }
}
