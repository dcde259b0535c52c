//! What the flow table needs to know of a packet.

use super::config::Config;
use super::key::{esp_endpoints, icmp_endpoints};
use super::{Endpoint, Key};
use crate::packet::{Network, Packet, Transport};
use crate::time::Time;
use crate::wire::esp::Esp;
use crate::wire::ip_proto;
use crate::wire::tcp::Tcp;

/// A packet that belongs to a flow.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// Key of its flow.
    pub key: Key,
    /// Sender, with port.
    pub src: Endpoint,
    /// Receiver, with port.
    pub dst: Endpoint,
    /// VLAN ids, outermost first.
    pub vlan: [u16; 3],
    /// How many VLAN ids there are.
    pub vlans: u8,
    /// Port it came in on.
    pub port: u16,
    /// Number of the packet.
    pub packet: u64,
    /// When it was captured.
    pub time: Time,
    /// Its length in bytes, link layer included.
    pub bytes: u64,
    /// TTL or hop limit.
    pub ttl: Option<u8>,
    /// ICMP type and code.
    pub icmp: Option<(u8, u8)>,
    /// ESP: the security parameters index.
    pub spi: Option<u32>,
    /// Source and destination MAC address, if they are kept.
    pub macs: Option<([u8; 6], [u8; 6])>,
    /// The TCP header.
    pub tcp: Option<Tcp<'a>>,
}

impl<'a> Arrival<'a> {
    /// From a decoded packet; `None` if it belongs to no flow: no IP, a fragment, or a protocol without flows.
    pub fn of(packet: &Packet<'a>, config: &Config) -> Option<Self> {
        let layers = &packet.layers;
        let spi = esp(packet).map(|esp| esp.spi());
        let carrier = matches!(layers.proto, ip_proto::IPV4 | ip_proto::IPV6) && layers.fragment.is_none();
        let has_flow = layers.transport != Transport::None || spi.is_some() || carrier;
        let (src, dst) = packet.addresses().filter(|_| has_flow)?;
        let (src_port, dst_port) = packet.ports();
        let (src, dst): (Endpoint, Endpoint) = ((src, src_port).into(), (dst, dst_port).into());
        let icmp = packet.icmp();
        let v6 = layers.network == Network::Ipv6;
        let ends = match (icmp, spi) {
            (Some((kind, _)), _) => icmp_endpoints(src.addr, dst.addr, v6, kind),
            (None, Some(spi)) => esp_endpoints(src.addr, dst.addr, spi),
            (None, None) => (src, dst),
        };
        let depth = packet.tunnel.map_or(0, |tunnel| tunnel.depth);
        Some(Self {
            key: key(ends, layers.proto, packet, depth, config),
            src,
            dst,
            vlan: layers.vlan,
            vlans: layers.vlans,
            port: packet.port,
            packet: packet.id,
            time: packet.time,
            bytes: packet.bytes.len() as u64,
            ttl: packet.ttl(),
            icmp,
            spi,
            macs: packet.ether().filter(|_| config.macs).map(|(src, dst, _)| (src, dst)),
            tcp: packet.tcp(),
        })
    }

    /// For an ICMP error: the key of the flow that it is about, from the packet it quotes, which travelled from `src`
    /// to `dst`.
    pub fn quoted_key(&self, src: Endpoint, dst: Endpoint, proto: u8) -> Key {
        let (quoted, _) = Key::new(src, dst, proto, self.key.vlan, self.key.depth);
        Key { device: self.key.device, ..quoted }
    }
}

/// The header of ESP, which has flows though it has no ports (RFC 4303).
fn esp<'a>(packet: &Packet<'a>) -> Option<Esp<'a>> {
    let is = packet.layers.proto == ip_proto::ESP && packet.layers.fragment.is_none();
    if is { Esp::parse(packet.payload()).ok() } else { None }
}

/// The key of a packet's flow, as the configuration tells flows apart.
fn key((src, dst): (Endpoint, Endpoint), proto: u8, packet: &Packet<'_>, depth: u8, config: &Config) -> Key {
    let vlan = if config.vlan_tracking { packet.layers.vlan } else { [0; 3] };
    let depth = if config.depth_tracking { depth } else { 0 };
    let (key, _) = Key::new(src, dst, proto, vlan, depth);
    let device = config.devices.get(usize::from(packet.port)).copied().unwrap_or(packet.port);
    Key { device: if config.device_tracking { device } else { 0 }, ..key }
}
