//! Bytes per second through TCP sessions: in order, out of order, and the worst an attacker can send.
//!
//! Every case pushes one connection's 256 KiB with the acknowledgments of the other side; both readers take what they get.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ids_core::counters::Counters;
use ids_core::field::Dir;
use ids_core::packet::Anomalies;
use ids_core::stream::{Chunk, Config, Env, Facts, Memory, Policy, Session, push};
use ids_core::time::Time;
use ids_core::wire::tcp::{Flags, Tcp};

const TOTAL: usize = 256 * 1024;

/// A TCP header with payload.
fn segment(flags: u8, seq: u32, ack: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0u8; 20];
    let fields = [(4, seq.to_be_bytes()), (8, ack.to_be_bytes()), (12, [0x50, flags, 0xff, 0xff])];
    for (at, field) in fields {
        if let Some(place) = bytes.get_mut(at..at + 4) {
            place.copy_from_slice(&field);
        }
    }
    bytes.extend_from_slice(payload);
    bytes
}

/// Packets of a connection after the handshake, with their direction.
type Packets = Vec<(Dir, Vec<u8>)>;

fn data(at: usize, length: usize) -> (Dir, Vec<u8>) {
    let payload: Vec<u8> = (at..at + length).map(|byte| (byte % 251) as u8).collect();
    (Dir::ToServer, segment(Flags::ACK, 1 + at as u32, 1, &payload))
}

fn ack(upto: usize) -> (Dir, Vec<u8>) {
    (Dir::ToClient, segment(Flags::ACK, 1, 1 + upto as u32, &[]))
}

/// Segments one after the other; an acknowledgment after every second.
fn in_order(length: usize, total: usize) -> Packets {
    let mut packets = Vec::new();
    for (number, at) in (0..total).step_by(length).enumerate() {
        packets.push(data(at, length));
        if number % 2 == 1 {
            packets.push(ack(at + length));
        }
    }
    packets
}

/// Blocks of 32 segments, each block from its end.
fn reversed_blocks(length: usize) -> Packets {
    let mut packets = Vec::new();
    for block in (0..TOTAL).step_by(length * 32) {
        packets.extend((0..32).rev().map(|number| data(block + number * length, length)));
        packets.push(ack(block + 32 * length));
    }
    packets
}

/// Every second byte, then all of them in large segments, over and over.
fn overlap_storm() -> Packets {
    let window = 32 * 1024;
    let mut packets: Packets = (1..window).step_by(2).map(|at| data(at, 1)).collect();
    for _ in 0..(TOTAL - window / 2) / window {
        packets.extend((1..window - 1024).step_by(1024).map(|at| data(at, 1024)));
    }
    packets
}

/// One-byte segments with a hole before each, from the far end of the window.
fn many_holes() -> Packets {
    (1..60_000).step_by(2).rev().map(|at| data(at, 1)).collect()
}

fn run(packets: &Packets, config: &Config) -> u64 {
    let (mut memory, mut counters) = (Memory::default(), Counters::default());
    let mut slot: Option<Box<Session>> = None;
    let handshake = [
        (Dir::ToServer, segment(Flags::SYN, 0, 0, &[])),
        (Dir::ToClient, segment(Flags::SYN | Flags::ACK, 0, 1, &[])),
        (Dir::ToServer, segment(Flags::ACK, 1, 1, &[])),
    ];
    let mut seen = 0;
    for (dir, bytes) in handshake.iter().chain(packets) {
        let Ok(tcp) = Tcp::parse(bytes) else { continue };
        let mut anomalies = Anomalies::new();
        let mut env = Env { config, memory: &mut memory, counters: &mut counters, anomalies: &mut anomalies };
        let facts = Facts { time: Time::ZERO, checksum_ok: true };
        push(&mut slot, &tcp, *dir, facts, || [Policy::Bsd; 2], &mut env);
        let Some(session) = &mut slot else { continue };
        while let Some(chunk) = session.app(Dir::ToServer) {
            let used = match chunk {
                Chunk::Data { bytes, .. } => bytes.len(),
                Chunk::Gap { .. } => 0,
            };
            seen += used as u64;
            session.app_used(Dir::ToServer, used, 0);
        }
        while session.raw_due(Dir::ToServer) {
            let end = black_box(session.raw(Dir::ToServer)).end();
            session.raw_done(Dir::ToServer, end);
        }
        session.settle(&mut memory);
    }
    seen
}

fn reassembly(criterion: &mut Criterion) {
    let cases = [
        ("in order, 1,024-byte segments", in_order(1024, TOTAL)),
        ("in order, one-byte segments", in_order(1, TOTAL / 8)),
        ("blocks of 32 segments reversed", reversed_blocks(1024)),
        ("overlap storm", overlap_storm()),
        ("many one-byte holes", many_holes()),
    ];
    for inline in [false, true] {
        let config = Config { inline, ..Config::default() };
        let mut group = criterion.benchmark_group(if inline { "inline" } else { "passive" });
        group.sample_size(10);
        for (name, packets) in &cases {
            let payload: usize = packets.iter().map(|(_, bytes)| bytes.len() - 20).sum();
            group.throughput(Throughput::Bytes(payload as u64));
            group.bench_with_input(BenchmarkId::from_parameter(name), packets, |bench, packets| {
                bench.iter(|| black_box(run(packets, &config)));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, reassembly);
criterion_main!(benches);
