//! The messages that open a handshake (RFC 8446 §4.1, RFC 5246 §7.4.1): bytes → what they offer and choose.
//!
//! What can be read is kept; where reading ends early, the caller is told, and has the part before it.

use smallvec::SmallVec;

use super::events::Event;
use super::version;
use crate::app::cursor::Cursor;

/// Extension types that are looked into (IANA, "TLS ExtensionType Values").
mod extension {
    pub(super) const SERVER_NAME: u16 = 0;
    pub(super) const GROUPS: u16 = 10;
    pub(super) const POINT_FORMATS: u16 = 11;
    pub(super) const SIGNATURE_ALGORITHMS: u16 = 13;
    pub(super) const ALPN: u16 = 16;
    pub(super) const SESSION_TICKET: u16 = 35;
    pub(super) const SUPPORTED_VERSIONS: u16 = 43;
}

/// `random` of a ServerHello that asks for another ClientHello (RFC 8446 §4.1.3).
pub(super) const RETRY: [u8; 32] = *b"\xCF\x21\xAD\x74\xE5\x9A\x61\x11\xBE\x1D\x8C\x02\x1E\x65\xB8\x91\
    \xC2\xA2\x11\x16\x7A\xBB\x8C\x5E\x07\x9E\x09\xE2\xC8\xA8\x33\x9C";

/// A name is at most this long (RFC 1035 §2.3.4).
const LONGEST_NAME: usize = 255;

/// Whether a value only keeps implementations on their toes (GREASE, RFC 8701).
pub(super) const fn is_grease(value: u16) -> bool {
    value & 0x0f0f == 0x0a0a && value >> 8 == value & 0xff
}

/// What both sides say.
#[derive(Debug, Default)]
pub(super) struct Common {
    /// As the message has it, the version of records apart.
    pub(super) version: u16,
    pub(super) random: [u8; 32],
    pub(super) session_id: SmallVec<[u8; 32]>,
    /// Types of extensions, in order.
    pub(super) extensions: Vec<u16>,
    /// Application protocols (RFC 7301).
    pub(super) alpn: Vec<Vec<u8>>,
    /// A session ticket was sent or promised (RFC 5077).
    pub(super) ticket: Option<bool>,
}

/// A ClientHello.
#[derive(Debug, Default)]
pub(super) struct ClientHello {
    pub(super) common: Common,
    pub(super) ciphers: Vec<u16>,
    /// The first name of the server (RFC 6066 §3).
    pub(super) sni: Option<Vec<u8>>,
    pub(super) groups: Vec<u16>,
    pub(super) formats: Vec<u8>,
    pub(super) signature_algorithms: Vec<u16>,
    /// Versions offered in an extension (RFC 8446 §4.2.1).
    pub(super) versions: Vec<u16>,
}

/// A ServerHello.
#[derive(Debug, Default)]
pub(super) struct ServerHello {
    pub(super) common: Common,
    pub(super) cipher: u16,
    /// The version chosen in an extension (RFC 8446 §4.2.1).
    pub(super) selected: Option<u16>,
}

impl ClientHello {
    /// Reads the body of a message. Out: what was there, and whether that was all of it; oddities go to `note`.
    pub(super) fn read(body: &[u8], note: &mut dyn FnMut(Event)) -> (Self, bool) {
        let mut hello = Self::default();
        let whole = hello.body(Cursor::big(body), note).is_some();
        (hello, whole)
    }

    fn body(&mut self, mut body: Cursor<'_>, note: &mut dyn FnMut(Event)) -> Option<()> {
        self.common.open(&mut body)?;
        self.ciphers.extend(body.vector16()?.numbers());
        body.vector8()?;
        let mut named = false;
        for_each_extension(body, |kind, mut data| {
            self.common.extensions.push(kind);
            match kind {
                extension::SERVER_NAME if named => note(Event::MultipleSniExtensions),
                extension::SERVER_NAME => {
                    named = true;
                    self.sni = server_name(data, note);
                }
                extension::GROUPS => self.groups.extend(data.vector16()?.numbers()),
                extension::POINT_FORMATS => self.formats.extend_from_slice(data.vector8()?.rest()),
                extension::SIGNATURE_ALGORITHMS => self.signature_algorithms.extend(data.vector16()?.numbers()),
                extension::SUPPORTED_VERSIONS => self.versions.extend(data.vector8()?.numbers()),
                _ => self.common.shared(kind, data)?,
            }
            Some(())
        })
    }

