//! Messages of SMB 1 (MS-CIFS §2.2.4, MS-SMB §2.2.4) → what the connection knows.
//!
//! A message may hold several commands, each of which says where the next one stands (MS-CIFS §2.2.3.4).

use std::sync::Arc;

use super::connection::{Asked, Connection, Pending, Share};
use super::events::Event;
use super::header::{self, Command, Header, Version};
use super::opens::{Data, Open, Payload};
use super::security::{Identity, challenge_is_whole};
use super::text::{terminated, utf8};
use super::tx::{Content, Create, Dialect, FileId, Negotiate, Opened, Setup, Tree};
use crate::app::cursor::Cursor;
use crate::field::Dir;

/// Commands (MS-CIFS §2.2.2.1).
mod code {
    pub(super) const CLOSE: u16 = 0x04;
    pub(super) const RENAME: u16 = 0x07;
    pub(super) const LOCKING_ANDX: u16 = 0x24;
    pub(super) const TRANS: u16 = 0x25;
    pub(super) const OPEN_ANDX: u16 = 0x2d;
    pub(super) const READ_ANDX: u16 = 0x2e;
    pub(super) const WRITE_ANDX: u16 = 0x2f;
    pub(super) const TRANS2: u16 = 0x32;
    pub(super) const NEGOTIATE: u16 = 0x72;
    pub(super) const SESSION_SETUP_ANDX: u16 = 0x73;
    pub(super) const LOGOFF_ANDX: u16 = 0x74;
    pub(super) const TREE_CONNECT_ANDX: u16 = 0x75;
    pub(super) const NT_CREATE_ANDX: u16 = 0xa2;
    pub(super) const NT_CANCEL: u16 = 0xa4;
    /// No command follows.
    pub(super) const NONE: u16 = 0xff;
}

/// Commands that may be followed by another one.
const CHAINED: [u16; 8] = [
    code::LOCKING_ANDX,
    code::OPEN_ANDX,
    code::READ_ANDX,
    code::WRITE_ANDX,
    code::SESSION_SETUP_ANDX,
    code::LOGOFF_ANDX,
    code::TREE_CONNECT_ANDX,
    code::NT_CREATE_ANDX,
];

/// Most commands of a message.
const MOST_COMMANDS: usize = 64;
/// Most dialects that are kept of a negotiation.
const MOST_DIALECTS: usize = 64;

/// One command of a message.
struct Block<'a> {
    code: u16,
    words: &'a [u8],
    bytes: &'a [u8],
    /// Where `bytes` begin in the message: texts of two bytes a letter stand at even places.
    offset: usize,
    unicode: bool,
    /// It is the first of its message.
    first: bool,
}

/// How much of a message is looked at, of so many bytes; data that is read or written is not.
pub(super) fn wanted(header: &Header, length: usize) -> usize {
    const HEAD: usize = header::SMB1 + 1 + 2 * 14 + 2;
    match (header.command.code, header.dir) {
        (code::WRITE_ANDX, Dir::ToServer) | (code::READ_ANDX, Dir::ToClient) => length.min(HEAD),
        _ => length.min(super::session::WHOLE),
    }
}

/// Takes a request. Out: data that it brings.
pub(super) fn request(at: &mut Connection, header: &Header, message: &[u8]) -> Option<Payload> {
    let mut payload = None;
    let whole = each(header, message, |block| {
        let header = Header { command: Command { version: Version::One, code: block.code }, ..*header };
        let found = ask(at, &header, block);
        payload = payload.or(found.and_then(|found| pass(at, Dir::ToServer, found, block, message)));
    });
    if !whole && payload.is_none() {
        at.odd(Some(header), Event::MalformedData);
    }
    payload
}

