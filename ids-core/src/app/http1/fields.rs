//! What rules can see of HTTP/1 transactions.

use super::tx::{Progress, Tx};
use crate::field::{BytesKind, Dir, Dirs, Field, Value};

type Row = Field<Tx>;

const LINE: u8 = Progress::Line as u8;
const HEADERS: u8 = Progress::Headers as u8;
const BODY: u8 = Progress::Body as u8;

/// Seldom the best fast pattern: few values.
const COMMON: BytesKind = BytesKind { rank: 4, ..BytesKind::PLAIN };

/// The fields; the position is the number.
pub(super) static FIELDS: &[Row] = &[
    Row::bytes("http.method", Dirs::ToServer, LINE, |tx, _, _, _| text(tx.request.method()), "Method (RFC 9110 §9).")
        .modifier("http_method")
        .kind(COMMON),
    Row::bytes(
        "http.uri",
        Dirs::ToServer,
        LINE,
        |tx, _, _, _| match tx.request.is_connect() && tx.request.normalized.is_empty() {
            true => text(tx.request.raw_target()),
            false => text(&tx.request.normalized),
        },
        "Path and query as servers understand them: percent-encoding undone, dot segments removed (RFC 3986 §6.2.2).",
    )
    .aliases(&["http.uri.normalized"])
    .modifier("http_uri"),
    Row::bytes(
        "http.uri.raw",
        Dirs::ToServer,
        LINE,
        |tx, _, _, _| text(first_word(tx.request.raw_target())),
        "Target of the request as it was sent, up to the first space (RFC 9112 §3.2).",
    )
    .modifier("http_raw_uri"),
    Row::bytes(
        "http.protocol",
        Dirs::Both,
        LINE,
        |tx, dir, _, _| match dir {
            Dir::ToServer => text(tx.request.protocol()),
            Dir::ToClient => text(tx.response.protocol()),
        },
        "Protocol with its version (RFC 9112 §2.3).",
    )
    .aliases(&["http_protocol"]),
    Row::bytes(
        "http.request_line",
        Dirs::ToServer,
        LINE,
        |tx, _, _, _| text(&tx.request.message.line),
        "Request line without its end (RFC 9112 §3).",
    )
    .aliases(&["http_request_line"]),
    Row::bytes(
        "http.response_line",
        Dirs::ToClient,
        LINE,
        |tx, _, _, _| text(&tx.response.message.line),
        "Status line without its end (RFC 9112 §4).",
    )
    .aliases(&["http_response_line"]),
    Row::bytes(
        "http.stat_code",
        Dirs::ToClient,
        LINE,
        |tx, _, _, _| text(tx.response.code()),
        "Status code (RFC 9110 §15).",
    )
    .modifier("http_stat_code")
    .kind(COMMON),
    Row::bytes(
        "http.stat_msg",
        Dirs::ToClient,
        LINE,
        |tx, _, _, _| text(tx.response.reason()),
        "Reason phrase (RFC 9112 §4).",
    )
    .modifier("http_stat_msg")
    .kind(BytesKind { rank: 3, ..BytesKind::PLAIN }),
    Row::bytes(
        "http.host",
        Dirs::ToServer,
        HEADERS,
        |tx, _, _, _| text(&tx.request.host),
        "Host that is asked, in lower case and without port: from the target, else from Host (RFC 9110 §7.2).",
    )
    .modifier("http_host")
    .kind(BytesKind { lowercase: true, ..BytesKind::PLAIN }),
    Row::bytes(
        "http.host.raw",
        Dirs::ToServer,
        HEADERS,
        |tx, _, _, scratch| value(tx, Dir::ToServer, "host", scratch),
        "Host as it was sent (RFC 9110 §7.2).",
    )
    .modifier("http_raw_host"),
    header(
        "http.user_agent",
        Dirs::ToServer,
        |tx, dir, _, scratch| value(tx, dir, "user-agent", scratch),
        "User-Agent (RFC 9110 §10.1.5).",
    )
    .modifier("http_user_agent"),
    header(
        "http.cookie",
        Dirs::Both,
        |tx, dir, _, scratch| match dir {
            Dir::ToServer => value(tx, dir, "cookie", scratch),
            Dir::ToClient => value(tx, dir, "set-cookie", scratch),
        },
        "Cookie of requests, Set-Cookie of responses (RFC 6265).",
    )
    .modifier("http_cookie"),
    header(
        "http.header",
        Dirs::Both,
        |tx, dir, _, scratch| all_headers(tx, dir, false, scratch),
        "Header fields, one on a line; repeated ones joined, without cookies (RFC 9110 §5).",
    )
    .modifier("http_header"),
    header(
        "http.header.raw",
        Dirs::Both,
        |tx, dir, _, _| after_headers(tx, dir, tx.message(dir).headers.raw()),
        "Header fields as they were sent (RFC 9112 §5).",
    )
    .modifier("http_raw_header"),
    header(
        "http.header_names",
        Dirs::Both,
        |tx, dir, _, scratch| names(tx, dir, scratch),
        "Names of the header fields, each on a line, between empty lines.",
    )
    .aliases(&["http_header_names"]),
    header("http.request_header", Dirs::ToServer, one_header, "A header field of a request: `name: value`.").multi(),
    header("http.response_header", Dirs::ToClient, one_header, "A header field of a response: `name: value`.").multi(),
    header(
        "http.accept",
        Dirs::ToServer,
        |tx, dir, _, scratch| value(tx, dir, "accept", scratch),
        "Accept (RFC 9110 §12.5.1).",
    )
    .aliases(&["http_accept"]),
    header(
        "http.accept_enc",
        Dirs::ToServer,
        |tx, dir, _, scratch| value(tx, dir, "accept-encoding", scratch),
        "Accept-Encoding (RFC 9110 §12.5.3).",
    )
    .aliases(&["http_accept_enc"]),
    header(
        "http.accept_lang",
        Dirs::ToServer,
        |tx, dir, _, scratch| value(tx, dir, "accept-language", scratch),
        "Accept-Language (RFC 9110 §12.5.4).",
    )
    .aliases(&["http_accept_lang"]),
    header(
        "http.referer",
        Dirs::ToServer,
        |tx, dir, _, scratch| value(tx, dir, "referer", scratch),
        "Referer (RFC 9110 §10.1.3).",
    )
    .aliases(&["http_referer"]),
    header(
        "http.connection",
        Dirs::Both,
        |tx, dir, _, scratch| value(tx, dir, "connection", scratch),
        "Connection (RFC 9110 §7.6.1).",
    )
    .aliases(&["http_connection"]),
    header(
        "http.content_type",
        Dirs::Both,
        |tx, dir, _, scratch| value(tx, dir, "content-type", scratch),
        "Content-Type (RFC 9110 §8.3).",
    )
    .aliases(&["http_content_type"]),
    header(
        "http.content_len",
        Dirs::Both,
        |tx, dir, _, scratch| value(tx, dir, "content-length", scratch),
        "Content-Length (RFC 9110 §8.6).",
    )
    .aliases(&["http_content_len"]),
    header(
        "http.location",
        Dirs::ToClient,
        |tx, dir, _, scratch| value(tx, dir, "location", scratch),
        "Location (RFC 9110 §10.2.2).",
    ),
    header(
        "http.server",
        Dirs::ToClient,
        |tx, dir, _, scratch| value(tx, dir, "server", scratch),
        "Server (RFC 9110 §10.2.4).",
    ),
    header(
        "http.start",
        Dirs::Both,
        |tx, dir, _, scratch| start(tx, dir, scratch),
        "Start line, header fields and the empty line after them.",
    )
    .aliases(&["http_start"]),
    Row::bytes(
        "http.request_body",
        Dirs::ToServer,
        BODY,
        |tx, _, _, _| tx.request.message.body.value(),
        "Content of a request, decompressed (RFC 9110 §6.4).",
    )
    .modifier("http_client_body")
    .kind(BytesKind::STREAMING),
    Row::bytes(
        "http.response_body",
        Dirs::ToClient,
        BODY,
        |tx, _, _, _| tx.response.message.body.value(),
        "Content of a response, decompressed (RFC 9110 §6.4).",
    )
    .modifier("http_server_body")
    .kind(BytesKind::STREAMING),
    Row::bytes(
        "file.data",
        Dirs::Both,
        BODY,
        file_data,
        "Content of a file: what was uploaded, or the content of the response.",
    )
    .aliases(&["file_data"])
    .kind(BytesKind::STREAMING)
    .multi(),
    Row::bytes(
        "file.name",
        Dirs::Both,
        BODY,
        |tx, dir, instance, _| file_name(tx, dir, instance),
        "Name of a file: from Content-Disposition (RFC 6266), else the path of the target.",
    )
    .kind(BytesKind::STREAMING)
    .multi(),
    Row::bytes(
        "file.magic",
        Dirs::Both,
        BODY,
        |tx, dir, instance, _| file_kind(tx, dir, instance),
        "What libmagic would call a file, by its first bytes.",
    )
    .kind(BytesKind::STREAMING)
    .multi(),
];

