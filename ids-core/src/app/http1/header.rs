//! Header fields (RFC 9112 §5): lines of a message → names and values.
//!
//! In: bytes after the start line, as they come.  Out: [`Headers`]: the lines as they were sent, and fields that
//! point into them.
//! Tolerates bare LF and CR, folded lines, NUL bytes (left out), white space around names, lines without a
//! colon. Bounded by the number of fields, the length of a field, and [`BLOCK_LIMIT`].

use super::Config;
use super::events::Event;
use super::line::{self, Eol, Finder, is_blank, is_token, leading, trim, trim_end};
use crate::app::http::headers::{Field, Headers, Span, hash};
use crate::field::Dir;

/// Bytes of a header block that are kept.
pub(super) const BLOCK_LIMIT: usize = 128 * 1024;
/// Bytes of a line that are looked at to see whether it is a header.
const NAME_LOOKAHEAD: usize = 64;
/// Fields that are kept beyond the limit because the framing of the message depends on them.
const FRAMING: [&str; 2] = ["content-length", "transfer-encoding"];
/// How many of those at most.
const FRAMING_EXTRA: usize = 16;

/// What one step of [`Lexer`] came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// So many bytes are done with; there is more.
    Used(usize),
    /// More bytes are needed.
    Wait,
    /// So many bytes are done with, and the headers are over.
    End(usize),
}

/// Takes a header block apart, line by line.
#[derive(Debug)]
pub(super) struct Lexer {
    dir: Dir,
    finder: Finder,
    /// What ended the line before.
    before: Eol,
    /// The field that the next line may continue, where it is one line so far: a part of `Headers::raw`.
    open: Option<Span>,
    /// The same, where it was folded.
    folded: Vec<u8>,
    /// The line before was white space and ended in LF: the end of the headers, unless headers follow.
    blank: bool,
    /// In the rest of a line that was too long.
    skipping: bool,
    /// Something was left out for want of room.
    full: bool,
}

impl Lexer {
    /// At the start of a header block of that direction.
    pub(super) fn new(dir: Dir) -> Self {
        Self {
            dir,
            finder: Finder::default(),
            before: Eol::CrLf,
            open: None,
            folded: Vec::new(),
            blank: false,
            skipping: false,
            full: false,
        }
    }

    /// The rest of the line before the headers is to be dropped: it was too long.
    pub(super) fn skip_rest(&mut self) {
        self.skipping = true;
    }

    /// Takes one line. In: all bytes that are there, and whether no more will come.
    pub(super) fn step(
        &mut self,
        headers: &mut Headers,
        data: &[u8],
        last: bool,
        config: &Config,
        odd: &mut impl FnMut(Event),
    ) -> Step {
        if data.is_empty() {
            return if last { self.end(headers, data, 0, config, odd) } else { Step::Wait };
        }
        if self.skipping {
            return self.skip(data, last);
        }
        let crs = leading(data, |byte| byte == b'\r');
        match data.get(crs) {
            None if !last => return Step::Wait,
            None => return self.end(headers, data, crs, config, odd),
            Some(b'\n') if crs <= 1 => return self.end(headers, data, crs + 1, config, odd),
            Some(b'\n') => return self.odd_empty_line(headers, data, crs, last, config, odd),
            Some(_) if crs > 0 => return self.junk(headers, data, crs, odd),
            Some(_) if self.blank => match is_header(data, last) {
                Some(true) => self.blank = false,
                Some(false) => return self.end(headers, data, 0, config, odd),
                None => return Step::Wait,
            },
            Some(_) => {}
        }
        let Some(found) = self.finder.find(data, config.field_limit, last) else { return Step::Wait };
        if found.cut {
            odd(by(self.dir, Event::RequestFieldTooLong, Event::ResponseFieldTooLong));
            self.skipping = true;
        }
        self.before = found.eol;
        self.line(headers, data, found, config, odd);
        Step::Used(found.used)
    }

