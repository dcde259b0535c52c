//! Bytes → layers: who follows whom, tunnels, and everything odd about it.
//!
//! In: one captured packet.  Out: the packet with its layers, then one packet for each tunnel in it, outermost first; all
//! of them borrow the captured bytes.
//! Oddities are noted on the packet and counted; a packet with a broken header still comes out with what was found
//! before it. Bound: [`MAX_LAYERS`] headers, tunnels included.

mod icmp;
mod ipv4;
mod ipv6;
mod link;
mod transport;
mod tunnel;

use std::net::IpAddr;

use arrayvec::ArrayVec;

use crate::anomaly::Anomaly;
use crate::counters::{Counter, Counters};
use crate::packet::{Anomalies, Layers, LinkType, Network, Packet, Source, Tunnel};
use crate::time::Time;

/// Headers that are decoded before it is one too many (`decoder.max-layers`).
pub const MAX_LAYERS: u8 = 16;

/// Settings (`decoder` in the configuration).
#[derive(Clone, Debug)]
pub struct Config {
    /// Most headers of one packet (`decoder.max-layers`).
    pub max_layers: u8,
    /// UDP ports that carry VXLAN (`decoder.vxlan`); `None` if it is off.
    pub vxlan: Option<Vec<u16>>,
    /// UDP ports that carry GENEVE (`decoder.geneve`).
    pub geneve: Option<Vec<u16>>,
    /// UDP ports that may carry Teredo (`decoder.teredo`); empty means any.
    pub teredo: Option<Vec<u16>>,
    /// Whether VN-Tags are decoded (`decoder.vntag.enabled`).
    pub vntag: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_layers: MAX_LAYERS,
            vxlan: Some(vec![4789]),
            geneve: Some(vec![6081]),
            teredo: Some(vec![3544]),
            vntag: false,
        }
    }
}

/// A captured packet, to be decoded.
#[derive(Clone, Copy, Debug)]
pub struct Captured<'a> {
    /// Number of the packet.
    pub id: u64,
    /// Port it came in on.
    pub port: u16,
    /// When it was captured.
    pub time: Time,
    /// What the first byte is.
    pub link: LinkType,
    /// The bytes.
    pub bytes: &'a [u8],
    /// How it came to be: as captured, or put together.
    pub source: Source,
    /// The tunnel it came out of: of a datagram put together from fragments inside of one.
    pub tunnel: Option<Tunnel>,
}

/// Decodes a packet and the tunnels in it; `emit` gets each, outermost first.
pub fn decode<'a>(
    captured: Captured<'a>,
    config: &Config,
    counters: &mut Counters,
    emit: &mut dyn FnMut(Packet<'a>, &mut Counters),
) {
    let packet = Packet {
        id: captured.id,
        port: captured.port,
        time: captured.time,
        link: captured.link,
        bytes: captured.bytes,
        layers: Layers::default(),
        source: captured.source,
        tunnel: captured.tunnel,
        anomalies: Anomalies::new(),
    };
    let mut walk = Walk { packet, config, counters, left: config.max_layers, inner: ArrayVec::new() };
    walk.link();
    walk.deliver(emit);
}

/// Decodes a datagram that was put together: `packet` has the bytes and the layers of a fragment, and decoding begins
/// anew at its network header.
pub fn resume<'a>(
    packet: Packet<'a>,
    config: &Config,
    counters: &mut Counters,
    emit: &mut dyn FnMut(Packet<'a>, &mut Counters),
) {
    let Layers { ether, vlan, vlans, network, network_at, .. } = packet.layers;
    let packet = Packet { layers: Layers { ether, vlan, vlans, ..Layers::default() }, ..packet };
    let mut walk = Walk { packet, config, counters, left: config.max_layers, inner: ArrayVec::new() };
    let _ = match network {
        Network::Ipv4 => walk.ipv4(network_at),
        Network::Ipv6 => walk.ipv6(network_at),
        Network::Arp | Network::None => None,
    };
    walk.deliver(emit);
}

/// One packet on its way through its headers.
struct Walk<'a, 'c> {
    packet: Packet<'a>,
    config: &'c Config,
    counters: &'c mut Counters,
    /// Headers that may still follow.
    left: u8,
    /// What is inside of tunnels.
    inner: ArrayVec<Inner, 2>,
}

