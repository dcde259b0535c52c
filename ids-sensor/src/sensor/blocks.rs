//! Blocks as people name and see them, on the maps of the kernel stage; with or without a running sensor.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use ids_ebpf::flow::{Addr, FlowKey};

use crate::block_lists::State;
use crate::control::requests::Blocked;
use crate::kernel::tables::{FlowEntry, HostEntry, Sides};
use crate::kernel::{self, Prefix, Tables};

/// Everything that is blocked now, hosts first. `reasons` are those that are known.
///
/// # Errors
/// A map cannot be read.
pub fn list(tables: &Tables, reasons: &HashMap<Prefix, String>) -> Result<Vec<Blocked>, kernel::Error> {
    let hosts = tables.blocks()?;
    let flows = tables.flows.blocks()?;
    let hosts = hosts.iter().filter_map(|entry| host(entry, reasons));
    Ok(hosts.chain(flows.iter().filter(|entry| !entry.left.is_zero()).map(flow)).collect())
}

/// The same while a sensor runs, which knows who wanted a block: what rules or people asked for entry by entry, and each
/// list as a whole.
///
/// # Errors
/// A map cannot be read.
pub fn asked(
    tables: &Tables,
    reasons: &HashMap<Prefix, String>,
    lists: &[State],
) -> Result<Vec<Blocked>, kernel::Error> {
    let (hosts, flows) = (tables.asked()?, tables.flows.blocks()?);
    let hosts = hosts.iter().filter_map(|entry| host(entry, reasons));
    let flows = flows.iter().filter(|entry| !entry.left.is_zero()).map(flow);
    Ok(hosts.chain(flows).chain(lists.iter().map(list_as_a_whole)).collect())
}

fn list_as_a_whole(list: &State) -> Blocked {
    Blocked {
        kind: "list".to_owned(),
        target: format!("{} of {}", list.blocked(), list.file()),
        reason: list.reason().to_owned(),
        ..Blocked::default()
    }
}

/// Whether the kernel stage shields all of an address or prefix from blocks.
///
/// # Errors
/// A map cannot be read.
pub fn allowed(tables: &Tables, target: Prefix) -> Result<bool, kernel::Error> {
    Ok(tables.allowed()?.into_iter().any(|allowed| allowed.contains(target)))
}

/// Blocks an address or prefix, both ways.
///
/// # Errors
/// The map refuses.
pub fn add(tables: &mut Tables, target: Prefix, ttl: Duration) -> Result<(), kernel::Error> {
    tables.block(target, Sides::Both, ttl, 0)
}

fn host(entry: &HostEntry, reasons: &HashMap<Prefix, String>) -> Option<Blocked> {
    let left = entry.left[0].max(entry.left[1]);
    (!left.is_zero()).then(|| Blocked {
        kind: "host".to_owned(),
        target: entry.prefix.to_string(),
        ttl: seconds(left),
        packets: entry.hits,
        sid: entry.sid,
        reason: reasons.get(&entry.prefix).cloned().unwrap_or_default(),
    })
}

fn flow(entry: &FlowEntry) -> Blocked {
    Blocked {
        kind: "flow".to_owned(),
        target: ends(&entry.key),
        ttl: seconds(entry.left),
        packets: entry.hits,
        sid: entry.sid,
        reason: String::new(),
    }
}

/// Both ends of a flow and its protocol number, as `10.0.0.1:80 - 10.0.0.2:4711 (6)`.
fn ends(key: &FlowKey) -> String {
    let end = |addr: Addr, port: u16| match Ipv6Addr::from(addr.bytes()).to_canonical() {
        IpAddr::V4(addr) => format!("{addr}:{port}"),
        IpAddr::V6(addr) => format!("[{addr}]:{port}"),
    };
    format!("{} - {} ({})", end(key.low, key.low_port), end(key.high, key.high_port), key.proto)
}

/// Whole seconds, rounded up: a block that still holds never shows as zero.
fn seconds(left: Duration) -> u64 {
    left.as_secs() + u64::from(left.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flows_are_named_by_both_ends() {
        let v4 = FlowKey::new((Addr::v4([10, 0, 0, 2]), 4711), (Addr::v4([10, 0, 0, 1]), 80), 6, [0; 2], 0).0;
        assert_eq!(ends(&v4), "10.0.0.1:80 - 10.0.0.2:4711 (6)");
        let v6 = FlowKey::new((Addr { high: 0, low: 2 }, 1), (Addr { high: 0, low: 3 }, 2), 17, [0; 2], 0).0;
        assert_eq!(ends(&v6), "[::2]:1 - [::3]:2 (17)");
    }

    #[test]
    fn seconds_that_are_left_are_rounded_up() {
        for (left, want) in [(0, 0), (1, 1), (1000, 1), (1001, 2)] {
            assert_eq!(seconds(Duration::from_millis(left)), want, "{left} ms");
        }
    }
}
