//! Settings of the TCP engine, with the names and defaults of `suricata.yaml`.

use crate::exception::Exception;

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
    /// Nothing looks at a flow any more once one direction went beyond the depth (`stream.bypass`).
    pub bypass: bool,
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
            bypass: false,
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
