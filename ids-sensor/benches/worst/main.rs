//! How much longer than usual the engine can be made to work: time per byte of crafted traffic and of odd captures, beside
//! the median of ordinary captures, all in one run.
//!
//! `cargo xtask bench worst` runs it. `WORST_RULES`: a rule file; without it the embedded signatures. `WORST_CAPTURES`: a
//! folder of captures, of which those of 64 KiB and more count; without it the median is that of the crafted cases. CPU
//! time of this thread, the least of several rounds, with a fresh engine for each; no records are written. It fails if
//! anything takes more than 50 times the median.

mod crafted;
mod protocols;
mod wire;

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use ids_core::app::App;
use ids_core::detect::bytes::{ChainBuilder, ChainCx, Limits, VarNames};
use ids_core::detect::rule_set::RuleSet;
use ids_core::detect::shared::Shared;
use ids_core::engine::{Command, Config, Engine, Side, Sink};
use ids_core::event::Event;
use ids_core::field::BytesKind;
use ids_core::packet::{LinkType, PacketIn};
use ids_core::rules;
use ids_core::time::Time;
use ids_core::verdict::Verdict;
use ids_sensor::capture::pcap::Pcap;
use ids_sensor::capture::source::{Batch, Source};
use ids_sensor::config;
use ids_sensor::ruleset::{self, From};

/// Smaller captures say little.
const LEAST: usize = 64 * 1024;
/// The bound: so many times the median.
const BOUND: f64 = 50.0;
/// Each is measured this often; the least counts.
const ROUNDS: usize = 3;
/// Of the captures, as many as are shown.
const SHOWN: usize = 12;
/// Time that passes between two packets of crafted traffic.
const STEP: u64 = 20;

/// A packet that was captured or made.
struct Taken {
    time: Time,
    link: LinkType,
    bytes: Vec<u8>,
}

/// Something that was measured.
struct Row {
    name: String,
    bytes: usize,
    /// Nanoseconds of CPU time for each byte.
    cost: f64,
}