/// Data of the first command may be longer than what is looked at; that of the others is there.
fn pass(at: &mut Connection, dir: Dir, found: Payload, block: &Block<'_>, message: &[u8]) -> Option<Payload> {
    let streamed = matches!((block.code, dir), (code::WRITE_ANDX, Dir::ToServer) | (code::READ_ANDX, Dir::ToClient));
    if block.first && streamed {
        return Some(found);
    }
    let bytes = message.get(found.start..).unwrap_or_default();
    at.whole_data(dir, found.data, bytes.get(..found.data.length).unwrap_or(bytes));
    None
}

fn ask(at: &mut Connection, header: &Header, block: &Block<'_>) -> Option<Payload> {
    let mut odd = Vec::new();
    let mut file = None;
    let content = match block.code {
        code::NEGOTIATE => Some(Content::Negotiate(negotiate(block, &mut odd))),
        code::SESSION_SETUP_ANDX => setup(block, &mut odd).map(Content::Setup),
        code::TREE_CONNECT_ANDX => tree(block).map(Content::Tree),
        code::NT_CREATE_ANDX => create(block).map(Content::Create),
        code::OPEN_ANDX => open(block).map(Content::Create),
        code::CLOSE => {
            file = block.words(0).and_then(|mut words| words.u16()).map(FileId::short);
            file.map(|_| Content::Other)
        }
        code::RENAME => rename(block),
        code::READ_ANDX => return read(at, header, block),
        code::WRITE_ANDX => return write(at, header, block),
        code::TRANS => return transact(at, header, block),
        code::TRANS2 => return None,
        code::NT_CANCEL => {
            let id = at.begin(header, Content::Other);
            at.end(id, true);
            return None;
        }
        _ => Some(Content::Other),
    };
    odd.extend(content.is_none().then_some(Event::MalformedData));
    let tx = at.begin(header, content.unwrap_or(Content::Other));
    at.expect(header, Asked { command: header.command, tx: Some(tx), file: file.map(|file| (file, 0)) });
    if block.code == code::NEGOTIATE {
        at.negotiating = Some(tx);
    }
    odd.into_iter().for_each(|event| at.note(tx, event));
    None
}

/// Takes an answer. Out: data that it brings.
pub(super) fn response(at: &mut Connection, header: &Header, message: &[u8]) -> Option<Payload> {
    let mut pending: Pending = at.asked(header.exchange).unwrap_or_default();
    if header.command.code == code::NEGOTIATE {
        at.negotiating = None;
    }
    let mut payload = None;
    let whole = each(header, message, |block| {
        let Some(place) = pending.iter().position(|asked| asked.command.code == block.code) else { return };
        let asked = pending.remove(place);
        if let Some(id) = asked.tx {
            at.answer(id, header, |at, content| answered(at, header, content, block));
        }
        let found = asked.file.and_then(|file| about(at, header, file, block));
        payload = payload.or(found.and_then(|found| pass(at, Dir::ToClient, found, block, message)));
    });
    // Numbers may stand for several requests; an answer that says no is one for all commands of a chain.
    let (later, chained) = pending.into_iter().partition::<Pending, _>(|row| row.command.code == header.command.code);
    at.ask_again(header.exchange, later);
    for id in chained.into_iter().filter_map(|asked| asked.tx) {
        at.answer(id, header, |_, _| if whole { Ok(()) } else { Err(Event::MalformedData) });
    }
    payload
}

/// Takes an answer that is about a file. Out: data that it brings.
fn about(at: &mut Connection, header: &Header, (file, place): (FileId, u64), block: &Block<'_>) -> Option<Payload> {
    match block.code {
        code::CLOSE => at.close(file),
        code::WRITE_ANDX => at.written(file, header),
        code::READ_ANDX if header.status.brings_data() => return was_read(at, header, (file, place), block),
        code::TRANS if header.status.brings_data() => {
            let mut words = block.words(12)?;
            let (length, start) = (words.size16()?, words.size16()?);
            return Some(Payload { data: Data { header: *header, file, at: 0, length }, start });
        }
        _ => {}
    }
    None
}

