//! What can become of a frame, and the counters of it.

/// What the program decided for one frame, and why. Every frame has exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Outcome {
    /// Inspected: a rule or a logger may want it.
    Inspect,
    /// Inspected: a fragment, which has no ports to decide on.
    InspectFragment,
    /// Inspected: its headers are damaged or cut off.
    InspectMalformed,
    /// Inspected: something the program does not look into may carry anything.
    InspectUnknown,
    /// Inspected: the first packet of a released flow that may not pass: it opens or ends a connection or does not
    /// continue it as it should, or it is watched, or the flow was silent for so long that this is another one.
    InspectRecall,
    /// Dropped: its source or destination is blocked.
    DropHost,
    /// Dropped: its flow is blocked.
    DropFlow,
    /// Dropped: its source opens more TCP connections than it may.
    DropFloodSyn,
    /// Dropped: its source sends more UDP than it may.
    DropFloodUdp,
    /// Dropped: it needs inspection, its worker is silent or its socket gone, and the policy says closed.
    DropClosed,
    /// Dropped: it should go to the peer port, and there is none.
    DropNoPeer,
    /// Fast path: its flow was released.
    FastReleased,
    /// Fast path: nothing that is loaded could ever say anything about it.
    FastUninteresting,
    /// Fast path: its worker is silent, and the policy says open.
    FastSilent,
    /// Fast path: its queue has no socket, and the policy says open.
    FastNoSocket,
    /// Fast path: the port is not configured yet.
    FastUnconfigured,
}

/// Where a frame goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// To the worker of its queue.
    Inspect,
    /// Nowhere.
    Drop,
    /// Past the worker.
    Fast,
}

impl Outcome {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 16] = [
        Self::Inspect,
        Self::InspectFragment,
        Self::InspectMalformed,
        Self::InspectUnknown,
        Self::InspectRecall,
        Self::DropHost,
        Self::DropFlow,
        Self::DropFloodSyn,
        Self::DropFloodUdp,
        Self::DropClosed,
        Self::DropNoPeer,
        Self::FastReleased,
        Self::FastUninteresting,
        Self::FastSilent,
        Self::FastNoSocket,
        Self::FastUnconfigured,
    ];

    /// Where such a frame goes.
    #[inline(always)]
    pub const fn way(self) -> Way {
        match self {
            Self::Inspect
            | Self::InspectFragment
            | Self::InspectMalformed
            | Self::InspectUnknown
            | Self::InspectRecall => Way::Inspect,
            Self::DropHost
            | Self::DropFlow
            | Self::DropFloodSyn
            | Self::DropFloodUdp
            | Self::DropClosed
            | Self::DropNoPeer => Way::Drop,
            Self::FastReleased
            | Self::FastUninteresting
            | Self::FastSilent
            | Self::FastNoSocket
            | Self::FastUnconfigured => Way::Fast,
        }
    }

    /// The last part of the counter's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Inspect => "inspect.interest",
            Self::InspectFragment => "inspect.fragment",
            Self::InspectMalformed => "inspect.malformed",
            Self::InspectUnknown => "inspect.unknown",
            Self::InspectRecall => "inspect.recall",
            Self::DropHost => "drop.host",
            Self::DropFlow => "drop.flow",
            Self::DropFloodSyn => "drop.flood_syn",
            Self::DropFloodUdp => "drop.flood_udp",
            Self::DropClosed => "drop.fail_closed",
            Self::DropNoPeer => "drop.no_peer",
            Self::FastReleased => "fast.released",
            Self::FastUninteresting => "fast.uninteresting",
            Self::FastSilent => "fast.worker_silent",
            Self::FastNoSocket => "fast.no_socket",
            Self::FastUnconfigured => "fast.unconfigured",
        }
    }
}

/// Packets and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Count {
    /// Packets.
    pub packets: u64,
    /// Bytes, link layer included.
    pub bytes: u64,
}

impl Count {
    /// Counts one packet.
    #[inline(always)]
    pub const fn add(&mut self, bytes: u64) {
        self.packets = self.packets.wrapping_add(1);
        self.bytes = self.bytes.wrapping_add(bytes);
    }

    /// Sums two counts.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self { packets: self.packets.wrapping_add(other.packets), bytes: self.bytes.wrapping_add(other.bytes) }
    }
}

/// What one CPU counted on one port. `received` is counted where a frame comes in, `outcomes` where its fate is
/// decided: their sums are equal, or a path forgot to count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Stats {
    /// Frames that came in.
    pub received: Count,
    /// Frames by outcome, in the order of [`Outcome::ALL`].
    pub outcomes: [Count; Outcome::ALL.len()],
    /// Of these, frames over a limit that is only watched, by [`Kind`](crate::flood::Kind): they went on, and would have
    /// been dropped.
    pub over_limit: [Count; 2],
}

const _: () = assert!(size_of::<Stats>() == 16 * (1 + Outcome::ALL.len() + 2));

impl Stats {
    /// What became of `outcome`.
    pub const fn of(&self, outcome: Outcome) -> Count {
        self.outcomes[outcome as usize]
    }

    /// The sum over all outcomes.
    pub fn decided(&self) -> Count {
        self.outcomes.iter().fold(Count::default(), |sum, count| sum.plus(*count))
    }

    /// Sums what two CPUs counted.
    #[must_use]
    pub fn plus(mut self, other: &Self) -> Self {
        self.received = self.received.plus(other.received);
        let mine = self.outcomes.iter_mut().chain(&mut self.over_limit);
        for (mine, theirs) in mine.zip(other.outcomes.iter().chain(&other.over_limit)) {
            *mine = mine.plus(*theirs);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_has_its_number_and_name() {
        for (number, outcome) in Outcome::ALL.into_iter().enumerate() {
            assert_eq!(outcome as usize, number);
            let kind = match outcome.way() {
                Way::Inspect => "inspect.",
                Way::Drop => "drop.",
                Way::Fast => "fast.",
            };
            assert!(outcome.name().starts_with(kind), "{}", outcome.name());
            assert!(Outcome::ALL.iter().filter(|other| other.name() == outcome.name()).count() == 1);
        }
    }
}