/// A field that is final with the headers.
const fn header(name: &'static str, dirs: Dirs, get: crate::field::Get<Tx>, doc: &'static str) -> Row {
    Row::bytes(name, dirs, HEADERS, get, doc)
}

/// Bytes that are there unless they are empty.
fn text(bytes: &[u8]) -> Value<'_> {
    if bytes.is_empty() { Value::Absent } else { Value::Bytes(bytes) }
}

fn first_word(target: &[u8]) -> &[u8] {
    super::line::split(target, super::line::leading(target, |byte| byte != b' ')).0
}

/// Values of headers are shown once all headers are there.
fn after_headers<'a>(tx: &Tx, dir: Dir, bytes: &'a [u8]) -> Value<'a> {
    if tx.message(dir).progress >= Progress::Headers { text(bytes) } else { Value::Absent }
}

fn value<'a>(tx: &'a Tx, dir: Dir, name: &'static str, scratch: &'a mut Vec<u8>) -> Value<'a> {
    match tx.message(dir).headers.joined(name, scratch) {
        Some(bytes) => after_headers(tx, dir, bytes),
        None => Value::Absent,
    }
}

/// `name: value` on lines; repeated names once, at their first place.
fn put_headers(tx: &Tx, dir: Dir, cookies: bool, out: &mut Vec<u8>) {
    let hidden: &[u8] = match dir {
        Dir::ToServer => b"cookie",
        Dir::ToClient => b"set-cookie",
    };
    let headers = &tx.message(dir).headers;
    for (name, value, repeated) in headers.iter() {
        if (!cookies && name.eq_ignore_ascii_case(hidden)) || (repeated && !name.is_empty()) {
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

fn all_headers<'a>(tx: &Tx, dir: Dir, cookies: bool, scratch: &'a mut Vec<u8>) -> Value<'a> {
    scratch.clear();
    put_headers(tx, dir, cookies, scratch);
    after_headers(tx, dir, scratch)
}

fn start<'a>(tx: &Tx, dir: Dir, scratch: &'a mut Vec<u8>) -> Value<'a> {
    scratch.clear();
    scratch.extend_from_slice(&tx.message(dir).line);
    scratch.extend_from_slice(b"\r\n");
    put_headers(tx, dir, true, scratch);
    scratch.extend_from_slice(b"\r\n");
    if tx.message(dir).line.is_empty() { Value::Absent } else { after_headers(tx, dir, scratch) }
}

