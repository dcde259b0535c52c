//! What a payload must be like at its beginning for a chain to match, as far as single bytes at fixed places tell.
//!
//! For those who can look at few bytes alone. A payload that is not like this does not match; one that is may.

use std::cmp::Reverse;

use super::byte_jump::{ByteJump, Origin};
use super::chain::{Chain, Test};
use super::content::{Content, Place};
use super::numeric::Endian;
use super::vars::Number;

/// Bytes at the beginning that are told apart.
pub(in crate::detect) const HEAD: usize = 16;

/// A set of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSet([u64; 4]);

impl ByteSet {
    /// Every byte.
    pub const ALL: Self = Self([u64::MAX; 4]);
    /// None.
    pub const NONE: Self = Self([0; 4]);

    /// Adds a byte; in both cases if `nocase`.
    pub fn add(&mut self, byte: u8, nocase: bool) {
        let both = [byte.to_ascii_lowercase(), byte.to_ascii_uppercase()];
        let bytes = if nocase { both } else { [byte; 2] };
        for byte in bytes {
            if let Some(word) = self.0.get_mut(usize::from(byte >> 6)) {
                *word |= 1 << (byte & 63);
            }
        }
    }

    /// Whether a byte is in it.
    pub fn has(&self, byte: u8) -> bool {
        self.0.get(usize::from(byte >> 6)).is_some_and(|word| word >> (byte & 63) & 1 != 0)
    }

    /// What is in both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
        Self([a & e, b & f, c & g, d & h])
    }

    /// What is in either.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
        Self([a | e, b | f, c | g, d | h])
    }

    /// Its bytes.
    pub fn bytes(self) -> impl Iterator<Item = u8> {
        (0..=u8::MAX).filter(move |byte| self.has(*byte))
    }
}

/// Bytes that stand somewhere in the first part of the payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seek {
    /// Three or more.
    pub bytes: Box<[u8]>,
    /// Case does not matter.
    pub nocase: bool,
    /// The length of that part; `usize::MAX` for the whole payload.
    pub reach: usize,
}

/// What a payload must be like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    /// Its first bytes.
    pub head: [ByteSet; HEAD],
    /// What must stand somewhere.
    pub seek: Option<Seek>,
}

impl Outline {
    /// Any payload.
    pub const ANY: Self = Self { head: [ByteSet::ALL; HEAD], seek: None };

    /// `bytes` begin at one of these places, the last one included.
    fn stand(&mut self, bytes: &[u8], nocase: bool, (first, last): (usize, usize)) {
        // Bytes that belong to it wherever it begins.
        let covered = self.head.iter_mut().enumerate().take(first.saturating_add(bytes.len())).skip(last);
        for (place, set) in covered {
            let mut these = ByteSet::NONE;
            let begins = first..=last;
            let said = begins.filter_map(|begin| bytes.get(place.checked_sub(begin)?));
            said.for_each(|byte| these.add(*byte, nocase));
            *set = set.and(these);
        }
    }

    fn offer(&mut self, bytes: &[u8], nocase: bool, reach: usize) {
        let better = |seek: &Seek| (reach, Reverse(bytes.len())) < (seek.reach, Reverse(seek.bytes.len()));
        if bytes.len() >= 3 && self.seek.as_ref().is_none_or(better) {
            self.seek = Some(Seek { bytes: bytes.into(), nocase, reach });
        }
    }
}

impl Chain {
    /// What a payload that matches must be like.
    pub fn outline(&self) -> Outline {
        let mut outline = Outline::ANY;
        // Where the test before ended, if that is certain.
        let mut end = Some(0);
        for step in &self.steps {
            match &step.test {
                Test::Content(content) if content.negated => {}
                Test::Content(content) => end = outline.content(content, end),
                Test::ByteJump(jump) => {
                    outline.jump(jump);
                    end = None;
                }
                Test::Pcre(_) | Test::ByteExtract(_) | Test::ByteMath(_) => end = None,
                Test::IsDataAt(_) | Test::ByteTest(_) | Test::Size(_) | Test::Entropy(_) | Test::Base64(..) => {}
            }
        }
        outline
    }
}

impl Outline {
    /// Out: where the content ends, if that is certain.
    fn content(&mut self, content: &Content, end: Option<usize>) -> Option<usize> {
        let (from, length) = match content.place {
            Place::Absolute { offset, depth } => (offset.fixed()?, depth),
            Place::Relative { distance, within } => (i64::try_from(end?).ok()?.checked_add(distance.fixed()?)?, within),
        };
        let Some(length) = length.and_then(Number::fixed) else {
            self.offer(&content.bytes, content.nocase, usize::MAX);
            return None;
        };
        let limit = usize::try_from(from.checked_add(length)?).ok()?;
        let first = usize::try_from(from.max(0)).ok()?;
        let last = limit.checked_sub(content.bytes.len()).filter(|last| *last >= first)?;
        self.stand(&content.bytes, content.nocase, (first, last));
        self.offer(&content.bytes, content.nocase, limit);
        (first == last).then_some(limit)
    }

