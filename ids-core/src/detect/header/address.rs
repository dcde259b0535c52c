//! Sets of addresses.

use std::net::{IpAddr, Ipv4Addr};

use super::expression::Set;
use super::ranges::RangeSet;
use crate::rules::diagnostic::Code;

/// A set of IPv4 and IPv6 addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressSet {
    /// The IPv4 ones, as numbers.
    pub v4: RangeSet<u32>,
    /// The IPv6 ones.
    pub v6: RangeSet<u128>,
}

impl AddressSet {
    /// Whether it holds this address.
    pub fn contains(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => self.v4.contains(address.into()),
            IpAddr::V6(address) => self.v6.contains(address.into()),
        }
    }

    /// Whether it holds every address.
    pub fn is_any(&self) -> bool {
        self.v4.is_all() && self.v6.is_all()
    }
}

impl Set for AddressSet {
    const CODE: Code = Code::BadAddress;
    const WHAT: &'static str = "address";

    fn all() -> Self {
        Self { v4: RangeSet::all(), v6: RangeSet::all() }
    }

    fn union(sets: &[Self]) -> Self {
        Self {
            v4: RangeSet::union(sets.iter().map(|set| &set.v4)),
            v6: RangeSet::union(sets.iter().map(|set| &set.v6)),
        }
    }

    fn minus(&self, other: &Self) -> Self {
        Self { v4: self.v4.minus(&other.v4), v6: self.v6.minus(&other.v6) }
    }

    fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }

    fn item(text: &str) -> Result<Self, String> {
        let unreadable = || format!("`{text}` is no address");
        if let Some((address, mask)) = text.split_once('/') {
            let address: IpAddr = address.trim().parse().map_err(|_| unreadable())?;
            return prefix(address, mask.trim()).ok_or_else(|| format!("`{}` is no prefix length", mask.trim()));
        }
        if let Some((low, high)) = text.split_once('-') {
            let low = low.trim().parse().map_err(|_| unreadable())?;
            let high = high.trim().parse().map_err(|_| unreadable())?;
            return range(low, high)
                .ok_or_else(|| format!("`{text}` is no range: the first address must be the lower"));
        }
        let address: IpAddr = text.parse().map_err(|_| unreadable())?;
        range(address, address).ok_or_else(unreadable)
    }
}

/// The addresses of a prefix; the mask is a length, or a netmask for IPv4.
fn prefix(address: IpAddr, mask: &str) -> Option<AddressSet> {
    match address {
        IpAddr::V4(address) => {
            let mask = match mask.parse::<Ipv4Addr>() {
                Ok(mask) => u32::from(mask),
                Err(_) => u32::MAX.checked_shl(32 - mask.parse::<u32>().ok().filter(|n| *n <= 32)?).unwrap_or(0),
            };
            // A netmask has no holes.
            if mask.leading_ones() != mask.count_ones() {
                return None;
            }
            let low = u32::from(address) & mask;
            Some(AddressSet { v4: RangeSet::of(low, low | !mask), v6: RangeSet::default() })
        }
        IpAddr::V6(address) => {
            let length = mask.parse::<u32>().ok().filter(|n| *n <= 128)?;
            let mask = u128::MAX.checked_shl(128 - length).unwrap_or(0);
            let low = u128::from(address) & mask;
            Some(AddressSet { v4: RangeSet::default(), v6: RangeSet::of(low, low | !mask) })
        }
    }
}

fn range(low: IpAddr, high: IpAddr) -> Option<AddressSet> {
    let set = match (low, high) {
        (IpAddr::V4(low), IpAddr::V4(high)) => {
            AddressSet { v4: RangeSet::of(low.into(), high.into()), v6: RangeSet::default() }
        }
        (IpAddr::V6(low), IpAddr::V6(high)) => {
            AddressSet { v4: RangeSet::default(), v6: RangeSet::of(low.into(), high.into()) }
        }
        _ => return None,
    };
    (!set.is_empty()).then_some(set)
}

/// An address as a number in one space: IPv4 in the IPv4-mapped range.
pub fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().into(),
        IpAddr::V6(address) => address.into(),
    }
}
