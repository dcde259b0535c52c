//! Decoding, defragmentation, flows and streams: limits, timeouts, and what happens when a limit is hit.

use std::time::Duration;

use super::node::Value;
use super::scalar;
use super::section::{Section, Warnings};

/// What happens to traffic that a limit keeps from being inspected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// It passes, as far as inspected.
    #[default]
    Ignore,
    /// Its flow is dropped.
    DropFlow,
    /// The packet is dropped.
    DropPacket,
    /// Its flow is dropped and answered with a reset or unreachable.
    Reject,
    /// … to both sides.
    RejectBoth,
    /// The rest of the flow is not looked at.
    Bypass,
    /// No rule looks at the rest of the flow.
    PassFlow,
    /// No rule looks at the packet.
    PassPacket,
}

/// Names of policies; `auto` stands for `None`.
const POLICIES: &[(&str, Option<Policy>)] = &[
    ("auto", None),
    ("ignore", Some(Policy::Ignore)),
    ("drop-flow", Some(Policy::DropFlow)),
    ("drop-packet", Some(Policy::DropPacket)),
    ("reject", Some(Policy::Reject)),
    ("rejectboth", Some(Policy::RejectBoth)),
    ("bypass", Some(Policy::Bypass)),
    ("pass-flow", Some(Policy::PassFlow)),
    ("pass-packet", Some(Policy::PassPacket)),
];

impl Policy {
    /// The word in configuration and records.
    pub fn name(self) -> &'static str {
        POLICIES.iter().find(|(_, policy)| *policy == Some(self)).map_or("auto", |(name, _)| name)
    }
}

/// The settings.
#[derive(Clone, Debug)]
pub struct Traffic {
    /// Which packets with wrong checksums of a capture file count (`pcap-file.checksum-checks`).
    pub pcap_checksums: Checksums,
    /// Header decoding.
    pub decoder: Decoder,
    /// Defragmentation.
    pub defrag: Defrag,
    /// The flow table.
    pub flow: Flow,
    /// How long flows stay without packets.
    pub timeouts: Timeouts,
    /// TCP.
    pub stream: Stream,
    /// Which operating system stands behind which addresses: (name, network), in order.
    pub hosts: Vec<(String, String)>,
    /// Whether VLAN tags tell flows apart.
    pub vlan_tracking: bool,
    /// What happens when a protocol parser fails.
    pub app_error: Policy,
}

/// Whether checksums are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksums {
    /// Always.
    Yes,
    /// Never.
    No,
    /// Not, once so many are wrong that offloading must be the reason.
    Auto,
}

/// `decoder`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoder {
    /// UDP ports of Teredo; `None`: not looked for.
    pub teredo: Option<Vec<u16>>,
    /// UDP ports of VXLAN.
    pub vxlan: Option<Vec<u16>>,
    /// UDP ports of GENEVE.
    pub geneve: Option<Vec<u16>>,
    /// Whether VN-tags are decoded.
    pub vntag: bool,
    /// Layers of one packet that are decoded.
    pub max_layers: u8,
    /// Whether the same addresses inside and outside of a tunnel are two flows.
    pub depth_tracking: bool,
}

/// `defrag`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Defrag {
    /// Memory for fragments, in bytes.
    pub memcap: u64,
    /// Datagrams that may be open at once.
    pub trackers: u32,
    /// Fragments that may be held at once.
    pub max_frags: u32,
    /// How long a datagram may stay incomplete.
    pub timeout: Duration,
    /// What happens when memory is full.
    pub memcap_policy: Policy,
}

/// `flow`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Memory of the table, in bytes.
    pub memcap: u64,
    /// What happens when it is full.
    pub memcap_policy: Policy,
    /// Bytes, in both directions together, beyond which a flow is bypassed.
    pub bypass_above: Option<u64>,
}

/// How long a flow stays without packets, by how far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeout {
    /// Before both sides were seen.
    pub new: Duration,
    /// After that.
    pub established: Duration,
    /// TCP: after it was closed.
    pub closed: Duration,
    /// Once nothing can match on it any more.
    pub bypassed: Duration,
}

/// `flow-timeouts`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Everything without a line of its own.
    pub default: Timeout,
    /// TCP.
    pub tcp: Timeout,
    /// UDP.
    pub udp: Timeout,
    /// ICMP and ICMPv6.
    pub icmp: Timeout,
}

