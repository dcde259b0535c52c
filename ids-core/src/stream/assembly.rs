//! Reassembly of one direction: segments in any order → bytes in order, for two readers.
//!
//! In: payload by position, acknowledgments, the end.  Out: bytes in order, which [`readers`] hand out.
//! Holds: bytes in order that a reader still needs (`runs`; more than one where holes were given up between them) and
//! segments behind a hole (`waiting`). Passive: what nobody acknowledged is not visible and may yet be replaced as the
//! overlap policy says. Inline: everything in order is visible at once, the first copy of a byte wins, and bytes stay
//! until acknowledged, to hold later copies against.
//! Source: RFC 9293 §3.10; evasions: Ptacek & Newsham 1998.

mod readers;

use std::collections::VecDeque;

use super::chunk::Rewrite;
use super::config::Reassembly;
use super::overlap::{Policy, Span, distance};
use super::run::Run;
use super::urgent::Urgent;
use super::waiting::{PIECE_OVERHEAD, Waiting};
use readers::Reader;

/// Most pieces that may wait in one direction; a full receive window of ordinary segments is far below.
const MAX_PIECES: usize = 32 * 1024;

/// One-sided sessions see no acknowledgments: with so many bytes behind it, a hole is given up.
const ONE_SIDED_PATIENCE: usize = 64 * 1024;

/// One direction of a session.
#[derive(Debug)]
pub(super) struct Assembly {
    /// Who wins overlaps.
    pub(super) policy: Policy,
    /// Most bytes of the stream that are looked at; `u64::MAX` if there is no limit.
    depth: u64,
    inline: bool,
    /// What is in order is visible without being acknowledged.
    at_once: bool,
    /// Holes end by themselves since no acknowledgments are seen.
    one_sided: bool,
    /// The connection is over.
    closed: bool,
    runs: VecDeque<Run>,
    /// Stream offset up to which bytes were held and let go.
    released: u64,
    /// Passive: which segments the unacknowledged end of the last run came in.
    tail: VecDeque<Span>,
    waiting: Waiting,
    pub(super) urgent: Urgent,
    /// Sequence offset of the next byte in order.
    end: u64,
    /// Sequence offset up to which the receiver has acknowledged.
    acked: u64,
    /// Sequence offset at which the sender ended the stream.
    fin: Option<u64>,
    pub(super) depth_reached: bool,
    pub(super) had_gap: bool,
    pub(super) max_regions: u32,
    app: Reader,
    raw: Reader,
    /// How raw bytes are handed out.
    chunk: u64,
    overlap_window: u64,
    flush: bool,
    /// Inline: the payload of the latest packet, in sequence offsets, until it was inspected.
    latest: Option<Span>,
    scratch: Vec<u8>,
}

/// What became of a segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Inserted {
    /// Its bytes are in the stream, now or by an earlier copy, or beyond its depth.
    pub(super) in_stream: bool,
    /// Bytes were there already.
    pub(super) overlap: bool,
    /// … with another value.
    pub(super) differs: bool,
    /// All of it lies before the bytes still held.
    pub(super) before_base: bool,
    /// It is the first to go beyond the depth.
    pub(super) depth_reached: bool,
    /// It lies beyond the end of the stream.
    pub(super) invalid: bool,
    /// Why bytes were not stored.
    pub(super) refused: Option<Refused>,
    /// Holes given up on account of it.
    pub(super) gaps: u32,
}

/// What a segment may take up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    /// Bytes of memory that may be added.
    pub(super) bytes: usize,
    /// Most separate regions.
    pub(super) regions: u32,
}

/// Why bytes were not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// Reassembly memory is full.
    Memcap,
    /// Too many pieces or regions in this direction.
    Limit,
}

