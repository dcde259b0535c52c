//! What the configuration says to the engine, apart from rules. Filled in by the sensor; defaults are Suricata's.

use crate::exception::Exception;
use crate::host_policy::HostPolicy;
use crate::{app, decode, defrag, flow, stream};

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
    /// There is a kernel stage that carries flows on which nothing can match any more ([`Command::Release`](super::Command)).
    pub release: bool,
    /// Flows with more bytes than these, in both directions together, are bypassed.
    pub bypass_above: Option<u64>,
    /// Every packet is told of ([`Event::Packet`](crate::event::Event::Packet)).
    pub packets: bool,
    /// Every frame of a protocol is told of ([`Event::Frame`](crate::event::Event::Frame)).
    pub frames: bool,
}

impl Config {
    /// Whether packets arrive, whatever is decided on them.
    pub const fn arrive(&self) -> bool {
        !self.inline || self.late
    }
}
