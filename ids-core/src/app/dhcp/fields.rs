//! What rules can see of a message.

use super::message::Message;
use super::options::code;
use crate::field::Dirs::Both;
use crate::field::{Field, Value};

type Row = Field<Message>;

/// A message is complete at once.
const COMPLETE: u8 = 1;

/// The fields; the position is the number.
pub(super) static FIELDS: &[Row] = &[
    Row::uint(
        "dhcp.leasetime",
        64,
        Both,
        COMPLETE,
        |message, _, _, _| number(message, code::LEASE_TIME),
        "For how many seconds an address is given, or asked for (RFC 2132 §9.2).",
    ),
    Row::uint(
        "dhcp.rebinding_time",
        64,
        Both,
        COMPLETE,
        |message, _, _, _| number(message, code::REBINDING_TIME),
        "After how many seconds a client asks any server for its address (RFC 2132 §9.12).",
    ),
    Row::uint(
        "dhcp.renewal_time",
        64,
        Both,
        COMPLETE,
        |message, _, _, _| number(message, code::RENEWAL_TIME),
        "After how many seconds a client asks its server for its address (RFC 2132 §9.11).",
    ),
];

fn number(message: &Message, code: u8) -> Value<'static> {
    message.number(code).map_or(Value::Absent, |number| Value::Uint(number.into()))
}
