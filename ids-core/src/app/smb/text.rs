//! Texts of SMB: of one byte a letter, or of two (UTF-16, lowest byte first). Out: UTF-8.

/// Bytes of a text that are looked at.
const LONGEST: usize = 32 << 10;

/// A text as UTF-8, without the zeros at its end; what is no letter becomes U+FFFD.
pub(super) fn utf8(bytes: &[u8], unicode: bool) -> Vec<u8> {
    let bytes = bytes.get(..LONGEST).unwrap_or(bytes);
    if !unicode {
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        return bytes.get(..end).unwrap_or_default().to_vec();
    }
    let (pairs, _) = bytes.as_chunks::<2>();
    let units = pairs.iter().map(|pair| u16::from_le_bytes(*pair)).take_while(|unit| *unit != 0);
    let letters = char::decode_utf16(units).map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER));
    letters.collect::<String>().into_bytes()
}

/// Takes a text that ends with a zero from the front of `rest`, or all of it.
pub(super) fn terminated(rest: &mut &[u8], unicode: bool) -> Vec<u8> {
    let end = if unicode {
        let (pairs, _) = rest.as_chunks::<2>();
        pairs.iter().position(|pair| *pair == [0; 2]).map_or((rest.len(), 0), |at| (2 * at, 2))
    } else {
        rest.iter().position(|byte| *byte == 0).map_or((rest.len(), 0), |at| (at, 1))
    };
    let text = utf8(rest.get(..end.0).unwrap_or_default(), unicode);
    *rest = rest.get(end.0 + end.1..).unwrap_or_default();
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_end_where_they_say() {
        assert_eq!(utf8(b"a\0b\0\0\0c\0", true), b"ab");
        assert_eq!(utf8(b"ab\0c", false), b"ab");
        assert_eq!(utf8(b"\x00\xd8a\0\xff", true), "\u{fffd}a".as_bytes(), "half of a pair, half a unit");
        let mut rest = &b"a\0b\0\0\0cd"[..];
        assert_eq!((terminated(&mut rest, true), rest), (b"ab".to_vec(), &b"cd"[..]));
        assert_eq!((terminated(&mut rest, false), rest), (b"cd".to_vec(), &b""[..]));
        assert_eq!((terminated(&mut rest, true), rest), (Vec::new(), &b""[..]));
    }
}
