//! Header blocks (RFC 7541): bytes of a block → header fields.
//!
//! In: whole blocks of one direction, in order.  Out: fields, changes of the table's size, and what is odd.
//! Holds the table of the direction, at most as large as the configuration allows; decoding itself is a library's. After a
//! block that cannot be decoded the table may not be what the sender has, and so may be what fields refer to.

use fluke_hpack::Decoder;
use fluke_hpack::decoder::{DecoderError, IntegerDecodingError, StringDecodingError};
use smallvec::SmallVec;

use super::events::Event;
use crate::app::http::headers::Headers;

/// Most fields of a message that are kept.
pub(super) const MAX_FIELDS: usize = 1024;
/// Most changes of the table's size that are kept: there is no use for more than two (RFC 7541 §4.2).
const MAX_UPDATES: usize = 8;

/// The table of one direction.
pub(super) struct Table(Decoder<'static>);

/// What a block says.
#[derive(Debug, Default)]
pub(super) struct Decoded {
    pub headers: Headers,
    /// New sizes of the table, in bytes.
    pub updates: SmallVec<[u64; 1]>,
    pub odd: SmallVec<[Event; 2]>,
}

impl Table {
    /// An empty table, which may grow to so many bytes.
    pub(super) fn new(max: usize) -> Self {
        let mut decoder = Decoder::new();
        decoder.set_max_allowed_table_size(max);
        Self(decoder)
    }

    /// Decodes a block as far as that goes, and keeps so many bytes of its fields.
    pub(super) fn decode(&mut self, block: &[u8], limit: usize) -> Decoded {
        let mut out = Decoded::default();
        match updates(block) {
            Some(updates) => out.updates = updates,
            None => out.odd.push(Event::HeaderIntegerOverflow),
        }
        let (block, cut) = block.split_at_checked(readable(block)).unwrap_or((block, &[]));
        let (mut size, mut full) = (0, false);
        let headers = &mut out.headers;
        let result = self.0.decode_with_cb(block, |name, value| {
            // What is named again and again costs nothing more once there is no room.
            full |= headers.fields.len() >= MAX_FIELDS || size + name.len() + value.len() > limit;
            if !full {
                size += name.len() + value.len();
                headers.push(&name, &value);
            }
        });
        if full {
            out.odd.push(Event::ReassemblyLimitReached);
        }
        if let Err(error) = result {
            out.odd.push(odd(&error));
        }
        if !cut.is_empty() {
            let event = if cut.len() > LONGEST { Event::HeaderIntegerOverflow } else { Event::ExtraHeaderData };
            if !out.odd.contains(&event) {
                out.odd.push(event);
            }
        }
        out
    }
}

/// Most bytes of a number behind its first: more are an error to the library.
const LONGEST: usize = 4;

/// How many bytes of a block the library can be given: it panics at a change of the table's size that is cut off or too
/// long. At whatever else is, it ends.
fn readable(block: &[u8]) -> usize {
    let mut at = 0;
    loop {
        let rest = block.get(at..).unwrap_or_default();
        let Some(first) = rest.first() else { return block.len() };
        let length = match first {
            0x80.. => number(rest, 7).map(|(_, length)| length),
            0x40..=0x7f => literal(rest, 6),
            0x20..=0x3f => match number(rest, 5) {
                Some((_, length)) => Some(length),
                None => return at,
            },
            0x00..=0x1f => literal(rest, 4),
        };
        match length {
            Some(length) => at += length,
            None => return block.len(),
        }
    }
}

/// The length of a field that is written out (RFC 7541 §6.2), whose name may be one of the table.
fn literal(rest: &[u8], bits: u32) -> Option<usize> {
    let (index, mut length) = number(rest, bits)?;
    for _ in 0..if index == 0 { 2 } else { 1 } {
        let (text, head) = number(rest.get(length..)?, 7)?;
        length += head + text;
        rest.get(..length)?;
    }
    Some(length)
}

/// A number that begins in the last bits of a byte, and how many bytes it takes (RFC 7541 §5.1).
fn number(rest: &[u8], bits: u32) -> Option<(usize, usize)> {
    let (first, rest) = rest.split_first()?;
    let most = (1 << bits) - 1;
    let mut value = usize::from(first & most);
    if value < usize::from(most) {
        return Some((value, 1));
    }
    for (place, byte) in rest.iter().take(LONGEST).enumerate() {
        value += usize::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some((value, place + 2));
        }
    }
    None
}

