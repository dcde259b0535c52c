//! Text that ends in a line with nothing but a dot, and in which another dot stands before each line that begins with one:
//! how SMTP (RFC 5321 §4.5.2) and POP3 (RFC 1939 §3) carry messages. LF ends a line, with or without CR.

/// What the next bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dotted {
    /// It takes more to know.
    Unsure,
    /// The end: so many bytes, which are no text.
    End(usize),
    /// A dot that was put there for the way.
    Dot,
    /// So many bytes of text.
    Text(usize),
}

/// Reads on. In: bytes, at least one, and whether a line begins with them.
pub(super) fn next(data: &[u8], fresh: bool) -> Dotted {
    match data {
        [b'.'] | [b'.', b'\r'] if fresh => Dotted::Unsure,
        [b'.', b'\n', ..] if fresh => Dotted::End(2),
        [b'.', b'\r', b'\n', ..] if fresh => Dotted::End(3),
        [b'.', ..] if fresh => Dotted::Dot,
        _ => Dotted::Text(memchr::memmem::find(data, b"\n.").map_or(data.len(), |end| end + 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dot_counts_where_a_line_begins() {
        for (data, fresh, expected) in [
            (".", true, Dotted::Unsure),
            (".\r", true, Dotted::Unsure),
            (".\n", true, Dotted::End(2)),
            (".\r\nx", true, Dotted::End(3)),
            ("..\r\n", true, Dotted::Dot),
            (".\rx", true, Dotted::Dot),
            (".\r\n", false, Dotted::Text(3)),
            ("a\r\nb.\n.\r\n", true, Dotted::Text(6)),
            ("a.", true, Dotted::Text(2)),
        ] {
            assert_eq!(next(data.as_bytes(), fresh), expected, "{data:?} {fresh}");
        }
    }
}
