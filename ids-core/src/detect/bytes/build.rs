//! Options of a rule → a [`Chain`].
//!
//! Everything that is wrong with one option is said at that option; what only shows when all of them are known is
//! said by [`super::check`] at the end.

use std::mem;

use super::base64::Base64Decode;
use super::byte_extract::ByteExtract;
use super::byte_jump::ByteJump;
use super::byte_math::ByteMath;
use super::byte_test::ByteTest;
use super::chain::{Absent, Chain, Test};
use super::check;
use super::content::{Content, FastPattern, Place};
use super::entropy::Entropy;
use super::isdataat::IsDataAt;
use super::pcre::Pcre;
use super::text::Part;
use super::vars::{Number, Scope, VarNames};
use super::{Limits, numeric};
use crate::detect::integer;
use crate::detect::transforms::Transform;
use crate::field::BytesKind;
use crate::rules::ast::{Opt, Span};
use crate::rules::diagnostic::{Code, Diagnostic, Severity};

/// Most tests of one buffer.
const MAX_TESTS: usize = 500;
/// How far `distance` and `within` reach either way.
const REACH: i64 = 1 << 20;
/// How far `offset` and `depth` reach.
const EXTENT: i64 = 65_535;

/// What the buffers of one rule share while it is read.
pub struct ChainCx<'a> {
    /// Byte variables of the rule.
    pub vars: &'a mut VarNames,
    /// What is odd but loads.
    pub warnings: &'a mut Vec<Diagnostic>,
    /// Bounds for matching.
    pub limits: &'a Limits,
}

/// A chain that is being put together.
pub struct ChainBuilder {
    pub(super) buffer: BytesKind,
    pub(super) transforms: Vec<Transform>,
    pub(super) tests: Vec<Test>,
    pub(super) absent: Option<(Absent, Span)>,
    /// Where sizes are tested.
    pub(super) sizes: Vec<Span>,
    scope: Scope,
    /// What is wrong with chains on decoded data that were left.
    problems: Vec<Diagnostic>,
    /// The chain on decoded data that options go to since `base64_data`.
    inner: Option<Box<ChainBuilder>>,
    decoded: bool,
}

impl ChainBuilder {
    /// A chain without tests.
    pub fn new(buffer: BytesKind) -> Self {
        Self {
            buffer,
            transforms: Vec::new(),
            tests: Vec::new(),
            absent: None,
            sizes: Vec::new(),
            scope: Scope::default(),
            problems: Vec::new(),
            inner: None,
            decoded: false,
        }
    }

    /// Tells what was done to the buffer before these tests see it, so that contents which cannot be in what is
    /// left of it are refused.
    pub fn transformed(&mut self, transforms: &[Transform]) {
        self.transforms = transforms.to_vec();
    }

    /// Keeps byte variables of this buffer from being used in others: for the payload of packets, which is not looked
    /// at together with transactions.
    pub fn isolate(&mut self) {
        self.scope.isolated = true;
    }

    /// Whether no option was taken yet.
    pub fn is_empty(&self) -> bool {
        self.tests.is_empty() && self.absent.is_none()
    }

    /// Takes the next option. After `base64_data` options mean the decoded data; the caller goes back to the buffer
    /// itself by [`Self::leave_decoded`], when the rule names it again.
    ///
    /// Err: what is wrong with the option. The chain is as it was before, so that later options can be read to find
    /// more mistakes.
    pub fn option(&mut self, opt: &Opt, cx: &mut ChainCx<'_>) -> Result<(), Diagnostic> {
        if opt.name.text == "base64_data" {
            return self.open_decoded(opt);
        }
        if let Some(inner) = &mut self.inner {
            return inner.option(opt, cx);
        }
        if self.tests.len() >= MAX_TESTS {
            let message = format!("a buffer has at most {MAX_TESTS} tests");
            return Err(Diagnostic::error(Code::TooLong, opt.span.clone(), message));
        }
        match opt.name.text.as_str() {
            "content" | "uricontent" => self.content(opt),
            "pcre" => self.pcre(opt, cx),
            "absent" => self.absent(opt),
            "bsize" => self.bsize(opt),
            "base64_decode" => self.base64_decode(opt),
            "isdataat" => {
                let test = IsDataAt::parse(Part::value(opt)?, &self.scope, cx.vars)?;
                self.push(Test::IsDataAt(test))
            }
            "byte_test" => {
                let test = ByteTest::parse(Part::value(opt)?, &self.scope, cx.vars)?;
                self.push(Test::ByteTest(test))
            }
            "byte_jump" => {
                let test = ByteJump::parse(Part::value(opt)?, &self.scope, cx.vars)?;
                self.push(Test::ByteJump(test))
            }
            "byte_extract" => {
                let test = ByteExtract::parse(Part::value(opt)?, &mut self.scope, cx.vars)?;
                self.push(Test::ByteExtract(test))
            }
            "byte_math" => self.byte_math(opt, cx),
            "entropy" => {
                let test = Entropy::parse(Part::value(opt)?)?;
                self.push(Test::Entropy(test))
            }
            "nocase" | "rawbytes" | "startswith" | "endswith" | "offset" | "depth" | "distance" | "within"
            | "fast_pattern" | "replace" => self.modifier(opt, cx),
            other => {
                Err(Diagnostic::error(Code::UnknownKeyword, opt.name.span.clone(), format!("`{other}` is not known")))
            }
        }
    }

