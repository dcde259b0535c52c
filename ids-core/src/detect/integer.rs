//! The integer syntax that all number keywords of the rule language share.
//!
//! In: the text of a value, how wide the number is, the names that stand for values.  Out: a [`Test`], or a
//! [`Problem`] that says what is wrong where.
//! Every form comes down to one of three comparisons, so there is nothing to get wrong at match time.
//! Must not know rules, keywords or packets. Source: the integer section of the Suricata 8 user guide's chapter
//! on rules.

use std::ops::Range;

use crate::field::NO_NUMBER;

/// A comparison with an unsigned integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Test {
    /// Both ends included.
    Within(u64, u64),
    /// Outside of these, which are themselves refused.
    Outside(u64, u64),
    /// The bits under `mask` are `value`, or, unless `equal`, are not.
    Masked {
        /// The bits looked at.
        mask: u64,
        /// What they are compared with.
        value: u64,
        /// Whether they must be the same.
        equal: bool,
    },
}

impl Test {
    /// Whether `value` passes.
    pub const fn matches(&self, value: u64) -> bool {
        match *self {
            Self::Within(low, high) => low <= value && value <= high,
            Self::Outside(low, high) => value < low || high < value,
            Self::Masked { mask, value: wanted, equal } => (value & mask == wanted) == equal,
        }
    }

    /// The smallest and the largest number that may pass; nothing outside of them does.
    pub const fn bounds(&self) -> (u64, u64) {
        match *self {
            Self::Within(low, high) => (low, high),
            Self::Outside(0, high) => (high.saturating_add(1), u64::MAX),
            Self::Masked { value, equal: true, .. } => (value, u64::MAX),
            Self::Outside(..) | Self::Masked { .. } => (0, u64::MAX),
        }
    }
}

/// Why a value cannot be read, and which part of its text is to blame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// One sentence without a full stop.
    pub message: String,
    /// Bytes of the text that was handed in.
    pub span: Range<usize>,
    /// Whether the text reads well but no number could ever pass.
    pub impossible: bool,
}

/// What one keyword takes.
#[derive(Clone, Copy, Debug)]
pub struct Syntax {
    /// Width of the number: 8, 16, 32 or 64.
    pub bits: u8,
    /// Names that stand for values, in any case.
    pub names: &'static [(&'static str, u64)],
    /// Names are bits: `syn,!ack` asks for one to be set and one to be clear.
    pub flags: bool,
    /// `a-b` includes both ends (two keywords of NFS; everywhere else both are excluded).
    pub inclusive: bool,
}

/// Reads the usual form: ranges exclude their ends, names stand for single values.
///
/// In: the text (white space around is ignored), the width in bits, the names.
pub fn parse(text: &str, bits: u8, names: &'static [(&'static str, u64)]) -> Result<Test, Problem> {
    Syntax { bits, names, flags: false, inclusive: false }.parse(text)
}

impl Syntax {
    /// Reads a value.
    pub fn parse(&self, text: &str) -> Result<Test, Problem> {
        let reader = Reader { text, syntax: self };
        let whole = trim(text, 0..text.len());
        if whole.is_empty() {
            return Err(reader.problem(&whole, "a number is missing"));
        }
        let word = slice(text, &whole);
        // A name such as `1.2` begins like a number.
        let name = word.trim_start_matches(['!', ' ']);
        let named = name.starts_with(|c: char| c.is_ascii_alphabetic()) || self.names.iter().any(|row| row.0 == name);
        if !self.names.is_empty() && named {
            return reader.named(whole);
        }
        reader.comparison(whole)
    }

    /// The largest number of this width.
    const fn max(&self) -> u64 {
        if self.bits >= 64 { u64::MAX } else { (1 << self.bits) - 1 }
    }
}

/// Which elements of an array a test looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Index {
    /// At least one must pass.
    Any,
    /// There is one, and each passes.
    All,
    /// The one at this position; negative positions count from the end (-1 is the last).
    At(i32),
}

/// `test[,index]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Array {
    /// What is asked of an element.
    pub test: Test,
    /// Of which.
    pub index: Index,
}

impl Array {
    /// Reads a value with an optional index after the last comma; without one any element may pass.
    pub fn parse(text: &str, syntax: &Syntax) -> Result<Self, Problem> {
        let Some((head, tail)) = text.rsplit_once(',') else {
            return Ok(Self { test: syntax.parse(text)?, index: Index::Any });
        };
        let index = match tail.trim() {
            "any" => Index::Any,
            "all" => Index::All,
            number => Index::At(number.parse().map_err(|_| Problem {
                message: format!("`{number}` is no index"),
                span: trim(text, head.len() + 1..text.len()),
                impossible: false,
            })?),
        };
        Ok(Self { test: syntax.parse(head)?, index })
    }

