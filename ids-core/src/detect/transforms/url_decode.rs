//! `url_decode` (RFC 3986 §2.1, and `+` as in HTML forms): an escape that is none stays as it is.

use super::Args;

pub(super) fn apply(_: &Args, input: &[u8], out: &mut Vec<u8>) {
    let mut rest = input;
    while let [first, more @ ..] = rest {
        if let Some((byte, more)) = escaped(rest) {
            out.push(byte);
            rest = more;
            continue;
        }
        out.push(if *first == b'+' { b' ' } else { *first });
        rest = more;
    }
}

/// The byte that `%HH` at the start stands for, and what follows.
fn escaped(text: &[u8]) -> Option<(u8, &[u8])> {
    let [b'%', high, low, rest @ ..] = text else { return None };
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some((digit(*high)? << 4 | digit(*low)?, rest))
}