    /// Drops the rest of a line that was too long, its end included.
    fn skip(&mut self, data: &[u8], last: bool) -> Step {
        match self.finder.find(data, usize::MAX, last) {
            Some(found) => {
                self.skipping = false;
                self.before = found.eol;
                Step::Used(found.used)
            }
            // A CR at the end may belong to the end of the line.
            None => {
                self.finder = Finder::default();
                let keep = usize::from(data.last() == Some(&b'\r'));
                match data.len() - keep {
                    0 => Step::Wait,
                    used => Step::Used(used),
                }
            }
        }
    }

    /// Several CR and LF where a line should begin. After a line that ended in LF alone this is LF CR, CR LF:
    /// the end, which may be followed by one more empty line. Otherwise it means nothing.
    fn odd_empty_line(
        &mut self,
        headers: &mut Headers,
        data: &[u8],
        crs: usize,
        last: bool,
        config: &Config,
        odd: &mut impl FnMut(Event),
    ) -> Step {
        let used = crs + 1;
        if self.before != Eol::Lf || crs != 2 {
            return self.junk(headers, data, used, odd);
        }
        let end = match data.get(used..).unwrap_or_default() {
            [b'\r', b'\n', ..] => used + 2,
            [] | [b'\r'] if !last => return Step::Wait,
            _ => used,
        };
        odd(Event::DeformedEol);
        self.end(headers, data, end, config, odd)
    }

    fn junk(&mut self, headers: &mut Headers, data: &[u8], used: usize, odd: &mut impl FnMut(Event)) -> Step {
        odd(Event::DeformedEol);
        self.keep(headers, data, used);
        self.before = Eol::CrLf;
        Step::Used(used)
    }

    fn end(
        &mut self,
        headers: &mut Headers,
        data: &[u8],
        used: usize,
        config: &Config,
        odd: &mut impl FnMut(Event),
    ) -> Step {
        self.close(headers, config, odd);
        self.keep(headers, data, used);
        Step::End(used)
    }

    /// Appends to what was sent; `None` if there is no room.
    fn keep(&mut self, headers: &mut Headers, data: &[u8], used: usize) -> Option<usize> {
        let start = headers.raw.len();
        if start + used > BLOCK_LIMIT {
            return None;
        }
        headers.raw.extend_from_slice(line::split(data, used).0);
        Some(start)
    }

    /// Takes a line that is not empty: it begins a field or continues one.
    fn line(
        &mut self,
        headers: &mut Headers,
        data: &[u8],
        found: line::Line,
        config: &Config,
        odd: &mut impl FnMut(Event),
    ) {
        let text = line::split(data, found.len).0;
        let Some(start) = self.keep(headers, data, found.used) else {
            self.close(headers, config, odd);
            self.overflow(odd);
            return;
        };
        let begins = !matches!(text.first(), Some(b' ' | b'\t' | 0));
        if begins {
            self.close(headers, config, odd);
            self.open = Some(Span::new(start, found.len));
            return;
        }
        let rest = trim(text);
        if rest.is_empty() {
            self.blank = found.eol == Eol::Lf;
            return;
        }
        let shift = leading(text, is_blank);
        let Some(open) = self.open else {
            odd(by(self.dir, Event::InvalidRequestFieldFolding, Event::InvalidResponseFieldFolding));
            self.open = Some(Span::new(start + shift, found.len - shift));
            return;
        };
        // Clients take a folded line that is a header by itself as one.
        let alone = self.dir == Dir::ToClient
            && is_header(rest, true) == Some(true)
            && (open.of(&headers.raw).contains(&b':') || self.folded.contains(&b':'));
        if alone {
            odd(Event::InvalidResponseFieldFolding);
            self.close(headers, config, odd);
            self.open = Some(Span::new(start + shift, found.len - shift));
        } else {
            self.fold(open.of(&headers.raw), rest, config);
        }
    }

    fn fold(&mut self, first: &[u8], rest: &[u8], config: &Config) {
        if self.folded.is_empty() {
            self.folded.extend_from_slice(trim_end(first));
        }
        if self.folded.len() + rest.len() < config.field_limit {
            self.folded.push(b' ');
            self.folded.extend_from_slice(rest);
        }
    }

