//! One command and its answer; or all that is read or written of a file in a row; or a call through a pipe.

use std::sync::Arc;

use super::events::Event;
use super::fields::FIELDS;
use super::header::{Command, Header, Status};
use super::names;
use super::record;
use super::security::Identity;
use super::transfer::Transfer;
use crate::app::events::Events;
use crate::app::file::File;
use crate::app::parser::{self, Detail};
use crate::app::rpc::Call;
use crate::field::{Dir, Value};
use crate::record::Writer;

/// How far a direction has come: positions in the protocol's lists of states.
pub(super) mod progress {
    pub(in super::super) const COMPLETE: u8 = 1;
}

/// What was agreed to be spoken.
#[derive(Clone, Debug, Default)]
pub(super) enum Dialect {
    #[default]
    Unknown,
    /// SMB 1: the name that the client offered.
    Named(Arc<[u8]>),
    /// SMB 2 and 3.
    Numbered(u16),
}

impl Dialect {
    /// The name in records.
    pub(super) fn name(&self) -> &[u8] {
        match self {
            Self::Unknown => b"unknown",
            Self::Named(name) => name,
            Self::Numbered(code) => names::dialect(*code).as_bytes(),
        }
    }
}

/// The number of an open file: of SMB 1 the first two bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct FileId(pub(super) [u8; 16]);

impl FileId {
    /// Of SMB 1.
    pub(super) const fn short(id: u16) -> Self {
        let [low, high] = id.to_le_bytes();
        Self([low, high, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    }
}

/// What a transaction is about.
#[derive(Debug)]
pub(super) enum Content {
    /// Nothing that is shown.
    Other,
    Negotiate(Negotiate),
    Setup(Setup),
    Tree(Tree),
    Create(Create),
    /// What a control code asks for.
    Control(u32),
    /// What is read or written of a file.
    Transfer {
        transfer: Box<Transfer>,
        file: FileId,
        share: Vec<u8>,
    },
    /// A call through a pipe.
    Call(Box<Call>),
    Rename {
        from: Vec<u8>,
        to: Vec<u8>,
        file: FileId,
    },
    /// A file is to be deleted, or not any more.
    Disposition {
        name: Vec<u8>,
        file: FileId,
        delete: bool,
    },
}

/// What both sides can do.
#[derive(Debug, Default)]
pub(super) struct Negotiate {
    pub(super) dialects: Vec<Vec<u8>>,
    pub(super) client: Option<[u8; 16]>,
    pub(super) server: Option<[u8; 16]>,
    /// Most bytes of a READ and of a WRITE.
    pub(super) sizes: Option<(u32, u32)>,
}

/// Somebody signs on.
#[derive(Debug, Default)]
pub(super) struct Setup {
    pub(super) identity: Identity,
    /// SMB 1: operating system and software of the client.
    pub(super) request: Option<(Vec<u8>, Vec<u8>)>,
    /// SMB 1: those of the server.
    pub(super) response: Option<(Vec<u8>, Vec<u8>)>,
}

/// A share is to be used.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) name: Vec<u8>,
    /// It holds named pipes.
    pub(super) pipes: bool,
    /// SMB 2: what it holds, as the server says.
    pub(super) kind: Option<u8>,
    /// SMB 1: what the client asks for, and what the server says it is.
    pub(super) service: [Vec<u8>; 2],
}

impl Tree {
    /// Whether this is the path of the share for named pipes (MS-SMB2 §3.3.5.7).
    pub(super) fn names_pipes(path: &[u8]) -> bool {
        path.rsplit(|byte| *byte == b'\\').next().is_some_and(|last| last.eq_ignore_ascii_case(b"IPC$"))
    }
}

/// A file, folder or pipe is opened.
#[derive(Debug, Default)]
pub(super) struct Create {
    pub(super) name: Vec<u8>,
    pub(super) disposition: u32,
    pub(super) options: u32,
    pub(super) opened: Option<Opened>,
}

/// What the server says of what it opened. Times as MS-DTYP §2.3.3 has them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opened {
    pub(super) file: FileId,
    pub(super) created: u64,
    pub(super) accessed: u64,
    pub(super) modified: u64,
    pub(super) changed: u64,
    pub(super) size: u64,
}

