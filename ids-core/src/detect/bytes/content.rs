//! `content`: a byte string, where it may stand, and how it is searched.

use std::ops::Range;

use memchr::memmem;

use super::chain::View;
use super::vars::Number;
use crate::detect::mpm;
use crate::rules::ast::Span;

/// One content with its modifiers.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) bytes: Box<[u8]>,
    pub(super) nocase: bool,
    pub(super) negated: bool,
    pub(super) place: Place,
    /// It must stand at the very end of the buffer (`endswith`).
    pub(super) ends: bool,
    pub(super) fast: Option<FastPattern>,
    /// What it is overwritten with (`replace`).
    pub(super) replacement: Option<Box<[u8]>>,
    /// The option it comes from.
    pub(super) span: Span,
    finder: Finder,
}

/// Where a content may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Within `depth` bytes from `offset` of the buffer.
    Absolute { offset: Number, depth: Option<Number> },
    /// Within `within` bytes from `distance` after the match before it.
    Relative { distance: Number, within: Option<Number> },
}

impl Place {
    /// Anywhere.
    pub(super) const ANYWHERE: Self = Self::Absolute { offset: Number::Fixed(0), depth: None };

    /// Where the window starts and how long it is.
    pub(super) const fn numbers(self) -> (Number, Option<Number>) {
        match self {
            Self::Absolute { offset, depth } => (offset, depth),
            Self::Relative { distance, within } => (distance, within),
        }
    }

    pub(super) const fn is_relative(self) -> bool {
        matches!(self, Self::Relative { .. })
    }

    /// Anywhere from some distance after the match before it.
    pub(super) const fn is_unbounded(self) -> bool {
        matches!(self, Self::Relative { within: None, .. })
    }
}

/// The author's wish to use a content as the pattern of the prefilter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FastPattern {
    /// `fast_pattern`
    Plain,
    /// `fast_pattern:only`
    Only,
    /// `fast_pattern:offset,length`: this part of it.
    Chop {
        /// First byte.
        offset: usize,
        /// How many.
        length: usize,
    },
}

/// What the prefilter needs to know of a content.
#[derive(Clone, Debug)]
pub struct PatternInfo<'a> {
    /// The whole content.
    pub bytes: &'a [u8],
    /// Whether case does not matter.
    pub nocase: bool,
    /// Whether it must not be there.
    pub negated: bool,
    /// `offset`, if it is a number.
    pub offset: Option<i64>,
    /// `depth`, if it is a number; bytes from `offset`.
    pub depth: Option<i64>,
    /// `distance`, if it is a number.
    pub distance: Option<i64>,
    /// `within`, if it is a number; bytes from `distance`.
    pub within: Option<i64>,
    /// Whether it must end the buffer.
    pub ends: bool,
    /// What the author asked for.
    pub fast_pattern: Option<FastPattern>,
    /// Where the option stands in the rule.
    pub span: Span,
}

impl PatternInfo<'_> {
    /// The bytes to look for: the whole content, or the part the author chose.
    pub fn chopped(&self) -> &[u8] {
        match self.fast_pattern {
            Some(FastPattern::Chop { offset, length }) => self.bytes.get(offset..offset + length).unwrap_or(self.bytes),
            _ => self.bytes,
        }
    }
}

/// The part of a buffer where a content may stand.
pub(super) struct Window {
    pub(super) range: Range<usize>,
    /// Bytes that are not there yet would belong to it.
    pub(super) open: bool,
}

#[derive(Debug)]
enum Finder {
    Exact(Box<memmem::Finder<'static>>),
    /// Looks for the rarest byte in both cases, then compares.
    Folded {
        rarest: usize,
    },
}

impl Content {
    /// A content that may stand anywhere.
    pub(super) fn new(bytes: Vec<u8>, negated: bool, span: Span) -> Self {
        let finder = Finder::Exact(Box::new(memmem::Finder::new(&bytes).into_owned()));
        let bytes = bytes.into_boxed_slice();
        let (place, ends) = (Place::ANYWHERE, false);
        Self { bytes, nocase: false, negated, place, ends, fast: None, replacement: None, span, finder }
    }

    /// Case does not matter from now on.
    pub(super) fn ignore_case(&mut self) {
        let cost = |&(_, byte): &(usize, &u8)| mpm::byte_cost(*byte);
        let rarest = self.bytes.iter().enumerate().max_by_key(cost).map_or(0, |(at, _)| at);
        self.nocase = true;
        self.finder = Finder::Folded { rarest };
    }

    /// Where it may stand if the match before it ended at `last`.
    pub(super) fn window(&self, view: &View<'_>, last: usize) -> Window {
        let from = match self.place {
            Place::Absolute { .. } => -i64::try_from(view.offset).unwrap_or(i64::MAX),
            Place::Relative { .. } => position(last),
        };
        let (start, length) = self.place.numbers();
        let start = from.saturating_add(start.get(view.vars));
        let end = length.map_or(i64::MAX, |length| start.saturating_add(length.get(view.vars)));
        let size = position(view.data.len());
        let range = clamp(start, size)..clamp(end, size);
        let range = if self.ends {
            range.start.max(view.data.len().saturating_sub(self.bytes.len()))..range.end
        } else {
            range
        };
        Window { range, open: (end > size || self.ends) && !view.complete }
    }

    /// The first place in the window at or after `from`.
    pub(super) fn find(&self, view: &View<'_>, window: &Window, from: usize) -> Option<usize> {
        let hay = view.data.get(from..window.range.end)?;
        if self.ends && (!view.complete || window.range.end != view.data.len()) {
            return None;
        }
        let at = match &self.finder {
            Finder::Exact(finder) => finder.find(hay),
            Finder::Folded { rarest } => find_folded(hay, &self.bytes, *rarest),
        };
        at.map(|at| from + at)
    }

    /// What the prefilter needs to know.
    pub(super) fn info(&self) -> PatternInfo<'_> {
        let (start, length) = self.place.numbers();
        let (start, length) = (start.fixed(), length.and_then(Number::fixed));
        let plain = self.place == Place::ANYWHERE;
        let (absolute, relative) = (!plain && !self.place.is_relative(), self.place.is_relative());
        PatternInfo {
            bytes: &self.bytes,
            nocase: self.nocase,
            negated: self.negated,
            offset: start.filter(|_| absolute),
            depth: length.filter(|_| absolute),
            distance: start.filter(|_| relative),
            within: length.filter(|_| relative),
            ends: self.ends,
            fast_pattern: self.fast,
            span: self.span.clone(),
        }
    }
}

/// A place in a buffer as a signed number; buffers are far smaller than its range.
pub(super) fn position(at: usize) -> i64 {
    i64::try_from(at).unwrap_or(i64::MAX)
}

fn clamp(at: i64, size: i64) -> usize {
    usize::try_from(at.clamp(0, size)).unwrap_or_default()
}

fn find_folded(hay: &[u8], pattern: &[u8], rarest: usize) -> Option<usize> {
    let byte = pattern.get(rarest)?;
    let starts = (hay.len() + 1).checked_sub(pattern.len())?;
    let region = hay.get(rarest..rarest + starts)?;
    memchr::memchr2_iter(byte.to_ascii_lowercase(), byte.to_ascii_uppercase(), region)
        .find(|&at| hay.get(at..at + pattern.len()).is_some_and(|found| found.eq_ignore_ascii_case(pattern)))
}