/// MS-CIFS §2.2.4.42.1.
fn read(at: &mut Connection, header: &Header, block: &Block<'_>) -> Option<Payload> {
    let mut words = block.words(4)?;
    let (file, low) = (FileId::short(words.u16()?), words.u32()?);
    let length = words.u16()?;
    let high = block.words(20).and_then(|mut words| words.u32()).unwrap_or_default();
    if at.reads_too_much(length.into()) {
        at.odd(Some(header), Event::ReadRequestTooLarge);
    }
    let place = u64::from(high) << 32 | u64::from(low);
    at.expect(header, Asked { command: header.command, tx: None, file: Some((file, place)) });
    None
}

/// MS-CIFS §2.2.4.42.2, MS-SMB §2.2.4.2.2.
fn was_read(at: &mut Connection, header: &Header, (file, place): (FileId, u64), block: &Block<'_>) -> Option<Payload> {
    let mut words = block.words(10)?;
    let (low, start, high) = (words.size16()?, words.size16()?, words.size16()?);
    let length = high << 16 | low;
    if at.reads_too_much(length as u64) {
        at.odd(Some(header), Event::ReadResponseTooLarge);
    }
    let data = Data { header: *header, file, at: place, length };
    (length > 0).then_some(Payload { data, start })
}

/// MS-CIFS §2.2.4.43.1, MS-SMB §2.2.4.3.1.
fn write(at: &mut Connection, header: &Header, block: &Block<'_>) -> Option<Payload> {
    let mut words = block.words(4)?;
    let (file, low) = (FileId::short(words.u16()?), words.u32()?);
    words.skip(8)?;
    let (length_high, length, start) = (words.size16()?, words.size16()?, words.size16()?);
    let high = words.u32().unwrap_or_default();
    let length = length_high << 16 | length;
    if at.writes_too_much(length as u64) {
        at.odd(Some(header), Event::WriteRequestTooLarge);
    }
    let place = u64::from(high) << 32 | u64::from(low);
    at.expect(header, Asked { command: header.command, tx: None, file: Some((file, place)) });
    let data = Data { header: *header, file, at: place, length };
    (length > 0).then_some(Payload { data, start })
}

/// A request through a pipe (MS-CIFS §2.2.5.6); of other subcommands no transaction tells.
fn transact(at: &mut Connection, header: &Header, block: &Block<'_>) -> Option<Payload> {
    const TRANSACT_PIPE: u16 = 0x26;
    let mut words = block.words(22)?;
    let (length, start) = (words.size16()?, words.size16()?);
    words.skip(2)?;
    let (function, file) = (words.u16()?, FileId::short(words.u16()?));
    if function != TRANSACT_PIPE {
        return None;
    }
    at.expect(header, Asked { command: header.command, tx: None, file: Some((file, 0)) });
    Some(Payload { data: Data { header: *header, file, at: 0, length }, start })
}

/// Takes what an answer says. Out: why it could not be read.
fn answered(at: &mut Connection, header: &Header, content: &mut Content, block: &Block<'_>) -> Result<(), Event> {
    let read = match content {
        Content::Setup(setup) => return signed_on(setup, block).unwrap_or(Err(Event::MalformedData)),
        _ if !header.status.succeeded() => Some(()),
        Content::Negotiate(negotiate) => negotiated(at, negotiate, block),
        Content::Tree(tree) => connected(at, header, tree, block),
        Content::Create(create) => created(at, create, block),
        _ => Some(()),
    };
    read.ok_or(Event::MalformedData)
}

