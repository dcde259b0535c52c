//! Packets of connections (C706 §12.6, MS-RPCE §2.2.2).

use crate::app::cursor::Cursor;
use crate::field::Dir;

/// Bytes of the header that all packets of connections have.
pub(in crate::app) const HEADER: usize = 16;
/// Interfaces of one packet that are read.
const MOST_INTERFACES: usize = 128;

/// Types of packets (C706 §12.4.1), those of connections and of datagrams.
pub(in crate::app) mod kind {
    pub(in crate::app) const REQUEST: u8 = 0;
    pub(in crate::app) const RESPONSE: u8 = 2;
    pub(in crate::app) const FAULT: u8 = 3;
    pub(in crate::app) const REJECT: u8 = 6;
    pub(in crate::app) const BIND: u8 = 11;
    pub(in crate::app) const BIND_ACK: u8 = 12;
    pub(in crate::app) const BIND_NAK: u8 = 13;
    pub(in crate::app) const ALTER: u8 = 14;
    pub(in crate::app) const ALTER_RESP: u8 = 15;
    pub(in crate::app) const SHUTDOWN: u8 = 17;
}

const NAMES: [&str; 21] = [
    "REQUEST",
    "PING",
    "RESPONSE",
    "FAULT",
    "WORKING",
    "NOCALL",
    "REJECT",
    "ACK",
    "CL_CANCEL",
    "FACK",
    "CANCEL_ACK",
    "BIND",
    "BINDACK",
    "BINDNAK",
    "ALTER_CONTEXT",
    "ALTER_CONTEXT_RESP",
    "AUTH3",
    "SHUTDOWN",
    "CO_CANCEL",
    "ORPHANED",
    "RTS",
];

/// The name of a type in records.
pub(super) fn name(kind: u8) -> &'static str {
    NAMES.get(usize::from(kind)).copied().unwrap_or("UNKNOWN")
}

/// Which way packets of a type go.
pub(in crate::app) const fn direction(kind: u8) -> Dir {
    const WORKING: u8 = 4;
    const NOCALL: u8 = 5;
    const CANCEL_ACK: u8 = 10;
    match kind {
        kind::RESPONSE | kind::FAULT | WORKING | NOCALL | kind::REJECT | CANCEL_ACK => Dir::ToClient,
        kind::BIND_ACK | kind::BIND_NAK | kind::ALTER_RESP | kind::SHUTDOWN => Dir::ToClient,
        _ => Dir::ToServer,
    }
}

/// Whether packets of a type are of calls, requests or responses; the others only tell what becomes of them.
pub(in crate::app) const fn is_call(kind: u8) -> bool {
    matches!(kind, kind::REQUEST | kind::RESPONSE | kind::FAULT | kind::BIND..=kind::ALTER_RESP)
}

/// Flags (C706 §12.6.3.1).
mod flags {
    pub(super) const FIRST: u8 = 1;
    pub(super) const LAST: u8 = 2;
}

/// The header of a packet of a connection.
#[derive(Clone, Copy, Debug)]
pub(in crate::app) struct Header {
    pub(in crate::app) kind: u8,
    flags: u8,
    /// Numbers begin with the lowest byte.
    pub(in crate::app) little: bool,
    /// Bytes of the packet.
    pub(in crate::app) length: usize,
    pub(in crate::app) call: u32,
    pub(in crate::app) version: (u8, u8),
}

impl Header {
    /// Reads it. Nothing if this is none, or ends too early.
    pub(in crate::app) fn read(data: &[u8]) -> Option<Self> {
        let [major, minor, kind, flags, order, ..] = *data.first_chunk::<HEADER>()?;
        let little = order & 0x10 != 0;
        let mut at = Cursor::new(data.get(8..)?, little);
        let (length, _, call) = (at.size16()?, at.u16()?, at.u32()?);
        let known = major == 5 && usize::from(kind) < NAMES.len() && length >= HEADER;
        known.then_some(Self { kind, flags, little, length, call, version: (major, minor) })
    }

    pub(super) const fn is_first(&self) -> bool {
        self.flags & flags::FIRST != 0
    }

    pub(super) const fn is_last(&self) -> bool {
        self.flags & flags::LAST != 0
    }
}

/// Something that can be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::app) struct Interface {
    /// What calls of it say.
    pub(super) context: u16,
    /// In the order in which it is written.
    pub(super) uuid: [u8; 16],
    pub(super) version: (u16, u16),
    /// Whether the server takes calls of it (0: it does), and why not, once that is known.
    pub(super) answer: Option<(u16, u16)>,
}

/// The interfaces that BIND and ALTER_CONTEXT offer, in the body of the packet (C706 §12.6.4.3).
pub(super) fn offered(body: &[u8], little: bool) -> Vec<Interface> {
    let mut at = Cursor::new(body, little);
    let mut read = || {
        at.skip(8)?;
        let count = at.u8()?;
        at.skip(3)?;
        Some((0..usize::from(count).min(MOST_INTERFACES)).map_while(|_| interface(&mut at, little)).collect())
    };
    read().unwrap_or_default()
}

fn interface(at: &mut Cursor<'_>, little: bool) -> Option<Interface> {
    const TRANSFER_SYNTAX: usize = 20;
    let context = at.u16()?;
    let syntaxes = usize::from(at.u8()?);
    at.skip(1)?;
    let uuid = uuid(at.array()?, little);
    let version = at.u32()?;
    at.skip(syntaxes * TRANSFER_SYNTAX)?;
    // The upper half is the minor version (C706 §12.6.3.1).
    let version = ((version & 0xffff) as u16, (version >> 16) as u16);
    Some(Interface { context, uuid, version, answer: None })
}

/// What the server answers to the interfaces, in their order (C706 §12.6.4.4).
pub(super) fn answered(body: &[u8], little: bool) -> Vec<(u16, u16)> {
    const TRANSFER_SYNTAX: usize = 20;
    let mut at = Cursor::new(body, little);
    let answer = |at: &mut Cursor<'_>| {
        let answer = (at.u16()?, at.u16()?);
        at.skip(TRANSFER_SYNTAX)?;
        Some(answer)
    };
    let mut read = || {
        at.skip(8)?;
        let address = at.size16()?;
        // The list that follows stands at a multiple of four bytes.
        at.skip(address + (4 - (2 + address) % 4) % 4)?;
        let count = at.u8()?;
        at.skip(3)?;
        Some((0..usize::from(count).min(MOST_INTERFACES)).map_while(|_| answer(&mut at)).collect())
    };
    read().unwrap_or_default()
}

/// A UUID in the order in which it is written (C706 appendix A).
pub(in crate::app) const fn uuid(bytes: [u8; 16], little: bool) -> [u8; 16] {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = bytes;
    if little { [d, c, b, a, f, e, h, g, i, j, k, l, m, n, o, p] } else { bytes }
}
