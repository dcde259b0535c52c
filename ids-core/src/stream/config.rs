//! Settings of the TCP engine, with the names and defaults of `suricata.yaml`.

use crate::verdict::DropReason;

/// Settings (`stream`).
#[derive(Clone, Debug)]
pub struct Config {
    /// Inspect at once and hold later copies to the first (`stream.inline`, `--simulate-ips`; `auto` is what the mode of
    /// the run says).
    pub inline: bool,
    /// Track connections whose start was not seen (`stream.midstream`).
    pub midstream: bool,
    /// What happens to a flow that begins midstream (`stream.midstream-policy`).
    pub midstream_policy: Exception,
    /// Track connections of which only the client's side is seen (`stream.async-oneside`).
    pub async_oneside: bool,
    /// Most bytes that sessions may hold, reassembly aside (`stream.memcap`).
    pub memcap: u64,
    /// What happens when they are used up (`stream.memcap-policy`).
    pub memcap_policy: Exception,
    /// Ignore packets with a wrong checksum (`stream.checksum-validation`).
    pub checksum_validation: bool,
    /// Inline: drop packets that are no valid part of their connection (`stream.drop-invalid`).
    pub drop_invalid: bool,
    /// Most different SYNs of one connection that are remembered (`stream.max-syn-queued`).
    pub max_syn_queued: usize,
    /// Most different SYN/ACKs of one connection that are remembered (`stream.max-synack-queued`).
    pub max_synack_queued: usize,
    /// Reassembly (`stream.reassembly`).
    pub reassembly: Reassembly,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            inline: false,
            midstream: false,
            midstream_policy: Exception::Ignore,
            async_oneside: false,
            memcap: 64 << 20,
            memcap_policy: Exception::Ignore,
            checksum_validation: true,
            drop_invalid: true,
            max_syn_queued: 10,
            max_synack_queued: 5,
            reassembly: Reassembly::default(),
        }
    }
}

/// Settings of reassembly (`stream.reassembly`).
#[derive(Clone, Debug)]
pub struct Reassembly {
    /// Most bytes that reassembly may hold (`memcap`).
    pub memcap: u64,
    /// What happens when they are used up (`memcap-policy`).
    pub memcap_policy: Exception,
    /// Most bytes of each direction that are looked at; 0 for all (`depth`).
    pub depth: u64,
    /// Whether payload rules see the stream (`raw`).
    pub raw: bool,
    /// How many new bytes to the server and to the client make an inspection worth while
    /// (`toserver-chunk-size`, `toclient-chunk-size`). Always exact: `randomize-chunk-size` is not followed, since
    /// results must not change from run to run.
    pub chunk_size: [u32; 2],
    /// How many inspected bytes payload rules see again before new ones (no key there; 2,560).
    pub overlap_window: u32,
    /// Most separate regions of one direction (`max-regions`).
    pub max_regions: u32,
    /// Whether copies of a byte are compared (`check-overlap-different-data`); inline they always are.
    pub check_overlap: bool,
    /// What urgent data is (`urgent.policy`).
    pub urgent: UrgentPolicy,
    /// Most urgent bytes of one direction that are taken out of band.
    pub urgent_limit: u64,
    /// What urgent data is beyond that (`urgent.oob-limit-policy`).
    pub urgent_limit_policy: UrgentPolicy,
}

impl Default for Reassembly {
    fn default() -> Self {
        Self {
            memcap: 256 << 20,
            memcap_policy: Exception::Ignore,
            depth: 1 << 20,
            raw: true,
            chunk_size: [2560, 2560],
            overlap_window: 2560,
            max_regions: 8,
            check_overlap: true,
            urgent: UrgentPolicy::OutOfBand,
            urgent_limit: 65_535,
            urgent_limit_policy: UrgentPolicy::Drop,
        }
    }
}

/// What is done with a packet that carries urgent data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrgentPolicy {
    /// The urgent byte is no part of the stream (`oob`).
    OutOfBand,
    /// It is like any other (`inline`).
    Inline,
    /// The packet is dropped; passive, its data is left out (`drop`).
    Drop,
    /// The packet passes and its data is left out, as if it had been lost (`gap`).
    Gap,
}

/// What is done when the engine cannot do its work (exception policies).
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
    /// All of them, with their words in configuration and records.
    pub const ALL: [(Self, &'static str); 8] = [
        (Self::Ignore, "ignore"),
        (Self::DropFlow, "drop-flow"),
        (Self::PassFlow, "pass-flow"),
        (Self::Bypass, "bypass"),
        (Self::DropPacket, "drop-packet"),
        (Self::PassPacket, "pass-packet"),
        (Self::Reject, "reject"),
        (Self::RejectBoth, "rejectboth"),
    ];

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
}

impl Trouble {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::Midstream, Self::SessionMemcap, Self::ReassemblyMemcap];

    /// What stands between `exception_policy.` and the policy in the name of its counter.
    pub const fn counter(self) -> &'static str {
        match self {
            Self::Midstream => "tcp.midstream",
            Self::SessionMemcap => "tcp.ssn_memcap",
            Self::ReassemblyMemcap => "tcp.reassembly",
        }
    }

    /// The word in `flow.exception_policy[].target`.
    pub const fn target(self) -> &'static str {
        match self {
            Self::Midstream => "stream_midstream",
            Self::SessionMemcap => "stream_memcap",
            Self::ReassemblyMemcap => "stream_reassembly_memcap",
        }
    }

    /// Why a packet is dropped on account of it.
    pub const fn drop_reason(self) -> DropReason {
        match self {
            Self::Midstream => DropReason::StreamMidstream,
            Self::SessionMemcap => DropReason::StreamMemcap,
            Self::ReassemblyMemcap => DropReason::StreamReassembly,
        }
    }
}