/// Goes through the commands of a message. Out: whether all could be read.
fn each(header: &Header, message: &[u8], mut take: impl FnMut(&Block<'_>)) -> bool {
    let (mut code, mut offset) = (header.command.code, header::SMB1);
    for _ in 0..MOST_COMMANDS {
        let Some(mut block) = block(message, code, offset, header.unicode) else { return false };
        block.first = offset == header::SMB1;
        take(&block);
        if !CHAINED.contains(&code) || block.words.len() < 4 {
            return true;
        }
        let mut words = Cursor::new(block.words, true);
        let next = (words.u8().map(u16::from), words.skip(1), words.size16());
        match next {
            (Some(code::NONE), ..) => return true,
            // Backwards there are only loops.
            (Some(next), _, Some(place)) if place > offset => (code, offset) = (next, place),
            _ => return false,
        }
    }
    false
}

fn block(message: &[u8], code: u16, offset: usize, unicode: bool) -> Option<Block<'_>> {
    let mut at = Cursor::at(message, offset)?;
    let count = at.u8()?;
    let words = at.take(2 * usize::from(count))?;
    // The count of what follows has two bytes and so may be less than what there is.
    let _ = at.size16()?;
    let bytes = at.rest();
    Some(Block { code, words, bytes, offset: message.len() - bytes.len(), unicode, first: false })
}

impl<'a> Block<'a> {
    fn words(&self, offset: usize) -> Option<Cursor<'a>> {
        Cursor::at(self.words, offset)
    }

    /// What stands behind so many of the bytes, where a text may begin.
    fn texts(&self, skip: usize) -> Option<&'a [u8]> {
        let odd = self.unicode && (self.offset + skip) % 2 == 1;
        let rest = self.bytes.get(skip..)?;
        Some(rest.get(usize::from(odd)..).unwrap_or_default())
    }
}

/// MS-CIFS §2.2.4.52.1.
fn negotiate(block: &Block<'_>, odd: &mut Vec<Event>) -> Negotiate {
    const DIALECT: u8 = 2;
    let (mut rest, mut dialects) = (block.bytes, Vec::new());
    while let Some((&DIALECT, name)) = rest.split_first()
        && dialects.len() < MOST_DIALECTS
    {
        rest = name;
        dialects.push(terminated(&mut rest, false));
    }
    if !rest.is_empty() || dialects.is_empty() {
        odd.push(Event::NegotiateMalformedDialects);
    }
    Negotiate { dialects, ..Negotiate::default() }
}

/// MS-CIFS §2.2.4.52.2, MS-SMB §2.2.4.5.2.1.
fn negotiated(at: &mut Connection, negotiate: &mut Negotiate, block: &Block<'_>) -> Option<()> {
    const EXTENDED_SECURITY: u32 = 0x8000_0000;
    let chosen = block.words(0)?.size16()?;
    if let Some(name) = negotiate.dialects.get(chosen) {
        at.dialect = Dialect::Named(Arc::from(name.as_slice()));
    }
    let capabilities = block.words(19).and_then(|mut words| words.u32());
    if capabilities.is_some_and(|bits| bits & EXTENDED_SECURITY != 0) {
        negotiate.server = Some(Cursor::new(block.bytes, true).array()?);
    }
    Some(())
}

/// MS-CIFS §2.2.4.53.1, MS-SMB §2.2.4.6.1.
fn setup(block: &Block<'_>, odd: &mut Vec<Event>) -> Option<Setup> {
    let mut sizes = block.words(14)?;
    match block.words.len() / 2 {
        12 => {
            let length = sizes.size16()?;
            let identity = Identity::of_client(block.bytes.get(..length)?, |event| odd.push(event));
            let mut rest = block.texts(length)?;
            let request = (terminated(&mut rest, block.unicode), terminated(&mut rest, block.unicode));
            Some(Setup { identity, request: Some(request), response: None })
        }
        13 => {
            let passwords = sizes.size16()? + sizes.size16()?;
            let mut rest = block.texts(passwords)?;
            let [_account, _domain, system, software] = [(); 4].map(|()| terminated(&mut rest, block.unicode));
            Some(Setup { request: Some((system, software)), ..Setup::default() })
        }
        // Older forms, which say less.
        _ => Some(Setup::default()),
    }
}

