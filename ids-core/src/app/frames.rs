//! Frames: where the units of a protocol lie in a stream or in a datagram, and their raw bytes.
//!
//! In: what a session reports of its units ([`Spans`]), and the bytes that were handed to it.  Out: the frames of a flow
//! ([`Seen`]), each with its place and with its bytes as far as they are kept.
//! Holds nothing unless somebody [wants](Wanted) frames of the protocol; then, by direction, at most [`MAX_FRAMES`]
//! frames and [`LIMIT`] bytes. What is lost to those limits is counted. Must not know rules or outputs.
//! Source: the chapter on frames of the Suricata 8 user guide.

mod bytes;
mod table;
#[cfg(test)]
mod tests;

use super::registry::ProtoId;
use crate::field::{BytesKind, Dir, Dirs, Info, Kind};
use bytes::Bytes;
pub use bytes::{LIMIT, Part, WINDOW};
pub(super) use table::Table;
pub use table::{Frame, Losses, MAX_FRAMES, Open};

/// Reports that a session may make before they are taken.
const MAX_REPORTS: usize = 4096;

/// A kind of frame, as a row of [`Protocol::frames`](super::parser::Protocol::frames) declares it: the name in rules,
/// with that of the protocol before a dot, and one sentence for the documentation.
pub const fn frame(name: &'static str, doc: &'static str) -> Info {
    Info {
        name,
        aliases: &[],
        modifier: None,
        kind: Kind::Bytes(BytesKind::STREAMING),
        dirs: Dirs::Both,
        ready: [0; 2],
        multi: false,
        exchange: false,
        grows: false,
        doc,
    }
}

/// The name without that of the protocol, as records show it.
pub fn short(info: &Info) -> &'static str {
    info.name.split_once('.').map_or(info.name, |(_, name)| name)
}

/// Whether a kind is all TCP data of a direction, which no session needs to report.
pub fn is_stream(info: &Info) -> bool {
    short(info) == "stream"
}

/// Of which protocols frames are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    units: u64,
    streams: u64,
}

impl Wanted {
    /// All frames of all protocols.
    pub const ALL: Self = Self { units: u64::MAX, streams: u64::MAX };

    /// Wants a kind of frame.
    pub fn add(&mut self, proto: ProtoId, kind: &Info) {
        let set = if is_stream(kind) { &mut self.streams } else { &mut self.units };
        *set |= bit(proto);
    }

    /// What either wants.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self { units: self.units | other.units, streams: self.streams | other.streams }
    }

    const fn units(self, proto: ProtoId) -> bool {
        self.units & bit(proto) != 0
    }

    const fn stream(self, proto: ProtoId) -> bool {
        self.streams & bit(proto) != 0
    }

    pub(super) const fn any(self, proto: ProtoId) -> bool {
        self.or(Self { units: self.streams, streams: 0 }).units(proto)
    }
}

const fn bit(proto: ProtoId) -> u64 {
    match 1_u64.checked_shl(proto.index() as u32) {
        Some(bit) => bit,
        None => 0,
    }
}

/// What a session reports of its units. Kinds are positions in [`Protocol::frames`](super::parser::Protocol::frames);
/// places count from the first byte of the input at hand, or of the gap.
#[derive(Debug, Default)]
pub struct Spans {
    wanted: bool,
    /// Position of the input in its direction.
    base: u64,
    reports: Vec<Report>,
    lost: u64,
}

#[derive(Clone, Copy, Debug)]
enum Report {
    Start { kind: usize, dir: Dir, at: u64, length: Option<u64>, tx: Option<u64> },
    End { kind: usize, dir: Dir, at: u64 },
}

impl Spans {
    /// The input that follows stands here.
    pub(super) fn begin(&mut self, wanted: Wanted, proto: ProtoId, base: u64) {
        (self.wanted, self.base) = (wanted.units(proto), base);
    }

    /// A unit begins; its length if that is known already, and its transaction if it has one.
    pub fn start(&mut self, kind: usize, dir: Dir, at: usize, length: Option<u64>, tx: Option<u64>) {
        self.report(Report::Start { kind, dir, at: self.base + at as u64, length, tx });
    }

    /// The unit of this kind that was begun last ends before this place, which may lie ahead; a unit whose length is known
    /// keeps it.
    pub fn end(&mut self, kind: usize, dir: Dir, at: u64) {
        self.report(Report::End { kind, dir, at: self.base.saturating_add(at) });
    }

    fn report(&mut self, report: Report) {
        if !self.wanted {
        } else if self.reports.len() < MAX_REPORTS {
            self.reports.push(report);
        } else {
            self.lost += 1;
        }
    }
}

/// Where a frame lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its number within its direction, counted from 1; the stream is 1.
    pub id: u64,
    /// Its protocol.
    pub proto: ProtoId,
    /// Which of the protocol's kinds.
    pub kind: usize,
    /// Who sent it.
    pub dir: Dir,
    /// Position of its first byte among those that its sender sent.
    pub start: u64,
    /// How long it is, once that is known.
    pub length: Option<u64>,
    /// The transaction it belongs to.
    pub tx: Option<u64>,
}

/// A frame as it is now.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// Where it lies.
    pub place: Place,
    bytes: &'a Bytes,
    /// Nothing more will come.
    over: bool,
}

impl<'a> Seen<'a> {
    /// Its kind.
    pub fn info(&self) -> Option<&'static Info> {
        self.place.proto.protocol().frames.get(self.place.kind)
    }

    /// Whether it is known where it ends, and that was reached.
    pub fn complete(&self) -> bool {
        self.place.end().is_some_and(|end| end <= self.bytes.end())
    }

    /// Whether there will be no more of it.
    pub fn is_final(&self) -> bool {
        self.over || self.complete()
    }

    /// Its bytes as far as they are kept, oldest first; what lies between two parts is missing.
    pub fn parts(self) -> impl Iterator<Item = Part<'a>> {
        self.bytes.parts(self.place.start, self.place.end())
    }

    /// How many of its bytes came, those that are missing included.
    pub fn size(&self) -> u64 {
        self.reached().saturating_sub(self.place.start)
    }

    fn reached(&self) -> u64 {
        self.place.end().map_or(self.bytes.end(), |end| end.min(self.bytes.end()))
    }
}

impl Place {
    fn end(&self) -> Option<u64> {
        self.length.map(|length| self.start.saturating_add(length))
    }
}
