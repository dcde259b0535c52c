//! What the versions of HTTP have in common (RFC 9110): header fields, content, and how rules see an exchange.
//!
//! In: header fields and content, as a version has taken them from its messages.  Out: values of fields ([`headers`]),
//! content without its codings ([`body`], [`coding`]) and the files in it, the `http.*` fields of rules ([`view`]).
//! Must not know how a version frames its messages, nor the names of its events: what is odd is told as [`Odd`].

pub mod body;
pub mod coding;
pub mod files;
pub mod headers;
mod layer;
pub mod multipart;
pub mod range;
pub mod text;
pub mod view;

/// What is odd about content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::app) enum Odd {
    /// A coding could not be undone.
    DecompressionFailed,
    /// `Content-Encoding` names a coding in an unusual way, or one that is not known.
    UnusualCoding,
    /// More codings than are undone.
    TooManyLayers,
    /// LZMA more than once.
    TooManyLzmaLayers,
    /// LZMA, which is not to be undone.
    LzmaDisabled,
    /// Content grew out of all proportion.
    Bomb,
    /// A form that is not what it should be.
    BrokenForm,
    /// A file of a form without content.
    EmptyUpload,
    /// A part of a form of which nothing is said.
    UnknownPart,
    /// The name of a file is longer than what is kept.
    LongFileName,
    /// `Content-Range` is not of its form.
    InvalidRange,
}

/// How much of content is undone and kept.
#[derive(Clone, Debug)]
pub struct Config {
    /// Bytes of a request body that are kept for inspection; 0 means all.
    pub request_body_limit: u64,
    /// Bytes of a response body that are kept for inspection; 0 means all.
    pub response_body_limit: u64,
    /// Bytes of a request body that stay after inspection (`request-body-minimal-inspect-size`).
    pub request_inspect_minimum: usize,
    /// The same (`request-body-inspect-window`); the larger of both counts.
    pub request_inspect_window: usize,
    /// Bytes of a response body that stay after inspection (`response-body-minimal-inspect-size`).
    pub response_inspect_minimum: usize,
    /// The same (`response-body-inspect-window`); the larger of both counts.
    pub response_inspect_window: usize,
    /// How many layers of `Content-Encoding` are undone (`response-body-decompress-layer-limit`); 0 means all.
    pub decompress_layers: u8,
    /// Whether LZMA is undone (`lzma-enabled`).
    pub lzma_enabled: bool,
    /// Largest window of LZMA in bytes (`lzma-memlimit`).
    pub lzma_memory_limit: u32,
    /// Bytes beyond which a body must not be 2048 times as large as on the wire (`compression-bomb-limit`);
    /// 0 means no limit.
    pub compression_bomb_limit: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            request_body_limit: 100 * 1024,
            response_body_limit: 100 * 1024,
            request_inspect_minimum: 32 * 1024,
            request_inspect_window: 4 * 1024,
            response_inspect_minimum: 40 * 1024,
            response_inspect_window: 16 * 1024,
            decompress_layers: 2,
            lzma_enabled: false,
            lzma_memory_limit: 1024 * 1024,
            compression_bomb_limit: 1024 * 1024,
        }
    }
}
