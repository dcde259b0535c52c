//! Which operating system a host is taken to run, by address (`host-os-policy`): receivers differ in which copy of
//! an overlapped byte they keep, and so must the engine.

use std::net::IpAddr;

pub use crate::stream::overlap::Policy;

/// Policies by address prefix.
#[derive(Clone, Debug, Default)]
pub struct HostPolicies {
    /// Prefix, its length in bits, and the policy of the hosts in it.
    rows: Vec<(IpAddr, u8, Policy)>,
}

impl HostPolicies {
    /// Adds the hosts of a prefix; the longest prefix that fits decides.
    pub fn add(&mut self, prefix: IpAddr, bits: u8, policy: Policy) {
        self.rows.push((prefix, bits, policy));
        self.rows.sort_by_key(|row| std::cmp::Reverse(row.1));
    }

    /// The policy of a host.
    pub fn of(&self, host: IpAddr) -> Policy {
        let row = self.rows.iter().find(|(prefix, bits, _)| contains(*prefix, *bits, host));
        row.map_or(Policy::default(), |row| row.2)
    }
}

/// Whether a prefix holds a host.
pub(crate) fn contains(prefix: IpAddr, bits: u8, host: IpAddr) -> bool {
    let same = |a: u128, b: u128, width: u8| bits == 0 || (a ^ b) >> (width - bits.min(width)) == 0;
    match (prefix, host) {
        (IpAddr::V4(a), IpAddr::V4(b)) => same(a.to_bits().into(), b.to_bits().into(), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => same(a.to_bits(), b.to_bits(), 128),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_decides() {
        let mut table = HostPolicies::default();
        table.add("0.0.0.0".parse().unwrap(), 0, Policy::Windows);
        table.add("10.0.0.0".parse().unwrap(), 8, Policy::Linux);
        table.add("10.1.0.0".parse().unwrap(), 16, Policy::Solaris);
        for (host, policy) in [
            ("10.1.2.3", Policy::Solaris),
            ("10.2.0.1", Policy::Linux),
            ("9.9.9.9", Policy::Windows),
            ("::1", Policy::Bsd),
        ] {
            assert_eq!(table.of(host.parse().unwrap()), policy, "{host}");
        }
    }
}
