//! Numbers out of the data: what `byte_test`, `byte_jump`, `byte_extract` and `byte_math` have in common.

use super::chain::View;
use super::content::position;
use super::text::Part;
use super::vars::{Number, Scope, VarNames};
use crate::rules::diagnostic::{Code, Diagnostic};

/// Most bytes of a binary number.
const BINARY_MAX: i64 = 8;
/// Most bytes of a number in text: 2^64 in octal digits, with a sign.
const TEXT_MAX: i64 = 23;
/// Offsets reach this far.
pub(super) const OFFSETS: (i64, i64) = (i32::MIN as i64, i32::MAX as i64);

/// Order of the bytes of a binary number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Endian {
    Big,
    Little,
    /// As the DCE/RPC header of the packet says.
    Dce,
}

/// Which bytes are read, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Source {
    /// How many.
    pub(super) count: Number,
    /// From where on.
    pub(super) offset: Number,
    /// Whether `offset` counts from the end of the match before.
    pub(super) relative: bool,
    pub(super) endian: Endian,
    /// The base of a number in text; `None`: it is binary.
    pub(super) base: Option<u32>,
    /// Bits that count; the result is moved down to the lowest of them.
    pub(super) bitmask: Option<u64>,
}

/// What reading came to.
pub(super) enum Read {
    /// The number, and where the bytes that make it up start and end.
    Value { value: u64, start: usize, end: usize },
    /// Too few bytes, but there may be more later.
    NotYet,
    /// There is no number.
    Never,
}

impl Source {
    /// Reads the number.
    pub(super) fn read(&self, view: &View<'_>, last: usize) -> Read {
        let from = if self.relative { position(last) } else { -i64::try_from(view.offset).unwrap_or(i64::MAX) };
        let Ok(start) = usize::try_from(from.saturating_add(self.offset.get(view.vars))) else {
            return Read::Never;
        };
        let Ok(count) = usize::try_from(self.count.get(view.vars)) else { return Read::Never };
        let missing = if view.complete { Read::Never } else { Read::NotYet };
        let Some(rest) = view.data.get(start..) else { return missing };
        let (value, used) = match self.base {
            Some(base) => {
                let Some(text) =
                    (if count == 0 { rest.get(..rest.len().min(TEXT_MAX as usize)) } else { rest.get(..count) })
                else {
                    return missing;
                };
                let Some(number) = text_number(text, base) else { return Read::Never };
                number
            }
            None => {
                let Some(bytes) = rest.get(..count) else { return missing };
                if count > BINARY_MAX as usize {
                    return Read::Never;
                }
                (binary_number(bytes, self.is_little(view)), count)
            }
        };
        let value = self.bitmask.map_or(value, |mask| (value & mask) >> mask.trailing_zeros());
        Read::Value { value, start, end: start + used }
    }

    const fn is_little(&self, view: &View<'_>) -> bool {
        match self.endian {
            Endian::Big => false,
            Endian::Little => true,
            Endian::Dce => view.dce_little,
        }
    }

    /// Whether the buffer must hold these bytes for the test to pass: where they end, counted from the offset's
    /// origin.
    pub(super) fn reach(&self) -> Option<i64> {
        Some(self.offset.fixed()?.saturating_add(self.count.fixed()?))
    }
}

fn binary_number(bytes: &[u8], little: bool) -> u64 {
    let join = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
    if little { bytes.iter().rev().fold(0, join) } else { bytes.iter().fold(0, join) }
}

/// The number at the start of a text, white space before it skipped, and how many bytes it takes.
fn text_number(text: &[u8], base: u32) -> Option<(u64, usize)> {
    let blanks = text.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    let rest = text.get(blanks..)?;
    let prefix =
        if base == 16 && matches!(rest, [b'0', b'x' | b'X', digit, ..] if digit.is_ascii_hexdigit()) { 2 } else { 0 };
    let mut value: u64 = 0;
    let mut digits = 0;
    for digit in rest.get(prefix..)?.iter().map_while(|byte| char::from(*byte).to_digit(base)) {
        value = value.checked_mul(u64::from(base))?.checked_add(u64::from(digit))?;
        digits += 1;
    }
    (digits > 0).then_some((value, blanks + prefix + digits))
}

/// The named parts of a `byte_*` option, each at most once.
#[derive(Debug, Default)]
pub(super) struct Named {
    pub(super) relative: bool,
    pub(super) endian: Option<Endian>,
    pub(super) string: bool,
    pub(super) base: Option<u32>,
    pub(super) bitmask: Option<u64>,
    pub(super) multiplier: Option<u64>,
    pub(super) align: Option<u64>,
    pub(super) from_beginning: bool,
    pub(super) from_end: bool,
    pub(super) post_offset: i64,
    seen: Vec<String>,
}

