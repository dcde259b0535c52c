//! Heads of frames, and the numbers that stand in frames (RFC 9113 §4.1, §6, §7).

use crate::app::cursor::Cursor;

/// Bytes of the head of a frame.
pub(super) const HEAD: usize = 9;
/// Longest payload that a side takes before it has said otherwise (RFC 9113 §6.5.2).
pub(super) const USUAL_LIMIT: u32 = 16384;

/// The head of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// Bytes that follow.
    pub length: usize,
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
}

impl Head {
    /// Reads the head at the start of `data`; `None` if it is not all there.
    pub(super) fn read(data: &[u8]) -> Option<Self> {
        let mut rest = Cursor::big(data);
        let (length, kind, flags) = (rest.u24()?, rest.u8()?, rest.u8()?);
        // The highest bit of the stream is reserved.
        Some(Self { length, kind, flags, stream: rest.u32()? & 0x7fff_ffff })
    }

    /// Whether a flag is set.
    pub(super) const fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// Flags of frames; some mean different things on different types.
pub(super) mod flag {
    pub(in super::super) const END_STREAM: u8 = 0x01;
    /// On SETTINGS and PING.
    pub(in super::super) const ACK: u8 = 0x01;
    pub(in super::super) const END_HEADERS: u8 = 0x04;
    pub(in super::super) const PADDED: u8 = 0x08;
    pub(in super::super) const PRIORITY: u8 = 0x20;
}

/// Types of frames.
pub(super) mod kind {
    pub(in super::super) const DATA: u8 = 0;
    pub(in super::super) const HEADERS: u8 = 1;
    pub(in super::super) const PRIORITY: u8 = 2;
    pub(in super::super) const RST_STREAM: u8 = 3;
    pub(in super::super) const SETTINGS: u8 = 4;
    pub(in super::super) const PUSH_PROMISE: u8 = 5;
    pub(in super::super) const PING: u8 = 6;
    pub(in super::super) const GOAWAY: u8 = 7;
    pub(in super::super) const WINDOW_UPDATE: u8 = 8;
    pub(in super::super) const CONTINUATION: u8 = 9;

    /// As rules write them.
    pub(in super::super) const NAMES: &[(&str, u64)] = &[
        ("data", 0),
        ("headers", 1),
        ("priority", 2),
        ("rststream", 3),
        ("settings", 4),
        ("pushpromise", 5),
        ("ping", 6),
        ("goaway", 7),
        ("windowupdate", 8),
        ("continuation", 9),
    ];
}

/// Reasons to end a stream or the connection (RFC 9113 §7), as rules write them; records show them in capitals and without
/// what stands between words.
pub(super) const ERRORS: &[(&str, u64)] = &[
    ("no_error", 0),
    ("protocol_error", 1),
    ("internal_error", 2),
    ("flow_control_error", 3),
    ("settings_timeout", 4),
    ("stream_closed", 5),
    ("frame_size_error", 6),
    ("refused_stream", 7),
    ("cancel", 8),
    ("compression_error", 9),
    ("connect_error", 10),
    ("enhance_your_calm", 11),
    ("inadequate_security", 12),
    ("http_1_1_required", 13),
];

/// Settings (RFC 9113 §6.5.2, RFC 8441 §3, RFC 9218 §2.1), as rules write them; records as with [`ERRORS`].
pub(super) const SETTINGS: &[(&str, u64)] = &[
    ("settings_header_table_size", 1),
    ("settings_enable_push", 2),
    ("settings_max_concurrent_streams", 3),
    ("settings_initial_window_size", 4),
    ("settings_max_frame_size", MAX_FRAME_SIZE as u64),
    ("settings_max_header_list_size", 6),
    ("settings_enable_connect_protocol", 8),
    ("settings_no_rfc7540_priorities", 9),
];

/// The setting that says which payloads a side takes.
pub(super) const MAX_FRAME_SIZE: u16 = 5;

/// The name of a number as records show it; the number itself if it has none.
pub(super) fn shown(names: &[(&str, u64)], number: u64) -> String {
    match names.iter().find(|(_, value)| *value == number) {
        Some((name, _)) => name.replace('_', "").to_ascii_uppercase(),
        None => number.to_string(),
    }
}
