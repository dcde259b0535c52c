//! Message bodies: from bytes of content to what rules inspect, and the files in them.
//!
//! In: content as it comes (without framing), gaps, the end.  Out: [`Kept`] bytes for inspection, [`File`]s.
//! Holds per body at most the configured limit, of which only the latest bytes once they were inspected.

use super::coding::Decoder;
use super::multipart::{Form, Part};
use super::range::Partial;
use super::{Config, Odd};
use crate::app::file::{Care, File};
use crate::app::kept::Kept;
use crate::field::{Dir, Value};

/// Files of one message that are followed at most.
const MAX_FILES: usize = 64;

/// What a body is taken for.
#[derive(Debug, Default)]
enum Content {
    /// One file, or none.
    #[default]
    Whole,
    /// A form with files.
    Form(Box<Form>),
}

/// The body of a message.
#[derive(Debug, Default)]
pub(in crate::app) struct Body {
    kept: Kept,
    /// Content of the files of a form; the position is that of the file.
    uploads: Vec<Kept>,
    /// Files, oldest first.
    pub files: Vec<File>,
    /// The file that begins with the first byte.
    coming: Option<File>,
    /// The file that this is a range of.
    pub partial: Option<Box<Partial>>,
    /// Bytes of content before it is decompressed, lost ones included.
    pub wire: u64,
    /// Bytes of content after it was decompressed, as far as they are kept or were.
    total: u64,
    decoder: Decoder,
    content: Content,
}

/// What a body needs to know to take bytes.
pub(in crate::app) struct Context<'a> {
    pub dir: Dir,
    pub config: &'a Config,
    pub care: &'a Care,
}

impl Context<'_> {
    fn limit(&self) -> u64 {
        match self.dir {
            Dir::ToServer => self.config.request_body_limit,
            Dir::ToClient => self.config.response_body_limit,
        }
    }

    fn window(&self) -> usize {
        let (minimum, window) = match self.dir {
            Dir::ToServer => (self.config.request_inspect_minimum, self.config.request_inspect_window),
            Dir::ToClient => (self.config.response_inspect_minimum, self.config.response_inspect_window),
        };
        minimum.max(window)
    }
}

impl Body {
    /// The body begins. In: what undoes its codings, the boundary of a form, and the file that it otherwise is.
    pub(in crate::app) fn begin(&mut self, decoder: Decoder, form: Option<Form>, file: Option<File>) {
        self.decoder = decoder;
        self.content = form.map_or(Content::Whole, |form| Content::Form(Box::new(form)));
        self.coming = file;
    }

