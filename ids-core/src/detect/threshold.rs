//! How often a rule may tell: limits, thresholds, filters, and what they count.
//!
//! In: hits of one rule under one key (host, pair, flow, rule) with their packet time.  Out: an [`Answer`].
//! Where the counters live is the business of [`super::state`] (flows) and [`super::shared`] (everything
//! else). Source: the thresholding and global thresholds chapters of the Suricata 8 user guide.

use std::net::IpAddr;
use std::time::Duration;

use super::header::AddressSet;
use super::rule::Action;
use crate::time::Time;

/// By what hits are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Track {
    /// Source address.
    Source,
    /// Destination address.
    Destination,
    /// The pair of addresses, either way.
    Both,
    /// The rule alone.
    Rule,
    /// The flow.
    Flow,
}

/// What is done with the count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Tell the first `count` within the time.
    Limit,
    /// Tell every `count`-th.
    Threshold,
    /// Tell once within the time, at the `count`-th.
    Both,
    /// Tell at `count`, `count × multiplier`, … hits; without time.
    Backoff {
        /// The factor.
        multiplier: u32,
    },
    /// Match only beyond `count` within the time.
    DetectionFilter,
}

/// `threshold`, `event_filter` or `detection_filter`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Threshold {
    /// What is done with the count.
    pub kind: Kind,
    /// By what is counted.
    pub track: Track,
    /// How many.
    pub count: u32,
    /// Within how long; zero for [`Kind::Backoff`].
    pub period: Duration,
}

/// What becomes of a hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Tell, and act.
    Tell,
    /// Act, but do not tell.
    Silent,
    /// As if the rule had not matched.
    Nothing,
}

/// Hits under one key.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counter {
    start: Time,
    count: u32,
    /// [`Kind::Backoff`]: the count at which to tell next.
    next: u32,
}

impl Counter {
    /// When it means nothing any more.
    pub fn expires(&self, threshold: &Threshold) -> Time {
        match threshold.kind {
            Kind::Backoff { .. } => Time::from_nanos(u64::MAX),
            _ => self.start + threshold.period,
        }
    }

    /// Takes a hit at `now`. A counter that was not used before is `Counter::default()`.
    pub fn hit(&mut self, threshold: &Threshold, now: Time) -> Answer {
        let fresh = self.count == 0 && self.start == Time::ZERO;
        let limit = threshold.count;
        if let Kind::Backoff { multiplier } = threshold.kind {
            return self.back_off(limit, multiplier);
        }
        if fresh || now > self.start + threshold.period {
            *self = Self { start: now, count: 0, next: 0 };
        }
        self.count = self.count.saturating_add(1);
        match threshold.kind {
            Kind::Limit if self.count <= limit => Answer::Tell,
            Kind::Limit => Answer::Silent,
            Kind::Threshold if self.count >= limit => {
                self.count = 0;
                Answer::Tell
            }
            Kind::Both if self.count == limit => Answer::Tell,
            Kind::Both if self.count > limit => Answer::Silent,
            Kind::DetectionFilter if self.count > limit => Answer::Tell,
            Kind::Threshold | Kind::Both | Kind::DetectionFilter | Kind::Backoff { .. } => Answer::Nothing,
        }
    }

    fn back_off(&mut self, first: u32, multiplier: u32) -> Answer {
        if self.next == 0 {
            self.next = first;
        }
        self.count = self.count.saturating_add(1);
        if self.count < self.next {
            return if self.next == first { Answer::Nothing } else { Answer::Silent };
        }
        // A factor of one tells every `first` hits.
        self.next =
            if multiplier <= 1 { self.count.saturating_add(first) } else { self.next.saturating_mul(multiplier) };
        Answer::Tell
    }
}

/// `rate_filter`: beyond `count` hits within `period`, the rule has another action for `timeout`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateFilter {
    /// By what is counted.
    pub track: Track,
    /// How many.
    pub count: u32,
    /// Within how long.
    pub period: Duration,
    /// What the rule does instead.
    pub action: Action,
    /// For how long.
    pub timeout: Duration,
}

/// Hits of a rule with a rate filter, under one key.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rate {
    counter: Counter,
    since: Option<Time>,
}

impl Rate {
    /// When it means nothing any more.
    pub fn expires(&self, filter: &RateFilter) -> Time {
        let quiet = self.counter.start + filter.period;
        self.since.map_or(quiet, |since| quiet.max(since + filter.timeout))
    }

