//! What records show of an exchange: the `http` object.

use super::frame::{ERRORS, SETTINGS, shown};
use super::tx::{Message, Progress, Tx};
use crate::app::http::headers::Headers;
use crate::app::http::text::{leading, split};
use crate::app::http::view::Exchange;
use crate::field::Dir;
use crate::record::{Shape, Writer};

/// Whether there is anything to show but the frame's type.
pub(super) fn is_shown(tx: &Tx) -> bool {
    let says = |dir| {
        let message = tx.message(dir);
        message.headers.iter().next().is_some() || tells(message, dir) || message.body.wire > 0
    };
    Dir::BOTH.into_iter().any(says)
}

/// Writes the content of the `http` object.
pub(super) fn write(tx: &Tx, out: &mut dyn Writer) {
    text(out, "hostname", &tx.host);
    text(out, "url", tx.uri());
    out.text("version", b"2");
    text(out, "http_method", tx.method());
    let (request, response) = (&tx.request.headers, &tx.response.headers);
    text(out, "http_user_agent", request.get("user-agent").unwrap_or_default());
    text(out, "http_refer", request.get("referer").unwrap_or_default());
    let kind = response.get("content-type").unwrap_or_default();
    // Without parameters such as the character set.
    text(out, "http_content_type", split(kind, leading(kind, |byte| byte != b';')).0);
    if tx.response.progress >= Progress::Headers && !tx.status().is_empty() {
        match std::str::from_utf8(tx.status()).ok().and_then(|status| status.parse().ok()) {
            Some(status) => out.uint("status", status),
            None => out.text("status_string", tx.status()),
        }
        out.uint("length", tx.response.body.wire);
    }
    headers("request_headers", &tx.request, out);
    headers("response_headers", &tx.response, out);
    out.open("http2", Shape::Object);
    out.uint("stream_id", tx.stream.into());
    for (key, dir) in [("request", Dir::ToServer), ("response", Dir::ToClient)] {
        if tells(tx.message(dir), dir) {
            out.open(key, Shape::Object);
            notes(tx.message(dir), dir, out);
            out.close();
        }
    }
    out.close();
}

/// Whether a side has said something that is shown below `http2`. Weights are shown of clients alone.
fn tells(message: &Message, dir: Dir) -> bool {
    let notes = &message.notes;
    let weight = dir == Dir::ToServer && !notes.priorities.is_empty();
    weight || !notes.settings.is_empty() || !notes.errors.is_empty()
}

fn notes(message: &Message, dir: Dir, out: &mut dyn Writer) {
    let notes = &message.notes;
    if !notes.settings.is_empty() {
        out.open("settings", Shape::List);
        for (id, value) in &notes.settings {
            out.open("", Shape::Object);
            out.text("settings_id", shown(SETTINGS, (*id).into()).as_bytes());
            out.uint("settings_value", (*value).into());
            out.close();
        }
        out.close();
    }
    if let Some(reason) = notes.errors.first() {
        out.text("error_code", shown(ERRORS, (*reason).into()).as_bytes());
    }
    if let Some(weight) = notes.priorities.first().filter(|_| dir == Dir::ToServer) {
        out.uint("priority", (*weight).into());
    }
}

/// Changes of the table's size, and the fields in order.
fn headers(key: &str, message: &Message, out: &mut dyn Writer) {
    let fields: &Headers = &message.headers;
    if message.updates.is_empty() && fields.iter().next().is_none() {
        return;
    }
    out.open(key, Shape::List);
    for size in &message.updates {
        out.open("", Shape::Object);
        out.uint("table_size_update", *size);
        out.close();
    }
    for (name, value, _) in fields.iter() {
        out.open("", Shape::Object);
        out.text("name", name);
        out.text("value", value);
        out.close();
    }
    out.close();
}

fn text(out: &mut dyn Writer, key: &str, value: &[u8]) {
    if !value.is_empty() {
        out.text(key, value);
    }
}
