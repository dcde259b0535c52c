//! How rules see an exchange of any version of HTTP: the fields `http.*` and `file.*`.
//!
//! In: an exchange, as its version keeps it ([`Exchange`]).  Out: rows of its field table.

use super::body::Body;
use super::headers::Headers;
use crate::field::{BytesKind, Dir, Dirs, Field, Get, Value};

/// Seldom the best fast pattern: few values.
const COMMON: BytesKind = BytesKind { rank: 4, ..BytesKind::PLAIN };

/// An exchange: a request and its response, as far as they came.
pub(in crate::app) trait Exchange: Sized + 'static {
    /// Progress at which the first lines are final.
    const LINE: u8;
    /// Progress at which the header fields are.
    const HEADERS: u8;
    /// Progress at which content is.
    const BODY: u8;

    /// The method; empty before it came, as is all that follows.
    fn method(&self) -> &[u8];
    /// Path and query, as servers understand them.
    fn uri(&self) -> &[u8];
    /// The target as it was sent.
    fn raw_uri(&self) -> &[u8];
    /// The protocol with its version.
    fn protocol(&self, dir: Dir) -> &[u8];
    /// The first line of a message.
    fn first_line<'a>(&'a self, dir: Dir, scratch: &'a mut Vec<u8>) -> &'a [u8];
    /// The status code.
    fn status(&self) -> &[u8];
    /// The reason phrase, which may be there and empty.
    fn reason(&self) -> Value<'_>;
    /// The host that is asked, in lower case and without port.
    fn host(&self) -> &[u8];
    /// The same as it was sent.
    fn raw_host<'a>(&'a self, scratch: &'a mut Vec<u8>) -> &'a [u8];
    /// The header fields of a message.
    fn headers(&self, dir: Dir) -> &Headers;
    /// Whether all of them came.
    fn has_headers(&self, dir: Dir) -> bool;
    /// The content of a message.
    fn body(&self, dir: Dir) -> &Body;
}

/// How many fields all versions have.
pub(in crate::app) const COUNT: usize = 31;

/// The fields of a version: those that all have, and its own.
pub(in crate::app) struct Table<T: 'static> {
    /// What all have.
    pub shared: [Field<T>; COUNT],
    /// What this one has besides; the first has the number [`COUNT`].
    pub own: &'static [Field<T>],
}

impl<T> Table<T> {
    /// All fields; the position is the number.
    pub(in crate::app) fn iter(&self) -> impl Iterator<Item = &Field<T>> {
        self.shared.iter().chain(self.own)
    }

    /// What field number `field` shows of an exchange.
    pub(in crate::app) fn get<'a>(
        &self,
        tx: &'a T,
        field: usize,
        dir: Dir,
        instance: usize,
        scratch: &'a mut Vec<u8>,
    ) -> Value<'a> {
        let row = self.shared.get(field).or_else(|| self.own.get(field.checked_sub(COUNT)?));
        match row {
            Some(row) if row.info.dirs.contains(dir) && (instance == 0 || row.info.multi) => {
                (row.get)(tx, dir, instance, scratch)
            }
            _ => Value::Absent,
        }
    }
}

