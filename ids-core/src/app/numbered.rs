//! The transactions of a session that were not released, by number.

use std::collections::VecDeque;
use std::ops::Range;

/// Transactions, numbered from 0 as they come.
#[derive(Debug)]
pub(super) struct Numbered<T> {
    /// Number of the first in the list.
    first: u64,
    list: VecDeque<Option<Box<T>>>,
}

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Self { first: 0, list: VecDeque::new() }
    }
}

impl<T> Numbered<T> {
    /// One past the newest number.
    pub(super) fn end(&self) -> u64 {
        self.first + self.list.len() as u64
    }

    /// From the oldest that was not released to one past the newest.
    pub(super) fn range(&self) -> Range<u64> {
        self.first..self.end()
    }

    /// One of them, if it was not released.
    pub(super) fn get(&self, id: u64) -> Option<&T> {
        self.list.get(self.index(id)?)?.as_deref()
    }

    /// One of them, to change it.
    pub(super) fn get_mut(&mut self, id: u64) -> Option<&mut T> {
        let index = self.index(id)?;
        self.list.get_mut(index)?.as_deref_mut()
    }

    /// Adds one. Out: its number.
    pub(super) fn push(&mut self, tx: T) -> u64 {
        self.list.push_back(Some(Box::new(tx)));
        self.end() - 1
    }

    /// Forgets one.
    pub(super) fn release(&mut self, id: u64) {
        if let Some(index) = self.index(id)
            && let Some(tx) = self.list.get_mut(index)
        {
            *tx = None;
        }
        while let Some(None) = self.list.front() {
            self.list.pop_front();
            self.first += 1;
        }
    }

    fn index(&self, id: u64) -> Option<usize> {
        usize::try_from(id.checked_sub(self.first)?).ok()
    }
}
