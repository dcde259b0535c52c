//! `doctor`: what of this machine stands in the way of a live run.

use std::fmt::Write as _;

use super::args::Doctor;
use super::{Failure, say};
use crate::doctor::{self, Finding, Level, Question};
use crate::live::{Settings, Topology};

/// Runs the command.
///
/// # Errors
/// See [`Failure`]; something has to be mended (1).
pub fn run(args: &Doctor) -> Result<(), Failure> {
    let usual = Settings::new(&args.instance.name, Topology::Mirror(args.interfaces.clone()));
    let findings = doctor::examine(&Question {
        interfaces: args.interfaces.clone(),
        workers: args.workers.into(),
        ring: usual.ring,
        bpffs: args.instance.bpffs.clone(),
    });
    if args.json {
        say::line(serde_json::to_string(&findings).map_err(Failure::environment)?)?;
    } else {
        say::text(table(&findings))?;
    }
    match findings.iter().filter(|finding| finding.level == Level::Fail).count() {
        0 => Ok(()),
        1 => Err(Failure::refusal("no sensor can run like this: one thing has to be mended")),
        count => Err(Failure::refusal(format!("no sensor can run like this: {count} things have to be mended"))),
    }
}

/// One line a finding, as long as it is: the command at its end is there to be copied.
fn table(findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{:4}  {finding}", finding.level);
    }
    text
}
