//! A message on its way: lines → header fields, parts, content.
//!
//! Parts are told from each other by the boundaries of all multiparts that are open (RFC 2046 §5.1.2): one of an outer
//! multipart ends the inner ones. A message in a message (RFC 2046 §5.2.1) is read like a part.

use md5::{Digest, Md5};

use super::files::Files;
use super::header::{Field, Headers, Met, Reader};
use super::lines::{Line, Lines};
use super::transfer::{Decoder, LONGEST_LINE, Taken};
use super::urls::{Finder, Link};
use super::{Context, Oddity, params};
use crate::app::file::File;
use crate::field::Value;

/// Longest line (RFC 5322 §2.1.1).
const LONGEST: usize = 998;
/// Longest boundary (RFC 2046 §5.1.1).
const LONGEST_BOUNDARY: usize = 70;
/// Longest name of a file that is kept.
const LONGEST_NAME: usize = 255;
/// Deepest nesting of multiparts.
const DEEPEST: usize = 32;

/// How far a message has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::app) enum Status {
    /// Its own header fields come.
    Header,
    /// They are there, the rest comes.
    Body,
    /// It is whole.
    Done,
    /// It ended early, or part of it is missing.
    Broken,
}

/// Where the next line belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Among the headers of the message or of a part.
    Headers,
    /// In text that nobody reads: before the first part of a multipart, or behind the last.
    Between,
    /// In the content of a part that is no multipart.
    Content,
}

/// What the headers of the message or of a part say of its content.
#[derive(Debug, Default)]
struct Entity {
    kind: Option<Vec<u8>>,
    disposition: Option<Vec<u8>>,
    encoding: Option<Vec<u8>>,
}

/// A message.
#[derive(Debug)]
pub(in crate::app) struct Message {
    lines: Lines,
    reader: Reader,
    place: Place,
    status: Status,
    headers: Headers,
    /// Boundaries of the multiparts that are open, the innermost last.
    boundaries: Vec<Vec<u8>>,
    entity: Entity,
    decoder: Decoder,
    /// The end of the line before, if it may belong to the content: else to the boundary behind it.
    end: Vec<u8>,
    /// Bytes of the line at hand, as far as they came in pieces.
    length: usize,
    files: Files,
    urls: Finder,
    shows_scheme: bool,
    /// The content at hand is text to look for URLs in.
    text: bool,
    decoded: Vec<u8>,
    body: Option<Box<Md5>>,
    body_md5: Option<[u8; 16]>,
    odd: Vec<Oddity>,
    /// It is not taken apart: it is one file.
    whole: bool,
}

/// The name of a message that is not taken apart.
const WHOLE: &[u8] = b"rawmsg";

impl Message {
    /// A message that begins.
    pub(in crate::app) fn new(at: &Context<'_>) -> Self {
        Self {
            lines: Lines::default(),
            reader: Reader::default(),
            place: Place::Headers,
            status: Status::Header,
            headers: Headers::default(),
            boundaries: Vec::new(),
            entity: Entity::default(),
            decoder: Decoder::None,
            end: Vec::new(),
            length: 0,
            files: Files::new(at.config.inspect_minimum),
            urls: Finder::new(&at.config.url_schemes),
            shows_scheme: at.config.shows_scheme,
            text: false,
            decoded: Vec::new(),
            body: at.config.body_md5.then(|| Box::new(Md5::new())),
            body_md5: None,
            odd: Vec::new(),
            whole: false,
        }
    }

    /// A message that begins, and is one file.
    pub(in crate::app) fn whole(at: &Context<'_>) -> Self {
        let mut message = Self { whole: true, place: Place::Content, status: Status::Body, ..Self::new(at) };
        message.files.begin(WHOLE.to_vec(), at);
        message
    }

    /// Takes the next bytes.
    pub(in crate::app) fn feed(&mut self, bytes: &[u8], at: &Context<'_>) {
        let mut lines = std::mem::take(&mut self.lines);
        lines.feed(bytes, &mut |line| self.line(line, at));
        self.lines = lines;
    }

    /// At the start of a line a byte was taken out that was only put there for the way: it counts as sent in the digest of
    /// the body, and nowhere else.
    pub(in crate::app) fn taken_out(&mut self, byte: u8) {
        if let Some(body) = self.body.as_mut().filter(|_| self.status != Status::Header) {
            body.update([byte]);
        }
    }