/// The fields that all versions have.
pub(in crate::app) const fn fields<T: Exchange>() -> [Field<T>; COUNT] {
    [
        Field::<T>::bytes("http.method", Dirs::ToServer, T::LINE, |tx, _, _, _| text(tx.method()), "Method (RFC 9110 §9).")
            .modifier("http_method")
            .kind(COMMON),
        Field::<T>::bytes(
            "http.uri",
            Dirs::ToServer,
            T::LINE,
            |tx, _, _, _| text(tx.uri()),
            "Path and query as servers understand them: percent-encoding undone, dot segments removed (RFC 3986 §6.2.2).",
        )
        .aliases(&["http.uri.normalized"])
        .modifier("http_uri"),
        Field::<T>::bytes(
            "http.uri.raw",
            Dirs::ToServer,
            T::LINE,
            |tx, _, _, _| text(tx.raw_uri()),
            "Target of the request as it was sent, up to the first space (RFC 9112 §3.2).",
        )
        .modifier("http_raw_uri"),
        Field::<T>::bytes(
            "http.protocol",
            Dirs::Both,
            T::LINE,
            |tx, dir, _, _| text(tx.protocol(dir)),
            "Protocol with its version (RFC 9112 §2.3).",
        )
        .aliases(&["http_protocol"]),
        Field::<T>::bytes(
            "http.request_line",
            Dirs::ToServer,
            T::LINE,
            |tx, dir, _, scratch| text(tx.first_line(dir, scratch)),
            "Request line without its end (RFC 9112 §3).",
        )
        .aliases(&["http_request_line"]),
        Field::<T>::bytes(
            "http.response_line",
            Dirs::ToClient,
            T::LINE,
            |tx, dir, _, scratch| text(tx.first_line(dir, scratch)),
            "Status line without its end (RFC 9112 §4).",
        )
        .aliases(&["http_response_line"]),
        Field::<T>::bytes(
            "http.stat_code",
            Dirs::ToClient,
            T::LINE,
            |tx, _, _, _| text(tx.status()),
            "Status code (RFC 9110 §15).",
        )
        .modifier("http_stat_code")
        .kind(COMMON),
        Field::<T>::bytes(
            "http.stat_msg",
            Dirs::ToClient,
            T::LINE,
            |tx, _, _, _| tx.reason(),
            "Reason phrase (RFC 9112 §4).",
        )
        .modifier("http_stat_msg")
        .kind(BytesKind { rank: 3, ..BytesKind::PLAIN }),
        Field::<T>::bytes(
            "http.host",
            Dirs::ToServer,
            T::HEADERS,
            |tx, _, _, _| text(tx.host()),
            "Host that is asked, in lower case and without port: from the target, else from Host (RFC 9110 §7.2).",
        )
        .modifier("http_host")
        .kind(BytesKind { lowercase: true, ..BytesKind::PLAIN }),
        Field::<T>::bytes(
            "http.host.raw",
            Dirs::ToServer,
            T::HEADERS,
            |tx, _, _, scratch| text(tx.raw_host(scratch)),
            "Host as it was sent (RFC 9110 §7.2).",
        )
        .modifier("http_raw_host"),
        header::<T>(
            "http.user_agent",
            Dirs::ToServer,
            |tx, dir, _, scratch| value(tx, dir, "user-agent", scratch),
            "User-Agent (RFC 9110 §10.1.5).",
        )
        .modifier("http_user_agent"),
        header::<T>(
            "http.cookie",
            Dirs::Both,
            |tx, dir, _, scratch| value(tx, dir, cookies(dir), scratch),
            "Cookie of requests, Set-Cookie of responses (RFC 6265).",
        )
        .modifier("http_cookie"),
        header::<T>(
            "http.header",
            Dirs::Both,
            |tx, dir, _, scratch| all_headers(tx, dir, scratch),
            "Header fields, one on a line; repeated ones joined, without cookies (RFC 9110 §5).",
        )
        .modifier("http_header"),
        header::<T>(
            "http.header.raw",
            Dirs::Both,
            |tx, dir, _, _| after_headers(tx, dir, tx.headers(dir).raw()),
            "Header fields as they were sent (RFC 9112 §5).",
        )
        .modifier("http_raw_header"),
        header::<T>(
            "http.header_names",
            Dirs::Both,
            |tx, dir, _, scratch| names(tx, dir, scratch),
            "Names of the header fields, each on a line, between empty lines.",
        )
        .aliases(&["http_header_names"]),
        header::<T>("http.request_header", Dirs::ToServer, one_header, "A header field of a request: `name: value`.").multi(),
        header::<T>("http.response_header", Dirs::ToClient, one_header, "A header field of a response: `name: value`.").multi(),
        header::<T>(
            "http.accept",
            Dirs::ToServer,
            |tx, dir, _, scratch| value(tx, dir, "accept", scratch),
            "Accept (RFC 9110 §12.5.1).",
        )
        .aliases(&["http_accept"]),
        header::<T>(
            "http.accept_enc",
            Dirs::ToServer,
            |tx, dir, _, scratch| value(tx, dir, "accept-encoding", scratch),
            "Accept-Encoding (RFC 9110 §12.5.3).",
        )
        .aliases(&["http_accept_enc"]),
        header::<T>(
            "http.accept_lang",
            Dirs::ToServer,
            |tx, dir, _, scratch| value(tx, dir, "accept-language", scratch),
            "Accept-Language (RFC 9110 §12.5.4).",
        )
        .aliases(&["http_accept_lang"]),
        header::<T>(
            "http.referer",
            Dirs::ToServer,
            |tx, dir, _, scratch| value(tx, dir, "referer", scratch),
            "Referer (RFC 9110 §10.1.3).",
        )
        .aliases(&["http_referer"]),
        header::<T>(
            "http.connection",
            Dirs::Both,
            |tx, dir, _, scratch| value(tx, dir, "connection", scratch),
            "Connection (RFC 9110 §7.6.1).",
        )
        .aliases(&["http_connection"]),
        header::<T>(
            "http.content_type",
            Dirs::Both,
            |tx, dir, _, scratch| value(tx, dir, "content-type", scratch),
            "Content-Type (RFC 9110 §8.3).",
        )
        .aliases(&["http_content_type"]),
        header::<T>(
            "http.content_len",
            Dirs::Both,
            |tx, dir, _, scratch| value(tx, dir, "content-length", scratch),
            "Content-Length (RFC 9110 §8.6).",
        )
        .aliases(&["http_content_len"]),
        header::<T>(
            "http.location",
            Dirs::ToClient,
            |tx, dir, _, scratch| value(tx, dir, "location", scratch),
            "Location (RFC 9110 §10.2.2).",
        ),
        header::<T>(
            "http.server",
            Dirs::ToClient,
            |tx, dir, _, scratch| value(tx, dir, "server", scratch),
            "Server (RFC 9110 §10.2.4).",
        ),
        Field::<T>::bytes(
            "http.request_body",
            Dirs::ToServer,
            T::BODY,
            |tx, _, _, _| tx.body(Dir::ToServer).value(),
            "Content of a request, decompressed (RFC 9110 §6.4).",
        )
        .modifier("http_client_body")
        .kind(BytesKind::STREAMING),
        Field::<T>::bytes(
            "http.response_body",
            Dirs::ToClient,
            T::BODY,
            |tx, _, _, _| tx.body(Dir::ToClient).value(),
            "Content of a response, decompressed (RFC 9110 §6.4).",
        )
        .modifier("http_server_body")
        .kind(BytesKind::STREAMING),
        Field::<T>::bytes(
            "file.data",
            Dirs::Both,
            T::BODY,
            file_data,
            "Content of a file: what was uploaded, or the content of the response.",
        )
        .aliases(&["file_data"])
        .kind(BytesKind::STREAMING)
        .multi(),
        Field::<T>::bytes(
            "file.name",
            Dirs::Both,
            T::BODY,
            |tx, dir, instance, _| file_name(tx, dir, instance),
            "Name of a file: from Content-Disposition (RFC 6266), else the path of the target.",
        )
        .kind(BytesKind::STREAMING)
        .multi(),
        Field::<T>::bytes(
            "file.magic",
            Dirs::Both,
            T::BODY,
            |tx, dir, instance, _| file_kind(tx, dir, instance),
            "What libmagic would call a file, by its first bytes.",
        )
        .kind(BytesKind::STREAMING)
        .multi(),
    ]
}