    /// Whether the elements pass. An empty array never does, nor does an element [without a number](NO_NUMBER).
    pub fn matches(&self, values: &[u64]) -> bool {
        let pass = |value: &u64| *value != NO_NUMBER && self.test.matches(*value);
        match self.index {
            Index::Any => values.iter().any(pass),
            Index::All => !values.is_empty() && values.iter().all(pass),
            Index::At(at) => {
                let from_start = usize::try_from(at).ok();
                let from_end = || values.len().checked_sub(usize::try_from(at.unsigned_abs()).ok()?);
                from_start.or_else(from_end).and_then(|at| values.get(at)).is_some_and(pass)
            }
        }
    }
}

/// A comparison with a floating point number; ranges exclude their ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Float {
    /// `=` and `!=`
    Equal(f64, bool),
    /// `<`; with the flag also equal.
    Less(f64, bool),
    /// `>`; with the flag also equal.
    Greater(f64, bool),
    /// `a-b`
    Between(f64, f64),
    /// `!a-b`
    Outside(f64, f64),
}

impl Float {
    /// Whether `value` passes.
    pub fn matches(&self, value: f64) -> bool {
        match *self {
            // The comparison is for exactly the number that is written in the rule.
            Self::Equal(wanted, equal) => (value.total_cmp(&wanted).is_eq()) == equal,
            Self::Less(limit, equal) => value < limit || equal && value.total_cmp(&limit).is_eq(),
            Self::Greater(limit, equal) => value > limit || equal && value.total_cmp(&limit).is_eq(),
            Self::Between(low, high) => low < value && value < high,
            Self::Outside(low, high) => value <= low || high <= value,
        }
    }

    /// Reads a value.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let whole = trim(text, 0..text.len());
        let word = slice(text, &whole);
        let (operator, rest) = split_operator(word);
        let from = whole.end - rest.len();
        let number = |span: Range<usize>| {
            let span = trim(text, span);
            let digits = slice(text, &span);
            let plain = digits.starts_with(|c: char| c.is_ascii_digit());
            digits.parse::<f64>().ok().filter(|_| plain).ok_or_else(|| Problem {
                message: format!("`{digits}` is no number"),
                span,
                impossible: false,
            })
        };
        if let Some(at) = rest.find('-') {
            let (low, high) = (number(from..from + at)?, number(from + at + 1..whole.end)?);
            if low >= high {
                let message = "the range is empty".to_owned();
                return Err(Problem { message, span: whole, impossible: true });
            }
            return match operator {
                "" | "=" => Ok(Self::Between(low, high)),
                "!" | "!=" => Ok(Self::Outside(low, high)),
                _ => Err(Problem {
                    message: format!("`{operator}` does not go with a range"),
                    span: whole,
                    impossible: false,
                }),
            };
        }
        let value = number(from..whole.end)?;
        Ok(match operator {
            "<" => Self::Less(value, false),
            "<=" => Self::Less(value, true),
            ">" => Self::Greater(value, false),
            ">=" => Self::Greater(value, true),
            other => Self::Equal(value, !other.starts_with('!')),
        })
    }
}

struct Reader<'a> {
    text: &'a str,
    syntax: &'a Syntax,
}

