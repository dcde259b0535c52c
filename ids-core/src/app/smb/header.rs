//! The parts that all messages begin with: of the session service (RFC 1002 §4.3.1; MS-SMB2 §2.1), of SMB 1
//! (MS-CIFS §2.2.3.1), of SMB 2 and 3 (MS-SMB2 §2.2.1), and of encrypted SMB 3 (MS-SMB2 §2.2.41).

use crate::app::cursor::Cursor;
use crate::field::Dir;

/// Bytes of the header of the session service.
pub(super) const NBSS: usize = 4;
/// Bytes of the header of SMB 1.
pub(super) const SMB1: usize = 32;
/// Bytes of the header of SMB 2.
pub(super) const SMB2: usize = 64;
/// Bytes of the header of an encrypted message.
pub(super) const TRANSFORM: usize = 52;

/// What messages of each version begin with.
pub(super) mod magic {
    pub(in super::super) const SMB1: &[u8] = b"\xffSMB";
    pub(in super::super) const SMB2: &[u8] = b"\xfeSMB";
    pub(in super::super) const SMB3: &[u8] = b"\xfdSMB";
}

/// Which family of messages: 3 has those of 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    One,
    Two,
}

/// A command of one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Command {
    pub(super) version: Version,
    pub(super) code: u16,
}

/// What came of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// MS-ERREF §2.3.
    Nt(u32),
    /// Class and code (MS-CIFS §2.2.2.4).
    Dos(u8, u16),
}

impl Status {
    /// More is to come: the answer itself follows (MS-SMB2 §3.3.4.2).
    pub(super) const PENDING: Self = Self::Nt(0x0000_0103);

    /// Whether the answer has what was asked for, or a part of it (STATUS_BUFFER_OVERFLOW).
    pub(super) const fn brings_data(self) -> bool {
        self.succeeded() || matches!(self, Self::Nt(0x8000_0005))
    }

    /// Whether it was done.
    pub(super) const fn succeeded(self) -> bool {
        matches!(self, Self::Nt(0) | Self::Dos(0, 0))
    }
}

/// The header of a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) command: Command,
    /// Which way it says that it goes.
    pub(super) dir: Dir,
    pub(super) status: Status,
    /// Session of SMB 2, user of SMB 1.
    pub(super) session: u64,
    /// `None` in an asynchronous answer, which does not say.
    pub(super) tree: Option<u32>,
    /// What an answer has in common with its request.
    pub(super) exchange: Exchange,
    /// Bytes to the next message of a chain; 0: it is the last.
    pub(super) next: usize,
    /// Texts are of two bytes a letter.
    pub(super) unicode: bool,
}

/// What an answer has in common with its request: the number of the message; of SMB 1, where numbers are not always
/// counted, the process and the command as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Exchange(u16, u8, u64);

/// Flags of SMB 1 (MS-CIFS §2.2.3.1) and 2 (MS-SMB2 §2.2.1.2).
mod flags {
    pub(super) const REPLY: u8 = 0x80;
    pub(super) const UNICODE: u16 = 0x8000;
    pub(super) const NT_STATUS: u16 = 0x4000;
    pub(super) const RESPONSE: u32 = 1;
    pub(super) const ASYNC: u32 = 2;
}

impl Header {
    /// Reads the header of SMB 1.
    pub(super) fn smb1(data: &[u8]) -> Option<Self> {
        let mut at = Cursor::at(data, magic::SMB1.len())?;
        let (code, status) = (at.u8()?, at.array::<4>()?);
        let (flags, flags2) = (at.u8()?, at.u16()?);
        at.skip(12)?;
        let (tree, process, user, number) = (at.u16()?, at.u16()?, at.u16()?, at.u16()?);
        let [class, _, low, high] = status;
        let status = match flags2 & flags::NT_STATUS {
            0 => Status::Dos(class, u16::from_le_bytes([low, high])),
            _ => Status::Nt(u32::from_le_bytes(status)),
        };
        Some(Self {
            command: Command { version: Version::One, code: code.into() },
            dir: if flags & flags::REPLY == 0 { Dir::ToServer } else { Dir::ToClient },
            status,
            session: user.into(),
            tree: Some(tree.into()),
            exchange: Exchange(process, code, number.into()),
            next: 0,
            unicode: flags2 & flags::UNICODE != 0,
        })
    }

    /// Reads the header of SMB 2.
    pub(super) fn smb2(data: &[u8]) -> Option<Self> {
        let mut at = Cursor::at(data, 8)?;
        let (status, code) = (at.u32()?, at.u16()?);
        at.skip(2)?;
        let (flags, next, number) = (at.u32()?, at.size32()?, at.u64()?);
        at.skip(4)?;
        let (tree, session) = (at.u32()?, at.u64()?);
        Some(Self {
            command: Command { version: Version::Two, code },
            dir: if flags & flags::RESPONSE == 0 { Dir::ToServer } else { Dir::ToClient },
            status: Status::Nt(status),
            session,
            tree: (flags & flags::ASYNC == 0).then_some(tree),
            exchange: Exchange(0, 0, number),
            next,
            unicode: true,
        })
    }
}
