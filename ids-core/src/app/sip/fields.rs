//! What rules can see of a message.

use super::index::Span;
use super::message::{Message, Name};
use super::sdp::{Sdp, What};
use super::session::Tx;
use super::start::Kind;
use crate::field::Dirs::{Both, ToClient, ToServer};
use crate::field::{Field, Value};

type Row = Field<Tx>;

/// A message is complete at once.
const COMPLETE: u8 = 1;

/// Its fields; the position is the number.
pub(super) static FIELDS: &[Row] = &[
    Row::bytes(
        "sip.method",
        ToServer,
        COMPLETE,
        |tx, _, n, _| request(tx, n, |[method, _]| method),
        "The method of a request (RFC 3261 §7.1).",
    ),
    Row::bytes(
        "sip.uri",
        ToServer,
        COMPLETE,
        |tx, _, n, _| request(tx, n, |[_, uri]| uri),
        "The URI of a request (RFC 3261 §7.1).",
    ),
    Row::bytes(
        "sip.request_line",
        ToServer,
        COMPLETE,
        |tx, _, n, _| start(tx, n, |message| message.start().line),
        "The first line of a request, without its end (RFC 3261 §7.1).",
    ),
    Row::bytes(
        "sip.stat_code",
        ToClient,
        COMPLETE,
        |tx, _, n, _| response(tx, n, |[code, _]| code),
        "The status code of a response (RFC 3261 §7.2).",
    ),
    Row::bytes(
        "sip.stat_msg",
        ToClient,
        COMPLETE,
        |tx, _, n, _| response(tx, n, |[_, reason]| reason),
        "The reason phrase of a response (RFC 3261 §7.2).",
    ),
    Row::bytes(
        "sip.response_line",
        ToClient,
        COMPLETE,
        |tx, _, n, _| start(tx, n, |message| message.start().line),
        "The first line of a response, without its end (RFC 3261 §7.2).",
    ),
    Row::bytes(
        "sip.protocol",
        Both,
        COMPLETE,
        |tx, _, n, _| start(tx, n, |message| message.start().version),
        "The version in the first line (RFC 3261 §7.1).",
    ),
    Row::bytes("sip.from", Both, COMPLETE, |tx, _, n, out| header(tx, Name::From, n, out), "From (RFC 3261 §20.20).")
        .multi(),
    Row::bytes("sip.to", Both, COMPLETE, |tx, _, n, out| header(tx, Name::To, n, out), "To (RFC 3261 §20.39).").multi(),
    Row::bytes("sip.via", Both, COMPLETE, |tx, _, n, out| header(tx, Name::Via, n, out), "Via (RFC 3261 §20.42).")
        .multi(),
    Row::bytes(
        "sip.user_agent",
        Both,
        COMPLETE,
        |tx, _, n, out| header(tx, Name::UserAgent, n, out),
        "User-Agent (RFC 3261 §20.41).",
    )
    .multi(),
    Row::bytes(
        "sip.content_type",
        Both,
        COMPLETE,
        |tx, _, n, out| header(tx, Name::ContentType, n, out),
        "Content-Type (RFC 3261 §20.15).",
    )
    .multi(),
    Row::bytes(
        "sip.content_length",
        Both,
        COMPLETE,
        |tx, _, n, out| header(tx, Name::ContentLength, n, out),
        "Content-Length, as it is written (RFC 3261 §20.14).",
    )
    .multi(),
    Row::bytes(
        "sdp.origin",
        Both,
        COMPLETE,
        |tx, _, n, _| session(tx, What::Origin, n),
        "Who began the session (RFC 8866 §5.2).",
    ),
    Row::bytes(
        "sdp.session_name",
        Both,
        COMPLETE,
        |tx, _, n, _| session(tx, What::SessionName, n),
        "The name of the session (RFC 8866 §5.3).",
    ),
    Row::bytes(
        "sdp.session_info",
        Both,
        COMPLETE,
        |tx, _, n, _| session(tx, What::Info, n),
        "What the session is about (RFC 8866 §5.4).",
    ),
    Row::bytes(
        "sdp.uri",
        Both,
        COMPLETE,
        |tx, _, n, _| session(tx, What::Uri, n),
        "Where more is said of the session (RFC 8866 §5.5).",
    ),
    Row::bytes(
        "sdp.email",
        Both,
        COMPLETE,
        |tx, _, n, _| session(tx, What::Email, n),
        "Whom to write to about the session (RFC 8866 §5.6).",
    ),
    Row::bytes(
        "sdp.phone_number",
        Both,
        COMPLETE,
        |tx, _, n, _| session(tx, What::Phone, n),
        "Whom to call about the session (RFC 8866 §5.6).",
    ),
    Row::bytes(
        "sdp.connection_data",
        Both,
        COMPLETE,
        |tx, _, n, _| session(tx, What::Connection, n),
        "Where the media of the session go, unless they say otherwise (RFC 8866 §5.7).",
    ),
    Row::bytes(
        "sdp.bandwidth",
        Both,
        COMPLETE,
        |tx, _, n, _| any(tx, |sdp| sdp.any(What::Bandwidth, n)),
        "A bandwidth of the session or of media (RFC 8866 §5.8).",
    )
    .multi(),
    Row::bytes(
        "sdp.time",
        Both,
        COMPLETE,
        |tx, _, n, _| any(tx, |sdp| sdp.any(What::Time, n)),
        "When the session begins and ends (RFC 8866 §5.9).",
    )
    .multi(),
    Row::bytes(
        "sdp.repeat_time",
        Both,
        COMPLETE,
        |tx, _, n, _| any(tx, |sdp| sdp.any(What::Repeat, n)),
        "When the session takes place again (RFC 8866 §5.10).",
    )
    .multi(),
    Row::bytes(
        "sdp.timezone",
        Both,
        COMPLETE,
        |tx, _, n, _| session(tx, What::Zone, n),
        "By how much clocks are put forward or back (RFC 8866 §5.11).",
    ),
    Row::bytes(
        "sdp.encryption_key",
        Both,
        COMPLETE,
        |tx, _, n, _| session(tx, What::Key, n),
        "The key of the session (RFC 8866 §5.12).",
    ),
    Row::bytes(
        "sdp.attribute",
        Both,
        COMPLETE,
        |tx, _, n, _| any(tx, |sdp| sdp.any(What::Attribute, n)),
        "An attribute of the session or of media (RFC 8866 §5.13).",
    )
    .multi(),
    Row::bytes(
        "sdp.media.media",
        Both,
        COMPLETE,
        |tx, _, n, _| any(tx, |sdp| sdp.any(What::Media, n)),
        "Media: kind, port, protocol and formats (RFC 8866 §5.14).",
    )
    .multi(),
    Row::bytes(
        "sdp.media.media_info",
        Both,
        COMPLETE,
        |tx, _, n, _| any(tx, |sdp| sdp.of_media(What::Info, n)),
        "What media are about (RFC 8866 §5.4).",
    )
    .multi(),
    Row::bytes(
        "sdp.media.connection_data",
        Both,
        COMPLETE,
        |tx, _, n, _| any(tx, |sdp| sdp.of_media(What::Connection, n)),
        "Where media go (RFC 8866 §5.7).",
    )
    .multi(),
    Row::bytes(
        "sdp.media.encryption_key",
        Both,
        COMPLETE,
        |tx, _, n, _| any(tx, |sdp| sdp.of_media(What::Key, n)),
        "The key of media (RFC 8866 §5.12).",
    )
    .multi(),
];

