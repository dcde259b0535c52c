//! Many blocks in one call of bpf(2) (`BPF_MAP_UPDATE_BATCH`, `BPF_MAP_DELETE_BATCH`; Linux 5.6).
//!
//! In: entries.  Out: how many the kernel took. The loader's library has single entries only, which cost a call each.

#![allow(unsafe_code)]

use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, AsRawFd};

use aya::maps::MapData;
use ids_ebpf::block::HostBlock;

use super::prefix::Prefix;

const BPF_MAP_UPDATE_BATCH: libc::c_long = 26;
const BPF_MAP_DELETE_BATCH: libc::c_long = 27;

/// The part of `union bpf_attr` that these calls take.
#[repr(C)]
struct Attributes {
    in_batch: u64,
    out_batch: u64,
    keys: u64,
    values: u64,
    /// In: how many there are.  Out: how many were done.
    count: u32,
    map: u32,
    element_flags: u64,
    flags: u64,
}

/// What the keys of a map are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keys {
    /// Addresses alone, in a hash.
    Hosts,
    /// `struct bpf_lpm_trie_key`: the length, then the address.
    Prefixes,
}

/// Puts entries into a map, new ones or others in place of those that are there.
///
/// # Errors
/// The first that the kernel refuses; those before it are done.
pub(super) fn update(map: &MapData, kind: Keys, entries: &[(Prefix, HostBlock)]) -> io::Result<()> {
    let values: Vec<HostBlock> = entries.iter().map(|(_, block)| *block).collect();
    call(BPF_MAP_UPDATE_BATCH, map, &keys(kind, entries.iter().map(|(prefix, _)| *prefix)), &values, entries.len())
}

/// Takes entries out of a map.
///
/// # Errors
/// One of them is not there, or the kernel refuses; those before it are done.
pub(super) fn delete(map: &MapData, kind: Keys, prefixes: &[Prefix]) -> io::Result<()> {
    call(BPF_MAP_DELETE_BATCH, map, &keys(kind, prefixes.iter().copied()), &[], prefixes.len())
}

/// One after the other; addresses in network order.
fn keys(kind: Keys, prefixes: impl Iterator<Item = Prefix>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for prefix in prefixes {
        if kind == Keys::Prefixes {
            bytes.extend_from_slice(&u32::from(prefix.length()).to_ne_bytes());
        }
        match prefix.addr() {
            IpAddr::V4(addr) => bytes.extend_from_slice(&addr.octets()),
            IpAddr::V6(addr) => bytes.extend_from_slice(&addr.octets()),
        }
    }
    bytes
}

/// `keys` and `values` hold `count` of each (values may be none); the sizes are those the map was made with.
fn call(command: libc::c_long, map: &MapData, keys: &[u8], values: &[HostBlock], count: usize) -> io::Result<()> {
    if count == 0 {
        return Ok(());
    }
    let mut attributes = Attributes {
        in_batch: 0,
        out_batch: 0,
        keys: keys.as_ptr().expose_provenance() as u64,
        values: values.as_ptr().expose_provenance() as u64,
        count: u32::try_from(count).map_err(|_| io::ErrorKind::InvalidInput)?,
        // Descriptors are not negative.
        map: map.fd().as_fd().as_raw_fd().cast_unsigned(),
        element_flags: 0,
        flags: 0,
    };
    // SAFETY: the kernel reads `count` keys and values of the sizes that the map was made with, which are those of
    // `keys` above and of `HostBlock`; both slices live until it is done. It writes `count` alone.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, &raw mut attributes, size_of::<Attributes>()) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
