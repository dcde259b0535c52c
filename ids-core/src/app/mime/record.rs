//! What records show of a message: the `email` object beside that of what carries it.

use md5::{Digest, Md5};

use super::{Headers, Link, Message, Status, addresses};
use crate::app::parser::Detail;
use crate::record::{Shape, Writer};

/// Header fields that the longer form shows.
const EXTENDED: &[&str] = &["bcc", "message-id", "subject", "x-mailer", "user-agent"];
/// Those that are shown if they are asked for (`custom`).
const CUSTOM: &[&str] = &[
    "reply-to",
    "bcc",
    "message-id",
    "subject",
    "x-mailer",
    "user-agent",
    "received",
    "x-originating-ip",
    "in-reply-to",
    "references",
    "importance",
    "priority",
    "sensitivity",
    "organization",
    "content-md5",
    "date",
];
/// Those of them that hold addresses, and those that may stand several times: lists.
const ADDRESSES: &[&str] = &["bcc"];
const REPEATED: &[&str] = &["received"];

/// Writes the `email` object, once there is something of a message to show.
pub(in crate::app) fn write(message: &Message, detail: &Detail<'_>, out: &mut dyn Writer) {
    let Some(headers) = message.headers() else { return };
    out.open("email", Shape::Object);
    out.text("status", status(message.status()).as_bytes());
    if let Some(from) = headers.get("from") {
        out.text("from", from);
    }
    for key in ["to", "cc"] {
        list(key, headers.all(key).flat_map(addresses), out);
    }
    list("attachment", message.files().iter().map(|file| file.name.as_slice()).filter(|name| !name.is_empty()), out);
    // The latest first.
    list("url", message.urls().rev(), out);
    for (key, link) in [("has_ipv6_url", Link::Ipv6), ("has_ipv4_url", Link::Ipv4), ("has_exe_url", Link::Program)] {
        if message.links_to(link) {
            out.flag(key, true);
        }
    }
    more(headers, detail, out);
    digests(message, headers, detail, out);
    out.close();
}

const fn status(status: Status) -> &'static str {
    match status {
        Status::Header => "HEADER_STARTED",
        Status::Body => "BODY_STARTED",
        Status::Done => "PARSE_DONE",
        Status::Broken => "PARSE_ERROR",
    }
}

/// Header fields beyond those of every form.
fn more(headers: &Headers, detail: &Detail<'_>, out: &mut dyn Writer) {
    let wanted =
        |name: &str| detail.extended && EXTENDED.contains(&name) || detail.custom.iter().any(|custom| custom == name);
    for name in CUSTOM.iter().filter(|name| wanted(name)) {
        let key = name.replace('-', "_");
        if ADDRESSES.contains(name) {
            list(&key, headers.all(name).flat_map(addresses), out);
        } else if REPEATED.contains(name) {
            list(&key, headers.all(name), out);
        } else if let Some(value) = headers.get(name) {
            out.text(&key, value);
        }
    }
}

fn digests(message: &Message, headers: &Headers, detail: &Detail<'_>, out: &mut dyn Writer) {
    let [body, subject] = detail.mail_md5;
    if let Some(digest) = message.body_md5().filter(|_| body) {
        out.text("body_md5", hex(digest).as_bytes());
    }
    if let Some(text) = headers.get("subject").filter(|_| subject) {
        out.text("subject_md5", hex(&Md5::digest(text)).as_bytes());
    }
}

fn hex(digest: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(digest)
}

/// Writes a list, unless it is empty.
pub(in crate::app) fn list<'a>(key: &str, values: impl Iterator<Item = &'a [u8]>, out: &mut dyn Writer) {
    let mut values = values.peekable();
    if values.peek().is_some() {
        out.open(key, Shape::List);
        values.for_each(|value| out.text("", value));
        out.close();
    }
}
