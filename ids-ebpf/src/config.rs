//! What a port's program is told.

/// Where the fast path leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Mode {
    /// Nowhere: the port only listens, and what needs no inspection is consumed.
    Mirror = 1,
    /// Out of the peer port.
    Inline = 2,
    /// Into the network stack, as what is inspected does: copies of that come through packet sockets.
    Host = 3,
}

/// What happens to frames that need inspection while nobody inspects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FailPolicy {
    /// They take the fast path.
    #[default]
    Open,
    /// They are dropped.
    Closed,
}

/// The one value of `CONFIG`. All zeroes, as the kernel creates it, means "not configured yet".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct PortConfig {
    /// Nanoseconds after a worker's last sign of life when its frames fall under the fail policy.
    pub deadline: u64,
    /// A number of [`Mode`].
    pub mode: u8,
    /// Bits of [`PortConfig::CLOSED`] and the like.
    pub flags: u8,
    /// Which pair of ports this one belongs to; 0 for all if pairs do not tell flows apart.
    pub pair: u16,
    /// Always 0.
    pub reserved: u32,
}

const _: () = assert!(size_of::<PortConfig>() == 16);

impl PortConfig {
    /// Frames that nobody inspects are dropped.
    pub const CLOSED: u8 = 1;
    /// VLANs do not tell flows apart (`vlan.use-for-tracking: no`).
    pub const IGNORE_VLAN: u8 = 2;

    /// A configuration.
    pub const fn new(mode: Mode, policy: FailPolicy, deadline: u64) -> Self {
        let flags = match policy {
            FailPolicy::Open => 0,
            FailPolicy::Closed => Self::CLOSED,
        };
        Self { deadline, mode: mode as u8, flags, pair: 0, reserved: 0 }
    }

    /// Where the fast path leads; `None` if the port is not configured.
    #[inline(always)]
    pub const fn mode(&self) -> Option<Mode> {
        match self.mode {
            1 => Some(Mode::Mirror),
            2 => Some(Mode::Inline),
            3 => Some(Mode::Host),
            _ => None,
        }
    }

    /// What happens while nobody inspects.
    #[inline(always)]
    pub const fn policy(&self) -> FailPolicy {
        if self.flags & Self::CLOSED == 0 { FailPolicy::Open } else { FailPolicy::Closed }
    }

    /// Whether VLAN ids are part of a flow's key.
    #[inline(always)]
    pub const fn tracks_vlan(&self) -> bool {
        self.flags & Self::IGNORE_VLAN == 0
    }
}
