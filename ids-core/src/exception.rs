//! Exception policies: what is done with a packet and its flow when the engine cannot do its work.
//!
//! In: which limit or lack it was ([`Trouble`]) and what the configuration says of it ([`Exception`]).  Out: what that means
//! for packet and flow; the engine carries it out.
//! Source: the exception policy chapter of the Suricata 8 user guide.

use crate::flow::Action;
use crate::verdict::{DropReason, RejectTo};

/// What is done when the engine cannot do its work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Exception {
    /// Go on as well as possible.
    #[default]
    Ignore,
    /// Drop the flow.
    DropFlow,
    /// Let the flow pass without rules.
    PassFlow,
    /// Let the flow pass without any inspection.
    Bypass,
    /// Drop the packet.
    DropPacket,
    /// Let the packet pass without rules.
    PassPacket,
    /// Drop the flow and answer with a reset.
    Reject,
    /// … to both sides.
    RejectBoth,
}

impl Exception {
    /// The word in records and counters.
    pub const fn record_name(self) -> &'static str {
        match self {
            Self::Ignore => "ignore",
            Self::DropFlow => "drop_flow",
            Self::PassFlow => "pass_flow",
            Self::Bypass => "bypass",
            Self::DropPacket => "drop_packet",
            Self::PassPacket => "pass_packet",
            Self::Reject => "reject",
            Self::RejectBoth => "reject_both",
        }
    }

    /// Whether the packet at hand is dropped, where packets can be.
    pub const fn drops(self) -> bool {
        matches!(self, Self::DropFlow | Self::DropPacket | Self::Reject | Self::RejectBoth)
    }

    /// Whether no rule looks at the packet at hand.
    pub const fn passes(self) -> bool {
        matches!(self, Self::PassFlow | Self::PassPacket | Self::Bypass)
    }

    /// What is decided for the rest of the flow.
    pub const fn on_flow(self) -> Action {
        match self {
            Self::Ignore | Self::DropPacket | Self::PassPacket => Action::None,
            Self::DropFlow | Self::Reject | Self::RejectBoth => Action::Drop,
            Self::PassFlow | Self::Bypass => Action::Pass,
        }
    }

    /// Who is told.
    pub const fn reject(self) -> Option<RejectTo> {
        match self {
            Self::Reject => Some(RejectTo::Source),
            Self::RejectBoth => Some(RejectTo::Both),
            _ => None,
        }
    }
}

/// Which limit or lack asked for an exception policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The start of the connection was not seen.
    Midstream,
    /// No memory for another session.
    SessionMemcap,
    /// No memory for its data.
    ReassemblyMemcap,
    /// No memory for another flow.
    FlowMemcap,
    /// No memory for a fragment.
    DefragMemcap,
    /// A protocol parser gave up.
    AppError,
}

impl Trouble {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 6] = [
        Self::Midstream,
        Self::SessionMemcap,
        Self::ReassemblyMemcap,
        Self::FlowMemcap,
        Self::DefragMemcap,
        Self::AppError,
    ];

    /// What stands between `exception_policy.` and the policy in the name of its counter.
    pub const fn counter(self) -> &'static str {
        match self {
            Self::Midstream => "tcp.midstream",
            Self::SessionMemcap => "tcp.ssn_memcap",
            Self::ReassemblyMemcap => "tcp.reassembly",
            Self::FlowMemcap => "flow.memcap",
            Self::DefragMemcap => "defrag.memcap",
            Self::AppError => "app_layer.error",
        }
    }

    /// The word in `flow.exception_policy[].target`.
    pub const fn target(self) -> &'static str {
        match self {
            Self::Midstream => "stream_midstream",
            Self::SessionMemcap => "stream_memcap",
            Self::ReassemblyMemcap => "stream_reassembly_memcap",
            Self::FlowMemcap => "flow_memcap",
            Self::DefragMemcap => "defrag_memcap",
            Self::AppError => "app_layer_error",
        }
    }

    /// Why a packet is dropped on account of it.
    pub const fn drop_reason(self) -> DropReason {
        match self {
            Self::Midstream => DropReason::StreamMidstream,
            Self::SessionMemcap => DropReason::StreamMemcap,
            Self::ReassemblyMemcap => DropReason::StreamReassembly,
            Self::FlowMemcap => DropReason::FlowMemcap,
            Self::DefragMemcap => DropReason::DefragMemcap,
            Self::AppError => DropReason::ApplayerError,
        }
    }
}
