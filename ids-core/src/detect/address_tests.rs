//! What rules ask of the addresses of a packet beyond their headers: reputation (`iprep`) and country (`geoip`).
//!
//! In: the ends of a packet.  Out: whether a test passes.  Holds the lists and the database that were in force when the
//! rule was loaded.

use std::net::IpAddr;
use std::sync::Arc;

use super::rule_set::Compare;
use super::tables::{Category, Countries, CountryCode, Reputation};

/// What the reputation lists say of the ends of a packet.
#[derive(Debug)]
pub(super) struct ReputationTest {
    pub(super) lists: Arc<Reputation>,
    pub(super) ends: Ends,
    pub(super) category: Category,
    pub(super) listed: Listed,
}

impl ReputationTest {
    /// Whether it passes for a sender and a receiver.
    pub(super) fn passes(&self, src: IpAddr, dst: IpAddr) -> bool {
        let passes = |address| match (self.listed, self.lists.score(address, self.category)) {
            (Listed::Score(compare, than), Some(score)) => compare.holds(score, than),
            (Listed::Score(..), None) => false,
            (Listed::Is, score) => score.is_some(),
            (Listed::IsNot, score) => score.is_none(),
        };
        self.ends.any_or_all(src, dst, passes)
    }
}

/// Which countries the ends of a packet are in.
#[derive(Debug)]
pub(super) struct CountryTest {
    pub(super) countries: Arc<Countries>,
    pub(super) ends: Ends,
    pub(super) codes: Box<[CountryCode]>,
    /// They must be in none of them; where the database does not say, that is not known either.
    pub(super) negated: bool,
}

impl CountryTest {
    /// Whether it passes for a sender and a receiver.
    pub(super) fn passes(&self, src: IpAddr, dst: IpAddr) -> bool {
        let passes =
            |address| self.countries.of(address).is_some_and(|code| self.codes.contains(&code) != self.negated);
        self.ends.any_or_all(src, dst, passes)
    }
}

/// Which ends of a packet a test is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ends {
    Source,
    Destination,
    Either,
    Both,
}

impl Ends {
    fn any_or_all(self, src: IpAddr, dst: IpAddr, passes: impl Fn(IpAddr) -> bool) -> bool {
        match self {
            Self::Source => passes(src),
            Self::Destination => passes(dst),
            Self::Either => passes(src) || passes(dst),
            Self::Both => passes(src) && passes(dst),
        }
    }
}

/// What is asked of the entry of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Listed {
    /// There is one, with a score that compares so.
    Score(Compare, u8),
    /// There is one.
    Is,
    /// There is none.
    IsNot,
}