/// The start of a tunnel's content.
#[derive(Clone, Copy, Debug)]
struct Inner {
    source: Source,
    at: u32,
    end: u32,
    kind: Kind,
    ports: Option<(u16, u16)>,
}

/// What a tunnel carries.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// What this type field of Ethernet means.
    Type(u16),
    /// An Ethernet frame.
    Ethernet,
    /// PPP (RFC 1661).
    Ppp,
}

/// Ends the walk of a packet: nothing after this header is looked at.
type Walked = Option<()>;

impl<'a> Walk<'a, '_> {
    /// Hands over the packet, and then what is inside of it.
    fn deliver(self, emit: &mut dyn FnMut(Packet<'a>, &mut Counters)) {
        let Self { packet, config, counters, left, inner } = self;
        counters.count(Counter::DecoderPkts);
        counters.add(Counter::DecoderBytes, packet.bytes.len() as u64);
        counters.largest(Counter::DecoderMaxPktSize, packet.bytes.len() as u64);
        for anomaly in &packet.anomalies {
            counters.anomaly(*anomaly);
        }
        let outer = packet.clone();
        emit(packet, counters);
        for inner in inner {
            if let Some(packet) = enter(&outer, inner) {
                let mut walk = Walk { packet, config, counters, left, inner: ArrayVec::new() };
                walk.begin(inner);
                walk.deliver(emit);
            }
        }
    }

    /// Begins with the content of a tunnel.
    fn begin(&mut self, inner: Inner) {
        let _ = match inner.kind {
            Kind::Type(kind) => self.ethertype(kind, inner.at),
            Kind::Ethernet => self.ethernet(inner.at),
            Kind::Ppp => self.ppp(inner.at),
        };
    }

    /// Bytes of the packet from `at` on.
    fn from(&self, at: u32) -> &'a [u8] {
        self.packet.bytes.get(at as usize..).unwrap_or_default()
    }

    /// `N` bytes at `at`; notes `short` if they are not there.
    fn take<const N: usize>(&mut self, at: u32, short: Anomaly) -> Option<&'a [u8; N]> {
        let found = self.from(at).first_chunk::<N>();
        if found.is_none() {
            self.invalid(short);
        }
        found
    }

    /// Notes an oddity.
    fn note(&mut self, anomaly: Anomaly) {
        self.packet.note(anomaly);
    }

    /// Notes an oddity that ends decoding.
    fn invalid(&mut self, anomaly: Anomaly) -> Walked {
        self.note(anomaly);
        self.counters.count(Counter::DecoderInvalid);
        None
    }

    /// One header more; `None` if it is one too many.
    fn deeper(&mut self) -> Walked {
        match self.left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                Some(())
            }
            None => {
                self.counters.count(Counter::DecoderTooManyLayers);
                self.invalid(Anomaly::TooManyLayers)
            }
        }
    }

    /// Remembers the content of a tunnel; a third one in the same packet is not looked at.
    fn tunnel(&mut self, source: Source, at: u32, end: u32, kind: Kind) {
        let ports = Some(self.packet.ports()).filter(|ports| *ports != (0, 0));
        let _ = self.inner.try_push(Inner { source, at, end, kind, ports });
    }
}

/// The packet inside of a tunnel, not yet decoded. Its bytes are those of the outer one, cut to the tunnel's end.
fn enter<'a>(outer: &Packet<'a>, inner: Inner) -> Option<Packet<'a>> {
    let (src, dst): (IpAddr, IpAddr) = outer.addresses()?;
    let depth = outer.tunnel.map_or(0, |tunnel| tunnel.depth).checked_add(1).filter(|depth| *depth <= MAX_LAYERS)?;
    let vlans = Layers { vlan: outer.layers.vlan, vlans: outer.layers.vlans, ..Layers::default() };
    Some(Packet {
        bytes: outer.bytes.get(..inner.end as usize)?,
        layers: vlans,
        source: inner.source,
        tunnel: Some(Tunnel { src, dst, ports: inner.ports, proto: outer.layers.proto, depth, source: outer.source }),
        anomalies: Anomalies::new(),
        ..outer.clone()
    })
}

/// Big-endian 16 bits.
fn be16(bytes: [u8; 2]) -> u16 {
    u16::from_be_bytes(bytes)
}

#[cfg(test)]
mod tests;
