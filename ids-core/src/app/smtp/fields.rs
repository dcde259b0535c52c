//! What rules can see of a mail.

use super::tx::{Tx, progress};
use crate::app::mime::seen::{self, at_once};
use crate::field::Dirs::ToServer;
use crate::field::{BytesKind, Field, Get};

type Row = Field<Tx>;

/// The fields; the position is the number.
pub(super) fn all() -> impl Iterator<Item = &'static Row> {
    ENVELOPE.iter().chain(&MESSAGE)
}

static MESSAGE: [Row; 12] = seen::fields(ToServer);

/// What is there can be seen at once, long before the mail is over.
static ENVELOPE: [Row; 3] = [
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
];

const fn row(name: &'static str, get: Get<Tx>, doc: &'static str) -> Row {
    Row::bytes(name, ToServer, progress::COMPLETE, get, doc).kind(BytesKind::STREAMING)
}
