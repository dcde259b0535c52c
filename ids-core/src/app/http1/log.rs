//! What records show of a transaction: the `http` object.

use super::line::split;
use super::tx::{Tx, URI_NOT_SEEN};
use crate::app::http::headers::Headers;
use crate::app::http::range::ContentRange;
use crate::app::parser::Detail;
use crate::field::Dir;
use crate::record::{Shape, Writer};

/// Headers that are looked up in responses where a record is to show them (`custom`); all others are looked up
/// in requests.
const OF_RESPONSES: [&str; 29] = [
    "accept-range",
    "age",
    "allow",
    "connection",
    "content-encoding",
    "content-language",
    "content-length",
    "content-location",
    "content-md5",
    "content-range",
    "content-type",
    "date",
    "etag",
    "etags",
    "expires",
    "last-modified",
    "link",
    "location",
    "proxy-authenticate",
    "referrer",
    "refresh",
    "retry-after",
    "server",
    "set-cookie",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "vary",
    "www-authenticate",
];

/// Writes the content of the `http` object.
pub(super) fn record(tx: &Tx, detail: &Detail<'_>, out: &mut dyn Writer) {
    let mut scratch = Vec::new();
    let (request, response) = (&tx.request.message.headers, &tx.response.message.headers);
    text(out, "hostname", &tx.request.host);
    if let Some(port) = tx.request.port {
        out.uint("http_port", port.into());
    }
    let url = if tx.request.is_seen() { tx.request.raw_target() } else { URI_NOT_SEEN };
    text(out, "url", url);
    header(out, "http_user_agent", request, "user-agent", &mut scratch);
    for name in detail.custom {
        custom(tx, name, out, &mut scratch);
    }
    if let Some(value) = response.joined("content-type", &mut scratch) {
        // Without parameters such as the character set.
        text(out, "http_content_type", split(value, super::line::leading(value, |byte| byte != b';')).0);
    }
    if let Some(value) = response.get("content-range") {
        content_range(value, out);
    }
    if detail.extended {
        extended(tx, out, &mut scratch);
    }
    for (dir, key) in [(Dir::ToServer, "request_headers"), (Dir::ToClient, "response_headers")] {
        let headers = &tx.message(dir).headers;
        if detail.all_headers.get(dir.index()) == Some(&true) && headers.iter().next().is_some() {
            dump(headers, key, out, &mut scratch);
        }
    }
}

fn extended(tx: &Tx, out: &mut dyn Writer, scratch: &mut Vec<u8>) {
    header(out, "http_refer", &tx.request.message.headers, "referer", scratch);
    text(out, "http_method", tx.request.method());
    let protocol = if tx.request.protocol().is_empty() { tx.response.protocol() } else { tx.request.protocol() };
    text(out, "protocol", protocol);
    if tx.response.is_seen() {
        match tx.response.status {
            Some(status) => out.uint("status", status.into()),
            None => text(out, "status_string", tx.response.code()),
        }
        if tx.response.status.is_some_and(|status| (300..400).contains(&status)) {
            header(out, "redirect", &tx.response.message.headers, "location", scratch);
        }
    }
    out.uint("length", tx.response.message.body.wire);
}

fn content_range(value: &[u8], out: &mut dyn Writer) {
    out.open("content_range", Shape::Object);
    out.text("raw", value);
    if let Some(range) = ContentRange::parse(value) {
        if let Some((start, end)) = range.bytes {
            out.uint("start", start);
            out.uint("end", end);
        }
        if let Some(size) = range.size {
            out.uint("size", size);
        }
    }
    out.close();
}

/// A header that the configuration names, with `-` or `_`; the key has `_`.
fn custom(tx: &Tx, name: &str, out: &mut dyn Writer, scratch: &mut Vec<u8>) {
    let (name, key) = (name.replace('_', "-"), name.replace('-', "_"));
    let dir = if OF_RESPONSES.contains(&name.as_str()) { Dir::ToClient } else { Dir::ToServer };
    let headers = &tx.message(dir).headers;
    header(out, &key, headers, &name, scratch);
}

fn dump(headers: &Headers, key: &str, out: &mut dyn Writer, scratch: &mut Vec<u8>) {
    out.open(key, Shape::List);
    for (name, value, repeated) in headers.iter() {
        if repeated && !name.is_empty() {
            continue;
        }
        scratch.clear();
        if name.is_empty() {
            scratch.extend_from_slice(value)
        } else {
            headers.join_into(name, scratch)
        }
        out.open("", Shape::Object);
        out.text("name", name);
        out.text("value", scratch);
        out.close();
    }
    out.close();
}

fn header(out: &mut dyn Writer, key: &str, headers: &Headers, name: &str, scratch: &mut Vec<u8>) {
    if let Some(value) = headers.joined(name, scratch) {
        text(out, key, value);
    }
}

fn text(out: &mut dyn Writer, key: &str, value: &[u8]) {
    if !value.is_empty() {
        out.text(key, value);
    }
}
