//! Character classes: sets of bytes.

use std::fmt::Write;

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