impl Assembly {
    /// An empty stream. `inline` as in the configuration; the receiver resolves overlaps by `policy`.
    pub(super) fn new(config: &Reassembly, inline: bool, policy: Policy, chunk: u32) -> Self {
        Self {
            policy: if inline { Policy::First } else { policy },
            depth: if config.depth == 0 { u64::MAX } else { config.depth },
            inline,
            at_once: inline,
            one_sided: false,
            closed: false,
            runs: VecDeque::new(),
            released: 0,
            tail: VecDeque::new(),
            waiting: Waiting::default(),
            urgent: Urgent::default(),
            end: 0,
            acked: 0,
            fin: None,
            depth_reached: false,
            had_gap: false,
            max_regions: 1,
            app: Reader::default(),
            raw: Reader { stopped: !config.raw, ..Reader::default() },
            chunk: u64::from(chunk),
            overlap_window: u64::from(config.overlap_window),
            flush: false,
            latest: None,
            scratch: Vec::new(),
        }
    }

    /// Takes a segment whose first byte has this sequence offset. What differs from earlier copies that stay
    /// is told in `rewrites` (inline).
    pub(super) fn insert(&mut self, at: u64, data: &[u8], room: Room, rewrites: &mut Vec<Rewrite>) -> Inserted {
        let mut done = Inserted::default();
        if self.stopped() {
            done.in_stream = at >= self.depth;
            return done;
        }
        let data = self.cut_to_end(at, data, &mut done);
        if data.is_empty() {
            // What lies beyond the depth is not looked at, packet by packet neither.
            done.in_stream = at >= self.depth;
            return done;
        }
        if self.inline && !self.raw.stopped {
            self.latest = Some(Span::of(at, data));
        }
        self.compare_in_order(at, data, &mut done, rewrites);
        let skip = distance(at, self.end).min(data.len());
        let fresh = data.get(skip..).unwrap_or_default();
        if fresh.is_empty() {
            done.in_stream = true;
            done.before_base = self.stream(at + data.len() as u64) <= self.base();
            return done;
        }
        self.store(at, at + skip as u64, fresh, room, &mut done, rewrites);
        done.gaps = self.give_up_holes();
        self.max_regions = self.max_regions.max(self.waiting.regions(self.end));
        done
    }

