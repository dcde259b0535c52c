//! The line that a message begins with (RFC 3261 §7.1, §7.2), and how SIP is told by it.
//!
//! White space is taken where receivers take it: several spaces between the parts, some behind the last (RFC 4475 §3.1.2).

use super::index::Span;
use crate::app::parser::Probe;
use crate::field::Dir;

/// Methods of RFC 3261 §7.1 and its extensions: what a line that is not all there may turn out to begin with.
const METHODS: &[&[u8]] = &[
    b"INVITE",
    b"ACK",
    b"BYE",
    b"CANCEL",
    b"REGISTER",
    b"OPTIONS",
    b"PRACK",
    b"SUBSCRIBE",
    b"NOTIFY",
    b"PUBLISH",
    b"INFO",
    b"REFER",
    b"MESSAGE",
    b"UPDATE",
];

/// A first line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start {
    /// All of it, without its end.
    pub(super) line: Span,
    /// `SIP/2.0`.
    pub(super) version: Span,
    pub(super) kind: Kind,
}

/// What a message is, by its first line.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Request { method: Span, uri: Span },
    Response { code: Span, reason: Span },
}

impl Start {
    /// Reads a line, without the LF that ends it; `None` if no message begins with it.
    pub(super) fn read(line: &[u8]) -> Option<Self> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let whole = Span::new(0..line.len());
        let first = line.iter().position(|byte| *byte == b' ')?;
        let head = line.get(..first)?;
        if is_version(head) {
            let rest = line.get(first..)?;
            let code = first + rest.len() - rest.trim_ascii_start().len();
            let (digits, reason) = line.get(code..)?.split_at_checked(3)?;
            let apart = reason.first().is_none_or(|byte| *byte == b' ');
            let kind = Kind::Response {
                code: Span::new(code..code + 3),
                reason: Span::new(code + 3..line.len()).trimmed(line),
            };
            let is = apart && digits.iter().all(u8::is_ascii_digit);
            return is.then_some(Self { line: whole, version: Span::new(0..first), kind });
        }
        let text = line.trim_ascii_end();
        let last = text.iter().rposition(|byte| *byte == b' ')?;
        let uri = Span::new(first..last).trimmed(line);
        let is = is_token(head) && is_version(text.get(last + 1..)?) && !uri.of(line).is_empty();
        let kind = Kind::Request { method: Span::new(0..first), uri };
        is.then_some(Self { line: whole, version: Span::new(last + 1..text.len()), kind })
    }

    /// Which way such a message travels.
    pub(super) const fn dir(&self) -> Dir {
        match self.kind {
            Kind::Request { .. } => Dir::ToServer,
            Kind::Response { .. } => Dir::ToClient,
        }
    }
}

/// `SIP/`, a number, a dot, a number; in any case (RFC 3261 §7.1).
fn is_version(text: &[u8]) -> bool {
    let Some((name, numbers)) = text.split_at_checked(4) else { return false };
    let mut parts = numbers.split(|byte| *byte == b'.');
    let mut number = || parts.next().is_some_and(|part| !part.is_empty() && part.iter().all(u8::is_ascii_digit));
    name.eq_ignore_ascii_case(b"SIP/") && number() && number() && parts.next().is_none()
}

/// Whether a byte may be part of a name (`token`, RFC 3261 §25.1).
pub(super) const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~')
}

fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|byte| is_token_byte(*byte))
}

/// Which message the first bytes begin, and so which way they travel. Empty lines may stand before it (RFC 3261 §7.5).
pub(super) fn probe(data: &[u8], _: Dir, udp: bool) -> Probe {
    let blank = data.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    let data = data.get(blank..).unwrap_or_default();
    let line = data.iter().position(|byte| *byte == b'\n').and_then(|end| data.get(..end));
    if let Some(line) = line {
        return Start::read(line).map_or(Probe::No, |start| Probe::Yes(start.dir()));
    }
    let word = data.split(|byte| *byte == b' ').next().unwrap_or_default();
    let begins = |known: &[u8]| if word.len() < data.len() { known == word } else { known.starts_with(word) };
    let possible = METHODS.iter().any(|method| begins(method)) || begins(super::RESPONSE.trim_ascii_end());
    if possible && !udp { Probe::Unsure } else { Probe::No }
}