    /// Options mean the buffer itself again.
    pub fn leave_decoded(&mut self) {
        let Some(inner) = self.inner.take() else { return };
        self.problems.extend(check::problems(&inner));
        let decode = self.tests.iter_mut().rev().find_map(|test| match test {
            Test::Base64(_, chain) => Some(chain),
            _ => None,
        });
        if let Some(chain) = decode {
            *chain = Some(Box::new(inner.finish()));
        }
    }

    /// The chain, checked as a whole.
    pub fn build(mut self, cx: &mut ChainCx<'_>) -> Result<Chain, Vec<Diagnostic>> {
        self.leave_decoded();
        let mut problems = mem::take(&mut self.problems);
        problems.extend(check::problems(&self));
        let is_error = |problem: &Diagnostic| problem.severity == Severity::Error;
        let (errors, warnings): (Vec<_>, Vec<_>) = problems.into_iter().partition(is_error);
        cx.warnings.extend(warnings);
        if errors.is_empty() { Ok(self.finish()) } else { Err(errors) }
    }

    /// Whether what the tests see holds no capitals. Nothing is known of it behind a transform.
    pub(super) fn is_lowercase(&self) -> bool {
        self.buffer.lowercase && self.transforms.is_empty()
    }

    fn finish(self) -> Chain {
        let absent = self.absent.map_or(Absent::No, |absent| absent.0);
        check::chain(self.tests, absent)
    }

    fn push(&mut self, test: Test) -> Result<(), Diagnostic> {
        self.tests.push(test);
        Ok(())
    }

    fn open_decoded(&mut self, opt: &Opt) -> Result<(), Diagnostic> {
        Part::none(opt)?;
        if self.inner.is_some() {
            return Ok(());
        }
        if !self.tests.iter().any(|test| matches!(test, Test::Base64(..))) {
            return Err(Diagnostic::error(Code::NoContext, opt.span.clone(), "`base64_data` needs decoded data")
                .help("put `base64_decode` before it, in the same buffer"));
        }
        self.inner = Some(Box::new(Self { decoded: true, ..Self::new(BytesKind::PLAIN) }));
        Ok(())
    }

    fn content(&mut self, opt: &Opt) -> Result<(), Diagnostic> {
        let (negated, value) = Part::value(opt)?.negation();
        let text = value.quoted()?;
        let bytes = text.bytes()?;
        if bytes.is_empty() {
            return Err(value.bad("there is nothing to look for").help("a content has at least one byte"));
        }
        self.push(Test::Content(Content::new(bytes, negated, opt.span.clone())))
    }

    fn pcre(&mut self, opt: &Opt, cx: &mut ChainCx<'_>) -> Result<(), Diagnostic> {
        let pcre = Pcre::parse(Part::value(opt)?, self.is_lowercase(), cx.limits)?;
        self.push(Test::Pcre(pcre))
    }