/// MS-CIFS §2.2.4.53.2, MS-SMB §2.2.4.6.2. Out: what is wrong with the challenge; nothing if there is no reading the answer.
fn signed_on(setup: &mut Setup, block: &Block<'_>) -> Option<Result<(), Event>> {
    let length = match block.words.len() / 2 {
        4 => block.words(6)?.size16()?,
        3 => 0,
        // Refused.
        _ => return Some(Ok(())),
    };
    let whole = challenge_is_whole(block.bytes.get(..length)?);
    let mut rest = block.texts(length)?;
    setup.response = Some((terminated(&mut rest, block.unicode), terminated(&mut rest, block.unicode)));
    Some(if whole { Ok(()) } else { Err(Event::MalformedNtlmsspResponse) })
}

/// MS-CIFS §2.2.4.55.1.
fn tree(block: &Block<'_>) -> Option<Tree> {
    let password = block.words(6)?.size16()?;
    let mut rest = block.texts(password)?;
    let name = terminated(&mut rest, block.unicode);
    let service = terminated(&mut rest, false);
    let pipes = Tree::names_pipes(&name) || service == b"IPC";
    Some(Tree { name, pipes, kind: None, service: [service, Vec::new()] })
}

/// MS-CIFS §2.2.4.55.2.
fn connected(at: &mut Connection, header: &Header, tree: &mut Tree, block: &Block<'_>) -> Option<()> {
    let mut rest = block.bytes;
    let [_, response] = &mut tree.service;
    *response = terminated(&mut rest, false);
    tree.pipes |= response == b"IPC";
    if let Some(number) = header.tree {
        at.trees.insert(number, Share { name: tree.name.clone(), pipes: tree.pipes });
    }
    Some(())
}

/// MS-CIFS §2.2.4.64.1.
fn create(block: &Block<'_>) -> Option<Create> {
    let length = block.words(5)?.size16()?;
    let mut words = block.words(35)?;
    let (disposition, options) = (words.u32()?, words.u32()?);
    let name = block.texts(0)?;
    let name = name.get(..length).unwrap_or(name);
    Some(Create { name: utf8(name, block.unicode), disposition, options, opened: None })
}

/// MS-CIFS §2.2.4.41.1: what is done where the file is there, or is not, in other words than later commands have.
fn open(block: &Block<'_>) -> Option<Create> {
    let mode = block.words(16)?.u16()?;
    let disposition = match (mode & 3, mode & 0x10 != 0) {
        (0, true) => 2,
        (1, true) => 3,
        (2, false) => 4,
        (2, true) => 5,
        _ => 1,
    };
    let mut rest = block.texts(0)?;
    Some(Create { name: terminated(&mut rest, block.unicode), disposition, options: 0, opened: None })
}

/// MS-CIFS §2.2.4.64.2 and §2.2.4.41.2.
fn created(at: &mut Connection, create: &mut Create, block: &Block<'_>) -> Option<()> {
    let file;
    if block.code == code::NT_CREATE_ANDX {
        file = FileId::short(block.words(5)?.u16()?);
        let mut words = block.words(11)?;
        let (created, accessed, modified, changed) = (words.u64()?, words.u64()?, words.u64()?, words.u64()?);
        let size = block.words(55)?.u64()?;
        create.opened = Some(Opened { file, created, accessed, modified, changed, size });
    } else {
        file = FileId::short(block.words(4)?.u16()?);
    }
    at.open(file, Open::new(create.name.clone()));
    Some(())
}

/// MS-CIFS §2.2.4.8.1: each name follows a byte that says what it is.
fn rename(block: &Block<'_>) -> Option<Content> {
    let mut rest = block.texts(1)?;
    let from = terminated(&mut rest, block.unicode);
    let rest = rest.get(1 + usize::from(block.unicode)..)?;
    let to = terminated(&mut &*rest, block.unicode);
    Some(Content::Rename { from, to, file: FileId::short(0) })
}
