//! What the points of each kind of object are made of (IEEE 1815 annex A), by group and variation.

use Kind::{Flags, Float, Rest, Signed, Unsigned};

/// How the points of an object are laid out.
#[derive(Clone, Copy, Debug)]
pub(super) enum Layout {
    /// So many bits each, the lowest first.
    Packed(u8),
    /// Parts that follow each other.
    Parts(&'static [Part]),
    /// As many bytes as the variation says.
    Octets,
}

/// Part of a point: its name in records, and what it is.
pub(super) type Part = (&'static str, Kind);

/// What part of a point is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// A byte of bits that have names, the lowest first; so many of each.
    Flags(&'static [(&'static str, u8)]),
    /// A number of so many bytes, the lowest first.
    Unsigned(usize),
    Signed(usize),
    Float(usize),
    /// All that is left of the point.
    Rest,
}

impl Kind {
    /// How many bytes it takes, [`Rest`] at least.
    pub(super) const fn size(self) -> usize {
        match self {
            Flags(_) => 1,
            Unsigned(size) | Signed(size) | Float(size) => size,
            Rest => 0,
        }
    }
}

const BINARY: Part = flags(&[
    ("online", 1),
    ("restart", 1),
    ("comm_lost", 1),
    ("remote_forced", 1),
    ("local_forced", 1),
    ("chatter_filter", 1),
    ("reserved", 1),
    ("state", 1),
]);
const DOUBLE: Part = flags(&[
    ("online", 1),
    ("restart", 1),
    ("comm_lost", 1),
    ("remote_forced", 1),
    ("local_forced", 1),
    ("chatter_filter", 1),
    ("state", 2),
]);
const OUTPUT: Part = flags(&[
    ("online", 1),
    ("restart", 1),
    ("comm_lost", 1),
    ("remote_forced", 1),
    ("local_forced", 1),
    ("reserved0", 1),
    ("reserved1", 1),
    ("state", 1),
]);
const COUNTER: Part = flags(&[
    ("online", 1),
    ("restart", 1),
    ("comm_lost", 1),
    ("remote_forced", 1),
    ("local_forced", 1),
    ("rollover", 1),
    ("discontinuity", 1),
    ("reserved0", 1),
]);
const ANALOG: Part = flags(&[
    ("online", 1),
    ("restart", 1),
    ("comm_lost", 1),
    ("remote_forced", 1),
    ("local_forced", 1),
    ("over_range", 1),
    ("reference_err", 1),
    ("reserved0", 1),
]);
const CONTROL: Part = flags(&[("op_type", 4), ("qu", 1), ("cr", 1), ("tcc", 2)]);
const CONTROLLED: Part = flags(&[("status_code", 7), ("reserved", 1)]);
const COMMANDED: Part = flags(&[("status_code", 7), ("commanded_state", 1)]);
const TIME: Part = ("timestamp", Unsigned(6));
const DELAY: Part = ("timestamp", Unsigned(2));
const STATUS: Part = ("status_code", Unsigned(1));
const COUNT32: Part = ("count", Unsigned(4));
const COUNT16: Part = ("count", Unsigned(2));
const VALUE32: Part = ("value", Signed(4));
const VALUE16: Part = ("value", Signed(2));
const SINGLE: Part = ("value", Float(4));
const LONG: Part = ("value", Float(8));
const HANDLE: Part = ("file_handle", Unsigned(4));
const FILE_SIZE: Part = ("file_size", Unsigned(4));
const CREATED: Part = ("created", Unsigned(6));
const PERMISSIONS: Part = ("permissions", Unsigned(2));
const BLOCK_SIZE: Part = ("maximum_block_size", Unsigned(2));
const BLOCK: Part = ("block_number", Unsigned(4));
const REQUEST: Part = ("request_id", Unsigned(2));
const NAME_AT: Part = ("filename_offset", Unsigned(2));
const NAME_SIZE: Part = ("filename_size", Unsigned(2));
const NAME: Part = ("filename", Rest);
const TEXT: Part = ("optional_text", Rest);

const fn flags(bits: &'static [(&'static str, u8)]) -> Part {
    ("", Flags(bits))
}

