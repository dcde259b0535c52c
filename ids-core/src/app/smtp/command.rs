//! Lines of both sides: what a client commands (RFC 5321 §4.1), what a server replies (§4.2).

/// A command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command<'a> {
    /// The client says who it is.
    Hello(&'a [u8]),
    /// A mail begins: who sends it.
    Mail(&'a [u8]),
    /// Who gets it.
    Rcpt(&'a [u8]),
    /// The message follows.
    Data,
    /// So many bytes of the message follow, and whether they are the last (RFC 3030 §2); `None` if the number is none.
    Bdat(Option<u32>, bool),
    /// The mail is given up.
    Rset,
    /// TLS is asked for (RFC 3207).
    StartTls,
    /// The client logs in (RFC 4954); lines that are no commands may follow.
    Auth,
    /// The client leaves.
    Quit,
    /// Anything else.
    Other,
}

impl<'a> Command<'a> {
    /// Reads a line without its end.
    pub(super) fn read(line: &'a [u8]) -> Self {
        let line = line.trim_ascii();
        let end = line.iter().position(u8::is_ascii_whitespace).unwrap_or(line.len());
        let (word, rest) = line.split_at(end);
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        let rest = rest.trim_ascii_start();
        if is("EHLO") || is("HELO") || is("LHLO") {
            Self::Hello(first_word(rest))
        } else if let Some(path) = path(line, b"MAIL", b"FROM:") {
            Self::Mail(path)
        } else if let Some(path) = path(line, b"RCPT", b"TO:") {
            Self::Rcpt(path)
        } else if is("DATA") {
            Self::Data
        } else if is("BDAT") {
            let mut words = rest.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
            let size = words.next().and_then(|size| std::str::from_utf8(size).ok()?.parse().ok());
            Self::Bdat(size, words.next().is_some_and(|word| word.eq_ignore_ascii_case(b"LAST")))
        } else if is("RSET") {
            Self::Rset
        } else if is("STARTTLS") {
            Self::StartTls
        } else if is("AUTH") {
            Self::Auth
        } else if is("QUIT") {
            Self::Quit
        } else {
            Self::Other
        }
    }
}

/// What stands behind two words, the second of which ends in a colon: a path, without parameters. White space may stand
/// anywhere between, as servers allow.
fn path<'a>(line: &'a [u8], first: &[u8], second: &[u8]) -> Option<&'a [u8]> {
    let rest = strip(line, first)?;
    let rest = rest.first().is_some_and(u8::is_ascii_whitespace).then_some(rest)?;
    let (name, colon) = second.split_at(second.len().saturating_sub(1));
    let rest = strip(strip(rest.trim_ascii_start(), name)?.trim_ascii_start(), colon)?.trim_ascii_start();
    match memchr::memchr(b'>', rest) {
        Some(end) if rest.starts_with(b"<") => rest.get(..=end),
        _ => Some(first_word(rest)),
    }
}

fn strip<'a>(text: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

fn first_word(text: &[u8]) -> &[u8] {
    text.split(u8::is_ascii_whitespace).next().unwrap_or_default()
}

/// A line of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reply<'a> {
    pub(super) code: u16,
    /// More lines of the same reply follow.
    pub(super) more: bool,
    pub(super) text: &'a [u8],
}

impl<'a> Reply<'a> {
    /// Reads a line without its end: a code of three digits, and a space or a hyphen unless that is all.
    pub(super) fn read(line: &'a [u8]) -> Option<Self> {
        let (&[a, b, c], rest) = line.split_first_chunk::<3>()?;
        let digit = |byte: u8| byte.is_ascii_digit().then(|| u16::from(byte - b'0'));
        let code = digit(a)? * 100 + digit(b)? * 10 + digit(c)?;
        let more = rest.starts_with(b"-");
        let text = match rest {
            [] => rest,
            [b' ' | b'-' | b'\t', text @ ..] => text,
            _ => return None,
        };
        (200..600).contains(&code).then_some(Self { code, more, text })
    }

    /// Whether it says that the command is refused.
    pub(super) const fn refuses(&self) -> bool {
        self.code >= 400
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands() {
        use Command::*;
        for (line, expected) in [
            ("EHLO client.example", Hello(b"client.example")),
            ("helo [192.0.2.1]  x", Hello(b"[192.0.2.1]")),
            ("EHLO", Hello(b"")),
            ("MAIL FROM:<a@b.example> SIZE=100", Mail(b"<a@b.example>")),
            ("mail from: a@b.example BODY=8BITMIME", Mail(b"a@b.example")),
            ("MAIL FROM : <>", Mail(b"<>")),
            ("MAIL FROM:<\"a b\"@c> X", Mail(b"<\"a b\"@c>")),
            ("MAILFROM:<a>", Other),
            ("RCPT TO:<a@b>", Rcpt(b"<a@b>")),
            ("Data", Data),
            ("DATA x", Data),
            ("BDAT 100 LAST", Bdat(Some(100), true)),
            ("bdat 0", Bdat(Some(0), false)),
            ("BDAT 99999999999 last", Bdat(None, true)),
            ("BDAT", Bdat(None, false)),
            ("  RSET  ", Rset),
            ("staRttLs", StartTls),
            ("AUTH PLAIN AGE=", Auth),
            ("QUIT", Quit),
            ("QUITE", Other),
            ("", Other),
        ] {
            assert_eq!(Command::read(line.as_bytes()), expected, "{line}");
        }
    }

    #[test]
    fn replies() {
        for (line, expected) in [
            ("250 OK", Some((250, false, "OK"))),
            ("250-PIPELINING", Some((250, true, "PIPELINING"))),
            ("354", Some((354, false, ""))),
            ("999 x", None),
            ("25 x", None),
            ("250x", None),
            ("hello", None),
        ] {
            let reply = Reply::read(line.as_bytes());
            let got = reply.map(|reply| (reply.code, reply.more, std::str::from_utf8(reply.text).unwrap()));
            assert_eq!(got, expected, "{line}");
        }
    }
}