impl Named {
    /// Reads the parts after the positional ones; only those in `allowed` go with the keyword.
    pub(super) fn read<'a>(parts: impl Iterator<Item = Part<'a>>, allowed: &[&str]) -> Result<Self, Diagnostic> {
        let mut named = Self::default();
        for part in parts {
            let (word, rest) = part.word();
            named.take(word, rest, allowed)?;
        }
        Ok(named)
    }

    /// Takes in one part: `word rest`.
    pub(super) fn take(&mut self, word: Part<'_>, rest: Part<'_>, allowed: &[&str]) -> Result<(), Diagnostic> {
        let name = word.text.to_ascii_lowercase();
        let family = match name.as_str() {
            "big" | "little" | "dce" => "endian",
            "hex" | "dec" | "oct" => "string",
            other => other,
        };
        if !allowed.contains(&family) {
            return Err(word
                .bad(format!("`{}` is not known here", word.text))
                .help(format!("known: {}", allowed.join(", "))));
        }
        if self.seen.contains(&name) {
            return Err(Diagnostic::error(Code::Repeated, word.span(), format!("`{name}` stands twice")));
        }
        let takes_value =
            matches!(name.as_str(), "bitmask" | "multiplier" | "align" | "post_offset" | "endian" | "string");
        if !takes_value && !rest.text.is_empty() {
            return Err(rest.bad(format!("`{name}` takes no value")));
        }
        match name.as_str() {
            "relative" => self.relative = true,
            "endian" => self.set_endian(rest)?,
            "big" | "little" | "dce" => self.set_endian(word)?,
            "string" => {
                self.string = true;
                if !rest.text.is_empty() {
                    self.set_base(rest)?;
                }
            }
            "hex" | "dec" | "oct" => self.set_base(word)?,
            "bitmask" => match rest.unsigned()? {
                0 => return Err(rest.bad("a mask without bits lets nothing through")),
                mask => self.bitmask = Some(mask),
            },
            "multiplier" => self.multiplier = Some(rest.integer_in(1, 65_535)?.unsigned_abs()),
            "align" if rest.text.is_empty() => self.align = Some(4),
            "align" => match rest.unsigned()? {
                size @ (2 | 4) => self.align = Some(size),
                _ => return Err(rest.bad("numbers are aligned to 2 or 4 bytes")),
            },
            "from_beginning" => self.from_beginning = true,
            "from_end" => self.from_end = true,
            "post_offset" => self.post_offset = rest.integer_in(-65_535, 65_535)?,
            _ => return Err(word.bad(format!("`{name}` is not known here"))),
        }
        self.seen.push(name);
        Ok(())
    }

    fn set_endian(&mut self, word: Part<'_>) -> Result<(), Diagnostic> {
        let endian = match word.text {
            "big" => Endian::Big,
            "little" => Endian::Little,
            "dce" => Endian::Dce,
            other => return Err(word.bad(format!("`{other}` is no byte order")).help("big, little or dce")),
        };
        match self.endian.replace(endian) {
            Some(before) if before != endian => {
                Err(Diagnostic::error(Code::Conflict, word.span(), "there can be only one byte order"))
            }
            _ => Ok(()),
        }
    }

    fn set_base(&mut self, word: Part<'_>) -> Result<(), Diagnostic> {
        let base = match word.text {
            "hex" => 16,
            "dec" => 10,
            "oct" => 8,
            other => return Err(word.bad(format!("`{other}` is no base")).help("hex, dec or oct")),
        };
        match self.base.replace(base) {
            Some(_) => Err(Diagnostic::error(Code::Conflict, word.span(), "there can be only one base")),
            None => Ok(()),
        }
    }

    /// Puts the parts together. `count` is the number of bytes as written, `whole` the value of the option.
    pub(super) fn source(
        &self,
        whole: Part<'_>,
        count: (Part<'_>, Number),
        offset: Number,
    ) -> Result<Source, Diagnostic> {
        if self.base.is_some() && !self.string {
            return Err(whole.bad("a base goes with `string` only").help("add `string`, or leave the base out"));
        }
        if self.string && self.endian == Some(Endian::Dce) {
            return Err(Diagnostic::error(Code::Conflict, whole.span(), "numbers in text have no byte order: `dce`"));
        }
        let range = if self.string { 0..=TEXT_MAX } else { 0..=BINARY_MAX };
        if count.1.fixed().is_some_and(|count| !range.contains(&count)) {
            return Err(count
                .0
                .bad(format!("{} bytes cannot be read as a number", count.0.text))
                .help(format!("at most {} bytes", range.end())));
        }
        Ok(Source {
            count: count.1,
            offset,
            relative: self.relative,
            endian: self.endian.unwrap_or(Endian::Big),
            base: self.string.then_some(self.base.unwrap_or(10)),
            bitmask: self.bitmask,
        })
    }
}

/// The number of bytes: written, or a variable.
pub(super) fn count<'a>(part: Part<'a>, scope: &Scope, vars: &VarNames) -> Result<(Part<'a>, Number), Diagnostic> {
    Ok((part, scope.number(part, (0, TEXT_MAX), vars)?))
}

/// A positional part that must be there.
pub(super) fn next<'a>(
    parts: &mut impl Iterator<Item = Part<'a>>,
    whole: Part<'a>,
    what: &str,
) -> Result<Part<'a>, Diagnostic> {
    match parts.next() {
        Some(part) if !part.text.is_empty() => Ok(part),
        Some(part) => Err(part.bad(format!("{what} is missing"))),
        None => Err(whole.bad(format!("{what} is missing"))),
    }
}
