//! What rules can see of a message.

use super::message::{Message, Trap};
use crate::field::Dirs::Both;
use crate::field::{Field, Value};

type Row = Field<Message>;

/// A message is complete at once.
const COMPLETE: u8 = 1;

/// Types of messages (RFC 3416 §3), as records show them.
pub(super) const KINDS: &[(&str, u64)] = &[
    ("get_request", 0),
    ("get_next_request", 1),
    ("response", 2),
    ("set_request", 3),
    ("trap_v1", 4),
    ("get_bulk_request", 5),
    ("inform_request", 6),
    ("trap_v2", 7),
    ("report", 8),
];

/// Types of traps of version 1 (RFC 1157 §4.1.6).
pub(super) const TRAPS: &[(&str, u64)] = &[
    ("coldstart", 0),
    ("warmstart", 1),
    ("linkdown", 2),
    ("linkup", 3),
    ("authenticationfailure", 4),
    ("egpneighborloss", 5),
    ("enterprisespecific", 6),
];

/// The fields; the position is the number.
pub(super) static FIELDS: &[Row] = &[
    Row::uint(
        "snmp.version",
        32,
        Both,
        COMPLETE,
        |message, _, _, _| number(Some(message.version).filter(|version| *version > 0)),
        "Version of a message: 1, 2 for 2c, or 3 (RFC 3410 §5).",
    ),
    Row::uint(
        "snmp.pdu_type",
        32,
        Both,
        COMPLETE,
        |message, _, _, _| number(message.kind),
        "What a message asks or tells, by its number, such as 0 for a request (RFC 3416 §3).",
    ),
    Row::uint(
        "snmp.trap_type",
        8,
        Both,
        COMPLETE,
        |message, _, _, _| number(message.trap.as_ref().map(|Trap { kind, .. }| *kind)),
        "Type of a trap of version 1 (RFC 1157 §4.1.6).",
    )
    .names(TRAPS),
    Row::bytes(
        "snmp.community",
        Both,
        COMPLETE,
        |message, _, _, _| text(message.community.as_deref()),
        "The community, which is the password of versions 1 and 2c (RFC 1157 §3.2.5).",
    ),
    Row::bytes(
        "snmp.usm",
        Both,
        COMPLETE,
        |message, _, _, _| text(message.user.as_deref()),
        "Name of the user of version 3 (RFC 3414 §2.4).",
    ),
];

fn number(value: Option<u32>) -> Value<'static> {
    value.map_or(Value::Absent, |value| Value::Uint(value.into()))
}

fn text(value: Option<&str>) -> Value<'_> {
    value.map_or(Value::Absent, |value| Value::Bytes(value.as_bytes()))
}