fn names<'a>(tx: &Tx, dir: Dir, scratch: &'a mut Vec<u8>) -> Value<'a> {
    scratch.clear();
    let seen = tx.message(dir).headers.iter().filter(|(name, _, repeated)| !name.is_empty() && !repeated);
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

fn one_header<'a>(tx: &'a Tx, dir: Dir, instance: usize, scratch: &'a mut Vec<u8>) -> Value<'a> {
    let Some((name, value)) = tx.message(dir).headers.nth(instance) else { return Value::Absent };
    scratch.clear();
    scratch.extend_from_slice(name);
    scratch.extend_from_slice(b": ");
    scratch.extend_from_slice(value);
    after_headers(tx, dir, scratch)
}

/// All content of a response counts as a file, also where none is followed.
fn file_data<'a>(tx: &'a Tx, dir: Dir, instance: usize, _: &'a mut Vec<u8>) -> Value<'a> {
    match (dir, instance) {
        (Dir::ToClient, 0) => tx.response.message.body.value(),
        _ => tx.message(dir).body.file_value(instance),
    }
}

fn file_kind<'a>(tx: &'a Tx, dir: Dir, instance: usize) -> Value<'a> {
    let kind = tx.message(dir).body.files.get(instance).and_then(|file| file.kind.as_deref());
    at_once(kind.unwrap_or_default().as_bytes())
}

fn file_name<'a>(tx: &'a Tx, dir: Dir, instance: usize) -> Value<'a> {
    tx.message(dir).body.files.get(instance).map_or(Value::Absent, |file| at_once(&file.name))
}

/// What is final as soon as it is there, long before the body ends: rules that want the file stored must not wait.
fn at_once(bytes: &[u8]) -> Value<'_> {
    if bytes.is_empty() { Value::Absent } else { Value::Stream { data: bytes, offset: 0, complete: true } }
}
