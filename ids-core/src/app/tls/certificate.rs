//! Certificates (RFC 5280): a chain as it was sent → what is shown and compared of its first one.
//!
//! In: DER.  Out: texts in the form of `openssl`, times, and the event that says what could not be read.
//! Reading DER is left to a crate; nothing is verified here.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use sha1::{Digest, Sha1};
use x509_parser::asn1_rs::Error;
use x509_parser::certificate::X509Certificate;
use x509_parser::error::X509Error;
use x509_parser::extensions::GeneralName;
use x509_parser::objects::oid_registry;
use x509_parser::prelude::FromDer;
use x509_parser::x509::X509Name;

use super::events::Event;
use crate::app::cursor::Cursor;
use crate::time::Time;

/// Most certificates of a chain that are kept.
const MAX_CHAIN: usize = 64;

/// The certificates that one side sent.
#[derive(Debug, Default)]
pub(super) struct Chain {
    /// The message they came in.
    bytes: Vec<u8>,
    spans: Vec<Range<usize>>,
    /// The first one, if it could be read.
    pub(super) leaf: Option<Leaf>,
    /// When it came.
    pub(super) time: Time,
}

/// What is known of a certificate.
#[derive(Debug, Default)]
pub(super) struct Leaf {
    pub(super) subject: Vec<u8>,
    pub(super) issuer: Vec<u8>,
    /// Octets in hexadecimal, with colons.
    pub(super) serial: String,
    /// SHA-1 in hexadecimal, with colons.
    pub(super) fingerprint: String,
    /// Seconds since 1970, and so may be negative.
    pub(super) not_before: i64,
    pub(super) not_after: i64,
    /// Names and addresses it is for besides (RFC 5280 §4.2.1.6).
    pub(super) alt_names: Vec<Vec<u8>>,
}

impl Chain {
    /// Reads the body of a Certificate message (RFC 5246 §7.4.2). Out: what was there; what is wrong goes to `note`.
    pub(super) fn read(body: &[u8], time: Time, note: &mut dyn FnMut(Event)) -> Self {
        let mut chain = Self { bytes: body.to_vec(), time, ..Self::default() };
        let mut list = Cursor::big(body);
        match list.u24() {
            Some(length) if length <= list.rest().len() => list = Cursor::big(list.take(length).unwrap_or_default()),
            _ => {
                note(Event::CertificateInvalidLength);
                note(Event::InvalidHandshakeMessage);
                return chain;
            }
        }
        while !list.is_empty() && chain.spans.len() < MAX_CHAIN {
            let taken = list.u24().and_then(|length| Some((length, list.take(length)?)));
            let Some((length, _)) = taken else {
                note(Event::CertificateInvalidLength);
                note(Event::InvalidHandshakeMessage);
                break;
            };
            let end = 3 + body.len().saturating_sub(3 + list.rest().len());
            chain.spans.push(end - length..end);
        }
        chain.look(note);
        chain
    }

    /// A chain of one certificate that stands alone (SSL 2.0).
    pub(super) fn single(der: &[u8], time: Time, note: &mut dyn FnMut(Event)) -> Self {
        let whole = 0..der.len();
        let mut chain = Self { bytes: der.to_vec(), spans: vec![whole], leaf: None, time };
        chain.look(note);
        chain
    }

    /// Looks into the first certificate.
    fn look(&mut self, note: &mut dyn FnMut(Event)) {
        let Some(der) = self.get(0).filter(|der| !der.is_empty()) else { return };
        match Leaf::read(der) {
            Ok(leaf) => {
                if leaf.not_before > leaf.not_after {
                    note(Event::CertificateInvalidValidity);
                }
                self.leaf = Some(leaf);
            }
            Err(event) => {
                note(event);
                note(Event::InvalidHandshakeMessage);
            }
        }
    }

    /// A certificate, DER.
    pub(super) fn get(&self, n: usize) -> Option<&[u8]> {
        self.bytes.get(self.spans.get(n)?.clone())
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.spans.len()
    }

    /// All of them, DER.
    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.spans.iter().filter_map(|span| self.bytes.get(span.clone()))
    }
}

impl Leaf {
    fn read(der: &[u8]) -> Result<Self, Event> {
        let (_, certificate) = X509Certificate::from_der(der).map_err(|fault| event(&fault.into()))?;
        let validity = certificate.validity();
        Ok(Self {
            subject: name(certificate.subject()).ok_or(Event::CertificateInvalidSubject)?,
            issuer: name(certificate.issuer()).ok_or(Event::CertificateInvalidIssuer)?,
            serial: hex(certificate.raw_serial(), b"0123456789ABCDEF"),
            fingerprint: hex(&Sha1::digest(der), b"0123456789abcdef"),
            not_before: validity.not_before.timestamp(),
            not_after: validity.not_after.timestamp(),
            alt_names: alt_names(&certificate),
        })
    }
}

/// Which event says that a certificate cannot be read for this reason.
fn event(fault: &X509Error) -> Event {
    match fault {
        X509Error::InvalidVersion => Event::CertificateInvalidVersion,
        X509Error::InvalidSerial => Event::CertificateInvalidSerial,
        X509Error::InvalidAlgorithmIdentifier => Event::CertificateInvalidAlgorithmIdentifier,
        X509Error::InvalidX509Name => Event::CertificateInvalidX509Name,
        X509Error::InvalidDate => Event::CertificateInvalidDate,
        X509Error::InvalidExtensions | X509Error::DuplicateExtensions => Event::CertificateInvalidExtensions,
        X509Error::Der(Error::InvalidLength | Error::Incomplete(_)) => Event::CertificateInvalidLength,
        X509Error::Der(_) => Event::CertificateInvalidDer,
        _ => Event::InvalidCertificate,
    }
}

/// `C=US, O=Example, CN=example.org`
fn name(name: &X509Name<'_>) -> Option<Vec<u8>> {
    name.to_string_with_registry(oid_registry()).ok().map(String::into_bytes)
}

fn alt_names(certificate: &X509Certificate<'_>) -> Vec<Vec<u8>> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else { return Vec::new() };
    let text = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(text) | GeneralName::RFC822Name(text) | GeneralName::URI(text) => {
            Some(text.as_bytes().to_vec())
        }
        GeneralName::IPAddress(bytes) => address(bytes).map(String::into_bytes),
        _ => None,
    };
    extension.value.general_names.iter().filter_map(text).collect()
}

fn address(bytes: &[u8]) -> Option<String> {
    let v4 = bytes.try_into().map(|octets: [u8; 4]| Ipv4Addr::from(octets).to_string());
    let v6 = || bytes.try_into().map(|octets: [u8; 16]| Ipv6Addr::from(octets).to_string());
    v4.or_else(|_| v6()).ok()
}

/// Octets in hexadecimal, with colons.
fn hex(bytes: &[u8], digits: &[u8; 16]) -> String {
    let mut text = String::with_capacity(3 * bytes.len());
    for byte in bytes {
        if !text.is_empty() {
            text.push(':');
        }
        for nibble in [byte >> 4, byte & 0xf] {
            text.push(digits.get(usize::from(nibble)).copied().unwrap_or_default().into());
        }
    }
    text
}
