//! What a live run is told.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ids_ebpf::config::FailPolicy;
use ids_ebpf::flood::Limit;
use ids_ebpf::interest::Interest;

use super::schedule::Schedule;
use crate::capture::af_xdp::BusyPoll;
use crate::capture::nfqueue::Way;
use crate::kernel::{Attach, Sizes};
use crate::shield::Shield;
use crate::{kernel::pins, ports};

/// Which interfaces, and how they belong together. Ports are numbered in this order, from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Topology {
    /// Each listens to a mirror port.
    Mirror(Vec<String>),
    /// Each pair is a bump in a wire.
    Inline(Vec<(String, String)>),
    /// Each is one of this machine's own: its packets are the network stack's, and are looked at as copies.
    Host(Vec<String>),
    /// No interfaces: netfilter queues, by their numbers.
    Queues(Vec<u16>),
}

/// How packets of netfilter queues wait and go on (`nfq`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queues {
    /// Where accepted ones go.
    pub accepted: Way,
    /// The mark that they get.
    pub mark: Option<Masked>,
    /// The mark of a packet with whose flow nobody is concerned any more.
    pub bypass: Option<Masked>,
    /// How many may be accepted in one message.
    pub together: u32,
    /// How many may wait.
    pub length: u32,
    /// Those that find no room pass.
    pub fail_open: bool,
}

impl Default for Queues {
    fn default() -> Self {
        Self { accepted: Way::Accept, mark: None, bypass: None, together: 1, length: 4096, fail_open: false }
    }
}

/// A mark, and which of its bits count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Masked {
    /// The mark.
    pub mark: u32,
    /// The bits.
    pub mask: u32,
}

impl Masked {
    /// What another mark becomes.
    pub const fn on(self, mark: u32) -> u32 {
        mark & !self.mask | self.mark & self.mask
    }
}

impl Topology {
    /// All interfaces, in the order of their port numbers.
    pub fn interfaces(&self) -> Vec<&str> {
        match self {
            Self::Mirror(interfaces) | Self::Host(interfaces) => interfaces.iter().map(String::as_str).collect(),
            Self::Queues(_) => Vec::new(),
            Self::Inline(pairs) => pairs.iter().flat_map(|(a, b)| [a.as_str(), b.as_str()]).collect(),
        }
    }

    /// How many interfaces make one group: those whose packets one engine sees.
    pub const fn group_size(&self) -> usize {
        match self {
            Self::Mirror(_) | Self::Host(_) | Self::Queues(_) => 1,
            Self::Inline(_) => 2,
        }
    }

    /// Whether packets wait for their verdict.
    pub const fn holds(&self) -> bool {
        matches!(self, Self::Inline(_) | Self::Queues(_))
    }

    /// Whether verdicts hold from the next packet on: they are on copies.
    pub const fn is_late(&self) -> bool {
        matches!(self, Self::Host(_))
    }
}

/// How packets are taken from the kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Capture {
    /// By AF_XDP, with the kernel stage in front.
    #[default]
    Xdp,
    /// The same; mirror ports by packet sockets where it cannot be had.
    XdpOrPackets,
    /// By packet sockets. The kernel stage lets everything pass to the network stack but for what is blocked; mirror ports
    /// do without it where it cannot be had.
    Packets,
}

/// Where maps and links are pinned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pinning {
    /// Below this folder of a mounted bpf file system: blocks and the data plane outlive the process.
    Folder(PathBuf),
    /// Nowhere that lasts: all of it ends with the process.
    Private,
}

/// All settings of a live run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Name of the instance: of its pins and its state file.
    pub name: String,
    /// The interfaces.
    pub topology: Topology,
    /// How packets are taken from the kernel.
    pub capture: Capture,
    /// How packets of netfilter queues wait and go on.
    pub queues: Queues,
    /// How the XDP program is attached.
    pub attach: Attach,
    /// What happens to packets that need inspection while nobody inspects.
    pub policy: FailPolicy,
    /// After how long without a sign of life that policy holds.
    pub deadline: Duration,
    /// Threads per interface (mirror, host) or pair (inline). By AF_XDP no more than there are queues; whatever the
    /// interface spreads to another one's queue is handed over to the thread of its flow.
    pub workers: usize,
    /// On which processors they run, and before whom.
    pub schedule: Schedule,
    /// Interfaces whose queues workers poll busily, each of which then takes a processor whole; `default` is all others.
    pub busy_poll: Vec<(String, BusyPoll)>,
    /// Entries of each ring, a power of two; every queue gets twice as many packet buffers, and so does every one
    /// of several workers.
    pub ring: u32,
    /// Where maps and links are pinned.
    pub pinning: Pinning,
    /// Folder of the state file.
    pub run_dir: PathBuf,
    /// Sizes of the maps.
    pub sizes: Sizes,
    /// Whether VLANs tell flows apart (`vlan.use-for-tracking`).
    pub track_vlan: bool,
    /// Whether interfaces or pairs tell flows apart (`livedev.use-for-tracking`).
    pub track_pair: bool,
    /// Bits of an IPv6 address that a block of its host holds for.
    pub block_v6_length: u8,
    /// What keeps blocks from hitting their owner.
    pub shield: Arc<Shield>,
    /// What is inspected from the first packet on; `None`: everything.
    pub interest: Option<Box<Interest>>,
    /// What one source may send, by kind.
    pub flood: [Limit; 2],
}

impl Settings {
    /// The defaults for an instance and its interfaces.
    pub fn new(name: &str, topology: Topology) -> Self {
        Self {
            name: name.to_owned(),
            topology,
            capture: Capture::Xdp,
            queues: Queues::default(),
            attach: Attach::Auto,
            policy: FailPolicy::Open,
            deadline: Duration::from_secs(1),
            workers: 1,
            schedule: Schedule::default(),
            busy_poll: Vec::new(),
            ring: 2048,
            pinning: Pinning::Folder(pins::BPFFS.into()),
            run_dir: ports::RUN_DIR.into(),
            sizes: Sizes::default(),
            track_vlan: true,
            track_pair: true,
            block_v6_length: 64,
            shield: Arc::default(),
            interest: None,
            flood: [Limit::default(); 2],
        }
    }

    /// How an interface's queues are polled busily, if they are.
    pub(super) fn busy_poll(&self, interface: &str) -> Option<BusyPoll> {
        let of = |name: &str| self.busy_poll.iter().find(|(of, _)| of == name).map(|(_, how)| *how);
        of(interface).or_else(|| of("default"))
    }

    /// Whether the wire outlives the process: that of pairs which fail open, and whose links can stay.
    pub(super) fn stays(&self) -> bool {
        matches!((&self.topology, &self.pinning), (Topology::Inline(_), Pinning::Folder(_)))
            && self.policy == FailPolicy::Open
    }
}
