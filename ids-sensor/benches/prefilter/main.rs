//! The prefilter against its peers on real rules and real traffic: our own, `aho-corasick`, and Hyperscan where the
//! machine has it, in one run.
//!
//! `cargo xtask bench prefilter` runs it. `PREFILTER_RULES`: a rule file; its distinct contents of three bytes or more are
//! the patterns, of which samples are taken, the same each time. `PREFILTER_CAPTURE`: a capture; the payloads are scanned
//! packet by packet, and joined by flow and direction in pieces of 16 KiB. Each is measured without the noisiest
//! hundredth of the patterns and with it. Each pattern is told once a buffer, by Hyperscan too. All engines must find
//! the same patterns in the same buffers; otherwise the run ends.

mod hyperscan;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hint::black_box;
use std::path::PathBuf;

use ids_core::counters::Counters;
use ids_core::decode::{self, Frame};
use ids_core::defrag;
use ids_core::detect::bytes::{ChainBuilder, ChainCx, Limits, VarNames};
use ids_core::detect::mpm::{Algo, Builder, Mpm, Seen};
use ids_core::field::BytesKind;
use ids_core::intake::Intake;
use ids_core::rules;
use ids_sensor::capture::pcap::Pcap;
use ids_sensor::capture::source::{Batch, Source};

use hyperscan::{Database, Hyperscan};

const SIZES: [usize; 3] = [1_000, 10_000, 40_000];
/// Contents below this length are left to the few that have nothing better.
const MIN_LENGTH: usize = 3;
const STREAM_PIECE: usize = 16 << 10;
/// Of payload: more would only take longer.
const CORPUS: usize = 96 << 20;
/// Each is timed this often, in turn with the others; the least counts.
const ROUNDS: usize = 3;

/// Bytes, and whether case counts not.
type Pattern = (Vec<u8>, bool);

fn main() {
    let path = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let (Some(rules), Some(capture)) = (path("PREFILTER_RULES"), path("PREFILTER_CAPTURE")) else {
        println!("skipped: set PREFILTER_RULES to a rule file and PREFILTER_CAPTURE to a capture");
        return;
    };
    let patterns = patterns(&std::fs::read_to_string(rules).expect("PREFILTER_RULES is text"));
    let (packets, streams) = payloads(Pcap::open(&capture, None).expect("PREFILTER_CAPTURE is a capture"));
    let library = Hyperscan::load();
    if library.is_none() {
        println!("Hyperscan is not on this machine: its columns stay empty");
    }
    println!("GB/s of CPU time, the best of {ROUNDS} rounds; {} patterns to sample from", patterns.len());
    let head = ["corpus", "patterns", "noisy", "own", "ac", "hs", "own/ac", "own/hs", "own kB", "ac kB", "hs kB"];
    println!("{}", head.map(|name| format!("{name:>8}")).join(" "));
    for size in SIZES.map(|size| size.min(patterns.len())) {
        for noisy in [false, true] {
            let set = if noisy { sample(&patterns, size) } else { quiet(&sample(&patterns, size), &packets) };
            for (name, corpus) in [("packets", &packets), ("streams", &streams)] {
                let mut peers = Peers::build(&set, library.as_ref());
                let row = peers.measure(corpus);
                let hyperscan = |figure: fn(&Row, f64) -> f64| {
                    row.hyperscan.map_or("-".to_owned(), |speed| format!("{:.3}", figure(&row, speed)))
                };
                let cells = [
                    name.to_owned(),
                    set.len().to_string(),
                    if noisy { "with" } else { "without" }.to_owned(),
                    format!("{:.3}", row.own),
                    format!("{:.3}", row.automaton),
                    hyperscan(|_, speed| speed),
                    format!("{:.1}", row.own / row.automaton),
                    hyperscan(|row, speed| row.own / speed),
                    (peers.own.memory() / 1024).to_string(),
                    (peers.automaton.memory() / 1024).to_string(),
                    peers.hyperscan.as_ref().map_or("-".to_owned(), |database| (database.size / 1024).to_string()),
                ];
                println!("{}", cells.map(|cell| format!("{cell:>8}")).join(" "));
            }
        }
    }
}

/// The distinct contents of a rule file.
fn patterns(text: &str) -> Vec<Pattern> {
    let mut found = BTreeSet::new();
    for rule in rules::parse(text).rules {
        let mut contents = rule.options.iter().peekable();
        while let Some(option) = contents.next() {
            if option.name.text != "content" {
                continue;
            }
            // Modifiers follow their content, and the next content or buffer ends them.
            let mut builder = ChainBuilder::new(BytesKind::PLAIN);
            let (mut vars, mut warnings, limits) = (VarNames::default(), Vec::new(), Limits::default());
            let mut cx = ChainCx { vars: &mut vars, warnings: &mut warnings, limits: &limits };
            let mut fine = builder.option(option, &mut cx).is_ok();
            if let Some(nocase) =
                contents.clone().take_while(|next| next.name.text != "content").find(|next| next.name.text == "nocase")
            {
                fine &= builder.option(nocase, &mut cx).is_ok();
            }
            let Some(chain) = fine.then(|| builder.build(&mut cx).ok()).flatten() else { continue };
            found
                .extend(chain.patterns().filter(|p| p.bytes.len() >= MIN_LENGTH).map(|p| (p.bytes.to_vec(), p.nocase)));
        }
    }
    found.into_iter().collect()
}

