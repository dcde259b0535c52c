//! Settings of the flow table, with the names and defaults of `suricata.yaml`.

use std::time::Duration;

use super::State;

/// Settings (`flow`, `flow-timeouts` and what tells flows apart).
#[derive(Clone, Debug)]
pub struct Config {
    /// Most bytes that the table may hold (`flow.memcap`).
    pub memcap: u64,
    /// A full table makes place for a new flow by ending the one idle longest; if not, the new one is refused.
    pub evict: bool,
    /// Flows that there is place for from the start (`flow.prealloc`).
    pub prealloc: usize,
    /// Percent of the table that must be free again for the emergency to end (`flow.emergency-recovery`).
    pub emergency_recovery: u8,
    /// Timeouts (`flow-timeouts`).
    pub timeouts: Timeouts,
    /// VLANs tell flows apart (`vlan.use-for-tracking`).
    pub vlan_tracking: bool,
    /// Depth of tunnels tells flows apart (`decoder.recursion-level.use-for-tracking`).
    pub depth_tracking: bool,
    /// Interfaces tell flows apart (`livedev.use-for-tracking`).
    pub device_tracking: bool,
    /// The MAC addresses of its packets are kept with each flow, for records (`ethernet`).
    pub macs: bool,
    /// By port: the interface, or pair of interfaces, that it belongs to. A port that is missing stands for itself.
    pub devices: Vec<u16>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            memcap: 128 << 20,
            evict: true,
            prealloc: 10_000,
            emergency_recovery: 30,
            timeouts: Timeouts::default(),
            vlan_tracking: true,
            depth_tracking: true,
            device_tracking: true,
            macs: false,
            devices: Vec::new(),
        }
    }
}

/// How long a flow may be idle, by protocol (`flow-timeouts`).
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// `tcp`.
    pub tcp: Limits,
    /// `udp`.
    pub udp: Limits,
    /// `icmp`, both versions.
    pub icmp: Limits,
    /// `default`: all others.
    pub other: Limits,
}

/// Timeouts of one protocol.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Ordinary ones.
    pub normal: Spans,
    /// Those while the table is full (`emergency-…`).
    pub emergency: Spans,
}

/// Timeouts by state.
#[derive(Clone, Copy, Debug)]
pub struct Spans {
    /// `new`.
    pub new: Duration,
    /// `established`.
    pub established: Duration,
    /// `closed`.
    pub closed: Duration,
    /// `bypassed`.
    pub bypassed: Duration,
}

impl Spans {
    /// From seconds.
    pub const fn seconds(new: u64, established: u64, closed: u64, bypassed: u64) -> Self {
        Self {
            new: Duration::from_secs(new),
            established: Duration::from_secs(established),
            closed: Duration::from_secs(closed),
            bypassed: Duration::from_secs(bypassed),
        }
    }

    /// The timeout in a state.
    pub const fn of(&self, state: State) -> Duration {
        match state {
            State::New => self.new,
            State::Established => self.established,
            State::Closed => self.closed,
            State::Bypassed => self.bypassed,
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        let datagrams = Limits { normal: Spans::seconds(30, 300, 0, 100), emergency: Spans::seconds(10, 100, 0, 50) };
        let tcp = Limits { normal: Spans::seconds(60, 600, 60, 100), emergency: Spans::seconds(5, 100, 10, 50) };
        Self { tcp, udp: datagrams, icmp: datagrams, other: datagrams }
    }
}
