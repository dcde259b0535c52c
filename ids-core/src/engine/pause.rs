//! A parser that has read much pauses: what it holds is inspected, told and let go before it reads on.
//!
//! So a chunk of many small messages, such as one behind a gap that closed, neither loses any of them nor piles them up.

use super::tell::{self, Occasion};
use super::visit::{Conn, Visit};
use super::{Sink, context::Known};
use crate::counters::Counter;
use crate::field::Dir;
use crate::flow::Entry;
use crate::packet::Packet;

impl<S: Sink> Visit<'_, S> {
    /// Tells and lets go what a direction has brought so far and was inspected. Transactions that rules matched on stay until their alerts are told.
    pub(super) fn make_room(&mut self, entry: &mut Entry<Conn>, packet: &Packet<'_>, dir: Dir) {
        let Conn { app, detect, .. } = &mut entry.data;
        let shown = self.rules.vars(Some(detect), self.hits);
        let known = Known { flow: &entry.flow, app: app.info(), vars: Some(&shown) };
        let occasion = Occasion { packet: Some((packet, dir)), known, time: packet.time };
        let unrecorded = |id| detect.unrecorded() || self.hits.unrecorded().contains(&id);
        let wanted = self.config.app.files.wanted(self.rules.files());
        super::store::contents(app, detect, wanted, self.shared, occasion, self.out);
        tell::transactions(app, detect, occasion, unrecorded, self.out);
        let losses = app.release_but(|id| self.hits.concern(id));
        self.counters.add(Counter::DetectFramesLost, losses.frames);
        self.counters.add(Counter::DetectFrameBytesLost, losses.bytes);
    }
}
