//! The header of a message, and the payloads behind it (RFC 2408 §3.1 and §3.2; RFC 7296 §3.1 and §3.2).

use crate::app::cursor::Cursor;

/// Bytes of the header.
const HEADER: usize = 28;

/// Types of payloads that are looked at, in versions 1 and 2.
pub(super) mod kind {
    pub(in crate::app::ike) const SA: [u8; 2] = [1, 33];
    pub(in crate::app::ike) const KEY_EXCHANGE: [u8; 2] = [4, 34];
    pub(in crate::app::ike) const NONCE: [u8; 2] = [10, 40];
    pub(in crate::app::ike) const NOTIFY: u8 = 41;
    pub(in crate::app::ike) const VENDOR: [u8; 2] = [13, 43];
    /// What is in it is encrypted, and nothing follows it.
    pub(in crate::app::ike) const ENCRYPTED: u8 = 46;
}

/// The header of a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) initiator: [u8; 8],
    pub(super) responder: [u8; 8],
    /// Type of the first payload.
    pub(super) first: u8,
    pub(super) major: u8,
    pub(super) minor: u8,
    pub(super) exchange: u8,
    flags: u8,
    pub(super) id: u32,
    /// Bytes of the message.
    pub(super) length: usize,
}

impl Header {
    /// Of a message.
    pub(super) fn read(data: &[u8]) -> Option<Self> {
        let mut rest = Cursor::big(data);
        let (initiator, responder) = (rest.array()?, rest.array()?);
        let (first, version) = (rest.u8()?, rest.u8()?);
        Some(Self {
            initiator,
            responder,
            first,
            major: version >> 4,
            minor: version & 0x0f,
            exchange: rest.u8()?,
            flags: rest.u8()?,
            id: rest.u32()?,
            length: rest.size32()?,
        })
    }

    /// Whether it is of a version that is read.
    pub(super) const fn is_known(&self) -> bool {
        matches!((self.major, self.minor), (1 | 2, 0))
    }

    /// Version 1: all payloads are encrypted.
    pub(super) const fn is_encrypted(&self) -> bool {
        self.major == 1 && self.flags & 0x01 != 0
    }

    /// Version 2: the one who began the negotiation sent it.
    pub(super) const fn is_from_initiator(&self) -> bool {
        self.flags & 0x08 != 0
    }
}

/// Type and content.
pub(super) type Payload<'a> = (u8, &'a [u8]);

/// Goes through the payloads of a message. Out: those, and what is left behind the last one; `None` if one ends behind the
/// message.
pub(super) fn payloads<'a>(header: &Header, data: &'a [u8]) -> Option<(Vec<Payload<'a>>, &'a [u8])> {
    let mut rest = Cursor::big(data.get(HEADER..header.length)?);
    let mut found = Vec::new();
    let mut kind = header.first;
    while kind != 0 {
        let (next, content) = part(&mut rest)?;
        found.push((kind, content));
        kind = if kind == kind::ENCRYPTED && header.major == 2 { 0 } else { next };
    }
    Some((found, rest.rest()))
}

/// Something with the head that payloads and their parts have. Out: the content, with the type of what follows.
pub(super) fn part<'a>(rest: &mut Cursor<'a>) -> Option<Payload<'a>> {
    let (next, _) = (rest.u8()?, rest.u8()?);
    let whole = rest.size16()?;
    Some((next, rest.take(whole.checked_sub(4)?)?))
}
