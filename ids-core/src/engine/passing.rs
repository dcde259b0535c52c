//! Packets of flows that nobody looks at any more: they are counted, and go by.

use super::Sink;
use super::visit::{Conn, Visit};
use crate::counters::Counter;
use crate::field::Dir;
use crate::flow::Entry;
use crate::packet::Packet;
use crate::verdict::Verdict;

impl<S: Sink> Visit<'_, S> {
    /// A packet of a flow that is bypassed is counted, and goes by.
    pub(super) fn pass_by(&mut self, entry: &mut Entry<Conn>, packet: &Packet<'_>, dir: Dir) -> Verdict {
        self.counters.count(Counter::FlowBypassedPkts);
        self.counters.add(Counter::FlowBypassedBytes, packet.bytes.len() as u64);
        if self.config.inline {
            self.counters.count(Counter::IpsAccepted);
        }
        if let (Some(session), Some(tcp)) = (&mut entry.tcp, packet.tcp()) {
            session.pass_by(dir, tcp.flags());
        }
        Verdict::Accept
    }
}
