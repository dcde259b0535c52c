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

/// What is odd about a name, and cuts its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Odd {
    /// More than [`MAX_TEXT`] bytes.
    TooLong,
    /// More than [`MAX_LABELS`] labels.
    TooManyLabels,
    /// More than [`MAX_POINTERS`] pointers.
    Loop,
}

/// A name that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Read {
    /// Position after the name where it stands (not where its pointers lead).
    pub(super) end: usize,
    /// Why its text was cut, if it was.
    pub(super) odd: Option<Odd>,
}

/// Reads the name at `at`. Each piece of its text goes to `text`, dots between labels included. `None` if
/// it runs out of the message or a label has one of the two reserved forms.
pub(super) fn read(message: &[u8], at: usize, mut text: impl FnMut(&[u8])) -> Option<Read> {
    let mut at = at;
    let mut end = None;
    let mut odd = None;
    let (mut length, mut labels, mut pointers) = (0, 0, 0);
    loop {
        let first = *message.get(at)?;
        match first >> 6 {
            0 if first == 0 => return Some(Read { end: end.unwrap_or(at + 1), odd }),
            0 => {
                let label = message.get(at + 1..at + 1 + usize::from(first))?;
                at += 1 + label.len();
                if odd.is_none() {
                    labels += 1;
                    let dot: &[u8] = if length > 0 { b"." } else { b"" };
                    for piece in [dot, label] {
                        let room = piece.get(..MAX_TEXT - length);
                        text(room.unwrap_or(piece));
                        length += room.map_or(piece.len(), <[u8]>::len);
                        if room.is_some_and(|room| room.len() < piece.len()) {
                            odd = Some(Odd::TooLong);
                        }
                    }
                    if odd.is_none() && labels > MAX_LABELS {
                        odd = Some(Odd::TooManyLabels);
                    }
                }
            }
            3 => {
                let second = *message.get(at + 1)?;
                end = end.or(Some(at + 2));
                pointers += 1;
                if pointers > MAX_POINTERS {
                    odd = odd.or(Some(Odd::Loop));
                }
                at = usize::from(first & 0x3f) << 8 | usize::from(second);
            }
            _ => return None,
        }
        // Beyond a pointer nothing more is needed once the text is cut; before one the end must be found.
        if let (Some(end), Some(_)) = (end, odd) {
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