/// What it is called that a block could not be decoded.
fn odd(error: &DecoderError) -> Event {
    match error {
        DecoderError::IntegerDecodingError(
            IntegerDecodingError::TooManyOctets | IntegerDecodingError::ValueTooLarge,
        ) => Event::HeaderIntegerOverflow,
        DecoderError::IntegerDecodingError(IntegerDecodingError::NotEnoughOctets)
        | DecoderError::StringDecodingError(StringDecodingError::NotEnoughOctets) => Event::ExtraHeaderData,
        _ => Event::InvalidHeader,
    }
}

/// The changes of the table's size that a block begins with (RFC 7541 §6.3). `None` if a number is too large.
fn updates(mut block: &[u8]) -> Option<SmallVec<[u64; 1]>> {
    let mut out = SmallVec::new();
    while let [0x20..=0x3f, ..] = block {
        let Some((size, length)) = number(block, 5) else { return (block.len() <= LONGEST).then_some(out) };
        block = block.get(length..).unwrap_or_default();
        if out.len() < MAX_UPDATES {
            out.push(size as u64);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_stand_before_fields() {
        for (block, expected) in [
            (&[][..], Some(vec![])),
            (&[0x82], Some(vec![])),
            (&[0x20, 0x82], Some(vec![0])),
            (&[0x3e], Some(vec![30])),
            (&[0x20, 0x3f, 0xe1, 0x1f, 0x88], Some(vec![0, 4096])),
            (&[0x3f, 0x00, 0x82], Some(vec![31])),
            (&[0x3f, 0x80], Some(vec![])),
            (&[0x3f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], None),
        ] {
            assert_eq!(updates(block).map(|sizes| sizes.to_vec()), expected, "{block:x?}");
        }
        assert_eq!(updates(&[0x20; 100]).map(|sizes| sizes.len()), Some(MAX_UPDATES));
    }

    #[test]
    fn what_is_named_again_and_again_is_not_kept() {
        let mut table = Table::new(4096);
        let mut block = vec![0x40, 1, b'x', 0x7f, 0x81, 0x07];
        block.extend([b'v'; 1024]);
        block.extend([0xbe; 5000]);
        let decoded = table.decode(&block, 10_000);
        assert_eq!((decoded.headers.fields.len(), &decoded.odd[..]), (9, &[Event::ReassemblyLimitReached][..]));
        let again = table.decode(&[0xbe], 10_000);
        assert_eq!(again.headers.get("x").map(<[u8]>::len), Some(1024), "the table outlasts the block");
    }

    #[test]
    fn odd_blocks() {
        for (block, expected) in [
            (&[0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f][..], Event::HeaderIntegerOverflow),
            (&[0x82, 0x40, 3, b'a'], Event::ExtraHeaderData),
            (&[0x82, 0xc0], Event::InvalidHeader),
            (&[0x82, 0x80], Event::InvalidHeader),
            (&[0x3f, 0xe1, 0x7f, 0x82], Event::InvalidHeader),
            (&[0x3f], Event::ExtraHeaderData),
            (&[0x82, 0x3f, 0x80], Event::ExtraHeaderData),
            (&[0x82, 0x40, 1, b'a', 1, b'b', 0x0f, 0, 1, b'c', 0x3f, 0xff], Event::ExtraHeaderData),
            (&[0x82, 0x3f, 0xff, 0xff, 0xff, 0xff, 0x7f], Event::HeaderIntegerOverflow),
        ] {
            let decoded = Table::new(4096).decode(block, 10_000);
            assert_eq!(decoded.odd[..], [expected], "{block:x?}");
        }
    }
}
