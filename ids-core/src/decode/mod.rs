//! Bytes → layers: who follows whom, and where tunnels begin.
//!
//! In: a [`Start`], made of a captured [`Frame`], of what a tunnel carries, or of a reassembled datagram.
//! Out: its packet, filled in, and the start of the packet inside if it is a tunnel.  What is odd is noted
//! on the packet and counted, and decoding goes on as far as it makes sense: a packet with a broken header
//! holds what was found before it.
//! Holds nothing from packet to packet.  Must not know flows or rules.
//!
//! A packet is decoded in `Step`s, one per header; each step reads its header through a view of `wire` and
//! names the next one.

pub mod config;
mod link;
mod network;
#[cfg(test)]
mod tests;
mod transport;
mod tunnel;

pub use config::{Config, Ports};

use crate::anomaly::Anomaly;
use crate::counters::{Counter, Counters};
use crate::packet::{Anomalies, Layers, LinkType, Packet, PacketIn, Source};
use crate::time::Time;
use crate::wire::{Malformed, cooked, ether_type};

/// A captured packet, its bytes shared.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// Number of the packet.
    pub id: u64,
    /// Port it came in on.
    pub port: u16,
    /// When it was captured.
    pub time: Time,
    /// What the first byte is.
    pub link: LinkType,
    /// The captured bytes.
    pub bytes: &'a [u8],
}

impl<'a> From<&'a PacketIn<'_>> for Frame<'a> {
    fn from(packet: &'a PacketIn<'_>) -> Self {
        Self { id: packet.id, port: packet.port, time: packet.time, link: packet.link, bytes: packet.bytes }
    }
}

/// A packet to decode: its bytes, what is known of it already, and where its first header is.
#[derive(Clone, Debug)]
pub struct Start<'a> {
    /// The packet; [`decode`] fills it in.
    pub packet: Packet<'a>,
    /// How many more layers may be decoded of it, or of what it turns out to be part of.
    pub layers_left: u8,
    at: usize,
    step: Step,
}

impl<'a> Start<'a> {
    /// The start of a captured packet; counts it.
    pub fn captured(frame: &Frame<'a>, config: &Config, counters: &mut Counters) -> Self {
        let size = frame.bytes.len() as u64;
        counters.count(Counter::DecoderPkts);
        counters.add(Counter::DecoderBytes, size);
        counters.largest(Counter::DecoderMaxPktSize, size);
        let step = match frame.link {
            LinkType::Ethernet => Step::Ethernet,
            LinkType::Null => Step::Null,
            LinkType::Raw | LinkType::Ipv4 | LinkType::Ipv6 => Step::Raw,
            LinkType::Ppp => Step::Ppp,
            LinkType::CiscoHdlc => Step::Chdlc,
            LinkType::LinuxSll => Step::Cooked(cooked::Version::V1),
            LinkType::LinuxSll2 => Step::Cooked(cooked::Version::V2),
            LinkType::Other(_) => {
                counters.count(Counter::DecoderInvalid);
                Step::End
            }
        };
        let packet = Packet {
            id: frame.id,
            port: frame.port,
            time: frame.time,
            link: frame.link,
            bytes: frame.bytes,
            frame_at: Some(0),
            layers: Layers::default(),
            source: Source::Wire,
            tunnel: None,
            refused: None,
            anomalies: Anomalies::new(),
        };
        Self { packet, at: 0, step, layers_left: config.max_layers }
    }

    /// The start of a datagram that was put together: `bytes` are the link layer of its first fragment, with
    /// offsets as in `link`, and the datagram from `link.network_at` on. `fragment` is the one that completed
    /// it, and `layers_left` what decoding that one left.
    pub fn reassembled(fragment: &Packet<'_>, link: &Layers, bytes: &'a [u8], layers_left: u8) -> Self {
        let Layers { ether, vlan, vlans, network_at, .. } = *link;
        let packet = Packet {
            id: fragment.id,
            port: fragment.port,
            time: fragment.time,
            link: fragment.link,
            bytes,
            frame_at: None,
            layers: Layers { ether, vlan, vlans, ..Layers::default() },
            source: Source::Defrag,
            tunnel: fragment.tunnel,
            refused: None,
            anomalies: Anomalies::new(),
        };
        Self { packet, at: network_at as usize, step: Step::Ip, layers_left }
    }
}

