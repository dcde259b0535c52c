//! `fuzz`: every target of `fuzz/` for a while. Needs nightly and cargo-fuzz.

use anyhow::{Result, bail};

use crate::process::{output, run, workspace};

/// Options of `fuzz`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Seconds for each target.
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// Only this target.
    target: Option<String>,
}

/// Runs one target or all.
pub(crate) fn fuzz(options: &Options) -> Result<()> {
    if !workspace().join("fuzz").is_dir() {
        bail!("there is no folder fuzz/ with targets");
    }
    let fuzz = |arguments: &[&str]| {
        let mut command = std::process::Command::new("rustup");
        command.args(["run", "nightly", "cargo", "fuzz"]).args(arguments).current_dir(workspace());
        command
    };
    let targets = match &options.target {
        Some(target) => target.clone(),
        None => output(&mut fuzz(&["list"]))?,
    };
    let time = format!("-max_total_time={}", options.seconds);
    for target in targets.lines() {
        run(&mut fuzz(&["run", target, "--", &time]))?;
    }
    Ok(())
}
