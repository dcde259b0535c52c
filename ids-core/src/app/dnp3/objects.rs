//! The objects of a fragment (IEEE 1815 §4.2.2.7): a header each, and points behind it.
//!
//! In: what follows the header of a fragment.  Out: where each object stands; its points are read when somebody asks.

use super::layout::{self, Kind, Layout, Part};
use super::{Config, Event};
use crate::app::cursor::Cursor;

/// An object.
#[derive(Clone, Copy, Debug)]
pub(super) struct Object {
    pub(super) group: u8,
    pub(super) variation: u8,
    pub(super) qualifier: u8,
    pub(super) start: u32,
    pub(super) stop: u32,
    pub(super) count: u32,
    /// Where its points stand among the objects; none if only the header was sent.
    at: usize,
    length: usize,
}

/// A point.
#[derive(Clone, Copy, Debug)]
pub(super) struct Point<'a> {
    pub(super) prefix: u32,
    pub(super) index: u32,
    /// How long it is, if that stands before it.
    pub(super) size: Option<u32>,
    pub(super) content: Content<'a>,
}

/// What a point is made of.
#[derive(Clone, Copy, Debug)]
pub(super) enum Content<'a> {
    /// Bits of a packed object.
    Bits(u8),
    /// Parts, and their bytes.
    Parts(&'static [Part], &'a [u8]),
    /// Bytes of any kind.
    Octets(&'a [u8]),
}

impl Object {
    /// What stands before each point (IEEE 1815 §4.2.2.7.3.2): an index, or from 4 on a size.
    pub(super) const fn prefix_code(&self) -> u8 {
        self.qualifier >> 4 & 7
    }

    /// How it is said which points these are (IEEE 1815 §4.2.2.7.3.3).
    pub(super) const fn range_code(&self) -> u8 {
        self.qualifier & 15
    }

    /// Reads a header.
    fn read(at: &mut Cursor<'_>) -> Option<Self> {
        let (group, variation, qualifier) = (at.u8()?, at.u8()?, at.u8()?);
        let number = |at: &mut Cursor<'_>, size| number(at.take(size)?);
        let (start, stop, count) = match qualifier & 15 {
            code @ 0..=5 => {
                let size = 1 << (code % 3);
                let (start, stop) = (number(at, size)?, number(at, size)?);
                (start, stop, stop.checked_sub(start)?.saturating_add(1))
            }
            6 => (0, 0, 0),
            code @ 7..=9 => (0, 0, number(at, 1 << (code - 7))?),
            11 => (0, 0, number(at, 1)?),
            _ => return None,
        };
        Some(Self { group, variation, qualifier, start, stop, count, at: 0, length: 0 })
    }

    /// Passes over its points; the error is why that cannot be done.
    fn pass(&self, at: &mut Cursor<'_>) -> Result<(), Event> {
        let layout = layout::of(self.group, self.variation);
        let count = usize::try_from(self.count).unwrap_or(usize::MAX);
        let prefix = prefix_size(self.prefix_code()).ok_or(Event::Malformed)?;
        let each = match layout {
            _ if self.prefix_code() >= 4 => {
                for _ in 0..count {
                    let size = at.take(prefix).and_then(number).ok_or(Event::Malformed)?;
                    at.skip(usize::try_from(size).unwrap_or(usize::MAX)).ok_or(Event::Malformed)?;
                }
                return layout.map(|_| ()).ok_or(Event::UnknownObject);
            }
            Some(Layout::Packed(bits)) if prefix == 0 => {
                let bytes = count.saturating_mul(usize::from(bits)).div_ceil(8);
                return at.skip(bytes).ok_or(Event::Malformed);
            }
            Some(Layout::Packed(_)) => 1,
            Some(Layout::Parts(parts)) => parts.iter().map(|part| part.1.size()).sum(),
            Some(Layout::Octets) => self.variation.into(),
            None if count == 0 => 0,
            None => return Err(Event::UnknownObject),
        };
        at.skip(count.saturating_mul(prefix + each)).ok_or(Event::Malformed)
    }

