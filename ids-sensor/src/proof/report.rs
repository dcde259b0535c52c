//! What a proof came to.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use ids_ebpf::Outcome;
use ids_ebpf::outcome::{Count, Way};
use serde_json::{Value, json};

use super::stage::Stage;
use crate::interest::Report;

/// A record that only one side wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The capture.
    pub capture: PathBuf,
    /// Whether it is the side with the kernel stage that wrote it.
    pub with_stage: bool,
    /// The record.
    pub record: String,
}

/// What a proof came to.
#[derive(Debug, Default)]
pub struct Proof {
    /// Captures compared.
    pub captures: u64,
    /// Records that both sides wrote.
    pub records: u64,
    /// Records that only one did.
    pub differences: Vec<Difference>,
    /// What was wrong with captures.
    pub warnings: Vec<String>,
    /// Packets by what the stage decided.
    pub decided: Vec<(Outcome, Count)>,
    /// Packets that the stage cannot be run on here.
    pub not_run: Count,
    /// Flows that were released.
    pub releases: u64,
    /// What the stage hands up, and why.
    pub wanted: Vec<Report>,
}

/// Differences that are shown.
const SHOWN: usize = 20;

impl Proof {
    /// Puts the records of both sides beside each other.
    pub(super) fn compare(&mut self, capture: &Path, without: Vec<Vec<u8>>, with: Vec<Vec<u8>>) {
        self.captures += 1;
        let mut balance: BTreeMap<Vec<u8>, i64> = BTreeMap::new();
        self.records += with.len() as u64;
        without.into_iter().for_each(|record| *balance.entry(record).or_default() -= 1);
        with.into_iter().for_each(|record| *balance.entry(record).or_default() += 1);
        for (record, count) in balance.into_iter().filter(|(_, count)| *count != 0) {
            let record = String::from_utf8_lossy(record.trim_ascii_end()).into_owned();
            let one = Difference { capture: capture.to_owned(), with_stage: count > 0, record };
            let times = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
            self.records -= if count > 0 { count.unsigned_abs() } else { 0 };
            self.differences.extend(std::iter::repeat_n(one, times));
        }
    }

    /// Takes over what the stage has counted.
    pub(super) fn take(&mut self, stage: &Stage) {
        self.decided = Outcome::ALL.into_iter().zip(stage.counts).filter(|(_, count)| count.packets > 0).collect();
        self.not_run = stage.not_run;
        self.releases = stage.releases;
    }

    /// Packets that stayed in the kernel.
    pub fn kept(&self) -> Count {
        let kept = self.decided.iter().filter(|(outcome, _)| outcome.way() != Way::Inspect);
        kept.fold(Count::default(), |sum, (_, count)| sum.plus(*count))
    }

    /// All packets.
    pub fn all(&self) -> Count {
        self.decided.iter().fold(self.not_run, |sum, (_, count)| sum.plus(*count))
    }

    /// For people.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        for difference in self.differences.iter().take(SHOWN) {
            let side = if difference.with_stage { "with the stage" } else { "without it" };
            let _ = writeln!(text, "{}: only {side}: {}", difference.capture.display(), difference.record);
        }
        if self.differences.len() > SHOWN {
            let _ = writeln!(text, "… and {} more", self.differences.len() - SHOWN);
        }
        let (kept, all) = (self.kept(), self.all());
        let _ = writeln!(
            text,
            "{} captures, {} records alike, {} not",
            self.captures,
            self.records,
            self.differences.len()
        );
        let _ = writeln!(
            text,
            "kept in the kernel: {} of {} packets ({}), {} of {} bytes ({}); {} releases of flows",
            kept.packets,
            all.packets,
            share(kept.packets, all.packets),
            kept.bytes,
            all.bytes,
            share(kept.bytes, all.bytes),
            self.releases,
        );
        for (name, count) in self.by_reason() {
            let (packets, bytes) = (share(count.packets, all.packets), share(count.bytes, all.bytes));
            let _ = writeln!(text, "  {name:22} {:>12} packets ({packets}), {bytes} of the bytes", count.packets);
        }
        for report in &self.wanted {
            let _ = writeln!(text, "{}", report.text());
        }
        text
    }

    /// For programs.
    pub fn json(&self) -> Value {
        let count = |count: Count| json!({"packets": count.packets, "bytes": count.bytes});
        let reasons = self.by_reason().into_iter().map(|(name, one)| (name.to_owned(), count(one)));
        let differences = self
            .differences
            .iter()
            .map(|one| json!({"capture": one.capture, "with_stage": one.with_stage, "record": one.record}));
        json!({
            "captures": self.captures,
            "records": self.records,
            "differences": differences.collect::<Vec<_>>(),
            "all": count(self.all()),
            "kept": count(self.kept()),
            "releases": self.releases,
            "decided": reasons.collect::<serde_json::Map<_, _>>(),
            "wanted": self.wanted,
        })
    }

    fn by_reason(&self) -> Vec<(&'static str, Count)> {
        let decided = self.decided.iter().map(|(outcome, count)| (outcome.name(), *count));
        decided.chain((self.not_run.packets > 0).then_some(("inspect.not_run", self.not_run))).collect()
    }
}

fn share(part: u64, all: u64) -> String {
    // Exact enough for a percentage.
    format!("{:.1} %", part as f64 * 100.0 / (all.max(1)) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_compared_as_often_as_they_come() {
        let lines = |text: &str| text.split_terminator(' ').map(|line| line.as_bytes().to_vec()).collect::<Vec<_>>();
        type Case<'a> = (&'a str, &'a str, u64, &'a [(bool, &'a str)]);
        let cases: [Case<'_>; 4] = [
            ("a b", "b a", 2, &[]),
            ("a a b", "a b", 2, &[(false, "a")]),
            ("a", "a a c", 1, &[(true, "a"), (true, "c")]),
            ("", "x", 0, &[(true, "x")]),
        ];
        for (without, with, alike, differences) in cases {
            let mut proof = Proof::default();
            proof.compare(Path::new("c"), lines(without), lines(with));
            let found: Vec<_> = proof.differences.iter().map(|one| (one.with_stage, one.record.as_str())).collect();
            assert_eq!((proof.records, found.as_slice()), (alike, differences), "{without} / {with}");
        }
    }

    #[test]
    fn shares_are_of_all_packets() {
        let count = |packets| Count { packets, bytes: packets * 100 };
        let decided = vec![(Outcome::Inspect, count(1)), (Outcome::FastReleased, count(2))];
        let proof = Proof { decided, not_run: count(1), ..Proof::default() };
        assert_eq!((proof.kept(), proof.all()), (count(2), count(4)));
        assert!(proof.text().contains("2 of 4 packets (50.0 %)"), "{}", proof.text());
        assert_eq!(proof.json()["kept"]["bytes"], 200);
    }
}
