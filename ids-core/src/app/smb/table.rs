//! What is remembered of a connection by some key: at most so many, the oldest go first.

use std::collections::VecDeque;
use std::hash::Hash;

use hashbrown::HashMap;

/// Values by key, at most `limit` of them.
#[derive(Debug)]
pub(super) struct Table<K, V> {
    limit: usize,
    /// Values with the number of their insertion.
    values: HashMap<K, (u64, V), ahash::RandomState>,
    /// Keys in the order of insertion; those that were removed or replaced since are passed over.
    order: VecDeque<(u64, K)>,
    inserted: u64,
}

impl<K: Copy + Eq + Hash, V> Table<K, V> {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, values: HashMap::default(), order: VecDeque::new(), inserted: 0 }
    }

    /// Remembers a value. Out: the one that had to go, the oldest or the one that was there.
    pub(super) fn insert(&mut self, key: K, value: V) -> Option<V> {
        self.inserted += 1;
        let before = self.values.insert(key, (self.inserted, value));
        self.order.push_back((self.inserted, key));
        if self.order.len() > 2 * self.limit {
            let values = &self.values;
            self.order.retain(|(number, key)| values.get(key).is_some_and(|value| value.0 == *number));
        }
        let over = self.values.len() > self.limit;
        before.or_else(|| over.then(|| self.evict()).flatten()).map(|(_, value)| value)
    }

    fn evict(&mut self) -> Option<(u64, V)> {
        while let Some((number, key)) = self.order.pop_front() {
            if self.values.get(&key).is_some_and(|value| value.0 == number) {
                return self.values.remove(&key);
            }
        }
        None
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.values.get(key).map(|(_, value)| value)
    }

    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.values.get_mut(key).map(|(_, value)| value)
    }

    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        self.values.remove(key).map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_go_and_nothing_grows() {
        let mut table = Table::new(2);
        assert_eq!((table.insert(1, "a"), table.insert(2, "b"), table.insert(1, "c")), (None, None, Some("a")));
        assert_eq!(table.insert(3, "d"), Some("b"), "1 was there anew");
        assert_eq!((table.get(&1), table.get(&2), table.get(&3)), (Some(&"c"), None, Some(&"d")));
        assert_eq!(table.get_mut(&3), Some(&mut "d"));
        assert_eq!(table.insert(4, "e"), Some("c"));
        for key in 0..100 {
            table.insert(key, "x");
            table.remove(&key);
            assert!(table.order.len() <= 4 && table.values.len() <= 2);
        }
    }
}
