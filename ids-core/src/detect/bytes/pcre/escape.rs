//! What stands behind a backslash (pcre2pattern, "Backslash").

use super::super::text::Part;
use super::class::Class;
use super::translate::{Walk, bad, unsupported};
use crate::rules::diagnostic::Diagnostic;

/// What an escape means.
pub(super) enum Escape {
    /// One byte.
    Byte(u8),
    /// Any byte of a set.
    Class(Class),
    /// The same in the engines.
    Text(&'static str),
    /// `\z`
    End,
    /// `\Z`
    EndOrLineFeed,
    /// What this group matched.
    Group(usize),
    /// Everything up to `\E` stands for itself.
    Quote,
    /// Nothing.
    Nothing,
}

impl<'a> Walk<'a> {
    /// Reads what follows the backslash at `from`.
    pub(super) fn escape(&mut self, from: usize, in_class: bool) -> Result<Escape, Diagnostic> {
        let Some(c) = self.bump() else { return Err(bad(self.since(from), "nothing follows the backslash")) };
        if let Some(class) = Class::shorthand(c).filter(|_| !(in_class && c == 'N')) {
            return Ok(Escape::Class(class));
        }
        if !c.is_ascii_alphanumeric() {
            return self.plain(c, from);
        }
        let byte = match c {
            'a' => 0x07,
            'e' => 0x1B,
            'f' => 0x0C,
            'n' => b'\n',
            'r' => b'\r',
            't' => b'\t',
            'b' if in_class => 0x08,
            'c' => self.control(from)?,
            'x' => self.hex(from)?,
            'o' => self.braced_octal(from)?,
            '0' => self.octal(3, from)?,
            '1'..='9' => return self.digits(c, from, in_class),
            'Q' => return Ok(Escape::Quote),
            'E' => return Ok(Escape::Nothing),
            _ if in_class => return Err(bad(self.since(from), "this escape has no meaning in a class")),
            'b' => return Ok(Escape::Text(r"\b")),
            'B' => return Ok(Escape::Text(r"\B")),
            'A' | 'G' => return Ok(Escape::Text(r"\A")),
            'C' => return Ok(Escape::Text("(?s:.)")),
            'R' => return Ok(Escape::Text(r"(?:\r\n|[\x0A-\x0D\x85])")),
            'z' => return Ok(Escape::End),
            'Z' => return Ok(Escape::EndOrLineFeed),
            // It moves the start of the match, which nothing looks at.
            'K' => return Ok(Escape::Nothing),
            'g' => return self.numbered_reference(from).map(Escape::Group),
            'k' => return self.named_reference(from).map(Escape::Group),
            'p' | 'P' | 'X' => return Err(unsupported(self.since(from), "Unicode properties")),
            _ => return Err(bad(self.since(from), format!("`\\{c}` has no meaning"))),
        };
        Ok(Escape::Byte(byte))
    }

    /// A character without meaning of its own.
    fn plain(&mut self, c: char, from: usize) -> Result<Escape, Diagnostic> {
        if c.is_ascii() {
            return Ok(Escape::Byte(c as u8));
        }
        // Its bytes follow as if the backslash was not there.
        self.at = from + 1;
        Ok(Escape::Nothing)
    }

    fn control(&mut self, from: usize) -> Result<u8, Diagnostic> {
        match self.bump() {
            Some(c) if c.is_ascii_graphic() => Ok(c.to_ascii_uppercase() as u8 ^ 0x40),
            _ => Err(bad(self.since(from), "a printable character must follow `\\c`")),
        }
    }

    /// `\xhh` with up to two digits, or `\x{…}`.
    fn hex(&mut self, from: usize) -> Result<u8, Diagnostic> {
        if self.eat("{") {
            let digits = self.until('}', from)?;
            return u8::from_str_radix(digits.text, 16).map_err(|_| bad(self.since(from), "this is no byte in hex"));
        }
        let mut value = 0;
        for _ in 0..2 {
            let Some(digit) = self.peek().and_then(|c| c.to_digit(16)) else { break };
            self.at += 1;
            value = value << 4 | digit as u8;
        }
        Ok(value)
    }

    fn braced_octal(&mut self, from: usize) -> Result<u8, Diagnostic> {
        let no_byte = "this is no byte in octal";
        if !self.eat("{") {
            return Err(bad(self.since(from), no_byte));
        }
        let digits = self.until('}', from)?;
        u8::from_str_radix(digits.text, 8).map_err(|_| bad(self.since(from), no_byte))
    }

    /// Up to `count` octal digits, the one just read included.
    fn octal(&mut self, count: usize, from: usize) -> Result<u8, Diagnostic> {
        let start = from + 1;
        let digits = self.regex.text.get(start..).unwrap_or_default();
        let length = digits.bytes().take(count).take_while(|byte| (b'0'..=b'7').contains(byte)).count();
        self.at = start + length;
        let digits = digits.get(..length).unwrap_or_default();
        u8::from_str_radix(digits, 8).map_err(|_| bad(self.since(from), "this is no byte in octal"))
    }

    /// `\1` and up: a group, or, where there are not so many, a byte in octal.
    fn digits(&mut self, first: char, from: usize, in_class: bool) -> Result<Escape, Diagnostic> {
        let start = from + 1;
        let rest = self.regex.text.get(start..).unwrap_or_default();
        let length = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number = rest.get(..length).and_then(|digits| digits.parse::<usize>().ok()).unwrap_or(usize::MAX);
        if !in_class && (number < 10 || number <= self.declared.len()) {
            self.at = start + length;
            return Ok(Escape::Group(number));
        }
        if first > '7' {
            return Ok(Escape::Byte(first as u8));
        }
        self.octal(3, from).map(Escape::Byte)
    }

    /// `\g1`, `\g{1}`, `\g{-1}`, `\g{name}`
    fn numbered_reference(&mut self, from: usize) -> Result<usize, Diagnostic> {
        let part = if self.eat("{") {
            self.until('}', from)?
        } else if matches!(self.peek(), Some('<' | '\'')) {
            return Err(unsupported(self.since(from), "recursion and callouts"));
        } else {
            let length = self.rest().bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'-').count();
            self.at += length;
            self.regex.slice(self.at - length, self.at)
        };
        match part.text.parse::<isize>() {
            Ok(number) if number > 0 => Ok(number.unsigned_abs()),
            Ok(number) => match (self.opened() + 1).checked_sub(number.unsigned_abs()) {
                Some(group) if number < 0 && group > 0 => Ok(group),
                _ => Err(bad(self.since(from), "there is no such group")),
            },
            Err(_) => self.number_of(part),
        }
    }

    /// `\k<name>`, `\k'name'`, `\k{name}`
    fn named_reference(&mut self, from: usize) -> Result<usize, Diagnostic> {
        let close = match self.bump() {
            Some('<') => '>',
            Some('\'') => '\'',
            Some('{') => '}',
            _ => return Err(bad(self.since(from), "the name of a group is missing")),
        };
        let name: Part<'_> = self.until(close, from)?;
        self.number_of(name)
    }
}
