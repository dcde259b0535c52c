//! Bytes → lines.
//!
//! Ends of lines are CR LF or LF alone. A line that is too long to be held comes in pieces.

/// Longest line that is held to be seen whole: more than a line may have (RFC 5322 §2.1.1).
const LONGEST: usize = 2048;

/// A line, or a piece of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    /// Without its end.
    pub(super) text: &'a [u8],
    /// It begins here.
    pub(super) first: bool,
    /// What ends it; nothing if more of it follows.
    pub(super) end: &'a [u8],
}

/// Finds lines.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// What came of the line at hand and was not handed out.
    held: Vec<u8>,
    /// A piece of it was.
    within: bool,
}

impl Lines {
    /// Takes the next bytes.
    pub(super) fn feed(&mut self, bytes: &[u8], each: &mut dyn FnMut(Line<'_>)) {
        let mut rest = bytes;
        while let Some(at) = memchr::memchr(b'\n', rest) {
            let (line, after) = rest.split_at(at + 1);
            if self.held.is_empty() {
                self.hand_out(line, each);
            } else {
                let mut held = std::mem::take(&mut self.held);
                held.extend_from_slice(line);
                self.hand_out(&held, each);
                held.clear();
                self.held = held;
            }
            rest = after;
        }
        self.held.extend_from_slice(rest);
        if self.held.len() > LONGEST {
            let held = std::mem::take(&mut self.held);
            // A CR may be half of an end.
            let text = held.strip_suffix(b"\r").unwrap_or(&held);
            self.hand_out(text, each);
            self.held.extend_from_slice(held.get(text.len()..).unwrap_or_default());
        }
    }

    /// There is no more, or what follows is not next to it: what is held is a line, or the end of one.
    pub(super) fn flush(&mut self, each: &mut dyn FnMut(Line<'_>)) {
        let held = std::mem::take(&mut self.held);
        if !held.is_empty() {
            self.hand_out(&held, each);
        }
        self.within = false;
    }

    /// What follows is in the middle of a line.
    pub(super) fn gap(&mut self) {
        self.within = true;
    }

    fn hand_out(&mut self, line: &[u8], each: &mut dyn FnMut(Line<'_>)) {
        let text = line.strip_suffix(b"\n").map_or(line, |text| text.strip_suffix(b"\r").unwrap_or(text));
        let end = line.get(text.len()..).unwrap_or_default();
        each(Line { text, first: !self.within, end });
        self.within = end.is_empty();
    }
}