/// A field that is final with the headers.
const fn header<T: Exchange>(name: &'static str, dirs: Dirs, get: Get<T>, doc: &'static str) -> Field<T> {
    Field::bytes(name, dirs, T::HEADERS, get, doc)
}

/// Bytes that are there unless they are empty.
pub(in crate::app) fn text(bytes: &[u8]) -> Value<'_> {
    if bytes.is_empty() { Value::Absent } else { Value::Bytes(bytes) }
}

/// Values of headers are shown once all headers are there.
pub(in crate::app) fn after_headers<'a, T: Exchange>(tx: &T, dir: Dir, bytes: &'a [u8]) -> Value<'a> {
    if tx.has_headers(dir) { text(bytes) } else { Value::Absent }
}

/// The header that cookies of a direction are in (RFC 6265).
const fn cookies(dir: Dir) -> &'static str {
    match dir {
        Dir::ToServer => "cookie",
        Dir::ToClient => "set-cookie",
    }
}

fn value<'a, T: Exchange>(tx: &'a T, dir: Dir, name: &'static str, scratch: &'a mut Vec<u8>) -> Value<'a> {
    match tx.headers(dir).joined(name, scratch) {
        Some(bytes) => after_headers(tx, dir, bytes),
        None => Value::Absent,
    }
}

