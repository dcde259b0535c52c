//! A chain of tests on one buffer, and the search for a way to pass them all.
//!
//! The tests run in the order of the rule. A content, a regular expression, a jump and the like leave behind where
//! they ended; relative tests go on from there. If a relative test fails, the next occurrence of what it is
//! relative to is tried, as far back as it can make a difference. Each state is tried once and the work is
//! bounded, so that data cannot make a rule slow.

use super::base64::Base64Decode;
use super::byte_extract::ByteExtract;
use super::byte_jump::{ByteJump, Landing};
use super::byte_math::ByteMath;
use super::byte_test::ByteTest;
use super::content::{Content, PatternInfo};
use super::entropy::Entropy;
use super::isdataat::IsDataAt;
use super::numeric::Read;
use super::pcre::Pcre;
use super::scratch::Scratch;
use crate::detect::integer;

/// The instance of a buffer that is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Buffer<'a> {
    /// Its bytes.
    pub data: &'a [u8],
    /// Position of the first of them in the whole, where earlier ones are no longer kept.
    pub offset: u64,
    /// Whether this is all there will be.
    pub complete: bool,
    /// How many bytes at the beginning were searched before. A match that they made then is not made again.
    pub known: usize,
}

impl<'a> Buffer<'a> {
    fn known(&self) -> &'a [u8] {
        self.data.get(..self.known).unwrap_or(self.data)
    }
}

impl<'a> From<&'a [u8]> for Buffer<'a> {
    /// A whole buffer.
    fn from(data: &'a [u8]) -> Self {
        Self { data, offset: 0, complete: true, known: 0 }
    }
}

/// What became of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All tests passed, and more data cannot change that.
    Match,
    /// They did not, and never will on this buffer.
    NoMatch,
    /// They did not, but may when the buffer has grown or is complete.
    NoMatchYet,
}

/// `absent`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// Not asked for: the buffer must be there.
    No,
    /// The buffer must not be there.
    Required,
    /// The buffer may be missing; if it is there the tests must pass (`absent:or_else`).
    OrElse,
}

/// The tests of one buffer.
#[derive(Debug)]
pub struct Chain {
    pub(super) steps: Box<[Step]>,
    pub(super) absent: Absent,
    /// Whether what happens depends on variables that this chain itself sets.
    pub(super) uses_own_vars: bool,
    pub(super) uses_foreign_vars: bool,
    /// Whether the search may have to turn around.
    pub(super) turns: bool,
    pub(super) min_len: u64,
    pub(super) max_len: u64,
}

/// One test.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) test: Test,
    /// Neither this nor what follows depends on what happened before: if it fails, so does the chain.
    pub(super) fresh: bool,
}

#[derive(Debug)]
pub(super) enum Test {
    Content(Content),
    Pcre(Pcre),
    IsDataAt(IsDataAt),
    ByteTest(ByteTest),
    ByteJump(ByteJump),
    ByteExtract(ByteExtract),
    ByteMath(ByteMath),
    Size(integer::Test),
    Entropy(Entropy),
    /// The decoded data must pass a chain of its own; without one there must be some.
    Base64(Base64Decode, Option<Box<Chain>>),
}

/// What the tests see of a buffer.
pub(super) struct View<'a> {
    pub(super) data: &'a [u8],
    pub(super) offset: u64,
    pub(super) complete: bool,
    pub(super) vars: &'a [u64],
    pub(super) dce_little: bool,
}

/// What a test that only looks says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Yes,
    No,
    /// No, but more data may change it.
    NotYet,
}

