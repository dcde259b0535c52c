//! The whole sensor over a capture: packets and bytes per CPU second, and memory, without rules and with.
//!
//! CPU seconds (user and system) instead of the clock, so that other work on the machine matters little; and units beside
//! them, so that machines can be compared: a unit is the CPU time of `gzip -9` over the Emerging Threats rule file.
//! Everything is measured in turn, several times over; the least counts.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::child::{Cost, cost};
use super::inputs::{self, Inputs, NO_CAPTURE, NO_RULES};
use crate::process::{cargo, output, run, target, which, workspace};

/// What is measured, in the order of the table.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Row {
    /// Rules, and one packet: loading them.
    Load,
    Plain,
    Ruled,
}

impl Row {
    const fn name(self) -> &'static str {
        match self {
            Self::Load => "load the rules, one packet",
            Self::Plain => "capture, no rules",
            Self::Ruled => "capture, rules, load not counted",
        }
    }
}

/// Measures. Out: what was skipped, and why.
pub(super) fn replay(inputs: &Inputs<'_>, rounds: u32) -> Result<Vec<String>> {
    let mut skipped = Vec::new();
    let rules = inputs.rules()?;
    if rules.is_none() {
        skipped.push(format!("replay with rules: {NO_RULES}"));
    }
    let capture = inputs.capture()?.unwrap_or_else(|| {
        skipped.push(format!("replay of the benchmark capture: {NO_CAPTURE}; that of pcaps/ is mostly starting up"));
        workspace().join("pcaps")
    });
    let unit = which("gzip").zip(inputs::unit_file());
    if unit.is_none() {
        skipped.push(format!("units: no gzip, or no {}", inputs::RULES));
    }
    run(cargo().args(["build", "--release", "--package", "ids-sensor", "--locked"]))?;
    let sensor = target().join("release/ids-sensor");
    let subject = Subject { sensor, rules, capture, packet: one_packet()?, unit };
    print(&subject, &subject.measure(rounds)?, rounds)?;
    Ok(skipped)
}

/// What is run.
struct Subject {
    sensor: PathBuf,
    rules: Option<PathBuf>,
    capture: PathBuf,
    /// A capture of one packet.
    packet: PathBuf,
    /// `gzip`, and the file whose compression is the unit.
    unit: Option<(PathBuf, PathBuf)>,
}

/// The least that everything cost.
struct Measured {
    unit: Option<f64>,
    rows: Vec<(Row, Cost)>,
}

impl Subject {
    fn measure(&self, rounds: u32) -> Result<Measured> {
        let rows: &[Row] = if self.rules.is_some() { &[Row::Load, Row::Plain, Row::Ruled] } else { &[Row::Plain] };
        let mut units = Vec::new();
        let mut costs = vec![Vec::new(); rows.len()];
        for _ in 0..rounds {
            if let Some((gzip, file)) = &self.unit {
                units.push(cost(Command::new(gzip).args(["-9", "-c"]).arg(file).stdout(Stdio::null()))?);
            }
            for (row, costs) in rows.iter().zip(&mut costs) {
                // What the sensor says of rules it does not know would bury the figures.
                let (log, shown) = messages()?;
                let took = cost(self.replay(*row)?.stdout(Stdio::null()).stderr(log));
                costs.push(took.with_context(|| format!("its messages are in {}", shown.display()))?);
                let store = inputs::folder()?.join("log/store");
                ensure!(!store.exists(), "the sensor kept a store in {}: it was measured, too", store.display());
            }
        }
        let least = |costs: &[Cost]| costs.iter().copied().min_by(|a, b| a.seconds.total_cmp(&b.seconds));
        let rows = rows.iter().zip(&costs).filter_map(|(row, costs)| Some((*row, least(costs)?))).collect();
        Ok(Measured { unit: least(&units).map(|cost| cost.seconds), rows })
    }

    /// The sensor with its own configuration, without the alert store: that is not inspection.
    fn replay(&self, row: Row) -> Result<Command> {
        let logs = inputs::folder()?.join("log");
        if logs.is_dir() {
            fs::remove_dir_all(&logs).with_context(|| format!("emptying {}", logs.display()))?;
        }
        let mut command = Command::new(&self.sensor);
        command.args(["replay", "--json", "--set", "outputs.2.store.enabled=no", "-k", "none", "-l"]).arg(logs);
        command.arg("-r").arg(if row == Row::Load { &self.packet } else { &self.capture });
        match &self.rules {
            Some(rules) if row != Row::Plain => command.arg("-S").arg(rules),
            _ => command.arg("--disable-detection"),
        };
        Ok(command)
    }

    /// Packets and bytes of the capture, as the sensor counts them.
    fn size(&self) -> Result<(f64, f64)> {
        let summary = output(&mut self.replay(Row::Plain)?)?;
        let summary: Value = serde_json::from_str(&summary).context("reading the sensor's summary")?;
        let number = |key: &str| summary[key].as_f64().with_context(|| format!("the summary has no {key}"));
        Ok((number("packets")?, number("bytes")?))
    }
}

fn print(subject: &Subject, measured: &Measured, rounds: u32) -> Result<()> {
    let (packets, bytes) = subject.size()?;
    println!(
        "\n{packets} packets, {bytes} bytes; one worker; a second is one of CPU time, the least of {rounds} rounds"
    );
    if let Some(unit) = measured.unit {
        println!("unit: {unit:.2} CPU s");
    }
    let line =
        |name: &str, cells: [String; 5]| println!("{name:<34}{}", cells.map(|cell| format!("{cell:>11}")).concat());
    line("", ["CPU s", "units", "packets/s", "MB/s", "peak MB"].map(str::to_owned));
    let load = measured.rows.iter().find(|(row, _)| *row == Row::Load).map_or(0.0, |(_, cost)| cost.seconds);
    for (row, cost) in &measured.rows {
        let seconds = cost.seconds - if *row == Row::Ruled { load } else { 0.0 };
        // A capture that is over at once says nothing about speed.
        let measurable = *row != Row::Load && seconds > 0.01;
        let speed = |amount: f64| if measurable { format!("{:.0}", amount / seconds) } else { "-".to_owned() };
        let units = measured.unit.map_or("-".to_owned(), |unit| format!("{:.1}", seconds / unit));
        let memory = (cost.memory / 1_000_000).to_string();
        line(row.name(), [format!("{seconds:.2}"), units, speed(packets), speed(bytes / 1e6), memory]);
    }
    Ok(())
}

/// A file for what the sensor says.
fn messages() -> Result<(File, PathBuf)> {
    let path = inputs::folder()?.join("messages.txt");
    let file = File::create(&path).with_context(|| format!("making {}", path.display()))?;
    Ok((file, path))
}

/// A capture of one packet, an ARP request (pcap, Ethernet), for runs that do nothing else than load.
fn one_packet() -> Result<PathBuf> {
    let mut file = Vec::new();
    let mut word = |value: u32| file.extend(value.to_le_bytes());
    [0xa1b2_c3d4, 0x0004_0002, 0, 0, 65535, 1].into_iter().for_each(&mut word);
    [0, 0, 42, 42].into_iter().for_each(&mut word);
    file.extend([0xff; 6]);
    file.extend([0x02, 0, 0, 0, 0, 1, 0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, 1]);
    file.extend([0x02, 0, 0, 0, 0, 1, 192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 192, 0, 2, 2]);
    let path = inputs::folder()?.join("one-packet.pcap");
    fs::write(&path, file).with_context(|| format!("writing {}", path.display()))?;
    Ok(path)
}
