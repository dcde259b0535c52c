//! What rules can see of a message, whatever carries it.

use super::Message;
use crate::field::{BytesKind, Dir, Dirs, Field, Get, Value};

/// A transaction that may carry a message.
pub(in crate::app) trait Carrier {
    /// The message, as far as it has come.
    fn message(&self) -> Option<&Message>;
}

/// Progress at which a direction of a carrier is complete.
const COMPLETE: u8 = 1;

/// The fields of a message that travels in these directions. What is there can be seen at once, long before the message is
/// over.
pub(in crate::app) const fn fields<T: Carrier>(dirs: Dirs) -> [Field<T>; 12] {
    [
        row(dirs, "email.from", |tx, _, _, _| named(tx, "from", 0), "From (RFC 5322 §3.6.2)."),
        row(dirs, "email.subject", |tx, _, _, _| named(tx, "subject", 0), "Subject (RFC 5322 §3.6.5)."),
        row(dirs, "email.to", |tx, _, _, _| named(tx, "to", 0), "To, all addresses (RFC 5322 §3.6.3)."),
        row(dirs, "email.cc", |tx, _, _, _| named(tx, "cc", 0), "Cc, all addresses (RFC 5322 §3.6.3)."),
        row(dirs, "email.date", |tx, _, _, _| named(tx, "date", 0), "Date (RFC 5322 §3.6.1)."),
        row(dirs, "email.message_id", |tx, _, _, _| named(tx, "message-id", 0), "Message-ID (RFC 5322 §3.6.4)."),
        row(dirs, "email.x_mailer", |tx, _, _, _| named(tx, "x-mailer", 0), "X-Mailer: the program that wrote it."),
        row(
            dirs,
            "email.received",
            |tx, _, instance, _| named(tx, "received", instance),
            "Received: one of them (RFC 5322 §3.6.7).",
        )
        .multi(),
        row(
            dirs,
            "email.url",
            |tx: &T, _, instance, _| at_once(tx.message().and_then(|message| message.urls().nth(instance))),
            "A URL in the text of the message.",
        )
        .multi(),
        row(dirs, "file.data", file_data, "Content of a file that is attached.").aliases(&["file_data"]).multi(),
        row(
            dirs,
            "file.name",
            |tx, _, instance, _| file_name(tx, instance),
            "Name of a file that is attached (RFC 2183 §2.3).",
        )
        .multi(),
        row(
            dirs,
            "file.magic",
            |tx, _, instance, _| file_kind(tx, instance),
            "What libmagic would call a file that is attached, by its first bytes.",
        )
        .multi(),
    ]
}

const fn row<T>(dirs: Dirs, name: &'static str, get: Get<T>, doc: &'static str) -> Field<T> {
    Field::bytes(name, dirs, COMPLETE, get, doc).kind(BytesKind::STREAMING)
}

fn named<'a>(tx: &'a impl Carrier, name: &'static str, instance: usize) -> Value<'a> {
    at_once(tx.message().and_then(Message::headers).and_then(|headers| headers.all(name).nth(instance)))
}

fn file_data<'a, T: Carrier>(tx: &'a T, _: Dir, instance: usize, _: &'a mut Vec<u8>) -> Value<'a> {
    tx.message().map_or(Value::Absent, |message| message.file_value(instance))
}

fn file_name(tx: &impl Carrier, instance: usize) -> Value<'_> {
    let file = tx.message().and_then(|message| message.files().get(instance));
    at_once(file.map(|file| file.name.as_slice()))
}

fn file_kind(tx: &impl Carrier, instance: usize) -> Value<'_> {
    let file = tx.message().and_then(|message| message.files().get(instance));
    at_once(file.and_then(|file| file.kind.as_deref()).map(str::as_bytes))
}

/// What is final as soon as it is there.
pub(in crate::app) fn at_once(bytes: Option<&[u8]>) -> Value<'_> {
    bytes.map_or(Value::Absent, |data| Value::Stream { data, offset: 0, complete: true })
}
