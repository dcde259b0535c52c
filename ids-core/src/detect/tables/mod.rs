//! The tables that go with rules: classes, reference types, global thresholds, IP reputation, countries.
//!
//! In: the texts of `classification.config`, `reference.config`, `threshold.config` and reputation lists.  Out: tables,
//! and what is wrong by line. Reading the files is the sensor's business. Source: the rule management, global
//! thresholds and IP reputation chapters of the Suricata 8 user guide.

mod classification;
mod countries;
mod reference;
mod reputation;
mod threshold;

pub use classification::{Class, Classes};
pub(super) use countries::Code as CountryCode;
pub use countries::Countries;
pub use reference::References;
pub use reputation::Reputation;
pub(super) use reputation::{Category, MAX_SCORE};
pub use threshold::{Entry, Thresholds};

use super::bytes::text::Part;
use crate::rules::diagnostic::Diagnostic;

/// What is wrong with one line of a table: its number, from 1, and the mistake, whose span is within the line.
pub type LineFault = (usize, Diagnostic);

/// The lines that say something, with their numbers; those that end in `\` are joined to the next.
fn lines(text: &str) -> Vec<(usize, String)> {
    let mut out: Vec<(usize, String)> = Vec::new();
    let mut open = false;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim_end();
        let (kept, more) = line.strip_suffix('\\').map_or((line, false), |kept| (kept, true));
        match out.last_mut() {
            Some(last) if open => last.1.push_str(kept),
            _ => out.push((number + 1, kept.to_owned())),
        }
        open = more;
    }
    out.retain(|(_, line)| !line.trim().is_empty() && !line.trim_start().starts_with('#'));
    out
}

/// `config <what>: rest` → the rest.
fn config<'a>(line: Part<'a>, what: &str) -> Result<Part<'a>, Diagnostic> {
    let rest = line.trim().strip("config").map(Part::trim);
    let rest = rest.and_then(|rest| rest.strip(what)).map(Part::trim).and_then(|rest| rest.strip(":"));
    rest.map(Part::trim).ok_or_else(|| line.bad(format!("expected `config {what}: …`")))
}
