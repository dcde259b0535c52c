//! The latest bytes of one direction, with holes where some were lost.

use smallvec::SmallVec;

/// Bytes that are kept of frames that are longer.
pub const WINDOW: usize = 64 * 1024;

/// Most bytes that are kept of a direction, whatever they are needed for.
pub const LIMIT: usize = 4 * WINDOW;

/// Bytes without a hole; none only in the last piece.
#[derive(Debug, Default)]
struct Piece {
    start: u64,
    data: Vec<u8>,
}

impl Piece {
    fn end(&self) -> u64 {
        self.start + self.data.len() as u64
    }
}

/// The bytes that are kept.
#[derive(Debug, Default)]
pub(super) struct Bytes {
    pieces: SmallVec<[Piece; 1]>,
    /// Position after the last byte, lost ones included.
    end: u64,
}

/// Bytes of a frame that follow each other.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// Position of the first of them in the frame.
    pub offset: u64,
    /// The bytes; never none, but for a frame of length 0.
    pub data: &'a [u8],
    /// Whether the last of them is the last of the frame.
    pub last: bool,
}

impl Bytes {
    pub(super) const fn end(&self) -> u64 {
        self.end
    }

    /// Takes what is new of the bytes that begin at `start`. Out: how many old ones had to go.
    pub(super) fn take(&mut self, start: u64, data: &[u8]) -> u64 {
        let known = usize::try_from(self.end.saturating_sub(start)).unwrap_or(usize::MAX);
        let Some(fresh) = data.get(known..).filter(|fresh| !fresh.is_empty()) else { return 0 };
        self.end = self.end.max(start);
        match self.pieces.last_mut() {
            Some(last) if last.data.is_empty() => last.start = self.end,
            Some(last) if last.end() == self.end => {}
            _ => self.pieces.push(Piece { start: self.end, data: Vec::new() }),
        }
        if let Some(last) = self.pieces.last_mut() {
            last.data.extend_from_slice(fresh);
        }
        self.end += fresh.len() as u64;
        let held = self.held();
        if held <= LIMIT {
            return 0;
        }
        self.forget_before(self.end - WINDOW as u64);
        (held - self.held()) as u64
    }

    /// Everything before this position that did not come is lost.
    pub(super) fn skip_to(&mut self, at: u64) {
        self.end = self.end.max(at);
    }

    /// Bytes before this position are not needed.
    pub(super) fn forget_before(&mut self, at: u64) {
        let mut left = self.pieces.len();
        self.pieces.retain(|piece| {
            let gone = usize::try_from(at.saturating_sub(piece.start)).unwrap_or(usize::MAX).min(piece.data.len());
            piece.data.drain(..gone);
            piece.start += gone as u64;
            left -= 1;
            // The memory of the last is used again.
            left == 0 || !piece.data.is_empty()
        });
    }

    pub(super) fn held(&self) -> usize {
        self.pieces.iter().map(|piece| piece.data.len()).sum()
    }

    /// What is kept from `start` on, before `end` if there is one.
    pub(super) fn parts(&self, start: u64, end: Option<u64>) -> impl Iterator<Item = Part<'_>> {
        let empty = (end == Some(start) && start <= self.end).then_some(Part { offset: 0, data: &[], last: true });
        let parts = self.pieces.iter().filter_map(move |piece| {
            let from = piece.start.max(start);
            let to = end.map_or(piece.end(), |end| end.min(piece.end()));
            let place =
                usize::try_from(from - piece.start).ok()?..usize::try_from(to.checked_sub(piece.start)?).ok()?;
            let data = piece.data.get(place).filter(|data| !data.is_empty())?;
            Some(Part { offset: from - start, data, last: end == Some(to) })
        });
        parts.chain(empty)
    }
}