    /// Its points, in order. In: what follows the header of the fragment.
    pub(super) fn points<'a>(&self, objects: &'a [u8]) -> impl Iterator<Item = Point<'a>> {
        let end = self.at.saturating_add(self.length);
        let bytes = objects.get(self.at..end).unwrap_or_default();
        let object = *self;
        let mut at = Cursor::new(bytes, true);
        let with_points = if bytes.is_empty() { 0 } else { object.count };
        (0..with_points).map_while(move |place| object.point(place, &mut at))
    }

    fn point<'a>(&self, place: u32, at: &mut Cursor<'a>) -> Option<Point<'a>> {
        let layout = layout::of(self.group, self.variation)?;
        let code = self.prefix_code();
        let (size, index) = (prefix_size(code)?, self.start.saturating_add(place));
        if let (Layout::Packed(bits), 0) = (layout, size) {
            let first = usize::try_from(place).ok()? * usize::from(bits);
            let byte = at.rest().get(first / 8)?;
            let content = Content::Bits(byte >> (first % 8) & ((1 << bits) - 1));
            return Some(Point { prefix: 0, index, size: None, content });
        }
        let prefix = number(at.take(size)?)?;
        let sized = (code >= 4).then_some(prefix);
        let index = if matches!(code, 1..=3) { prefix } else { index };
        let length = match (sized, layout) {
            (Some(size), _) => usize::try_from(size).ok()?,
            (None, Layout::Packed(_)) => 1,
            (None, Layout::Parts(parts)) => parts.iter().map(|part| part.1.size()).sum(),
            (None, Layout::Octets) => self.variation.into(),
        };
        let bytes = at.take(length)?;
        let content = match layout {
            Layout::Packed(bits) => Content::Bits(bytes.first()? & ((1 << bits) - 1)),
            Layout::Parts(parts) => Content::Parts(parts, bytes),
            Layout::Octets => Content::Octets(bytes),
        };
        Some(Point { prefix, index, size: sized, content })
    }
}

/// Whether points stand behind the header of an object, which else only names them: not where they are asked for, frozen,
/// or sorted (IEEE 1815 §4.4). What is frozen at a time has the time before it.
const fn has_points(function: u8, group: u8) -> bool {
    match function {
        1 | 7..=10 | 20..=22 => false,
        11 | 12 => group == 50,
        _ => true,
    }
}

/// Reads the objects of a fragment. In: what follows its header, and its function. Out: the objects, and what keeps those
/// behind them from being read.
pub(super) fn read(bytes: &[u8], function: u8, config: &Config) -> (Vec<Object>, Option<Event>) {
    let (mut objects, mut sum) = (Vec::new(), 0_u32);
    let mut at = Cursor::new(bytes, true);
    while !at.is_empty() {
        if objects.len() >= config.max_objects {
            return (objects, Some(Event::TooManyObjects));
        }
        let Some(mut object) = Object::read(&mut at) else { return (objects, Some(Event::Malformed)) };
        if has_points(function, object.group) {
            sum = sum.saturating_add(object.count);
            if sum > config.max_points {
                objects.push(object);
                return (objects, Some(Event::TooManyPoints));
            }
            let before = at.rest().len();
            let passed = object.pass(&mut at);
            if passed.is_ok() {
                object.at = bytes.len() - before;
                object.length = before - at.rest().len();
            }
            objects.push(object);
            if let Err(event) = passed {
                return (objects, Some(event));
            }
        } else {
            objects.push(object);
        }
    }
    (objects, None)
}

/// Bytes of what stands before a point.
const fn prefix_size(code: u8) -> Option<usize> {
    match code {
        0 => Some(0),
        1 | 4 => Some(1),
        2 | 5 => Some(2),
        3 | 6 => Some(4),
        _ => None,
    }
}

/// A number of up to four bytes, the lowest first.
fn number(bytes: &[u8]) -> Option<u32> {
    u32::try_from(unsigned(bytes)).ok()
}

/// A number of up to eight bytes, the lowest first.
pub(super) fn unsigned(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// The parts of a point, each with its bytes; what is cut short is left out.
pub(super) fn parts<'a>(parts: &'static [Part], bytes: &'a [u8]) -> impl Iterator<Item = (Part, &'a [u8])> {
    let mut at = Cursor::new(bytes, true);
    parts.iter().map_while(move |part| {
        let size = if matches!(part.1, Kind::Rest) { at.rest().len() } else { part.1.size() };
        Some((*part, at.take(size)?))
    })
}
