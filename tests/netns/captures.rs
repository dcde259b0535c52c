//! The kernel stage and the engine's decoder see the same in every Ethernet packet of every capture.
//!
//! What the decoder finds says what must become of a packet when nothing is of interest: it may only be kept from the
//! worker if the decoder has nothing to say about it, and has to be if there is no reason to inspect it.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ids_core::counters::Counters;
use ids_core::decode::{self, Frame, Start, decode};
use ids_core::flow::{self, Arrival};
use ids_core::packet::{LinkType, Network, Packet, Source as Origin, Transport};
use ids_core::wire::ip_proto;
use ids_core::wire::tcp::Tcp;
use ids_ebpf::Outcome;
use ids_ebpf::config::{FailPolicy, Mode, PortConfig};
use ids_ebpf::flow::Addr;
use ids_ebpf::headers::{Headers, SYN, icmp_answer};
use ids_ebpf::interest::Interest;
use ids_ebpf::segment::Place;
use ids_sensor::capture::pcap::Pcap;
use ids_sensor::capture::source::{Batch, Source};
use ids_sensor::kernel::tables::flow_key;

use crate::needs_root;
use crate::support::Bench;

/// Sizes of frames that the kernel runs an XDP program on that has no fragments: an Ethernet header and what an MTU
/// allows that XDP can have.
const SIZES: std::ops::RangeInclusive<usize> = 14..=3512;

/// Folders with captures: the repository's, and collections that lie beside it where there are any.
const FOLDERS: [&str; 3] = ["pcaps", "../shared/parity/captures", "../shared/conformance"];

#[test]
fn every_packet_is_classified_as_the_decoder_does() {
    needs_root!();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut captures = Vec::new();
    for folder in FOLDERS {
        let before = captures.len();
        find(&root.join(folder), &mut captures);
        match captures.len() - before {
            0 => println!("skipped: no captures in {folder}"),
            count => println!("{folder}: {count} captures"),
        }
    }
    assert!(captures.iter().any(|path| path.starts_with(root.join("pcaps"))), "the repository has captures");
    let mut check = Check::new();
    for path in &captures {
        check.capture(path);
    }
    let Check { packets, flows, left_out, options, rare_options, faults, bench, .. } = check;
    println!("{packets} packets, {} flows; left out for their size: {left_out}", flows.len());
    println!("{options} packets with TCP options, {rare_options} of them in a rare layout");
    let stats = bench.port.stats().unwrap();
    assert_eq!(stats.received, stats.decided());
    assert!(left_out * 100 < packets, "nearly every packet is small enough to be run");
    assert!(rare_options * 100 < options, "the layouts that are known are those in use");
    assert!(
        faults.is_empty(),
        "{} packets differ, such as:\n{}",
        faults.len(),
        faults[..faults.len().min(30)].join("\n")
    );
}

/// Files that may be captures, at any depth.
fn find(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            find(&path, found);
        } else if path.extension().is_some_and(|end| end == "pcap" || end == "pcapng") {
            found.push(path);
        }
    }
}

struct Check {
    bench: Bench,
    config: decode::Config,
    packets: u64,
    left_out: u64,
    /// Packets with well-formed TCP options, but for those that open a connection, and those of them in a layout that the kernel stage does not know.
    options: u64,
    rare_options: u64,
    /// Keys and directions whose blocking was tried.
    flows: HashSet<(ids_ebpf::flow::FlowKey, bool)>,
    faults: Vec<String>,
}

impl Check {
    fn new() -> Self {
        let mut bench = Bench::new();
        bench.port.configure(PortConfig::new(Mode::Mirror, FailPolicy::Open, u64::MAX)).unwrap();
        bench.inspect();
        bench.tables.set_interest(&Interest::NOTHING).unwrap();
        let (flows, faults) = (HashSet::new(), Vec::new());
        let config = decode::Config::default();
        Self { bench, config, packets: 0, left_out: 0, options: 0, rare_options: 0, flows, faults }
    }

    fn capture(&mut self, path: &Path) {
        // Some cases are about files that are no captures.
        let Ok(mut capture) = Pcap::open(path, None) else { return };
        let mut batch = Batch::default();
        loop {
            batch.clear();
            let more = capture.fill(&mut batch);
            batch.each(|packet| {
                if packet.link != LinkType::Ethernet {
                } else if SIZES.contains(&packet.bytes.len()) {
                    let name = format!("{} {}", path.display(), packet.id);
                    self.packet(&name, &Frame::from(&packet));
                } else {
                    self.left_out += 1;
                }
            });
            if !more {
                break;
            }
        }
    }

    fn packet(&mut self, name: &str, frame: &Frame<'_>) {
        self.packets += 1;
        let mut counters = Counters::default();
        let mut start = Start::captured(frame, &self.config, &mut counters);
        let carried = decode(&mut start, &self.config, &mut counters).map(|inner| inner.packet.source);
        let packet = start.packet;
        let (outcome, _) = self.bench.run(frame.bytes);
        let wanted = wanted(&packet, carried);
        if let [Outcome::FastUninteresting, _] = wanted {
            let opens = packet.tcp().is_some_and(|tcp| tcp.flags().0 & SYN != 0);
            self.options += u64::from(!opens);
            self.rare_options += u64::from(!opens && outcome != Outcome::FastUninteresting);
        }
        if !wanted.contains(&outcome) {
            let (layers, anomalies) = (&packet.layers, &packet.anomalies);
            return self.faults.push(format!("{name}: {outcome:?}, not {wanted:?}: {layers:?} {anomalies:?}"));
        }
        if outcome == Outcome::FastUninteresting && packet.layers.network != Network::Arp {
            self.headers(name, &packet);
            self.flow(name, &packet);
        }
    }

