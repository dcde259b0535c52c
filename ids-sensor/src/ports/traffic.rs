//! What an interface counts of the packets that leave by it.

use std::fs;
use std::io;

use super::Error;

/// Packets that leave by an interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Sent.
    pub sent: u64,
    /// Dropped or failed.
    pub not_sent: u64,
}

impl Traffic {
    /// What was counted since an earlier moment.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Self {
        Self { sent: self.sent.wrapping_sub(earlier.sent), not_sent: self.not_sent.wrapping_sub(earlier.not_sent) }
    }
}

/// The counters of all interfaces of this thread's network.
const COUNTERS: &str = "/proc/thread-self/net/dev";

/// What an interface has counted so far.
///
/// # Errors
/// There is no such interface.
pub fn traffic(interface: &str) -> Result<Traffic, Error> {
    let failed =
        |source: io::Error| Error::Device { interface: interface.to_owned(), step: "reading its counters", source };
    let table = fs::read_to_string(COUNTERS).map_err(failed)?;
    find(&table, interface).ok_or_else(|| Error::Missing(interface.to_owned()))
}

/// Behind the name stand eight columns for packets that came in, then for those that left: bytes, packets, errors,
/// dropped (proc(5)).
fn find(table: &str, interface: &str) -> Option<Traffic> {
    let columns = table.lines().find_map(|line| {
        let (name, columns) = line.split_once(':')?;
        (name.trim() == interface).then_some(columns)
    })?;
    let counts: Vec<u64> = columns.split_whitespace().map_while(|column| column.parse().ok()).collect();
    let [_, sent, errors, dropped] = counts.get(8..12)? else { return None };
    Some(Traffic { sent: *sent, not_sent: errors + dropped })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leaves_is_found_by_its_columns() {
        let table = "Inter-|   Receive                                                |  Transmit\n \
                     face |bytes    packets errs drop fifo frame compressed multicast|bytes packets errs drop fifo\n\
                     \u{20}   lo:     100       1    0    0    0     0          0         0      100       1    0    0    0\n\
                     eth10: 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9\n \
                     eth1:  1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n";
        assert_eq!(find(table, "eth1"), Some(Traffic { sent: 10, not_sent: 23 }));
        assert_eq!(find(table, "eth1").map(|now| now.since(Traffic { sent: 4, not_sent: 3 }).sent), Some(6));
        assert_eq!(find(table, "eth"), None);
        assert_eq!(find("eth1: 1 2 3", "eth1"), None);
        assert!(traffic("lo").is_ok());
        assert!(matches!(traffic("no-such-if"), Err(Error::Missing(_))));
    }
}