/// `stream`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// Memory for sessions, in bytes.
    pub memcap: u64,
    /// What happens when it is full.
    pub memcap_policy: Policy,
    /// Whether TCP packets with wrong checksums are no part of a session.
    pub checksum_validation: bool,
    /// Whether sessions are picked up in the middle.
    pub midstream: bool,
    /// What happens to sessions that began before the sensor looked.
    pub midstream_policy: Policy,
    /// Whether only one side may be seen.
    pub async_oneside: bool,
    /// Whether data is inspected at once instead of when acknowledged.
    pub inline: Option<bool>,
    /// Whether sessions past their depth are bypassed.
    pub bypass: bool,
    /// Most SYN-ACKs and SYNs remembered of one handshake.
    pub max_syn_queued: u8,
    /// Most SYN-ACKs remembered of one handshake.
    pub max_synack_queued: u8,
    /// Reassembly memory, in bytes.
    pub reassembly_memcap: u64,
    /// What happens when it is full.
    pub reassembly_policy: Policy,
    /// Bytes of a direction that are reassembled; 0: all.
    pub depth: u64,
    /// Bytes to the server before which raw data is not inspected.
    pub toserver_chunk: u32,
    /// The same to the client.
    pub toclient_chunk: u32,
    /// Whether raw data is reassembled at all.
    pub raw: bool,
    /// What urgent bytes are.
    pub urgent: Urgent,
    /// Whether the segment that exceeds the out-of-band limit is dropped, else taken inline.
    pub urgent_limit_drops: bool,
    /// Whether more than this many segments may be held for one session; `None`: no limit but memory.
    pub max_segments: Option<u32>,
}

/// What urgent bytes of TCP are taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgent {
    /// Data like any other.
    Inline,
    /// Taken out of the stream.
    OutOfBand,
    /// The segment is dropped.
    Drop,
    /// They count as missing.
    Gap,
}

impl Traffic {
    pub(super) fn read(root: &Section<'_>, inline: bool, refusals: &Warnings) -> Self {
        let auto = if inline { Policy::DropFlow } else { Policy::Ignore };
        let master = root.word("exception-policy", POLICIES).flatten();
        let policies = Policies { master: master.unwrap_or(auto), auto };
        Self {
            pcap_checksums: root.section("pcap-file", |pcap| {
                pcap.ignore(&[
                    "delete-when-done",
                    "tenant-id",
                    "recursive",
                    "continuous",
                    "delay",
                    "poll-interval",
                    "buffer-size",
                ]);
                checksums(pcap)
            }),
            decoder: Decoder::read(root),
            defrag: Defrag::read(root, policies),
            flow: Flow::read(root, policies),
            timeouts: Timeouts::read(root),
            stream: Stream::read(root, policies, refusals),
            hosts: hosts(root),
            vlan_tracking: root.section("vlan", |vlan| vlan.flag("use-for-tracking", true)),
            app_error: root.section("app-layer", |app| {
                app.ignore(&["*"]);
                policies.of(app, "error-policy")
            }),
        }
    }
}

/// What a policy is where the configuration does not say.
#[derive(Clone, Copy)]
struct Policies {
    master: Policy,
    auto: Policy,
}

impl Policies {
    fn of(self, section: &Section<'_>, key: &'static str) -> Policy {
        match section.word(key, POLICIES) {
            None => self.master,
            Some(None) => self.auto,
            Some(Some(policy)) => policy,
        }
    }
}

/// `yes`, `no`, or `auto` as `None`.
fn auto_flag(section: &Section<'_>, key: &'static str) -> Option<bool> {
    section.parsed(key, "yes, no or auto", |text| match text {
        "auto" => Some(None),
        text => scalar::boolean(text).map(Some),
    })?
}

fn checksums(pcap: &Section<'_>) -> Checksums {
    match auto_flag(pcap, "checksum-checks") {
        Some(true) => Checksums::Yes,
        Some(false) => Checksums::No,
        None => Checksums::Auto,
    }
}