    /// So many bytes were lost.
    pub(in crate::app) fn gap(&mut self, bytes: u64, at: &Context<'_>) {
        let mut lines = std::mem::take(&mut self.lines);
        lines.flush(&mut |line| self.line(line, at));
        lines.gap();
        self.lines = lines;
        self.end.clear();
        self.body = None;
        self.files.gap(bytes);
        self.status = Status::Broken;
    }

    /// The message is over; `whole` tells whether it ended where it should.
    pub(in crate::app) fn end(&mut self, whole: bool, at: &Context<'_>) {
        let mut lines = std::mem::take(&mut self.lines);
        lines.flush(&mut |line| self.line(line, at));
        if self.place == Place::Headers {
            self.headers_over(at);
        }
        if self.whole {
            let end = std::mem::take(&mut self.end);
            self.take(&end, at);
        }
        self.end_content(whole, at);
        self.body_md5 = self.body.take().filter(|_| whole).map(|digest| digest.finalize().into());
        if self.status != Status::Broken {
            self.status = if whole { Status::Done } else { Status::Broken };
        }
    }

    /// How far it has come.
    pub(in crate::app) const fn status(&self) -> Status {
        self.status
    }

    /// Its own header fields, once all are there; none if it is not taken apart.
    pub(in crate::app) fn headers(&self) -> Option<&Headers> {
        (self.status != Status::Header && !self.whole).then_some(&self.headers)
    }

    /// URLs in its text, oldest first, as the configuration wants them shown.
    pub(in crate::app) fn urls(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.urls.found.iter().map(|url| url.text(self.shows_scheme))
    }

    /// Whether one of the URLs leads to such a thing.
    pub(in crate::app) fn links_to(&self, link: Link) -> bool {
        self.urls.found.iter().any(|url| url.is(link))
    }

    /// The MD5 of all that follows its headers, once that is there.
    pub(in crate::app) const fn body_md5(&self) -> Option<&[u8; 16]> {
        self.body_md5.as_ref()
    }

    /// What it carries.
    pub(in crate::app) fn files(&self) -> &[File] {
        self.files.list()
    }

    /// The same, to change.
    pub(in crate::app) fn files_mut(&mut self) -> &mut [File] {
        self.files.list_mut()
    }

