//! Counters as records: the tree of EVE `stats`, and the table of stats.log.

use std::collections::HashMap;

use ids_core::anomaly::{self, Layer};
use ids_core::counters::{Counter, Counters, ROWS};
use ids_core::record::Writer;
use ids_core::verdict::DropReason;

use super::eve::json::Json;
use super::lines::{Kind, Lines};
use super::sink::{Output, Stats};
use super::timestamp::Stamps;
use crate::config::outputs as config;

/// Dotted names and values, sorted by name.
pub type Tree = Vec<(String, u64)>;

/// Values of the record before, by dotted name.
pub type Before = HashMap<String, u64>;

/// Every counter there is, as configured.
pub fn tree(now: &Stats<'_>, settings: &config::Stats) -> Tree {
    let mut tree = counted(now.counters, now.inline, settings);
    tree.extend(now.more.iter().map(|(name, value)| ((*name).to_owned(), *value)));
    tree.sort();
    tree
}

/// What the engine counts, sorted by name.
fn counted(counters: &Counters, inline: bool, settings: &config::Stats) -> Tree {
    let mut tree: Tree = ROWS
        .iter()
        .filter(|(_, name, _)| inline || !name.starts_with("ips."))
        .map(|&(counter, name, _)| (name.to_owned(), counters.get(counter)))
        .collect();
    let packets = counters.get(Counter::DecoderPkts);
    let average = counters.get(Counter::DecoderBytes).checked_div(packets).unwrap_or_default();
    tree.push(("decoder.avg_pkt_size".into(), average));
    for &odd in anomaly::ALL {
        let prefix = match odd.layer() {
            Layer::Decoder if settings.decoder_events => settings.decoder_prefix.as_str(),
            Layer::Stream if settings.stream_events => "stream",
            _ => continue,
        };
        tree.push((format!("{prefix}.{}", odd.name()), counters.anomalies(odd)));
    }
    if inline {
        let reasons = DropReason::ALL.into_iter();
        tree.extend(reasons.map(|reason| (format!("ips.drop_reason.{}", reason.counter()), counters.drops(reason))));
    }
    for (trouble, policy, count) in counters.exceptions() {
        tree.push((format!("exception_policy.{}.{}", trouble.counter(), policy.record_name()), count));
    }
    for (name, counts) in &counters.protocols {
        tree.push((format!("app_layer.flow.{name}"), counts.flows));
        // What was not recognised is not parsed.
        if !name.starts_with("failed_") {
            tree.push((format!("app_layer.tx.{name}"), counts.transactions));
            tree.push((format!("app_layer.error.{name}.gap"), counts.gap_errors));
            tree.push((format!("app_layer.error.{name}.parser"), counts.parser_errors));
        }
    }
    tree.sort();
    tree
}

/// Writes the `stats` object and remembers the values.
pub fn write(
    now: &Stats<'_>,
    settings: &config::Stats,
    show: &config::StatsRecord,
    before: &mut Before,
    json: &mut Json<'_>,
) {
    let tree = tree(now, settings);
    json.object("stats", |json| {
        json.uint("uptime", now.uptime);
        let rows = if show.totals { rows(&tree, show, before) } else { Tree::new() };
        let mut stamps = Stamps::default();
        let mut engines = |json: &mut Json<'_>| {
            json.list("engines", |json| {
                json.object("", |json| {
                    json.uint("id", 0);
                    json.verbatim("last_reload", |out| stamps.iso(out, now.rules.when));
                    json.uint("rules_loaded", now.rules.loaded);
                    json.uint("rules_failed", now.rules.failed);
                    json.uint("rules_skipped", now.rules.skipped);
                });
            });
        };
        branch(&rows, 0, json, &mut engines);
        if !rows.iter().any(|(name, _)| name.starts_with("detect.")) {
            json.object("detect", |json| engines(json));
        }
        if show.threads && !now.threads.is_empty() {
            json.object("threads", |json| {
                for (name, counters) in now.threads {
                    let tree = counted(counters, now.inline, settings);
                    let own = self::rows(&tree, &config::StatsRecord { deltas: false, ..*show }, before);
                    json.object(name, |json| branch(&own, 0, json, &mut |_| {}));
                }
            });
        }
    });
    before.extend(tree);
}

/// The rows that are shown, changes included.
fn rows(tree: &[(String, u64)], show: &config::StatsRecord, before: &Before) -> Tree {
    let mut rows = Tree::new();
    for (name, value) in tree {
        if *value == 0 && !show.nulls {
            continue;
        }
        rows.push((name.clone(), *value));
        if show.deltas {
            let change = value.saturating_sub(before.get(name).copied().unwrap_or_default());
            rows.push((format!("{name}_delta"), change));
        }
    }
    rows.sort();
    rows
}

/// Writes rows whose names agree in the first `skip` bytes, those with a common first part inside an object of
/// their own. `engines` is called inside of `detect`.
fn branch(rows: &[(String, u64)], skip: usize, json: &mut Json<'_>, engines: &mut dyn FnMut(&mut Json<'_>)) {
    let mut rest = rows;
    while let Some((name, value)) = rest.first() {
        let tail = name.get(skip..).unwrap_or_default();
        let Some(dot) = tail.find('.') else {
            json.uint(tail, *value);
            rest = &rest[1..];
            continue;
        };
        let prefix = &name[..=skip + dot];
        let length = rest.iter().take_while(|(name, _)| name.starts_with(prefix)).count();
        let (inside, after) = rest.split_at(length);
        json.object(&tail[..dot], |json| {
            branch(inside, prefix.len(), json, engines);
            if prefix == "detect." {
                engines(json);
            }
        });
        rest = after;
    }
}

/// stats.log.
#[derive(Debug)]
pub struct StatsLog {
    show: config::StatsRecord,
    settings: config::Stats,
    stamps: Stamps,
}

impl StatsLog {
    /// In: what to show, and which counters there are.
    pub fn new(show: config::StatsRecord, settings: config::Stats) -> Self {
        Self { show, settings, stamps: Stamps::default() }
    }
}

const RULE: &str = "------------------------------------------------------------------------------------\n";

impl Output for StatsLog {
    fn event(&mut self, _: &ids_core::event::Event<'_>, _: &mut Lines) {}

    fn stats(&mut self, now: &Stats<'_>, lines: &mut Lines) {
        use std::io::Write as _;
        let rows = rows(&tree(now, &self.settings), &self.show, &Before::new());
        let mut stamp = Vec::new();
        self.stamps.fast(&mut stamp, now.time);
        // 01/02/2026-03:04:05.123456 → 01/02/2026 -- 03:04:05
        let stamp = String::from_utf8_lossy(&stamp).replacen('-', " -- ", 1);
        let stamp = stamp.split('.').next().unwrap_or_default();
        let (days, hours) = (now.uptime / 86_400, now.uptime / 3600 % 24);
        let (minutes, seconds) = (now.uptime / 60 % 60, now.uptime % 60);
        lines.add(Kind::Stats, |out| {
            let mut write = || -> std::io::Result<()> {
                write!(out, "{RULE}Date: {stamp} (uptime: {days}d, {hours:02}h {minutes:02}m {seconds:02}s)\n{RULE}")?;
                write!(out, "{:<45} | {:<25} | Value\n{RULE}", "Counter", "TM Name")?;
                for (name, value) in &rows {
                    writeln!(out, "{name:<45} | {:<25} | {value}", "Total")?;
                }
                out.write_all(RULE.as_bytes())
            };
            write().expect("memory can be written to");
        });
    }
}