impl Decoder {
    fn read(root: &Section<'_>) -> Self {
        let vars: Vec<(String, String)> = root.section("vars", |vars| {
            vars.ignore(&["*"]);
            vars.section("port-groups", super::texts)
        });
        root.section("decoder", |decoder| {
            let tunnel = |key, enabled, usual: &[u16]| {
                decoder.section(key, |tunnel| {
                    let ports = ports(tunnel, &vars).unwrap_or_else(|| usual.to_vec());
                    tunnel.flag("enabled", enabled).then_some(ports)
                })
            };
            decoder.ignore(&["ipv4", "ipv6", "arp", "ethernet"]);
            Self {
                teredo: tunnel("teredo", true, &[]),
                vxlan: tunnel("vxlan", true, &[4789]),
                geneve: tunnel("geneve", true, &[6081]),
                vntag: decoder.section("vntag", |vntag| vntag.flag("enabled", false)),
                max_layers: decoder.number("max-layers", 16),
                depth_tracking: decoder.section("recursion-level", |level| level.flag("use-for-tracking", true)),
            }
        })
    }
}

/// Ports of a tunnel: numbers, or the name of a port group. None at all are any.
fn ports(section: &Section<'_>, vars: &[(String, String)]) -> Option<Vec<u16>> {
    section.parsed("ports", "a list of ports", |text| {
        let text = text
            .strip_prefix('$')
            .map_or(Some(text), |name| vars.iter().find(|(key, _)| key == name).map(|(_, ports)| ports.as_str()))?;
        if text == "any" { Some(Vec::new()) } else { scalar::ports(text) }
    })
}

impl Defrag {
    fn read(root: &Section<'_>, policies: Policies) -> Self {
        root.section("defrag", |defrag| {
            defrag.ignore(&["hash-size", "prealloc", "host-config"]);
            Self {
                memcap: defrag.bytes("memcap", 32 << 20),
                trackers: defrag.number("trackers", 65_535),
                max_frags: defrag.number("max-frags", 65_535),
                timeout: defrag.duration("timeout", Duration::from_secs(60)),
                memcap_policy: policies.of(defrag, "memcap-policy"),
            }
        })
    }
}

impl Flow {
    fn read(root: &Section<'_>, policies: Policies) -> Self {
        root.section("flow", |flow| {
            flow.ignore(&[
                "hash-size",
                "prealloc",
                "emergency-recovery",
                "managers",
                "recyclers",
                "prune-flows",
                "rate-tracking",
            ]);
            Self {
                memcap: flow.bytes("memcap", 128 << 20),
                memcap_policy: policies.of(flow, "memcap-policy"),
                bypass_above: Some(flow.bytes("bypass-above", 0)).filter(|bytes| *bytes > 0),
            }
        })
    }
}

impl Timeouts {
    fn read(root: &Section<'_>) -> Self {
        let usual = |new, established, closed| Timeout {
            new: Duration::from_secs(new),
            established: Duration::from_secs(established),
            closed: Duration::from_secs(closed),
            bypassed: Duration::from_secs(100),
        };
        root.section("flow-timeouts", |timeouts| Self {
            default: timeouts.section("default", |s| Timeout::read(s, usual(30, 300, 0))),
            tcp: timeouts.section("tcp", |s| Timeout::read(s, usual(60, 600, 60))),
            udp: timeouts.section("udp", |s| Timeout::read(s, usual(30, 300, 0))),
            icmp: timeouts.section("icmp", |s| Timeout::read(s, usual(30, 300, 0))),
        })
    }
}

impl Timeout {
    fn read(section: &Section<'_>, usual: Self) -> Self {
        section.ignore(&["emergency-new", "emergency-established", "emergency-closed", "emergency-bypassed"]);
        Self {
            new: section.duration("new", usual.new),
            established: section.duration("established", usual.established),
            closed: section.duration("closed", usual.closed),
            bypassed: section.duration("bypassed", usual.bypassed),
        }
    }
}

