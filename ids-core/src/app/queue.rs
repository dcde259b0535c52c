//! The transactions of one session that were not released, by number.
//!
//! In: transactions, in the order in which they begin.  Out: them again, until they are released. One that stays open
//! for long costs nothing to those that come and go meanwhile. Must not know protocols.

use std::collections::VecDeque;
use std::ops::Range;

/// Transactions, numbered from 0.
#[derive(Debug)]
pub(super) struct Queue<T> {
    /// Those that are there, with their numbers, oldest first.
    open: VecDeque<(u64, T)>,
    /// The number of the next one.
    next: u64,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { open: VecDeque::new(), next: 0 }
    }
}

impl<T> Queue<T> {
    /// From the oldest that was not released to one past the newest.
    pub(super) fn numbers(&self) -> Range<u64> {
        self.open.front().map_or(self.next, |row| row.0)..self.next
    }

    /// How many were not released.
    pub(super) fn open(&self) -> usize {
        self.open.len()
    }

    /// One of them, if it was not released.
    pub(super) fn get(&self, id: u64) -> Option<&T> {
        self.open.get(self.place(id)?).map(|row| &row.1)
    }

    /// One of them, to change it.
    pub(super) fn get_mut(&mut self, id: u64) -> Option<&mut T> {
        let place = self.place(id)?;
        self.open.get_mut(place).map(|row| &mut row.1)
    }

    /// Adds one. Out: its number.
    pub(super) fn push(&mut self, tx: T) -> u64 {
        self.open.push_back((self.next, tx));
        self.next += 1;
        self.next - 1
    }

    /// All that are there, oldest first.
    pub(super) fn iter_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut T> {
        self.open.iter_mut().map(|row| &mut row.1)
    }

    /// Forgets the oldest. Out: that one, with its number.
    pub(super) fn drop_oldest(&mut self) -> Option<(u64, T)> {
        self.open.pop_front()
    }

    /// Forgets one.
    pub(super) fn release(&mut self, id: u64) {
        if let Some(place) = self.place(id) {
            self.open.remove(place);
        }
    }

    fn place(&self, id: u64) -> Option<usize> {
        self.open.binary_search_by_key(&id, |row| row.0).ok()
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
        assert_eq!((queue.drop_oldest(), queue.open(), queue.get_mut(3)), (Some((2, "c")), 1, Some(&mut "d")));
        queue.release(3);
        assert_eq!((queue.numbers(), queue.push("e")), (4..4, 4));
    }
}
