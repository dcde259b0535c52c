//! One layer of a content coding: compressed bytes → content.
//!
//! In: bytes as they come.  Out: content, handed to a function that may say it has enough.
//! Tolerates what clients do: streams that are cut, check sums that are wrong, reserved bits, deflate with or
//! without zlib's frame, gzip for deflate. What cannot be undone at all is passed on as it is.
//! Holds the window of the decoder, and until something comes out about [`HEAD_LIMIT`] bytes of input.

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};
use flate2::{Decompress, FlushDecompress, Status};
use lzma_rust2::{Action, LzmaStream};

use super::coding::Coding;
use super::text::split;

/// Bytes of a header, or of input that gave no output yet, that are kept.
const HEAD_LIMIT: usize = 4096;
/// Bytes of output at a time.
const STEP: usize = 8192;
/// Bytes of the header of an LZMA file.
const LZMA_HEADER: usize = 13;

/// Takes content; `false` means that it wants no more.
pub(in crate::app) type Take<'a> = dyn FnMut(&[u8]) -> bool + 'a;

/// One layer.
pub(in crate::app) struct Layer {
    coding: Coding,
    state: State,
    /// Input that may have to be passed on as it is.
    held: Vec<u8>,
    /// Nothing came out so far.
    fresh: bool,
    /// It could not be undone, and nobody was told yet.
    failed: bool,
    /// Largest window of LZMA, in bytes.
    lzma_window: u32,
}

enum State {
    /// Before anything that tells what it is; what came is held.
    Start,
    /// In deflated data. The flag: in a gzip member, which others may follow.
    Inflate(Box<Decompress>, bool),
    /// In brotli.
    Brotli(Box<Brotli>),
    /// In LZMA.
    Lzma(Box<LzmaStream>),
    /// After a gzip member; so many bytes of its trailer are still to come.
    Trailer(u8),
    /// Passed on as it is.
    Plain,
    /// Dropped.
    Over,
}

impl Layer {
    /// A layer of that coding; windows of LZMA are cut to so many bytes.
    pub(in crate::app) fn new(coding: Coding, lzma_window: u32) -> Self {
        let state = match coding {
            Coding::Brotli => State::Brotli(Box::default()),
            Coding::Gzip | Coding::Deflate | Coding::Lzma => State::Start,
        };
        Self { coding, state, held: Vec::new(), fresh: true, failed: false, lzma_window }
    }

    /// Whether it could not be undone; told once.
    pub(in crate::app) fn take_failure(&mut self) -> bool {
        std::mem::take(&mut self.failed)
    }

    /// What coding it is.
    pub(in crate::app) fn coding(&self) -> Coding {
        self.coding
    }

    /// Takes bytes; `last` tells that no more will come. Out: whether more is wanted.
    pub(in crate::app) fn feed(&mut self, mut input: &[u8], last: bool, take: &mut Take<'_>) -> bool {
        loop {
            match &mut self.state {
                State::Start if self.held.is_empty() => match self.begin(input, last) {
                    Some(skip) => input = split(input, skip).1,
                    None => {
                        self.held.extend_from_slice(input);
                        return true;
                    }
                },
                State::Start => {
                    let mut held = std::mem::take(&mut self.held);
                    held.extend_from_slice(input);
                    let Some(skip) = self.begin(&held, last) else {
                        self.held = held;
                        return true;
                    };
                    // Not deeper than once: it has begun.
                    return self.feed(split(&held, skip).1, last, take);
                }
                State::Inflate(..) | State::Brotli(_) | State::Lzma(_) => {
                    let Some(rest) = self.decode(input, last, take) else { return false };
                    input = rest;
                    if matches!(self.state, State::Inflate(..) | State::Brotli(_) | State::Lzma(_)) {
                        self.failed |= last && !self.held.is_empty();
                        return !last || self.release(take);
                    }
                }
                State::Trailer(left) => {
                    let skipped = usize::from(*left).min(input.len());
                    *left -= u8::try_from(skipped).unwrap_or(*left);
                    input = split(input, skipped).1;
                    match input.first() {
                        None => return true,
                        // Another member follows.
                        Some(0x1f) => self.state = State::Start,
                        Some(_) => self.state = State::Over,
                    }
                }
                State::Plain => return self.release(take) && (input.is_empty() || take(input)),
                State::Over => return true,
            }
        }
    }

