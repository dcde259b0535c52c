//! `tag`: packets that are shown because a rule matched before.
//!
//! In: matches of rules that tag, and every packet of the flow or host.  Out: whether a packet is one to show.
//! The packet that a rule matched on counts, but is not shown: its alert shows it. A match while the tag of the same
//! rule still holds begins it anew. A flow or host has at most `MAX_TAGS`; further ones are not set.
//! Source: the `tag` keyword of the Suricata 8 user guide.

use std::time::Duration;

use smallvec::SmallVec;

use super::rule_set::End;
use crate::packet::Packet;
use crate::time::Time;

/// Tags that a flow or a host may have.
const MAX_TAGS: usize = 50;

/// What a rule tags, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tag {
    /// A host, whatever it talks to; without, the flow.
    pub(super) host: Option<End>,
    pub(super) extent: Extent,
}

/// For how long a tag holds, from the match on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    Packets(u32),
    /// Bytes of packets, link layer included.
    Bytes(u32),
    Time(Duration),
}

/// The tags of a flow or a host.
#[derive(Debug, Default)]
pub(super) struct Tags(SmallVec<[Open; 1]>);

#[derive(Debug)]
struct Open {
    /// Identity of the rule.
    rule: u64,
    /// Number of the packet that it matched on.
    since: u64,
    left: Left,
}

/// What is left of a tag.
#[derive(Clone, Copy, Debug)]
enum Left {
    Packets(u32),
    Bytes(u32),
    Until(Time),
}

impl Tags {
    /// A rule matched on `packet`.
    pub(super) fn set(&mut self, rule: u64, extent: Extent, packet: &Packet<'_>) {
        let left = match extent {
            Extent::Packets(count) => Left::Packets(count),
            Extent::Bytes(count) => Left::Bytes(count),
            Extent::Time(span) => Left::Until(packet.time + span),
        };
        let open = Open { rule, since: packet.id, left };
        if let Some(same) = self.0.iter_mut().find(|open| open.rule == rule) {
            *same = open;
        } else if self.0.len() < MAX_TAGS {
            self.0.push(open);
        }
    }

    /// A packet of the flow or host comes by. Out: whether it is one to show.
    pub(super) fn follow(&mut self, packet: &Packet<'_>) -> bool {
        let mut shown = false;
        self.0.retain(|open| {
            let holds = open.left.take(packet);
            shown |= holds && open.since != packet.id;
            holds
        });
        shown
    }

    /// Whether none holds.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Left {
    /// Takes a packet's share. Out: whether there was any left for it.
    fn take(&mut self, packet: &Packet<'_>) -> bool {
        match self {
            Self::Packets(0) | Self::Bytes(0) => false,
            Self::Packets(count) => {
                *count -= 1;
                true
            }
            Self::Bytes(count) => {
                *count = count.saturating_sub(u32::try_from(packet.bytes.len()).unwrap_or(u32::MAX));
                true
            }
            Self::Until(end) => packet.time <= *end,
        }
    }
}
