//! Addresses and their networks, as blocks and allowances name them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A network, or a single host: an address and how many of its first bits count. The others are 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Prefix {
    addr: IpAddr,
    length: u8,
}

/// Why a text names no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrefixError {
    /// The address is none.
    #[error("`{0}` is no IP address")]
    Address(String),
    /// The length is no number, or too large.
    #[error("`{text}`: the length of a prefix is a number from 0 to {most}")]
    Length {
        /// The whole text.
        text: String,
        /// Bits of the address.
        most: u8,
    },
    /// Bits beyond the length are set.
    #[error("`{text}` is a host inside of {network}: write one or the other")]
    HostBits {
        /// The whole text.
        text: String,
        /// The network that the length makes of it.
        network: Prefix,
    },
}

impl Prefix {
    /// A single host.
    pub const fn host(addr: IpAddr) -> Self {
        Self { addr, length: bits(addr) }
    }

    /// The network of `length` bits around an address. A length beyond the address's own means the host.
    pub fn around(addr: IpAddr, length: u8) -> Self {
        let length = length.min(bits(addr));
        let addr = match addr {
            IpAddr::V4(v4) => IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & mask32(length))),
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & mask128(length))),
        };
        Self { addr, length }
    }

    /// Its first address.
    pub const fn addr(self) -> IpAddr {
        self.addr
    }

    /// Its last address.
    pub fn last(self) -> IpAddr {
        match self.addr {
            IpAddr::V4(v4) => IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() | !mask32(self.length))),
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() | !mask128(self.length))),
        }
    }

    /// How many bits count.
    pub const fn length(self) -> u8 {
        self.length
    }

    /// Whether every address of `other` is one of this network.
    pub fn contains(self, other: Self) -> bool {
        self.length <= other.length && Self::around(other.addr, self.length) == self && self.is_v4() == other.is_v4()
    }

    /// Whether it is of IPv4.
    pub const fn is_v4(self) -> bool {
        self.addr.is_ipv4()
    }

    /// The networks around this one, the smallest first.
    pub fn broader(self) -> impl Iterator<Item = Self> {
        (0..self.length).rev().map(move |length| Self::around(self.addr, length))
    }
}

const fn bits(addr: IpAddr) -> u8 {
    if addr.is_ipv4() { 32 } else { 128 }
}

/// `length` ones, then zeroes.
fn mask32(length: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0)
}

fn mask128(length: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0)
}

/// By address, then the broader first: a network is followed by all that it holds.
impl Ord for Prefix {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.addr, self.length).cmp(&(other.addr, other.length))
    }
}

impl PartialOrd for Prefix {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.length == bits(self.addr) { self.addr.fmt(f) } else { write!(f, "{}/{}", self.addr, self.length) }
    }
}

impl FromStr for Prefix {
    type Err = PrefixError;

    fn from_str(text: &str) -> Result<Self, PrefixError> {
        let (addr, length) = text.split_once('/').map_or((text, None), |(addr, length)| (addr, Some(length)));
        let addr: IpAddr = addr.parse().map_err(|_| PrefixError::Address(addr.to_owned()))?;
        let Some(length) = length else { return Ok(Self::host(addr)) };
        let most = bits(addr);
        let length = length.parse().ok().filter(|length| *length <= most);
        let length = length.ok_or_else(|| PrefixError::Length { text: text.to_owned(), most })?;
        let network = Self::around(addr, length);
        if network.addr != addr {
            return Err(PrefixError::HostBits { text: text.to_owned(), network });
        }
        Ok(network)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        for text in ["10.0.0.1", "10.0.0.0/8", "0.0.0.0/0", "2001:db8::/32", "::1", "::/0"] {
            assert_eq!(text.parse::<Prefix>().unwrap().to_string(), text);
        }
        assert_eq!("10.0.0.1/32".parse::<Prefix>().unwrap().to_string(), "10.0.0.1");
        for (text, message) in [
            ("10.0.0", "`10.0.0` is no IP address"),
            ("10.0.0.0/33", "`10.0.0.0/33`: the length of a prefix is a number from 0 to 32"),
            ("::/x", "`::/x`: the length of a prefix is a number from 0 to 128"),
            ("10.9.0.0/8", "`10.9.0.0/8` is a host inside of 10.0.0.0/8: write one or the other"),
        ] {
            assert_eq!(text.parse::<Prefix>().unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn containment() {
        let prefix = |text: &str| text.parse::<Prefix>().unwrap();
        for (outer, inner, holds) in [
            ("10.0.0.0/8", "10.9.0.0/16", true),
            ("10.0.0.0/8", "10.0.0.0/8", true),
            ("10.9.0.0/16", "10.0.0.0/8", false),
            ("10.0.0.0/8", "11.0.0.0/16", false),
            ("0.0.0.0/0", "11.0.0.1", true),
            ("0.0.0.0/0", "::1", false),
            ("::/0", "1.2.3.4", false),
            ("2001:db8::/64", "2001:db8::1", true),
        ] {
            assert_eq!(prefix(outer).contains(prefix(inner)), holds, "{outer} {inner}");
        }
        let around: Vec<_> = prefix("192.0.0.0/3").broader().map(|p| p.to_string()).collect();
        assert_eq!(around, ["192.0.0.0/2", "128.0.0.0/1", "0.0.0.0/0"]);
    }
}
