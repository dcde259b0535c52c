//! Forms with files (`multipart/form-data`, RFC 7578): body → names and contents of the files in it.
//!
//! In: decoded content, as it comes.  Out: [`Part`]s, handed to a function.
//! Holds one unfinished line, or as many bytes as a delimiter may have.

use memchr::memmem;

use super::Odd;
use super::text::{leading, split, starts_with, trim};

/// Longest boundary that is looked for (RFC 2046 §5.1.1 allows 70).
const BOUNDARY_LIMIT: usize = 256;
/// Longest header line of a part.
const LINE_LIMIT: usize = 4096;

/// What was found in a form.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::app) enum Part<'a> {
    /// A file of this name begins.
    Begin(Vec<u8>),
    /// Bytes of the file.
    Content(&'a [u8]),
    /// The file is over.
    End,
    /// Something is odd.
    Odd(Odd),
}

/// Takes parts.
type Take<'a> = dyn FnMut(Part<'_>) + 'a;

/// Takes a form apart.
#[derive(Debug)]
pub(in crate::app) struct Form {
    /// `--` and the boundary.
    delimiter: memmem::Finder<'static>,
    state: State,
    /// Bytes that cannot be judged yet.
    held: Vec<u8>,
    /// Bytes of the current file.
    size: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// Before the first delimiter.
    Preamble,
    /// In the line of a delimiter.
    Delimiter,
    /// In the headers of a part: the file name, and whether anything useful was said.
    Headers { name: Option<Vec<u8>>, known: bool },
    /// In the content of a part; the flag tells whether it is a file.
    Content(bool),
    /// After the last delimiter.
    Over,
}

impl Form {
    /// A form, if that is what the content type says.
    pub(in crate::app) fn new(content_type: &[u8]) -> Option<Self> {
        if !starts_with(trim(content_type), b"multipart/form-data") {
            return None;
        }
        let boundary =
            parameter(content_type, b"boundary").filter(|text| !text.is_empty() && text.len() <= BOUNDARY_LIMIT)?;
        let delimiter = memmem::Finder::new(&[b"--", boundary].concat()).into_owned();
        Some(Self { delimiter, state: State::Preamble, held: Vec::new(), size: 0 })
    }

    /// Takes the next bytes.
    pub(in crate::app) fn feed(&mut self, bytes: &[u8], take: &mut Take<'_>) {
        if self.held.is_empty() {
            let used = self.run(bytes, take);
            self.held.extend_from_slice(split(bytes, used).1);
        } else {
            let mut held = std::mem::take(&mut self.held);
            held.extend_from_slice(bytes);
            let used = self.run(&held, take);
            held.drain(..used.min(held.len()));
            self.held = held;
        }
    }

    /// The body is over.
    pub(in crate::app) fn finish(&mut self, take: &mut Take<'_>) {
        let held = std::mem::take(&mut self.held);
        if self.state == State::Content(true) {
            self.content(&held, take);
        }
        if self.state != State::Over {
            take(Part::Odd(Odd::BrokenForm));
        }
    }

    /// Takes as much of `bytes` as can be judged. Out: how much that is.
    fn run(&mut self, bytes: &[u8], take: &mut Take<'_>) -> usize {
        let mut at = 0;
        loop {
            let rest = split(bytes, at).1;
            let used = match self.state {
                State::Over => return bytes.len(),
                State::Preamble | State::Content(_) => self.until_delimiter(rest, take),
                State::Delimiter | State::Headers { .. } => self.line(rest, take),
            };
            match used {
                0 => return at,
                used => at += used,
            }
        }
    }

    /// Takes content up to the next delimiter, or up to where one may begin.
    fn until_delimiter(&mut self, bytes: &[u8], take: &mut Take<'_>) -> usize {
        let needle = self.delimiter.needle().len();
        let Some(at) = self.delimiter.find(bytes) else {
            // The delimiter and the line end before it may have begun.
            let used = bytes.len().saturating_sub(needle + 1);
            self.content(split(bytes, used).0, take);
            return used;
        };
        let before = split(bytes, at).0;
        let content = before.strip_suffix(b"\r\n").or_else(|| before.strip_suffix(b"\n")).unwrap_or(before);
        self.content(content, take);
        if self.state == State::Content(true) {
            if self.size == 0 {
                take(Part::Odd(Odd::EmptyUpload));
            }
            take(Part::End);
        }
        self.state = State::Delimiter;
        at + needle
    }

    fn content(&mut self, bytes: &[u8], take: &mut Take<'_>) {
        if self.state == State::Content(true) && !bytes.is_empty() {
            self.size += bytes.len() as u64;
            take(Part::Content(bytes));
        }
    }

