//! The head of a value in BER (X.690 §8.1): its tag, and how long it is.
//!
//! In: bytes that begin with a value.  Out: where its content lies. Tags of more than one byte and lengths that are not
//! given, which no protocol here has, are refused. Must not know protocols.

/// Tag of a sequence.
pub(super) const SEQUENCE: u8 = 0x30;
/// Tag of a number.
pub(super) const INTEGER: u8 = 0x02;

/// What stands before the content of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Head {
    /// All of it.
    Whole {
        /// The tag, with its class.
        tag: u8,
        /// How many bytes it has itself.
        size: usize,
        /// How many bytes follow.
        length: usize,
    },
    /// It goes on behind the bytes.
    Cut,
    /// It is none.
    Bad,
}

/// Reads the head that the bytes begin with.
pub(super) fn head(data: &[u8]) -> Head {
    let (tag, first, rest) = match data {
        [tag, ..] if tag & 0x1f == 0x1f => return Head::Bad,
        [] | [_] => return Head::Cut,
        [tag, first, rest @ ..] => (*tag, *first, rest),
    };
    let count = match first {
        0..=0x7f => return Head::Whole { tag, size: 2, length: first.into() },
        0x81..=0x84 => usize::from(first & 0x7f),
        _ => return Head::Bad,
    };
    match rest.get(..count) {
        Some(bytes) => {
            let length = bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
            Head::Whole { tag, size: 2 + count, length }
        }
        None => Head::Cut,
    }
}

/// A value, made for tests.
#[cfg(test)]
pub(super) fn value(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = match u8::try_from(content.len()) {
        Ok(short @ 0..=0x7f) => vec![short],
        _ => [&[0x82][..], &u16::try_from(content.len()).unwrap().to_be_bytes()].concat(),
    };
    [&[tag], &length[..], content].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_two_forms() {
        let whole = |tag, size, length| Head::Whole { tag, size, length };
        for (bytes, expected) in [
            (&[0x30, 5][..], whole(0x30, 2, 5)),
            (&[0x02, 0x7f, 1], whole(0x02, 2, 127)),
            (&[0x30, 0x81, 0x80], whole(0x30, 3, 128)),
            (&[0x30, 0x82, 1, 0], whole(0x30, 4, 256)),
            (&[0x30, 0x83, 1, 0, 0], whole(0x30, 5, 65_536)),
            (&[0x30, 0x84, 0, 0, 0, 9, 1], whole(0x30, 6, 9)),
            (&[], Head::Cut),
            (&[0x30], Head::Cut),
            (&[0x30, 0x82, 1], Head::Cut),
            (&[0x30, 0x80], Head::Bad),
            (&[0x30, 0x85, 0, 0, 0, 0, 1], Head::Bad),
            (&[0x1f, 1], Head::Bad),
        ] {
            assert_eq!(head(bytes), expected, "{bytes:x?}");
        }
    }
}
