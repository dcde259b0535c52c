//! Character classes: sets of bytes, and how they are written (pcre2pattern, "Square brackets and character
//! classes").

use std::fmt::Write;

use super::escape::Escape;
use super::translate::{Walk, bad};
use crate::rules::diagnostic::Diagnostic;

/// A set of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Class([u64; 4]);

impl Class {
    pub(super) fn add(&mut self, byte: u8) {
        self.add_range(byte, byte);
    }

    pub(super) fn add_range(&mut self, low: u8, high: u8) {
        for byte in low..=high {
            if let Some(word) = self.0.get_mut(usize::from(byte >> 6)) {
                *word |= 1 << (byte & 63);
            }
        }
    }

    pub(super) fn add_class(&mut self, other: Self) {
        for (word, other) in self.0.iter_mut().zip(other.0) {
            *word |= other;
        }
    }

    #[must_use]
    pub(super) fn negate(self) -> Self {
        Self(self.0.map(|word| !word))
    }

    pub(super) fn contains(self, byte: u8) -> bool {
        self.0.get(usize::from(byte >> 6)).is_some_and(|word| word >> (byte & 63) & 1 == 1)
    }

    fn of(test: impl Fn(u8) -> bool) -> Self {
        let mut class = Self::default();
        (0..=u8::MAX).filter(|byte| test(*byte)).for_each(|byte| class.add(byte));
        class
    }

    /// `\d`, `\S` and the like (pcre2pattern, "Generic character types"), by the letter.
    pub(super) fn shorthand(letter: char) -> Option<Self> {
        let class = match letter.to_ascii_lowercase() {
            'd' => Self::of(|byte| byte.is_ascii_digit()),
            's' => Self::of(|byte| matches!(byte, b'\t'..=b'\r' | b' ')),
            'w' => Self::of(|byte| byte.is_ascii_alphanumeric() || byte == b'_'),
            'h' => Self::of(|byte| matches!(byte, b'\t' | b' ' | 0xA0)),
            'v' => Self::of(|byte| matches!(byte, b'\n'..=b'\r' | 0x85)),
            'n' if letter == 'N' => return Some(Self::of(|byte| byte != b'\n')),
            _ => return None,
        };
        Some(if letter.is_ascii_uppercase() { class.negate() } else { class })
    }

    /// `[:alpha:]` and the like, by the name.
    pub(super) fn posix(name: &str) -> Option<Self> {
        Some(match name {
            "alnum" => Self::of(|byte| byte.is_ascii_alphanumeric()),
            "alpha" => Self::of(|byte| byte.is_ascii_alphabetic()),
            "ascii" => Self::of(|byte| byte.is_ascii()),
            "blank" => Self::of(|byte| matches!(byte, b' ' | b'\t')),
            "cntrl" => Self::of(|byte| byte.is_ascii_control()),
            "digit" => Self::of(|byte| byte.is_ascii_digit()),
            "graph" => Self::of(|byte| byte.is_ascii_graphic()),
            "lower" => Self::of(|byte| byte.is_ascii_lowercase()),
            "print" => Self::of(|byte| byte.is_ascii_graphic() || byte == b' '),
            "punct" => Self::of(|byte| byte.is_ascii_punctuation()),
            "space" => Self::of(|byte| matches!(byte, b'\t'..=b'\r' | b' ')),
            "upper" => Self::of(|byte| byte.is_ascii_uppercase()),
            "word" => Self::of(|byte| byte.is_ascii_alphanumeric() || byte == b'_'),
            "xdigit" => Self::of(|byte| byte.is_ascii_hexdigit()),
            _ => return None,
        })
    }

    /// Appends the class in the syntax of the engines. `negated` is kept apart from the set, because ignoring case
    /// has to come before it.
    pub(super) fn write(self, negated: bool, out: &mut String) {
        out.push_str(if negated { "[^" } else { "[" });
        let mut byte = 0_u16;
        while byte < 256 {
            let start = byte;
            while byte < 256 && self.contains(byte as u8) {
                byte += 1;
            }
            if byte > start {
                push_byte(start as u8, out);
                if byte > start + 1 {
                    out.push('-');
                    push_byte((byte - 1) as u8, out);
                }
            }
            byte += 1;
        }
        out.push(']');
    }
}

