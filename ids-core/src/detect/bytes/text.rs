//! Pieces of an option's value that remember where in the rule they stand, and how to read them.
//!
//! In: [`Opt`]s of the syntax tree.  Out: names, numbers and byte strings, or [`Diagnostic`]s whose span is
//! exactly the piece that is wrong. Source: the rule format chapter of the Suricata 8 user guide (quotes,
//! escapes, `|hex|`).

use crate::detect::integer::Problem;
use crate::rules::ast::{Opt, Span};
use crate::rules::diagnostic::{Code, Diagnostic};

/// A piece of a rule's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part<'a> {
    /// The text, as written.
    pub(crate) text: &'a str,
    /// Where it starts in the text of the rule.
    pub(crate) at: usize,
}

impl<'a> Part<'a> {
    /// The value of an option that needs one.
    pub(crate) fn value(opt: &'a Opt) -> Result<Self, Diagnostic> {
        match &opt.value {
            Some(value) if !value.text.trim().is_empty() => Ok(Self { text: &value.text, at: value.span.start }.trim()),
            _ => Err(Diagnostic::error(
                Code::MissingValue,
                opt.span.clone(),
                format!("`{}` needs a value", opt.name.text),
            )),
        }
    }

    /// Refuses a value on an option that takes none.
    pub(crate) fn none(opt: &Opt) -> Result<(), Diagnostic> {
        match &opt.value {
            None => Ok(()),
            Some(value) => Err(Diagnostic::error(
                Code::UnexpectedValue,
                value.span.clone(),
                format!("`{}` takes no value", opt.name.text),
            )),
        }
    }

    /// Where it stands in the rule.
    pub(crate) fn span(self) -> Span {
        self.at..self.at + self.text.len()
    }

    /// Without white space around.
    pub(crate) fn trim(self) -> Self {
        let text = self.text.trim_start();
        Self { text: text.trim_end(), at: self.at + self.text.len() - text.len() }
    }

    /// From byte `start` to byte `end`; empty where that is not a piece of it.
    pub(crate) fn slice(self, start: usize, end: usize) -> Self {
        Self { text: self.text.get(start..end).unwrap_or_default(), at: self.at + start }
    }

    /// Without `prefix`, if it starts with it.
    pub(crate) fn strip(self, prefix: &str) -> Option<Self> {
        self.text.strip_prefix(prefix).map(|text| Self { text, at: self.at + prefix.len() })
    }

    /// Without `suffix`, if it ends with it.
    pub(crate) fn strip_end(self, suffix: &str) -> Option<Self> {
        self.text.strip_suffix(suffix).map(|text| Self { text, at: self.at })
    }

    /// Without a leading `!`, and whether there was one.
    pub(crate) fn negation(self) -> (bool, Self) {
        match self.strip("!") {
            Some(rest) => (true, rest.trim()),
            None => (false, self),
        }
    }

    /// The pieces between `separator`s, without the white space around them.
    pub(crate) fn split(self, separator: char) -> impl Iterator<Item = Self> {
        let mut at = self.at;
        self.text.split(separator).map(move |text| {
            let part = Self { text, at };
            at += text.len() + separator.len_utf8();
            part.trim()
        })
    }

    /// The first word, and what follows.
    pub(crate) fn word(self) -> (Self, Self) {
        let end = self.text.find(char::is_whitespace).unwrap_or(self.text.len());
        (self.slice(0, end), self.slice(end, self.text.len()).trim())
    }

    /// What stands between the quotes.
    pub(crate) fn quoted(self) -> Result<Self, Diagnostic> {
        let Some(rest) = self.strip("\"") else {
            return Err(self.bad("the value must stand in double quotes").help(format!("write `\"{}\"`", self.text)));
        };
        let mut escaped = false;
        let end = rest.text.find(|c| {
            let closes = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            closes
        });
        let Some(end) = end else {
            return Err(self.bad("the double quote is never closed").help("close it, or write it as `|22|`"));
        };
        let after = rest.slice(end + 1, rest.text.len());
        if !after.text.trim().is_empty() {
            return Err(after
                .trim()
                .bad("something follows the closing quote")
                .help("a `;` may be missing; a quote inside is written `\\\"` or `|22|`"));
        }
        Ok(rest.slice(0, end))
    }

