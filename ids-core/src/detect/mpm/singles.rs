//! Patterns of one byte: each buffer is asked once which bytes it has.

/// Up to so many different bytes are searched for one by one, each many times as fast as the whole buffer is read.
const FEW: usize = 8;

/// The patterns, each with its byte in lower case; those of one byte next to each other.
#[derive(Debug, Default)]
pub(super) struct Singles {
    patterns: Vec<(u8, u32)>,
    /// How many different bytes there are.
    bytes: usize,
}

impl Singles {
    pub(super) fn add(&mut self, byte: u8, pattern: u32) {
        let at = self.patterns.partition_point(|row| row.0 <= byte);
        let known = at.checked_sub(1).and_then(|before| self.patterns.get(before)).is_some_and(|row| row.0 == byte);
        self.bytes += usize::from(!known);
        self.patterns.insert(at, (byte, pattern));
    }

    /// Hands over the first place of each byte, in either case.
    pub(super) fn scan(&self, haystack: &[u8], candidate: &mut impl FnMut(u32, usize)) {
        if self.bytes <= FEW {
            return self.tell(|byte| memchr::memchr(byte, haystack), candidate);
        }
        let mut first = [usize::MAX; 256];
        for (at, byte) in haystack.iter().enumerate().rev() {
            if let Some(first) = first.get_mut(usize::from(*byte)) {
                *first = at;
            }
        }
        self.tell(|byte| first.get(usize::from(byte)).copied().filter(|at| *at != usize::MAX), candidate);
    }

    /// Hands over what is found; `first` is asked once for each byte and case.
    fn tell(&self, first: impl Fn(u8) -> Option<usize>, candidate: &mut impl FnMut(u32, usize)) {
        for same in self.patterns.chunk_by(|one, other| one.0 == other.0) {
            let Some((byte, _)) = same.first() else { continue };
            let upper = byte.to_ascii_uppercase();
            let places = [first(*byte), if upper == *byte { None } else { first(upper) }];
            for place in places.into_iter().flatten() {
                same.iter().for_each(|(_, pattern)| candidate(*pattern, place));
            }
        }
    }

    pub(super) fn memory(&self) -> usize {
        self.patterns.capacity() * size_of::<(u8, u32)>()
    }
}
