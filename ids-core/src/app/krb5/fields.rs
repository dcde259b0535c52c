//! What rules can see of a message.

use super::etype;
use super::message::Message;
use super::session::Tx;
use crate::field::Dirs::{Both, ToClient};
use crate::field::{Dir, Field, Notation, Value};

type Row = Field<Tx>;

/// A message is complete at once.
const COMPLETE: u8 = 1;

/// Its fields; the position is the number.
pub(super) static FIELDS: &[Row] = &[
    Row::uint("krb5_msg_type", 32, Both, COMPLETE, kind, "Type of a message, such as 10 for AS-REQ (RFC 4120 §7.5.7)."),
    Row::uint("krb5_err_code", 32, Both, COMPLETE, error, "Code of an error (RFC 4120 §7.5.9)."),
    Row::bytes("krb5.cname", ToClient, COMPLETE, client, "A component of the client's name (RFC 4120 §5.2.2).")
        .aliases(&["krb5_cname"])
        .multi(),
    Row::bytes("krb5.sname", ToClient, COMPLETE, server, "A component of the server's name (RFC 4120 §5.2.2).")
        .aliases(&["krb5_sname"])
        .multi(),
    Row::uint("krb5.ticket_encryption", 64, ToClient, COMPLETE, ticket, "How a ticket is encrypted (RFC 4120 §5.3).")
        .names(etype::NAMES)
        .notation(Notation::AnyOf),
];

fn kind<'a>(tx: &'a Tx, _: Dir, n: usize, _: &'a mut Vec<u8>) -> Value<'a> {
    number(tx, n, |message| Some(message.kind.0.into()))
}

fn error<'a>(tx: &'a Tx, _: Dir, n: usize, _: &'a mut Vec<u8>) -> Value<'a> {
    number(tx, n, |message| message.error.map(|code| code.0.cast_unsigned().into()))
}

fn ticket<'a>(tx: &'a Tx, _: Dir, n: usize, _: &'a mut Vec<u8>) -> Value<'a> {
    number(tx, n, |message| message.ticket.map(etype::bit))
}

fn client<'a>(tx: &'a Tx, _: Dir, n: usize, _: &'a mut Vec<u8>) -> Value<'a> {
    component(tx.message.as_ref().and_then(|message| message.client.as_ref()), n)
}

fn server<'a>(tx: &'a Tx, _: Dir, n: usize, _: &'a mut Vec<u8>) -> Value<'a> {
    component(tx.message.as_ref().and_then(|message| message.server.as_ref()), n)
}

fn number(tx: &Tx, n: usize, get: fn(&Message) -> Option<u64>) -> Value<'static> {
    tx.message.as_ref().filter(|_| n == 0).and_then(get).map_or(Value::Absent, Value::Uint)
}

fn component(name: Option<&Vec<String>>, n: usize) -> Value<'_> {
    name.and_then(|name| name.get(n)).map_or(Value::Absent, |part| Value::Bytes(part.as_bytes()))
}