/// Part of the first line, whichever it is.
fn start(tx: &Tx, n: usize, get: impl FnOnce(&Message) -> Span) -> Value<'_> {
    let message = tx.message.as_ref().filter(|_| n == 0);
    message.map_or(Value::Absent, |message| Value::Bytes(get(message).of(message.bytes())))
}

/// Method or URI.
fn request(tx: &Tx, n: usize, get: fn([Span; 2]) -> Span) -> Value<'_> {
    start(tx, n, |message| match message.start().kind {
        Kind::Request { method, uri } => get([method, uri]),
        Kind::Response { .. } => Span::default(),
    })
}

/// Code or reason.
fn response(tx: &Tx, n: usize, get: fn([Span; 2]) -> Span) -> Value<'_> {
    start(tx, n, |message| match message.start().kind {
        Kind::Response { code, reason } => get([code, reason]),
        Kind::Request { .. } => Span::default(),
    })
}

fn header<'a>(tx: &'a Tx, name: Name, n: usize, scratch: &'a mut Vec<u8>) -> Value<'a> {
    let message = tx.message.as_ref();
    message.and_then(|message| message.value(name, n, scratch)).map_or(Value::Absent, Value::Bytes)
}

/// What is said once of the session.
fn session(tx: &Tx, what: What, n: usize) -> Value<'_> {
    any(tx, |sdp| sdp.of(what, 0).next().filter(|_| n == 0))
}

fn any(tx: &Tx, get: impl FnOnce(&Sdp) -> Option<Span>) -> Value<'_> {
    let found = tx.message.as_ref().and_then(|message| Some((message, get(message.sdp.as_ref()?)?)));
    found.map_or(Value::Absent, |(message, value)| Value::Bytes(value.of(message.bytes())))
}
