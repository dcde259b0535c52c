//! What comes out of reassembly: bytes in order, or that some are missing.

/// The next piece of one direction for the application layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chunk<'a> {
    /// Bytes in order.
    Data {
        /// All bytes that follow each other and are not yet used, oldest first.
        bytes: &'a [u8],
        /// No more bytes will follow in this direction.
        last: bool,
    },
    /// So many bytes, counted from the first unused one, will not come.
    Gap {
        /// How many.
        bytes: u64,
    },
}

/// Bytes of one direction for payload rules: what is new, and a stretch of what was inspected before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raw<'a> {
    /// Position of the first byte of `data` in the stream, counted from 0.
    pub offset: u64,
    /// The bytes; nothing is missing between them.
    pub data: &'a [u8],
    /// Position in the stream of the first byte that was not inspected before.
    pub fresh_from: u64,
    /// No more bytes will follow in this direction.
    pub last: bool,
}

impl Raw<'_> {
    /// Position in the stream one past the last byte.
    pub const fn end(&self) -> u64 {
        self.offset.saturating_add(self.data.len() as u64)
    }
}

/// Inline: bytes of the packet just pushed that differ from the copy that was let through before, and that copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewrite {
    /// Where in the payload of the packet.
    pub at: usize,
    /// What has to stand there.
    pub bytes: Vec<u8>,
}
