//! The record of a message.

use super::index::Span;
use super::message::Message;
use super::sdp::{Sdp, What};
use super::start::Kind;
use crate::record::{Shape, Writer};

/// Writes a message.
pub(super) fn write(message: &Message, out: &mut dyn Writer) {
    let (bytes, start) = (message.bytes(), message.start());
    let version = start.version.of(bytes);
    match start.kind {
        Kind::Request { method, uri } => {
            out.text("method", method.of(bytes));
            out.text("uri", uri.of(bytes));
            out.text("version", version);
            out.text("request_line", start.line.of(bytes));
        }
        Kind::Response { code, reason } => {
            out.text("version", version);
            out.text("code", code.of(bytes));
            out.text("reason", reason.of(bytes));
            out.text("response_line", start.line.of(bytes));
        }
    }
    if let Some(sdp) = &message.sdp {
        out.open("sdp", Shape::Object);
        session(bytes, sdp, out);
        out.close();
    }
}

fn session(bytes: &[u8], sdp: &Sdp, out: &mut dyn Writer) {
    out.uint("version", sdp.version);
    for (key, what) in [
        ("origin", What::Origin),
        ("session_name", What::SessionName),
        ("session_info", What::Info),
        ("uri", What::Uri),
        ("email", What::Email),
        ("phone_number", What::Phone),
        ("connection_data", What::Connection),
        ("timezone", What::Zone),
        ("encryption_key", What::Key),
    ] {
        first(key, bytes, sdp.of(what, 0), out);
    }
    list("bandwidths", bytes, sdp.of(What::Bandwidth, 0), out);
    times(bytes, sdp, out);
    list("attributes", bytes, sdp.of(What::Attribute, 0), out);
    if sdp.media > 0 {
        out.open("media_descriptions", Shape::List);
        for (place, described) in (1..=sdp.media).zip(sdp.of(What::Media, 0)) {
            out.open("", Shape::Object);
            out.text("media", described.of(bytes));
            first("media_info", bytes, sdp.of(What::Info, place), out);
            first("connection_data", bytes, sdp.of(What::Connection, place), out);
            list("bandwidths", bytes, sdp.of(What::Bandwidth, place), out);
            first("encryption_key", bytes, sdp.of(What::Key, place), out);
            list("attributes", bytes, sdp.of(What::Attribute, place), out);
            out.close();
        }
        out.close();
    }
}

/// Writes the times, each with the first of its repetitions; the others stand alone.
fn times(bytes: &[u8], sdp: &Sdp, out: &mut dyn Writer) {
    if sdp.times == 0 {
        return;
    }
    out.open("time_descriptions", Shape::List);
    for (place, time) in (1..=sdp.times).zip(sdp.of(What::Time, 0)) {
        let mut repeats = sdp.of(What::Repeat, place);
        out.open("", Shape::Object);
        out.text("time", time.of(bytes));
        first("repeat_time", bytes, &mut repeats, out);
        out.close();
        for repeat in repeats {
            out.open("", Shape::Object);
            out.text("repeat_time", repeat.of(bytes));
            out.close();
        }
    }
    out.close();
}

/// Writes the first value, if there is one.
fn first(key: &str, bytes: &[u8], mut values: impl Iterator<Item = Span>, out: &mut dyn Writer) {
    if let Some(value) = values.next() {
        out.text(key, value.of(bytes));
    }
}

/// Writes a list, unless it is empty.
fn list(key: &str, bytes: &[u8], values: impl Iterator<Item = Span>, out: &mut dyn Writer) {
    let mut values = values.peekable();
    if values.peek().is_some() {
        out.open(key, Shape::List);
        values.for_each(|value| out.text("", value.of(bytes)));
        out.close();
    }
}