    /// The highest version that it offers.
    pub(super) fn version(&self) -> u16 {
        let known = |version: &u16| !is_grease(*version);
        let offered = self.versions.iter().copied().filter(known);
        offered.max_by_key(|version| (version::settled(*version), *version)).unwrap_or(self.common.version)
    }
}

impl ServerHello {
    /// Reads the body of a message. Out: what was there, and whether that was all of it.
    pub(super) fn read(body: &[u8]) -> (Self, bool) {
        let mut hello = Self::default();
        let whole = hello.body(Cursor::big(body)).is_some();
        (hello, whole)
    }

    fn body(&mut self, mut body: Cursor<'_>) -> Option<()> {
        let drafts = |version| version::is_1_3(version);
        self.common.version = Cursor::big(body.rest()).u16()?;
        // Up to draft 21 neither session nor compression were there to be seen.
        if drafts(self.common.version) {
            body.u16()?;
            self.common.random = body.array()?;
            self.cipher = body.u16()?;
        } else {
            self.common.open(&mut body)?;
            self.cipher = body.u16()?;
            body.u8()?;
        }
        for_each_extension(body, |kind, mut data| {
            self.common.extensions.push(kind);
            match kind {
                extension::SUPPORTED_VERSIONS => self.selected = Some(data.u16()?),
                _ => self.common.shared(kind, data)?,
            }
            Some(())
        })
    }

    /// The version of the session.
    pub(super) fn version(&self) -> u16 {
        self.selected.unwrap_or(self.common.version)
    }

    /// Whether it asks for another ClientHello rather than answering this one.
    pub(super) fn is_retry(&self) -> bool {
        self.common.random == RETRY
    }
}

impl Common {
    /// What both messages begin with.
    fn open(&mut self, body: &mut Cursor<'_>) -> Option<()> {
        self.version = body.u16()?;
        self.random = body.array()?;
        self.session_id = SmallVec::from_slice(body.vector8()?.rest());
        Some(())
    }

    /// An extension that both sides use the same way.
    fn shared(&mut self, kind: u16, mut data: Cursor<'_>) -> Option<()> {
        match kind {
            extension::ALPN => {
                let mut names = data.vector16()?;
                while !names.is_empty() {
                    self.alpn.push(names.vector8()?.rest().to_vec());
                }
            }
            extension::SESSION_TICKET => self.ticket = Some(!data.is_empty()),
            _ => {}
        }
        Some(())
    }
}

/// Reads the extensions, which may be missing. `None`: they do not end where they should, or one could not be read.
fn for_each_extension<'a>(mut body: Cursor<'a>, mut each: impl FnMut(u16, Cursor<'a>) -> Option<()>) -> Option<()> {
    if body.is_empty() {
        return Some(());
    }
    let mut extensions = body.vector16()?;
    let mut all = Some(());
    while !extensions.is_empty() {
        let kind = extensions.u16()?;
        let data = extensions.vector16()?;
        // One that cannot be read does not keep the next ones from being.
        all = each(kind, data).and(all);
    }
    all
}

/// The first name of a list that is a host's (RFC 6066 §3).
fn server_name(mut data: Cursor<'_>, note: &mut dyn FnMut(Event)) -> Option<Vec<u8>> {
    // A server's answer is empty; so may be what comes again.
    if data.is_empty() {
        return None;
    }
    let mut read = || {
        let mut list = data.vector16()?;
        let kind = list.u8()?;
        Some((kind, list.vector16()?.rest()))
    };
    match read() {
        Some((0, name)) if name.len() <= LONGEST_NAME => (!name.is_empty()).then(|| name.to_vec()),
        Some((0, _)) | None => {
            note(Event::InvalidSniLength);
            None
        }
        Some(_) => {
            note(Event::InvalidSniType);
            None
        }
    }
}
