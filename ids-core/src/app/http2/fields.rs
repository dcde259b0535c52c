//! What rules can see of HTTP/2.

use super::frame::{ERRORS, SETTINGS, kind};
use super::tx::{Message, Progress, Tx};
use crate::app::http::body::Body;
use crate::app::http::headers::Headers;
use crate::app::http::view::{self, Exchange, Table};
use crate::field::Dirs::Both;
use crate::field::{Dir, Field, Notation, Value};

type Row = Field<Tx>;

/// What a first frame brings is there at once, and others may bring more.
const FIRST: u8 = 0;

/// The fields; the position is the number.
pub(super) static FIELDS: Table<Tx> = Table {
    shared: view::fields(),
    own: &[
        Row::uint(
            "http2.frametype",
            8,
            Both,
            FIRST,
            |tx, dir, n, _| number(tx.message(dir).notes.kinds().nth(n)),
            "Type of a frame (RFC 9113 §6).",
        )
        .names(kind::NAMES)
        .multi(),
        Row::uint(
            "http2.errorcode",
            32,
            Both,
            FIRST,
            |tx, dir, n, _| number(tx.message(dir).notes.errors.get(n).copied()),
            "Reason to end a stream or the connection (RFC 9113 §7).",
        )
        .names(ERRORS)
        .multi(),
        Row::uint(
            "http2.priority",
            8,
            Both,
            FIRST,
            |tx, dir, n, _| number(tx.message(dir).notes.priorities.get(n).copied()),
            "Weight of a stream, less one (RFC 7540 §6.3).",
        )
        .multi(),
        Row::uint(
            "http2.window",
            32,
            Both,
            FIRST,
            |tx, dir, n, _| number(tx.message(dir).notes.windows.get(n).copied()),
            "By how much a window grows (RFC 9113 §6.9).",
        )
        .multi(),
        Row::uint(
            "http2.size_update",
            64,
            Both,
            FIRST,
            |tx, dir, n, _| number(tx.message(dir).updates.get(n).copied()),
            "New size of a table of header fields (RFC 7541 §6.3).",
        )
        .multi(),
        Row::uint(
            "http2.settings",
            64,
            Both,
            FIRST,
            |tx, dir, n, _| {
                let setting = tx.message(dir).notes.settings.get(n);
                number(setting.map(|(id, value)| u64::from(*id) << 32 | u64::from(*value)))
            },
            "A setting with its value (RFC 9113 §6.5.2).",
        )
        .names(SETTINGS)
        .notation(Notation::Keyed)
        .multi(),
        Row::bytes(
            "http2.header_name",
            Both,
            Progress::Headers as u8,
            |tx, dir, n, _| match tx.message(dir).headers.nth(n) {
                Some((name, _)) if tx.has_headers(dir) => Value::Bytes(name),
                _ => Value::Absent,
            },
            "Name of a header field, those that begin with a colon included (RFC 9113 §8.2).",
        )
        .multi(),
    ],
};

fn number(value: Option<impl Into<u64>>) -> Value<'static> {
    value.map_or(Value::Absent, |value| Value::Uint(value.into()))
}

impl Exchange for Tx {
    // There are no first lines.
    const LINE: u8 = Progress::Headers as u8;
    const HEADERS: u8 = Progress::Headers as u8;
    const BODY: u8 = Progress::Complete as u8;

    fn method(&self) -> &[u8] {
        shown(&self.request, ":method")
    }

    /// As it was sent: servers are to understand nothing else by it.
    fn uri(&self) -> &[u8] {
        shown(&self.request, ":path")
    }

    fn raw_uri(&self) -> &[u8] {
        self.uri()
    }

    fn protocol(&self, _: Dir) -> &[u8] {
        b"HTTP/2"
    }

    /// What it would be in HTTP/1, with its end.
    fn first_line<'a>(&'a self, dir: Dir, scratch: &'a mut Vec<u8>) -> &'a [u8] {
        let parts: [&[u8]; 5] = match dir {
            Dir::ToServer if self.method().is_empty() => return b"",
            Dir::ToServer => [self.method(), b" ", self.uri(), b" ", b"HTTP/2\r\n"],
            Dir::ToClient if self.status().is_empty() => return b"",
            Dir::ToClient => [b"HTTP/2", b" ", self.status(), b"", b"\r\n"],
        };
        scratch.clear();
        parts.into_iter().for_each(|part| scratch.extend_from_slice(part));
        scratch
    }

    fn status(&self) -> &[u8] {
        shown(&self.response, ":status")
    }

    /// Always empty (RFC 9113 §8.3.2).
    fn reason(&self) -> Value<'_> {
        Value::Bytes(b"")
    }

    fn host(&self) -> &[u8] {
        &self.host
    }

    fn raw_host<'a>(&'a self, _: &'a mut Vec<u8>) -> &'a [u8] {
        let authority = shown(&self.request, ":authority");
        if authority.is_empty() { shown(&self.request, "host") } else { authority }
    }

    fn headers(&self, dir: Dir) -> &Headers {
        &self.message(dir).headers
    }

    fn has_headers(&self, dir: Dir) -> bool {
        self.message(dir).progress >= Progress::Headers
    }

    fn body(&self, dir: Dir) -> &Body {
        &self.message(dir).body
    }
}

/// A header field, once all are there.
fn shown<'a>(message: &'a Message, name: &str) -> &'a [u8] {
    let there = message.progress >= Progress::Headers;
    message.headers.get(name).filter(|_| there).unwrap_or_default()
}