    /// A jump that leads out of the payload fails, and no payload is longer than an IP packet: of a number that says how
    /// far, the upper bytes are 0.
    fn jump(&mut self, jump: &ByteJump) {
        let source = &jump.source;
        let plain = !source.relative && source.base.is_none() && source.bitmask.is_none() && jump.multiplier >= 1;
        let forward = jump.origin != Origin::End && jump.post_offset > -i64::from(u16::MAX);
        let (Some(count), Some(offset)) = (source.count.fixed(), source.offset.fixed()) else { return };
        let (Ok(count), Ok(offset)) = (usize::try_from(count), usize::try_from(offset)) else { return };
        let place = |weight: usize| match source.endian {
            Endian::Big => offset.checked_add(count)?.checked_sub(weight + 1),
            Endian::Little => offset.checked_add(weight),
            Endian::Dce => None,
        };
        if !plain || !forward {
            return;
        }
        // Below 2^17 in any case, so that of the third byte one bit is left.
        for weight in 2..count {
            let mut set = ByteSet::NONE;
            set.add(0, false);
            if weight == 2 {
                set.add(1, false);
            }
            if let Some(old) = place(weight).and_then(|at| self.head.get_mut(at)) {
                *old = old.and(set);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::chain;
    use super::*;

    /// The first bytes that a payload may have, and what is sought up to where; `.` is any byte.
    fn outlined(rule: &str) -> (String, Option<(String, usize)>) {
        let outline = chain(rule).outline();
        let said = |set: &ByteSet| match set.bytes().count() {
            256 => ".".to_owned(),
            1 => set.bytes().map(|byte| byte.escape_ascii().to_string()).collect(),
            _ => format!("[{}]", set.bytes().map(|byte| byte.escape_ascii().to_string()).collect::<String>()),
        };
        let head: String = outline.head.iter().map(said).collect();
        let seek = outline.seek.map(|seek| (String::from_utf8(seek.bytes.into()).unwrap(), seek.reach));
        (head.trim_end_matches('.').to_owned(), seek)
    }

    #[test]
    fn bytes_at_fixed_places_are_found() {
        let cases = [
            ("content:\"ab\"; depth:2;", "ab"),
            ("content:\"ab\"; startswith;", "ab"),
            ("content:\"aB\"; depth:2; nocase;", "[Aa][Bb]"),
            ("content:\"ab\"; offset:2; depth:2;", "..ab"),
            ("content:\"abc\"; depth:4;", ".[ab][bc]"),
            ("content:\"ab\"; depth:9;", ""),
            ("content:\"ab\"; offset:1;", ""),
            ("content:\"ab\";", ""),
            ("content:!\"ab\"; depth:2;", ""),
            ("content:\"a\"; depth:1; content:\"b\"; distance:2; within:1;", "a..b"),
            ("content:\"a\"; depth:1; content:\"b\"; distance:2; within:2;", "a"),
            ("content:\"a\"; depth:2; content:\"b\"; distance:0; within:1;", ""),
            ("content:\"a\"; depth:1; content:!\"x\"; within:1; content:\"b\"; distance:0; within:1;", "ab"),
            ("content:\"a\"; depth:1; pcre:\"/c/\"; content:\"b\"; distance:0; within:1;", "a"),
            ("content:\"ab\"; depth:2; content:\"ac\"; depth:2;", "a[]"),
            ("byte_jump:4,0,little; isdataat:!1,relative;", "..[\\x00\\x01]\\x00"),
            ("byte_jump:4,1; isdataat:!1,relative;", ".\\x00[\\x00\\x01]"),
            ("byte_jump:4,0,from_end;", ""),
            ("byte_jump:4,0,string,dec;", ""),
            ("byte_jump:2,0;", ""),
        ];
        for (rule, head) in cases {
            assert_eq!(outlined(rule).0, head, "{rule}");
        }
    }

    #[test]
    fn what_stands_somewhere_is_sought_where_it_must_be_nearest() {
        let cases = [
            ("content:\"abc\"; depth:20;", Some(("abc", 20))),
            ("content:\"abc\"; offset:10; depth:20;", Some(("abc", 30))),
            ("content:\"abc\"; depth:20; content:\"defg\"; depth:9;", Some(("defg", 9))),
            ("content:\"abc\"; depth:20; content:\"d\"; depth:9;", Some(("abc", 20))),
            ("content:\"abc\";", Some(("abc", usize::MAX))),
            ("content:\"abc\"; offset:3;", Some(("abc", usize::MAX))),
            ("content:\"abc\"; content:\"defg\";", Some(("defg", usize::MAX))),
            ("content:\"ab\"; depth:9;", None),
            ("content:!\"abc\"; depth:20;", None),
        ];
        for (rule, seek) in cases {
            assert_eq!(outlined(rule).1, seek.map(|(bytes, reach)| (bytes.to_owned(), reach)), "{rule}");
        }
    }
}
