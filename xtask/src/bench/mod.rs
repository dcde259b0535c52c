//! `bench`: everything that is measured, from one stage of the engine to the whole sensor.
//!
//! `decode`, `reassembly` and the first half of `prefilter` need nothing; `replay`, `worst`, `reload` and the other half
//! take real rules and real traffic ([`Inputs`]); all others need root. What cannot be measured is named with the reason.

mod child;
mod inputs;
mod live;
mod replay;

use std::path::PathBuf;

use anyhow::Result;

use crate::process::{cargo, run};
use inputs::{Inputs, NO_CAPTURE, NO_RULES};

/// Options of `bench`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// What to measure
    #[arg(default_value = "all")]
    what: What,
    /// Rule file for `prefilter`, `replay`, `worst`, `reload` and `live` [default: the Emerging Threats rules in
    /// ../shared/parity, if they are there]
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// Capture for `prefilter` and `replay` [default: the benchmark capture, made by
    /// ../shared/parity/make_bench_capture.py if that is there; else the captures in pcaps/]
    #[arg(long, value_name = "FILE")]
    capture: Option<PathBuf>,
    /// How often `replay` measures each row; the least CPU time counts
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Minutes that `soak` lasts
    #[arg(long, value_name = "N", default_value_t = 60)]
    minutes: u64,
    /// Seconds that `load` lasts in each mode
    #[arg(long, value_name = "N", default_value_t = 60)]
    seconds: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum What {
    /// All of these but `soak`, one after the other
    All,
    /// First stage: time per packet, by encapsulation
    Decode,
    /// TCP: bytes per second in order, reversed, and byte by byte
    Reassembly,
    /// Multi-pattern search: GB/s at 1,000, 10,000 and 40,000 patterns, beside aho-corasick and, where installed, Hyperscan
    Prefilter,
    /// The whole sensor, in release: packets and bytes per CPU second, memory; without rules and with
    Replay,
    /// The engine on crafted traffic and odd captures: time per byte, beside the median; fails above 50 times that
    Worst,
    /// Exchanging the rules: peak of memory beside that of the set in force
    Reload,
    /// Kernel stage: time per packet, by outcome, beside programs that only drop or forward, and nftables; AF_XDP beside
    /// packet sockets; needs root
    Xdp,
    /// An inline pair beside a Linux bridge: packets a second, time under way; needs root
    Bridge,
    /// A whole sensor, inline: CPU time on web traffic and on a blocked flow, time to a block in the kernel, kill -9,
    /// reload; needs root
    Live,
    /// The highest rate this machine makes, mirror and inline: everybody's counts agree; needs root
    Load,
    /// The same for long, with reloads, blocks and restarts; needs root
    Soak,
}

/// Measures; what fails ends it.
pub(crate) fn bench(options: &Options) -> Result<()> {
    let mut skipped = Vec::new();
    let wanted = |what| [What::All, what].contains(&options.what);
    let inputs = Inputs { rules: options.rules.as_deref(), capture: options.capture.as_deref() };
    if wanted(What::Decode) {
        criterion("decode")?;
    }
    if wanted(What::Reassembly) {
        criterion("reassembly")?;
    }
    if wanted(What::Prefilter) {
        criterion("prefilter")?;
        skipped.extend(peers(&inputs)?);
    }
    if wanted(What::Replay) {
        skipped.extend(replay::replay(&inputs, options.rounds)?);
    }
    if wanted(What::Worst) {
        skipped.extend(worst(&inputs)?);
    }
    if wanted(What::Reload) {
        skipped.extend(reload(&inputs)?);
    }
    for (what, name, span) in [
        (What::Xdp, "xdp", None),
        (What::Bridge, "bridge", None),
        (What::Live, "live", None),
        (What::Load, "load", Some(options.seconds)),
        (What::Soak, "soak", Some(options.minutes * 60)),
    ] {
        if options.what == what || wanted(what) && what != What::Soak {
            skipped.extend(live::live(&inputs, name, span, options.what == what)?);
        }
    }
    if !skipped.is_empty() {
        println!("\nskipped:");
        skipped.iter().for_each(|what| println!("  {what}"));
    }
    Ok(())
}

/// A benchmark of the engine that needs nothing but the source.
fn criterion(name: &str) -> Result<()> {
    run(cargo().args(["bench", "--package", "ids-core", "--bench", name, "--locked"]))
}

/// The prefilter beside its peers on real patterns and traffic. Out: why not, if it was skipped.
fn peers(inputs: &Inputs<'_>) -> Result<Option<String>> {
    let what = "prefilter on real patterns and traffic";
    let Some(rules) = inputs.rules()? else { return Ok(Some(format!("{what}: {NO_RULES}"))) };
    let Some(capture) = inputs.capture()? else { return Ok(Some(format!("{what}: {NO_CAPTURE}"))) };
    let mut bench = cargo();
    bench.args(["bench", "--package", "ids-sensor", "--bench", "prefilter_peers", "--locked"]);
    run(bench.env("PREFILTER_RULES", rules).env("PREFILTER_CAPTURE", capture))?;
    Ok(None)
}

/// The engine at its worst. Out: what it was measured without.
fn worst(inputs: &Inputs<'_>) -> Result<Vec<String>> {
    let mut skipped = Vec::new();
    let mut bench = cargo();
    bench.args(["bench", "--package", "ids-sensor", "--bench", "worst", "--locked"]);
    let (rules, captures) = (inputs.rules()?, inputs::captures());
    if rules.is_none() {
        skipped.push(format!("worst with more than the embedded signatures: {NO_RULES}"));
    }
    if captures.is_none() {
        skipped.push(format!("worst with real captures: no {}", inputs::CAPTURES));
    }
    bench.envs(rules.map(|file| ("WORST_RULES", file))).envs(captures.map(|folder| ("WORST_CAPTURES", folder)));
    run(&mut bench)?;
    Ok(skipped)
}

/// Exchanging the rules. Out: why not, if it was skipped.
fn reload(inputs: &Inputs<'_>) -> Result<Option<String>> {
    let Some(rules) = inputs.rules()? else { return Ok(Some(format!("reload: {NO_RULES}"))) };
    let mut bench = cargo();
    bench.args(["bench", "--package", "ids-sensor", "--bench", "reload", "--locked"]);
    run(bench.env("RELOAD_RULES", rules))?;
    Ok(None)
}
