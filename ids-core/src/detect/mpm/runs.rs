//! Patterns that repeat one byte, as padding does: each run is measured once, however many of them it holds.

/// The patterns, by byte and length.
#[derive(Debug, Default)]
pub(super) struct Runs(Vec<Pattern>);

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Pattern {
    byte: u8,
    length: u32,
    nocase: bool,
    pattern: u32,
}

impl Runs {
    /// Adds a pattern of a byte, given in lower case, so many times.
    pub(super) fn add(&mut self, byte: u8, length: usize, nocase: bool, pattern: u32) {
        self.0.push(Pattern { byte, length: super::size(length), nocase, pattern });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn sort(&mut self) {
        self.0.sort_unstable();
    }

    /// Hands over the patterns that the run from `start` holds, if one starts there.
    pub(super) fn scan(&self, haystack: &[u8], start: usize, candidate: &mut impl FnMut(u32, usize)) {
        let Some((head, tail)) = haystack.split_at_checked(start) else { return };
        let Some(byte) = tail.first().map(u8::to_ascii_lowercase) else { return };
        if head.last().is_some_and(|before| before.to_ascii_lowercase() == byte) {
            return;
        }
        let length = run(tail, byte);
        let first = self.0.partition_point(|pattern| pattern.byte < byte);
        let patterns = self.0.get(first..).unwrap_or_default().iter();
        for held in patterns.take_while(|pattern| pattern.byte == byte && pattern.length as usize <= length) {
            // If case matters, another place in the run may be the right one.
            let last = if held.nocase { start } else { start + length - held.length as usize };
            (start..=last).for_each(|start| candidate(held.pattern, start));
        }
    }

    pub(super) fn memory(&self) -> usize {
        self.0.capacity() * size_of::<Pattern>()
    }
}

/// How many bytes from the first are `byte` in either case.
fn run(bytes: &[u8], byte: u8) -> usize {
    /// Compared in one go.
    const STEP: usize = 16;
    let same = |other: &u8| other.to_ascii_lowercase() == byte;
    let steps =
        bytes.chunks_exact(STEP).take_while(|step| step.iter().fold(true, |all, other| all & same(other))).count();
    let rest = bytes.get(steps * STEP..).unwrap_or_default();
    steps * STEP + rest.iter().take_while(|other| same(other)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_told_from_their_start() {
        let mut runs = Runs::default();
        for ((byte, length, nocase), pattern) in
            [(0, 4, true), (0, 3, true), (b'a', 4, true), (b'a', 4, false)].into_iter().zip(0..)
        {
            runs.add(byte, length, nocase, pattern);
        }
        runs.sort();
        let long = [&[0; 70][..], b"x"].concat();
        // Data, and where the run starts; pattern and place of each candidate.
        type Candidates = &'static [(u32, usize)];
        let rows: [(&[u8], usize, Candidates); 6] = [
            (b"x\0\0\0y", 1, &[(1, 1)]),
            (b"x\0\0\0y", 2, &[]),
            (b"\0\0\0\0", 0, &[(1, 0), (0, 0)]),
            (&long, 0, &[(1, 0), (0, 0)]),
            (b"aAaaAb", 0, &[(3, 0), (3, 1), (2, 0)]),
            (b"bcd", 0, &[]),
        ];
        for (data, start, expected) in rows {
            let mut found = Vec::new();
            runs.scan(data, start, &mut |pattern, place| found.push((pattern, place)));
            assert_eq!(found, expected, "{} from {start}", data.escape_ascii());
        }
    }
}
