//! How the bytes in order are read: by the application layer and by payload rules, each at its own pace.
//!
//! In: what [`Assembly`] holds, and how far each reader got.  Out: [`Chunk`]s, [`Raw`] bytes. What both have passed is
//! let go.

use super::Assembly;
use crate::stream::chunk::{Chunk, Raw};
use crate::stream::overlap::Span;
use crate::stream::run::Run;

/// Someone who reads the stream.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// Stream offset of the first byte not done with.
    pub(super) at: u64,
    /// How many unused bytes it takes to get further.
    pub(super) need: usize,
    /// Stream offset up to which bytes were offered.
    pub(super) offered: u64,
    /// Was told that nothing follows.
    pub(super) told_last: bool,
    /// Wants nothing any more.
    pub(super) stopped: bool,
}

impl Assembly {
    /// The next piece for the application layer. A gap counts as taken once it was returned.
    pub(in crate::stream) fn app(&mut self) -> Option<Chunk<'_>> {
        if self.app.stopped || self.app.told_last {
            return None;
        }
        let visible = self.visible();
        let over = self.is_over();
        let Some(index) = self.runs.iter().position(|run| self.app.at <= run.end()) else {
            // Nothing ever came.
            return (over && !std::mem::replace(&mut self.app.told_last, over))
                .then_some(Chunk::Data { bytes: &[], last: true });
        };
        let (run, next) = (self.runs.get(index)?, self.runs.get(index + 1).map(Run::start));
        let skip_to = if self.app.at < run.start() { Some(run.start()) } else { next };
        if self.app.at >= run.start() {
            let end = run.end().min(visible);
            let last = next.is_none() && over;
            let unused = run.slice(self.app.at, end);
            let is_new = end > self.app.offered && !unused.is_empty();
            let enough = unused.len() >= self.app.need || last || next.is_some();
            if (is_new && enough) || (last && !self.app.told_last) {
                self.app.offered = end;
                self.app.told_last = last;
                return Some(Chunk::Data { bytes: unused, last });
            }
        }
        let skip_to = skip_to?;
        let bytes = skip_to.saturating_sub(self.app.at);
        self.app = Reader { at: skip_to, offered: skip_to, ..Reader::default() };
        Some(Chunk::Gap { bytes })
    }

    /// The application layer is done with so many bytes, and needs so many unused ones to get further.
    pub(in crate::stream) fn app_used(&mut self, bytes: usize, need: usize) {
        self.app.at = (self.app.at + bytes as u64).min(self.app.offered.max(self.app.at));
        self.app.need = need;
        self.release();
    }

    /// What the application layer left unused is handed out again, whether or not anything came after it.
    pub(in crate::stream) fn app_again(&mut self) {
        (self.app.offered, self.app.need, self.app.told_last) = (self.app.at, 0, false);
    }

    /// The application layer wants nothing any more.
    pub(in crate::stream) fn app_stop(&mut self) {
        self.app.stopped = true;
        self.release();
    }

    /// Payload rules want nothing any more.
    pub(in crate::stream) fn raw_stop(&mut self) {
        self.raw.stopped = true;
        self.latest = None;
        self.release();
    }

    /// Whatever is visible by now is due for payload rules.
    pub(in crate::stream) fn raw_flush(&mut self) {
        self.flush |= self.fresh() > 0;
    }

    /// Whether payload rules should look at the stream now.
    pub(in crate::stream) fn raw_due(&self) -> bool {
        if self.raw.stopped {
            return false;
        }
        let fresh = self.fresh();
        let whole = self.inline || self.flush || self.runs.len() > 1 || self.is_over();
        self.latest.is_some() || fresh >= self.chunk.max(1) || (fresh > 0 && whole)
    }

    /// How many visible bytes payload rules did not see.
    fn fresh(&self) -> u64 {
        let visible = self.visible();
        self.runs.iter().map(|run| self.unseen(run, visible)).sum()
    }

    /// How many visible bytes of a run payload rules did not see.
    fn unseen(&self, run: &Run, visible: u64) -> u64 {
        run.end().min(visible).saturating_sub(run.start().max(self.raw.at))
    }

    /// The bytes payload rules should look at.
    pub(in crate::stream) fn raw(&mut self) -> Raw<'_> {
        let visible = self.visible();
        let over = self.is_over();
        let Some(index) = self.runs.iter().position(|run| self.unseen(run, visible) > 0) else {
            return match self.latest.take() {
                Some(latest) => self.raw_around(latest),
                None => Raw { offset: self.raw.at, data: &[], fresh_from: self.raw.at, last: over },
            };
        };
        let last = over && index + 1 == self.runs.len();
        let Some(run) = self.runs.get(index) else {
            return Raw { offset: self.raw.at, data: &[], fresh_from: self.raw.at, last };
        };
        let from = self.raw.at.saturating_sub(self.overlap_window).max(run.start());
        let data = run.slice(from, run.end().min(visible));
        Raw { offset: from, data, fresh_from: self.raw.at.max(run.start()), last }
    }

    /// Inline: the bytes around a payload that added nothing in order: a copy, or a segment behind a hole.
    fn raw_around(&mut self, latest: Span) -> Raw<'_> {
        let fresh_from = self.stream(latest.start);
        if latest.start < self.end {
            let from = fresh_from.saturating_sub(self.overlap_window);
            let run = self.runs.iter().find(|run| run.start() <= fresh_from && fresh_from < run.end());
            let Some(run) = run else { return Raw { offset: fresh_from, data: &[], fresh_from, last: false } };
            let from = from.max(run.start());
            let to = self.stream(latest.end) + self.overlap_window;
            return Raw { offset: from, data: run.slice(from, to), fresh_from, last: false };
        }
        self.scratch.clear();
        let start = self.waiting.around(latest, self.overlap_window, &mut self.scratch);
        Raw { offset: self.stream(start), data: &self.scratch, fresh_from, last: false }
    }

    /// Whether the application layer was offered all there is.
    pub(super) fn app_is_done(&self) -> bool {
        let told = self.app.told_last || !self.is_over();
        self.app.stopped || told && self.runs.back().is_none_or(|run| self.app.offered >= run.end())
    }

    /// Whether payload rules saw all there is.
    pub(super) fn raw_is_done(&self) -> bool {
        self.raw.stopped || self.latest.is_none() && self.fresh() == 0
    }

    /// Payload rules saw everything before this stream offset.
    pub(in crate::stream) fn raw_done(&mut self, upto: u64) {
        let visible = self.visible();
        let covering = self.runs.iter().find(|run| self.unseen(run, visible) > 0);
        if let Some(run) = covering.filter(|run| upto > run.start()) {
            self.raw.at = upto.min(run.end().min(visible)).max(self.raw.at);
        }
        if self.latest.is_some_and(|latest| self.stream(latest.end) <= self.raw.at) {
            self.latest = None;
        }
        self.flush &= self.fresh() > 0;
        self.release();
    }

    /// Drops bytes that nobody needs.
    pub(super) fn release(&mut self) {
        let visible = self.visible();
        if self.stopped() {
            self.runs.clear();
            self.tail.clear();
            self.waiting.clear();
            self.scratch = Vec::new();
            return;
        }
        let app = if self.app.stopped { u64::MAX } else { self.app.at };
        let raw = if self.raw.stopped { u64::MAX } else { self.raw.at.saturating_sub(self.overlap_window) };
        let acked = if self.inline { self.stream(self.acked.min(self.end)) } else { u64::MAX };
        let before = app.min(raw).min(acked).min(visible);
        while self.runs.len() > 1 && self.runs.front().is_some_and(|run| run.end() <= before.max(self.passed())) {
            self.released = self.runs.pop_front().map_or(self.released, |run| run.end());
        }
        if let Some(run) = self.runs.front_mut() {
            if run.release(before) {
                self.released = run.start();
            }
            let base = run.start();
            self.urgent.forget(base.min(self.acked));
        }
    }

    /// Stream offset that both readers have passed for good, also where a hole follows.
    fn passed(&self) -> u64 {
        let app = if self.app.stopped { u64::MAX } else { self.app.at };
        let raw = if self.raw.stopped { u64::MAX } else { self.raw.at };
        app.min(raw)
    }

    /// What is held and may be looked at, with a note in place of bytes that are missing; `None` if none are.
    pub(in crate::stream) fn with_holes(&self) -> Option<Vec<u8>> {
        use std::io::Write as _;
        let (mut at, visible) = (self.released, self.visible());
        let (mut out, mut holes) = (Vec::new(), false);
        for run in self.runs.iter().filter(|run| run.start() < visible) {
            let missing = run.start().saturating_sub(at);
            if missing > 0 {
                holes = true;
                write!(out, "[{missing} bytes missing]").ok()?;
            }
            out.extend_from_slice(run.slice(run.start(), run.end().min(visible)));
            at = run.end();
        }
        holes.then_some(out)
    }
}
