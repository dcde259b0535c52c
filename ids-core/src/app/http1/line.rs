//! Where a line ends: in LF, CRLF, several CR and LF, or a lone CR, as lenient servers and clients see it.
//!
//! In: bytes from the start of a line.  Out: how long the line is and what ended it.
//! RFC 9112 §2.2 wants CRLF and lets recipients take LF; a lone CR ends a line for some clients, which is used
//! to hide headers (`HTTP/1.1 200 ok\rTransfer-Encoding: chunked`).

use memchr::memchr2;

pub(super) use crate::app::http::text::*;

/// What ended a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Eol {
    /// LF alone.
    Lf,
    /// CR and LF; possibly several CR.
    CrLf,
    /// CR alone.
    Cr,
    /// Nothing: the line was cut, by the end of the stream or by its length.
    None,
}

/// A line that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Bytes before its end.
    pub len: usize,
    /// Bytes with its end.
    pub used: usize,
    /// What ended it.
    pub eol: Eol,
    /// Whether it was longer than allowed; the rest of it follows.
    pub cut: bool,
}

/// Finds the ends of lines in bytes that grow, without looking at any byte twice.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Finder {
    /// Bytes of the unfinished line that hold no line end.
    scanned: usize,
}

impl Finder {
    /// The line that `data` begins with; `None` if its end is not there yet. At the end of the stream (`last`)
    /// whatever is there is a line. A line longer than `limit` is cut there.
    pub(super) fn find(&mut self, data: &[u8], limit: usize, last: bool) -> Option<Line> {
        let from = self.scanned.min(data.len());
        let at = data.get(from..).and_then(|rest| memchr2(b'\r', b'\n', rest)).map(|at| from + at);
        let line = match at {
            Some(at) if at <= limit => ended(data, at, last),
            None if data.len() <= limit => (last && !data.is_empty()).then_some(Line {
                len: data.len(),
                used: data.len(),
                eol: Eol::None,
                cut: false,
            }),
            _ => Some(Line { len: limit, used: limit, eol: Eol::None, cut: true }),
        };
        self.scanned = if line.is_some() { 0 } else { at.unwrap_or(data.len()) };
        line
    }
}

/// The line that ends with the CR or LF at `at`.
fn ended(data: &[u8], at: usize, last: bool) -> Option<Line> {
    if data.get(at) == Some(&b'\n') {
        return Some(Line { len: at, used: at + 1, eol: Eol::Lf, cut: false });
    }
    let run = data.get(at..).map_or(0, |rest| leading(rest, |byte| byte == b'\r'));
    match data.get(at + run) {
        Some(b'\n') => Some(Line { len: at, used: at + run + 1, eol: Eol::CrLf, cut: false }),
        None if !last => None,
        _ => Some(Line { len: at, used: at + 1, eol: Eol::Cr, cut: false }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_of_lines() {
        type Row = (&'static [u8], bool, Option<(usize, usize, Eol)>);
        let cases: &[Row] = &[
            (b"a\nb", false, Some((1, 2, Eol::Lf))),
            (b"a\r\nb", false, Some((1, 3, Eol::CrLf))),
            (b"a\r\r\nb", false, Some((1, 4, Eol::CrLf))),
            (b"a\rb", false, Some((1, 2, Eol::Cr))),
            (b"a\r\rb", false, Some((1, 2, Eol::Cr))),
            (b"a\r", false, None),
            (b"a\r", true, Some((1, 2, Eol::Cr))),
            (b"abc", false, None),
            (b"abc", true, Some((3, 3, Eol::None))),
            (b"", true, None),
            (b"\r\n", false, Some((0, 2, Eol::CrLf))),
        ];
        for &(data, last, expected) in cases {
            let found = Finder::default().find(data, 100, last);
            assert_eq!(found.map(|line| (line.len, line.used, line.eol)), expected, "{data:?}");
        }
    }

    #[test]
    fn long_lines_are_cut_alike_however_they_come() {
        let whole = Finder::default().find(b"abcdef\n", 4, false);
        let mut finder = Finder::default();
        let grown = (1..=5).find_map(|len| finder.find(&b"abcdef\n"[..len], 4, false));
        assert_eq!(whole, Some(Line { len: 4, used: 4, eol: Eol::None, cut: true }));
        assert_eq!(grown, whole);
    }
}
