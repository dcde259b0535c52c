//! What becomes of a packet, and why.
//!
//! Order of precedence, highest first: a drop by an exception policy or an earlier drop of the flow; `pass`;
//! then `reject` and `drop` of a rule; else accept. Every drop has one [`DropReason`], which ends up in
//! counters (`ips.drop_reason.*`) and `drop` records.

/// The fate of one packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verdict {
    /// Forward it.
    #[default]
    Accept,
    /// Do not forward it.
    Drop(DropReason),
}

impl Verdict {
    /// The graver of two verdicts: a packet is dropped if any of its layers says so; the first reason stays.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        match self {
            Self::Accept => other,
            Self::Drop(_) => self,
        }
    }
}

/// Why a packet was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum DropReason {
    /// It could not be decoded.
    DecodeError,
    /// Its fragment was refused.
    DefragError,
    /// The fragment tables are full.
    DefragMemcap,
    /// The flow table is full.
    FlowMemcap,
    /// Its flow was dropped before, by a rule.
    FlowDrop,
    /// Its flow was dropped before, by an exception policy.
    ExceptionFlowDrop,
    /// It is no valid part of its TCP connection.
    StreamError,
    /// The connection table is full.
    StreamMemcap,
    /// Its connection began before the sensor looked.
    StreamMidstream,
    /// Urgent data over the limit.
    StreamUrgent,
    /// Reassembly memory is full.
    StreamReassembly,
    /// A protocol parser gave up.
    ApplayerError,
    /// A protocol parser ran out of memory allowance.
    ApplayerMemcap,
    /// A rule.
    Rules,
    /// A rule's `detection_filter` or rate filter.
    ThresholdDetectionFilter,
    /// A packet in the same tunnel was dropped.
    TunnelPacketDrop,
}

impl DropReason {
    /// All reasons, in the order of their numbers.
    pub const ALL: [Self; 16] = [
        Self::DecodeError,
        Self::DefragError,
        Self::DefragMemcap,
        Self::FlowMemcap,
        Self::FlowDrop,
        Self::ExceptionFlowDrop,
        Self::StreamError,
        Self::StreamMemcap,
        Self::StreamMidstream,
        Self::StreamUrgent,
        Self::StreamReassembly,
        Self::ApplayerError,
        Self::ApplayerMemcap,
        Self::Rules,
        Self::ThresholdDetectionFilter,
        Self::TunnelPacketDrop,
    ];

    /// The text in `drop.reason`.
    pub const fn text(self) -> &'static str {
        match self {
            Self::DecodeError => "decode error",
            Self::DefragError => "defrag error",
            Self::DefragMemcap => "defrag memcap",
            Self::FlowMemcap => "flow memcap",
            Self::FlowDrop => "flow drop",
            Self::ExceptionFlowDrop => "exception policy flow drop",
            Self::StreamError => "stream error",
            Self::StreamMemcap => "stream memcap",
            Self::StreamMidstream => "stream midstream",
            Self::StreamUrgent => "stream urgent",
            Self::StreamReassembly => "stream reassembly",
            Self::ApplayerError => "applayer error",
            Self::ApplayerMemcap => "applayer memcap",
            Self::Rules => "rules",
            Self::ThresholdDetectionFilter => "threshold detection_filter",
            Self::TunnelPacketDrop => "tunnel packet drop",
        }
    }

    /// The last part of the counter `ips.drop_reason.*`.
    pub const fn counter(self) -> &'static str {
        match self {
            Self::DecodeError => "decode_error",
            Self::DefragError => "defrag_error",
            Self::DefragMemcap => "defrag_memcap",
            Self::FlowMemcap => "flow_memcap",
            Self::FlowDrop => "flow_drop",
            Self::ExceptionFlowDrop => "exception_policy_flow_drop",
            Self::StreamError => "stream_error",
            Self::StreamMemcap => "stream_memcap",
            Self::StreamMidstream => "stream_midstream",
            Self::StreamUrgent => "stream_urgent",
            Self::StreamReassembly => "stream_reassembly",
            Self::ApplayerError => "applayer_error",
            Self::ApplayerMemcap => "applayer_memcap",
            Self::Rules => "rules",
            Self::ThresholdDetectionFilter => "threshold_detection_filter",
            Self::TunnelPacketDrop => "tunnel_packet_drop",
        }
    }
}

/// Which side of a flow a reset or unreachable goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RejectTo {
    /// The sender of the packet that matched (`reject`, `rejectsrc`).
    Source,
    /// Its receiver (`rejectdst`).
    Destination,
    /// Both (`rejectboth`).
    Both,
}
