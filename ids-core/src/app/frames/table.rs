//! The frames of a flow that are not done with.

use std::collections::VecDeque;

use super::bytes::{Bytes, WINDOW};
use super::{Place, Report, Seen, Spans, Wanted, is_stream};
use crate::app::parser::Input;
use crate::app::registry::ProtoId;
use crate::field::Dir;

/// Most frames of a direction at a time; beyond, the oldest goes.
pub const MAX_FRAMES: usize = 1024;

/// What limits have cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Frames that went before they were done with.
    pub frames: u64,
    /// Bytes that went before they were inspected.
    pub bytes: u64,
}

/// A frame with what the engine has done with it; `F` is detection's own state of it.
#[derive(Debug)]
pub struct Frame<F> {
    place: Place,
    /// Position up to which it was inspected.
    pub searched: u64,
    /// Inspection is over.
    pub inspected: bool,
    /// Its record was written, or none is to be.
    pub told: bool,
    /// Detection's own state.
    pub detect: F,
}

/// A frame that is not done with.
pub struct Open<'a, F> {
    /// The frame.
    pub seen: Seen<'a>,
    /// What was done with it.
    pub state: &'a mut Frame<F>,
}

impl<F> Open<'_, F> {
    /// Whether it has something that was not inspected. A stream is looked at when there are `chunk` new bytes.
    pub fn is_due(&self, chunk: u64) -> bool {
        let fresh = self.seen.reached().saturating_sub(self.state.searched.max(self.seen.place.start));
        let least = if self.seen.info().is_some_and(is_stream) { chunk.max(1) } else { 1 };
        !self.state.inspected && (fresh >= least || self.seen.is_final())
    }

    /// It was inspected as far as it is there.
    pub fn inspected(&mut self) {
        self.state.searched = self.seen.reached();
        self.state.inspected = self.seen.is_final();
    }
}

/// One direction.
#[derive(Debug)]
struct Side<F> {
    frames: VecDeque<Frame<F>>,
    /// Number of the latest frame.
    latest: u64,
    bytes: Bytes,
    /// The protocol whose frames these are, once there was data.
    proto: Option<ProtoId>,
    over: bool,
}

impl<F> Default for Side<F> {
    fn default() -> Self {
        Self { frames: VecDeque::new(), latest: 0, bytes: Bytes::default(), proto: None, over: false }
    }
}

/// The frames of a flow.
#[derive(Debug)]
pub(in crate::app) struct Table<F> {
    sides: [Side<F>; 2],
    losses: Losses,
}

impl<F> Default for Table<F> {
    fn default() -> Self {
        Self { sides: [Side::default(), Side::default()], losses: Losses::default() }
    }
}

impl<F: Default> Table<F> {
    /// Takes bytes that a session of `proto` is to parse, the first of which stands at `start`.
    pub(in crate::app) fn data(&mut self, proto: ProtoId, input: &Input<'_>, start: u64, udp: bool, wanted: Wanted) {
        let [client, server] = &mut self.sides;
        let side = if input.dir == Dir::ToServer { client } else { server };
        if side.proto != Some(proto) {
            side.proto = Some(proto);
            side.begin(proto, input.dir, start, !udp, wanted);
        }
        self.losses.bytes += side.bytes.take(start, input.data);
    }

    /// So many bytes of a direction were lost, up to this position.
    pub(in crate::app) fn gap(&mut self, dir: Dir, upto: u64) {
        self.side(dir).bytes.skip_to(upto);
    }

    /// Position after the last byte of a direction.
    pub(in crate::app) fn end(&self, dir: Dir) -> u64 {
        self.sides.get(dir.index()).map_or(0, |side| side.bytes.end())
    }

    /// Takes what a session has reported.
    pub(in crate::app) fn reports(&mut self, proto: ProtoId, spans: &mut Spans) {
        self.losses.frames += std::mem::take(&mut spans.lost);
        for report in spans.reports.drain(..) {
            match report {
                Report::Start { kind, dir, at, length, tx } => {
                    self.side(dir).end(kind, at);
                    let lost = self.side(dir).add(Place { id: 0, proto, kind, dir, start: at, length, tx });
                    self.losses.frames += u64::from(lost);
                }
                Report::End { kind, dir, at } => self.side(dir).end(kind, at),
            }
        }
    }