impl Reader<'_> {
    fn problem(&self, span: &Range<usize>, message: impl Into<String>) -> Problem {
        Problem { message: message.into(), span: span.clone(), impossible: false }
    }

    fn impossible(&self, span: &Range<usize>, message: impl Into<String>) -> Problem {
        Problem { impossible: true, ..self.problem(span, message) }
    }

    /// `name`, `!name`, or a list of flags.
    fn named(&self, whole: Range<usize>) -> Result<Test, Problem> {
        if !self.syntax.flags {
            let (negated, value) = self.name(whole)?;
            return Ok(if negated { Test::Outside(value, value) } else { Test::Within(value, value) });
        }
        let (mut mask, mut wanted) = (0, 0);
        let mut from = whole.start;
        for part in slice(self.text, &whole).split(',') {
            let span = trim(self.text, from..from + part.len());
            from += part.len() + 1;
            let (negated, bits) = self.name(span.clone())?;
            if mask & bits != 0 {
                return Err(self.impossible(&span, "the same flag is asked for twice"));
            }
            mask |= bits;
            wanted |= if negated { 0 } else { bits };
        }
        Ok(Test::Masked { mask, value: wanted, equal: true })
    }

    fn name(&self, span: Range<usize>) -> Result<(bool, u64), Problem> {
        let word = slice(self.text, &span);
        let name = word.strip_prefix('!').unwrap_or(word).trim_start();
        let row = self.syntax.names.iter().find(|row| row.0.eq_ignore_ascii_case(name));
        match row {
            Some(row) => Ok((name.len() < word.len(), row.1)),
            None => Err(self.problem(&span, format!("`{name}` is no name of a value"))),
        }
    }

    /// An operator with a number, a range, or a mask.
    fn comparison(&self, whole: Range<usize>) -> Result<Test, Problem> {
        let word = slice(self.text, &whole);
        let max = self.syntax.max();
        if let Some(rest) = word.strip_prefix('&') {
            return self.mask(whole.end - rest.len()..whole.end);
        }
        let (operator, rest) = split_operator(word);
        let number = whole.end - rest.len()..whole.end;
        if let Some((low, high)) = self.range(&number) {
            return self.between(operator, low, high, whole);
        }
        let value = self.number(number.clone())?;
        match operator {
            "" | "=" => Ok(Test::Within(value, value)),
            "!" | "!=" => Ok(Test::Outside(value, value)),
            "<" => match value.checked_sub(1) {
                Some(high) => Ok(Test::Within(0, high)),
                None => Err(self.impossible(&whole, "no number is less than 0")),
            },
            "<=" => Ok(Test::Within(0, value)),
            ">" if value == max => Err(self.impossible(&whole, format!("no number here is greater than {max}"))),
            ">" => Ok(Test::Within(value + 1, max)),
            _ => Ok(Test::Within(value, max)),
        }
    }

    /// The two numbers of a range, if it is one.
    fn range(&self, span: &Range<usize>) -> Option<(Range<usize>, Range<usize>)> {
        let text = slice(self.text, span);
        let (at, width) = text.find("<>").map(|at| (at, 2)).or_else(|| text.find('-').map(|at| (at, 1)))?;
        Some((span.start..span.start + at, span.start + at + width..span.end))
    }

    fn between(
        &self,
        operator: &str,
        low: Range<usize>,
        high: Range<usize>,
        whole: Range<usize>,
    ) -> Result<Test, Problem> {
        let negated = match operator {
            "" | "=" => false,
            "!" | "!=" => true,
            _ => return Err(self.problem(&whole, format!("`{operator}` does not go with a range"))),
        };
        let (low, high) = (self.number(low)?, self.number(high)?);
        let (low, high) = if self.syntax.inclusive { (Some(low), Some(high)) } else { shrink(low, high) };
        match (low, high) {
            (Some(low), Some(high)) if low <= high => {
                Ok(if negated { Test::Outside(low, high) } else { Test::Within(low, high) })
            }
            _ => Err(self.impossible(&whole, "no number is in this range").because_ends_are_excluded(self.syntax)),
        }
    }

    /// `mask=value` or `mask!=value`, after the `&`.
    fn mask(&self, span: Range<usize>) -> Result<Test, Problem> {
        let text = slice(self.text, &span);
        let Some(at) = text.find('=') else {
            return Err(self.problem(&span, "a mask must be followed by `=` or `!=` and a number"));
        };
        let (left, equal) = match text.get(..at).and_then(|left| left.strip_suffix('!')) {
            Some(left) => (left.len(), false),
            None => (at, true),
        };
        let mask = self.number(span.start..span.start + left)?;
        let value = self.number(span.start + at + 1..span.end)?;
        if value & !mask != 0 {
            return Err(self.impossible(&span, "the number has bits that the mask has not"));
        }
        Ok(Test::Masked { mask, value, equal })
    }

    fn number(&self, span: Range<usize>) -> Result<u64, Problem> {
        let span = trim(self.text, span);
        let word = slice(self.text, &span);
        let value = match word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")) {
            Some(digits) => u64::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with('+')),
            None => decimal(word),
        };
        match value {
            Some(value) if value <= self.syntax.max() => Ok(value),
            Some(value) => Err(self.impossible(&span, format!("{value} does not fit into {} bits", self.syntax.bits))),
            None => Err(self.problem(&span, format!("`{word}` is no number"))),
        }
    }
}

impl Problem {
    fn because_ends_are_excluded(mut self, syntax: &Syntax) -> Self {
        if !syntax.inclusive {
            self.message.push_str(": both ends are excluded");
        }
        self
    }
}

/// A range without its ends.
const fn shrink(low: u64, high: u64) -> (Option<u64>, Option<u64>) {
    (low.checked_add(1), high.checked_sub(1))
}

/// Digits with an optional unit.
fn decimal(word: &str) -> Option<u64> {
    let digits = word.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match word.get(digits.len()..)?.to_ascii_lowercase().as_str() {
        "" => 1,
        "kb" | "kib" => 1 << 10,
        "mb" | "mib" => 1 << 20,
        "gb" | "gib" => 1 << 30,
        _ => return None,
    };
    let digits = digits.trim_end();
    digits.parse::<u64>().ok().filter(|_| !digits.starts_with('+'))?.checked_mul(factor)
}

/// The comparison operator in front, and the rest.
/// The operator before a number, and the number.
pub(super) fn split_operator(word: &str) -> (&str, &str) {
    let operator = ["<=", ">=", "!=", "<", ">", "=", "!"].into_iter().find(|operator| word.starts_with(operator));
    match operator {
        Some(operator) => (operator, word.get(operator.len()..).unwrap_or_default()),
        None => ("", word),
    }
}

/// `span` without the white space at its ends.
fn trim(text: &str, span: Range<usize>) -> Range<usize> {
    let part = slice(text, &span);
    let start = span.start + (part.len() - part.trim_start().len());
    let end = start + part.trim().len();
    start..end
}

fn slice<'a>(text: &'a str, span: &Range<usize>) -> &'a str {
    text.get(span.clone()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