    /// The headers of a whole packet are those that the decoder found.
    fn headers(&mut self, name: &str, packet: &Packet<'_>) {
        let found = Headers::parse(packet.bytes);
        let (src, dst) = packet.addresses().unwrap();
        let (mut src_port, mut dst_port) = packet.ports();
        if let Some((kind, _)) = packet.icmp() {
            (src_port, dst_port) = (kind.into(), icmp_answer(found.version, kind).into());
        }
        let addr = |addr| match addr {
            std::net::IpAddr::V4(addr) => Addr::v4(addr.octets()),
            std::net::IpAddr::V6(addr) => Addr { high: (addr.to_bits() >> 64) as u64, low: addr.to_bits() as u64 },
        };
        let wanted = Headers {
            class: found.class,
            version: if packet.layers.network == Network::Ipv4 { 4 } else { 6 },
            proto: packet.layers.proto,
            tcp_flags: packet.tcp().map_or(0, |tcp| tcp.flags().0),
            tcp_data: packet.tcp().is_some_and(|tcp| !tcp.payload.is_empty()),
            place: match packet.layers.transport {
                Transport::Tcp | Transport::Udp if packet.layers.proto != ip_proto::UDP_LITE => {
                    let header = packet.tcp().map_or(8, |tcp| tcp.header_len());
                    let length = (header + packet.payload().len()) as u16;
                    Place { header: header as u16, length, ..found.place }
                }
                _ => found.place,
            },
            icmp_type: packet.icmp().map_or(0, |(kind, _)| kind),
            vlan: [packet.layers.vlan[0], packet.layers.vlan[1]],
            src_port,
            dst_port,
            src: addr(src),
            dst: addr(dst),
        };
        if found != wanted {
            self.faults.push(format!("{name}: {found:?}, not {wanted:?}"));
        }
    }

    /// A block of the engine's flow drops the packet in the kernel.
    fn flow(&mut self, name: &str, packet: &Packet<'_>) {
        let Some(arrival) = Arrival::of(packet, &flow::Config::default()) else { return };
        let (key, _) = flow_key(&arrival.key, 0).unwrap();
        if !self.flows.insert((key, arrival.src <= arrival.dst)) {
            return;
        }
        let flows = &mut self.bench.tables.flows;
        flows.block(&key, Duration::from_secs(60), 1).unwrap();
        let (outcome, _) = self.bench.run(packet.bytes);
        if outcome != Outcome::DropFlow {
            self.faults.push(format!("{name}: {outcome:?} although {key:?} is blocked"));
        }
        assert!(self.bench.tables.flows.unblock(&key).unwrap());
    }
}

/// What may become of a packet.
fn wanted(packet: &Packet<'_>, carried: Option<Origin>) -> &'static [Outcome] {
    if packet.layers.fragment.is_some() {
        &[Outcome::InspectFragment]
    } else if packet.is_malformed() {
        // What is wrong may be in something that the kernel stage does not look into.
        &[Outcome::InspectMalformed, Outcome::InspectUnknown, Outcome::InspectFragment]
    } else if !packet.anomalies.is_empty() || goes_deeper(packet, carried) {
        &[Outcome::InspectUnknown]
    } else if packet.tcp().is_some_and(|tcp| !tcp.options.is_empty()) {
        // The kernel stage knows the usual layouts alone.
        &[Outcome::FastUninteresting, Outcome::InspectUnknown]
    } else {
        &[Outcome::FastUninteresting]
    }
}

/// Whether there is something in a packet that only the engine looks into.
fn goes_deeper(packet: &Packet<'_>, carried: Option<Origin>) -> bool {
    let layers = &packet.layers;
    let tags = 14 + 4 * u32::from(layers.vlans);
    let plain_header = match layers.network {
        // Control protocols of PPP and the like: nothing is odd about them, but nothing is known either.
        Network::None => return true,
        Network::Arp => return layers.network_at != tags || layers.vlans > 2,
        Network::Ipv4 => 20,
        Network::Ipv6 => 40,
    };
    // Tunnels over UDP are known by their ports, which are interest's business.
    let tunnel = carried.is_some_and(|how| !matches!(how, Origin::Vxlan | Origin::Geneve | Origin::Teredo));
    let v6 = layers.network == Network::Ipv6;
    let message = match packet.icmp() {
        Some((kind, code)) if v6 => code != 0 || !matches!(kind, 128 | 129 | 133..=137),
        Some((kind, code)) => code != 0 || !matches!(kind, 0 | 8),
        None => false,
    };
    // ESP, and GRE with something unknown in it; IPv6 has no other payloads that the kernel stage knows.
    let opaque = matches!(layers.proto, 47 | 50) || (v6 && layers.transport == Transport::None);
    let rare = |tcp: Tcp<'_>| tcp.options().any(|(kind, _)| !matches!(kind, 2..=5 | 8));
    layers.network_at != tags
        || layers.vlans > 2
        || layers.network_len != plain_header
        || tunnel
        || message
        || opaque
        || packet.tcp().is_some_and(rare)
}
