//! What the configuration says to the engine, apart from rules. Filled in by the sensor; defaults are Suricata's.

use crate::detect::cost::Gauge;
use crate::exception::Exception;
use crate::host_policy::HostPolicy;
use crate::{app, decode, defrag, flow, stream};

/// Which flows are released to the kernel stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Release {
    /// None: there is no kernel stage, or something is told of every packet that it could not tell.
    #[default]
    Nothing,
    /// Those that are bypassed.
    Bypassed,
    /// Also those on which nothing can match any more.
    Done,
}

/// Settings of all stages.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Packets can be dropped: verdicts mean something.
    pub inline: bool,
    /// They mean something for what follows alone: packets are copies of such as have passed. A drop is one of the flow.
    pub late: bool,
    /// Decoding.
    pub decode: decode::Config,
    /// Fragments.
    pub defrag: defrag::Config,
    /// Flows.
    pub flow: flow::Config,
    /// TCP.
    pub stream: stream::Config,
    /// Protocols.
    pub app: app::config::Config,
    /// Operating systems of hosts, for overlapping TCP segments.
    pub hosts: HostPolicy,
    /// What happens to a packet for whose flow there is no memory (`flow.memcap-policy`).
    pub flow_full: Exception,
    /// What happens to a fragment that there is no memory for (`defrag.memcap-policy`).
    pub defrag_full: Exception,
    /// What happens to a flow whose parser gives up (`app-layer.error-policy`).
    pub app_error: Exception,
    /// Most alerts of one packet (`packet-alert-max`).
    pub max_alerts: usize,
    /// Which flows the kernel stage carries ([`Command::Release`](super::Command)).
    pub release: Release,
    /// Flows with more bytes than these, in both directions together, are bypassed.
    pub bypass_above: Option<u64>,
    /// Every packet is told of ([`Event::Packet`](crate::event::Event::Packet)).
    pub packets: bool,
    /// Every anomaly of TCP is told of ([`Event::Anomaly`](crate::event::Event::Anomaly)).
    pub stream_anomalies: bool,
    /// Every frame of a protocol is told of ([`Event::Frame`](crate::event::Event::Frame)).
    pub frames: bool,
    /// How it is measured what rules and flows cost; `None`: not at all.
    pub costs: Option<Gauge>,
}

impl Config {
    /// Whether packets arrive, whatever is decided on them.
    pub const fn arrive(&self) -> bool {
        !self.inline || self.late
    }
}