impl From<bool> for Answer {
    fn from(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

impl Chain {
    /// Looks for a way to pass all tests. What was captured on it is in `scratch` until the next call.
    pub fn matches(&self, buffer: Buffer<'_>, scratch: &mut Scratch) -> Outcome {
        let outcome = self.search_anew(buffer, scratch);
        if outcome != Outcome::Match || buffer.known == 0 {
            return outcome;
        }
        let known = Buffer { data: buffer.known(), complete: false, known: 0, ..buffer };
        if self.search_anew(known, scratch) == Outcome::Match {
            return if buffer.complete { Outcome::NoMatch } else { Outcome::NoMatchYet };
        }
        // What stands in `scratch` is to be that of the match.
        self.search_anew(buffer, scratch)
    }

    fn search_anew(&self, buffer: Buffer<'_>, scratch: &mut Scratch) -> Outcome {
        scratch.effects.clear();
        scratch.entropy = None;
        self.search(buffer, scratch)
    }

    fn search(&self, buffer: Buffer<'_>, scratch: &mut Scratch) -> Outcome {
        let run = if self.turns { scratch.failures.start() } else { 0 };
        let fuel = FUEL + FUEL_PER_BYTE * buffer.data.len();
        let mut search = Search { chain: self, buffer, scratch, run, fuel, undecided: false };
        match search.step(0, 0) {
            Way::Through => Outcome::Match,
            Way::Blocked | Way::Hopeless if search.undecided => Outcome::NoMatchYet,
            Way::Blocked | Way::Hopeless => Outcome::NoMatch,
        }
    }

    /// The contents, in order.
    pub fn patterns(&self) -> impl Iterator<Item = PatternInfo<'_>> {
        self.steps.iter().filter_map(|step| match &step.test {
            Test::Content(content) => Some(content.info()),
            _ => None,
        })
    }

    /// Whether it has bytes overwritten where it matches.
    pub fn replaces(&self) -> bool {
        self.steps.iter().any(|step| matches!(&step.test, Test::Content(content) if content.replacement.is_some()))
    }

    /// What is asked if the buffer is not there.
    pub fn absent(&self) -> Absent {
        self.absent
    }

    /// No shorter buffer can match.
    pub fn min_len(&self) -> u64 {
        self.min_len
    }

    /// No longer buffer can match.
    pub fn max_len(&self) -> u64 {
        self.max_len
    }

    /// The shortest buffer that the first test lets pass, where that is a test of the length: no byte of a shorter one
    /// is looked at.
    pub fn length_first(&self) -> Option<u64> {
        match &self.steps.first()?.test {
            Test::Size(size) => Some(size.bounds().0),
            _ => None,
        }
    }

    /// Whether it uses byte variables that other buffers of the rule set: those must have matched right before, with
    /// the same [`Scratch`].
    pub fn uses_foreign_vars(&self) -> bool {
        self.uses_foreign_vars
    }

    /// Whether there is nothing to test.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}

/// Work that any search may do, in bytes looked at: about a nanosecond each.
const FUEL: usize = 1 << 20;
/// Work it may do for each byte of the buffer.
const FUEL_PER_BYTE: usize = 256;
/// What one search costs apart from the bytes it looks at.
const STEP: usize = 16;

/// Where a step of the search leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// All the rest passes.
    Through,
    /// Not from here.
    Blocked,
    /// Nor from anywhere else.
    Hopeless,
}

struct Search<'s> {
    chain: &'s Chain,
    buffer: Buffer<'s>,
    scratch: &'s mut Scratch,
    run: u32,
    fuel: usize,
    /// Some test failed that may pass with more data.
    undecided: bool,
}

impl<'s> Search<'s> {
    /// Goes on with step `index`; the match before it ended at `last`.
    fn step(&mut self, index: usize, last: usize) -> Way {
        let chain = self.chain;
        let Some(step) = chain.steps.get(index) else { return Way::Through };
        let known = self.run != 0 && !step.fresh && !chain.uses_own_vars;
        if known && self.scratch.failures.has(self.run, index, last) {
            return Way::Blocked;
        }
        let mark = self.scratch.effects.mark();
        let way = self.test(&step.test, index, last);
        if way != Way::Blocked {
            return way;
        }
        self.scratch.effects.rewind(mark);
        if step.fresh {
            return Way::Hopeless;
        }
        if known {
            match &step.test {
                Test::Content(content) if !content.negated && content.place.is_unbounded() => {
                    self.scratch.failures.add_all_from(self.run, index, last);
                }
                _ => self.scratch.failures.add(self.run, index, last),
            }
        }
        Way::Blocked
    }

    fn test(&mut self, test: &'s Test, index: usize, last: usize) -> Way {
        match test {
            Test::Content(content) if content.negated => self.no_content(content, index, last),
            Test::Content(content) => self.content(content, index, last),
            Test::Pcre(pcre) => self.pcre(pcre, index, last),
            Test::IsDataAt(test) => self.only_if(test.test(&self.view(), last), index, last),
            Test::ByteTest(test) => self.only_if(test.test(&self.view(), last), index, last),
            Test::ByteJump(jump) => match jump.jump(&self.view(), last) {
                Landing::At(to) => self.step(index + 1, to),
                Landing::NotYet => self.only_if(Answer::NotYet, index, last),
                Landing::Outside => Way::Blocked,
            },
            Test::ByteExtract(extract) => {
                let read = extract.read(&self.view(), last);
                self.number(read, extract.result, index)
            }
            Test::ByteMath(math) => {
                let read = math.read(&self.view(), last);
                self.number(read, math.result, index)
            }
            Test::Size(test) => {
                let answer = self.size(test);
                self.only_if(answer, index, last)
            }
            Test::Entropy(entropy) => {
                let answer = self.entropy(entropy);
                self.only_if(answer, index, last)
            }
            Test::Base64(decode, inner) => self.base64(decode, inner.as_deref(), index, last),
        }
    }