    /// Cuts off what lies beyond the depth or the end of the stream.
    fn cut_to_end<'a>(&mut self, at: u64, data: &'a [u8], done: &mut Inserted) -> &'a [u8] {
        let end = at + data.len() as u64;
        if end > self.depth && !self.depth_reached {
            self.depth_reached = true;
            done.depth_reached = true;
        }
        let fin = self.fin.unwrap_or(u64::MAX);
        done.invalid = end > fin;
        data.get(..distance(at, self.depth.min(fin)).min(data.len())).unwrap_or_default()
    }

    /// Holds a segment against the bytes that are in order already. Where it differs, passive, and the receiver may
    /// prefer the later copy, what is not acknowledged goes back to the segments that wait.
    fn compare_in_order(&mut self, at: u64, data: &[u8], done: &mut Inserted, rewrites: &mut Vec<Rewrite>) {
        let common = data.get(..distance(at, self.end).min(data.len())).unwrap_or_default();
        if common.is_empty() {
            return;
        }
        done.overlap = true;
        let runs = &self.runs;
        let inline = self.inline;
        self.urgent.split(at, common, |stream, place, bytes| {
            for run in runs {
                let span = Span { start: run.start().max(stream), end: run.end() };
                let mine = span.within(stream, bytes);
                let theirs = run.slice(span.start, span.start + mine.len() as u64);
                if mine != theirs {
                    done.differs = true;
                    if inline {
                        rewrites.push(Rewrite { at: place + distance(stream, span.start), bytes: theirs.to_vec() });
                    }
                }
            }
        });
        if done.differs && !self.tail.is_empty() {
            self.spill();
        }
    }

    /// Moves the unacknowledged end of the last run back to the segments that wait.
    fn spill(&mut self) {
        let Some(first) = self.tail.front().map(|span| span.start) else { return };
        let stream = self.stream(first);
        let Some(run) = self.runs.back_mut() else { return };
        let mut bytes = run.cut(stream).into_iter();
        for span in self.tail.drain(..) {
            // Pieces go by sequence offsets: urgent bytes, which the run leaves out, get a place again.
            let piece: Vec<u8> = (span.start..span.end)
                .map(|at| if self.urgent.is_at(at) { 0 } else { bytes.next().unwrap_or_default() })
                .collect();
            self.waiting.insert(span.start, &piece, span, Policy::First, |_, _| {});
        }
        self.end = first;
    }

    /// Stores bytes that are not in order yet.
    fn store(
        &mut self,
        segment: u64,
        at: u64,
        fresh: &[u8],
        room: Room,
        done: &mut Inserted,
        rewrites: &mut Vec<Rewrite>,
    ) {
        if fresh.len() + PIECE_OVERHEAD > room.bytes {
            done.refused = Some(Refused::Memcap);
            return;
        }
        done.in_stream = true;
        if self.waiting.is_empty() && at == self.end {
            self.append(fresh, room.bytes);
            return;
        }
        if self.waiting.len() >= MAX_PIECES || self.waiting.regions(self.end) > room.regions {
            done.refused = Some(Refused::Limit);
            done.in_stream = false;
            return;
        }
        let inline = self.inline;
        let later = Span { start: segment.max(self.acked), end: Span::of(at, fresh).end };
        let met = self.waiting.insert(at, fresh, later, self.policy, |kept, bytes| {
            if inline {
                rewrites.push(Rewrite { at: distance(segment, kept), bytes: bytes.to_vec() });
            }
        });
        done.overlap |= met.overlap;
        done.differs |= met.differs;
        self.pull();
    }

    /// Adds bytes at the end of what is in order.
    fn append(&mut self, bytes: &[u8], room: usize) {
        let span = Span::of(self.end, bytes);
        if !self.at_once && span.end > self.acked && self.policy != Policy::First {
            self.tail.push_back(Span { start: span.start.max(self.acked), end: span.end });
        }
        if self.runs.is_empty() {
            let start = self.stream(self.end);
            self.runs.push_back(Run::at(start));
        }
        let Some(run) = self.runs.back_mut() else { return };
        run.reserve(bytes.len(), room);
        self.urgent.split(self.end, bytes, |_, _, plain| run.append(plain));
        self.end = span.end;
    }

    /// Moves what waits and is due to the bytes in order.
    fn pull(&mut self) {
        let limit = if self.at_once { u64::MAX } else { self.acked };
        while self.waiting.first() == Some(self.end) && self.end < limit {
            if self.runs.is_empty() {
                let start = self.stream(self.end);
                self.runs.push_back(Run::at(start));
            }
            let Some(run) = self.runs.back_mut() else { return };
            let (end, urgent, freed) = (self.end, &self.urgent, self.waiting.held());
            let mut taken = 0;
            self.waiting.take(end, limit, |bytes| {
                taken = bytes.len() as u64;
                run.reserve(bytes.len(), freed);
                urgent.split(end, bytes, |_, _, plain| run.append(plain));
            });
            self.end += taken;
        }
    }

    /// The receiver has everything before this sequence offset. Out: how many holes were given up.
    pub(super) fn acknowledge(&mut self, upto: u64) -> u32 {
        if upto <= self.acked {
            return 0;
        }
        self.acked = upto;
        while self.tail.front().is_some_and(|span| span.end <= upto) {
            self.tail.pop_front();
        }
        if let Some(span) = self.tail.front_mut() {
            span.start = span.start.max(upto);
        }
        self.pull();
        let gaps = self.give_up_holes();
        self.release();
        gaps
    }

    /// Gives up holes that the receiver does not have: their bytes passed unseen.
    fn give_up_holes(&mut self) -> u32 {
        let mut gaps = 0;
        while let Some(first) = self.waiting.first().filter(|first| *first > self.end) {
            let patient = !self.one_sided || self.waiting.held() < ONE_SIDED_PATIENCE;
            if self.acked < first && patient {
                break;
            }
            if self.hop(first) {
                self.had_gap = true;
                gaps += 1;
            }
        }
        gaps
    }

    /// Goes on behind a hole; false if only urgent bytes were in it, so that the stream goes on.
    fn hop(&mut self, to: u64) -> bool {
        let start = self.stream(to);
        let lost = start > self.stream(self.end);
        if lost {
            self.runs.push_back(Run::at(start));
            self.flush = true;
        }
        self.end = to;
        self.pull();
        lost
    }

    /// No acknowledgments will be seen: everything in order is visible at once.
    pub(super) fn one_sided(&mut self) {
        self.one_sided = true;
        self.at_once = true;
        self.tail.clear();
        self.pull();
    }

    /// The connection is over: everything in order becomes visible.
    pub(super) fn close(&mut self) {
        self.at_once = true;
        self.closed = true;
        self.flush = true;
        self.tail.clear();
        self.pull();
    }

    /// The connection was not over after all.
    pub(super) fn reopen(&mut self) {
        self.closed = false;
        self.at_once = self.inline || self.one_sided;
        self.app.told_last = false;
    }

    /// Nothing will follow: what lies behind holes becomes visible too. Such holes are no gaps: nobody had the bytes.
    pub(super) fn finish(&mut self) {
        self.close();
        while let Some(first) = self.waiting.first().filter(|_| !self.stopped()) {
            self.hop(first);
        }
    }

    /// The sender ended the stream at this sequence offset.
    pub(super) fn end_at(&mut self, sequence: u64) {
        self.fin = Some(self.fin.unwrap_or(sequence));
    }

    /// Forgets data that the receiver refused (TCP fast open), unless it was inspected already.
    pub(super) fn refuse_all(&mut self) {
        if !self.at_once {
            self.runs.clear();
            self.tail.clear();
            self.waiting.clear();
            self.end = 0;
        }
    }

    /// The byte at this sequence offset is urgent and no part of the stream; false if that was known, or comes too late.
    pub(super) fn take_out(&mut self, at: u64) -> bool {
        at >= self.end && self.urgent.note(at)
    }

    /// Another limit of bytes to look at; 0 for none. Below what was seen already, it ends the stream there.
    pub(super) fn set_depth(&mut self, depth: u64) {
        self.depth = if depth == 0 { u64::MAX } else { depth };
        self.depth_reached = self.end > self.depth;
    }

    /// Stream offset of the oldest byte held.
    fn base(&self) -> u64 {
        self.runs.front().map_or_else(|| self.stream(self.end), Run::start)
    }

    /// Stream offset up to which bytes may be looked at.
    fn visible(&self) -> u64 {
        self.stream(if self.at_once { self.end } else { self.acked.min(self.end) })
    }

    /// Whether not even the first byte is there.
    pub(super) fn nothing_yet(&self) -> bool {
        self.end == 0
    }

    /// Whether no further byte will become visible.
    pub(super) fn is_over(&self) -> bool {
        let ended = self.closed || self.fin == Some(self.end) || (self.depth_reached && self.end >= self.depth);
        ended && self.waiting.is_empty() && self.visible() == self.stream(self.end)
    }

    /// Whether everything that came was seen by all who read it, and nothing waits.
    pub(super) fn is_read(&self) -> bool {
        let shown = self.waiting.is_empty() && self.visible() == self.stream(self.end);
        self.stopped() || shown && self.app_is_done() && self.raw_is_done()
    }

    /// Whether whatever follows goes unread: it lies beyond the depth, or nobody reads any more.
    pub(super) fn is_deaf(&self) -> bool {
        self.stopped() || self.depth_reached && self.is_over() && self.is_read()
    }

    /// Neither reader wants anything.
    fn stopped(&self) -> bool {
        self.app.stopped && self.raw.stopped
    }

    /// The stream offset of a sequence offset.
    fn stream(&self, sequence: u64) -> u64 {
        sequence.saturating_sub(self.urgent.before(sequence))
    }

    /// Memory in use, in bytes.
    pub(super) fn held(&self) -> usize {
        let runs: usize = self.runs.iter().map(Run::held).sum();
        let tail = self.tail.capacity() * size_of::<Span>();
        runs + tail + self.waiting.held() + self.urgent.held() + self.scratch.capacity()
    }
}