fn main() -> ExitCode {
    let path = |name: &str| std::env::var_os(name).map(PathBuf::from);
    // Crafted packets have no checksums, and captures often wrong ones.
    let source = config::Source { set: vec!["stream.checksum-validation=no".to_owned()], ..config::Source::default() };
    let config = config::load(&source).expect("the embedded configuration is good");
    let from = path("WORST_RULES").map_or(From::Embedded, |file| From::Files(vec![file]));
    let loaded = ruleset::load(&config, &from);
    let contents: Vec<Vec<u8>> = loaded.sources.iter().flat_map(|source| contents(&source.text)).collect();
    let bench = Bench { settings: Arc::new(config::core::engine(&config, false)), rules: loaded.rules };
    println!("{} rules; ns of CPU time a byte, the least of {ROUNDS} rounds", bench.rules.len());

    let mut captures: Vec<Row> = path("WORST_CAPTURES").iter().flat_map(|folder| bench.captures(folder)).collect();
    let general = crafted::cases(&contents).into_iter().map(|case| (None, case));
    let spoken = protocols::cases().into_iter().map(|(protocol, case)| (Some(protocol), case));
    let crafted: Vec<Row> =
        general.chain(spoken).map(|(protocol, (name, packets))| bench.crafted(name, protocol, packets)).collect();
    captures.sort_by(|a, b| b.cost.total_cmp(&a.cost));
    let usual = if captures.is_empty() { &crafted } else { &captures };
    let median = median(usual);
    println!(
        "median of {} {}: {median:.2}",
        usual.len(),
        if captures.is_empty() { "crafted cases" } else { "captures" }
    );
    let shown = captures.iter().take(SHOWN).chain(&crafted);
    for row in shown {
        println!("{:<46}{:>10} bytes{:>10.2}{:>8.1}x", row.name, row.bytes, row.cost, row.cost / median);
    }
    let worst = captures.iter().chain(&crafted).filter(|row| row.cost > BOUND * median).count();
    if worst > 0 {
        println!("{worst} take more than {BOUND} times the median");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn median(rows: &[Row]) -> f64 {
    let mut costs: Vec<f64> = rows.iter().map(|row| row.cost).collect();
    costs.sort_by(f64::total_cmp);
    costs.get(costs.len() / 2).copied().unwrap_or(1.0)
}

/// The contents of the rules in a text.
fn contents(text: &str) -> Vec<Vec<u8>> {
    let (mut vars, mut warnings, limits) = (VarNames::default(), Vec::new(), Limits::default());
    let mut found = Vec::new();
    for option in rules::parse(text).rules.iter().flat_map(|rule| &rule.options) {
        if option.name.text == "content" {
            let mut chain = ChainBuilder::new(BytesKind::PLAIN);
            let mut cx = ChainCx { vars: &mut vars, warnings: &mut warnings, limits: &limits };
            if chain.option(option, &mut cx).is_ok()
                && let Ok(chain) = chain.build(&mut cx)
            {
                found.extend(chain.patterns().map(|pattern| pattern.bytes.to_vec()));
            }
        }
    }
    found
}

/// What is measured with.
struct Bench {
    settings: Arc<Config>,
    rules: RuleSet,
}

impl Bench {
    /// Every capture of a folder that is large enough.
    fn captures(&self, folder: &Path) -> Vec<Row> {
        let files = std::fs::read_dir(folder).expect("WORST_CAPTURES is a folder");
        let mut paths: Vec<PathBuf> = files.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        let rows = paths.iter().filter_map(|path| {
            let packets = read(path)?;
            let name = path.file_name()?.to_string_lossy().into_owned();
            (total(&packets) >= LEAST).then(|| self.row(name, &packets))
        });
        rows.collect()
    }

    /// Crafted packets, which must be read by a protocol if one is named: what it does not read says nothing of it.
    fn crafted(&self, name: &str, protocol: Option<&str>, packets: Vec<Vec<u8>>) -> Row {
        let timed = packets.into_iter().enumerate().map(|(number, bytes)| {
            let time = Time::from_micros(1_000_000, number as u64 * STEP);
            Taken { time, link: LinkType::Raw, bytes }
        });
        let packets: Vec<Taken> = timed.collect();
        if let Some(protocol) = protocol {
            let (_, engine) = self.run(&packets);
            let mut counts = engine.counters().protocols.iter().filter(|(name, _)| name.starts_with(protocol));
            assert!(counts.any(|(_, counts)| counts.flows > 0), "{name}: {protocol} read nothing of it");
        }
        self.row(name.to_owned(), &packets)
    }

    fn row(&self, name: String, packets: &[Taken]) -> Row {
        let bytes = total(packets);
        let seconds = (0..ROUNDS).map(|_| self.run(packets).0).min_by(f64::total_cmp).unwrap_or_default();
        Row { name, bytes, cost: seconds * 1e9 / bytes as f64 }
    }

    /// CPU seconds of a fresh engine for all packets, and the engine.
    fn run(&self, packets: &[Taken]) -> (f64, Engine) {
        let app = Arc::new(App::new(self.settings.app.clone()));
        let mut engine = Engine::new(Arc::clone(&self.settings), app, Shared::default());
        let mut own: Vec<Vec<u8>> = packets.iter().map(|packet| packet.bytes.clone()).collect();
        let start = cpu_seconds();
        for ((packet, bytes), id) in packets.iter().zip(&mut own).zip(1..) {
            engine.push(
                &self.rules,
                PacketIn { id, port: 0, time: packet.time, link: packet.link, bytes },
                &mut Nobody,
            );
        }
        engine.finish(&self.rules, &mut Nobody);
        let took = cpu_seconds() - start;
        black_box(engine.counters());
        (took, engine)
    }
}

fn total(packets: &[Taken]) -> usize {
    packets.iter().map(|packet| packet.bytes.len()).sum()
}

/// The packets of a capture; `None` if it is none.
fn read(path: &Path) -> Option<Vec<Taken>> {
    let mut capture = Pcap::open(path, None).ok()?;
    let (mut batch, mut packets, mut more) = (Batch::default(), Vec::new(), true);
    while more {
        more = capture.fill(&mut batch);
        batch.each(|packet| {
            packets.push(Taken { time: packet.time, link: packet.link, bytes: packet.bytes.to_vec() });
        });
        batch.clear();
    }
    Some(packets)
}

/// Hears nothing of it.
struct Nobody;

impl Sink for Nobody {
    fn verdict(&mut self, _: u64, _: Verdict) {}
    fn inject(&mut self, _: u16, _: Side, _: &[u8]) {}
    fn kernel(&mut self, _: Command) {}
    fn event(&mut self, _: Event<'_>) {}
}

/// CPU time of this thread so far.
fn cpu_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
