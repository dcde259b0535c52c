//! Payloads of all frames but DATA (RFC 9113 §6): bytes → what they say.

use super::events::Event;
use super::frame::{Head, flag, kind};
use crate::app::cursor::Cursor;

/// What a frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Payload<'a> {
    /// The beginning of a header block, or all of it; the weight of the stream, if it is told.
    Headers { priority: Option<u8>, block: &'a [u8] },
    /// The weight of a stream.
    Priority(u8),
    /// A stream ends, for this reason.
    Reset(u32),
    /// Settings.
    Settings(Settings<'a>),
    /// A stream that the server will open, and the beginning of the request that it answers.
    Promise { stream: u32, block: &'a [u8] },
    /// The connection ends, for this reason.
    GoAway(u32),
    /// More bytes that the sender takes.
    Window(u32),
    /// More of a header block.
    Continuation(&'a [u8]),
    /// Nothing that is looked at: PING, and types that are not known.
    Other,
}

/// Settings: numbers and values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Settings<'a>(&'a [u8]);

impl<'a> Payload<'a> {
    /// Takes a payload apart that is there as a whole.
    pub(super) fn read(head: Head, payload: &'a [u8]) -> Result<Self, Event> {
        let on_stream = match head.kind {
            kind::SETTINGS | kind::PING | kind::GOAWAY => Some(false),
            kind::HEADERS | kind::PRIORITY | kind::RST_STREAM | kind::PUSH_PROMISE | kind::CONTINUATION => Some(true),
            _ => None,
        };
        if on_stream.is_some_and(|on_stream| on_stream != (head.stream != 0)) {
            return Err(Event::InvalidFrameHeader);
        }
        let fits = match head.kind {
            kind::PRIORITY => payload.len() == 5,
            kind::RST_STREAM | kind::WINDOW_UPDATE => payload.len() == 4,
            kind::PING => payload.len() == 8,
            kind::GOAWAY => payload.len() >= 8,
            kind::SETTINGS => payload.len().is_multiple_of(6),
            _ => true,
        };
        if !fits {
            return Err(Event::InvalidFrameLength);
        }
        Self::taken(head, payload).ok_or(Event::InvalidFrameData)
    }

    fn taken(head: Head, payload: &'a [u8]) -> Option<Self> {
        let padded = matches!(head.kind, kind::HEADERS | kind::PUSH_PROMISE) && head.has(flag::PADDED);
        let mut rest = Cursor::big(if padded { unpadded(payload)? } else { payload });
        Some(match head.kind {
            kind::HEADERS => {
                let priority = head.has(flag::PRIORITY).then(|| weight(&mut rest));
                // With the flag there must be a weight.
                if priority == Some(None) {
                    return None;
                }
                Self::Headers { priority: priority.flatten(), block: rest.rest() }
            }
            kind::PRIORITY => Self::Priority(weight(&mut rest)?),
            kind::RST_STREAM => Self::Reset(rest.u32()?),
            kind::SETTINGS => Self::Settings(Settings(payload)),
            kind::PUSH_PROMISE => Self::Promise { stream: rest.u32()? & 0x7fff_ffff, block: rest.rest() },
            kind::GOAWAY => {
                rest.skip(4)?;
                Self::GoAway(rest.u32()?)
            }
            kind::WINDOW_UPDATE => Self::Window(rest.u32()? & 0x7fff_ffff),
            kind::CONTINUATION => Self::Continuation(payload),
            _ => Self::Other,
        })
    }
}

/// Without the padding, whose length stands before everything (RFC 9113 §6.1).
fn unpadded(payload: &[u8]) -> Option<&[u8]> {
    let (padding, rest) = payload.split_first()?;
    rest.get(..rest.len().checked_sub(usize::from(*padding))?)
}

/// The weight behind the stream that this one depends on (RFC 7540 §6.3).
fn weight(rest: &mut Cursor<'_>) -> Option<u8> {
    rest.skip(4)?;
    rest.u8()
}

impl<'a> Settings<'a> {
    /// Settings that did not come in a frame; `None` if the last one is not whole.
    pub(super) fn new(bytes: &'a [u8]) -> Option<Self> {
        bytes.len().is_multiple_of(6).then_some(Self(bytes))
    }

    /// Their numbers and values, in order.
    pub(super) fn iter(self) -> impl Iterator<Item = (u16, u32)> {
        let mut rest = Cursor::big(self.0);
        std::iter::from_fn(move || Some((rest.u16()?, rest.u32()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads() {
        let read = |kind, flags, stream, payload| Payload::read(Head { length: 0, kind, flags, stream }, payload);
        for (name, found, expected) in [
            ("padded", read(1, 0x28, 1, &[2, 0, 0, 0, 1, 9, 0x82, 0, 0]), Ok((Some(9), &[0x82][..]))),
            ("all padding", read(1, 8, 1, &[3, 0, 0, 0]), Ok((None, &[]))),
            ("too much padding", read(1, 8, 1, &[4, 0, 0, 0]), Err(Event::InvalidFrameData)),
            ("no weight", read(1, 0x20, 1, &[0, 0, 0, 1]), Err(Event::InvalidFrameData)),
            ("no stream", read(1, 0, 0, &[0x82]), Err(Event::InvalidFrameHeader)),
        ] {
            let expected = expected.map(|(priority, block)| Payload::Headers { priority, block });
            assert_eq!(found, expected, "{name}");
        }
        assert_eq!(read(2, 0, 3, &[0, 0, 0, 1, 200]), Ok(Payload::Priority(200)));
        assert_eq!(read(3, 0, 3, &[0, 0, 0, 8]), Ok(Payload::Reset(8)));
        assert_eq!(read(3, 0, 3, &[0, 0, 8]), Err(Event::InvalidFrameLength));
        assert_eq!(read(4, 0, 1, &[]), Err(Event::InvalidFrameHeader));
        assert_eq!(read(4, 0, 0, &[0; 7]), Err(Event::InvalidFrameLength));
        assert_eq!(read(5, 4, 1, &[0x80, 0, 0, 2, 0x82]), Ok(Payload::Promise { stream: 2, block: &[0x82] }));
        assert_eq!(read(7, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 2, b'x']), Ok(Payload::GoAway(2)));
        assert_eq!(read(8, 0, 0, &[0x80, 0, 0, 2]), Ok(Payload::Window(2)));
        assert_eq!(read(99, 0, 0, &[1, 2, 3]), Ok(Payload::Other));
        let settings: Vec<_> = Settings::new(&[0, 1, 0, 0, 16, 0, 0, 3, 0, 0, 0, 100]).unwrap().iter().collect();
        assert_eq!(settings, [(1, 4096), (3, 100)]);
    }
}
