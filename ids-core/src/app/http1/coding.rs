//! Content codings (RFC 9110 §8.4): undoing gzip, deflate and br, one layer after the other.
//!
//! In: bytes of a body, as they come, and what `Content-Encoding` said.  Out: the content, handed to a function
//! that may say it has enough.
//! Tolerates what clients do: streams that are cut, check sums that are wrong, reserved bits, deflate with or
//! without zlib's frame. What cannot be undone at all is passed on as it is.
//! Holds the windows of the decoders, and at most [`HEAD_LIMIT`] bytes per layer besides.

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};
use flate2::{Decompress, FlushDecompress, Status};

use super::Config;
use super::events::Event;
use super::line::{contains, split, trim};

/// Bytes of a gzip header, or of input that gave no output yet, that are kept.
const HEAD_LIMIT: usize = 4096;
/// Bytes of output at a time.
const STEP: usize = 8192;
/// How much larger than its wire form a body may become once it is beyond the limit.
const BOMB_RATIO: u64 = 2048;

/// Takes content; `false` means that it wants no more.
type Take<'a> = dyn FnMut(&[u8]) -> bool + 'a;

/// Undoes all layers of a body.
#[derive(Default)]
pub(super) struct Decoder {
    /// The outermost first.
    layers: Vec<Layer>,
    bytes_in: u64,
    bytes_out: u64,
    /// Nothing more is decoded.
    stopped: bool,
}

impl Decoder {
    /// A decoder for the codings in the header values, which name the innermost first.
    pub(super) fn new<'a>(
        values: impl Iterator<Item = &'a [u8]>,
        layers: u8,
        config: &Config,
        odd: &mut impl FnMut(Event),
    ) -> Self {
        let mut found = Vec::new();
        for token in values.flat_map(|value| value.split(|&byte| byte == b',')) {
            let Some(coding) = Coding::parse(trim(token), config, odd) else { continue };
            if found.len() >= usize::from(layers) && layers > 0 {
                odd(Event::TooManyEncodingLayers);
                break;
            }
            found.push(Layer::new(coding));
        }
        found.reverse();
        Self { layers: found, ..Self::default() }
    }

    /// Takes the next bytes.
    pub(super) fn feed(&mut self, input: &[u8], limit: u64, odd: &mut impl FnMut(Event), take: &mut Take<'_>) {
        self.run(input, limit, odd, take, false);
    }

    /// The body is over: what was held back comes out.
    pub(super) fn finish(&mut self, limit: u64, odd: &mut impl FnMut(Event), take: &mut Take<'_>) {
        self.run(&[], limit, odd, take, true);
        self.layers = Vec::new();
    }

    fn run(&mut self, input: &[u8], limit: u64, odd: &mut impl FnMut(Event), take: &mut Take<'_>, last: bool) {
        if self.stopped {
            return;
        }
        if self.layers.is_empty() {
            self.stopped = !input.is_empty() && !take(input);
            return;
        }
        self.bytes_in += input.len() as u64;
        let (bytes_in, mut bytes_out, mut bomb) = (self.bytes_in, self.bytes_out, false);
        let more = pass(&mut self.layers, input, last, &mut |bytes| {
            bytes_out += bytes.len() as u64;
            bomb = limit > 0 && bytes_out > limit && bytes_out / BOMB_RATIO > bytes_in;
            take(bytes) && !bomb
        });
        self.bytes_out = bytes_out;
        if bomb {
            odd(Event::CompressionBombLimitReached);
        }
        for layer in &mut self.layers {
            if std::mem::take(&mut layer.failed) {
                odd(Event::DecompressionFailed);
            }
        }
        self.stopped = !more;
        if self.stopped {
            self.layers = Vec::new();
        }
    }
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Decoder({} layers, {} in, {} out)", self.layers.len(), self.bytes_in, self.bytes_out)
    }
}

/// Hands bytes through the layers. Out: whether more is wanted.
fn pass(layers: &mut [Layer], input: &[u8], last: bool, take: &mut Take<'_>) -> bool {
    let Some((first, rest)) = layers.split_first_mut() else { return input.is_empty() || take(input) };
    let more = first.feed(input, last, &mut |bytes| pass(rest, bytes, false, take));
    more && (!last || pass(rest, &[], true, take))
}

/// A coding that can be undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Gzip,
    Deflate,
    Brotli,
}

