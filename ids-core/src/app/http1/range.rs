//! A file that comes in several answers, each with a range of it (RFC 9110 §14): put together while they come in order.
//!
//! In: what responses say of their ranges, and their content.  Out: a [`File`], once it is whole.
//! A connection puts one file together at a time. A range that is not next to what came before is left out, so that
//! nothing has to be held.

use super::body::Context;
use super::response::ContentRange;
use crate::app::file::File;

/// A file of which a beginning has come.
#[derive(Debug)]
pub(super) struct Partial {
    file: File,
    size: u64,
}

impl Partial {
    /// What a range belongs to: a new file, or the one that was begun. A range that is the whole file is no part.
    pub(super) fn take(
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
    pub(super) fn append(&mut self, bytes: &[u8]) {
        self.file.append(bytes);
    }

    /// So many of the next bytes were lost.
    pub(super) fn gap(&mut self, bytes: u64) {
        self.file.gap(bytes);
    }

    /// The range is over. Out: the file if it is whole, else what is still to be continued.
    pub(super) fn end(mut self: Box<Self>) -> Result<File, Box<Self>> {
        if self.file.size < self.size {
            return Err(self);
        }
        self.file.close();
        Ok(self.file)
    }
}