/// Appends one byte as the engines read it.
pub(super) fn push_byte(byte: u8, out: &mut String) {
    if byte.is_ascii_alphanumeric() {
        out.push(char::from(byte));
    } else {
        // Writing to a string cannot fail.
        let _ = write!(out, "\\x{byte:02X}");
    }
}

impl Walk<'_> {
    /// What follows `[`.
    pub(super) fn class(&mut self, from: usize) -> Result<(), Diagnostic> {
        let negated = self.eat("^");
        let mut class = Class::default();
        let mut first = true;
        loop {
            let start = self.at;
            let item = match self.bump() {
                None => return Err(bad(self.regex.slice(from, from + 1), "this bracket is never closed")),
                Some(']') if !first => break,
                Some('[') if self.posix(&mut class)? => None,
                Some('\\') => self.class_escape(start, &mut class)?,
                Some(c) if c.is_ascii() => Some(c as u8),
                Some(c) => {
                    c.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| class.add(byte));
                    None
                }
            };
            first = false;
            let Some(low) = item else { continue };
            let high = self.range_end(start, &mut class)?.unwrap_or(low);
            if high < low {
                return Err(bad(self.since(start), "the range is out of order"));
            }
            class.add_range(low, high);
        }
        class.write(negated, &mut self.out);
        Ok(())
    }

    /// The upper end of a range, if a `-` follows that is not the last of the class.
    fn range_end(&mut self, start: usize, class: &mut Class) -> Result<Option<u8>, Diagnostic> {
        if !self.rest().starts_with('-') || self.rest().starts_with("-]") {
            return Ok(None);
        }
        let minus = self.at;
        self.at += 1;
        let from = self.at;
        match self.bump() {
            Some('\\') => match self.class_escape(from, class)? {
                Some(byte) => Ok(Some(byte)),
                // `[a-\d]`: the `-` stands for itself.
                None => {
                    class.add(b'-');
                    Ok(None)
                }
            },
            Some('[') if self.rest().starts_with(':') => {
                self.at = minus + 1;
                class.add(b'-');
                Ok(None)
            }
            Some(c) if c.is_ascii() => Ok(Some(c as u8)),
            _ => Err(bad(self.since(start), "the range has no end")),
        }
    }

    /// An escape in a class: one byte, or a set that is added.
    fn class_escape(&mut self, from: usize, class: &mut Class) -> Result<Option<u8>, Diagnostic> {
        match self.escape(from, true)? {
            Escape::Byte(byte) => Ok(Some(byte)),
            Escape::Class(other) => {
                class.add_class(other);
                Ok(None)
            }
            Escape::Nothing => Ok(None),
            Escape::Quote => {
                while !self.eat(r"\E") {
                    let Some(c) = self.bump() else { break };
                    c.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| class.add(byte));
                }
                Ok(None)
            }
            _ => Err(bad(self.since(from), "this has no meaning in a class")),
        }
    }

    /// `[:name:]` in a class, after its `[`.
    fn posix(&mut self, class: &mut Class) -> Result<bool, Diagnostic> {
        let from = self.at;
        let Some(end) = self.rest().strip_prefix(':').and_then(|rest| rest.find(":]")) else { return Ok(false) };
        let part = self.regex.slice(from + 1, from + 1 + end);
        let (negated, name) = match part.text.strip_prefix('^') {
            Some(name) => (true, name),
            None => (false, part.text),
        };
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_lowercase()) {
            return Ok(false);
        }
        let Some(set) = Class::posix(name) else { return Err(bad(part, format!("`{name}` is no class"))) };
        class.add_class(if negated { set.negate() } else { set });
        self.at = from + end + 3;
        Ok(true)
    }
}
