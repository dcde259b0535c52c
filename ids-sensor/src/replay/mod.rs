//! Replay: capture files from beginning to end through the engine, deterministic.
//!
//! In: a [`Plan`].  Out: records in the log folder, and a [`Summary`].
//! Captures are read one after another, each with a fresh engine; outputs go on over all of them.

pub mod driver;
pub mod summary;
mod team;

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use ids_core::detect::cost::Costs;
use indicatif::{ProgressBar, ProgressStyle};

use crate::capture::filter::Filter;
use crate::capture::pcap::{Findings, OpenError, Pcap};
use crate::config::Config;
use crate::costs;
use crate::kernel::clock::wall;
use crate::output::sink::Scene;
use crate::output::writer::Pressure;
use crate::output::{OutputError, Outputs};
use crate::rule_files;
use crate::ruleset::Loaded;
use driver::Driver;
pub use summary::{RuleCount, Summary};

/// What to replay, and how.
#[derive(Debug)]
pub struct Plan<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// Capture files, in order; `-` is standard input.
    pub captures: Vec<PathBuf>,
    /// Whether a file that cannot be read is only warned of, as in a folder.
    pub lenient: bool,
    /// The rules.
    pub rules: &'a Loaded,
    /// Which packets count.
    pub filter: Option<Filter>,
    /// Where records go.
    pub log_dir: PathBuf,
    /// Whether to act as if inline.
    pub inline: bool,
    /// How many workers share the packets, at least 1. Has no influence on results.
    pub workers: u16,
    /// Whether to show how far it is, if somebody looks.
    pub progress: bool,
}

/// Why a replay cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// A capture cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// An output cannot be opened.
    #[error(transparent)]
    Output(#[from] OutputError),
}

/// Replays.
///
/// # Errors
/// An output, or the only capture, cannot be opened. Damage of captures is told in the summary.
pub fn run(plan: &Plan<'_>) -> Result<Summary, ReplayError> {
    let start = Instant::now();
    let outputs = Outputs::open(plan.config, &plan.log_dir, Pressure::Wait)?;
    let loaded = plan.rules;
    let rules = RuleCount { loaded: loaded.rules.len() as u64, failed: loaded.failed, unread: loaded.unread.clone() };
    let mut summary = Summary { places: outputs.places().to_vec(), rules, ..Summary::default() };
    let bar = progress_bar(plan);
    let mut driver = Driver::new(&outputs, plan, plan.rules);
    for path in &plan.captures {
        match Pcap::open(path, plan.filter.clone()) {
            Ok(mut capture) => {
                driver.capture(scene(plan, path), &mut capture, |bytes| bar.inc(bytes));
                warn(path, capture.findings(), &mut summary);
                summary.captures += 1;
            }
            Err(error) if plan.lenient => summary.warnings.push(error.to_string()),
            Err(error) => return Err(error.into()),
        }
    }
    if plan.lenient && summary.captures == 0 {
        summary.warnings.push("there is no capture in the folder".to_owned());
    }
    let costs = driver.finish(&mut summary);
    bar.finish_and_clear();
    let report = outputs.finish();
    summary.write_errors = report.errors;
    summary.write_errors.extend(rule_files::save(plan.config, &plan.rules.rules));
    if let Some(costs) = costs {
        tell_costs(plan, &costs, &mut summary);
    }
    summary.elapsed = start.elapsed();
    Ok(summary)
}

/// Writes and shows what was measured.
fn tell_costs(plan: &Plan<'_>, costs: &Costs, summary: &mut Summary) {
    let (settings, rules) = (&plan.config.profiling, &plan.rules.rules);
    match costs::write(costs, rules, settings, &plan.log_dir, wall()) {
        Ok(path) => summary.places.push(path),
        Err((path, error)) => summary.write_errors.push(format!("{}: {error}", path.display())),
    }
    summary.costs = Some(costs::json(costs, rules, settings.limit));
}

fn scene(plan: &Plan<'_>, path: &Path) -> Arc<Scene> {
    Arc::new(Scene {
        interfaces: Vec::new(),
        capture: Some(path.display().to_string()),
        sensor: plan.config.sensor_name.clone(),
        inline: plan.inline,
        late: false,
    })
}

/// Names what was wrong with a capture, one line for each thing.
fn warn(path: &Path, findings: &Findings, summary: &mut Summary) {
    let name = path.display();
    if let Some(damage) = &findings.damage {
        summary
            .warnings
            .push(format!("{name}: damaged at byte {}: {}; everything before was read", damage.offset, damage.what));
    }
    if findings.above_snaplen > 0 {
        let count = findings.above_snaplen;
        summary.warnings.push(format!("{name}: {count} packets are longer than the file says packets can be"));
    }
    if findings.unknown_interface > 0 {
        let count = findings.unknown_interface;
        summary
            .warnings
            .push(format!("{name}: {count} packets of interfaces that the file does not describe were left out"));
    }
}

/// A bar by bytes where the size is known and somebody looks.
fn progress_bar(plan: &Plan<'_>) -> ProgressBar {
    if !plan.progress || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let sizes = plan.captures.iter().map(|path| std::fs::metadata(path).map_or(0, |data| data.len()));
    let bar = ProgressBar::new(sizes.sum());
    let style = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {bytes_per_sec} {eta}");
    bar.with_style(style.expect("the template is right"))
}
