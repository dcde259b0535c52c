//! The prefilter never loses a match: alerts are the same when every rule is looked at (`mpm-algo: off`).

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use assert_cmd::Command;

/// Captures of the folder in ../shared that are looked at, and the largest of them in bytes: every rule is looked at for
/// every buffer, which takes its time.
const CAPTURES: usize = 120;
const LARGEST: u64 = 128 * 1024;
/// Every so many-th rule of Emerging Threats.
const SAMPLE: usize = 37;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}

/// Files of a folder with one of these endings, in order; none if there is no such folder.
fn files(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|found| endings.iter().any(|ending| found == *ending)));
    files.sort();
    files
}

/// The alerts of a replay of all captures in a folder, in order.
fn alerts(captures: &Path, rules: &Path, algo: &str) -> Vec<String> {
    let out = tempfile::tempdir().unwrap();
    let mut command = Command::cargo_bin("ids-sensor").expect("built together with the test");
    command.args(["replay", "-k", "none", "--set", "packet-alert-max=1000", "--set"]).arg(format!("mpm-algo={algo}"));
    command.arg("-r").arg(captures).arg("-S").arg(rules).arg("-l").arg(out.path());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let records = fs::read_to_string(out.path().join("eve.json")).unwrap();
    let alerts = records.lines().filter(|line| line.contains(r#""event_type":"alert""#));
    alerts.map(str::to_owned).collect()
}

#[test]
fn no_match_is_lost() {
    let place = tempfile::tempdir().unwrap();
    let (captures, rules) = (place.path().join("captures"), place.path().join("all.rules"));
    fs::create_dir(&captures).unwrap();
    let mut found = files(&folder("pcaps"), &["pcap"]);
    let mut small = files(&folder("../shared/parity/captures"), &["pcap", "pcapng"]);
    small.retain(|path| fs::metadata(path).unwrap().len() < LARGEST);
    let step = small.len().div_ceil(CAPTURES).max(1);
    found.extend(small.into_iter().step_by(step));
    for path in &found {
        symlink(path.canonicalize().unwrap(), captures.join(path.file_name().unwrap())).unwrap();
    }
    let mut text = String::new();
    for file in files(&folder("signatures"), &["rules"]) {
        text += &fs::read_to_string(file).unwrap();
    }
    let sample = fs::read_to_string(folder("../shared/parity/rules/et-open.rules")).unwrap_or_default();
    for rule in sample.lines().filter(|line| line.starts_with("alert")).step_by(SAMPLE) {
        text += rule;
        text.push('\n');
    }
    fs::write(&rules, text).unwrap();

    let (with, without) = (alerts(&captures, &rules, "auto"), alerts(&captures, &rules, "off"));
    assert!(!with.is_empty(), "the captures of the repository raise alerts");
    let differs = with.iter().zip(&without).find(|(with, without)| with != without);
    assert_eq!(differs, None, "with the prefilter, and without");
    assert_eq!(with.len(), without.len());
}
