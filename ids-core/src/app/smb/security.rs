//! Who signs on: NTLM (MS-NLMP §2.2.1.3) and Kerberos (RFC 4120 §5.5.1), wherever they stand in what a client sends to
//! prove who it is (RFC 4178, RFC 4121 §4.1).
//!
//! In: the security buffer of a session setup.  Out: names. Nothing is verified.

use x509_parser::asn1_rs::{Any, FromDer};

use super::events::Event;
use super::text::utf8;
use crate::app::cursor::Cursor;
use crate::record::{Shape, Writer};

/// What the messages of NTLM begin with.
const NTLM: &[u8] = b"NTLMSSP\0";
/// Kerberos 5 as a mechanism, and that a request for authentication follows (RFC 4121 §4.1).
const KERBEROS: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x01\x00";
/// Most parts of a service's name that are kept.
const MOST_NAMES: usize = 16;

/// Flags of NTLM (MS-NLMP §2.2.2.5).
const UNICODE: u32 = 1;
const VERSION: u32 = 0x0200_0000;

/// A client that proves who it is with NTLM.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Ntlm {
    pub(super) domain: Vec<u8>,
    pub(super) user: Vec<u8>,
    pub(super) host: Vec<u8>,
    version: Option<String>,
    /// The names do not stand in the usual order.
    pub(super) unusual: bool,
}

/// A client that proves who it is with Kerberos.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Kerberos {
    realm: Vec<u8>,
    /// Parts of the name of the service.
    service: Vec<Vec<u8>>,
}

/// What a security buffer tells.
#[derive(Debug, Default)]
pub(super) struct Identity {
    pub(super) ntlm: Option<Ntlm>,
    pub(super) kerberos: Option<Kerberos>,
}

impl Identity {
    /// Of what a client sends.
    pub(super) fn of_client(blob: &[u8], mut odd: impl FnMut(Event)) -> Self {
        let ntlm = message(blob).and_then(|message| match Ntlm::read(message) {
            Ok(ntlm) => ntlm,
            Err(()) => {
                odd(Event::MalformedNtlmsspRequest);
                None
            }
        });
        if ntlm.as_ref().is_some_and(|ntlm| ntlm.unusual) {
            odd(Event::UnusualNtlmsspOrder);
        }
        Self { ntlm, kerberos: Kerberos::read(blob) }
    }

    /// What records show.
    pub(super) fn record(&self, out: &mut dyn Writer) {
        if let Some(ntlm) = &self.ntlm {
            out.open("ntlmssp", Shape::Object);
            out.text("domain", &ntlm.domain);
            out.text("user", &ntlm.user);
            out.text("host", &ntlm.host);
            if let Some(version) = &ntlm.version {
                out.text("version", version.as_bytes());
            }
            if ntlm.unusual {
                out.flag("warning", true);
            }
            out.close();
        }
        if let Some(kerberos) = &self.kerberos {
            out.open("kerberos", Shape::Object);
            out.text("realm", &kerberos.realm);
            if !kerberos.service.is_empty() {
                out.open("snames", Shape::List);
                kerberos.service.iter().for_each(|name| out.text("", name));
                out.close();
            }
            out.close();
        }
    }
}

/// Whether a server's message is a challenge that can be read (MS-NLMP §2.2.1.2), if it is one of NTLM at all.
pub(super) fn challenge_is_whole(blob: &[u8]) -> bool {
    message(blob).is_none_or(|message| {
        let mut at = Cursor::new(message, true);
        at.u32() == Some(2) && at.skip(8 + 4 + 8).is_some()
    })
}

/// A message of NTLM behind its signature.
fn message(blob: &[u8]) -> Option<&[u8]> {
    let at = memchr::memmem::find(blob, NTLM)?;
    blob.get(at + NTLM.len()..)
}

impl Ntlm {
    /// Reads a message behind its signature. `Ok(None)`: one that names nobody yet.
    fn read(message: &[u8]) -> Result<Option<Self>, ()> {
        let mut at = Cursor::new(message, true);
        match at.u32().ok_or(())? {
            1 => Ok(None),
            3 => Self::authenticate(message, at).map(Some).ok_or(()),
            _ => Err(()),
        }
    }

    fn authenticate(message: &[u8], mut at: Cursor<'_>) -> Option<Self> {
        // The answers to the challenge, of two kinds.
        at.skip(16)?;
        let [domain, user, host] = [place(&mut at)?, place(&mut at)?, place(&mut at)?];
        at.skip(8)?;
        let flags = at.u32()?;
        let version = if flags & VERSION == 0 { None } else { version(at) };
        let text = |(offset, length): (usize, usize)| {
            let start = offset.checked_sub(NTLM.len())?;
            let end = start.checked_add(length)?;
            Some(utf8(message.get(start..end)?, flags & UNICODE != 0))
        };
        let unusual = !(domain.0 <= user.0 && user.0 <= host.0);
        Some(Self { domain: text(domain)?, user: text(user)?, host: text(host)?, version, unusual })
    }
}

/// Where a text stands: from the start of the message, and how long it is.
fn place(at: &mut Cursor<'_>) -> Option<(usize, usize)> {
    let length = at.size16()?;
    at.skip(2)?;
    Some((at.size32()?, length))
}

/// The version of the operating system (MS-NLMP §2.2.2.10).
fn version(mut at: Cursor<'_>) -> Option<String> {
    let (major, minor, build) = (at.u8()?, at.u8()?, at.u16()?);
    at.skip(3)?;
    Some(format!("{major}.{minor} build {build} rev {}", at.u8()?))
}

impl Kerberos {
    fn read(blob: &[u8]) -> Option<Self> {
        let at = memchr::memmem::find(blob, KERBEROS)?;
        let request = element(blob.get(at + KERBEROS.len()..)?, 14)?;
        let ticket = element(element(sequence(request)?, 3)?, 1)?;
        let ticket = sequence(ticket)?;
        let (_, realm) = Any::from_der(element(ticket, 1)?).ok()?;
        let name = sequence(element(ticket, 2)?)?;
        let mut parts = sequence(element(name, 1)?)?;
        let mut service = Vec::new();
        while let Ok((rest, part)) = Any::from_der(parts)
            && service.len() < MOST_NAMES
        {
            service.push(part.data.to_vec());
            parts = rest;
        }
        Some(Self { realm: realm.data.to_vec(), service })
    }
}

/// The content of the element with this tag, among those that follow each other.
fn element(mut data: &[u8], tag: u32) -> Option<&[u8]> {
    loop {
        let (rest, any) = Any::from_der(data).ok()?;
        if any.header.tag().0 == tag && any.header.class() != x509_parser::asn1_rs::Class::Universal {
            return Some(any.data);
        }
        data = rest;
    }
}

/// The content of a sequence.
fn sequence(data: &[u8]) -> Option<&[u8]> {
    let (_, any) = Any::from_der(data).ok()?;
    (any.header.tag() == x509_parser::asn1_rs::Tag::Sequence).then_some(any.data)
}

#[cfg(test)]
mod tests;
