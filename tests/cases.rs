//! Traffic and rules in, records out: every folder below `tests/cases/`, from end to end.
//!
//! `case.yaml`: what it proves, and flags of `replay`. `traffic.yaml`: the packets, as text, in the form of
//! `ids-sensor rules test`; or `capture` in `case.yaml` names a file. `test.rules`: the rules. `expected.jsonl`: all
//! records but statistics, one a line, field by field. With `BLESS=1` in the environment they are written anew: what
//! changed is for the reader to judge.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use ids_sensor::authoring::trial;
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// In one sentence.
    #[allow(dead_code, reason = "for people; that it is there is what counts")]
    proves: String,
    /// A file, seen from the case's folder.
    capture: Option<PathBuf>,
    #[serde(default)]
    flags: Vec<String>,
}

#[test]
fn records_are_as_expected() {
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/cases");
    let mut folders: Vec<PathBuf> = fs::read_dir(all).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    let bless = std::env::var_os("BLESS").is_some();
    let mut wrong = Vec::new();
    for folder in &folders {
        let expected = folder.join("expected.jsonl");
        let records = records(folder);
        if bless {
            fs::write(&expected, records.iter().map(|record| format!("{record}\n")).collect::<String>()).unwrap();
        }
        let wanted = fs::read_to_string(&expected).unwrap_or_default();
        let wanted: Vec<Value> = wanted.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let name = folder.file_name().unwrap().to_string_lossy();
        wrong.extend(differences(&wanted, &records).into_iter().map(|line| format!("{name}: {line}")));
    }
    assert!(wrong.is_empty(), "of {} cases:\n{}", folders.len(), wrong.join("\n"));
}

/// What the program writes for a case.
fn records(folder: &Path) -> Vec<Value> {
    let case: Case = serde_yaml::from_str(&fs::read_to_string(folder.join("case.yaml")).unwrap()).unwrap();
    let work = tempfile::tempdir().unwrap();
    let capture = case.capture.map_or_else(|| written(folder, work.path()), |name| folder.join(name));
    let mut command = Command::cargo_bin("ids-sensor").unwrap();
    command.args(["replay", "--init-errors-fatal", "--set", "outputs.0.eve-log.pcap-file=no"]).args(&case.flags);
    command.arg("-S").arg(folder.join("test.rules")).arg("-l").arg(work.path()).arg("-r").arg(capture);
    command.assert().success();
    let eve = fs::read_to_string(work.path().join("eve.json")).unwrap();
    let records = eve.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    records.filter(|record| record["event_type"] != "stats").collect()
}

/// The packets of `traffic.yaml` as a capture file.
fn written(folder: &Path, work: &Path) -> PathBuf {
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
    let mut file = words(&[0xa1b2_c3d4, 4 << 16 | 2, 0, 0, 65_535, 1]);
    for (_, cases) in trial::cases(&folder.join("traffic.yaml")).unwrap() {
        for (time, frame) in cases.iter().flat_map(|case| case.frames().unwrap()) {
            let length = u32::try_from(frame.len()).unwrap();
            file.extend(words(&[u32::try_from(time.seconds()).unwrap(), time.subsec_micros() as u32, length, length]));
            file.extend(frame);
        }
    }
    let path = work.join("traffic.pcap");
    fs::write(&path, file).unwrap();
    path
}

/// Every record and field that differs.
fn differences(wanted: &[Value], records: &[Value]) -> Vec<String> {
    let mut found = Vec::new();
    for (at, (wanted, record)) in wanted.iter().zip(records).enumerate() {
        compare(&format!("record {}", at + 1), wanted, record, &mut found);
    }
    for missing in wanted.iter().skip(records.len()) {
        found.push(format!("missing: {missing}"));
    }
    for extra in records.iter().skip(wanted.len()) {
        found.push(format!("not expected: {extra}"));
    }
    found
}

fn compare(path: &str, wanted: &Value, record: &Value, found: &mut Vec<String>) {
    match (wanted, record) {
        (Value::Object(wanted), Value::Object(record)) => {
            let keys: std::collections::BTreeSet<&String> = wanted.keys().chain(record.keys()).collect();
            for key in keys {
                let of = |object: &serde_json::Map<String, Value>| object.get(key).cloned().unwrap_or_default();
                compare(&format!("{path}, {key}"), &of(wanted), &of(record), found);
            }
        }
        (wanted, record) if wanted != record => found.push(format!("{path}: {wanted} expected, {record} written")),
        _ => {}
    }
}
