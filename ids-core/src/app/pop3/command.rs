//! Lines of both sides: what a client commands, and the status that a server answers with (RFC 1939 §3).

use std::ops::RangeInclusive;

/// The name that a line of a log-in, which is no command (RFC 5034 §4), has in records.
pub(super) const LOG_IN: &str = "<SASL DATA>";

/// What follows the first line of an answer that is positive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Follows {
    Nothing,
    /// Lines up to one with nothing but a dot.
    Lines,
    /// A message up to such a line.
    Message,
    /// Part of a message, from its beginning on, up to such a line.
    Beginning,
    /// TLS (RFC 2595 §4).
    Tls,
    /// Lines of the client, as long as the server asks for them.
    LogIn,
}

/// A command that is known.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) name: &'static str,
    pub(super) arguments: RangeInclusive<usize>,
    /// What follows with arguments, and without.
    follows: [Follows; 2],
}

impl Known {
    const fn new(name: &'static str, arguments: RangeInclusive<usize>, follows: [Follows; 2]) -> Self {
        Self { name, arguments, follows }
    }

    /// What follows the answer, by the number of arguments.
    pub(super) fn follows(&self, count: usize) -> Follows {
        let [with, without] = self.follows;
        if count == 0 { without } else { with }
    }
}

use Follows::{Beginning, Lines, LogIn, Message, Nothing, Tls};

/// Commands: RFC 1939 §9, RFC 2449 §5, RFC 2595 §4, RFC 5034 §4, RFC 6856 §2, §3.
static KNOWN: &[Known] = &[
    Known::new("USER", 1..=1, [Nothing; 2]),
    Known::new("PASS", 1..=1, [Nothing; 2]),
    Known::new("APOP", 2..=2, [Nothing; 2]),
    Known::new("AUTH", 0..=2, [LogIn, Lines]),
    Known::new("STLS", 0..=0, [Tls; 2]),
    Known::new("CAPA", 0..=0, [Lines; 2]),
    Known::new("STAT", 0..=0, [Nothing; 2]),
    Known::new("LIST", 0..=1, [Nothing, Lines]),
    Known::new("UIDL", 0..=1, [Nothing, Lines]),
    Known::new("RETR", 1..=1, [Message; 2]),
    Known::new("TOP", 2..=2, [Beginning; 2]),
    Known::new("DELE", 1..=1, [Nothing; 2]),
    Known::new("NOOP", 0..=0, [Nothing; 2]),
    Known::new("RSET", 0..=0, [Nothing; 2]),
    Known::new("QUIT", 0..=0, [Nothing; 2]),
    Known::new("UTF8", 0..=0, [Nothing; 2]),
    Known::new("LANG", 0..=1, [Nothing, Lines]),
];

/// A line of the client.
#[derive(Debug)]
pub(super) struct Command<'a> {
    /// The word that it begins with, as it was sent.
    pub(super) word: &'a [u8],
    pub(super) arguments: Vec<&'a [u8]>,
    pub(super) known: Option<&'static Known>,
}

impl<'a> Command<'a> {
    /// Reads a line without its end. A password is one argument, spaces and all (RFC 1939 §7).
    pub(super) fn read(line: &'a [u8]) -> Self {
        let line = line.trim_ascii_start();
        let end = line.iter().position(u8::is_ascii_whitespace).unwrap_or(line.len());
        let (word, rest) = line.split_at(end);
        let known = KNOWN.iter().find(|known| word.eq_ignore_ascii_case(known.name.as_bytes()));
        let arguments = if known.is_some_and(|known| known.name == "PASS") {
            rest.get(1..).filter(|password| !password.is_empty()).into_iter().collect()
        } else {
            rest.split(u8::is_ascii_whitespace).filter(|part| !part.is_empty()).collect()
        };
        Self { word, arguments, known }
    }
}

/// The status that an answer begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Ok,
    Err,
    /// The server wants a line of the client (RFC 5034 §4).
    More,
}

impl Status {
    /// Reads a line without its end. Out: the status, and the text behind it; nothing if there is no status.
    pub(super) fn read(line: &[u8]) -> Option<(Self, &[u8])> {
        let end = line.iter().position(u8::is_ascii_whitespace).unwrap_or(line.len());
        let (word, text) = line.split_at(end);
        let status = match word {
            b"+" => Self::More,
            word if word.eq_ignore_ascii_case(b"+OK") => Self::Ok,
            word if word.eq_ignore_ascii_case(b"-ERR") => Self::Err,
            _ => return None,
        };
        Some((status, text.trim_ascii()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands() {
        for (line, name, arguments, follows) in [
            ("USER a", Some("USER"), &["a"][..], Nothing),
            ("user  a\t", Some("USER"), &["a"], Nothing),
            ("PASS a b ", Some("PASS"), &["a b "], Nothing),
            ("PASS ", Some("PASS"), &[], Nothing),
            ("LIST", Some("LIST"), &[], Lines),
            ("LIST 1", Some("LIST"), &["1"], Nothing),
            ("AUTH", Some("AUTH"), &[], Lines),
            ("AUTH PLAIN", Some("AUTH"), &["PLAIN"], LogIn),
            ("AUTH PLAIN AGE=", Some("AUTH"), &["PLAIN", "AGE="], LogIn),
            ("TOP 1 0", Some("TOP"), &["1", "0"], Beginning),
            ("CAPA", Some("CAPA"), &[], Lines),
            ("STLS", Some("STLS"), &[], Tls),
            ("LISTS", None, &[], Nothing),
            ("", None, &[], Nothing),
        ] {
            let command = Command::read(line.as_bytes());
            let texts: Vec<_> = command.arguments.iter().map(|part| std::str::from_utf8(part).unwrap()).collect();
            let next = command.known.map_or(Nothing, |known| known.follows(texts.len()));
            assert_eq!((command.known.map(|known| known.name), &texts[..], next), (name, arguments, follows), "{line}");
        }
    }

    #[test]
    fn statuses() {
        for (line, expected) in [
            ("+OK", Some((Status::Ok, ""))),
            ("+OK  hello ", Some((Status::Ok, "hello"))),
            ("+ok x", Some((Status::Ok, "x"))),
            ("-ERR no", Some((Status::Err, "no"))),
            ("+ ", Some((Status::More, ""))),
            ("+ YWJj", Some((Status::More, "YWJj"))),
            ("+OKAY", None),
            ("", None),
        ] {
            let read = Status::read(line.as_bytes());
            let read = read.map(|(status, text)| (status, std::str::from_utf8(text).unwrap()));
            assert_eq!(read, expected, "{line}");
        }
    }
}
