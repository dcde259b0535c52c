//! The text of a rule file → the text of single rules: comments and blank lines go, continuation lines are
//! joined, and every byte keeps its place in the file.

use super::ast::Origin;

/// The text of one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) text: String,
    pub(super) origin: Origin,
}

/// Splits a file into rules. A line that ends in `\` goes on in the next one; a line whose first character
/// is `#` is a comment, also where it would continue.
pub(super) fn lines(file: impl AsRef<str>) -> impl Iterator<Item = Line> {
    let mut rows = Rows { file, at: 0, row: 0 };
    std::iter::from_fn(move || {
        loop {
            let (row, first) = rows.next()?;
            let comment = first.trim_start().starts_with('#');
            let mut line = Line { text: String::new(), origin: Origin::default() };
            let mut more = line.append(row, first);
            while more {
                let Some((row, next)) = rows.next() else { break };
                more = line.append(row, next);
            }
            line.text.truncate(line.text.trim_end().len());
            if !comment && !line.text.is_empty() {
                return Some(line);
            }
        }
    })
}

/// The rows of a file, which it may own.
struct Rows<T> {
    file: T,
    at: usize,
    row: usize,
}

impl<T: AsRef<str>> Rows<T> {
    /// The next row with its number, from 1, without the line feed.
    fn next(&mut self) -> Option<(usize, &str)> {
        let rest = self.file.as_ref().get(self.at..).filter(|rest| !rest.is_empty())?;
        let (text, length) = rest.split_once('\n').map_or((rest, rest.len()), |(text, _)| (text, text.len() + 1));
        self.at += length;
        self.row += 1;
        Some((self.row, text))
    }
}

impl Line {
    /// Appends one row of the file; whether it goes on in the next.
    fn append(&mut self, row: usize, text: &str) -> bool {
        let text = text.strip_suffix('\r').unwrap_or(text);
        let (text, more) = match text.trim_end().strip_suffix('\\') {
            Some(text) => (text, true),
            None => (text, false),
        };
        let kept = if self.text.is_empty() { text.trim_start() } else { text };
        self.origin.pieces.push((self.text.len(), row, text.len() - kept.len() + 1));
        self.text.push_str(kept);
        more
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn continuation_lines_are_joined_and_keep_their_places() {
        let file = "# a comment \\\nstill the comment\n\n  alert tcp \\\n   any any\r\nlast";
        let found: Vec<_> = lines(file).collect();
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].text, "alert tcp    any any");
        assert_eq!(found[0].origin.position(0), (4, 3));
        assert_eq!(found[0].origin.position(6), (4, 9));
        assert_eq!(found[0].origin.position(13), (5, 4));
        assert_eq!(found[1].origin.line(), 6);
    }
}
