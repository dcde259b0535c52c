//! A chain as `rules.json` shows it: its tests in order, with what each came to.
//!
//! In: a chain, and which of its contents finds the rule.  Out: calls of a [`Writer`]. Reads what was compiled;
//! holds nothing.

use super::byte_jump::{ByteJump, Origin};
use super::chain::{Absent, Chain, Step, Test};
use super::check::{is_relative, moves};
use super::content::{Content, FastPattern, Place};
use super::numeric::{Endian, Source};
use super::vars::Number;
use crate::record::{Shape, Writer};

impl Chain {
    /// The tests, as elements of a list that the caller opened. `chosen`: which of the contents finds the rule.
    pub(in crate::detect) fn describe(&self, chosen: Option<usize>, out: &mut dyn Writer) {
        if self.absent != Absent::No {
            one("absent", out, |out| out.flag("or_else", self.absent == Absent::OrElse));
        }
        let mut contents = 0;
        for (at, step) in self.steps.iter().enumerate() {
            let next = self.steps.get(at + 1);
            if let Test::Content(content) = &step.test {
                let found = chosen == Some(contents);
                contents += 1;
                one("content", out, |out| content.describe(self.anchored(at), found, next, out));
            } else {
                step.describe(next, out);
            }
        }
    }

    /// The content that finds the rule, as the members of an object that the caller opened.
    pub(in crate::detect) fn describe_content(&self, number: usize, out: &mut dyn Writer) {
        let contents = self.steps.iter().enumerate().filter_map(|(at, step)| match &step.test {
            Test::Content(content) => Some((at, content)),
            _ => None,
        });
        if let Some((at, content)) = contents.into_iter().nth(number) {
            content.describe(self.anchored(at), true, self.steps.get(at + 1), out);
        }
    }

    /// What was made of options that say something else than they come to.
    pub(in crate::detect) fn describe_notes(&self, out: &mut dyn Writer) {
        for (at, step) in self.steps.iter().enumerate() {
            let Test::Content(content) = &step.test else { continue };
            let Place::Relative { distance, within } = content.place else { continue };
            if self.anchored(at) {
                if within.is_some() {
                    out.text("", b"'within' option for pattern w/o previous content was converted to 'depth'");
                }
                if distance != Number::Fixed(0) {
                    out.text("", b"'distance' option for pattern w/o previous content was converted to 'offset'");
                }
            }
        }
    }

    /// What was decoded on the way, with the tests of it.
    pub(in crate::detect) fn decoded(&self) -> Option<&Self> {
        self.steps.iter().find_map(|step| match &step.test {
            Test::Base64(_, Some(chain)) => Some(&**chain),
            _ => None,
        })
    }

    /// Whether nothing before this test leaves a place to go on from: relative to it means from the start.
    fn anchored(&self, at: usize) -> bool {
        !self.steps.iter().take(at).any(|step| moves(&step.test))
    }
}

/// `{"name": …, "<name>": {…}}`
fn one(name: &str, out: &mut dyn Writer, content: impl FnOnce(&mut dyn Writer)) {
    out.open("", Shape::Object);
    out.text("name", name.as_bytes());
    out.open(name, Shape::Object);
    content(out);
    out.close();
    out.close();
}

fn number(key: &str, number: Number, out: &mut dyn Writer) {
    if let Some(value) = number.fixed() {
        out.int(key, value);
    }
}

impl Step {
    fn describe(&self, next: Option<&Self>, out: &mut dyn Writer) {
        let goes_on = next.is_some_and(|next| is_relative(&next.test));
        match &self.test {
            Test::Pcre(pcre) => one("pcre", out, |out| {
                out.flag("relative", pcre.relative);
                out.flag("relative_next", goes_on);
                out.flag("nocase", pcre.nocase);
                out.flag("negated", pcre.negated);
            }),
            Test::IsDataAt(test) => one("isdataat", out, |out| {
                number("offset", test.at, out);
                out.flag("relative", test.relative);
                out.flag("negated", test.negated);
            }),
            Test::ByteTest(test) => one("byte_test", out, |out| source(&test.source, &[], out)),
            Test::ByteJump(jump) => one("byte_jump", out, |out| {
                source(&jump.source, &jump_flags(jump), out);
                out.uint("multiplier", jump.multiplier);
                out.int("post_offset", jump.post_offset);
            }),
            Test::ByteExtract(extract) => one("byte_extract", out, |out| source(&extract.source, &[], out)),
            Test::ByteMath(math) => one("byte_math", out, |out| source(&math.source, &[], out)),
            Test::Size(test) => one("bsize", out, |out| crate::detect::describe::number(test, "", out)),
            Test::Base64(decode, _) => one("base64_decode", out, |out| out.flag("relative", decode.relative)),
            Test::Entropy(_) => one("entropy", out, |_| {}),
            Test::Content(_) => {}
        }
    }
}