    fn view(&self) -> View<'_> {
        View {
            data: self.buffer.data,
            offset: self.buffer.offset,
            complete: self.buffer.complete,
            vars: &self.scratch.vars,
            dce_little: self.scratch.dce_little_endian,
        }
    }

    /// Whether `work` bytes more may be looked at.
    fn pay(&mut self, work: usize) -> bool {
        match self.fuel.checked_sub(work) {
            Some(rest) => {
                self.fuel = rest;
                true
            }
            None => {
                self.scratch.counts.step_limit += 1;
                self.fuel = 0;
                false
            }
        }
    }

    /// Goes on behind a test that leaves no match.
    fn only_if(&mut self, answer: Answer, index: usize, last: usize) -> Way {
        match answer {
            Answer::Yes => self.step(index + 1, last),
            Answer::No => Way::Blocked,
            Answer::NotYet => {
                self.undecided = true;
                Way::Blocked
            }
        }
    }

    /// Tries the occurrences one after the other.
    fn content(&mut self, content: &'s Content, index: usize, last: usize) -> Way {
        let window = content.window(&self.view(), last);
        let mut from = window.range.start;
        loop {
            let found = content.find(&self.view(), &window, from);
            let end = found.map_or(window.range.end, |at| at + content.bytes.len());
            if !self.pay(STEP + end.saturating_sub(from)) {
                return Way::Hopeless;
            }
            let Some(at) = found else {
                self.undecided |= window.open;
                return Way::Blocked;
            };
            let mark = self.scratch.effects.mark();
            if let Some(bytes) = &content.replacement {
                self.scratch.effects.replace(at, bytes);
            }
            match self.step(index + 1, end) {
                Way::Blocked => self.scratch.effects.rewind(mark),
                way => return way,
            }
            from = at + 1;
        }
    }

    fn no_content(&mut self, content: &'s Content, index: usize, last: usize) -> Way {
        let window = content.window(&self.view(), last);
        if !self.pay(STEP + window.range.len()) {
            return Way::Hopeless;
        }
        let answer = match content.find(&self.view(), &window, window.range.start) {
            Some(_) => Answer::No,
            None if window.open => Answer::NotYet,
            None => Answer::Yes,
        };
        self.only_if(answer, index, last)
    }

    /// Tries the matches one after the other; each starts behind the start of the one before.
    fn pcre(&mut self, pcre: &'s Pcre, index: usize, last: usize) -> Way {
        let origin = if pcre.relative { last } else { 0 };
        let data = self.buffer.data.get(origin..).unwrap_or_default();
        let mut from = 0;
        loop {
            let mark = self.scratch.effects.mark();
            let found = pcre.find(data, from, self.scratch);
            let end = found.map_or(data.len(), |found| found.end);
            if !self.pay(STEP + end.saturating_sub(from)) {
                return Way::Hopeless;
            }
            // A match that hangs on the end of the data is none while the end may move.
            let found = found.filter(|found| self.buffer.complete || !pcre.regex.sees_end() || found.end < data.len());
            if pcre.negated {
                let open = !self.buffer.complete;
                let none = if open { Answer::NotYet } else { Answer::Yes };
                return self.only_if(if found.is_some() { Answer::No } else { none }, index, last);
            }
            let Some(found) = found else {
                self.undecided |= !self.buffer.complete;
                return Way::Blocked;
            };
            match self.step(index + 1, origin + found.end) {
                Way::Blocked => self.scratch.effects.rewind(mark),
                way => return way,
            }
            from = found.start + 1;
        }
    }

    /// Keeps a number in a variable and goes on behind its bytes.
    fn number(&mut self, read: Read, slot: u16, index: usize) -> Way {
        match read {
            Read::Value { value, end, .. } => {
                self.scratch.set(slot, value);
                self.step(index + 1, end)
            }
            Read::NotYet => self.only_if(Answer::NotYet, index, 0),
            Read::Never => Way::Blocked,
        }
    }

    fn size(&self, test: &integer::Test) -> Answer {
        let size = self.buffer.offset.saturating_add(self.buffer.data.len() as u64);
        if self.buffer.complete {
            return Answer::from(test.matches(size));
        }
        // It only grows.
        if size > test.bounds().1 { Answer::No } else { Answer::NotYet }
    }

    fn entropy(&mut self, entropy: &Entropy) -> Answer {
        if !self.pay(self.buffer.data.len()) {
            return Answer::No;
        }
        let Some(value) = entropy.measure(&self.view()) else { return Answer::NotYet };
        self.scratch.entropy = Some(value);
        Answer::from(entropy.passes(value))
    }

    fn base64(&mut self, decode: &Base64Decode, inner: Option<&Chain>, index: usize, last: usize) -> Way {
        let mut data = self.scratch.decoded.pop().unwrap_or_default();
        let open = decode.decode(&self.view(), last, &mut data);
        let outcome = match inner {
            _ if data.is_empty() => Outcome::NoMatch,
            Some(chain) => chain.search(Buffer { complete: !open, ..Buffer::from(&*data) }, self.scratch),
            None => Outcome::Match,
        };
        let paid = self.pay(data.len());
        self.scratch.decoded.push(data);
        match outcome {
            _ if !paid => Way::Hopeless,
            Outcome::Match => self.step(index + 1, last),
            Outcome::NoMatch if !open => Way::Blocked,
            Outcome::NoMatch | Outcome::NoMatchYet => self.only_if(Answer::NotYet, index, last),
        }
    }
}
