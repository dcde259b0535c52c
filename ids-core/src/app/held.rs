//! The transactions that a session holds, by number: from the oldest that was not released to the newest.

use std::collections::VecDeque;
use std::ops::Range;

/// Transactions in order. One that is released leaves a hole until it is the oldest.
#[derive(Debug)]
pub(super) struct Held<T> {
    open: VecDeque<Option<T>>,
    /// Number of the first of them.
    first: u64,
}

impl<T> Default for Held<T> {
    fn default() -> Self {
        Self { open: VecDeque::new(), first: 0 }
    }
}

impl<T> Held<T> {
    /// Adds one. Out: its number.
    pub(super) fn push(&mut self, tx: T) -> u64 {
        self.open.push_back(Some(tx));
        self.numbers().end - 1
    }

    /// Forgets the oldest.
    pub(super) fn drop_oldest(&mut self) -> Option<T> {
        let oldest = self.open.pop_front()?;
        self.first += 1;
        oldest
    }

    /// How many numbers are in use.
    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    /// From the oldest to one past the newest.
    pub(super) fn numbers(&self) -> Range<u64> {
        self.first..self.first + self.open.len() as u64
    }

    pub(super) fn get(&self, id: u64) -> Option<&T> {
        self.open.get(self.place(id)?)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, id: u64) -> Option<&mut T> {
        let place = self.place(id)?;
        self.open.get_mut(place)?.as_mut()
    }

    /// Forgets one.
    pub(super) fn release(&mut self, id: u64) {
        if let Some(tx) = self.place(id).and_then(|place| self.open.get_mut(place)) {
            *tx = None;
        }
        while matches!(self.open.front(), Some(None)) {
            self.drop_oldest();
        }
    }

    fn place(&self, id: u64) -> Option<usize> {
        usize::try_from(id.checked_sub(self.first)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_while_others_go() {
        let mut held = Held::default();
        assert_eq!((held.push('a'), held.push('b'), held.push('c')), (0, 1, 2));
        held.release(1);
        assert_eq!((held.get(0), held.get(1), held.get(2), held.get(3)), (Some(&'a'), None, Some(&'c'), None));
        assert_eq!((held.numbers(), held.len()), (0..3, 3));
        held.release(0);
        held.release(0);
        assert_eq!((held.numbers(), held.get_mut(2)), (2..3, Some(&mut 'c')));
        assert_eq!(held.drop_oldest(), Some('c'));
        assert_eq!((held.drop_oldest(), held.push('d')), (None, 3));
    }
}
