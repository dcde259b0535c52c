//! `ips.flood`: limits on what one source may send.

use ids_ebpf::flood::Limit;

use super::section::Section;

/// The settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flood {
    /// TCP connections that a source may open.
    pub syn: Rate,
    /// UDP packets that a source may send.
    pub udp: Rate,
    /// What is over a limit is counted and told, but not dropped.
    pub dry_run: bool,
}

/// So many a second, and so many at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rate {
    /// A second; 0 is no limit.
    pub rate: u32,
    /// At once.
    pub burst: u32,
}

impl Flood {
    pub(super) fn read(ips: &Section<'_>) -> Self {
        ips.section("flood", |flood| Self {
            syn: Rate::read(flood, "syn"),
            udp: Rate::read(flood, "udp"),
            dry_run: flood.flag("dry-run", false),
        })
    }

    /// What the kernel stage is told, by [`Kind`](ids_ebpf::flood::Kind).
    pub fn limits(&self) -> [Limit; 2] {
        [self.syn, self.udp].map(|limit| Limit::new(limit.rate, limit.burst, self.dry_run))
    }

    /// Whether there is any limit.
    pub fn is_on(&self) -> bool {
        self.syn.rate > 0 || self.udp.rate > 0
    }
}

impl Rate {
    fn read(flood: &Section<'_>, key: &'static str) -> Self {
        flood.section(key, |limit| {
            let rate = limit.number("rate", 0);
            Self { rate, burst: limit.number("burst", rate) }
        })
    }

    /// `RATE`, or `RATE/BURST`.
    ///
    /// # Errors
    /// It is neither.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (rate, burst) = text.split_once('/').unwrap_or((text, text));
        match (rate.parse(), burst.parse()) {
            (Ok(rate), Ok(burst)) => Ok(Self { rate, burst }),
            _ => Err("expected packets a second, and how many at once, as 1000 or 1000/5000".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, node};

    #[test]
    fn what_is_read() {
        let read = |text: &str| Config::from_tree(node::parse(text).unwrap(), false).ips.flood;
        assert!(!read("ips: {}").is_on());
        let flood = read("ips: {flood: {syn: {rate: 100}, udp: {rate: 5, burst: 50}, dry-run: yes}}");
        let want = Flood { syn: Rate { rate: 100, burst: 100 }, udp: Rate { rate: 5, burst: 50 }, dry_run: true };
        assert_eq!(flood, want);
        assert_eq!(flood.limits().map(|limit| (limit.cost, limit.dry_run)), [(10_000_000, 1), (200_000_000, 1)]);
    }

    #[test]
    fn flags() {
        assert_eq!(Rate::parse("10"), Ok(Rate { rate: 10, burst: 10 }));
        assert_eq!(Rate::parse("10/500"), Ok(Rate { rate: 10, burst: 500 }));
        for text in ["", "x", "10/", "10/x", "-1", "99999999999"] {
            assert!(Rate::parse(text).is_err(), "{text}");
        }
    }
}
