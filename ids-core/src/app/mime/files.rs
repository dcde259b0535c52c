//! The files that a message carries: decoded content → [`File`]s, and what rules see of them.
//!
//! Holds per file at most the configured limit, of which only the latest bytes once they were inspected.

use super::Context;
use crate::app::file::{File, State};
use crate::app::kept::Kept;
use crate::field::Value;

/// Files of one message that are followed at most.
const MOST: usize = 64;

/// The files of a message, oldest first; the last one may be open.
#[derive(Debug, Default)]
pub(super) struct Files {
    list: Vec<File>,
    /// What rules see; the position is that of the file.
    kept: Vec<Kept>,
    /// The last one takes content.
    open: bool,
    /// Bytes of a file that must be there before rules look at it.
    least: u64,
}

impl Files {
    pub(super) fn new(least: usize) -> Self {
        Self { least: least as u64, ..Self::default() }
    }

    /// A file begins, unless there are too many.
    pub(super) fn begin(&mut self, name: Vec<u8>, at: &Context<'_>) {
        self.open = self.list.len() < MOST;
        if self.open {
            self.list.push(File::new(name, at.dir, at.care));
            self.kept.push(Kept::default());
        }
    }

    /// Whether one takes content.
    pub(super) const fn is_open(&self) -> bool {
        self.open
    }

    pub(super) fn append(&mut self, bytes: &[u8], at: &Context<'_>) {
        if let (true, Some(file), Some(kept)) = (self.open, self.list.last_mut(), self.kept.last_mut()) {
            file.append(bytes);
            kept.push_within(bytes, at.config.content_limit);
        }
    }

    pub(super) fn gap(&mut self, bytes: u64) {
        if let (true, Some(file), Some(kept)) = (self.open, self.list.last_mut(), self.kept.last_mut()) {
            file.gap(bytes);
            kept.gap(bytes);
        }
    }

    /// The open file is over; `whole` tells whether it ended where it should.
    pub(super) fn end(&mut self, whole: bool) {
        if let (true, Some(file), Some(kept)) = (self.open, self.list.last_mut(), self.kept.last_mut()) {
            if whole {
                file.close()
            } else {
                file.truncate()
            }
            kept.complete = true;
        }
        self.open = false;
    }

    /// What was kept is inspected.
    pub(super) fn inspected(&mut self, at: &Context<'_>) {
        let window = at.config.inspect_minimum.max(at.config.inspect_window);
        self.kept.iter_mut().for_each(|kept| kept.trim(window));
    }

    pub(super) fn list(&self) -> &[File] {
        &self.list
    }

    pub(super) fn list_mut(&mut self) -> &mut [File] {
        &mut self.list
    }

    /// What rules see of one: nothing until it is over, or there is as much as the configuration wants looked at in one
    /// piece.
    pub(super) fn value(&self, index: usize) -> Value<'_> {
        const NOTHING: Value<'_> = Value::Stream { data: &[], offset: 0, complete: false };
        let (Some(kept), Some(file)) = (self.kept.get(index), self.list.get(index)) else { return Value::Absent };
        match kept.value() {
            // A file of which nothing came is there all the same.
            Value::Absent => Value::Stream { data: &[], offset: 0, complete: file.state != State::Open },
            _ if !kept.complete && kept.end() < self.least => NOTHING,
            value => value,
        }
    }
}
