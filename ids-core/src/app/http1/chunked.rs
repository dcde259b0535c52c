//! Chunked bodies (RFC 9112 §7.1): bytes on the wire → bytes of the body.
//!
//! In: bytes of a body, as they come.  Out: one [`Piece`] after the other.
//! Tolerates what lenient clients do: white space, CR and LF before a size, anything after it, LF alone. What
//! has no size at all is not chunked, and is taken as it is until the end.

use super::line::{is_blank, leading};

/// Largest size of a chunk that is believed; larger ones are no sizes.
const MAX_SIZE: u64 = 1 << 56;

/// What the next bytes of a chunked body are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// So many bytes belong to the framing.
    Framing(usize),
    /// A line with a size is over; the flag tells whether there was an extension. `usize` bytes of framing.
    Size(usize, bool),
    /// So many bytes of content.
    Content(usize),
    /// So many bytes of framing, and the last chunk is over: the trailer follows. With the extension flag.
    End(usize, bool),
    /// This is no chunk: all that follows is content.
    Invalid,
    /// More bytes are needed.
    Wait,
}

/// Where in a chunked body the parser is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Chunks {
    state: State,
    /// Size that was read so far, then bytes of the chunk that are left.
    size: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Before a size.
    #[default]
    Start,
    /// In the digits.
    Digits,
    /// After the digits; nothing that matters yet.
    Tail,
    /// After the digits, in an extension.
    Extension,
    /// In the content.
    Content,
}

impl Chunks {
    /// What `data` begins with.
    pub(super) fn next(&mut self, data: &[u8]) -> Piece {
        let Some(&first) = data.first() else { return Piece::Wait };
        match self.state {
            State::Start if is_blank(first) => Piece::Framing(leading(data, is_blank)),
            State::Start if first.is_ascii_hexdigit() => {
                self.state = State::Digits;
                self.size = 0;
                self.digits(data)
            }
            State::Start => Piece::Invalid,
            State::Digits => self.digits(data),
            State::Tail | State::Extension => self.tail(data),
            State::Content => {
                let left = usize::try_from(self.size).unwrap_or(usize::MAX).min(data.len());
                self.take(left as u64);
                Piece::Content(left)
            }
        }
    }

    /// So many bytes were lost. Out: how many of them were content; `None` if that was not all, and the
    /// framing is lost.
    pub(super) fn gap(&mut self, bytes: u64) -> Option<u64> {
        (self.state == State::Content && bytes <= self.size).then(|| {
            self.take(bytes);
            bytes
        })
    }

    fn take(&mut self, bytes: u64) {
        self.size = self.size.saturating_sub(bytes);
        if self.size == 0 {
            self.state = State::Start;
        }
    }

    fn digits(&mut self, data: &[u8]) -> Piece {
        let count = leading(data, |byte| byte.is_ascii_hexdigit());
        for digit in data.iter().take(count).filter_map(|&byte| char::from(byte).to_digit(16)) {
            self.size = self.size.saturating_mul(16).saturating_add(u64::from(digit));
        }
        if self.size > MAX_SIZE {
            return Piece::Invalid;
        }
        if count < data.len() {
            self.state = State::Tail;
        }
        Piece::Framing(count)
    }

    /// What stands between a size and the end of its line.
    fn tail(&mut self, data: &[u8]) -> Piece {
        let line = leading(data, |byte| byte != b'\n');
        if data.iter().take(line).any(|&byte| byte == b';') {
            self.state = State::Extension;
        }
        if line == data.len() {
            return Piece::Framing(line);
        }
        let extension = self.state == State::Extension;
        if self.size == 0 {
            return Piece::End(line + 1, extension);
        }
        self.state = State::Content;
        Piece::Size(line + 1, extension)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Content, whether there was an extension, and how it ended.
    fn decode(mut data: &[u8], step: usize) -> (Vec<u8>, bool, &'static str) {
        let (mut chunks, mut out, mut extended) = (Chunks::default(), Vec::new(), false);
        loop {
            let part = &data[..data.len().min(step)];
            let used = match chunks.next(part) {
                Piece::Framing(used) => used,
                Piece::Size(used, extension) => {
                    extended |= extension;
                    used
                }
                Piece::Content(used) => {
                    out.extend_from_slice(&part[..used]);
                    used
                }
                Piece::End(_, extension) => return (out, extended | extension, "end"),
                Piece::Invalid => return (out, extended, "invalid"),
                Piece::Wait => return (out, extended, "wait"),
            };
            data = &data[used..];
        }
    }

    #[test]
    fn chunks() {
        type Row = (&'static [u8], &'static [u8], bool, &'static str);
        let rows: [Row; 12] = [
            (b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", b"abcde", false, "end"),
            (b"3\nabc\n0\n\n", b"abc", false, "end"),
            (b"003 \t\r\nabc\r\n00000\r\n", b"abc", false, "end"),
            (b"3;x=y\r\nabc\r\n0;a\r\n", b"abc", true, "end"),
            (b"3x, 5\r\nabc\r\n0\n", b"abc", false, "end"),
            (b" \r\n3\r\r\nabc\n\x0b0\n", b"abc", false, "end"),
            (b"A\r\n0123456789\r\n0\n", b"0123456789", false, "end"),
            (b"X5O!P%", b"", false, "invalid"),
            (b"3\r\nabcxx", b"abc", false, "invalid"),
            (b"3\r\nab", b"ab", false, "wait"),
            (b"10000000000000000\r\nab", b"", false, "invalid"),
            (b"3\0\r\nabc\r\n0\n", b"abc", false, "end"),
        ];
        for (data, content, extended, end) in rows {
            for step in [1, 2, 3, 100] {
                assert_eq!(decode(data, step), (content.to_vec(), extended, end), "{data:?} by {step}");
            }
        }
    }

    #[test]
    fn gaps() {
        let mut chunks = Chunks::default();
        assert_eq!(chunks.gap(1), None, "before a size");
        let _ = (chunks.next(b"5\r\nab"), chunks.next(b"\r\nab"), chunks.next(b"ab"));
        assert_eq!(chunks.gap(4), None, "beyond the chunk");
        assert_eq!(chunks.gap(3), Some(3));
        assert_eq!(chunks.next(b"\r\n0\r\n"), Piece::Framing(2));
    }
}
