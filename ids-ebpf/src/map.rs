//! Names and sizes of the maps. A map's name is what it is pinned as.

/// Rises whenever a key or value of a shared map changes its layout: pinned maps of another layout are not opened.
pub const LAYOUT: u32 = 7;

/// What the program of a port is told: one [`crate::config::PortConfig`]. Per port.
pub const CONFIG: &str = "CONFIG";
/// Monotonic time of each worker's last sign of life, in nanoseconds, by queue; of workers that get copies, whichever queue
/// they came by, the oldest at index 0. Per port.
pub const HEARTBEAT: &str = "HEARTBEAT";
/// AF_XDP sockets by queue. Per port.
pub const XSKS: &str = "XSKS";
/// The peer, at index 0. Per port.
pub const PORTS: &str = "PORTS";
/// One [`crate::outcome::Stats`] per CPU. Per port.
pub const STATS: &str = "STATS";
/// The same for copies that packet sockets get: of what came in, and of what went out. Per port.
pub const COPIES: &str = "COPIES";
/// IPv4 prefixes that no block may name.
pub const ALLOW4: &str = "ALLOW4";
/// IPv6 prefixes that no block may name.
pub const ALLOW6: &str = "ALLOW6";
/// Blocked IPv4 hosts, by address: most blocks are of these, and a hash finds them in a third of the time that a trie of
/// many takes.
pub const HOSTS4: &str = "HOSTS4";
/// Blocked IPv4 prefixes shorter than a host's.
pub const BLOCK4: &str = "BLOCK4";
/// Blocked IPv6 hosts and prefixes.
pub const BLOCK6: &str = "BLOCK6";
/// Flows all packets of which are dropped.
pub const BLOCKED_FLOWS: &str = "BLOCKED_FLOWS";
/// Flows nothing can match on any more.
pub const RELEASED_FLOWS: &str = "RELEASED_FLOWS";
/// What one source may send: one [`crate::flood::Limit`] by [`crate::flood::Kind`].
pub const FLOOD_LIMITS: &str = "FLOOD_LIMITS";
/// What each source has sent of what is limited. The one used longest ago makes room for a new one.
pub const FLOOD_SOURCES: &str = "FLOOD_SOURCES";
/// Which of the tables may hold something, one number by [`Table`]: 0 means that it is empty, and need not be searched.
pub const IN_USE: &str = "IN_USE";
/// What the loaded rules want to see: an outer map with one slot, so that a new set comes into force at once.
pub const INTEREST: &str = "INTEREST";

/// Maps of one port's program.
pub const PER_PORT: [&str; 6] = [CONFIG, HEARTBEAT, XSKS, PORTS, STATS, COPIES];
/// Maps that all ports of a sensor share.
pub const SHARED: [&str; 11] = [
    ALLOW4,
    ALLOW6,
    HOSTS4,
    BLOCK4,
    BLOCK6,
    BLOCKED_FLOWS,
    RELEASED_FLOWS,
    FLOOD_LIMITS,
    FLOOD_SOURCES,
    IN_USE,
    INTEREST,
];

/// The tables that packets are looked up in, as places of [`IN_USE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Table {
    /// [`BLOCK4`]
    Block4 = 0,
    /// [`BLOCK6`]
    Block6 = 1,
    /// [`BLOCKED_FLOWS`]
    BlockedFlows = 2,
    /// [`RELEASED_FLOWS`]
    ReleasedFlows = 3,
    /// [`HOSTS4`]
    Hosts4 = 4,
}

/// How many [`Table`]s there are.
pub const TABLES: u32 = 5;

/// Queues a port can have.
pub const QUEUES: u32 = 64;
/// Prefixes in each of [`ALLOW4`] and [`ALLOW6`].
pub const ALLOWED: u32 = 4096;
/// Hosts and prefixes in each of [`HOSTS4`], [`BLOCK4`] and [`BLOCK6`], unless the loader asks for another number.
pub const BLOCKED_HOSTS: u32 = 65_536;
/// Flows in [`BLOCKED_FLOWS`], unless the loader asks for another number.
pub const BLOCKED: u32 = 65_536;
/// Flows in [`RELEASED_FLOWS`], unless the loader asks for another number.
pub const RELEASED: u32 = 262_144;
/// Sources in [`FLOOD_SOURCES`], each once for every kind of packet.
pub const SOURCES: u32 = 65_536;