    /// Takes a hit at `now`. Out: whether the new action holds for it.
    pub fn hit(&mut self, filter: &RateFilter, now: Time) -> bool {
        if let Some(since) = self.since {
            if now.since(since) <= filter.timeout {
                return true;
            }
            *self = Self::default();
        }
        let beyond =
            Threshold { kind: Kind::DetectionFilter, track: filter.track, count: filter.count, period: filter.period };
        if self.counter.hit(&beyond, now) == Answer::Tell {
            self.since = Some(now);
        }
        self.since.is_some()
    }
}

/// `suppress`: whose hits are not told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Suppress {
    /// Everybody's.
    All,
    /// Those with such an address.
    By(SuppressBy, AddressSet),
}

/// Which address of a hit `suppress` looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SuppressBy {
    /// The source.
    Source,
    /// The destination.
    Destination,
    /// Either.
    Either,
}

impl Suppress {
    /// Whether a hit between these addresses is not told.
    pub fn covers(&self, src: Option<IpAddr>, dst: Option<IpAddr>) -> bool {
        match self {
            Self::All => true,
            Self::By(by, set) => {
                let inside = |address: Option<IpAddr>| address.is_some_and(|address| set.contains(address));
                match by {
                    SuppressBy::Source => inside(src),
                    SuppressBy::Destination => inside(dst),
                    SuppressBy::Either => inside(src) || inside(dst),
                }
            }
        }
    }
}

/// The key of a counter that is not a flow's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tracked {
    /// The rule alone.
    Rule,
    /// An address.
    Host(IpAddr),
    /// Two addresses, the smaller first.
    Pair(IpAddr, IpAddr),
}

impl Tracked {
    /// The key of a hit; `None` for flows, and where the packet has no addresses.
    pub fn of(track: Track, src: Option<IpAddr>, dst: Option<IpAddr>) -> Option<Self> {
        match track {
            Track::Source => src.map(Self::Host),
            Track::Destination => dst.map(Self::Host),
            Track::Both => src.zip(dst).map(|(src, dst)| Self::pair(src, dst)),
            Track::Rule => Some(Self::Rule),
            Track::Flow => None,
        }
    }

    /// Two addresses, whichever way round.
    pub fn pair(a: IpAddr, b: IpAddr) -> Self {
        Self::Pair(a.min(b), a.max(b))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(kind: Kind, count: u32, times: &[u64]) -> String {
        let threshold = Threshold { kind, track: Track::Rule, count, period: Duration::from_secs(10) };
        let mut counter = Counter::default();
        let word = |answer| match answer {
            Answer::Tell => 'T',
            Answer::Silent => 's',
            Answer::Nothing => '-',
        };
        times.iter().map(|s| word(counter.hit(&threshold, Time::from_micros(1000 + s, 0)))).collect()
    }

    #[test]
    fn kinds() {
        let times = [0, 1, 2, 3, 10, 11, 12, 13];
        let cases = [
            (Kind::Limit, 2, "TTsssTTs"),
            (Kind::Limit, 1, "TssssTss"),
            (Kind::Threshold, 2, "-T-T--T-"),
            (Kind::Threshold, 1, "TTTTTTTT"),
            (Kind::Both, 2, "-Tsss-Ts"),
            (Kind::Both, 1, "TssssTss"),
            (Kind::DetectionFilter, 2, "--TTT--T"),
            (Kind::Backoff { multiplier: 2 }, 1, "TTsTsssT"),
            (Kind::Backoff { multiplier: 3 }, 2, "-TsssTss"),
            (Kind::Backoff { multiplier: 1 }, 2, "-TsTsTsT"),
        ];
        for (kind, count, wanted) in cases {
            assert_eq!(run(kind, count, &times), wanted, "{kind:?} {count}");
        }
    }

    #[test]
    fn a_rate_filter_holds_for_its_timeout() {
        let filter = RateFilter {
            track: Track::Rule,
            count: 2,
            period: Duration::from_secs(10),
            action: Action::Drop,
            timeout: Duration::from_secs(5),
        };
        let mut rate = Rate::default();
        let found: Vec<bool> =
            [0, 1, 2, 4, 7, 8, 9, 10].iter().map(|s| rate.hit(&filter, Time::from_micros(1000 + s, 0))).collect();
        assert_eq!(found, [false, false, true, true, true, false, false, true]);
    }
}
