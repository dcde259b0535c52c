//! `profiling`: what is measured of rules and flows. The keys are Suricata's; of its tables there is the one of rules.

use super::section::Section;
use crate::costs::Sort;

/// How costs are measured and where they are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profiling {
    /// One of so many packets is measured.
    pub every: u32,
    /// Whether rules can be measured at all, at the start or on demand.
    pub enabled: bool,
    /// Whether they are from the start.
    pub active: bool,
    /// The report, relative to the log folder.
    pub name: String,
    /// Whether it goes on behind earlier ones.
    pub append: bool,
    /// The order of its rules; `None`: once in each.
    pub sort: Option<Sort>,
    /// How many rules are shown.
    pub limit: usize,
    /// Whether it is JSON, and not for people.
    pub json: bool,
}

impl Profiling {
    pub(super) fn read(root: &Section<'_>) -> Self {
        root.section("profiling", |profiling| {
            profiling.ignore(&["keywords", "prefilter", "rulegroups", "packets", "locks", "pcap-log"]);
            let every = profiling.number("sample-rate", 1);
            profiling.section("rules", |rules| Self {
                every,
                enabled: rules.flag("enabled", true),
                active: rules.flag("active", false),
                name: rules.text_or("filename", "rule_perf.log"),
                append: rules.flag("append", true),
                sort: rules.word("sort", &Sort::ALL.map(|sort| (sort.name(), sort))),
                limit: rules.number("limit", 10),
                json: rules.flag("json", true),
            })
        })
    }
}
