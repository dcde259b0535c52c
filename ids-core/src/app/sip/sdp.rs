//! The description of a session (SDP, RFC 8866): lines of a letter, an equals sign and a value.
//!
//! What stands behind a line on media is about these media, as far as its kind can be. Lines are taken in any order, and
//! what is no line of SDP is passed over.

use std::ops::Range;

use super::index::{Index, Span, lines};

/// Lines that are kept of a description.
const MOST_LINES: usize = 4096;

/// Kinds of lines (RFC 8866 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum What {
    Origin,
    SessionName,
    Info,
    Uri,
    Email,
    Phone,
    Connection,
    Bandwidth,
    Time,
    Repeat,
    Zone,
    Key,
    Attribute,
    Media,
}

impl What {
    const fn read(letter: u8) -> Option<Self> {
        Some(match letter {
            b'o' => Self::Origin,
            b's' => Self::SessionName,
            b'i' => Self::Info,
            b'u' => Self::Uri,
            b'e' => Self::Email,
            b'p' => Self::Phone,
            b'c' => Self::Connection,
            b'b' => Self::Bandwidth,
            b't' => Self::Time,
            b'r' => Self::Repeat,
            b'z' => Self::Zone,
            b'k' => Self::Key,
            b'a' => Self::Attribute,
            b'm' => Self::Media,
            _ => return None,
        })
    }

    /// Whether it may be about media alone.
    const fn is_of_media(self) -> bool {
        matches!(self, Self::Info | Self::Connection | Self::Bandwidth | Self::Key | Self::Attribute)
    }
}

/// What a line is about: 0 is the session; else which media, or for a repetition, which time.
type Part = u16;

/// A description.
#[derive(Debug)]
pub(super) struct Sdp {
    /// The version of SDP.
    pub(super) version: u64,
    lines: Index<(What, Part)>,
    /// How many media there are.
    pub(super) media: Part,
    /// How many times.
    pub(super) times: Part,
}

impl Sdp {
    /// Reads part of a message; `None` if that does not begin with a version.
    pub(super) fn read(message: &[u8], part: Range<usize>) -> Option<Self> {
        let mut all = lines(message, part);
        let first = all.next()?;
        let version = std::str::from_utf8(first.of(message).strip_prefix(b"v=")?.trim_ascii()).ok()?.parse().ok()?;
        let (mut rows, mut media, mut times) = (Vec::new(), 0, 0);
        for line in all.take(MOST_LINES) {
            let [letter, b'=', value @ ..] = line.of(message) else { continue };
            let Some(what) = What::read(*letter) else { continue };
            let about = match what {
                What::Repeat => times,
                what if what.is_of_media() => media,
                _ => 0,
            };
            media += Part::from(what == What::Media);
            times += Part::from(what == What::Time);
            rows.push(((what, about), line.last(value.len())));
        }
        Some(Self { version, lines: Index::new(rows), media, times })
    }

    /// The values of a kind that are about the session, or these media or times.
    pub(super) fn of(&self, what: What, part: Part) -> impl Iterator<Item = Span> {
        self.between(what, part..=part).iter().map(|row| row.1)
    }

    /// One value of a kind, whatever it is about.
    pub(super) fn any(&self, what: What, instance: usize) -> Option<Span> {
        self.between(what, 0..=Part::MAX).get(instance).map(|row| row.1)
    }

    /// One value of a kind that is about media.
    pub(super) fn of_media(&self, what: What, instance: usize) -> Option<Span> {
        self.between(what, 1..=Part::MAX).get(instance).map(|row| row.1)
    }

    fn between(&self, what: What, parts: std::ops::RangeInclusive<Part>) -> &[((What, Part), Span)] {
        self.lines.between((what, *parts.start()), (what, *parts.end()))
    }
}
