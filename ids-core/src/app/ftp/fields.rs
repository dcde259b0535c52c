//! What rules can see of a command and its replies.

use super::tx::{Mode, Tx};
use crate::field::Dirs::{Both, ToClient, ToServer};
use crate::field::{Field, Notation, Value};

type Row = Field<Tx>;

/// What the command says is there from the start; what the reply says once it is complete.
const START: u8 = 0;
const COMPLETE: u8 = 1;

/// The fields; the position is the number.
pub(super) static FIELDS: &[Row] = &[
    Row::bytes(
        "ftp.command",
        ToServer,
        START,
        |tx, _, _, _| tx.command.as_ref().map_or(Value::Absent, |command| Value::Bytes(command)),
        "Command (RFC 959 §4.1).",
    ),
    Row::bytes(
        "ftp.command_data",
        ToServer,
        START,
        |tx, _, _, _| if tx.data.is_empty() { Value::Absent } else { Value::Bytes(&tx.data) },
        "What follows the command, without white space around it (RFC 959 §4.1).",
    ),
    Row::bytes(
        "ftp.reply",
        ToClient,
        COMPLETE,
        |tx, _, instance, _| tx.replies.get(instance).map_or(Value::Absent, |reply| Value::Bytes(reply)),
        "A line of the reply, without its code (RFC 959 §4.2).",
    )
    .multi(),
    Row::bytes(
        "ftp.completion_code",
        ToClient,
        COMPLETE,
        |tx, _, instance, _| tx.codes.get(instance).map_or(Value::Absent, |code| Value::Bytes(code)),
        "The code of a line of the reply (RFC 959 §4.2).",
    )
    .multi(),
    Row::uint(
        "ftp.dynamic_port",
        16,
        Both,
        COMPLETE,
        |tx, _, _, _| tx.port.map_or(Value::Absent, |port| Value::Uint(port.into())),
        "The port that PORT, EPRT, or the reply to PASV or EPSV names (RFC 959 §4.1.2, RFC 2428).",
    ),
    Row::uint(
        "ftp.mode",
        8,
        Both,
        START,
        |tx, _, _, _| tx.mode.map_or(Value::Absent, |mode| Value::Uint(mode as u64)),
        "Who opens data connections: the server (active) or the client (passive) (RFC 959 §3.3).",
    )
    .names(&[("active", Mode::Active as u64), ("passive", Mode::Passive as u64)]),
    Row::uint(
        "ftp.reply_received",
        8,
        ToClient,
        COMPLETE,
        |tx, _, _, _| tx.answered().map_or(Value::Absent, |answered| Value::Uint(answered.into())),
        "Whether the command was answered.",
    )
    .names(&[("yes", 1), ("on", 1), ("true", 1), ("no", 0), ("off", 0), ("false", 0)]),
    Row::uint(
        "ftpbounce",
        8,
        ToServer,
        START,
        |tx, _, _, _| Value::Uint(tx.bounces.into()),
        "The client wants data sent to an address that is not its own (RFC 2577 §2).",
    )
    .notation(Notation::Flag),
];