impl Coding {
    /// The coding that a name stands for, with leniency; `None` where there is nothing to undo.
    fn parse(name: &[u8], config: &Config, odd: &mut impl FnMut(Event)) -> Option<Self> {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        if name.is_empty() || is("identity") || is("none") || is("inflate") {
            return None;
        }
        let exact = ["gzip", "x-gzip", "deflate", "x-deflate", "br", "lzma"].iter().any(|known| is(known));
        if !exact {
            odd(Event::AbnormalCeHeader);
        }
        if contains(name, b"gzip") {
            Some(Self::Gzip)
        } else if contains(name, b"deflate") {
            Some(Self::Deflate)
        } else if is("br") {
            Some(Self::Brotli)
        } else {
            if is("lzma") && !config.lzma_enabled {
                odd(Event::LzmaDecompressionDisabled);
            }
            None
        }
    }
}

/// One layer.
struct Layer {
    coding: Coding,
    state: State,
    /// Input that may have to be passed on as it is.
    held: Vec<u8>,
    /// It could not be undone, and nobody was told yet.
    failed: bool,
}

enum State {
    /// Before anything that tells what it is; what came is held.
    Start,
    /// In deflated data. The flag: in a gzip member, which others may follow.
    Inflate(Box<Decompress>, bool),
    /// In brotli.
    Brotli(Box<Brotli>),
    /// After a gzip member; so many bytes of its trailer are still to come.
    Trailer(u8),
    /// Passed on as it is.
    Plain,
    /// Dropped.
    Over,
}

impl Layer {
    fn new(coding: Coding) -> Self {
        let state = match coding {
            Coding::Brotli => State::Brotli(Box::default()),
            Coding::Gzip | Coding::Deflate => State::Start,
        };
        Self { coding, state, held: Vec::new(), failed: false }
    }

    /// Takes bytes. Out: whether more is wanted.
    fn feed(&mut self, mut input: &[u8], last: bool, take: &mut Take<'_>) -> bool {
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
                    // Not deeper than once: nothing is held any more.
                    return self.feed(split(&held, skip).1, last, take);
                }
                State::Inflate(..) => {
                    let Some(rest) = self.inflate(input, take) else { return false };
                    input = rest;
                    if matches!(self.state, State::Inflate(..)) {
                        return !last || self.release(take);
                    }
                }
                State::Brotli(_) => return self.brotli(input, take),
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

    /// Finds out from the first bytes what this is. Out: how many of them are done with; `None` if more are
    /// needed.
    fn begin(&mut self, bytes: &[u8], last: bool) -> Option<usize> {
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

    /// Inflates until the input is used up or the state changes. Out: what is left of the input; `None` if no
    /// more is wanted.
    fn inflate<'a>(&mut self, input: &'a [u8], take: &mut Take<'_>) -> Option<&'a [u8]> {
        let State::Inflate(inflate, member) = &mut self.state else { return Some(input) };
        // Until something comes out, input is held so that it can be passed on as it is.
        if inflate.total_out() == 0 && self.held.len() < HEAD_LIMIT {
            self.held.extend_from_slice(input);
        }
        let mut rest = input;
        let mut out = [0; STEP];
        loop {
            let before = (inflate.total_in(), inflate.total_out());
            let result = inflate.decompress(rest, &mut out, FlushDecompress::None);
            let used = usize::try_from(inflate.total_in() - before.0).unwrap_or(rest.len());
            let made = usize::try_from(inflate.total_out() - before.1).unwrap_or(0);
            rest = split(rest, used).1;
            if made > 0 {
                self.held.clear();
                if !take(split(&out, made).0) {
                    return None;
                }
            }
            match result {
                Ok(Status::StreamEnd) => {
                    self.held.clear();
                    self.state = if *member { State::Trailer(8) } else { State::Over };
                    return Some(rest);
                }
                Ok(_) if used == 0 && made == 0 => return Some(&[]),
                Ok(_) => {}
                Err(_) => {
                    self.failed = true;
                    let plain = !self.held.is_empty() && self.held.len() < HEAD_LIMIT;
                    self.state = if plain { State::Plain } else { State::Over };
                    return Some(&[]);
                }
            }
        }
    }

    fn brotli(&mut self, input: &[u8], take: &mut Take<'_>) -> bool {
        let State::Brotli(brotli) = &mut self.state else { return true };
        let mut out = [0; STEP];
        let (mut left, mut at) = (input.len(), 0);
        loop {
            let (mut room, mut made) = (out.len(), 0);
            let result = BrotliDecompressStream(
                &mut left,
                &mut at,
                input,
                &mut room,
                &mut made,
                &mut out,
                &mut brotli.total,
                &mut brotli.state,
            );
            if made > 0 && !take(split(&out, made).0) {
                return false;
            }
            match result {
                BrotliResult::NeedsMoreOutput => {}
                BrotliResult::NeedsMoreInput => return true,
                BrotliResult::ResultSuccess => {
                    self.state = State::Over;
                    return true;
                }
                BrotliResult::ResultFailure => {
                    self.failed = true;
                    self.state = State::Over;
                    return true;
                }
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
