//! What rules can see of a fragment.

use super::session::{Message, Tx};
use crate::field::Dirs::{Both, ToClient};
use crate::field::{Field, Notation, Value};

type Row = Field<Tx>;

/// A fragment is complete at once.
const COMPLETE: u8 = 1;

/// Its fields; the position is the number.
pub(super) static FIELDS: &[Row] = &[
    Row::uint(
        "dnp3_func",
        8,
        Both,
        COMPLETE,
        |tx, _, n, _| number(tx, n, |message| Some(message.function.into())),
        "The function of a fragment (IEEE 1815 §4.2.2.5).",
    )
    .names(FUNCTIONS)
    .aliases(&["dnp3.func"]),
    Row::uint(
        "dnp3_ind",
        16,
        ToClient,
        COMPLETE,
        |tx, _, n, _| number(tx, n, |message| message.indications.map(u64::from)),
        "What an outstation tells of itself: internal indications of a response (IEEE 1815 §4.2.2.6).",
    )
    .names(INDICATIONS)
    .notation(Notation::AnyOf)
    .aliases(&["dnp3.ind"]),
    Row::uint(
        "dnp3_obj",
        16,
        Both,
        COMPLETE,
        |tx, _, n, _| object(tx, n),
        "Group and variation of an object (IEEE 1815 §4.2.2.7.1).",
    )
    .notation(Notation::Pair)
    .aliases(&["dnp3.obj"])
    .multi(),
    Row::bytes(
        "dnp3.data",
        Both,
        COMPLETE,
        |tx, _, n, _| match &tx.message {
            Some(message) if n == 0 => Value::Bytes(&message.bytes),
            _ => Value::Absent,
        },
        "A fragment from its first byte on, put together, without checksums (IEEE 1815 §4.2.2).",
    )
    .aliases(&["dnp3_data"]),
];

fn number(tx: &Tx, n: usize, get: fn(&Message) -> Option<u64>) -> Value<'static> {
    tx.message.as_ref().filter(|_| n == 0).and_then(get).map_or(Value::Absent, Value::Uint)
}

fn object(tx: &Tx, n: usize) -> Value<'static> {
    let object = tx.message.as_ref().and_then(|message| message.objects.get(n));
    object.map_or(Value::Absent, |object| Value::Uint(u16::from_be_bytes([object.group, object.variation]).into()))
}

/// Functions by name (IEEE 1815 table 4-1).
const FUNCTIONS: &[(&str, u64)] = &[
    ("confirm", 0),
    ("read", 1),
    ("write", 2),
    ("select", 3),
    ("operate", 4),
    ("direct_operate", 5),
    ("direct_operate_nr", 6),
    ("immed_freeze", 7),
    ("immed_freeze_nr", 8),
    ("freeze_clear", 9),
    ("freeze_clear_nr", 10),
    ("freeze_at_time", 11),
    ("freeze_at_time_nr", 12),
    ("cold_restart", 13),
    ("warm_restart", 14),
    ("initialize_data", 15),
    ("initialize_appl", 16),
    ("start_appl", 17),
    ("stop_appl", 18),
    ("save_config", 19),
    ("enable_unsolicited", 20),
    ("disable_unsolicited", 21),
    ("assign_class", 22),
    ("delay_measure", 23),
    ("record_current_time", 24),
    ("open_file", 25),
    ("close_file", 26),
    ("delete_file", 27),
    ("get_file_info", 28),
    ("authenticate_file", 29),
    ("abort_file", 30),
    ("activate_config", 31),
    ("authenticate_req", 32),
    ("authenticate_err", 33),
    ("response", 129),
    ("unsolicited_response", 130),
    ("authenticate_resp", 131),
];

/// Indications by name: bits, the first octet's first (IEEE 1815 table 4-2).
pub(super) const INDICATIONS: &[(&str, u64)] = &[
    ("all_stations", 1),
    ("class_1_events", 1 << 1),
    ("class_2_events", 1 << 2),
    ("class_3_events", 1 << 3),
    ("need_time", 1 << 4),
    ("local_control", 1 << 5),
    ("device_trouble", 1 << 6),
    ("device_restart", 1 << 7),
    ("no_func_code_support", 1 << 8),
    ("object_unknown", 1 << 9),
    ("parameter_error", 1 << 10),
    ("event_buffer_overflow", 1 << 11),
    ("already_executing", 1 << 12),
    ("config_corrupt", 1 << 13),
    ("reserved_2", 1 << 14),
    ("reserved_1", 1 << 15),
];