    /// Passes on what was held, as it is.
    fn release(&mut self, take: &mut Take<'_>) -> bool {
        let held = std::mem::take(&mut self.held);
        held.is_empty() || take(&held)
    }

    /// Passes on what was decoded.
    fn give(&mut self, bytes: &[u8], take: &mut Take<'_>) -> bool {
        if bytes.is_empty() {
            return true;
        }
        self.fresh = false;
        self.held.clear();
        take(bytes)
    }

    /// It cannot be undone: if nothing came out so far it may never have been encoded.
    fn fail(&mut self) -> State {
        self.failed = true;
        if self.fresh && (1..HEAD_LIMIT).contains(&self.held.len()) { State::Plain } else { State::Over }
    }

    /// Finds out from the first bytes what this is. Out: how many of them are done with; `None` if more are
    /// needed.
    fn begin(&mut self, bytes: &[u8], last: bool) -> Option<usize> {
        if self.coding == Coding::Lzma {
            return self.begin_lzma(bytes, last);
        }
        let inflate = |member| State::Inflate(Box::new(Decompress::new(false)), member);
        let (state, skip) = match gzip_header(bytes) {
            Header::Ends(len) => (inflate(true), len),
            Header::Unfinished if !last && bytes.len() < HEAD_LIMIT => return None,
            _ if !last && bytes.len() < 2 => return None,
            _ if is_zlib(bytes) => (inflate(false), 2),
            _ if self.coding == Coding::Deflate => (inflate(false), 0),
            _ => {
                self.failed = !bytes.is_empty();
                (State::Plain, 0)
            }
        };
        self.state = state;
        Some(skip)
    }

    /// Takes the header of an LZMA file: properties, window, size of the content. A window larger than allowed
    /// is cut, as only content that refers further back needs it.
    fn begin_lzma(&mut self, bytes: &[u8], last: bool) -> Option<usize> {
        let Some((header, _)) = bytes.split_first_chunk::<LZMA_HEADER>() else {
            self.failed |= last && !bytes.is_empty();
            self.state = if last { State::Plain } else { State::Start };
            return last.then_some(0);
        };
        let &[properties, w0, w1, w2, w3, ref size @ ..] = header;
        let window = u32::from_le_bytes([w0, w1, w2, w3]).min(self.lzma_window);
        match LzmaStream::new_with_props(u64::from_le_bytes(*size), properties, window, None) {
            Ok(stream) => {
                self.state = State::Lzma(Box::new(stream));
                self.held.extend_from_slice(header);
                Some(LZMA_HEADER)
            }
            Err(_) => {
                self.failed = true;
                self.state = State::Plain;
                Some(0)
            }
        }
    }

    /// Decodes until the input is used up or the state changes. Out: what is left of the input; `None` if no
    /// more is wanted.
    fn decode<'a>(&mut self, input: &'a [u8], last: bool, take: &mut Take<'_>) -> Option<&'a [u8]> {
        // Until something comes out, input is held so that it can be passed on as it is.
        if self.fresh && self.held.len() < HEAD_LIMIT {
            self.held.extend_from_slice(input);
        }
        match std::mem::replace(&mut self.state, State::Over) {
            State::Inflate(inflate, member) => self.inflate(inflate, member, input, take),
            State::Brotli(brotli) => self.brotli(brotli, input, take),
            State::Lzma(stream) => self.lzma(stream, input, last, take),
            state => {
                self.state = state;
                Some(input)
            }
        }
    }

