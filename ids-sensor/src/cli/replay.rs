//! `replay`: arguments → a [`Plan`], and what is printed at the end.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use ids_core::app::frames::is_stream;
use ids_core::app::registry;

use super::args::{ChecksumMode, Replay};
use super::{Failure, say, settings};
use crate::authoring::analysis;
use crate::capture::filter::Filter;
use crate::capture::pcap::OpenError;
use crate::layout;
use crate::replay::{self, Plan, ReplayError};

/// Runs the command.
///
/// # Errors
/// See [`Failure`]. With `--strict`, damage of captures is one (1), after the records were written.
pub fn run(args: &Replay) -> Result<(), Failure> {
    if args.list_app_layer_frames {
        return frames();
    }
    let filter = Filter::parse(&args.filter.join(" ")).map_err(|error| Failure::Usage(error.to_string()))?;
    let log_dir = args.common.log_dir.clone().unwrap_or_else(|| PathBuf::from("./ids-sensor-out"));
    let mut more = checksums(args.checksums);
    if args.costs {
        more.extend(["profiling.rules.enabled=yes", "profiling.rules.active=yes"].map(str::to_owned));
    }
    let config = settings::load(&args.common, &more, args.simulate_ips, Some(&log_dir))?;
    if args.common.dump_config {
        return settings::dump(&config);
    }
    let rules = settings::rules(&args.common, &config)?;
    if args.common.test_config {
        say::line("configuration is fine")?;
        return Ok(());
    }
    if args.engine_analysis {
        return analysis::write(&rules, &config.engine.detect.grouping, &log_dir).map_err(Failure::environment);
    }
    let Some(read) = &args.read else { return Err(Failure::Usage("-r is missing: which capture?".into())) };
    let (captures, folder) = captures(read)?;
    let plan = Plan {
        config: &config,
        captures,
        lenient: folder,
        rules: &rules,
        filter,
        log_dir,
        inline: args.simulate_ips,
        workers: args.workers,
        progress: !args.quiet,
    };
    let summary = replay::run(&plan).map_err(failure)?;
    for warning in &summary.warnings {
        eprintln!("warning: {warning}");
    }
    if args.json {
        say::line(summary.json())?;
    } else if !args.quiet {
        say::text(summary.text(layout::width()))?;
        if let Some(hint) = settings::idle(&args.common, &config, &rules) {
            say::line(format_args!("hint: {hint}"))?;
        }
    }
    Failure::unless_written(summary.write_errors)?;
    if args.common.strict && !summary.warnings.is_empty() {
        let count = layout::count(summary.warnings.len() as u64, "warning");
        return Err(Failure::Refusal(vec![format!(
            "{count} of captures (above) with `--strict`: read the rest without it"
        )]));
    }
    Ok(())
}

/// Why there was no replay, and what may help.
fn failure(error: ReplayError) -> Failure {
    match &error {
        ReplayError::Open(OpenError::NoCapture { .. }) => Failure::refusal(error),
        ReplayError::Open(OpenError::Read { source, .. }) => {
            Failure::Environment(format!("{error}; {}", readable(source.kind())))
        }
        ReplayError::Output(_) => Failure::Environment(format!("{error}; choose where records go with `-l FOLDER`")),
    }
}

/// What helps against captures that cannot be read.
fn readable(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::PermissionDenied => "let this user read it",
        _ => "`-r` takes a capture, a folder of captures, or `-`",
    }
}

/// Prints the kinds of frames, one a line.
fn frames() -> Result<(), Failure> {
    for (_, row) in registry::all() {
        for info in row.frames {
            let udp = row.udp && !is_stream(info);
            for (_, carrier) in [(row.tcp, "tcp"), (udp, "udp")].iter().filter(|known| known.0) {
                say::line(format!("{carrier}: {}", info.name))?;
            }
        }
    }
    Ok(())
}

/// `-k` in the words of the configuration.
fn checksums(mode: Option<ChecksumMode>) -> Vec<String> {
    let value = match mode {
        Some(ChecksumMode::All) => "yes",
        Some(ChecksumMode::None) => "no",
        Some(ChecksumMode::Auto) | None => return Vec::new(),
    };
    vec![format!("stream.checksum-validation={value}"), format!("pcap-file.checksum-checks={value}")]
}

/// The captures to read, and whether they are the files of a folder: those are sorted by name, without hidden
/// ones.
pub(super) fn captures(read: &Path) -> Result<(Vec<PathBuf>, bool), Failure> {
    if read == Path::new("-") || !read.is_dir() {
        return Ok((vec![read.to_owned()], false));
    }
    let failed = |error: std::io::Error| {
        Failure::Environment(format!("cannot read {}: {error}; {}", read.display(), readable(error.kind())))
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(read).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if path.is_file() && !hidden {
            files.push(path);
        }
    }
    files.sort();
    Ok((files, true))
}
