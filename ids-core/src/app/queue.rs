//! The transactions of one session that were not released, by number.
//!
//! In: transactions, in the order in which they begin.  Out: them again, until they are released. Must not know protocols.

use std::collections::VecDeque;
use std::ops::Range;

/// Transactions, numbered from 0.
#[derive(Debug)]
pub(super) struct Queue<T> {
    /// Number of the first in the list.
    first: u64,
    list: VecDeque<Option<T>>,
    /// How many of the list are there.
    open: usize,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { first: 0, list: VecDeque::new(), open: 0 }
    }
}

impl<T> Queue<T> {
    /// From the oldest that was not released to one past the newest.
    pub(super) fn numbers(&self) -> Range<u64> {
        self.first..self.first + self.list.len() as u64
    }

    /// How many were not released.
    pub(super) const fn open(&self) -> usize {
        self.open
    }

    /// One of them, if it was not released.
    pub(super) fn get(&self, id: u64) -> Option<&T> {
        self.list.get(self.index(id)?)?.as_ref()
    }

    /// One of them, to change it.
    pub(super) fn get_mut(&mut self, id: u64) -> Option<&mut T> {
        let index = self.index(id)?;
        self.list.get_mut(index)?.as_mut()
    }

    /// Adds one. Out: its number.
    pub(super) fn push(&mut self, tx: T) -> u64 {
        self.list.push_back(Some(tx));
        self.open += 1;
        self.numbers().end - 1
    }

    /// All that are there, oldest first.
    pub(super) fn iter_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut T> {
        self.list.iter_mut().filter_map(Option::as_mut)
    }

    /// How many numbers are in use: those that were released count as long as an older one was not.
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// Forgets the oldest. Out: that one.
    pub(super) fn drop_oldest(&mut self) -> Option<T> {
        let oldest = self.list.pop_front()?;
        self.first += 1;
        self.open -= usize::from(oldest.is_some());
        oldest
    }

    /// Forgets one.
    pub(super) fn release(&mut self, id: u64) {
        let place = self.index(id).and_then(|index| self.list.get_mut(index));
        if place.is_some_and(|place| place.take().is_some()) {
            self.open -= 1;
        }
        while let Some(None) = self.list.front() {
            self.drop_oldest();
        }
    }

    fn index(&self, id: u64) -> Option<usize> {
        usize::try_from(id.checked_sub(self.first)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_while_others_go() {
        let mut queue = Queue::default();
        let numbers = ["a", "b", "c"].map(|tx| queue.push(tx));
        assert_eq!((numbers, queue.numbers(), queue.open()), ([0, 1, 2], 0..3, 3));
        queue.release(1);
        queue.release(1);
        assert_eq!((queue.numbers(), queue.open(), queue.get(1), queue.get(2)), (0..3, 2, None, Some(&"c")));
        queue.release(0);
        assert_eq!((queue.numbers(), queue.push("d"), queue.get(9)), (2..3, 3, None));
        assert_eq!(queue.iter_mut().map(|tx| *tx).collect::<String>(), "cd");
        assert_eq!((queue.drop_oldest(), queue.len(), queue.open()), (Some("c"), 1, 1));
    }
}
