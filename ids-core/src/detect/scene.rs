//! What detection is shown: a packet, its flow, what is known of both.

use std::net::IpAddr;

use super::bytes::Buffer;
use super::header::Carriers;
use super::shared::Shared;
use super::state::FlowState;
use crate::anomaly::Anomaly;
use crate::app::probe::DetectionEvent;
use crate::app::registry::ProtoId;
use crate::field::Dir;
use crate::flow::{Endpoint, Flow};
use crate::packet::{Packet, Transport};
use crate::time::Time;

/// Everything that rules can look at, but for transactions.
#[derive(Debug)]
pub struct Scene<'a> {
    /// The packet that is the occasion. At the end of a flow: one without payload.
    pub packet: &'a Packet<'a>,
    /// Its flow.
    pub flow: Option<&'a Flow>,
    /// What detection remembers of that flow.
    pub state: Option<&'a mut FlowState>,
    /// The direction that is inspected: that of the packet, or of the stream data and transactions that it
    /// brought to light (an acknowledgment goes the other way).
    pub dir: Dir,
    /// Whether the flow is established: TCP after the handshake, others once both sides were seen.
    pub established: bool,
    /// What is odd about the packet, TCP included.
    pub anomalies: &'a [Anomaly],
    /// Reassembled data that is due for inspection in this direction.
    pub stream: Option<StreamChunk<'a>>,
    /// The packet's payload is part of the stream, and will be inspected there.
    pub streamed: bool,
    /// Bytes of TCP data so far, by sequence numbers: of the client, of the server.
    pub sizes: [u64; 2],
    /// What is known of the application protocol.
    pub app: AppView<'a>,
    /// State that all flows share.
    pub shared: &'a Shared,
    /// Whether packets can be dropped.
    pub inline: bool,
    /// Whether checksums mean anything: not where hardware fills them in, or checking is off.
    pub checksums: bool,
}

/// Stream data for inspection.
#[derive(Clone, Copy, Debug)]
pub struct StreamChunk<'a> {
    /// The bytes, oldest first; may overlap with what was inspected before.
    pub data: &'a [u8],
    /// Position of the first of them in the stream.
    pub offset: u64,
    /// Nothing follows.
    pub last: bool,
}

impl<'a> StreamChunk<'a> {
    /// The chunk as a buffer for a chain of tests.
    pub(super) const fn buffer(&self) -> Buffer<'a> {
        Buffer { data: self.data, offset: self.offset, complete: self.last, known: 0 }
    }
}

/// What is known of a flow's application protocol.
#[derive(Clone, Copy, Debug, Default)]
pub struct AppView<'a> {
    /// The protocol.
    pub proto: Option<ProtoId>,
    /// What each direction was found to speak.
    pub sides: [Option<ProtoId>; 2],
    /// What it was before it switched.
    pub original: Option<ProtoId>,
    /// It is no known protocol, as far as was seen.
    pub failed: bool,
    /// What it carries cannot be read: rules do not look at the payload.
    pub encrypted: bool,
    /// What recognition found odd on this occasion.
    pub events: &'a [DetectionEvent],
}

impl Scene<'_> {
    /// Sender and receiver in the direction that is inspected; `None` for packets that are not IP.
    pub fn ends(&self) -> Option<(Endpoint, Endpoint)> {
        if let Some(flow) = self.own_flow() {
            return Some(flow.ends(self.dir));
        }
        let (src, dst) = self.packet.addresses()?;
        let (src_port, dst_port) = self.packet.ports();
        Some(((src, src_port).into(), (dst, dst_port).into()))
    }

    /// The addresses of [`Scene::ends`].
    pub fn addresses(&self) -> (Option<IpAddr>, Option<IpAddr>) {
        self.ends().map_or((None, None), |(src, dst)| (Some(src.addr), Some(dst.addr)))
    }

    /// What it travels over.
    pub fn carriers(&self) -> Carriers {
        match self.own_flow() {
            Some(flow) => Carriers::of_number(flow.proto),
            None => Carriers::of(self.packet),
        }
    }

    /// The flow that the packet is a part of. An ICMP error belongs to the flow that it is about, but is of its own kind, and
    /// from whoever sent it.
    pub(super) fn own_flow(&self) -> Option<&Flow> {
        let icmp = matches!(self.packet.layers.transport, Transport::Icmp4 | Transport::Icmp6);
        self.flow.filter(|flow| !icmp || flow.proto == self.packet.layers.proto)
    }

    /// When it happens.
    pub fn at(&self) -> Time {
        self.packet.time
    }
}
