//! What rules and flows cost, for those who ask: as JSON, as text, and as a report in the log folder.
//!
//! In: what the engines measured ([`Costs`]), and the rules it is about.  Out: the dearest of them.
//! "Ticks" are nanoseconds. What is measured, and how, is [`ids_core::detect::cost`]; this module brings the clock.

mod report;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use ids_core::detect::cost::{Costs, FlowCost, Gauge, RuleCost};
use ids_core::detect::rule::RuleInfo;
use ids_core::detect::rule_set::RuleSet;
use ids_core::flow::Endpoint;
use serde_json::{Value, json};

use crate::config::profiling::Profiling;
use crate::layout::{self, Column, Gives};
use crate::output::names;
pub use report::write;

/// How rules are put in order, the dearest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// By all their tries together.
    Ticks,
    /// By one try.
    AvgTicks,
    /// By how often they were tried.
    Checks,
    /// By how often they matched.
    Matches,
    /// By their longest try.
    MaxTicks,
}

impl Sort {
    /// All orders.
    pub const ALL: [Self; 5] = [Self::Ticks, Self::AvgTicks, Self::Checks, Self::Matches, Self::MaxTicks];

    /// Its name in the configuration (`profiling.rules.sort`) and in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ticks => "ticks",
            Self::AvgTicks => "avgticks",
            Self::Checks => "checks",
            Self::Matches => "matches",
            Self::MaxTicks => "maxticks",
        }
    }

    fn key(self, cost: &RuleCost) -> u64 {
        match self {
            Self::Ticks => cost.nanos,
            Self::AvgTicks => average(cost.nanos, cost.checks),
            Self::Checks => cost.checks,
            Self::Matches => cost.matches,
            Self::MaxTicks => cost.longest,
        }
    }
}

/// How engines are to measure; `None` if they cannot be told to.
pub fn gauge(settings: &Profiling) -> Option<Gauge> {
    let running = Arc::new(settings.active.into());
    settings.enabled.then_some(Gauge { clock: nanos, every: settings.every, running })
}

/// Nanoseconds since it was asked first.
fn nanos() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    u64::try_from(START.get_or_init(Instant::now).elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// The dearest rules, in this order.
fn rules<'a>(costs: &'a Costs, of: &'a RuleSet, sort: Sort, limit: usize) -> Vec<(&'a RuleInfo, &'a RuleCost)> {
    let mut rows: Vec<_> = costs.rules(of).filter_map(|(id, cost)| Some((of.info(id)?, cost))).collect();
    rows.sort_by_key(|(info, cost)| (Reverse(sort.key(cost)), info.gid, info.sid));
    rows.truncate(limit);
    rows
}

/// The dearest rules and flows, for programs.
pub fn json(costs: &Costs, of: &RuleSet, limit: usize) -> Value {
    let total = total(costs, of);
    let rules: Vec<Value> = rules(costs, of, Sort::Ticks, limit).into_iter().map(|row| rule(row, total)).collect();
    let mut flows = costs.flows().to_vec();
    flows.sort_by_key(|row| Reverse(row.nanos));
    flows.truncate(limit);
    json!({
        "packets": costs.packets(),
        "ticks_total": costs.nanos(),
        "rules": rules,
        "flows": flows.iter().map(|row| flow(row, costs.nanos())).collect::<Vec<_>>(),
    })
}

/// All that was measured of a rule, under the names of the established engine. `total`: what all rules cost.
fn rule((info, cost): (&RuleInfo, &RuleCost), total: u64) -> Value {
    json!({
        "signature_id": info.sid,
        "gid": info.gid,
        "rev": info.rev,
        "signature": info.msg,
        "checks": cost.checks,
        "matches": cost.matches,
        "ticks_total": cost.nanos,
        "ticks_max": cost.longest,
        "ticks_avg": average(cost.nanos, cost.checks),
        "ticks_avg_match": average(cost.nanos_matched, cost.matches),
        "ticks_avg_nomatch": average(cost.nanos - cost.nanos_matched, cost.checks - cost.matches),
        "percent": share(cost.nanos, total),
    })
}

fn flow(row: &FlowCost, total: u64) -> Value {
    let mut proto = Vec::new();
    names::proto(row.key.proto, &mut proto);
    let [one, other] = [row.key.low, row.key.high]
        .map(|Endpoint { addr, port }| layout::endpoint(addr, matches!(row.key.proto, 6 | 17 | 132).then_some(port)));
    json!({
        "proto": String::from_utf8_lossy(&proto),
        "ends": [one, other],
        "vlan": row.key.vlan.into_iter().filter(|id| *id != 0).collect::<Vec<_>>(),
        "packets": row.packets,
        "ticks_total": row.nanos,
        "ticks_inherited": row.inherited,
        "percent": share(row.nanos, total),
    })
}

/// What [`json()`] says, for people; `width` as with [`layout::table`].
pub fn text(costs: &Value, width: Option<usize>) -> String {
    const RULES: &[Column] = &[
        ("SID", Gives::Nothing),
        ("SIGNATURE", Gives::Cut),
        ("CHECKS", Gives::Out(2)),
        ("MATCHES", Gives::Out(1)),
        ("NS/CHECK", Gives::Out(3)),
        ("% OF RULES", Gives::Nothing),
    ];
    const FLOWS: &[Column] = &[("FLOW", Gives::Cut), ("PACKETS", Gives::Out(1)), ("% OF ALL", Gives::Nothing)];
    let cell = |row: &Value, key: &str| match &row[key] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let cells = |row: &Value, keys: &[&str]| keys.iter().map(|key| cell(row, key)).collect::<Vec<_>>();
    let list = |key: &str| costs[key].as_array().into_iter().flatten();
    let keys = ["signature_id", "signature", "checks", "matches", "ticks_avg", "percent"];
    let rules = list("rules").map(|row| cells(row, &keys)).collect();
    let ends = |row: &Value| {
        let [one, other] = [0, 1].map(|end| row["ends"][end].as_str().unwrap_or_default());
        format!("{} {one} - {other}", cell(row, "proto"))
    };
    let flows = list("flows").map(|row| [vec![ends(row)], cells(row, &["packets", "percent"])].concat()).collect();
    let mut text = format!("costs, measured on {}; the dearest rules:\n", packets(costs));
    // Writing to a string cannot fail.
    let _ = write!(text, "{}", layout::table(RULES, rules, width));
    let _ = write!(text, "the dearest flows:\n{}", layout::table(FLOWS, flows, width));
    text
}

fn packets(costs: &Value) -> String {
    layout::count(costs["packets"].as_u64().unwrap_or_default(), "packet")
}

/// What all rules cost together.
fn total(costs: &Costs, of: &RuleSet) -> u64 {
    costs.rules(of).map(|row| row.1.nanos).sum()
}

fn average(sum: u64, count: u64) -> u64 {
    sum.checked_div(count).unwrap_or_default()
}

/// Percent, in steps of a hundredth.
fn share(part: u64, whole: u64) -> f64 {
    let hundredths = u128::from(part) * 10_000 / u128::from(whole.max(1));
    f64::from(u32::try_from(hundredths).unwrap_or(u32::MAX)) / 100.0
}
