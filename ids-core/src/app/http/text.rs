//! What the values of HTTP are made of: white space, tokens, comparisons without regard to case (RFC 9110 §5.6).

/// How many bytes at the start are like that.
pub(in crate::app) fn leading(bytes: &[u8], like: impl Fn(u8) -> bool) -> usize {
    bytes.iter().position(|&byte| !like(byte)).unwrap_or(bytes.len())
}

/// White space as C's `isspace` sees it.
pub(in crate::app) const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0x0b | 0x0c)
}

/// White space, or NUL, which some recipients skip.
pub(in crate::app) const fn is_blank(byte: u8) -> bool {
    is_space(byte) || byte == 0
}

/// A character of a token (RFC 9110 §5.6.2).
pub(in crate::app) const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
        )
}

/// Without white space and NUL on either side.
pub(in crate::app) fn trim(bytes: &[u8]) -> &[u8] {
    trim_end(bytes.get(leading(bytes, is_blank)..).unwrap_or_default())
}

/// Without white space and NUL at the end.
pub(in crate::app) fn trim_end(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|&byte| !is_blank(byte)).map_or(0, |at| at + 1);
    bytes.get(..end).unwrap_or_default()
}

/// Splits at `at` without a chance to panic: past the end means all and nothing.
pub(in crate::app) fn split(bytes: &[u8], at: usize) -> (&[u8], &[u8]) {
    bytes.split_at_checked(at).unwrap_or((bytes, &[]))
}

/// Whether `needle` stands in `bytes`, without regard to case.
pub(in crate::app) fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    !needle.is_empty() && bytes.windows(needle.len()).any(|part| part.eq_ignore_ascii_case(needle))
}

/// Whether `bytes` begin with `start`, without regard to case.
pub(in crate::app) fn starts_with(bytes: &[u8], start: &[u8]) -> bool {
    bytes.get(..start.len()).is_some_and(|part| part.eq_ignore_ascii_case(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trimming() {
        assert_eq!(trim(b" \0a b\x0b\r"), b"a b");
        assert_eq!(trim(b" \t"), b"");
        assert!(contains(b"x Chunked", b"chunked") && !contains(b"", b"a"));
        assert!(starts_with(b"hTTp/1", b"HTTP") && !starts_with(b"HT", b"HTTP"));
    }
}
