//! Real rules and real traffic: given on the command line, or found beside the repository. Too large, and under other
//! licences, to lie in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::process::{run, target, which, workspace};

/// The Emerging Threats rules.
pub(super) const RULES: &str = "../shared/parity/rules/et-open.rules";
/// Captures of many protocols.
pub(super) const CAPTURES: &str = "../shared/parity/captures";
const CAPTURE_MAKER: &str = "../shared/parity/make_bench_capture.py";

/// Why there are no rules.
pub(super) const NO_RULES: &str = "no rule file (see --rules)";
/// Why there is no benchmark capture.
pub(super) const NO_CAPTURE: &str = "no capture, or no Python to make it (see --capture)";

/// What the command line gives.
pub(super) struct Inputs<'o> {
    pub(super) rules: Option<&'o Path>,
    pub(super) capture: Option<&'o Path>,
}

impl Inputs<'_> {
    /// The rules to measure with, if there are any.
    pub(super) fn rules(&self) -> Result<Option<PathBuf>> {
        self.rules.map_or_else(|| Ok(unit_file()), |given| Ok(Some(existing(given)?)))
    }

    /// The capture to measure with: given, made before, or made now, if the means are there.
    pub(super) fn capture(&self) -> Result<Option<PathBuf>> {
        if let Some(given) = self.capture {
            return Ok(Some(existing(given)?));
        }
        let capture = folder()?.join("bench.pcap");
        if !capture.is_file() {
            let Some((python, maker)) = which("python3").zip(beside(CAPTURE_MAKER)) else { return Ok(None) };
            // Renamed when it is whole: what an interrupted run leaves is not taken for it.
            let part = folder()?.join("bench.pcap.part");
            run(Command::new(python).arg(maker).arg(&part))?;
            fs::rename(&part, &capture).with_context(|| format!("renaming {}", part.display()))?;
        }
        Ok(Some(capture))
    }
}

/// The file whose compression is the unit of CPU time: always the same one, whatever rules are measured.
pub(super) fn unit_file() -> Option<PathBuf> {
    beside(RULES)
}

/// The folder of captures, if it is there.
pub(super) fn captures() -> Option<PathBuf> {
    Some(workspace().join(CAPTURES)).filter(|folder| folder.is_dir())
}

/// Where benchmarks put files.
pub(super) fn folder() -> Result<PathBuf> {
    let folder = target().join("bench");
    fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    Ok(folder)
}

fn beside(path: &str) -> Option<PathBuf> {
    Some(workspace().join(path)).filter(|file| file.is_file())
}

/// A file that the command line names, by a path that means the same in any folder.
fn existing(path: &Path) -> Result<PathBuf> {
    ensure!(path.is_file(), "{} is not a file", path.display());
    path.canonicalize().with_context(|| format!("finding {}", path.display()))
}