fn jump_flags(jump: &ByteJump) -> Vec<&'static str> {
    let mut flags = Vec::new();
    if jump.align {
        flags.push("align");
    }
    match jump.origin {
        Origin::Here => {}
        Origin::Beginning => flags.push("from_beginning"),
        Origin::End => flags.push("from_end"),
    }
    flags
}

/// Which bytes a test reads, with its flags: `more` stands between where they are and how they are read.
fn source(source: &Source, more: &[&str], out: &mut dyn Writer) {
    number("nbytes", source.count, out);
    number("offset", source.offset, out);
    if let Some(base) = source.base {
        out.uint("base", base.into());
    }
    out.open("flags", Shape::List);
    if source.relative {
        out.text("", b"relative");
    }
    for flag in more {
        out.text("", flag.as_bytes());
    }
    match source.endian {
        Endian::Big => {}
        Endian::Little => out.text("", b"little"),
        Endian::Dce => out.text("", b"dce"),
    }
    out.close();
}

impl Content {
    fn describe(&self, anchored: bool, chosen: bool, next: Option<&Step>, out: &mut dyn Writer) {
        out.text("pattern", written(&self.bytes).as_bytes());
        out.uint("length", self.bytes.len() as u64);
        out.flag("nocase", self.nocase);
        out.flag("negated", self.negated);
        out.flag("starts_with", self.starts());
        out.flag("ends_with", self.ends);
        let (start, extent) = self.place.numbers();
        let (from, length) = match self.place.is_relative() && !anchored {
            true => ("distance", "within"),
            false => ("offset", "depth"),
        };
        if from == "distance" || start != Number::Fixed(0) {
            number(from, start, out);
        }
        if let Some(extent) = extent {
            number(length, extent, out);
        }
        let whole = !matches!(self.fast, Some(FastPattern::Chop { .. }));
        out.flag("is_mpm", chosen);
        // Its being there is all that is asked of it.
        let alone = self.place == Place::ANYWHERE && !self.ends && !self.negated;
        out.flag("no_double_inspect", chosen && whole && alone);
        out.flag("fast_pattern", self.fast.is_some());
        out.flag("relative_next", next.is_some_and(|next| is_relative(&next.test)));
    }

    /// Whether it can only stand at the very start of the buffer.
    fn starts(&self) -> bool {
        let length = Number::Fixed(self.bytes.len() as i64);
        self.place == Place::Absolute { offset: Number::Fixed(0), depth: Some(length) }
    }
}

/// Bytes as a rule writes them: what is not printable, or means something in rules, between bars as hex.
pub(in crate::detect) fn written(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'|' | b'"' | b';' | b':' | b'\\');
    let mut out = String::with_capacity(bytes.len());
    for part in bytes.chunk_by(|a, b| plain(*a) == plain(*b)) {
        if part.first().is_some_and(|byte| plain(*byte)) {
            out.extend(part.iter().map(|byte| char::from(*byte)));
            continue;
        }
        for (at, byte) in part.iter().enumerate() {
            let lead = if at == 0 { '|' } else { ' ' };
            // Writing to a string cannot fail.
            let _ = write!(out, "{lead}{byte:02X}");
        }
        out.push('|');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::written;

    #[test]
    fn bytes_are_written_as_rules_have_them() {
        for (bytes, want) in [
            (&b"abc"[..], "abc"),
            (b"delete from", "delete|20|from"),
            (b" 200 ", "|20|200|20|"),
            (b"\x15\x03\x01", "|15 03 01|"),
            (b"a|b;c", "a|7C|b|3B|c"),
            (b"", ""),
        ] {
            assert_eq!(written(bytes), want);
        }
    }
}
