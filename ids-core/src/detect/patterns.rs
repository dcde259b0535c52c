//! Fast patterns of one buffer and direction → the rules that may match.

use super::mpm::{Algo, BuildError, Builder, Mpm, Seen};
use super::rule_set::RuleId;

/// Collects patterns.
#[derive(Debug, Default)]
pub(super) struct Collector {
    builder: Builder,
    longest: usize,
}

impl Collector {
    /// Adds a rule under its pattern.
    pub(super) fn add(&mut self, pattern: &[u8], nocase: bool, rule: RuleId) {
        self.longest = self.longest.max(pattern.len());
        self.builder.add(pattern, nocase, rule.0);
    }

    /// Builds the matcher; `None` if there are no patterns.
    pub(super) fn build(self, algo: Algo) -> Result<Option<Group>, BuildError> {
        if self.builder.is_empty() {
            return Ok(None);
        }
        Ok(Some(Group { mpm: self.builder.build(algo)?, longest: self.longest }))
    }
}

/// The patterns of one buffer and direction.
#[derive(Debug)]
pub(super) struct Group {
    mpm: Mpm,
    /// Length of the longest pattern.
    pub(super) longest: usize,
}

impl Group {
    /// Calls back with the rules of every pattern that occurs in any of these, once.
    pub(super) fn search<'a>(
        &self,
        data: impl Iterator<Item = &'a [u8]>,
        seen: &mut Seen,
        mut each: impl FnMut(RuleId),
    ) {
        seen.clear();
        for bytes in data {
            self.mpm.scan(bytes, seen, &mut |rule| each(RuleId(rule)));
        }
    }
}