/// The layout of an object; `None` if it is not known. Objects that have no points are of no bytes.
pub(super) const fn of(group: u8, variation: u8) -> Option<Layout> {
    let parts: &'static [Part] = match (group, variation) {
        (1 | 10 | 80, 1) => return Some(Layout::Packed(1)),
        (3, 1) => return Some(Layout::Packed(2)),
        (110..=113, _) => return Some(Layout::Octets),
        (60, _) => &[],
        (1, 2) => &[BINARY],
        (2, 1) => &[("state", Unsigned(1))],
        (2, 2) => &[BINARY, TIME],
        (2, 3) => &[BINARY, DELAY],
        (3, 2) | (4, 1) => &[DOUBLE],
        (4, 2) => &[DOUBLE, TIME],
        (4, 3) => &[DOUBLE, DELAY],
        (10, 2) | (11, 1) => &[OUTPUT],
        (11, 2) => &[OUTPUT, TIME],
        (12, 1 | 2) => {
            &[CONTROL, ("count", Unsigned(1)), ("ontime", Unsigned(4)), ("offtime", Unsigned(4)), CONTROLLED]
        }
        (13, 1) => &[COMMANDED],
        (13, 2) => &[COMMANDED, TIME],
        (20..=23, 1) => &[COUNTER, COUNT32],
        (20..=23, 2) => &[COUNTER, COUNT16],
        (20, 5) | (21, 9) => &[COUNT32],
        (20, 6) | (21, 10) => &[COUNT16],
        (21..=23, 5) => &[COUNTER, COUNT32, TIME],
        (21..=23, 6) => &[COUNTER, COUNT16, TIME],
        (30, 3) | (31, 5) => &[VALUE32],
        (30, 4) | (31, 6) => &[VALUE16],
        (30, 5) | (31, 7) | (40, 3) | (32 | 33 | 42, 5) => &[ANALOG, SINGLE],
        (30, 6) | (31, 8) | (40, 4) | (32 | 33 | 42, 6) => &[ANALOG, LONG],
        (31 | 32 | 33 | 42, 3) => &[ANALOG, VALUE32, TIME],
        (31 | 32 | 33 | 42, 4) => &[ANALOG, VALUE16, TIME],
        (30..=33 | 40 | 42, 1) => &[ANALOG, VALUE32],
        (30..=33 | 40 | 42, 2) => &[ANALOG, VALUE16],
        (32 | 33 | 42, 7) => &[ANALOG, SINGLE, TIME],
        (32 | 33 | 42, 8) => &[ANALOG, LONG, TIME],
        (34, 1) => &[("deadband_value", Unsigned(2))],
        (34, 2) => &[("deadband_value", Unsigned(4))],
        (34, 3) => &[("deadband_value", Float(4))],
        (41, 1) => &[VALUE32, ("control_status", Unsigned(1))],
        (41, 2) => &[VALUE16, ("control_status", Unsigned(1))],
        (41, 3) => &[SINGLE, ("control_status", Unsigned(1))],
        (41, 4) => &[LONG, ("control_status", Unsigned(1))],
        (43, 1) => &[STATUS, VALUE32],
        (43, 2) => &[STATUS, VALUE16],
        (43, 3) => &[STATUS, VALUE32, TIME],
        (43, 4) => &[STATUS, VALUE16, TIME],
        (43, 5) => &[STATUS, SINGLE],
        (43, 6) => &[STATUS, LONG],
        (43, 7) => &[STATUS, SINGLE, TIME],
        (43, 8) => &[STATUS, LONG, TIME],
        (50, 1 | 3) | (51, 1 | 2) => &[TIME],
        (50, 2) => &[TIME, ("interval", Unsigned(4))],
        (50, 4) => &[TIME, ("interval_count", Unsigned(4)), ("interval_units", Unsigned(1))],
        (52, 1) => &[("delay_secs", Unsigned(2))],
        (52, 2) => &[("delay_ms", Unsigned(2))],
        (70, 2) => &[
            ("username_offset", Unsigned(2)),
            ("username_size", Unsigned(2)),
            ("password_offset", Unsigned(2)),
            ("password_size", Unsigned(2)),
            ("authentication_key", Unsigned(4)),
            ("username_password", Rest),
        ],
        (70, 3) => &[
            NAME_AT,
            NAME_SIZE,
            CREATED,
            PERMISSIONS,
            ("authentication_key", Unsigned(4)),
            FILE_SIZE,
            ("operational_mode", Unsigned(2)),
            BLOCK_SIZE,
            REQUEST,
            NAME,
        ],
        (70, 4) => &[HANDLE, FILE_SIZE, BLOCK_SIZE, REQUEST, STATUS, TEXT],
        (70, 5) => &[HANDLE, BLOCK, ("file_data", Rest)],
        (70, 6) => &[HANDLE, BLOCK, STATUS, TEXT],
        (70, 7) => &[NAME_AT, NAME_SIZE, ("file_type", Unsigned(2)), FILE_SIZE, CREATED, PERMISSIONS, REQUEST, NAME],
        (70, 8) => &[("file_specification", Rest)],
        _ => return None,
    };
    Some(Layout::Parts(parts))
}
