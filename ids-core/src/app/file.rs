//! A file on its way through a protocol: HTTP bodies now, attachments and transfers later.
//!
//! Keeps what `fileinfo` records and `file.*` rules need: name, size, state, the first bytes, and digests as
//! far as they were asked for.

use crate::field::Dir;

/// What became of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// Still on its way.
    #[default]
    Open,
    /// Came through whole.
    Closed,
    /// Ended early, or beyond what is kept.
    Truncated,
    /// The parser gave up.
    Error,
}

impl State {
    /// The text in `fileinfo.state`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "UNKNOWN",
            Self::Closed => "CLOSED",
            Self::Truncated => "TRUNCATED",
            Self::Error => "ERROR",
        }
    }
}

/// One file.
#[derive(Clone, Debug, Default)]
pub struct File {
    /// Name as the protocol gave it; may be empty.
    pub name: Vec<u8>,
    /// Bytes seen so far.
    pub size: u64,
    /// First and last byte of a partial transfer (HTTP ranges).
    pub range: Option<(u64, u64)>,
    /// Whether bytes are missing.
    pub gaps: bool,
    /// What became of it.
    pub state: State,
    /// Who sends it.
    pub dir: Option<Dir>,
    /// The first bytes, for recognising its type; bounded.
    pub head: Vec<u8>,
    /// MD5 of a complete file, if asked for.
    pub md5: Option<[u8; 16]>,
    /// SHA-1 of a complete file, if asked for.
    pub sha1: Option<[u8; 20]>,
    /// SHA-256 of a complete file, if asked for.
    pub sha256: Option<[u8; 32]>,
}