    fn absent(&mut self, opt: &Opt) -> Result<(), Diagnostic> {
        let absent = match &opt.value {
            None => Absent::Required,
            Some(value) if value.text == "or_else" => Absent::OrElse,
            Some(_) => return Err(Part::value(opt)?.bad("only `or_else` can stand here")),
        };
        if self.absent.is_some() {
            return Err(Diagnostic::error(Code::Repeated, opt.span.clone(), "`absent` stands twice"));
        }
        if !self.tests.is_empty() || self.decoded {
            return Err(Diagnostic::error(
                Code::Conflict,
                opt.span.clone(),
                "`absent` comes after tests of the buffer",
            )
            .help("put it right behind the buffer's name"));
        }
        self.absent = Some((absent, opt.span.clone()));
        Ok(())
    }

    fn bsize(&mut self, opt: &Opt) -> Result<(), Diagnostic> {
        let value = Part::value(opt)?;
        let test = integer::parse(value.text, 64, &[]).map_err(|problem| value.problem(problem))?;
        self.sizes.push(opt.span.clone());
        self.push(Test::Size(test))
    }

    fn base64_decode(&mut self, opt: &Opt) -> Result<(), Diagnostic> {
        if self.decoded {
            let message = "decoded data cannot be decoded again";
            return Err(Diagnostic::error(Code::NotSupported, opt.span.clone(), message));
        }
        let value = if opt.value.is_some() { Some(Part::value(opt)?) } else { None };
        self.push(Test::Base64(Base64Decode::parse(value)?, None))
    }

    fn byte_math(&mut self, opt: &Opt, cx: &mut ChainCx<'_>) -> Result<(), Diagnostic> {
        let test = ByteMath::parse(Part::value(opt)?, &mut self.scope, cx.vars)?;
        if test.source.relative && self.tests.is_empty() {
            return Err(Diagnostic::error(
                Code::NoContext,
                opt.span.clone(),
                "there is nothing before it to be relative to",
            )
            .help("leave `relative` out, or put a content before it"));
        }
        self.push(Test::ByteMath(test))
    }

    /// An option that changes the content before it.
    fn modifier(&mut self, opt: &Opt, cx: &mut ChainCx<'_>) -> Result<(), Diagnostic> {
        let name = opt.name.text.as_str();
        let (lowercase, decoded) = (self.is_lowercase(), self.decoded);
        let content = self.tests.iter_mut().rev().find_map(|test| match test {
            Test::Content(content) => Some(content),
            _ => None,
        });
        let Some(content) = content else {
            return Err(Diagnostic::error(
                Code::NoContext,
                opt.span.clone(),
                format!("`{name}` needs a content before it in the same buffer"),
            )
            .label("nothing to change")
            .help(format!("put `content:\"…\";` before `{name}`")));
        };
        match name {
            "nocase" => {
                Part::none(opt)?;
                if lowercase {
                    return Err(conflict(opt, "this buffer holds lower case only").help("leave `nocase` out"));
                }
                content.ignore_case();
                Ok(())
            }
            "rawbytes" => {
                Part::none(opt)?;
                cx.warnings.push(Diagnostic::warning(Code::Obsolete, opt.span.clone(), "`rawbytes` has no effect"));
                Ok(())
            }
            "fast_pattern" if decoded => Err(conflict(opt, "decoded data has no prefilter, so no fast pattern")),
            "fast_pattern" => fast_pattern(content, opt),
            "replace" => replace(content, opt),
            "startswith" => {
                Part::none(opt)?;
                let length = Number::Fixed(content.bytes.len() as i64);
                let place = Place::Absolute { offset: Number::Fixed(0), depth: Some(length) };
                match mem::replace(&mut content.place, place) {
                    before if before == Place::ANYWHERE || before == place => Ok(()),
                    before => {
                        content.place = before;
                        Err(conflict(opt, "`startswith` says where the content stands; it was said before"))
                    }
                }
            }
            "endswith" => {
                Part::none(opt)?;
                content.ends = true;
                Ok(())
            }
            _ => place(content, opt, &self.scope, cx.vars),
        }
    }
}

fn conflict(opt: &Opt, message: &str) -> Diagnostic {
    Diagnostic::error(Code::Conflict, opt.span.clone(), message)
}