    /// What rules see of a file.
    pub(in crate::app) fn file_value(&self, index: usize) -> Value<'_> {
        self.files.value(index)
    }

    /// What was kept of files is inspected.
    pub(in crate::app) fn inspected(&mut self, at: &Context<'_>) {
        self.files.inspected(at);
    }

    /// What was odd since the last call.
    pub(in crate::app) fn oddities(&mut self) -> std::vec::Drain<'_, Oddity> {
        self.odd.drain(..)
    }

    fn note(&mut self, oddity: Oddity) {
        if !self.odd.contains(&oddity) {
            self.odd.push(oddity);
        }
    }

    fn line(&mut self, line: Line<'_>, at: &Context<'_>) {
        if self.status != Status::Header
            && let Some(body) = &mut self.body
        {
            body.update(line.text);
            body.update(line.end);
        }
        self.measure(line);
        if let Some((level, closes)) = self.boundary(line) {
            return self.delimit(level, closes, at);
        }
        match self.place {
            Place::Headers => self.header(line, at),
            Place::Between => {}
            Place::Content => self.content(line, at),
        }
    }

    /// Notes lines that are longer than they may be.
    fn measure(&mut self, line: Line<'_>) {
        let before = if line.first { 0 } else { self.length };
        self.length = before + line.text.len();
        if self.length > LONGEST {
            self.note(Oddity::LongLine);
        }
        if self.length > LONGEST_LINE && self.place == Place::Content && self.decoder.is_encoded() {
            self.note(Oddity::LongEncodedLine);
        }
    }

    /// Whether a line is the boundary of an open multipart: which, and whether it is the last one (RFC 2046 §5.1.1).
    fn boundary(&self, line: Line<'_>) -> Option<(usize, bool)> {
        let text = line.text.strip_prefix(b"--").filter(|_| line.first)?.trim_ascii_end();
        let find = |text: &[u8]| self.boundaries.iter().rposition(|boundary| boundary == text);
        match find(text) {
            Some(level) => Some((level, false)),
            None => find(text.strip_suffix(b"--")?).map(|level| (level, true)),
        }
    }

    /// A part of the multipart of this level is over; all in it too.
    fn delimit(&mut self, level: usize, closes: bool, at: &Context<'_>) {
        if self.place == Place::Headers {
            self.headers_over(at);
        }
        self.end_content(true, at);
        self.boundaries.truncate(if closes { level } else { level + 1 });
        self.place = if closes { Place::Between } else { Place::Headers };
        self.entity = Entity::default();
    }

    fn header(&mut self, line: Line<'_>, at: &Context<'_>) {
        let Self { reader, odd, .. } = self;
        let met = reader.line(line, at.config, &mut |oddity| odd.push(oddity));
        match met {
            Met::Field(field) => {
                if let Some(field) = field {
                    self.field(field);
                }
            }
            Met::End => self.headers_over(at),
            Met::Unknown => self.note(Oddity::Malformed),
        }
    }

    /// A header field is complete.
    fn field(&mut self, field: Field) {
        let Entity { kind, disposition, encoding } = &mut self.entity;
        for (name, known) in
            [("content-type", kind), ("content-disposition", disposition), ("content-transfer-encoding", encoding)]
        {
            if field.is(name) {
                // The first counts, as it does for most readers.
                known.get_or_insert_with(|| field.value.clone());
            }
        }
        if self.status == Status::Header {
            self.headers.push(field);
        }
    }

    /// The headers of the message or of a part are over: what follows?
    fn headers_over(&mut self, at: &Context<'_>) {
        if let Some(field) = self.reader.take() {
            self.field(field);
        }
        if self.status == Status::Header {
            self.status = Status::Body;
        }
        let Entity { kind, disposition, encoding } = std::mem::take(&mut self.entity);
        let kind = kind.unwrap_or_default();
        let is =
            |prefix: &str| kind.get(..prefix.len()).is_some_and(|kind| kind.eq_ignore_ascii_case(prefix.as_bytes()));
        if is("message/rfc822") || is("message/global") {
            // Its headers are next.
            self.place = Place::Headers;
            return;
        }
        if is("multipart/") && self.open_multipart(&kind) {
            self.place = Place::Between;
            return;
        }
        self.place = Place::Content;
        self.decoder = Decoder::new(params::main(&encoding.unwrap_or_default()), at.config);
        let disposition = disposition.unwrap_or_default();
        let name = params::get(&disposition, "filename").or_else(|| params::get(&kind, "name"));
        let attached = params::main(&disposition).eq_ignore_ascii_case(b"attachment");
        match name.filter(|name| !name.is_empty()) {
            Some(name) => {
                let name = self.name(name.into_owned());
                self.files.begin(name, at);
            }
            None if attached => self.files.begin(Vec::new(), at),
            None => self.text = at.config.urls && (kind.is_empty() || is("text/")),
        }
    }

    /// Out: whether its parts can be found.
    fn open_multipart(&mut self, kind: &[u8]) -> bool {
        let boundary = params::get(kind, "boundary").unwrap_or_default();
        if boundary.len() > LONGEST_BOUNDARY {
            self.note(Oddity::LongBoundary);
        }
        let usable = !boundary.is_empty() && self.boundaries.len() < DEEPEST;
        if usable {
            self.boundaries.push(boundary.into_owned());
        } else {
            self.note(Oddity::Malformed);
        }
        usable
    }

    fn name(&mut self, mut name: Vec<u8>) -> Vec<u8> {
        if name.len() > LONGEST_NAME {
            self.note(Oddity::LongFilename);
            name.truncate(LONGEST_NAME);
        }
        name
    }

    fn content(&mut self, line: Line<'_>, at: &Context<'_>) {
        if !self.files.is_open() && !self.text {
            return;
        }
        let mut out = std::mem::take(&mut self.decoded);
        out.clear();
        if line.first {
            out.append(&mut self.end);
        }
        let Taken { joined, odd } = self.decoder.line(line.text, !line.end.is_empty(), &mut out);
        if !joined {
            self.end.extend_from_slice(line.end);
        }
        odd.into_iter().for_each(|oddity| self.note(oddity));
        self.take(&out, at);
        self.decoded = out;
    }

    /// Takes decoded content.
    fn take(&mut self, bytes: &[u8], at: &Context<'_>) {
        self.files.append(bytes, at);
        if self.text {
            self.urls.feed(bytes);
        }
    }

    /// The content at hand is over, if there is any. The end of its last line belongs to what follows.
    fn end_content(&mut self, whole: bool, at: &Context<'_>) {
        let mut out = Vec::new();
        let odd = self.decoder.finish(&mut out);
        odd.into_iter().for_each(|oddity| self.note(oddity));
        self.take(&out, at);
        self.files.end(whole);
        if std::mem::take(&mut self.text) {
            self.urls.finish();
        }
        self.decoder = Decoder::None;
        self.end.clear();
    }
}