    fn inflate<'a>(
        &mut self,
        mut inflate: Box<Decompress>,
        member: bool,
        input: &'a [u8],
        take: &mut Take<'_>,
    ) -> Option<&'a [u8]> {
        let mut rest = input;
        let mut out = [0; STEP];
        loop {
            let before = (inflate.total_in(), inflate.total_out());
            let result = inflate.decompress(rest, &mut out, FlushDecompress::None);
            let used = usize::try_from(inflate.total_in() - before.0).unwrap_or(rest.len());
            let made = usize::try_from(inflate.total_out() - before.1).unwrap_or(0);
            rest = split(rest, used).1;
            if !self.give(split(&out, made).0, take) {
                return None;
            }
            match result {
                Ok(Status::StreamEnd) => {
                    self.held.clear();
                    self.state = if member { State::Trailer(8) } else { State::Over };
                    return Some(rest);
                }
                Ok(_) if used == 0 && made == 0 => {
                    self.state = State::Inflate(inflate, member);
                    return Some(&[]);
                }
                Ok(_) => {}
                Err(_) => {
                    self.state = self.fail();
                    return Some(&[]);
                }
            }
        }
    }

    fn brotli<'a>(&mut self, mut brotli: Box<Brotli>, input: &'a [u8], take: &mut Take<'_>) -> Option<&'a [u8]> {
        let mut out = [0; STEP];
        let (mut left, mut at) = (input.len(), 0);
        let Brotli { state, total } = &mut *brotli;
        let result = loop {
            let (mut room, mut made) = (out.len(), 0);
            let result =
                BrotliDecompressStream(&mut left, &mut at, input, &mut room, &mut made, &mut out, total, state);
            if !self.give(split(&out, made).0, take) {
                return None;
            }
            if !matches!(result, BrotliResult::NeedsMoreOutput) {
                break result;
            }
        };
        self.state = match result {
            BrotliResult::ResultFailure => self.fail(),
            BrotliResult::ResultSuccess => State::Over,
            BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput => State::Brotli(brotli),
        };
        Some(&[])
    }

    fn lzma<'a>(
        &mut self,
        mut stream: Box<LzmaStream>,
        input: &'a [u8],
        last: bool,
        take: &mut Take<'_>,
    ) -> Option<&'a [u8]> {
        let action = if last { Action::Finish } else { Action::Run };
        let mut out = [0; STEP];
        let mut rest = input;
        loop {
            let Ok(done) = stream.process(rest, &mut out, action) else {
                // A stream that is cut is no failure of what came before.
                self.state = if last && !self.fresh { State::Over } else { self.fail() };
                return Some(&[]);
            };
            rest = split(rest, done.bytes_consumed).1;
            if !self.give(split(&out, done.bytes_produced).0, take) {
                return None;
            }
            if stream.is_finished() && !stream.has_output() {
                self.state = State::Over;
                return Some(&[]);
            }
            if done.bytes_produced == 0 && (done.bytes_consumed == 0 || rest.is_empty()) {
                self.state = State::Lzma(stream);
                return Some(&[]);
            }
        }
    }
}

/// A brotli decoder (RFC 7932).
struct Brotli {
    state: BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>,
    total: usize,
}

impl Default for Brotli {
    fn default() -> Self {
        let alloc = StandardAlloc::default;
        Self { state: BrotliState::new_strict(alloc(), alloc(), alloc()), total: 0 }
    }
}

/// What a gzip header (RFC 1952 §2.3) at the start of bytes comes to.
enum Header {
    /// It is so many bytes long.
    Ends(usize),
    /// It is not all there.
    Unfinished,
    /// There is none.
    None,
}

/// Reserved flag bits are ignored, as some clients do.
fn gzip_header(bytes: &[u8]) -> Header {
    const FHCRC: u8 = 0x02;
    const FEXTRA: u8 = 0x04;
    const FNAME: u8 = 0x08;
    const FCOMMENT: u8 = 0x10;
    let magic = [0x1f, 0x8b, 8];
    if bytes.iter().zip(magic).any(|(&byte, known)| byte != known) {
        return Header::None;
    }
    let Some((&[_, _, _, flags, ..], mut rest)) = bytes.split_first_chunk::<10>() else { return Header::Unfinished };
    if flags & FEXTRA != 0 {
        let Some((&len, tail)) = rest.split_first_chunk::<2>() else { return Header::Unfinished };
        let Some(tail) = tail.get(usize::from(u16::from_le_bytes(len))..) else { return Header::Unfinished };
        rest = tail;
    }
    for text in [FNAME, FCOMMENT] {
        if flags & text != 0 {
            let Some(end) = memchr::memchr(0, rest) else { return Header::Unfinished };
            rest = split(rest, end + 1).1;
        }
    }
    if flags & FHCRC != 0 {
        let Some(tail) = rest.get(2..) else { return Header::Unfinished };
        rest = tail;
    }
    Header::Ends(bytes.len() - rest.len())
}

/// Whether bytes begin with a zlib header (RFC 1950 §2.2).
fn is_zlib(bytes: &[u8]) -> bool {
    matches!(bytes, [cmf, flg, ..] if cmf & 0x0f == 8 && (u16::from(*cmf) << 8 | u16::from(*flg)) % 31 == 0)
}
