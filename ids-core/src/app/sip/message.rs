//! A message: where its parts stand, and the values of the header fields that are looked at.
//!
//! In: the bytes of one message.  Out: its first line, its header fields, what its body says of a session.
//! A field may go on in lines that begin with white space (RFC 3261 §7.3.1), and names have a short form (§7.3.3).

use super::index::{Index, Span, lines};
use super::sdp::Sdp;
use super::start::Start;

/// Header fields of a message that are kept.
const MOST_FIELDS: usize = 4096;

/// A header field that is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Name {
    From,
    To,
    Via,
    UserAgent,
    ContentType,
    ContentLength,
}

impl Name {
    /// By its name or its short form, in any case (RFC 3261 §20).
    fn read(text: &[u8]) -> Option<Self> {
        const NAMES: &[(&str, &str, Name)] = &[
            ("From", "f", Name::From),
            ("To", "t", Name::To),
            ("Via", "v", Name::Via),
            ("User-Agent", "", Name::UserAgent),
            ("Content-Type", "c", Name::ContentType),
            ("Content-Length", "l", Name::ContentLength),
        ];
        let is = |name: &str| !text.is_empty() && text.eq_ignore_ascii_case(name.as_bytes());
        NAMES.iter().find(|(name, short, _)| is(name) || is(short)).map(|row| row.2)
    }
}

/// Where the head of a message ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ends {
    /// Behind the first line, its end included.
    pub(super) line: usize,
    /// Behind the last header field.
    pub(super) headers: usize,
    /// Behind the empty line.
    pub(super) head: usize,
}

impl Ends {
    /// Looks for the empty line that ends the head, of whose bytes so many hold none; `None` if it is not there yet.
    pub(super) fn find(data: &[u8], searched: usize) -> Option<Self> {
        let from = searched.min(data.len());
        let ends = memchr::memchr_iter(b'\n', data.get(from..)?).map(|at| from + at + 1);
        let (headers, head) =
            ends.map(|end| (end, data.get(end..).unwrap_or_default())).find_map(|(end, rest)| match rest {
                [b'\n', ..] => Some((end, end + 1)),
                [b'\r', b'\n', ..] => Some((end, end + 2)),
                _ => None,
            })?;
        Some(Self { line: line_end(data), headers, head })
    }

    /// Of a head that ends with the data.
    pub(super) fn of_all(data: &[u8]) -> Self {
        Self { line: line_end(data), headers: data.len(), head: data.len() }
    }
}

/// Behind the first line.
fn line_end(data: &[u8]) -> usize {
    memchr::memchr(b'\n', data).map_or(data.len(), |end| end + 1)
}

/// What stands before the body.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) ends: Ends,
    pub(super) start: Start,
    fields: Index<Name>,
    /// Bytes of the body, if it says so (RFC 3261 §20.14).
    pub(super) length: Option<u64>,
    /// A line is no header field, a length is none, or there are several.
    pub(super) odd: bool,
}

impl Head {
    /// Reads it; `None` if no message begins so.
    pub(super) fn read(data: &[u8], ends: Ends) -> Option<Self> {
        let start = Start::read(lines(data, 0..ends.line).next()?.of(data))?;
        let mut odd = false;
        let mut rows: Vec<(Option<Name>, Span)> = Vec::new();
        for line in lines(data, ends.line..ends.headers) {
            let text = line.of(data);
            let goes_on = matches!(text.first(), Some(b' ' | b'\t'));
            let colon = memchr::memchr(b':', text).filter(|_| rows.len() < MOST_FIELDS);
            match (goes_on, rows.last_mut(), colon) {
                (true, Some(row), _) => row.1 = row.1.to(line),
                (false, _, Some(colon)) => {
                    let (name, value) = text.split_at(colon);
                    rows.push((Name::read(name.trim_ascii()), line.last(value.len() - 1)));
                }
                _ => odd = true,
            }
        }
        let rows = rows.into_iter().filter_map(|(name, value)| Some((name?, value.trimmed(data)))).collect();
        let mut head = Self { ends, start, fields: Index::new(rows), length: None, odd };
        head.read_length(data);
        Some(head)
    }

    fn read_length(&mut self, data: &[u8]) {
        for (_, value) in self.fields.of(Name::ContentLength) {
            let number = std::str::from_utf8(value.of(data)).ok().and_then(|text| text.parse().ok());
            self.odd |= number.is_none() || self.length.is_some() && self.length != number;
            self.length = self.length.or(number);
        }
    }
}

/// A message.
#[derive(Debug)]
pub(super) struct Message {
    bytes: Box<[u8]>,
    head: Head,
    pub(super) sdp: Option<Sdp>,
}

impl Message {
    /// In: all its bytes, as far as they are there.
    pub(super) fn new(bytes: &[u8], head: Head) -> Self {
        let body = head.ends.head..bytes.len();
        let kind = head.fields.of(Name::ContentType).first().map(|row| row.1.of(bytes));
        let sdp = kind.filter(|kind| is_sdp(kind)).and_then(|_| Sdp::read(bytes, body));
        // Nothing of another body is looked at.
        let kept = if sdp.is_some() { bytes } else { bytes.get(..head.ends.head).unwrap_or(bytes) };
        Self { bytes: kept.into(), head, sdp }
    }

    /// What its spans are about.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) const fn start(&self) -> Start {
        self.head.start
    }

    /// The value of a header field; the lines that it goes on in are put together in `scratch`.
    pub(super) fn value<'a>(&'a self, name: Name, instance: usize, scratch: &'a mut Vec<u8>) -> Option<&'a [u8]> {
        let value = self.head.fields.of(name).get(instance)?.1.of(&self.bytes);
        if !value.contains(&b'\n') {
            return Some(value);
        }
        scratch.clear();
        for line in value.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii) {
            if !scratch.is_empty() {
                scratch.push(b' ');
            }
            scratch.extend_from_slice(line);
        }
        Some(scratch)
    }
}

/// Whether this is the type of SDP, whatever its parameters (RFC 8866 §8.1).
fn is_sdp(kind: &[u8]) -> bool {
    let name = kind.split(|byte| *byte == b';').next().unwrap_or_default();
    name.trim_ascii().eq_ignore_ascii_case(b"application/sdp")
}
