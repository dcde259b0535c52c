//! What rules can see of a mail.

use super::tx::{Tx, progress};
use crate::app::mime::Message;
use crate::field::Dirs::ToServer;
use crate::field::{BytesKind, Dir, Field, Get, Value};

type Row = Field<Tx>;

/// The fields; the position is the number. What is there can be seen at once, long before the mail is over.
pub(super) static FIELDS: &[Row] = &[
    row(
        "smtp.helo",
        |tx, _, _, _| at_once(tx.hello.as_deref()),
        "Who the client says it is: what stands behind HELO or EHLO (RFC 5321 §4.1.1.1).",
    ),
    row(
        "smtp.mail_from",
        |tx, _, _, _| at_once(tx.from.as_deref()),
        "Who sends the mail, by the envelope, with the brackets if there are any (RFC 5321 §4.1.1.2).",
    ),
    row(
        "smtp.rcpt_to",
        |tx, _, instance, _| at_once(tx.to.get(instance).map(Vec::as_slice)),
        "Who gets the mail, by the envelope: one of them (RFC 5321 §4.1.1.3).",
    )
    .multi(),
    row("email.from", |tx, _, _, _| named(tx, "from", 0), "From (RFC 5322 §3.6.2)."),
    row("email.subject", |tx, _, _, _| named(tx, "subject", 0), "Subject (RFC 5322 §3.6.5)."),
    row("email.to", |tx, _, _, _| named(tx, "to", 0), "To, all addresses (RFC 5322 §3.6.3)."),
    row("email.cc", |tx, _, _, _| named(tx, "cc", 0), "Cc, all addresses (RFC 5322 §3.6.3)."),
    row("email.date", |tx, _, _, _| named(tx, "date", 0), "Date (RFC 5322 §3.6.1)."),
    row("email.message_id", |tx, _, _, _| named(tx, "message-id", 0), "Message-ID (RFC 5322 §3.6.4)."),
    row("email.x_mailer", |tx, _, _, _| named(tx, "x-mailer", 0), "X-Mailer: the program that wrote it."),
    row(
        "email.received",
        |tx, _, instance, _| named(tx, "received", instance),
        "Received: one of them (RFC 5322 §3.6.7).",
    )
    .multi(),
    row(
        "email.url",
        |tx, _, instance, _| at_once(message(tx).and_then(|message| message.urls().nth(instance))),
        "A URL in the text of the message.",
    )
    .multi(),
    row("file.data", file_data, "Content of a file that is attached.").aliases(&["file_data"]).multi(),
    row(
        "file.name",
        |tx, dir, instance, _| file_name(tx, dir, instance),
        "Name of a file that is attached (RFC 2183 §2.3).",
    )
    .multi(),
    row(
        "file.magic",
        |tx, dir, instance, _| file_kind(tx, dir, instance),
        "What libmagic would call a file that is attached, by its first bytes.",
    )
    .multi(),
];

const fn row(name: &'static str, get: Get<Tx>, doc: &'static str) -> Row {
    Row::bytes(name, ToServer, progress::COMPLETE, get, doc).kind(BytesKind::STREAMING)
}

fn message(tx: &Tx) -> Option<&Message> {
    tx.message.as_deref()
}

fn named<'a>(tx: &'a Tx, name: &'static str, instance: usize) -> Value<'a> {
    at_once(message(tx).and_then(Message::headers).and_then(|headers| headers.all(name).nth(instance)))
}

fn file_data<'a>(tx: &'a Tx, _: Dir, instance: usize, _: &'a mut Vec<u8>) -> Value<'a> {
    message(tx).map_or(Value::Absent, |message| message.file_value(instance))
}

fn file_name(tx: &Tx, _: Dir, instance: usize) -> Value<'_> {
    let file = message(tx).and_then(|message| message.files().get(instance));
    at_once(file.map(|file| file.name.as_slice()))
}

fn file_kind(tx: &Tx, _: Dir, instance: usize) -> Value<'_> {
    let file = message(tx).and_then(|message| message.files().get(instance));
    at_once(file.and_then(|file| file.kind.as_deref()).map(str::as_bytes))
}

/// What is final as soon as it is there.
fn at_once(bytes: Option<&[u8]>) -> Value<'_> {
    bytes.map_or(Value::Absent, |data| Value::Stream { data, offset: 0, complete: true })
}
