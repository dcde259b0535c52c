//! Messages of SMB 2 and 3 (MS-SMB2 §2.2) → what the connection knows.

use super::Config;
use super::connection::{Asked, Connection, Share};
use super::events::Event;
use super::header::Header;
use super::names;
use super::opens::{Data, Open, Payload};
use super::security::{Identity, challenge_is_whole};
use super::text::utf8;
use super::tx::{Content, Create, Dialect, FileId, Negotiate, Opened, Setup, Tree};
use crate::app::cursor::Cursor;
use crate::app::rpc::packet;
use crate::field::Dir;

/// Commands (MS-SMB2 §2.2.1.2).
pub(super) mod code {
    pub(in super::super) const NEGOTIATE: u16 = 0;
    pub(in super::super) const SESSION_SETUP: u16 = 1;
    pub(in super::super) const TREE_CONNECT: u16 = 3;
    pub(in super::super) const CREATE: u16 = 5;
    pub(in super::super) const CLOSE: u16 = 6;
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

/// A request and an answer through a pipe at once (MS-FSCC §2.3.50).
const TRANSCEIVE: u32 = 0x0011_c017;
/// The file of the message before in the chain (MS-SMB2 §3.2.4.1.4).
const RELATED: FileId = FileId([0xff; 16]);

/// Takes a request. Out: data that it brings.
pub(super) fn request(at: &mut Connection, header: &Header, message: &[u8]) -> Option<Payload> {
    let mut odd = Vec::new();
    let mut file = None;
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
        code::CLOSE => {
            file = Cursor::at(message, BODY + 8).and_then(|mut at| at.array()).map(FileId);
            file.map(|_| Content::Other)
        }
        code::IOCTL => {
            if control(at, header, message).is_some() {
                return None;
            }
            Cursor::at(message, BODY + 4).and_then(|mut at| at.u32()).map(Content::Control)
        }
        code::READ => return read(at, header, message),
        code::WRITE => return write(at, header, message),
        code::GET_INFO => return None,
        code::SET_INFO => match set_info(at, message) {
            Some(None) => return None,
            content => content.flatten(),
        },
        code::CANCEL => {
            let id = at.begin(header, Content::Other);
            at.end(id, true);
            return None;
        }
        _ => Some(Content::Other),
    };
    odd.extend(content.is_none().then_some(Event::MalformedData));
    let tx = at.begin(header, content.unwrap_or(Content::Other));
    at.expect(header, Asked { command: header.command, tx: Some(tx), file: file.map(|file| (file, 0)) });
    odd.into_iter().for_each(|event| at.note(tx, event));
    None
}

/// Takes an answer. Out: data that it brings.
pub(super) fn response(at: &mut Connection, header: &Header, message: &[u8]) -> Option<Payload> {
    if header.status == super::header::Status::PENDING {
        return None;
    }
    let negotiating = if header.command.code == code::NEGOTIATE { at.negotiating.take() } else { None };
    let pending = at.asked(header.exchange).unwrap_or_default();
    for id in pending.iter().filter_map(|asked| asked.tx).chain(negotiating) {
        at.answer(id, header, |at, content| answered(at, header, content, message));
    }
    let (file, place) = pending.first()?.file?;
    let file = if file == RELATED { at.opened? } else { file };
    match header.command.code {
        code::CLOSE => at.close(file),
        code::WRITE => at.written(file, header),
        code::IOCTL => controlled(at, header, file, message),
        code::READ if header.status.brings_data() => return was_read(at, header, (file, place), message),
        _ => {}
    }
    None
}

/// MS-SMB2 §2.2.19.
fn read(connection: &mut Connection, header: &Header, message: &[u8]) -> Option<Payload> {
    let mut at = Cursor::at(message, BODY + 4)?;
    let (length, place, file) = (at.u32()?, at.u64()?, FileId(at.array()?));
    if connection.reads_too_much(length.into()) {
        connection.odd(Some(header), Event::ReadRequestTooLarge);
    }
    connection.expect(header, Asked { command: header.command, tx: None, file: Some((file, place)) });
    None
}

