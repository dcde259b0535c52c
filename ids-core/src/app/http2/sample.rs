//! Frames made for tests.

use super::frame::kind;

/// What a client begins with.
pub(crate) const PREFACE: &[u8] = super::PREFACE;

/// A frame.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A header block of fields that stand there as they are, and go into no table.
pub(crate) fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let text = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    fields.iter().flat_map(|(name, value)| [vec![0], text(name), text(value)].concat()).collect()
}

/// A frame with a whole header block, and these flags besides.
pub(crate) fn headers(flags: u8, stream: u32, fields: &[(&str, &str)]) -> Vec<u8> {
    frame(kind::HEADERS, flags | 4, stream, &block(fields))
}

/// A request without content.
pub(crate) fn get(stream: u32, host: &str, path: &str) -> Vec<u8> {
    headers(1, stream, &[(":method", "GET"), (":scheme", "http"), (":path", path), (":authority", host)])
}

/// Content; the last of its stream if it `ends`.
pub(crate) fn data(stream: u32, ends: bool, content: &[u8]) -> Vec<u8> {
    frame(kind::DATA, ends.into(), stream, content)
}

/// Settings.
pub(crate) fn settings(settings: &[(u16, u32)]) -> Vec<u8> {
    let payload: Vec<u8> =
        settings.iter().flat_map(|(id, value)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat()).collect();
    frame(kind::SETTINGS, 0, 0, &payload)
}
