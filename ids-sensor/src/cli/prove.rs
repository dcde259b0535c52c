//! `prove`: arguments → a [`Plan`], and what is printed at the end.

use std::path::PathBuf;

use clap::Args;

use super::args::Common;
use super::run::rights;
use super::{Failure, replay, say, settings};
use crate::capture::pcap::OpenError;
use crate::proof::{self, Error, Plan};

/// Arguments of `prove`.
#[derive(Debug, Args)]
pub struct Prove {
    /// Capture file (pcap or pcapng, also gzip or zstd), or folder of captures
    #[arg(short = 'r', long = "read", value_name = "FILE|FOLDER")]
    pub read: PathBuf,

    /// Configuration and rules.
    #[command(flatten)]
    pub common: Common,

    /// Act as if inline: streams are inspected at once
    #[arg(long)]
    pub simulate_ips: bool,

    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Runs the command.
///
/// # Errors
/// See [`Failure`]; a difference is a refusal (1).
pub fn run(args: &Prove) -> Result<(), Failure> {
    let folder = std::env::temp_dir();
    let config = settings::load(&args.common, &[], args.simulate_ips, Some(&folder))?;
    rights()?;
    let rules = settings::rules(&args.common, &config)?;
    let again = settings::rules(&args.common, &config)?;
    let (captures, lenient) = replay::captures(&args.read)?;
    let plan =
        Plan { config: &config, captures, lenient, rules: [&rules, &again], inline: args.simulate_ips, falsify: None };
    let proof = proof::run(&plan).map_err(|error| match error {
        Error::Open(OpenError::NoCapture { .. }) | Error::NoRecords => Failure::refusal(error),
        error => Failure::environment(error),
    })?;
    for warning in &proof.warnings {
        eprintln!("warning: {warning}");
    }
    if args.json {
        say::line(proof.json())?;
    } else {
        say::text(proof.text())?;
    }
    match proof.differences.len() {
        0 => Ok(()),
        1 => Err(Failure::refusal("the kernel stage loses something: one record differs")),
        count => Err(Failure::refusal(format!("the kernel stage loses something: {count} records differ"))),
    }
}
