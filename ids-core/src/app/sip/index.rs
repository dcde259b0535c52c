//! Where in a message the values of each name stand: a row each, found by name and number without a search of the message.

use std::ops::Range;

/// Part of a message, by the positions of its bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// Messages are shorter than what a position can say; beyond, a span is empty.
    pub(super) fn new(range: Range<usize>) -> Self {
        match (u32::try_from(range.start), u32::try_from(range.end)) {
            (Ok(start), Ok(end)) => Self { start, end },
            _ => Self::default(),
        }
    }

    /// Its bytes.
    pub(super) fn of(self, message: &[u8]) -> &[u8] {
        message.get(self.start as usize..self.end as usize).unwrap_or_default()
    }

    /// The same bytes without white space around them.
    pub(super) fn trimmed(self, message: &[u8]) -> Self {
        let text = self.of(message);
        let before = text.len() - text.trim_ascii_start().len();
        let start = self.start as usize + before;
        Self::new(start..start + text.trim_ascii().len())
    }

    /// The last bytes of it.
    pub(super) fn last(self, count: usize) -> Self {
        let end = self.end as usize;
        Self::new(end.saturating_sub(count)..end)
    }

    /// As far as the end of another one that follows.
    pub(super) const fn to(self, other: Self) -> Self {
        Self { start: self.start, end: other.end }
    }
}

/// Values by name, those of one name in the order of the message.
#[derive(Debug)]
pub(super) struct Index<K>(Vec<(K, Span)>);

impl<K: Ord + Copy> Index<K> {
    /// In: the rows as they stand in the message.
    pub(super) fn new(mut rows: Vec<(K, Span)>) -> Self {
        // Stable: rows of one name keep their order.
        rows.sort_by_key(|row| row.0);
        Self(rows)
    }

    /// The rows of all names between these two, which are included.
    pub(super) fn between(&self, first: K, last: K) -> &[(K, Span)] {
        let start = self.0.partition_point(|row| row.0 < first);
        let end = self.0.partition_point(|row| row.0 <= last);
        self.0.get(start..end).unwrap_or_default()
    }

    /// The rows of one name.
    pub(super) fn of(&self, name: K) -> &[(K, Span)] {
        self.between(name, name)
    }
}

/// The lines of a part of a message, which end in LF with or without CR: where each stands, without its end.
pub(super) fn lines(message: &[u8], part: Range<usize>) -> impl Iterator<Item = Span> {
    let mut at = part.start;
    std::iter::from_fn(move || {
        let rest = message.get(at..part.end).filter(|rest| !rest.is_empty())?;
        let line = memchr::memchr(b'\n', rest).and_then(|end| rest.get(..end)).unwrap_or(rest);
        let start = at;
        at += line.len() + 1;
        let text = line.strip_suffix(b"\r").unwrap_or(line);
        Some(Span::new(start..start + text.len()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_one_name_keep_their_order() {
        let at = |start| Span::new(start..start + 1);
        let index = Index::new(vec![(2, at(0)), (1, at(1)), (2, at(2)), (3, at(3))]);
        assert_eq!(index.of(2), [(2, at(0)), (2, at(2))]);
        assert_eq!(index.between(1, 2).len(), 3);
        assert_eq!(index.between(3, 9), [(3, at(3))]);
        assert!(index.of(0).is_empty() && index.between(3, 1).is_empty());
    }

    #[test]
    fn lines_end_in_one_of_two_ways() {
        let text = b"xx\na\r\n\r\nb\n\nc";
        let found: Vec<_> = lines(text, 3..text.len()).map(|line| line.of(text)).collect();
        assert_eq!(found, [&b"a"[..], b"", b"b", b"", b"c"]);
        assert_eq!(lines(text, 3..4).count(), 1);
        assert_eq!(lines(text, 3..3).count(), 0);
    }

    #[test]
    fn spans_are_within_the_message() {
        let text = b"a  b \r\n";
        assert_eq!(Span::new(1..7).trimmed(text).of(text), b"b");
        assert_eq!(Span::new(1..3).trimmed(text).of(text), b"");
        assert_eq!(Span::new(5..9).of(text), b"");
        assert_eq!(Span::new(0..1).to(Span::new(3..4)).of(text), b"a  b");
    }
}
