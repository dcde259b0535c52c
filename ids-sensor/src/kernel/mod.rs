//! The one door to the kernel stage: loads the XDP program, fills and reads its maps.
//!
//! In: what to block, release and look at; how a port is to behave.  Out: counters, hits.
//! Holds: the program of each port ([`port::Port`]), the maps that all ports share ([`tables::Tables`]), the place
//! where both are pinned ([`pins::Pins`]). Expiry in the maps is CLOCK_MONOTONIC; it is converted here alone.
//! Must not know: packets, rules, outputs.

mod batch;
pub mod clock;
pub mod decision;
pub mod floods;
pub mod hosts;
mod in_use;
mod listed;
pub mod lookup;
pub mod pins;
pub mod port;
pub mod prefix;
pub mod tables;

use std::path::PathBuf;

use aya::EbpfLoader;
use aya::maps::{Map, MapData, MapError};
use ids_ebpf::map::SHARED;

use crate::ports::MAX_MTU;

pub use pins::Pins;
pub use port::{Attach, Frames, Port};
pub use prefix::Prefix;
pub use tables::Tables;

/// The program, as `cargo xtask build-ebpf` made it.
static OBJECT: &[u8] = aya::include_bytes_aligned!(env!("IDS_EBPF_OBJECT"));

/// What can go wrong at this door.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The kernel does not take the program or one of its maps.
    #[error("cannot load the XDP program; it takes CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN (root has all): {0}")]
    Load(String),
    /// Frames of an interface do not fit into a buffer, and the kernel or the driver cannot do with several.
    #[error(
        "{interface}: an MTU of {mtu} takes frames in several buffers, which cannot be had here ({reason}): \
             `ip link set {interface} mtu {MAX_MTU}`"
    )]
    Mtu {
        /// The interface.
        interface: String,
        /// Its MTU.
        mtu: u32,
        /// What the kernel said.
        reason: String,
    },
    /// The program cannot be attached to an interface.
    #[error("cannot attach the XDP program to {interface} in {mode} mode: {reason}")]
    Attach {
        /// The interface.
        interface: String,
        /// `driver` or `generic`.
        mode: &'static str,
        /// What the kernel said.
        reason: String,
    },
    /// Another program holds the interface.
    #[error(
        "{interface} already has an XDP program; take it away with `ip link set {interface} xdp off`, or stop \
             the program that attached it"
    )]
    Busy {
        /// The interface.
        interface: String,
    },
    /// There is no such interface.
    #[error("there is no interface {0}; `ip link` lists them")]
    NoInterface(String),
    /// A map refuses an operation.
    #[error("map {map}: {reason}")]
    Map {
        /// Its name.
        map: &'static str,
        /// What the kernel said.
        reason: String,
    },
    /// A map is full.
    #[error("map {map} is full")]
    Full {
        /// Its name.
        map: &'static str,
    },
    /// The place for pins cannot be used.
    #[error("{path}: {reason}")]
    Pins {
        /// Its path.
        path: PathBuf,
        /// What is wrong, and what to do.
        reason: String,
    },
}

impl Error {
    /// An error of one map.
    fn map(map: &'static str, error: &MapError) -> Self {
        match error {
            // E2BIG from hash maps, ENOSPC from tries.
            MapError::SyscallError(error)
                if matches!(error.io_error.raw_os_error(), Some(libc::E2BIG | libc::ENOSPC)) =>
            {
                Self::Full { map }
            }
            error => Self::Map { map, reason: causes(error) },
        }
    }
}

/// An error with all its causes, in one line.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}

/// How many entries the large maps get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Hosts and prefixes of each IP version that can be blocked at a time. Memory is taken as they come.
    pub blocked_hosts: u32,
    /// Flows that can be blocked at a time.
    pub blocked_flows: u32,
    /// Flows that can be released at a time.
    pub released_flows: u32,
}

impl Default for Sizes {
    fn default() -> Self {
        Self { blocked_hosts: 1 << 20, blocked_flows: ids_ebpf::map::BLOCKED, released_flows: ids_ebpf::map::RELEASED }
    }
}

/// Creates the maps, or opens those that are pinned.
fn load(pins: &Pins, sizes: Sizes) -> Result<aya::Ebpf, Error> {
    let mut loader = EbpfLoader::new();
    for name in SHARED {
        loader.map_pin_path(name, pins.map(name));
    }
    loader.map_max_entries(ids_ebpf::map::HOSTS4, sizes.blocked_hosts);
    loader.map_max_entries(ids_ebpf::map::BLOCK4, sizes.blocked_hosts);
    loader.map_max_entries(ids_ebpf::map::BLOCK6, sizes.blocked_hosts);
    loader.map_max_entries(ids_ebpf::map::BLOCKED_FLOWS, sizes.blocked_flows);
    loader.map_max_entries(ids_ebpf::map::RELEASED_FLOWS, sizes.released_flows);
    loader.load(OBJECT).map_err(|error| Error::Load(causes(&error)))
}

/// Takes a map out of what was loaded, as the type it has.
fn take<T: TryFrom<Map, Error = MapError>>(ebpf: &mut aya::Ebpf, name: &'static str) -> Result<T, Error> {
    let map = ebpf.take_map(name).ok_or_else(|| Error::Load(format!("the object has no map {name}")))?;
    T::try_from(map).map_err(|error| Error::map(name, &error))
}

/// A second handle to a map, for another thread.
fn again(name: &'static str, map: &MapData) -> Result<MapData, Error> {
    use std::os::fd::AsFd;
    let fd =
        map.fd().as_fd().try_clone_to_owned().map_err(|error| Error::Map { map: name, reason: error.to_string() })?;
    MapData::from_fd(fd).map_err(|error| Error::map(name, &error))
}