    /// What rules see of it.
    pub(in crate::app) fn value(&self) -> Value<'_> {
        self.kept.value()
    }

    /// What rules see of file number `index`.
    pub(in crate::app) fn file_value(&self, index: usize) -> Value<'_> {
        match (&self.content, self.files.get(index)) {
            (_, None) => Value::Absent,
            (Content::Whole, Some(_)) if index == 0 => self.kept.value(),
            // What was put together of ranges was seen range by range.
            (Content::Whole, Some(_)) => Value::Absent,
            (Content::Form(_), Some(_)) => self.uploads.get(index).map_or(Value::Absent, Kept::value),
        }
    }

    /// Takes content as it was sent.
    pub(in crate::app) fn append(&mut self, bytes: &[u8], at: &Context<'_>, odd: &mut impl FnMut(Odd)) {
        self.wire += bytes.len() as u64;
        let mut decoder = std::mem::take(&mut self.decoder);
        let mut late = Vec::new();
        decoder.feed(bytes, at.config.compression_bomb_limit, odd, &mut |bytes| self.take(bytes, at, &mut late));
        self.decoder = decoder;
        late.into_iter().for_each(odd);
    }

    /// Takes content that no coding is to be undone of.
    pub(in crate::app) fn append_plain(&mut self, bytes: &[u8], at: &Context<'_>, odd: &mut impl FnMut(Odd)) {
        self.wire += bytes.len() as u64;
        let mut late = Vec::new();
        self.take(bytes, at, &mut late);
        late.into_iter().for_each(odd);
    }

    /// So many bytes of it were lost.
    pub(in crate::app) fn gap(&mut self, bytes: u64) {
        self.wire = self.wire.saturating_add(bytes);
        if !self.kept.complete {
            self.kept.gap(bytes);
        }
        self.files.extend(self.coming.take());
        if let Some(file) = self.files.last_mut() {
            file.gap(bytes);
        }
        if let Some(partial) = &mut self.partial {
            partial.gap(bytes);
        }
        if let Content::Form(_) = self.content
            && let Some(upload) = self.uploads.last_mut()
        {
            upload.gap(bytes);
        }
    }

    /// Nothing more is decoded; plain content may still follow.
    pub(in crate::app) fn flush(&mut self, at: &Context<'_>, odd: &mut impl FnMut(Odd)) {
        let mut decoder = std::mem::take(&mut self.decoder);
        let mut late = Vec::new();
        decoder.finish(at.config.compression_bomb_limit, odd, &mut |bytes| self.take(bytes, at, &mut late));
        late.into_iter().for_each(odd);
    }

    /// The body is over; `whole` tells whether it ended where it should.
    pub(in crate::app) fn end(&mut self, whole: bool, at: &Context<'_>, odd: &mut impl FnMut(Odd)) {
        self.flush(at, odd);
        if let Content::Form(form) = &mut self.content {
            let mut late = Vec::new();
            form.finish(&mut |part| store(&mut self.files, &mut self.uploads, part, at, &mut late));
            late.into_iter().for_each(odd);
        }
        self.kept.complete = true;
        for file in &mut self.files {
            if whole { file.close() } else { file.truncate() }
        }
        match self.partial.take().filter(|_| whole).map(Partial::end) {
            Some(Ok(file)) => self.files.push(file),
            Some(Err(partial)) => self.partial = Some(partial),
            None => {}
        }
        for upload in &mut self.uploads {
            upload.complete = true;
        }
    }

    /// What was kept is inspected.
    pub(in crate::app) fn inspected(&mut self, at: &Context<'_>) {
        self.kept.trim(at.window());
        for upload in &mut self.uploads {
            upload.trim(at.window());
        }
    }

    /// Takes decoded content as far as the limit allows; what is stored goes beyond it. Out: whether more is wanted.
    fn take(&mut self, bytes: &[u8], at: &Context<'_>, late: &mut Vec<Odd>) -> bool {
        let stored = at.care.wanted.all || self.files.iter().any(File::is_stored);
        if self.kept.complete && !stored {
            return false;
        }
        let room = match at.limit() {
            0 => bytes.len(),
            limit => usize::try_from(limit.saturating_sub(self.total)).unwrap_or(usize::MAX),
        };
        let part = bytes.get(..room).unwrap_or(bytes);
        self.total += part.len() as u64;
        if !self.kept.complete {
            self.kept.push(part);
            self.kept.complete = part.len() < bytes.len();
        }
        let part = if stored { bytes } else { part };
        if !bytes.is_empty() {
            self.files.extend(self.coming.take());
        }
        if let Some(partial) = &mut self.partial {
            partial.append(part);
        }
        match &mut self.content {
            Content::Whole => self.files.iter_mut().for_each(|file| file.append(part)),
            Content::Form(form) => {
                form.feed(part, &mut |found| store(&mut self.files, &mut self.uploads, found, at, late));
            }
        }
        if self.kept.complete {
            self.uploads.iter_mut().for_each(|upload| upload.complete = true);
        }
        if self.kept.complete && !stored {
            self.files.iter_mut().for_each(File::truncate);
        }
        !self.kept.complete || stored
    }
}

/// Puts what was found in a form where it belongs.
fn store(files: &mut Vec<File>, uploads: &mut Vec<Kept>, part: Part<'_>, at: &Context<'_>, late: &mut Vec<Odd>) {
    match part {
        Part::Begin(name) if files.len() < MAX_FILES => {
            files.push(File::new(name, at.dir, at.care));
            uploads.push(Kept::default());
        }
        Part::Begin(_) => late.push(Odd::BrokenForm),
        Part::Content(bytes) => {
            if let (Some(file), Some(upload)) = (files.last_mut(), uploads.last_mut()) {
                file.append(bytes);
                if !upload.complete {
                    upload.push(bytes);
                }
            }
        }
        Part::End => {
            if let (Some(file), Some(upload)) = (files.last_mut(), uploads.last_mut()) {
                file.close();
                upload.complete = true;
            }
        }
        Part::Odd(event) => late.push(event),
    }
}