/// A transaction.
#[derive(Debug)]
pub(super) struct Tx {
    pub(super) command: Command,
    pub(super) dialect: Dialect,
    pub(super) status: Option<Status>,
    pub(super) session: u64,
    pub(super) tree: u32,
    pub(super) content: Content,
    done: [bool; 2],
    revisions: [u32; 2],
    events: Events,
}

impl Tx {
    /// One that this request begins.
    pub(super) fn new(header: &Header, dialect: Dialect, content: Content) -> Self {
        Self {
            command: header.command,
            dialect,
            status: None,
            session: header.session,
            tree: header.tree.unwrap_or_default(),
            content,
            done: [false; 2],
            revisions: [0; 2],
            events: Events::default(),
        }
    }

    /// Something that can be seen in a direction changed.
    pub(super) fn changed(&mut self, dir: Dir) {
        let [client, server] = &mut self.revisions;
        *(if dir == Dir::ToServer { client } else { server }) += 1;
    }

    /// Nothing more comes of a direction.
    pub(super) fn finish(&mut self, dir: Dir) {
        self.changed(dir);
        let [client, server] = &mut self.done;
        *(if dir == Dir::ToServer { client } else { server }) = true;
    }

    /// Takes what the header of the answer tells.
    pub(super) fn answered(&mut self, header: &Header) {
        self.status = Some(header.status);
        if let Some(tree) = header.tree {
            (self.session, self.tree) = (header.session, tree);
        }
    }

    pub(super) fn note(&mut self, event: Event) {
        self.events.note(event as u8);
        Dir::BOTH.into_iter().for_each(|dir| self.changed(dir));
    }

    /// Whether it is about a file that travels in this direction, and not over.
    pub(super) fn is_transfer(&self, dir: Dir) -> bool {
        self.transfer(dir).is_some() && !self.is_done(dir)
    }

    /// The file that travels in a direction.
    pub(super) fn transfer(&self, dir: Dir) -> Option<&Transfer> {
        match &self.content {
            Content::Transfer { transfer, .. } if transfer.file.dir == Some(dir) => Some(transfer),
            _ => None,
        }
    }

    /// The file that travels in a direction, to change.
    pub(super) fn transfer_mut(&mut self, dir: Dir) -> Option<&mut Transfer> {
        match &mut self.content {
            Content::Transfer { transfer, .. } if transfer.file.dir == Some(dir) => Some(transfer),
            _ => None,
        }
    }

    /// Whether nothing more comes of either direction.
    pub(super) fn is_over(&self) -> bool {
        self.done == [true; 2]
    }

    pub(super) fn is_done(&self, dir: Dir) -> bool {
        let [client, server] = self.done;
        if dir == Dir::ToServer { client } else { server }
    }
}

impl parser::Transaction for Tx {
    fn field<'a>(&'a self, field: usize, dir: Dir, instance: usize, scratch: &'a mut Vec<u8>) -> Value<'a> {
        match FIELDS.get(field) {
            Some(field) if field.info.dirs.contains(dir) && (instance == 0 || field.info.multi) => {
                (field.get)(self, dir, instance, scratch)
            }
            _ => Value::Absent,
        }
    }

    fn progress(&self, dir: Dir) -> u8 {
        if self.is_done(dir) { progress::COMPLETE } else { 0 }
    }

    fn revision(&self, dir: Dir) -> u32 {
        let [client, server] = self.revisions;
        if dir == Dir::ToServer { client } else { server }
    }

    fn events(&self) -> &[u8] {
        &self.events
    }

    fn files(&self, dir: Dir) -> &[File] {
        self.transfer(dir).map_or(&[], |transfer| std::slice::from_ref(&transfer.file))
    }

    fn little_endian(&self, dir: Dir) -> bool {
        matches!(&self.content, Content::Call(call) if call.little(dir))
    }

    fn record(&self, detail: &Detail<'_>, out: &mut dyn Writer) {
        record::write(self, detail.tx_id, out);
    }
}
