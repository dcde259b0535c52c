//! Settings → the shape that the engine takes.
//!
//! The one place where settings meet the structures of `ids-core`.

use ids_core::decode;
use ids_core::defrag;
use ids_core::engine::{self, Release};
use ids_core::exception::Exception;
use ids_core::flow;
use ids_core::host_policy::{ByPrefix, HostPolicy, Policy as Os, Prefix};
use ids_core::stream;

use super::Config;
use super::eve::Eve;
use super::traffic::{Policy, Stream, Timeout, Traffic, Urgent};
use crate::costs;
use crate::magic;

/// The engine's settings for a run that can drop packets (`inline`) or cannot.
pub fn engine(config: &Config, inline: bool) -> engine::Config {
    let traffic = &config.traffic;
    let hosts = hosts(traffic);
    if config.engine.app.files.care.wanted.kind {
        magic::prepare();
    }
    engine::Config {
        inline,
        late: false,
        decode: decode::Config {
            max_layers: traffic.decoder.max_layers,
            vxlan: ports(traffic.decoder.vxlan.as_ref()),
            geneve: ports(traffic.decoder.geneve.as_ref()),
            teredo: ports(traffic.decoder.teredo.as_ref()),
            vntag: traffic.decoder.vntag,
            erspan_type1: false,
        },
        defrag: defrag::Config {
            memcap: usize::try_from(traffic.defrag.memcap).unwrap_or(usize::MAX),
            trackers: traffic.defrag.trackers as usize,
            max_frags: traffic.defrag.max_frags as usize,
            timeout: traffic.defrag.timeout,
            host_timeouts: ByPrefix::default(),
            policies: hosts.clone(),
            vlan_for_tracking: traffic.vlan_tracking,
            depth_for_tracking: traffic.decoder.depth_tracking,
        },
        flow: flow::Config { macs: config.outputs.eve.iter().any(|eve| eve.ethernet), ..flow_table(traffic) },
        stream: tcp(&traffic.stream, inline),
        app: config.engine.app.clone(),
        hosts,
        flow_full: exception(packet_policy(traffic.flow.memcap_policy)),
        defrag_full: exception(packet_policy(traffic.defrag.memcap_policy)),
        app_error: exception(traffic.app_error),
        max_alerts: config.engine.detect.alerts_per_packet,
        packets: !config.outputs.pcap_log.is_empty(),
        stream_anomalies: config
            .outputs
            .eve
            .iter()
            .any(|eve| eve.types.anomaly.as_ref().is_some_and(|kinds| kinds.stream)),
        frames: config.outputs.eve.iter().any(|eve| eve.types.frame.is_some()),
        release: Release::Nothing,
        bypass_above: traffic.flow.bypass_above,
        costs: costs::gauge(&config.profiling),
    }
}

/// Which flows the kernel stage can carry for these records: it knows nothing of TTLs and MAC addresses, nor which rules
/// would leave variables on a packet.
pub fn release(config: &Config) -> Release {
    let any = |asks: fn(&Eve) -> bool| config.outputs.eve.iter().any(asks);
    if any(|eve| eve.types.netflow || eve.ethernet) {
        Release::Nothing
    } else if any(|eve| eve.types.metadata) {
        Release::Bypassed
    } else {
        Release::Done
    }
}

fn flow_table(traffic: &Traffic) -> flow::Config {
    let usual = flow::config::Timeouts::default();
    let timeouts = &traffic.timeouts;
    flow::Config {
        memcap: traffic.flow.memcap,
        evict: traffic.flow.memcap_policy == Policy::Ignore,
        timeouts: flow::config::Timeouts {
            tcp: limits(&timeouts.tcp, usual.tcp),
            udp: limits(&timeouts.udp, usual.udp),
            icmp: limits(&timeouts.icmp, usual.icmp),
            other: limits(&timeouts.default, usual.other),
        },
        vlan_tracking: traffic.vlan_tracking,
        depth_tracking: traffic.decoder.depth_tracking,
        ..flow::Config::default()
    }
}

fn limits(timeout: &Timeout, usual: flow::config::Limits) -> flow::config::Limits {
    let normal = flow::config::Spans {
        new: timeout.new,
        established: timeout.established,
        closed: timeout.closed,
        bypassed: timeout.bypassed,
    };
    flow::config::Limits { normal, ..usual }
}

fn tcp(settings: &Stream, inline: bool) -> stream::Config {
    let usual = stream::Config::default();
    stream::Config {
        inline: settings.inline.unwrap_or(inline),
        midstream: settings.midstream,
        midstream_policy: exception(settings.midstream_policy),
        async_oneside: settings.async_oneside,
        memcap: settings.memcap,
        memcap_policy: exception(settings.memcap_policy),
        checksum_validation: settings.checksum_validation,
        max_syn_queued: settings.max_syn_queued.into(),
        max_synack_queued: settings.max_synack_queued.into(),
        bypass: settings.bypass,
        reassembly: stream::config::Reassembly {
            memcap: settings.reassembly_memcap,
            memcap_policy: exception(settings.reassembly_policy),
            depth: settings.depth,
            raw: settings.raw,
            chunk_size: [settings.toserver_chunk, settings.toclient_chunk],
            urgent: match settings.urgent {
                Urgent::Inline => stream::config::UrgentPolicy::Inline,
                Urgent::OutOfBand => stream::config::UrgentPolicy::OutOfBand,
                Urgent::Drop => stream::config::UrgentPolicy::Drop,
                Urgent::Gap => stream::config::UrgentPolicy::Gap,
            },
            urgent_limit_policy: if settings.urgent_limit_drops {
                stream::config::UrgentPolicy::Drop
            } else {
                stream::config::UrgentPolicy::Inline
            },
            ..usual.reassembly
        },
        ..usual
    }
}

/// Where there is no flow, what is said of flows holds for the packet.
const fn packet_policy(policy: Policy) -> Policy {
    match policy {
        Policy::DropFlow => Policy::DropPacket,
        Policy::PassFlow | Policy::Bypass => Policy::PassPacket,
        other => other,
    }
}

const fn exception(policy: Policy) -> Exception {
    match policy {
        Policy::Ignore => Exception::Ignore,
        Policy::DropFlow => Exception::DropFlow,
        Policy::DropPacket => Exception::DropPacket,
        Policy::Reject => Exception::Reject,
        Policy::RejectBoth => Exception::RejectBoth,
        Policy::Bypass => Exception::Bypass,
        Policy::PassFlow => Exception::PassFlow,
        Policy::PassPacket => Exception::PassPacket,
    }
}

/// Ports of a tunnel protocol; no ports at all means any.
fn ports(list: Option<&Vec<u16>>) -> decode::Ports {
    match list {
        None => decode::Ports::None,
        Some(list) if list.is_empty() => decode::Ports::Any,
        Some(list) => decode::Ports::These(list.clone()),
    }
}

/// `host-os-policy`. Names and networks were checked when read.
fn hosts(traffic: &Traffic) -> HostPolicy {
    let row = |(name, network): &(String, String)| {
        let prefix: Prefix = network.parse().ok()?;
        Some((prefix, Os::find(name)?))
    };
    HostPolicy::new(traffic.hosts.iter().filter_map(row).collect())
}