    /// A whole number, decimal or `0x…`, with an optional minus.
    pub(crate) fn integer(self) -> Result<i64, Diagnostic> {
        let (negative, digits) = match self.text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, self.text),
        };
        let value = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
            Some(hex) if hex.bytes().all(|c| c.is_ascii_hexdigit()) => i64::from_str_radix(hex, 16).ok(),
            None if digits.bytes().all(|c| c.is_ascii_digit()) => digits.parse().ok(),
            _ => None,
        };
        match value {
            Some(value) => Ok(if negative { -value } else { value }),
            None => Err(self.bad(format!("`{}` is no number", self.text))),
        }
    }

    /// A whole number within bounds, both included.
    pub(crate) fn integer_in(self, low: i64, high: i64) -> Result<i64, Diagnostic> {
        let value = self.integer()?;
        if (low..=high).contains(&value) {
            return Ok(value);
        }
        Err(self.bad(format!("{value} is out of range")).help(format!("take a number from {low} to {high}")))
    }

    /// An unsigned number of any size, decimal or `0x…`.
    pub(crate) fn unsigned(self) -> Result<u64, Diagnostic> {
        let value = match self.text.strip_prefix("0x").or_else(|| self.text.strip_prefix("0X")) {
            Some(hex) if hex.bytes().all(|c| c.is_ascii_hexdigit()) => u64::from_str_radix(hex, 16).ok(),
            None if self.text.bytes().all(|c| c.is_ascii_digit()) => self.text.parse().ok(),
            _ => None,
        };
        value.ok_or_else(|| self.bad(format!("`{}` is no number", self.text)))
    }

    /// An error: the value cannot be read because of this piece.
    pub(crate) fn bad(self, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(Code::BadValue, self.span(), message)
    }

    /// An error of the integer syntax, whose span is relative to this piece.
    pub(crate) fn problem(self, problem: Problem) -> Diagnostic {
        let code = if problem.impossible { Code::Impossible } else { Code::BadValue };
        let span = self.at + problem.span.start..self.at + problem.span.end;
        Diagnostic::error(code, span, problem.message)
    }

    /// The bytes a pattern stands for: `|hex|` and the escapes `\"` `\;` `\:` `\\` are resolved.
    pub(crate) fn bytes(self) -> Result<Vec<u8>, Diagnostic> {
        let mut out = Vec::with_capacity(self.text.len());
        let mut chars = self.text.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '|' => {
                    let rest = self.slice(at + 1, self.text.len());
                    let Some(end) = rest.text.find('|') else {
                        return Err(self
                            .slice(at, self.text.len())
                            .bad("the hex part is never closed")
                            .help("close it with `|`; a pipe itself is written `|7c|`"));
                    };
                    rest.slice(0, end).hex(&mut out)?;
                    let skip = rest.text.get(..=end).unwrap_or_default().chars().count();
                    chars.by_ref().take(skip).for_each(drop);
                }
                '\\' => match chars.next() {
                    Some((_, escaped @ ('"' | ';' | ':' | '\\'))) => out.push(escaped as u8),
                    other => {
                        let end = other.map_or(self.text.len(), |(next, c)| next + c.len_utf8());
                        return Err(self
                            .slice(at, end)
                            .bad("only `\"`, `;`, `:` and `\\` can be escaped")
                            .help("write other bytes in hex: `|5c|` is a backslash, `|0a|` a line feed"));
                    }
                },
                other => out.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        Ok(out)
    }

    /// Pairs of hex digits, with white space anywhere.
    pub(crate) fn hex(self, out: &mut Vec<u8>) -> Result<(), Diagnostic> {
        let mut high = None;
        for (at, c) in self.text.char_indices().filter(|(_, c)| !c.is_whitespace()) {
            let Some(digit) = c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()) else {
                return Err(self.slice(at, at + c.len_utf8()).bad(format!("`{c}` is no hex digit")));
            };
            high = match high {
                None => Some(digit),
                Some(high) => {
                    out.push(high << 4 | digit);
                    None
                }
            };
        }
        match high {
            None => Ok(()),
            Some(_) => Err(self.bad("the number of hex digits is odd").help("every byte takes two digits: `|0a 0d|`")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(text: &str) -> Part<'_> {
        Part { text, at: 100 }
    }

    #[test]
    fn patterns() {
        let cases: &[(&str, &[u8])] = &[
            ("abc", b"abc"),
            ("a|0d 0A|b", b"a\r\nb"),
            ("|0d0a|", b"\r\n"),
            ("| 0a|", b"\n"),
            ("|41||42|", b"AB"),
            (r#"a\"b\;c\:d\\e"#, br#"a"b;c:d\e"#),
            ("a;b:c", b"a;b:c"),
            ("ü|00|", "ü\0".as_bytes()),
            ("||", b""),
        ];
        for (text, bytes) in cases {
            assert_eq!(part(text).bytes().as_deref(), Ok(*bytes), "{text}");
        }
    }

    #[test]
    fn bad_patterns() {
        let cases = [
            ("ab|22 2 22|", 103..110, "odd"),
            ("|l0 01|", 101..102, "`l`"),
            ("|01 0j|", 105..106, "`j`"),
            ("x|1", 101..103, "never closed"),
            (r"a\nb", 101..103, "escaped"),
            (r"a\", 101..102, "escaped"),
            ("|ü0|", 101..103, "`ü`"),
        ];
        for (text, span, words) in cases {
            let error = part(text).bytes().expect_err(text);
            assert_eq!(error.span, span, "{text}: {}", error.message);
            assert!(error.message.contains(words), "{text}: {}", error.message);
        }
    }

    #[test]
    fn quotes() {
        assert_eq!(part(r#""a\"b""#).quoted().map(|p| (p.text, p.at)), Ok((r#"a\"b"#, 101)));
        assert_eq!(part(r#""a\\""#).quoted().map(|p| p.text), Ok(r"a\\"));
        assert_eq!(part(r#""AA" depth:20"#).quoted().expect_err("more").span, 105..113);
        assert_eq!(part(r#""AA"#).quoted().expect_err("open").span, 100..103);
        assert_eq!(part("AA").quoted().expect_err("bare").span, 100..102);
    }

    #[test]
    fn numbers() {
        assert_eq!(part("-17").integer(), Ok(-17));
        assert_eq!(part("0x1F").integer(), Ok(31));
        assert_eq!(part("0xFFFFFFFFFFFFFFFF").unsigned(), Ok(u64::MAX));
        for text in ["", "-", "+1", "0x", "1.5", "--1", "0x-1", "9223372036854775808"] {
            assert!(part(text).integer().is_err(), "{text}");
        }
        assert_eq!(part("70000").integer_in(0, 65535).expect_err("large").span, 100..105);
    }

    #[test]
    fn pieces_know_their_place() {
        let pieces: Vec<_> = part("4, relative ,x").split(',').map(|p| (p.text, p.at)).collect();
        assert_eq!(pieces, [("4", 100), ("relative", 103), ("x", 113)]);
        let (word, rest) = part("post_offset  -1").word();
        assert_eq!((word.text, rest.text, rest.at), ("post_offset", "-1", 113));
    }
}