    /// Ends the open field and adds it to the others.
    fn close(&mut self, headers: &mut Headers, config: &Config, odd: &mut impl FnMut(Event)) {
        let Some(open) = self.open.take() else { return };
        let plain = self.folded.is_empty() && !open.of(&headers.raw).contains(&0);
        let (base, text): (usize, &[u8]) = if plain {
            (open.start as usize, open.of(&headers.raw))
        } else {
            let source = if self.folded.is_empty() { open.of(&headers.raw) } else { &self.folded };
            let start = headers.mended.len();
            if start + source.len() > BLOCK_LIMIT {
                self.folded.clear();
                self.overflow(odd);
                return;
            }
            headers.mended.extend(source.iter().filter(|&&byte| byte != 0));
            self.folded.clear();
            (start, headers.mended.get(start..).unwrap_or_default())
        };
        let parts = self.parts(text, odd);
        let name = line::split(text, parts.0.end as usize).0.get(parts.0.start as usize..).unwrap_or_default();
        let hash = hash(name);
        if headers.fields.len() >= config.headers_limit {
            self.overflow(odd);
            let framing = FRAMING.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes()));
            if !framing || headers.fields.len() >= config.headers_limit + FRAMING_EXTRA {
                return;
            }
        }
        let same = |field: &&Field| field.hash == hash && headers.name(field).eq_ignore_ascii_case(name);
        let before = headers.fields.iter().filter(same).count();
        if before == 1 {
            odd(by(self.dir, Event::RequestHeaderRepetition, Event::ResponseHeaderRepetition));
        }
        let shift = |span: Span| Span::new(base + span.start as usize, (span.end - span.start) as usize);
        let field = Field { name: shift(parts.0), value: shift(parts.1), hash, repeated: before > 0, mended: !plain };
        headers.fields.push(field);
    }

    /// Name and value within a field. Without a colon it is all value.
    fn parts(&self, text: &[u8], odd: &mut impl FnMut(Event)) -> (Span, Span) {
        let Some(colon) = memchr::memchr(b':', text) else {
            odd(by(self.dir, Event::RequestFieldMissingColon, Event::ResponseFieldMissingColon));
            return (Span::default(), trimmed(text, 0));
        };
        let (before, after) = line::split(text, colon);
        let name = trimmed(before, 0);
        let bytes = name.of(text);
        if bytes.is_empty() {
            odd(by(self.dir, Event::RequestInvalidEmptyName, Event::ResponseInvalidEmptyName));
        } else if !bytes.iter().all(|&byte| is_token(byte)) {
            odd(by(self.dir, Event::RequestHeaderInvalid, Event::ResponseHeaderNameNotToken));
        }
        if name.end as usize != colon && !bytes.is_empty() {
            odd(by(self.dir, Event::RequestInvalidLwsAfterName, Event::ResponseInvalidLwsAfterName));
        }
        (name, trimmed(after.get(1..).unwrap_or_default(), colon + 1))
    }

    fn overflow(&mut self, odd: &mut impl FnMut(Event)) {
        if !self.full {
            self.full = true;
            odd(by(self.dir, Event::RequestTooManyHeaders, Event::ResponseTooManyHeaders));
        }
    }
}

/// Where `bytes`, which begin at `base`, are without white space around them.
fn trimmed(bytes: &[u8], base: usize) -> Span {
    let inner = trim(bytes).len();
    let start = if inner == 0 { 0 } else { leading(bytes, is_blank) };
    Span::new(base + start, inner)
}

/// Whether a header field (or the continuation of one) stands here; `None` if that cannot be told yet.
fn is_header(data: &[u8], last: bool) -> Option<bool> {
    if matches!(data.first(), Some(b' ' | b'\t')) {
        return Some(true);
    }
    let name = leading(data, is_token);
    match data.get(name) {
        Some(b':') => Some(name > 0),
        Some(_) => Some(false),
        None if name > NAME_LOOKAHEAD => Some(true),
        None => last.then_some(false),
    }
}

/// One of two events, by direction.
pub(super) const fn by(dir: Dir, request: Event, response: Event) -> Event {
    match dir {
        Dir::ToServer => request,
        Dir::ToClient => response,
    }
}
