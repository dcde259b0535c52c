//! Domain names on the wire (RFC 1035 §3.1, §4.1.4): labels and compression pointers → dotted text.
//!
//! Tolerant: pointers may point forward, names may be longer than the 255 bytes of the RFC. Bounded: text is
//! cut at [`MAX_TEXT`], labels and pointers are counted.

/// Bytes of text after which a name is cut. More than any legal name has, so that what attackers put
/// beyond 255 bytes can be matched.
pub(super) const MAX_TEXT: usize = 1025;

/// Labels after which a name is cut.
const MAX_LABELS: usize = 255;

/// Pointers after which a name counts as a loop.
const MAX_POINTERS: usize = 255;

/// What is odd about a name; each of them cuts its text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Odd {
    /// More than [`MAX_TEXT`] bytes.
    pub(super) too_long: bool,
    /// More than [`MAX_LABELS`] labels.
    pub(super) too_many_labels: bool,
    /// More than [`MAX_POINTERS`] pointers.
    pub(super) endless: bool,
}

impl Odd {
    /// Whether the text is cut.
    pub(super) const fn cut(self) -> bool {
        self.too_long || self.too_many_labels || self.endless
    }
}

/// A name that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Read {
    /// Position after the name where it stands (not where its pointers lead).
    pub(super) end: usize,
    /// What is odd about it.
    pub(super) odd: Odd,
}

/// Reads the name at `at`. Each piece of its text goes to `text`, dots between labels included. `None` if
/// it runs out of the message or a label has one of the two reserved forms.
pub(super) fn read(message: &[u8], at: usize, mut text: impl FnMut(&[u8])) -> Option<Read> {
    let mut at = at;
    let mut end = None;
    let mut odd = Odd::default();
    let (mut length, mut labels, mut pointers) = (0, 0, 0);
    loop {
        let first = *message.get(at)?;
        match first >> 6 {
            0 if first == 0 => return Some(Read { end: end.unwrap_or(at + 1), odd }),
            0 => {
                let label = message.get(at + 1..at + 1 + usize::from(first))?;
                at += 1 + label.len();
                labels += 1;
                odd.too_many_labels |= labels > MAX_LABELS;
                let dot: &[u8] = if length > 0 { b"." } else { b"" };
                for piece in [dot, label] {
                    if !odd.cut() {
                        let room = piece.len().min(MAX_TEXT - length);
                        text(piece.get(..room).unwrap_or_default());
                        length += room;
                        odd.too_long = room < piece.len();
                    }
                }
            }
            3 => {
                let second = *message.get(at + 1)?;
                end = end.or(Some(at + 2));
                pointers += 1;
                odd.endless |= pointers > MAX_POINTERS;
                at = usize::from(first & 0x3f) << 8 | usize::from(second);
            }
            _ => return None,
        }
        // Beyond a pointer a name may go on without end; before one its end must be found.
        if let (Some(end), true) = (end, odd.too_many_labels || odd.endless) {
            return Some(Read { end, odd });
        }
    }
}

/// The text of the name at `at`, in place of what `out` holds.
pub(super) fn text(message: &[u8], at: usize, out: &mut Vec<u8>) {
    out.clear();
    // Only names that were read before are asked for: they end where they should.
    let _ = read(message, at, |piece| out.extend_from_slice(piece));
}
