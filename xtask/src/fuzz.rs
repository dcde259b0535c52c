//! `fuzz`: every fuzz target for a while, from the corpora in the repository.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::process::{run, which, workspace};

/// Runs below this many seconds begin alike, so that most often a change is what makes them fail.
const REPEATABLE: u64 = 60;

/// Options of `fuzz`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How long each target runs, in seconds.
    #[arg(long, default_value_t = 60, conflicts_with = "minutes")]
    seconds: u64,
    /// How long each target runs, in minutes.
    #[arg(long)]
    minutes: Option<u64>,
    /// Only these targets; all by default.
    targets: Vec<String>,
}

/// Runs the targets one after the other; the first crash ends it.
pub(crate) fn fuzz(options: &Options) -> Result<()> {
    let folder = workspace().join("fuzz");
    let known = targets(&folder)?;
    let chosen = if options.targets.is_empty() { known.clone() } else { options.targets.clone() };
    if let Some(unknown) = chosen.iter().find(|name| !known.contains(name)) {
        bail!("there is no fuzz target `{unknown}`; there are: {}", known.join(", "));
    }
    for target in &chosen {
        let seeds = seeds(&folder, target);
        let any = fs::read_dir(&seeds).is_ok_and(|mut files| files.next().is_some());
        ensure!(
            any,
            "fuzz target `{target}` has no seeds: put small inputs into {} (see fuzz/README.md)",
            seeds.display()
        );
    }
    let seconds = options.minutes.map_or(options.seconds, |minutes| minutes * 60);
    let tool = cargo_fuzz()?;
    if options.targets.is_empty() {
        // All at once: the last step of each build uses one processor alone.
        run(&mut fuzzer(&tool, "build"))?;
    }
    for target in &chosen {
        // Findings of this run go to a folder of their own; the corpus in the repository only seeds.
        let found = folder.join("target/corpus").join(target);
        fs::create_dir_all(&found).with_context(|| format!("making {}", found.display()))?;
        let mut command = fuzzer(&tool, "run");
        command.arg(target).arg(&found).arg(seeds(&folder, target)).arg("--");
        command.args([&format!("-max_total_time={seconds}"), "-rss_limit_mb=4096", "-timeout=20", "-verbosity=0"]);
        // The leak detector takes glibc's list of thread-local destructors for a leak; growth is the limit's to catch.
        command.args(["-print_final_stats=1", "-detect_leaks=0"]);
        if seconds < REPEATABLE {
            command.arg("-seed=1");
        }
        run(&mut command)?;
    }
    println!("{} fuzz targets ran {seconds} s each without a crash: {}", chosen.len(), chosen.join(", "));
    Ok(())
}

/// One of the tool's commands, with what all of them build alike.
fn fuzzer(tool: &Path, what: &str) -> Command {
    let mut command = Command::new(tool);
    command.current_dir(workspace()).env("RUSTC_BOOTSTRAP", "1").args(["fuzz", what]);
    // One unit a crate would take minutes on one processor, many run at a third of the speed.
    command.args(["--codegen-units", "2"]);
    command
}

/// Where the repository keeps what a target begins with.
fn seeds(folder: &Path, target: &str) -> PathBuf {
    folder.join("corpus").join(target)
}

/// Names of the targets: one file each.
fn targets(folder: &Path) -> Result<Vec<String>> {
    let files = fs::read_dir(folder.join("fuzz_targets")).context("reading fuzz/fuzz_targets")?;
    let mut names = Vec::new();
    for file in files {
        let path = file?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            names.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        }
    }
    names.sort();
    Ok(names)
}

/// The program `cargo-fuzz`, installed under `.tools/` if it is not there.
fn cargo_fuzz() -> Result<PathBuf> {
    if let Some(found) = which("cargo-fuzz") {
        return Ok(found);
    }
    let tools = workspace().join(".tools");
    let program = tools.join("bin/cargo-fuzz");
    if !program.is_file() {
        run(Command::new("cargo").args(["install", "cargo-fuzz", "--locked", "--root"]).arg(&tools))?;
    }
    Ok(program)
}