/// `offset`, `depth`, `distance`, `within`.
fn place(content: &mut Content, opt: &Opt, scope: &Scope, vars: &VarNames) -> Result<(), Diagnostic> {
    let name = opt.name.text.as_str();
    let value = Part::value(opt)?;
    let bounds = match name {
        "offset" | "depth" => (0, EXTENT),
        "distance" => (-REACH, REACH),
        _ => (0, REACH),
    };
    let number = scope.number(value, bounds, vars)?;
    let length = content.bytes.len() as i64;
    if matches!(name, "depth" | "within") && number.fixed().is_some_and(|number| number < length) {
        return Err(Diagnostic::error(
            Code::Impossible,
            value.span(),
            format!("`{name}` leaves no room for the {length} bytes of the content"),
        )
        .help(format!("at least `{name}:{length}`")));
    }
    let relative = matches!(name, "distance" | "within");
    let fresh = content.place == Place::ANYWHERE;
    let (start, extent) = content.place.numbers();
    if !fresh && relative != content.place.is_relative() {
        return Err(conflict(opt, "a place is either absolute or relative to the match before")
            .help("take `offset` and `depth`, or `distance` and `within`, not both"));
    }
    let (start, extent) = match name {
        "offset" | "distance" => (number, extent),
        _ => (start, Some(number)),
    };
    let place = if relative {
        Place::Relative { distance: start, within: extent }
    } else {
        Place::Absolute { offset: start, depth: extent }
    };
    if !fresh && said_before(content.place, name) {
        return Err(Diagnostic::error(
            Code::Repeated,
            opt.span.clone(),
            format!("`{name}` stands twice for one content"),
        ));
    }
    content.place = place;
    no_negated_place(content, opt)
}

/// Whether the modifier was used on this content. An offset of 0 that was written out cannot be told from none.
fn said_before(place: Place, name: &str) -> bool {
    let (start, extent) = place.numbers();
    match name {
        "offset" | "distance" => start != Number::Fixed(0),
        _ => extent.is_some(),
    }
}

/// A negated content that may be elsewhere tells the prefilter nothing.
fn no_negated_place(content: &Content, opt: &Opt) -> Result<(), Diagnostic> {
    if content.fast.is_some() && content.negated && content.place != Place::ANYWHERE {
        let message = "a negated content with a place is no fast pattern";
        return Err(conflict(opt, message).help("choose another content with `fast_pattern`"));
    }
    Ok(())
}

fn fast_pattern(content: &mut Content, opt: &Opt) -> Result<(), Diagnostic> {
    let fast = match &opt.value {
        None => FastPattern::Plain,
        Some(value) if value.text == "only" => FastPattern::Only,
        Some(_) => chop(content, Part::value(opt)?)?,
    };
    if content.fast.is_some() {
        return Err(Diagnostic::error(Code::Repeated, opt.span.clone(), "`fast_pattern` stands twice for one content"));
    }
    content.fast = Some(fast);
    no_negated_place(content, opt).inspect_err(|_| content.fast = None)
}

fn chop(content: &Content, value: Part<'_>) -> Result<FastPattern, Diagnostic> {
    let mut parts = value.split(',');
    let offset = numeric::next(&mut parts, value, "the offset")?;
    let length = numeric::next(&mut parts, value, "the length")?;
    if let Some(more) = parts.next() {
        return Err(more.bad("only an offset and a length can stand here"));
    }
    let (start, size) = (offset.integer_in(0, EXTENT)?, length.integer_in(1, EXTENT)?);
    if start + size > content.bytes.len() as i64 {
        return Err(value
            .bad("the part reaches past the end of the content")
            .help(format!("the content has {} bytes", content.bytes.len())));
    }
    Ok(FastPattern::Chop { offset: start.unsigned_abs() as usize, length: size.unsigned_abs() as usize })
}

fn replace(content: &mut Content, opt: &Opt) -> Result<(), Diagnostic> {
    let value = Part::value(opt)?;
    let bytes = value.quoted()?.bytes()?;
    if content.negated {
        return Err(conflict(opt, "what must not be there cannot be replaced"));
    }
    if content.replacement.is_some() {
        return Err(Diagnostic::error(Code::Repeated, opt.span.clone(), "`replace` stands twice for one content"));
    }
    if bytes.len() != content.bytes.len() {
        return Err(value
            .bad(format!("the content has {} bytes, this has {}", content.bytes.len(), bytes.len()))
            .help("packets keep their size: both must be equally long"));
    }
    content.replacement = Some(bytes.into_boxed_slice());
    Ok(())
}
