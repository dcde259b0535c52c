//! Patterns of one byte: each buffer is asked once which bytes it has.

/// The patterns, each with its byte in lower case.
#[derive(Debug, Default)]
pub(super) struct Singles(Vec<(u8, u32)>);

impl Singles {
    pub(super) fn add(&mut self, byte: u8, pattern: u32) {
        self.0.push((byte, pattern));
    }

    /// Hands over the first place of each byte, in either case.
    pub(super) fn scan(&self, haystack: &[u8], candidate: &mut impl FnMut(u32, usize)) {
        if self.0.is_empty() {
            return;
        }
        let mut first = [usize::MAX; 256];
        for (at, byte) in haystack.iter().enumerate().rev() {
            if let Some(first) = first.get_mut(usize::from(*byte)) {
                *first = at;
            }
        }
        for (byte, pattern) in &self.0 {
            let upper = byte.to_ascii_uppercase();
            let places = [Some(*byte), (upper != *byte).then_some(upper)];
            let places = places.iter().flatten().filter_map(|byte| first.get(usize::from(*byte)));
            places.filter(|at| **at != usize::MAX).for_each(|at| candidate(*pattern, *at));
        }
    }

    pub(super) fn memory(&self) -> usize {
        self.0.capacity() * size_of::<(u8, u32)>()
    }
}
