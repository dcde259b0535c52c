//! How fast the prefilter scans and is built, at several sizes, by algorithm.
//!
//! Patterns and data are made up: patterns of the lengths that rules have, over text and noise. Only ratios within one run
//! mean something. Real patterns and traffic: `ids-sensor/benches/prefilter`.
#![allow(clippy::indexing_slicing, reason = "a benchmark may stop")]

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ids_core::detect::mpm::{Algo, Builder, Mpm, Seen};

const SIZES: [usize; 4] = [50, 1_000, 10_000, 40_000];
const ALGOS: [Algo; 2] = [Algo::Auto, Algo::Ac];
/// Scanned in pieces of this size, like packets.
const PIECE: usize = 1460;

/// The same numbers each time (xorshift, Marsaglia 2003).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % limit
    }

    fn word(&mut self) -> Vec<u8> {
        let letters = b"etaoinshrdlucmfwypvbgkjqxz";
        // Low letters are common ones.
        (0..2 + self.below(8)).map(|_| letters[self.below(26).min(self.below(26))]).collect()
    }
}

fn patterns() -> Vec<Vec<u8>> {
    let mut random = Random(7);
    let separators: [&[u8]; 6] = [b"/", b".", b"=", b"-", b": ", b"\x00"];
    let pattern = |random: &mut Random| {
        let mut pattern = random.word();
        for _ in 0..random.below(4) {
            pattern.extend_from_slice(separators[random.below(6)]);
            pattern.extend(random.word());
        }
        pattern
    };
    (0..SIZES[3]).map(|_| pattern(&mut random)).collect()
}

fn data() -> Vec<u8> {
    let mut random = Random(11);
    let mut data = Vec::new();
    while data.len() < 2 << 20 {
        if random.below(10) < 3 {
            data.extend((0..PIECE).map(|_| random.below(256) as u8));
        } else {
            for _ in 0..200 {
                data.extend(random.word());
                data.push(b' ');
            }
        }
    }
    data
}

fn build(patterns: &[Vec<u8>], algo: Algo) -> Mpm {
    let mut builder = Builder::new();
    for (pattern, id) in patterns.iter().zip(0..) {
        builder.add(pattern, id % 2 == 0, id);
    }
    builder.build(algo).expect("the set is small enough")
}

fn scan(c: &mut Criterion) {
    let (patterns, data) = (patterns(), data());
    let mut group = c.benchmark_group("scan");
    group.throughput(Throughput::Bytes(data.len() as u64)).sample_size(10).measurement_time(Duration::from_secs(2));
    for size in SIZES {
        for algo in ALGOS {
            let mpm = build(&patterns[..size], algo);
            eprintln!("{size} patterns, {algo:?}: {} kB", mpm.memory() / 1024);
            let mut seen = Seen::new();
            group.bench_function(BenchmarkId::new(format!("{algo:?}"), size), |b| {
                b.iter(|| {
                    for piece in data.chunks(PIECE) {
                        seen.clear();
                        mpm.scan(black_box(piece), &mut seen, &mut |id| {
                            black_box(id);
                        });
                    }
                });
            });
        }
    }
}

fn load(c: &mut Criterion) {
    let patterns = patterns();
    let mut group = c.benchmark_group("build");
    group.sample_size(10).measurement_time(Duration::from_secs(2));
    for algo in ALGOS {
        group.bench_function(BenchmarkId::new(format!("{algo:?}"), patterns.len()), |b| {
            b.iter_batched(|| (), |()| build(&patterns, algo), BatchSize::LargeInput);
        });
    }
}

criterion_group!(benches, scan, load);
criterion_main!(benches);
