//! What rules can see of a message.

use super::frame::{flag, opcode};
use super::tx::Tx;
use crate::field::Dirs::Both;
use crate::field::{BytesKind, Field, Notation, Value};

type Row = Field<Tx>;

/// What the first frame brings.
const FIRST: u8 = 0;
/// What the last one may still change.
const COMPLETE: u8 = 1;

/// The fields; the position is the number.
pub(super) static FIELDS: &[Row] = &[
    Row::bytes(
        "websocket.payload",
        Both,
        COMPLETE,
        |tx, _, _, _| tx.payload.value(),
        "What a message says, without mask and compression (RFC 6455 §5.2, RFC 7692 §7.2.2).",
    )
    .kind(BytesKind::STREAMING),
    Row::uint(
        "websocket.opcode",
        8,
        Both,
        FIRST,
        |tx, _, _, _| Value::Uint(tx.opcode.into()),
        "Kind of a message (RFC 6455 §5.2).",
    )
    .names(opcode::NAMES),
    Row::uint(
        "websocket.flags",
        8,
        Both,
        COMPLETE,
        |tx, _, _, _| Value::Uint(tx.flags.into()),
        "Flags of a message's frames, those of all of them: it ends, it is compressed (RFC 6455 §5.2, RFC 7692 §6).",
    )
    .names(flag::NAMES)
    .notation(Notation::Flags),
    Row::uint(
        "websocket.mask",
        32,
        Both,
        FIRST,
        |tx, _, _, _| tx.mask.map_or(Value::Absent, |mask| Value::Uint(mask.into())),
        "What the payload of the first frame is combined with (RFC 6455 §5.3).",
    ),
];