/// MS-SMB2 §2.2.20.
fn was_read(at: &mut Connection, header: &Header, (file, place): (FileId, u64), message: &[u8]) -> Option<Payload> {
    let mut body = Cursor::at(message, BODY + 2)?;
    let start = usize::from(body.u8()?);
    body.skip(1)?;
    let length = body.size32()?;
    if at.reads_too_much(length as u64) {
        at.odd(Some(header), Event::ReadResponseTooLarge);
    }
    // An asynchronous answer does not say which share it is about.
    let data = Data { header: *header, file, at: place, length };
    (length > 0).then_some(Payload { data, start })
}

/// MS-SMB2 §2.2.21.
fn write(connection: &mut Connection, header: &Header, message: &[u8]) -> Option<Payload> {
    let mut at = Cursor::at(message, BODY + 2)?;
    let (start, length, place, file) = (at.size16()?, at.size32()?, at.u64()?, FileId(at.array()?));
    if connection.writes_too_much(length as u64) {
        connection.odd(Some(header), Event::WriteRequestTooLarge);
    }
    connection.expect(header, Asked { command: header.command, tx: None, file: Some((file, place)) });
    let data = Data { header: *header, file, at: place, length };
    (length > 0 && file != RELATED).then_some(Payload { data, start })
}

/// A request through a pipe (MS-SMB2 §2.2.31). Out: nothing if it is none.
fn control(connection: &mut Connection, header: &Header, message: &[u8]) -> Option<()> {
    let mut at = Cursor::at(message, BODY + 4)?;
    let (function, file) = (at.u32()?, FileId(at.array()?));
    let (start, length) = (at.size32()?, at.size32()?);
    let bytes = message.get(start..)?.get(..length)?;
    if function != TRANSCEIVE || packet::Header::read(bytes).is_none() {
        return None;
    }
    connection.expect(header, Asked { command: header.command, tx: None, file: Some((file, 0)) });
    connection.whole_data(Dir::ToServer, Data { header: *header, file, at: 0, length }, bytes);
    Some(())
}

/// The answer (MS-SMB2 §2.2.32).
fn controlled(connection: &mut Connection, header: &Header, file: FileId, message: &[u8]) {
    let place = || {
        let mut at = Cursor::at(message, BODY + 32)?;
        let (start, length) = (at.size32()?, at.size32()?);
        message.get(start..)?.get(..length)
    };
    if header.status.brings_data()
        && let Some(bytes) = place()
    {
        let data = Data { header: *header, file, at: 0, length: bytes.len() };
        connection.whole_data(Dir::ToClient, data, bytes);
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
        Content::Negotiate(negotiate) => {
            return negotiated(at, negotiate, message).unwrap_or(Err(Event::MalformedData));
        }
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

/// MS-SMB2 §2.2.4. Out: what is odd about it; nothing if it could not be read.
fn negotiated(connection: &mut Connection, negotiate: &mut Negotiate, message: &[u8]) -> Option<Result<(), Event>> {
    let mut at = Cursor::at(message, BODY + 4)?;
    connection.dialect = Dialect::Numbered(at.u16()?);
    at.skip(2)?;
    negotiate.server = Some(at.array()?);
    at.skip(8)?;
    let (read, write) = (at.u32()?, at.u32()?);
    negotiate.sizes = Some((read, write));
    connection.sizes = negotiate.sizes;
    let Config { max_read_size, max_write_size, .. } = connection.config;
    let too_large = |size: u32, most: u64| most != 0 && u64::from(size) > most;
    match (too_large(read, max_read_size), too_large(write, max_write_size)) {
        (true, _) => Some(Err(Event::NegotiateMaxReadSizeTooLarge)),
        (_, true) => Some(Err(Event::NegotiateMaxWriteSizeTooLarge)),
        _ => Some(Ok(())),
    }
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
        at.trees.insert(number, Share { name: tree.name.clone(), pipes: tree.pipes });
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
    connection.open(file, Open::new(create.name.clone()));
    connection.opened = Some(file);
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
pub(super) fn wanted(header: &Header, length: usize) -> usize {
    match (header.command.code, header.dir) {
        (code::READ, Dir::ToClient) => length.min(BODY + 16),
        (code::WRITE, Dir::ToServer) => length.min(BODY + 48),
        _ => length.min(super::session::WHOLE),
    }
}
