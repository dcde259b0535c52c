//! Undoing permessage-deflate (RFC 7692): bytes of messages of one direction → what was compressed.
//!
//! In: payload as it comes, the end of a message.  Out: content, handed to a function.
//! Holds the window that messages share, if they do. Where something was lost, or cannot be undone, nothing that refers to
//! it can be; content is then shown as it was sent.

use flate2::{Decompress, FlushDecompress, Status};

/// Bytes of output at a time.
const STEP: usize = 4096;
/// What a sender leaves out at the end of each message (RFC 7692 §7.2.1).
const TAIL: &[u8] = &[0, 0, 0xff, 0xff];

/// Undoes the compression of one direction.
pub(super) struct Inflate {
    state: Option<Box<Decompress>>,
    /// Each message is compressed by itself (`no_context_takeover`).
    alone: bool,
    /// Nothing can be undone, as far as messages depend on each other.
    broken: bool,
    /// Bytes that came out of this message.
    made: u64,
}

impl Inflate {
    pub(super) const fn new(alone: bool) -> Self {
        Self { state: None, alone, broken: false, made: 0 }
    }

    /// A message begins.
    pub(super) fn begin(&mut self) {
        self.made = 0;
        if self.alone {
            self.state = None;
            self.broken = false;
        }
    }

    /// Takes payload. Out: whether it went on as it should; not if more than `limit` bytes came out of the message.
    pub(super) fn feed(&mut self, payload: &[u8], limit: u64, mut take: impl FnMut(&[u8])) -> bool {
        if self.broken {
            take(payload);
            return true;
        }
        let state = self.state.get_or_insert_with(|| Box::new(Decompress::new(false)));
        let (mut rest, mut out) = (payload, [0; STEP]);
        loop {
            let before = (state.total_in(), state.total_out());
            let result = state.decompress(rest, &mut out, FlushDecompress::Sync);
            let used = usize::try_from(state.total_in() - before.0).unwrap_or(rest.len());
            let made = usize::try_from(state.total_out() - before.1).unwrap_or_default();
            take(out.get(..made).unwrap_or_default());
            rest = rest.get(used..).unwrap_or_default();
            self.made += made as u64;
            match result {
                _ if self.made > limit => {
                    self.lose();
                    return false;
                }
                Ok(Status::Ok | Status::BufError) if used > 0 || made > 0 => {}
                Ok(Status::Ok | Status::BufError) => return true,
                // A message may end its blocks for good; the next one begins anew (§7.2.3.4).
                Ok(Status::StreamEnd) => {
                    self.state = None;
                    return true;
                }
                Err(_) => {
                    self.lose();
                    if self.made == 0 {
                        take(payload);
                    }
                    return true;
                }
            }
        }
    }

    /// A message ends. Out: as with [`feed`](Self::feed).
    pub(super) fn end(&mut self, limit: u64, take: impl FnMut(&[u8])) -> bool {
        self.broken || self.state.is_none() || self.feed(TAIL, limit, take)
    }

    /// Something of the payload is missing.
    pub(super) fn lose(&mut self) {
        self.state = None;
        self.broken = true;
    }
}
