//! Packets of a connection that went by without being looked at: all that is kept of them is flags and amounts.
//!
//! Of a connection that is bypassed nothing more will be known. Of any other one, packets are looked at again later: then
//! the first of each direction says how far its sequence numbers have come, within what went by.

use super::Step;
use super::half::Half;
use super::session::{Session, State};
use crate::field::Dir;
use crate::wire::tcp::Flags;

impl Session {
    /// Notes packets of a connection that is bypassed. It is over when both sides have said so, or one has reset it.
    pub fn pass_by(&mut self, dir: Dir, flags: Flags) {
        self.half(dir).flags |= flags.0;
        let (client, server) = (Flags(self.client.flags), Flags(self.server.flags));
        let ended = client.has(Flags::FIN) && server.has(Flags::FIN);
        if ended || client.has(Flags::RST) || server.has(Flags::RST) {
            self.state = State::Closed;
        }
    }

    /// Notes packets that only carried or acknowledged data ([`Flags::only_carry`]): these flags, and at most so many
    /// bytes of payload, in a direction that nobody reads.
    pub fn go_by(&mut self, dir: Dir, flags: Flags, bytes: u64) {
        let half = self.half(dir);
        half.flags |= flags.0;
        half.unseen = half.unseen.saturating_add(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    /// Finds out from a packet how far each side has come while nobody looked.
    pub(super) fn regain(&mut self, step: &Step<'_, '_, '_>) {
        let flags = step.flags();
        self.half(step.dir).regain(step.tcp.seq());
        if flags.has(Flags::ACK)
            && let Some(acked) = self.half(step.dir.flip()).regain(step.tcp.ack())
        {
            self.half(step.dir.flip()).acked = acked;
        }
    }
}

impl Half {
    /// This sequence number is where the side has come to, or near it. What cannot be believed changes nothing: too far on
    /// for what went by, or behind what was known before. Out: the position, if anything had gone by.
    fn regain(&mut self, sequence: u32) -> Option<i64> {
        if self.unseen == 0 {
            return None;
        }
        let farthest = self.next.saturating_add(self.unseen);
        let at = self.position_near(sequence, farthest);
        // Others of its packets may be on their way still, or lost.
        let slack = self.reach.max(i64::from(u16::MAX));
        if at < self.next - slack || at > farthest.saturating_add(slack) {
            return None;
        }
        self.next = self.next.max(at);
        self.edge = self.edge.max(self.next + slack);
        self.unseen = 0;
        Some(at.max(self.acked))
    }
}
