//! What rules can see of an exchange.
//!
//! Responses are seen as they come: a search may have many before the last.

use super::message::Message;
use super::names::{OPERATIONS, RESULTS};
use super::tx::Tx;
use crate::field::Dirs::{ToClient, ToServer};
use crate::field::{Field, NO_NUMBER, Notation, Value};

type Row = Field<Tx>;

/// A request is there at once, and so is each response.
const FIRST: u8 = 0;

/// The fields; the position is the number.
pub(super) static FIELDS: &[Row] = &[
    Row::uint(
        "ldap.request.operation",
        8,
        ToServer,
        FIRST,
        |tx, _, n, _| number(request(tx, n).map(|request| request.operation)),
        "Operation of a request (RFC 4511 §4.2 to §4.12).",
    )
    .names(OPERATIONS),
    Row::uint(
        "ldap.responses.operation",
        8,
        ToClient,
        FIRST,
        |tx, _, n, _| number(tx.responses.get(n).map(|response| response.operation)),
        "Operation of a response (RFC 4511 §4.2 to §4.13).",
    )
    .names(OPERATIONS)
    .notation(Notation::Indexed)
    .multi()
    .growing(),
    Row::uint(
        "ldap.responses.result_code",
        32,
        ToClient,
        FIRST,
        |tx, _, n, _| match tx.responses.get(n) {
            Some(response) => Value::Uint(response.result.as_ref().map_or(NO_NUMBER, |(code, _)| (*code).into())),
            None => Value::Absent,
        },
        "How an operation went, as a response says it (RFC 4511 §4.1.9).",
    )
    .names(RESULTS)
    .notation(Notation::Indexed)
    .multi()
    .growing(),
    Row::uint(
        "ldap.responses.count",
        32,
        ToClient,
        FIRST,
        |tx, _, n, _| number(Some(tx.count).filter(|_| n == 0)),
        "How many responses have come.",
    )
    .growing(),
    Row::bytes(
        "ldap.request.dn",
        ToServer,
        FIRST,
        |tx, _, n, _| text(request(tx, n).and_then(|request| request.dn.as_deref())),
        "The entry that a request is about, or the name that a client binds (RFC 4511 §4.1.3).",
    ),
    Row::bytes(
        "ldap.responses.dn",
        ToClient,
        FIRST,
        |tx, _, n, _| text(tx.responses.get(n).map(|response| response.dn.as_deref().unwrap_or_default())),
        "The entry of a response, or the name it was found under; empty where it has none (RFC 4511 §4.1.9, §4.5.2).",
    )
    .multi()
    .growing(),
    Row::bytes(
        "ldap.responses.message",
        ToClient,
        FIRST,
        |tx, _, n, _| text(tx.responses.get(n).map(said)),
        "What a response says besides its code; empty where that is nothing (RFC 4511 §4.1.9).",
    )
    .multi()
    .growing(),
    Row::bytes(
        "ldap.request.attribute_type",
        ToServer,
        FIRST,
        |tx, _, n, _| text(request(tx, 0).and_then(|request| request.attributes.get(n)).map(|name| &**name)),
        "Type of an attribute that a request asks for, changes, adds or compares (RFC 4511 §4.1.4).",
    )
    .multi(),
    Row::bytes(
        "ldap.responses.attribute_type",
        ToClient,
        FIRST,
        |tx, _, n, _| text(tx.attributes.get(n).map(|name| &**name)),
        "Type of an attribute of an entry that was found (RFC 4511 §4.5.2).",
    )
    .multi()
    .growing(),
];

/// The request, of which there is one.
fn request(tx: &Tx, instance: usize) -> Option<&Message> {
    tx.request.as_ref().filter(|_| instance == 0)
}

/// What a response says besides its code.
fn said(response: &Message) -> &str {
    response.result.as_ref().map_or("", |(_, said)| said)
}

fn number(value: Option<u32>) -> Value<'static> {
    value.map_or(Value::Absent, |value| Value::Uint(value.into()))
}

fn text(value: Option<&str>) -> Value<'_> {
    value.map_or(Value::Absent, |value| Value::Bytes(value.as_bytes()))
}
