//! A file that comes in several answers, each with a range of it (RFC 9110 §14): put together while they come in order.
//!
//! In: what responses say of their ranges, and their content.  Out: a [`File`], once it is whole.
//! A connection puts one file together at a time. A range that is not next to what came before is left out, so that
//! nothing has to be held.

use super::body::Context;
use super::text::trim;
use crate::app::file::File;

/// `Content-Range` (RFC 9110 §14.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::app) struct ContentRange {
    /// First and last byte; `None` for an answer that there is no such range.
    pub bytes: Option<(u64, u64)>,
    /// Size of the whole; `None` if unknown.
    pub size: Option<u64>,
}

impl ContentRange {
    /// Takes the value of the header apart; `None` if it is not of that form.
    pub(in crate::app) fn parse(value: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(trim(value)).ok()?;
        let (unit, range) = text.split_once(' ')?;
        let (bytes, size) = range.trim().split_once('/')?;
        let size = if size == "*" { None } else { Some(size.parse().ok()?) };
        let bytes = match bytes.split_once('-') {
            Some((start, end)) => Some((start.parse().ok()?, end.parse().ok()?)),
            None if bytes == "*" => None,
            None => return None,
        };
        let ordered = bytes.is_none_or(|(start, end)| start <= end && size.is_none_or(|size| end < size));
        (unit.eq_ignore_ascii_case("bytes") && ordered).then_some(Self { bytes, size })
    }
}

/// A file of which a beginning has come.
#[derive(Debug)]
pub(in crate::app) struct Partial {
    file: File,
    size: u64,
}

impl Partial {
    /// What a range belongs to: a new file, or the one that was begun. A range that is the whole file is no part.
    pub(in crate::app) fn take(
        begun: &mut Option<Box<Self>>,
        name: &[u8],
        range: &ContentRange,
        at: &Context<'_>,
    ) -> Option<Box<Self>> {
        let ((start, end), size) = range.bytes.zip(range.size)?;
        if start == 0 && end < size.saturating_sub(1) {
            return Some(Box::new(Self { file: File::new(name.to_vec(), at.dir, at.care), size }));
        }
        let next = |begun: &mut Box<Self>| begun.file.name == name && begun.size == size && begun.file.size == start;
        begun.take_if(next)
    }

    /// Takes the next bytes.
    pub(in crate::app) fn append(&mut self, bytes: &[u8]) {
        self.file.append(bytes);
    }

    /// So many of the next bytes were lost.
    pub(in crate::app) fn gap(&mut self, bytes: u64) {
        self.file.gap(bytes);
    }

    /// The range is over. Out: the file if it is whole, else what is still to be continued.
    pub(in crate::app) fn end(mut self: Box<Self>) -> Result<File, Box<Self>> {
        if self.file.size < self.size {
            return Err(self);
        }
        self.file.close();
        Ok(self.file)
    }
}