/// Payloads by packet, and joined by flow and direction.
fn payloads(mut capture: Pcap) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let mut intake = Intake::new(decode::Config::default(), defrag::Config::default());
    let (mut packets, mut streams, mut full) = (Vec::new(), BTreeMap::<_, Vec<u8>>::new(), Vec::new());
    let (mut batch, mut total, mut more) = (Batch::default(), 0, true);
    while more && total < CORPUS {
        more = capture.fill(&mut batch);
        batch.each(|packet| {
            let frame = Frame { id: packet.id, port: 0, time: packet.time, link: packet.link, bytes: packet.bytes };
            intake.push(&frame, &mut Counters::default(), &mut |packet, _| {
                let payload = packet.payload();
                if payload.is_empty() {
                    return;
                }
                total += payload.len();
                packets.push(payload.to_vec());
                let key = (packet.addresses(), packet.ports());
                let stream = streams.entry(key).or_default();
                stream.extend_from_slice(payload);
                if stream.len() >= STREAM_PIECE {
                    full.push(std::mem::take(stream));
                }
            });
        });
        batch.clear();
    }
    full.extend(streams.into_values().filter(|stream| !stream.is_empty()));
    (packets, full)
}

/// A sample that is the same each time: every pattern gets a number by hashing its place (splitmix64, Steele 2014).
fn sample(patterns: &[Pattern], size: usize) -> Vec<Pattern> {
    let number = |place: u64| {
        let mut z = place.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z ^ (z >> 27)
    };
    let mut order: Vec<_> = patterns.iter().zip(0..).map(|(pattern, place)| (number(place), pattern)).collect();
    order.sort();
    order.into_iter().take(size).map(|(_, pattern)| pattern.clone()).collect()
}

/// Without the hundredth that is found in most packets.
fn quiet(patterns: &[Pattern], packets: &[Vec<u8>]) -> Vec<Pattern> {
    let mut counts: HashMap<u32, u32> = HashMap::new();
    let (own, mut seen) = (build(patterns, Algo::Auto), Seen::new());
    for packet in packets {
        seen.clear();
        own.scan(packet, &mut seen, &mut |id| *counts.entry(id).or_default() += 1);
    }
    let mut noisy: Vec<_> = counts.into_iter().map(|(id, count)| (count, id)).collect();
    noisy.sort_unstable_by(|a, b| b.cmp(a));
    let noisy: BTreeSet<_> = noisy.into_iter().take(patterns.len() / 100).map(|(_, id)| id).collect();
    patterns.iter().zip(0..).filter(|(_, id)| !noisy.contains(id)).map(|(pattern, _)| pattern.clone()).collect()
}

fn build(patterns: &[Pattern], algo: Algo) -> Mpm {
    let mut builder = Builder::new();
    for ((bytes, nocase), id) in patterns.iter().zip(0..) {
        builder.add(bytes, *nocase, id);
    }
    builder.build(algo).expect("the set is small enough")
}

/// The engines, ready for one set of patterns.
struct Peers {
    own: Mpm,
    automaton: Mpm,
    hyperscan: Option<Database>,
    seen: Seen,
}

/// GB/s of CPU time.
struct Row {
    own: f64,
    automaton: f64,
    hyperscan: Option<f64>,
}

impl Peers {
    fn build(patterns: &[Pattern], library: Option<&Hyperscan>) -> Self {
        Self {
            own: build(patterns, Algo::Auto),
            automaton: build(patterns, Algo::Ac),
            hyperscan: library.map(|library| library.compile(patterns)),
            seen: Seen::new(),
        }
    }

    fn measure(&mut self, corpus: &[Vec<u8>]) -> Row {
        let bytes: usize = corpus.iter().map(Vec::len).sum();
        let (mut least, mut counts) = ([f64::MAX; 3], [None; 3]);
        for _ in 0..ROUNDS {
            for (engine, (least, count)) in least.iter_mut().zip(&mut counts).enumerate() {
                if engine == 2 && self.hyperscan.is_none() {
                    continue;
                }
                let start = cpu_seconds();
                *count = Some(self.pass(engine, corpus));
                *least = least.min(cpu_seconds() - start);
            }
        }
        let found: BTreeSet<_> = counts.iter().flatten().collect();
        assert_eq!(found.len(), 1, "the engines disagree: {counts:?}");
        let speed = least.map(|seconds| bytes as f64 / seconds / 1e9);
        Row { own: speed[0], automaton: speed[1], hyperscan: self.hyperscan.is_some().then_some(speed[2]) }
    }

    /// How many patterns are found, each once a buffer.
    fn pass(&mut self, engine: usize, corpus: &[Vec<u8>]) -> u64 {
        let mut count = 0;
        for buffer in corpus {
            let mut found = |id| {
                black_box(id);
                count += 1;
            };
            self.seen.clear();
            match (engine, &mut self.hyperscan) {
                (0, _) => self.own.scan(black_box(buffer), &mut self.seen, &mut found),
                (1, _) => self.automaton.scan(black_box(buffer), &mut self.seen, &mut found),
                (_, Some(hyperscan)) => hyperscan.scan(black_box(buffer), &mut found),
                _ => {}
            }
        }
        count
    }
}

/// What this thread has cost.
fn cpu_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
