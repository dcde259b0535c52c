//! Sets of numbers as sorted ranges: ports, IPv4 and IPv6 addresses.

/// A number that ranges are made of.
pub trait Bound: Copy + Ord {
    /// The smallest.
    const MIN: Self;
    /// The largest.
    const MAX: Self;
    /// The next larger one.
    fn next(self) -> Option<Self>;
    /// The next smaller one.
    fn prev(self) -> Option<Self>;
}

macro_rules! bound {
    ($($type:ty)*) => {$(
        impl Bound for $type {
            const MIN: Self = Self::MIN;
            const MAX: Self = Self::MAX;
            fn next(self) -> Option<Self> { self.checked_add(1) }
            fn prev(self) -> Option<Self> { self.checked_sub(1) }
        }
    )*};
}

bound!(u16 u32 u128);

/// A set of numbers: ranges with both ends included, sorted, apart from each other by at least one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RangeSet<T>(Box<[(T, T)]>);

impl<T> Default for RangeSet<T> {
    fn default() -> Self {
        Self(Box::default())
    }
}

impl<T: Bound> RangeSet<T> {
    /// Every number.
    pub fn all() -> Self {
        Self::of(T::MIN, T::MAX)
    }

    /// The numbers from `low` to `high`, both included; none if they are the wrong way round.
    pub fn of(low: T, high: T) -> Self {
        if low > high { Self::default() } else { Self(Box::new([(low, high)])) }
    }

    /// Whether it holds no number.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it holds every number.
    pub fn is_all(&self) -> bool {
        matches!(&*self.0, [(low, high)] if *low == T::MIN && *high == T::MAX)
    }

    /// Whether it holds this number.
    pub fn contains(&self, value: T) -> bool {
        let at = self.0.partition_point(|range| range.1 < value);
        self.0.get(at).is_some_and(|range| range.0 <= value)
    }

    /// The ranges, lowest first.
    pub fn ranges(&self) -> &[(T, T)] {
        &self.0
    }

    /// What is in either of all these sets.
    pub fn union<'a>(sets: impl IntoIterator<Item = &'a Self>) -> Self
    where
        T: 'a,
    {
        let mut ranges: Vec<(T, T)> = sets.into_iter().flat_map(|set| set.0.iter().copied()).collect();
        ranges.sort_unstable();
        let mut out: Vec<(T, T)> = Vec::with_capacity(ranges.len());
        for (low, high) in ranges {
            match out.last_mut() {
                Some(last) if last.1.next().is_none_or(|next| low <= next) => last.1 = last.1.max(high),
                _ => out.push((low, high)),
            }
        }
        Self(out.into())
    }

    /// What is not in it.
    #[must_use]
    pub fn complement(&self) -> Self {
        let mut out = Vec::with_capacity(self.0.len() + 1);
        let mut from = Some(T::MIN);
        for &(low, high) in &self.0 {
            if let (Some(start), Some(end)) = (from, low.prev())
                && start <= end
            {
                out.push((start, end));
            }
            from = high.next();
        }
        out.extend(from.map(|start| (start, T::MAX)));
        Self(out.into())
    }

    /// What is in it and not in the other.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        if other.is_empty() {
            return self.clone();
        }
        let mut out = Vec::new();
        let keep = other.complement();
        let mut keep = keep.0.iter().copied().peekable();
        for &(low, high) in &self.0 {
            while let Some(&(from, to)) = keep.peek() {
                if from > high {
                    break;
                }
                if to >= low {
                    out.push((low.max(from), high.min(to)));
                }
                // One kept range may reach into the next of ours.
                if to > high {
                    break;
                }
                keep.next();
            }
        }
        Self(out.into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn set(ranges: &[(u16, u16)]) -> RangeSet<u16> {
        let parts: Vec<_> = ranges.iter().map(|&(low, high)| RangeSet::of(low, high)).collect();
        RangeSet::union(&parts)
    }

    #[test]
    fn neighbours_become_one() {
        assert_eq!(set(&[(5, 9), (1, 4), (20, 30)]).ranges(), [(1, 9), (20, 30)]);
        assert!(set(&[(0, 100), (101, u16::MAX)]).is_all());
        assert!(set(&[(0, u16::MAX)]).complement().is_empty());
    }

    proptest! {
        /// The operations agree with asking for each number.
        #[test]
        fn like_asking_each_number(
            a in prop::collection::vec((0u16..60, 0u16..60), 0..6),
            b in prop::collection::vec((0u16..60, 0u16..60), 0..6),
        ) {
            let (a, b) = (set(&a), set(&b));
            let (union, minus, complement) = (RangeSet::union([&a, &b]), a.minus(&b), a.complement());
            for n in (0..70).chain([u16::MAX]) {
                prop_assert_eq!(union.contains(n), a.contains(n) || b.contains(n));
                prop_assert_eq!(minus.contains(n), a.contains(n) && !b.contains(n));
                prop_assert_eq!(complement.contains(n), !a.contains(n));
            }
        }
    }
}
