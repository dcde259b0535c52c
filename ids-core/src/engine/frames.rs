//! Rules on the frames that a direction has brought further.

use super::Sink;
use super::visit::{self, Conn, Visit};
use crate::app::frames::Wanted;
use crate::field::Dir;
use crate::flow::Entry;
use crate::packet::Packet;

impl<S: Sink> Visit<'_, S> {
    /// Of which protocols frames are wanted, by rules or records.
    pub(super) fn frames_wanted(&self) -> Wanted {
        if self.config.frames { Wanted::ALL } else { self.rules.frames() }
    }

    /// Tries rules on the frames of a direction that have something new; where no rule looks at the flow any more, they
    /// count as inspected. Streams are looked at in chunks as payload is, inline at once.
    pub(super) fn frames(&mut self, entry: &mut Entry<Conn>, packet: &Packet<'_>, dir: Dir) {
        if !entry.data.app.has_frames() {
            return;
        }
        let ruled = self.ruled(&entry.flow);
        let stream = &self.config.stream;
        let chunk = stream.reassembly.chunk_size.get(dir.index()).filter(|_| !stream.inline);
        let chunk = chunk.map_or(1, |size| u64::from(*size));
        let Entry { flow, tcp, data: Conn { app, detect, .. } } = entry;
        let mut scene = visit::scene(packet, self.config, self.shared);
        scene.established = visit::established(flow, tcp.as_deref());
        scene.flow = Some(flow);
        scene.state = Some(detect);
        scene.dir = dir;
        scene.sizes = Dir::BOTH.map(|dir| tcp.as_ref().map_or(0, |session| session.size(dir)));
        scene.app = visit::view(app, &[]);
        for mut open in app.frames(dir).filter(|open| open.is_due(chunk)) {
            if ruled {
                self.detector.frame(self.rules, &mut scene, &mut open, self.hits);
            }
            open.inspected();
        }
    }
}