    /// Takes a line of a delimiter or of headers, if it is all there.
    fn line(&mut self, bytes: &[u8], take: &mut Take<'_>) -> usize {
        if self.state == State::Delimiter && bytes.starts_with(b"--") {
            self.state = State::Over;
            return 2;
        }
        let Some(end) = memchr::memchr(b'\n', bytes) else {
            if bytes.len() <= LINE_LIMIT {
                return 0;
            }
            take(Part::Odd(Odd::BrokenForm));
            return bytes.len();
        };
        let text = trim(split(bytes, end).0);
        match &mut self.state {
            State::Headers { name, known } if text.is_empty() => {
                let (name, known) = (name.take(), *known);
                if !known {
                    take(Part::Odd(Odd::UnknownPart));
                }
                self.size = 0;
                self.state = State::Content(name.is_some());
                if let Some(name) = name {
                    take(Part::Begin(name));
                }
            }
            State::Headers { name, known } => {
                if starts_with(text, b"content-disposition:") {
                    *known = true;
                    *name = parameter(text, b"filename").filter(|name| !name.is_empty()).map(<[u8]>::to_vec);
                }
            }
            state => *state = State::Headers { name: None, known: false },
        }
        end + 1
    }
}

/// The value of a parameter of a header (`; name=value` or `; name="value"`), without regard to the case of its
/// name. Quotes may be missing at the end.
pub(in crate::app) fn parameter<'a>(header: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let mut rest = header;
    loop {
        rest = split(rest, leading(rest, |byte| byte != b';')).1.get(1..)?;
        let text = split(rest, leading(rest, |byte| byte.is_ascii_whitespace())).1;
        let Some(after) = starts_with(text, name).then(|| split(text, name.len()).1) else {
            rest = skip_value(text);
            continue;
        };
        let after = split(after, leading(after, |byte| byte.is_ascii_whitespace())).1;
        if let Some(value) = after.strip_prefix(b"=") {
            let value = split(value, leading(value, |byte| byte.is_ascii_whitespace())).1;
            return Some(match value.strip_prefix(b"\"") {
                Some(quoted) => split(quoted, leading(quoted, |byte| byte != b'"')).0,
                None => trim(split(value, leading(value, |byte| byte != b';')).0),
            });
        }
        rest = skip_value(text);
    }
}

/// What follows a parameter, whose quoted value may hold semicolons.
fn skip_value(text: &[u8]) -> &[u8] {
    let end = leading(text, |byte| byte != b';' && byte != b'"');
    match split(text, end).1.split_first() {
        Some((b'"', quoted)) => split(quoted, leading(quoted, |byte| byte != b'"')).1,
        _ => split(text, end).1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Files found: names with contents, and the number of odd things.
    fn parse(body: &[u8], step: usize) -> (Vec<(String, String, bool)>, usize) {
        let mut form = Form::new(b"multipart/form-data; charset=x; boundary=\"AaB\"").expect("a form");
        let (mut files, mut odd): (Vec<(String, String, bool)>, usize) = (Vec::new(), 0);
        let mut take = |part: Part<'_>| match part {
            Part::Begin(name) => files.push((String::from_utf8_lossy(&name).into_owned(), String::new(), false)),
            Part::Content(bytes) => files.last_mut().expect("begun").1.push_str(&String::from_utf8_lossy(bytes)),
            Part::End => files.last_mut().expect("begun").2 = true,
            Part::Odd(_) => odd += 1,
        };
        body.chunks(step).for_each(|part| form.feed(part, &mut take));
        form.finish(&mut take);
        (files, odd)
    }

    #[test]
    fn files_of_a_form() {
        let body = b"junk\r\n--AaB\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\nvalue\r\n--AaB\r\n\
            content-disposition: form-data; name=\"f;g\"; filename=\"a.txt\"\r\nContent-Type: text/plain\r\n\r\n\
            one\r\n--Aa two\r\n\r\n--AaB\nContent-Disposition: form-data; filename=b\n\nthree\n--AaB--\r\nend";
        let expected = vec![("a.txt".into(), "one\r\n--Aa two\r\n".into(), true), ("b".into(), "three".into(), true)];
        for step in [1, 2, 3, 7, 50, 1000] {
            assert_eq!(parse(body, step), (expected.clone(), 0), "by {step}");
        }
    }

    #[test]
    fn odd_forms() {
        let cut = b"--AaB\r\nContent-Disposition: form-data; filename=c\r\n\r\nunfinished";
        let bare = b"--AaB\r\nX: y\r\n\r\nv\r\n--AaB--";
        let empty = b"--AaB\r\nContent-Disposition: form-data; filename=c\r\n\r\n\r\n--AaB--";
        for step in [1, 5, 1000] {
            assert_eq!(parse(cut, step), (vec![("c".into(), "unfinished".into(), false)], 1));
            assert_eq!(parse(bare, step), (vec![], 1));
            assert_eq!(parse(empty, step), (vec![("c".into(), String::new(), true)], 1));
        }
    }

    #[test]
    fn parameters() {
        for (header, expected) in [
            ("attachment; filename=\"eicar.txt\"", Some("eicar.txt")),
            ("attachment;FileName = eicar.txt ; x", Some("eicar.txt")),
            ("attachment; x=\"; filename=no\"; filename=yes", Some("yes")),
            ("attachment; filename=\"open", Some("open")),
            ("attachment; filenames=no", None),
            ("attachment", None),
        ] {
            assert_eq!(parameter(header.as_bytes(), b"filename"), expected.map(str::as_bytes), "{header}");
        }
    }
}
