//! What rules can see of a message.

use super::message::{Message, hex};
use super::names::ATTRIBUTES;
use crate::field::Dirs::{Both, ToClient, ToServer};
use crate::field::{BytesKind, Field, Notation, Value};

type Row = Field<Message>;

/// A message is complete at once.
const COMPLETE: u8 = 1;

/// What differs from one negotiation to the next: the best to be searched for.
const RARE: BytesKind = BytesKind { rank: 1, ..BytesKind::PLAIN };

/// The fields; the position is the number.
pub(super) static FIELDS: &[Row] = &[
    Row::bytes(
        "ike.init_spi",
        ToServer,
        COMPLETE,
        |message, _, _, scratch| number(message.header.map(|header| header.initiator), scratch),
        "The initiator's number of a negotiation, in hexadecimal (RFC 7296 §3.1).",
    )
    .kind(RARE),
    Row::bytes(
        "ike.resp_spi",
        ToClient,
        COMPLETE,
        |message, _, _, scratch| number(message.header.map(|header| header.responder), scratch),
        "The responder's number of a negotiation, in hexadecimal (RFC 7296 §3.1).",
    )
    .kind(RARE),
    Row::bytes(
        "ike.vendor",
        ToServer,
        COMPLETE,
        |message, _, n, _| message.vendors.get(n).map_or(Value::Absent, |vendor| Value::Bytes(vendor.as_bytes())),
        "A number by which the maker of a client names itself, in hexadecimal (RFC 7296 §3.12).",
    )
    .multi(),
    Row::bytes(
        "ike.nonce_payload",
        Both,
        COMPLETE,
        |message, _, _, _| bytes(message.own.nonce.as_ref()),
        "The random bytes of a side (RFC 7296 §3.9).",
    )
    .kind(RARE),
    Row::uint(
        "ike.nonce_payload_length",
        32,
        Both,
        COMPLETE,
        |message, _, _, _| length(message.own.nonce.as_ref()),
        "How many random bytes a side sends (RFC 7296 §3.9).",
    ),
    Row::bytes(
        "ike.key_exchange_payload",
        Both,
        COMPLETE,
        |message, _, _, _| bytes(message.own.key.as_ref()),
        "A side's half of the common secret (RFC 7296 §3.4).",
    )
    .kind(RARE),
    Row::uint(
        "ike.key_exchange_payload_length",
        32,
        Both,
        COMPLETE,
        |message, _, _, _| length(message.own.key.as_ref()),
        "How many bytes a side's half of the common secret has (RFC 7296 §3.4).",
    ),
    Row::uint(
        "ike.exchtype",
        8,
        Both,
        COMPLETE,
        |message, _, _, _| message.header.map_or(Value::Absent, |header| Value::Uint(header.exchange.into())),
        "Kind of exchange, such as 34 for the first of version 2 (RFC 7296 §3.1).",
    ),
    Row::uint(
        "ike.chosen_sa_attribute",
        64,
        ToClient,
        COMPLETE,
        |message, _, n, _| {
            let chosen = message.chosen.get(n);
            chosen.map_or(Value::Absent, |(kind, value)| Value::Uint(u64::from(*kind) << 32 | u64::from(*value)))
        },
        "What the server of version 1 chooses (RFC 2409 appendix A).",
    )
    .names(ATTRIBUTES)
    .notation(Notation::Attribute)
    .multi(),
];

fn number(value: Option<[u8; 8]>, scratch: &mut Vec<u8>) -> Value<'_> {
    let Some(value) = value else { return Value::Absent };
    *scratch = hex(&value).into_bytes();
    Value::Bytes(scratch)
}

fn bytes(value: Option<&Vec<u8>>) -> Value<'_> {
    value.map_or(Value::Absent, |value| Value::Bytes(value))
}

fn length(value: Option<&Vec<u8>>) -> Value<'static> {
    value.map_or(Value::Absent, |value| Value::Uint(value.len() as u64))
}
