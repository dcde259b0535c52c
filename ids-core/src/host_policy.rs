//! Which operating system an address runs: what decides overlaps of fragments and of segments.
//!
//! In: prefixes with their policies (`host-os-policy`).  Out: the [`Policy`] of an address, that of the
//! longest prefix that holds it.

use std::net::IpAddr;
use std::str::FromStr;

/// How a host puts overlapping data together, named by operating system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Policy {
    /// BSD and what is derived from it.
    #[default]
    Bsd,
    /// HP JetDirect and the like.
    BsdRight,
    /// Linux before 2.4.
    OldLinux,
    /// Linux.
    Linux,
    /// SunOS 4.
    OldSolaris,
    /// Solaris.
    Solaris,
    /// HP-UX 10.
    Hpux10,
    /// HP-UX 11.
    Hpux11,
    /// IRIX.
    Irix,
    /// Mac OS.
    Macos,
    /// Windows up to XP.
    Windows,
    /// Windows Vista and later.
    Vista,
    /// Windows Server 2003.
    Windows2k3,
    /// What came first stays.
    First,
    /// What comes last wins.
    Last,
}

impl Policy {
    /// The policy of this name in `host-os-policy`.
    pub fn find(name: &str) -> Option<Self> {
        NAMES.iter().find(|row| row.0.eq_ignore_ascii_case(name)).map(|row| row.1)
    }
}

const NAMES: &[(&str, Policy)] = &[
    ("bsd", Policy::Bsd),
    ("bsd-right", Policy::BsdRight),
    ("old-linux", Policy::OldLinux),
    ("linux", Policy::Linux),
    ("old-solaris", Policy::OldSolaris),
    ("solaris", Policy::Solaris),
    ("hpux10", Policy::Hpux10),
    ("hpux11", Policy::Hpux11),
    ("irix", Policy::Irix),
    ("macos", Policy::Macos),
    ("windows", Policy::Windows),
    ("vista", Policy::Vista),
    ("windows2k3", Policy::Windows2k3),
    ("first", Policy::First),
    ("last", Policy::Last),
];

/// An address with the number of leading bits that count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    addr: IpAddr,
    bits: u8,
}

impl Prefix {
    /// A prefix; `None` if there are not that many bits.
    pub const fn new(addr: IpAddr, bits: u8) -> Option<Self> {
        let most = match addr {
            IpAddr::V4(_) => 32,
            IpAddr::V6(_) => 128,
        };
        if bits <= most { Some(Self { addr, bits }) } else { None }
    }

    /// The address, as it was written.
    pub const fn addr(&self) -> IpAddr {
        self.addr
    }

    /// How many leading bits count.
    pub const fn bits(&self) -> u8 {
        self.bits
    }

    /// Whether an address lies in it.
    pub fn holds(&self, addr: IpAddr) -> bool {
        // A shift by the whole width means that no bit counts.
        match (self.addr, addr) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let differing = own.to_bits() ^ other.to_bits();
                differing.checked_shr(32 - u32::from(self.bits)).unwrap_or(0) == 0
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let differing = own.to_bits() ^ other.to_bits();
                differing.checked_shr(128 - u32::from(self.bits)).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

/// Why a text is no prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an IPv4 or IPv6 address, optionally followed by / and a number of bits")]
pub struct NotAPrefix;

impl FromStr for Prefix {
    type Err = NotAPrefix;

    fn from_str(text: &str) -> Result<Self, NotAPrefix> {
        let (addr, bits) = match text.split_once('/') {
            Some((addr, bits)) => (addr, Some(bits)),
            None => (text, None),
        };
        let addr: IpAddr = addr.trim().parse().map_err(|_| NotAPrefix)?;
        let bits = match bits {
            Some(bits) => bits.trim().parse().map_err(|_| NotAPrefix)?,
            None if addr.is_ipv4() => 32,
            None => 128,
        };
        Self::new(addr, bits).ok_or(NotAPrefix)
    }
}

/// A value by prefix: the longest prefix that holds an address decides.
#[derive(Clone, Debug)]
pub struct ByPrefix<T> {
    /// Longest prefix first.
    rows: Vec<(Prefix, T)>,
}

/// The policy of every address; [`Policy::Bsd`] where nothing else is known.
pub type HostPolicy = ByPrefix<Policy>;

impl<T> Default for ByPrefix<T> {
    fn default() -> Self {
        Self { rows: Vec::new() }
    }
}

impl<T: Copy> ByPrefix<T> {
    /// From rows in any order; of two equal prefixes the first counts.
    pub fn new(mut rows: Vec<(Prefix, T)>) -> Self {
        rows.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.bits));
        Self { rows }
    }

    /// The value for an address, if there is one.
    pub fn get(&self, addr: IpAddr) -> Option<T> {
        self.rows.iter().find(|(prefix, _)| prefix.holds(addr)).map(|row| row.1)
    }
}

impl HostPolicy {
    /// The policy of an address.
    pub fn policy(&self, addr: IpAddr) -> Policy {
        self.get(addr).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(text: &str) -> Prefix {
        text.parse().unwrap()
    }

    #[test]
    fn the_longest_prefix_decides() {
        let table = HostPolicy::new(vec![
            (prefix("0.0.0.0/0"), Policy::Windows),
            (prefix("10.0.0.0/8"), Policy::Linux),
            (prefix("10.1.2.3"), Policy::Solaris),
            (prefix("2001:db8::/32"), Policy::Last),
        ]);
        for (addr, policy) in [
            ("192.0.2.1", Policy::Windows),
            ("10.255.0.1", Policy::Linux),
            ("10.1.2.3", Policy::Solaris),
            ("2001:db8:1::1", Policy::Last),
            ("2001:db9::1", Policy::Bsd),
        ] {
            assert_eq!(table.policy(addr.parse().unwrap()), policy, "{addr}");
        }
    }

    #[test]
    fn texts_that_are_no_prefixes_are_refused() {
        for text in ["", "10.0.0.0/33", "::/129", "10.0.0/8", "10.0.0.0/", "host"] {
            assert_eq!(text.parse::<Prefix>(), Err(NotAPrefix), "{text}");
        }
    }

    #[test]
    fn every_policy_has_a_name() {
        for (name, policy) in NAMES {
            assert_eq!(Policy::find(name), Some(*policy));
        }
    }
}
