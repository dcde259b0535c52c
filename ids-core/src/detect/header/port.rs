//! Sets of ports.

use super::expression::Set;
use super::ranges::RangeSet;
use crate::rules::diagnostic::Code;

/// A set of ports.
pub type PortSet = RangeSet<u16>;

impl Set for PortSet {
    const CODE: Code = Code::BadPort;
    const WHAT: &'static str = "port";

    fn all() -> Self {
        Self::all()
    }

    fn union(sets: &[Self]) -> Self {
        Self::union(sets)
    }

    fn minus(&self, other: &Self) -> Self {
        Self::minus(self, other)
    }

    fn is_empty(&self) -> bool {
        Self::is_empty(self)
    }

    fn item(text: &str) -> Result<Self, String> {
        let number = |digits: &str| {
            let digits = digits.trim();
            let plain = !digits.is_empty() && digits.bytes().all(|c| c.is_ascii_digit());
            digits.parse::<u16>().ok().filter(|_| plain).ok_or_else(|| format!("`{digits}` is no port"))
        };
        let (low, high) = match text.split_once(':') {
            None => (number(text)?, number(text)?),
            Some((low, "")) => (number(low)?, u16::MAX),
            Some(("", high)) => (0, number(high)?),
            Some((low, high)) => (number(low)?, number(high)?),
        };
        let set = Self::of(low, high);
        if set.is_empty() { Err(format!("`{text}` is no range: the first port must be the lower")) } else { Ok(set) }
    }
}