    /// Nothing more comes of a direction, or of its protocol: what is open ends where the bytes do.
    pub(in crate::app) fn finish(&mut self, dir: Dir) {
        let side = self.side(dir);
        side.over = true;
        side.end_all();
    }

    /// The protocol ends before this position of a direction; another may follow.
    pub(in crate::app) fn switch(&mut self, dir: Dir, at: u64) {
        let side = self.side(dir);
        side.proto = None;
        for frame in &mut side.frames {
            frame.place.end_at(at);
        }
    }

    /// The frames of a direction, oldest first.
    pub(in crate::app) fn open(&mut self, dir: Dir) -> impl Iterator<Item = Open<'_, F>> {
        let Side { frames, bytes, over, .. } = self.side(dir);
        let (bytes, over) = (&*bytes, *over);
        frames.iter_mut().map(move |state| Open { seen: Seen { place: state.place, bytes, over }, state })
    }

    /// One of them.
    pub(in crate::app) fn get(&self, dir: Dir, id: u64) -> Option<Seen<'_>> {
        let Side { frames, bytes, over, .. } = self.sides.get(dir.index())?;
        let frame = frames.iter().find(|frame| frame.place.id == id)?;
        Some(Seen { place: frame.place, bytes, over: *over })
    }

    /// Forgets frames that are done with, and bytes that no frame needs. `unused`: from where on each direction's bytes
    /// are handed in again.
    pub(in crate::app) fn release(&mut self, unused: [u64; 2]) {
        for (side, unused) in self.sides.iter_mut().zip(unused) {
            side.release(unused);
        }
    }

    /// What was lost since the last call.
    pub(in crate::app) fn losses(&mut self) -> Losses {
        std::mem::take(&mut self.losses)
    }

    fn side(&mut self, dir: Dir) -> &mut Side<F> {
        let [client, server] = &mut self.sides;
        if dir == Dir::ToServer { client } else { server }
    }
}

impl<F: Default> Side<F> {
    /// The first bytes of a protocol: over TCP a frame of all of them, if its protocol has that.
    fn begin(&mut self, proto: ProtoId, dir: Dir, start: u64, tcp: bool, wanted: Wanted) {
        self.bytes.skip_to(start);
        let Some(kind) = proto.protocol().frames.iter().position(is_stream).filter(|_| tcp) else { return };
        self.latest += 1;
        if wanted.stream(proto) {
            self.push(Place { id: self.latest, proto, kind, dir, start, length: None, tx: None });
        }
    }

    /// Adds a frame. Out: whether another had to go for it.
    fn add(&mut self, place: Place) -> bool {
        self.latest += 1;
        let full = self.frames.len() >= MAX_FRAMES;
        if full {
            let oldest = self.frames.iter().position(|frame| !frame.place.is_stream()).unwrap_or_default();
            self.frames.remove(oldest);
        }
        self.push(Place { id: self.latest, ..place });
        full
    }

    fn push(&mut self, place: Place) {
        let detect = F::default();
        self.frames.push_back(Frame { place, searched: place.start, inspected: false, told: false, detect });
    }

    /// The open frame of a kind ends before this position.
    fn end(&mut self, kind: usize, at: u64) {
        let open = |frame: &&mut Frame<F>| frame.place.kind == kind && frame.place.length.is_none();
        if let Some(frame) = self.frames.iter_mut().rev().find(open) {
            frame.place.end_at(at);
        }
    }

    fn end_all(&mut self) {
        let at = self.bytes.end();
        self.frames.iter_mut().for_each(|frame| frame.place.end_at(at));
    }

    fn release(&mut self, unused: u64) {
        self.frames.retain(|frame| !(frame.inspected && frame.told));
        let needed = self.frames.iter().map(|frame| frame.place.start).min();
        let needed = needed.map_or(unused, |start| start.min(unused));
        let end = self.bytes.end();
        self.bytes.forget_before(needed);
        // Not byte by byte: what is kept moves each time.
        if self.bytes.held() > 2 * WINDOW {
            self.bytes.forget_before(end - WINDOW as u64);
        }
    }
}

impl Place {
    fn end_at(&mut self, at: u64) {
        self.length = self.length.or(Some(at.saturating_sub(self.start)));
    }

    fn is_stream(&self) -> bool {
        self.proto.protocol().frames.get(self.kind).is_some_and(is_stream)
    }
}
