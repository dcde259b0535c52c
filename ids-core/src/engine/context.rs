//! Where and when an event happened: the [`Context`] of packets, transactions and flow ends.

use crate::event::{AppInfo, Context, Vars};
use crate::field::Dir;
use crate::flow::Flow;
use crate::packet::{Anomalies, Layers, LinkType, Network, Packet, Source};
use crate::time::Time;

/// What is known of the flow that an event belongs to.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) flow: &'a Flow,
    pub(super) app: AppInfo,
    pub(super) vars: Option<&'a dyn Vars>,
}

/// The context of something that happened on a packet: its own addresses and direction.
pub(super) fn of_packet<'a>(packet: &'a Packet<'_>, known: Option<Known<'a>>, dir: Option<Dir>) -> Context<'a> {
    let addresses = packet.addresses();
    let (src_port, dst_port) = packet.ports();
    Context {
        time: packet.time,
        packet: Some(packet.id),
        order: 0,
        port: packet.port,
        vlans: packet.vlans(),
        src: addresses.map(|pair| pair.0),
        dst: addresses.map(|pair| pair.1),
        src_port,
        dst_port,
        proto: ip_proto(packet),
        icmp: packet.icmp(),
        source: Some(packet.source),
        ether: packet.ether(),
        tunnel: packet.tunnel,
        flow: known.map(|known| known.flow),
        app: known.map(|known| known.app),
        vars: known.and_then(|known| known.vars),
        dir,
    }
}

/// The context of a transaction: the addresses of its flow, in the direction its record shows.
pub(super) fn of_transaction<'a>(
    packet: Option<&'a Packet<'_>>,
    known: Known<'a>,
    time: Time,
    dir: Dir,
) -> Context<'a> {
    let mut context = of_flow(known, time);
    let (from, to) = known.flow.ends(dir);
    (context.src, context.src_port) = (Some(from.addr), from.port);
    (context.dst, context.dst_port) = (Some(to.addr), to.port);
    context.packet = packet.map(|packet| packet.id);
    context.source = Some(packet.map_or(Source::FlowEnd, |packet| packet.source));
    context.ether = packet.and_then(Packet::ether);
    context.tunnel = packet.and_then(|packet| packet.tunnel);
    context.dir = Some(dir);
    context
}

/// What stands in for a packet at the end of a flow.
pub(super) fn farewell(flow: &Flow, now: Time) -> Packet<'static> {
    Packet {
        id: flow.last_packet,
        port: flow.port,
        time: now,
        link: LinkType::Raw,
        bytes: &[],
        frame_at: None,
        layers: Layers { proto: flow.proto, vlan: flow.vlan, vlans: flow.vlans, ..Layers::default() },
        source: Source::FlowEnd,
        tunnel: None,
        refused: None,
        anomalies: Anomalies::new(),
    }
}

/// The context of a match at the end of a flow, on what travelled in a direction.
pub(super) fn at_end<'a>(packet: &Packet<'_>, known: Known<'a>, dir: Dir) -> Context<'a> {
    of_transaction(None, known, packet.time, dir)
}

/// The context of a flow's own record: client to server, caused by no packet.
pub(super) fn of_flow(known: Known<'_>, time: Time) -> Context<'_> {
    let flow = known.flow;
    let vlans = flow.vlan.get(..usize::from(flow.vlans)).unwrap_or_default();
    Context {
        time,
        packet: None,
        order: 0,
        port: flow.port,
        vlans,
        src: Some(flow.client.addr),
        dst: Some(flow.server.addr),
        src_port: flow.client.port,
        dst_port: flow.server.port,
        proto: Some(flow.proto),
        icmp: flow.icmp.first().copied().flatten(),
        source: None,
        ether: None,
        tunnel: None,
        flow: Some(flow),
        app: Some(known.app),
        vars: known.vars,
        dir: None,
    }
}

fn ip_proto(packet: &Packet<'_>) -> Option<u8> {
    matches!(packet.layers.network, Network::Ipv4 | Network::Ipv6).then_some(packet.layers.proto)
}
