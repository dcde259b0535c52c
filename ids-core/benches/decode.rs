//! Packets per second through the intake: a mix of what is common, and each kind alone.
//!
//! `cargo bench -p ids-core --bench decode`

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use etherparse::PacketBuilder;
use ids_core::counters::Counters;
use ids_core::decode::Frame;
use ids_core::intake::Intake;
use ids_core::packet::LinkType;
use ids_core::time::Time;

const MACS: [[u8; 6]; 2] = [[2; 6], [4; 6]];

fn tcp(payload: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let builder = PacketBuilder::ethernet2(MACS[0], MACS[1]).ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64);
    builder.tcp(40_000, 443, 1, 8192).ack(7).write(&mut bytes, &vec![b'x'; payload]).expect("a Vec takes all");
    bytes
}

fn udp6() -> Vec<u8> {
    let mut bytes = Vec::new();
    let builder = PacketBuilder::ethernet2(MACS[0], MACS[1]).ipv6([0xfd; 16], [0xfe; 16], 64);
    builder.udp(40_000, 53).write(&mut bytes, &[0; 40]).expect("a Vec takes all");
    bytes
}

/// TCP with two VLAN tags.
fn qinq() -> Vec<u8> {
    let mut bytes = tcp(100);
    bytes.splice(12..12, [0x88, 0xa8, 0, 1, 0x81, 0, 0, 10]);
    bytes
}

fn vxlan() -> Vec<u8> {
    let mut bytes = Vec::new();
    let builder = PacketBuilder::ethernet2(MACS[0], MACS[1]).ipv4([10, 1, 0, 1], [10, 1, 0, 2], 64);
    let inner = [&[8, 0, 0, 0, 0, 0, 9, 0][..], &tcp(100)].concat();
    builder.udp(40_000, 4789).write(&mut bytes, &inner).expect("a Vec takes all");
    bytes
}

/// The two halves of a UDP datagram.
fn fragments() -> Vec<Vec<u8>> {
    [(0x20, 0u8), (0, 64)]
        .into_iter()
        .map(|(flags, offset)| {
            let mut bytes = tcp(512 - 20);
            bytes.splice(20..22, [flags, offset]);
            bytes
        })
        .collect()
}

fn bench(criterion: &mut Criterion) {
    let mut mix = vec![tcp(0), tcp(0), tcp(1400), tcp(1400), tcp(1400), tcp(300), udp6(), udp6(), qinq(), vxlan()];
    mix.extend(fragments());
    let kinds = [
        ("mix", mix),
        ("tcp", vec![tcp(1400)]),
        ("udp over ipv6", vec![udp6()]),
        ("qinq", vec![qinq()]),
        ("vxlan", vec![vxlan()]),
        ("fragments", fragments()),
    ];
    let mut group = criterion.benchmark_group("intake");
    for (name, packets) in kinds {
        group.throughput(Throughput::Elements(packets.len() as u64));
        let (mut intake, mut counters) = (Intake::default(), Counters::default());
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                for bytes in &packets {
                    let frame = Frame { id: 1, port: 0, time: Time::ZERO, link: LinkType::Ethernet, bytes };
                    let fate = intake.push(&frame, &mut counters, &mut |packet, _| {
                        black_box(packet.layers);
                    });
                    let datagrams = intake.completed();
                    intake.settle(&datagrams, fate.verdict);
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