/// `name: value` on lines; repeated names once, at their first place.
pub(in crate::app) fn put_headers<T: Exchange>(tx: &T, dir: Dir, with_cookies: bool, out: &mut Vec<u8>) {
    let hidden = cookies(dir).as_bytes();
    let headers = tx.headers(dir);
    for (name, value, repeated) in headers.iter() {
        if (!with_cookies && name.eq_ignore_ascii_case(hidden)) || (repeated && !name.is_empty()) {
            continue;
        }
        out.extend_from_slice(name);
        out.extend_from_slice(b": ");
        if name.is_empty() {
            out.extend_from_slice(value);
        } else {
            headers.join_into(name, out);
        }
        out.extend_from_slice(b"\r\n");
    }
}

fn all_headers<'a, T: Exchange>(tx: &T, dir: Dir, scratch: &'a mut Vec<u8>) -> Value<'a> {
    scratch.clear();
    put_headers(tx, dir, false, scratch);
    after_headers(tx, dir, scratch)
}

fn names<'a, T: Exchange>(tx: &T, dir: Dir, scratch: &'a mut Vec<u8>) -> Value<'a> {
    scratch.clear();
    let seen = tx.headers(dir).iter().filter(|(name, _, repeated)| !name.is_empty() && !repeated);
    for (name, _, _) in seen {
        scratch.extend_from_slice(b"\r\n");
        scratch.extend_from_slice(name);
    }
    if scratch.is_empty() {
        return Value::Absent;
    }
    scratch.extend_from_slice(b"\r\n\r\n");
    after_headers(tx, dir, scratch)
}

fn one_header<'a, T: Exchange>(tx: &'a T, dir: Dir, instance: usize, scratch: &'a mut Vec<u8>) -> Value<'a> {
    let Some((name, value)) = tx.headers(dir).nth(instance) else { return Value::Absent };
    scratch.clear();
    scratch.extend_from_slice(name);
    scratch.extend_from_slice(b": ");
    scratch.extend_from_slice(value);
    after_headers(tx, dir, scratch)
}

/// All content of a response counts as a file, also where none is followed.
fn file_data<'a, T: Exchange>(tx: &'a T, dir: Dir, instance: usize, _: &'a mut Vec<u8>) -> Value<'a> {
    match (dir, instance) {
        (Dir::ToClient, 0) => tx.body(Dir::ToClient).value(),
        _ => tx.body(dir).file_value(instance),
    }
}

fn file_kind<'a, T: Exchange>(tx: &'a T, dir: Dir, instance: usize) -> Value<'a> {
    let kind = tx.body(dir).files.get(instance).and_then(|file| file.kind.as_deref());
    at_once(kind.unwrap_or_default().as_bytes())
}

fn file_name<'a, T: Exchange>(tx: &'a T, dir: Dir, instance: usize) -> Value<'a> {
    tx.body(dir).files.get(instance).map_or(Value::Absent, |file| at_once(&file.name))
}

/// What is final as soon as it is there, long before the body ends: rules that want the file stored must not wait.
fn at_once(bytes: &[u8]) -> Value<'_> {
    if bytes.is_empty() { Value::Absent } else { Value::Stream { data: bytes, offset: 0, complete: true } }
}
