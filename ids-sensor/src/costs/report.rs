//! The report in the log folder: one table an order, or one line of JSON.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use ids_core::detect::cost::Costs;
use ids_core::detect::rule_set::RuleSet;
use ids_core::time::Time;
use serde_json::{Value, json};

use super::{Sort, rule, rules, total};
use crate::config::profiling::Profiling;
use crate::output::timestamp::Stamps;

/// Writes what was measured. Out: where.
///
/// # Errors
/// The file cannot be written: which, and why.
pub fn write(
    costs: &Costs,
    of: &RuleSet,
    settings: &Profiling,
    log_dir: &Path,
    when: Time,
) -> Result<PathBuf, (PathBuf, io::Error)> {
    let path = log_dir.join(&settings.name);
    let text = report(costs, of, settings, when);
    let mut options = OpenOptions::new();
    options.create(true).write(true).append(settings.append).truncate(!settings.append);
    match options.open(&path).and_then(|mut file| file.write_all(text.as_bytes())) {
        Ok(()) => Ok(path),
        Err(error) => Err((path, error)),
    }
}

/// The whole report.
pub(super) fn report(costs: &Costs, of: &RuleSet, settings: &Profiling, when: Time) -> String {
    let orders = settings.sort.map_or(Sort::ALL.to_vec(), |sort| vec![sort]);
    let total = total(costs, of);
    let mut text = String::new();
    for sort in orders {
        let rows = rules(costs, of, sort, settings.limit).into_iter().map(|row| rule(row, total)).collect();
        if settings.json {
            let line = json!({"timestamp": stamp(Stamps::iso, when), "sort": sort.name(), "rules": Value::Array(rows)});
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{line}");
        } else {
            table(&mut text, sort, &rows, &stamp(Stamps::fast, when));
        }
    }
    text
}

/// Columns of the table for people: title, width, key.
const COLUMNS: [(&str, usize, &str); 11] = [
    ("Rule", 12, "signature_id"),
    ("Gid", 8, "gid"),
    ("Rev", 8, "rev"),
    ("Ticks", 12, "ticks_total"),
    ("%", 6, "percent"),
    ("Checks", 8, "checks"),
    ("Matches", 8, "matches"),
    ("Max Ticks", 11, "ticks_max"),
    ("Avg Ticks", 11, "ticks_avg"),
    ("Avg Match", 11, "ticks_avg_match"),
    ("Avg No Match", 14, "ticks_avg_nomatch"),
];

/// The form of the rule profiling chapter of the user guide.
fn table(text: &mut String, sort: Sort, rows: &[Value], when: &str) {
    let rule = "-".repeat(74);
    let _ = writeln!(text, "{rule}\nDate: {when}. Sorted by: {}.\n{rule}", sort.name());
    let mut line = |number: &str, cells: [String; 11]| {
        let _ = write!(text, "{number:<8}");
        for (cell, (_, width, _)) in cells.iter().zip(COLUMNS) {
            let _ = write!(text, " {cell:<width$}");
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    };
    line("Num", COLUMNS.map(|(title, ..)| title.to_owned()));
    line(&"-".repeat(8), COLUMNS.map(|(_, width, _)| "-".repeat(width)));
    for (number, row) in rows.iter().enumerate() {
        line(&(number + 1).to_string(), COLUMNS.map(|(.., key)| row[key].to_string()));
    }
}

fn stamp(form: fn(&mut Stamps, &mut Vec<u8>, Time), when: Time) -> String {
    let mut text = Vec::new();
    form(&mut Stamps::default(), &mut text, when);
    String::from_utf8_lossy(&text).into_owned()
}