impl Stream {
    fn read(root: &Section<'_>, policies: Policies, refusals: &Warnings) -> Self {
        root.section("stream", |stream| {
            stream.ignore(&["prealloc-sessions", "max-sessions", "drop-invalid", "liberal-timestamps"]);
            let midstream = stream.flag("midstream", false);
            let reassembly = stream.section("reassembly", |s| Reassembly::read(s, policies));
            Self {
                memcap: stream.bytes("memcap", 64 << 20),
                memcap_policy: policies.of(stream, "memcap-policy"),
                checksum_validation: stream.flag("checksum-validation", true),
                midstream,
                midstream_policy: midstream_policy(stream, midstream, policies, refusals),
                async_oneside: stream.flag("async-oneside", false),
                inline: auto_flag(stream, "inline"),
                bypass: stream.flag("bypass", false),
                max_syn_queued: stream.number("max-syn-queued", 10),
                max_synack_queued: stream.number("max-synack-queued", 5),
                reassembly_memcap: reassembly.memcap,
                reassembly_policy: reassembly.policy,
                depth: reassembly.depth,
                toserver_chunk: reassembly.chunks[0],
                toclient_chunk: reassembly.chunks[1],
                raw: reassembly.raw,
                urgent: reassembly.urgent,
                urgent_limit_drops: reassembly.urgent_limit_drops,
                max_segments: reassembly.max_segments,
            }
        })
    }
}

/// `stream.reassembly`, on its way into [`Stream`].
struct Reassembly {
    memcap: u64,
    policy: Policy,
    depth: u64,
    chunks: [u32; 2],
    raw: bool,
    urgent: Urgent,
    urgent_limit_drops: bool,
    max_segments: Option<u32>,
}

impl Reassembly {
    fn read(s: &Section<'_>, policies: Policies) -> Self {
        s.ignore(&[
            "randomize-chunk-size",
            "randomize-chunk-range",
            "segment-prealloc",
            "check-overlap-different-data",
            "zero-copy-size",
        ]);
        let (urgent, urgent_limit_drops) = s.section("urgent", |urgent| {
            urgent.ignore(&["oob-limit"]);
            const WORDS: &[(&str, Urgent)] =
                &[("inline", Urgent::Inline), ("oob", Urgent::OutOfBand), ("drop", Urgent::Drop), ("gap", Urgent::Gap)];
            let policy = urgent.word("policy", WORDS).unwrap_or(Urgent::OutOfBand);
            let drops = urgent.word("oob-limit-policy", &[("drop", true), ("inline", false), ("gap", false)]);
            (policy, drops.unwrap_or(true))
        });
        Self {
            memcap: s.bytes("memcap", 256 << 20),
            policy: policies.of(s, "memcap-policy"),
            depth: s.bytes("depth", 1 << 20),
            chunks: [s.number("toserver-chunk-size", 2560), s.number("toclient-chunk-size", 2560)],
            raw: s.flag("raw", true),
            urgent,
            urgent_limit_drops,
            max_segments: s.number_opt("max-segments"),
        }
    }
}

/// Whole sessions are at stake, so policies for single packets cannot be meant; and where sessions are picked
/// up, nothing is left that could be dropped, rejected or bypassed for having begun early (user guide,
/// "Exception Policies", table of midstream sessions).
fn midstream_policy(stream: &Section<'_>, midstream: bool, policies: Policies, refusals: &Warnings) -> Policy {
    let fits = |policy| match policy {
        Policy::Ignore | Policy::PassFlow => true,
        Policy::DropFlow | Policy::Reject | Policy::RejectBoth | Policy::Bypass => !midstream,
        Policy::DropPacket | Policy::PassPacket => false,
    };
    // The master switch may bypass them all the same.
    let inherited = |policy| if fits(policy) || policy == Policy::Bypass { policy } else { Policy::Ignore };
    match stream.word("midstream-policy", POLICIES) {
        None => inherited(policies.master),
        Some(None) => inherited(policies.auto),
        Some(Some(policy)) if fits(policy) => policy,
        Some(Some(policy)) => {
            let line = stream.node("midstream-policy").map_or(0, |node| node.line);
            let picked = if midstream { "are" } else { "are not" };
            let message = format!("`{}` has no meaning where midstream sessions {picked} picked up", policy.name());
            refusals.add(line, "stream.midstream-policy", message, "use `ignore` or `pass-flow`");
            Policy::Ignore
        }
    }
}

/// `host-os-policy`: a policy's name and its networks.
fn hosts(root: &Section<'_>) -> Vec<(String, String)> {
    root.section("host-os-policy", |policies| {
        let mut hosts = Vec::new();
        for (name, node) in policies.entries() {
            match &node.value {
                Value::List(items) => hosts.extend(items.iter().map(|item| (name.clone(), super::expression(item)))),
                Value::Text(text) => hosts.push((name.clone(), text.clone())),
                Value::Null | Value::Map(_) => {}
            }
        }
        hosts
    })
}
