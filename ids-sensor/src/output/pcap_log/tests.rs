//! Packets made by hand → files, read back.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use ids_core::event::FlowEnd;
use ids_core::flow::{End, Flow};
use ids_core::packet::Packet;
use ids_core::time::Time;

use super::file::CaptureFile;
use super::*;
use crate::config::Config;
use crate::config::node::parse;
use crate::output::fixtures::{a_flow, a_packet, context};

/// Settings as a configuration file gives them.
fn settings(options: &str) -> Settings {
    let config = Config::from_tree(parse(&format!("outputs: [{{pcap-log: {{{options}}}}}]")).unwrap(), false);
    assert_eq!(config.warnings, []);
    config.outputs.pcap_log[0].clone()
}

/// A packet at a second, with or without payload; its bytes tell which it is.
fn at(second: u64, packet: &Packet<'static>) -> Packet<'static> {
    Packet { time: Time::from_micros(second, 7), ..packet.clone() }
}

/// What of these packets is written: their seconds.
fn written(options: &str, act: impl FnOnce(&mut PcapLog, &mut Lines)) -> Vec<u32> {
    let mut log = PcapLog::new(settings(options));
    let mut lines = Lines::default();
    act(&mut log, &mut lines);
    lines.iter().map(|(_, bytes)| record::read(bytes).unwrap().time.0).collect()
}

fn seen<'a>(packet: &'a Packet<'a>, flow: Option<&'a Flow>, alerted: bool, tagged: bool) -> Event<'a> {
    Event::Packet(Seen { context: context(flow), packet, alerted, tagged })
}

#[test]
fn which_packets() {
    let packet = a_packet();
    let mut empty = packet.clone();
    empty.layers.network_end = empty.layers.transport_at + empty.layers.transport_len;
    let (flow, passed) = (a_flow(), Flow { action: Action::Pass, ..a_flow() });
    let other = Flow { id: 9, ..a_flow() };
    let inner = Packet { source: Source::Ipv4Tunnel, ..at(10, &packet) };
    let steps = [
        (at(1, &packet), Some(&flow), false, false),
        (at(2, &empty), Some(&flow), false, false),
        (at(3, &packet), Some(&other), false, true),
        (at(4, &empty), Some(&flow), true, false),
        (at(5, &packet), Some(&flow), true, true),
        (at(6, &packet), None, true, false),
        (at(7, &packet), None, false, false),
        (at(8, &packet), Some(&passed), false, false),
        (inner, Some(&flow), true, true),
    ];
    for (options, want) in [
        ("enabled: yes", &[1, 2, 3, 4, 5, 6, 7, 8][..]),
        ("honor-pass-rules: yes", &[1, 2, 3, 4, 5, 6, 7]),
        ("conditional: alerts", &[1, 4, 5, 6]),
        ("conditional: tag", &[3, 5]),
        ("bpf-filter: udp", &[]),
        ("bpf-filter: tcp, conditional: tag", &[3, 5]),
    ] {
        let got = written(options, |log, lines| {
            for (packet, flow, alerted, tagged) in &steps {
                log.event(&seen(packet, *flow, *alerted, *tagged), lines);
            }
        });
        assert_eq!(got, want, "{options}");
    }
}

#[test]
fn what_is_held_for_a_flow_goes_with_it_and_is_bounded() {
    let (packet, flow) = (at(1, &a_packet()), a_flow());
    let ended = Event::Flow(FlowEnd {
        context: context(Some(&flow)),
        flow: &flow,
        end: End::Timeout,
        tcp: None,
        exceptions: &[],
    });
    let got = written("conditional: alerts", |log, lines| {
        log.event(&seen(&packet, Some(&flow), false, false), lines);
        log.event(&ended, lines);
        log.event(&seen(&packet, Some(&flow), true, false), lines);
    });
    assert_eq!(got.len(), 1);
    let mut refused = 0;
    let got = written("conditional: alerts", |log, lines| {
        (0..10_000).for_each(|_| log.event(&seen(&packet, Some(&flow), false, false), lines));
        refused = std::mem::take(&mut log.held.refused);
        log.event(&seen(&packet, Some(&flow), true, false), lines);
    });
    assert!(refused > 0);
    assert_eq!(got.len() as u64, 10_000 - refused + 1);
}

/// The files that records of packets at these times make, by name: how many packets each has.
fn files(options: &str, folder: &Path, packets: &[Packet<'_>]) -> Vec<(String, usize)> {
    let mut files = CaptureFile::new(&settings(options), folder).unwrap();
    for packet in packets {
        let mut bytes = Vec::new();
        record::write(packet.link, packet.time, packet.bytes, &mut bytes);
        files.write(&bytes).unwrap();
        files.flush().unwrap();
    }
    files.finish().unwrap();
    let mut found: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let mut bytes = fs::read(&path).unwrap();
            if path.extension().is_some_and(|end| end == "lz4") {
                let mut plain = Vec::new();
                lz4_flex::frame::FrameDecoder::new(&bytes[..]).read_to_end(&mut plain).unwrap();
                bytes = plain;
            }
            let header = record::file_header(1);
            assert_eq!(bytes[..20], header[..20], "{}", path.display());
            let one = 16 + packets[0].bytes.len();
            assert_eq!((bytes.len() - header.len()) % one, 0);
            (path.file_name().unwrap().to_str().unwrap().to_owned(), (bytes.len() - header.len()) / one)
        })
        .collect();
    found.sort();
    found
}

#[test]
fn files_are_named_limited_and_compressed() {
    let packet = a_packet();
    let packets = [at(10, &packet), at(10, &packet), at(11, &packet), at(12, &packet)];
    let one = 16 + packet.bytes.len();
    let two = 24 + 2 * one;
    let row = |name: &str, count| (name.to_owned(), count);
    for (options, want) in [
        ("filename: log.pcap".to_owned(), vec![row("log.pcap.10", 4)]),
        ("ts-format: usec".to_owned(), vec![row("log.pcap.10.000007", 4)]),
        ("compression: lz4, filename: a".to_owned(), vec![row("a.10.lz4", 4)]),
        (format!("limit: {two}"), vec![row("log.pcap.10", 2), row("log.pcap.11", 2)]),
        (format!("limit: {two}, max-files: 1"), vec![row("log.pcap.11", 2)]),
        (
            "limit: 1".to_owned(),
            vec![row("log.pcap.10", 1), row("log.pcap.10.1", 1), row("log.pcap.11", 1), row("log.pcap.12", 1)],
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(files(&options, folder.path(), &packets), want, "{options}");
    }
    // Another link type is another file.
    let folder = tempfile::tempdir().unwrap();
    let raw = Packet { link: ids_core::packet::LinkType::Raw, ..at(11, &packet) };
    assert_eq!(files("limit: 0", folder.path(), &[at(10, &packet), raw]).len(), 2);
}

#[test]
fn what_cannot_be_had_is_said() {
    for options in ["mode: multi", "use-stream-depth: yes", "bpf-filter: nonsense words"] {
        let config = Config::from_tree(parse(&format!("outputs: [{{pcap-log: {{{options}}}}}]")).unwrap(), false);
        assert_eq!(config.warnings.len(), 1, "{options}");
    }
}
