//! Every capture that lies around goes through the intake: nothing panics, and what comes out is consistent.
//!
//! Captures are those of the repository and those in the folders that `IDS_CAPTURES` lists (separated by `:`), without
//! which `../../shared` is looked at, if it is there.

use std::fs::File;
use std::path::{Path, PathBuf};

use ids_core::counters::{Counter, Counters};
use ids_core::decode::Frame;
use ids_core::intake::Intake;
use ids_core::packet::{LinkType, Packet, Source, Transport};
use ids_core::time::Time;
use ids_core::{checksum, decode, defrag};
use pcap_parser::traits::PcapNGPacketBlock;
use pcap_parser::{PcapBlockOwned, PcapError, create_reader};

fn folders() -> Vec<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let more = match std::env::var("IDS_CAPTURES") {
        Ok(list) => list.split(':').map(PathBuf::from).collect(),
        Err(_) => vec![here.join("../../shared")],
    };
    [vec![here.join("../pcaps")], more].concat()
}

fn captures(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            captures(&path, found);
        } else if path.extension().is_some_and(|end| ["pcap", "pcapng", "cap", "trace"].iter().any(|e| end == *e)) {
            found.push(path);
        }
    }
}

/// Hands every packet of a capture to `each`; what cannot be read ends the capture.
fn packets(path: &Path, each: &mut dyn FnMut(LinkType, Time, &[u8])) {
    let Ok(mut reader) = File::open(path).map_err(|_| ()).and_then(|f| create_reader(1 << 20, f).map_err(|_| ()))
    else {
        return;
    };
    let mut link = LinkType::Other(0);
    let mut links = Vec::new();
    loop {
        match reader.next() {
            Ok((used, block)) => {
                match block {
                    PcapBlockOwned::LegacyHeader(head) => link = LinkType::from_number(head.network.0 as u32),
                    PcapBlockOwned::Legacy(packet) => {
                        let time = Time::from_micros(packet.ts_sec.into(), packet.ts_usec.into());
                        each(link, time, packet.data);
                    }
                    PcapBlockOwned::NG(pcap_parser::Block::InterfaceDescription(interface)) => {
                        links.push(LinkType::from_number(interface.linktype.0 as u32));
                    }
                    PcapBlockOwned::NG(pcap_parser::Block::EnhancedPacket(packet)) => {
                        let link = links.get(packet.if_id as usize).copied().unwrap_or(LinkType::Other(0));
                        let time = u64::from(packet.ts_high) << 32 | u64::from(packet.ts_low);
                        each(link, Time::from_micros(0, time), packet.packet_data());
                    }
                    PcapBlockOwned::NG(_) => {}
                }
                reader.consume(used);
            }
            Err(PcapError::Incomplete(_)) => {
                if reader.refill().is_err() || reader.data().is_empty() {
                    return;
                }
            }
            Err(_) => return,
        }
    }
}

/// Offsets lie within the bytes and in order, and every accessor answers.
fn check(packet: &Packet<'_>) {
    let l = &packet.layers;
    assert!(l.network_at.saturating_add(l.network_len) <= l.network_end, "{packet:?}");
    assert!(l.network_end as usize <= packet.bytes.len(), "{packet:?}");
    if l.transport != Transport::None {
        assert_eq!(l.transport_at, l.network_at + l.network_len, "{packet:?}");
        assert!(l.transport_at + l.transport_len <= l.network_end, "{packet:?}");
        assert!(l.fragment.is_none() && packet.addresses().is_some(), "{packet:?}");
    }
    assert_eq!(packet.tcp().is_some(), l.transport == Transport::Tcp);
    assert!(packet.tunnel.is_none_or(|tunnel| tunnel.depth > 0 && tunnel.depth <= 16));
    let _ = (checksum::network(packet), checksum::transport(packet), packet.icmp_embedded(), packet.arp());
}

#[test]
fn every_capture_goes_through() {
    let mut found = Vec::new();
    folders().iter().for_each(|folder| captures(folder, &mut found));
    assert!(!found.is_empty(), "the repository has a capture");
    for path in found {
        let mut intake = Intake::new(decode::Config { vntag: true, ..Default::default() }, defrag::Config::default());
        let mut counters = Counters::default();
        let (mut id, mut wire) = (0, 0);
        packets(&path, &mut |link, time, bytes| {
            id += 1;
            let frame = Frame { id, port: 0, time, link, bytes };
            let fate = intake.push(&frame, &mut counters, &mut |packet, _| {
                check(packet);
                assert_eq!(packet.id, id);
                wire += u64::from(packet.source == Source::Wire);
            });
            let datagrams = intake.completed();
            intake.settle(&datagrams, fate.verdict);
        });
        assert_eq!((wire, counters.get(Counter::DecoderPkts)), (id, id), "{path:?}");
    }
}
