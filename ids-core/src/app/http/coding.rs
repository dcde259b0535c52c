//! Content codings (RFC 9110 §8.4): undoing gzip, deflate, br and lzma, one layer after the other.
//!
//! In: bytes of a body, as they come, and what `Content-Encoding` said.  Out: the content, handed to a function
//! that may say it has enough.
//! Codings are recognised with leniency, in any number of headers, and undone as far as the configuration allows.
//! Holds a decoder per layer; the layers themselves stand in `layer`.

use super::layer::{Layer, Take};
use super::text::{contains, trim};
use super::{Config, Odd};

/// How much larger than its wire form a body may become once it is beyond the limit.
const BOMB_RATIO: u64 = 2048;

/// Undoes all layers of a body.
#[derive(Default)]
pub(in crate::app) struct Decoder {
    /// The outermost first.
    layers: Vec<Layer>,
    bytes_in: u64,
    bytes_out: u64,
    /// Nothing more is decoded.
    stopped: bool,
}

impl Decoder {
    /// A decoder for the codings in the header values, which name the innermost first.
    pub(in crate::app) fn new<'a>(
        values: impl Iterator<Item = &'a [u8]>,
        config: &Config,
        odd: &mut impl FnMut(Odd),
    ) -> Self {
        let layers = usize::from(config.decompress_layers);
        let mut found: Vec<Layer> = Vec::new();
        for token in values.flat_map(|value| value.split(|&byte| byte == b',')) {
            let Some(coding) = Coding::parse(trim(token), config, odd) else { continue };
            if layers > 0 && found.len() >= layers {
                odd(Odd::TooManyLayers);
                break;
            }
            if coding == Coding::Lzma && found.iter().any(|layer| layer.coding() == coding) {
                odd(Odd::TooManyLzmaLayers);
                break;
            }
            found.push(Layer::new(coding, config.lzma_memory_limit));
        }
        found.reverse();
        Self { layers: found, ..Self::default() }
    }

    /// Takes the next bytes.
    pub(in crate::app) fn feed(&mut self, input: &[u8], limit: u64, odd: &mut impl FnMut(Odd), take: &mut Take<'_>) {
        self.run(input, limit, odd, take, false);
    }

    /// The body is over: what was held back comes out.
    pub(in crate::app) fn finish(&mut self, limit: u64, odd: &mut impl FnMut(Odd), take: &mut Take<'_>) {
        self.run(&[], limit, odd, take, true);
        self.layers = Vec::new();
    }

    fn run(&mut self, input: &[u8], limit: u64, odd: &mut impl FnMut(Odd), take: &mut Take<'_>, last: bool) {
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
            odd(Odd::Bomb);
        }
        for layer in &mut self.layers {
            if layer.take_failure() {
                odd(Odd::DecompressionFailed);
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
pub(in crate::app) enum Coding {
    Gzip,
    Deflate,
    Brotli,
    Lzma,
}

impl Coding {
    /// The coding that a name stands for, with leniency; `None` where there is nothing to undo.
    fn parse(name: &[u8], config: &Config, odd: &mut impl FnMut(Odd)) -> Option<Self> {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        if name.is_empty() || is("identity") || is("none") || is("inflate") {
            return None;
        }
        let exact = ["gzip", "x-gzip", "deflate", "x-deflate", "br", "lzma"].iter().any(|known| is(known));
        if !exact {
            odd(Odd::UnusualCoding);
        }
        if contains(name, b"gzip") {
            Some(Self::Gzip)
        } else if contains(name, b"deflate") {
            Some(Self::Deflate)
        } else if is("br") {
            Some(Self::Brotli)
        } else if is("lzma") && config.lzma_enabled {
            Some(Self::Lzma)
        } else {
            if is("lzma") {
                odd(Odd::LzmaDisabled);
            }
            None
        }
    }
}
