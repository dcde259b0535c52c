//! The bytes of something that grows, for rules to look at: bodies and files.
//!
//! In: bytes as they come, gaps, the end.  Out: a [`Value`] of what is kept.
//! Holds what its owner puts there; of that, once it was inspected, the latest. Must not know protocols.

use crate::field::Value;

/// The bytes of something that grows, as far as they are kept.
#[derive(Debug, Default)]
pub(super) struct Kept {
    data: Vec<u8>,
    /// Position of `data[0]` in the whole.
    offset: u64,
    /// Nothing more will be kept.
    pub(super) complete: bool,
}

impl Kept {
    /// What rules see; nothing before the first byte.
    pub(super) fn value(&self) -> Value<'_> {
        if self.data.is_empty() && self.offset == 0 {
            return Value::Absent;
        }
        Value::Stream { data: &self.data, offset: self.offset, complete: self.complete }
    }

    /// Position behind what came.
    pub(super) const fn end(&self) -> u64 {
        self.offset.saturating_add(self.data.len() as u64)
    }

    /// Takes the next bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.data.extend_from_slice(bytes);
    }

    /// Takes the next bytes as far as there are at most `limit` in all, 0 for any number; then it is complete.
    pub(super) fn push_within(&mut self, bytes: &[u8], limit: u64) {
        if self.complete {
            return;
        }
        let so_far = self.end();
        let room = match limit {
            0 => bytes.len(),
            limit => usize::try_from(limit.saturating_sub(so_far)).unwrap_or(usize::MAX),
        };
        self.push(bytes.get(..room).unwrap_or(bytes));
        self.complete = room < bytes.len();
    }

    /// What follows is not next to what was kept.
    pub(super) fn gap(&mut self, bytes: u64) {
        self.offset = self.end().saturating_add(bytes);
        self.data.clear();
    }

    /// Keeps only the latest `window` bytes.
    pub(super) fn trim(&mut self, window: usize) {
        let extra = self.data.len().saturating_sub(window);
        // Moving the rest costs as much as is dropped, so each byte is moved only a few times.
        if extra >= window {
            self.data.drain(..extra);
            self.offset += extra as u64;
        }
    }
}