/// Decodes one packet up to its end, or to where a tunnel begins. Out: the packet that it carries, if it is a
/// tunnel.
pub fn decode<'a>(start: &mut Start<'a>, config: &Config, counters: &mut Counters) -> Option<Start<'a>> {
    let Start { packet, layers_left, at, step } = start;
    let end = packet.bytes.len();
    let mut decoder = Decoder { packet, at: *at, end, layers_left, inner: None, malformed: false, config, counters };
    while *step != Step::End {
        *step = decoder.step(*step).unwrap_or_else(|Malformed(anomaly)| {
            decoder.note(anomaly);
            Step::End
        });
    }
    if decoder.malformed {
        decoder.counters.count(Counter::DecoderInvalid);
    }
    decoder.inner
}

/// The next header to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Ethernet,
    Null,
    Raw,
    Chdlc,
    Cooked(cooked::Version),
    Vlan,
    Vntag,
    Pbb,
    Dce,
    Ppp,
    PppoeSession,
    PppoeDiscovery,
    Mpls,
    Nsh,
    Arp,
    /// IPv4 or IPv6, as the version field says.
    Ip,
    Ipv4,
    Ipv6,
    /// What follows an IP header, by protocol number.
    Transport(u8),
    Erspan,
    /// Nothing more to decode.
    End,
}

/// The state of decoding one packet.
struct Decoder<'a, 'e> {
    packet: &'e mut Packet<'a>,
    /// Where the next header starts.
    at: usize,
    /// Where the bytes end that the layers so far claim.
    end: usize,
    layers_left: &'e mut u8,
    inner: Option<Start<'a>>,
    malformed: bool,
    config: &'e Config,
    counters: &'e mut Counters,
}

impl<'a> Decoder<'a, '_> {
    /// Reads one header. Out: what comes next, or why the rest cannot be decoded.
    fn step(&mut self, step: Step) -> Result<Step, Malformed> {
        match self.layers_left.checked_sub(1) {
            Some(left) => *self.layers_left = left,
            None => return Err(Malformed(Anomaly::TooManyLayers)),
        }
        match step {
            Step::Ethernet => self.ethernet(),
            Step::Null => self.null(),
            Step::Raw => self.raw(),
            Step::Chdlc => self.chdlc(),
            Step::Cooked(version) => self.cooked(version),
            Step::Vlan => self.vlan(),
            Step::Vntag => self.vntag(),
            Step::Pbb => self.pbb(),
            Step::Dce => self.dce(),
            Step::Ppp => self.ppp(),
            Step::PppoeSession => self.pppoe_session(),
            Step::PppoeDiscovery => self.pppoe_discovery(),
            Step::Mpls => self.mpls(),
            Step::Nsh => self.nsh(),
            Step::Arp => self.arp(),
            Step::Ip => self.ip(),
            Step::Ipv4 => self.ipv4(),
            Step::Ipv6 => self.ipv6(),
            Step::Transport(proto) => self.transport(proto),
            Step::Erspan => self.erspan(),
            Step::End => Ok(Step::End),
        }
    }

    /// The bytes that are not decoded yet.
    fn rest(&self) -> &'a [u8] {
        self.packet.bytes.get(self.at..self.end).unwrap_or_default()
    }

    /// Notes something odd.
    fn note(&mut self, anomaly: Anomaly) {
        self.malformed |= anomaly.is_malformed();
        if anomaly == Anomaly::TooManyLayers {
            self.counters.count(Counter::DecoderTooManyLayers);
        }
        self.counters.anomaly(anomaly);
        self.packet.note(anomaly);
    }
}

/// The step for an EtherType; `None` if it is not decoded.
const fn by_ether_type(number: u16, config: &Config) -> Option<Step> {
    match number {
        ether_type::IPV4 => Some(Step::Ipv4),
        ether_type::IPV6 => Some(Step::Ipv6),
        ether_type::ARP => Some(Step::Arp),
        ether_type::VLAN | ether_type::QINQ | ether_type::QINQ_OLD => Some(Step::Vlan),
        ether_type::MPLS | ether_type::MPLS_MULTICAST => Some(Step::Mpls),
        ether_type::PPPOE_SESSION => Some(Step::PppoeSession),
        ether_type::PPPOE_DISCOVERY => Some(Step::PppoeDiscovery),
        ether_type::PBB => Some(Step::Pbb),
        ether_type::DCE => Some(Step::Dce),
        ether_type::NSH => Some(Step::Nsh),
        ether_type::VNTAG if config.vntag => Some(Step::Vntag),
        _ => None,
    }
}

/// An offset for [`Layers`]. Packets are shorter than 4 GiB: capture lengths are 32 bits wide.
fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
