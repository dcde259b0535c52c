//! A packet: the bytes as they came, and offsets of what was found in them.
//!
//! In: [`PacketIn`], what a capture source hands to the engine.  Out of decoding: [`Packet`], which borrows
//! the same bytes.  Nothing is copied to decode, and a [`Packet`] can be sent to another worker as its bytes
//! and its [`Layers`].

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use arrayvec::ArrayVec;

use crate::anomaly::Anomaly;
use crate::defrag::Refusal;
use crate::time::Time;
use crate::wire::arp::Arp;
use crate::wire::ethernet::Ethernet;
use crate::wire::icmp::{self, Embedded, Icmp};
use crate::wire::tcp::Tcp;

/// What the first bytes of a packet are (the link types of pcap files).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkType {
    /// Ethernet II or 802.3 (1).
    Ethernet,
    /// BSD loopback: four bytes of address family (0, 108).
    Null,
    /// An IP packet of either version (101, 12, 14).
    Raw,
    /// An IPv4 packet (228).
    Ipv4,
    /// An IPv6 packet (229).
    Ipv6,
    /// PPP, with or without HDLC framing bytes (9, 50).
    Ppp,
    /// Cisco HDLC (104).
    CiscoHdlc,
    /// Linux "cooked" capture v1 (113).
    LinuxSll,
    /// Linux "cooked" capture v2 (276).
    LinuxSll2,
    /// Anything else, by its number.
    Other(u32),
}

impl LinkType {
    /// From the number in a pcap header.
    pub const fn from_number(number: u32) -> Self {
        match number {
            0 | 108 => Self::Null,
            1 => Self::Ethernet,
            9 | 50 => Self::Ppp,
            12 | 14 | 101 => Self::Raw,
            104 => Self::CiscoHdlc,
            113 => Self::LinuxSll,
            228 => Self::Ipv4,
            229 => Self::Ipv6,
            276 => Self::LinuxSll2,
            other => Self::Other(other),
        }
    }

    /// The number written into pcap headers and `packet_info` records.
    pub const fn number(self) -> u32 {
        match self {
            Self::Null => 0,
            Self::Ethernet => 1,
            Self::Ppp => 9,
            Self::Raw => 101,
            Self::CiscoHdlc => 104,
            Self::LinuxSll => 113,
            Self::LinuxSll2 => 276,
            Self::Ipv4 => 228,
            Self::Ipv6 => 229,
            Self::Other(number) => number,
        }
    }
}

/// One packet as a capture source hands it in.
#[derive(Debug)]
pub struct PacketIn<'a> {
    /// Number of the packet, counted from 1 over the whole source. Verdicts name it.
    pub id: u64,
    /// The port it came in on: an index into the sensor's list of interfaces. 0 in replay.
    pub port: u16,
    /// When it was captured.
    pub time: Time,
    /// What the first byte is.
    pub link: LinkType,
    /// The captured bytes. Writable because inline inspection may rewrite a segment.
    pub bytes: &'a mut [u8],
}

/// How a packet came to be (the `pkt_src` of records).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// As captured.
    #[default]
    Wire,
    /// Put together from fragments.
    Defrag,
    /// From inside GRE.
    Gre,
    /// From inside IPv4 (protocol 4 or 41 in IPv4).
    Ipv4Tunnel,
    /// From inside IPv6.
    Ipv6Tunnel,
    /// From inside Teredo.
    Teredo,
    /// From inside VXLAN.
    Vxlan,
    /// From inside GENEVE.
    Geneve,
    /// Not a packet: the end of a flow whose stream still had data to inspect.
    FlowEnd,
}

impl Source {
    /// The text of `pkt_src` in records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wire => "wire/pcap",
            Self::Defrag => "defrag",
            Self::Gre => "gre tunnel",
            Self::Ipv4Tunnel => "ipv4 tunnel",
            Self::Ipv6Tunnel => "ipv6 tunnel",
            Self::Teredo => "teredo tunnel",
            Self::Vxlan => "vxlan encapsulation",
            Self::Geneve => "geneve encapsulation",
            Self::FlowEnd => "stream (flow timeout)",
        }
    }
}

/// The network layer that was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Network {
    /// None, or none that is known.
    #[default]
    None,
    /// IPv4 (RFC 791).
    Ipv4,
    /// IPv6 (RFC 8200).
    Ipv6,
    /// ARP (RFC 826).
    Arp,
}

/// The transport layer that was found whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    /// None: a fragment, a truncated header, or a protocol that is not decoded.
    #[default]
    None,
    /// TCP (RFC 9293).
    Tcp,
    /// UDP (RFC 768).
    Udp,
    /// ICMP for IPv4 (RFC 792).
    Icmp4,
    /// ICMP for IPv6 (RFC 4443).
    Icmp6,
    /// SCTP (RFC 9260).
    Sctp,
}

/// What a fragment says of itself, in both IP versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// Identification: 16 bits in IPv4, 32 in IPv6.
    pub id: u32,
    /// Where its data belongs, in bytes.
    pub offset: u32,
    /// Whether more fragments follow.
    pub more: bool,
}

/// Where each layer of a packet starts, in bytes from its first. Plain data: it can be sent elsewhere with
/// a copy of the bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Layers {
    /// The Ethernet header.
    pub ether: Option<u32>,
    /// VLAN ids, outermost first; only the first `vlans` count.
    pub vlan: [u16; 3],
    /// How many VLAN tags there are (at most 3 are kept).
    pub vlans: u8,
    /// The network layer.
    pub network: Network,
    /// Start of the network header.
    pub network_at: u32,
    /// Its length with options or extension headers, in bytes.
    pub network_len: u32,
    /// End of the IP packet: the start plus the length it claims, which is what was captured at most; where
    /// UDP claims less, the end of that.
    pub network_end: u32,
    /// IP protocol number of what follows the network header and its extensions.
    pub proto: u8,
    /// Set if this packet is a fragment (also the first one).
    pub fragment: Option<Fragment>,
    /// The transport layer.
    pub transport: Transport,
    /// Start of the transport header.
    pub transport_at: u32,
    /// Its length with options, in bytes.
    pub transport_len: u32,
}

/// Outer addresses of a packet that came out of a tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tunnel {
    /// Outer source address.
    pub src: IpAddr,
    /// Outer destination address.
    pub dst: IpAddr,
    /// Outer ports, for tunnels over UDP.
    pub ports: Option<(u16, u16)>,
    /// Outer IP protocol number.
    pub proto: u8,
    /// How many tunnels deep, from 1.
    pub depth: u8,
    /// How the outer packet came to be.
    pub source: Source,
}

/// Decoder oddities of one packet; further ones are counted but not kept.
pub type Anomalies = ArrayVec<Anomaly, 16>;

/// A decoded packet: borrowed bytes and offsets.
#[derive(Clone, Debug)]
pub struct Packet<'a> {
    /// Number of the captured packet that this one is, or came out of.
    pub id: u64,
    /// Port it came in on.
    pub port: u16,
    /// When it was captured.
    pub time: Time,
    /// What the first of `bytes` is; [`LinkType::Raw`] for everything that came out of a tunnel, as records
    /// show it ([`Layers::ether`] says whether a frame was in there).
    pub link: LinkType,
    /// All bytes: from the link layer on, or from the first byte that the tunnel carried.
    pub bytes: &'a [u8],
    /// Where in the captured frame `bytes` begin; `None` if they were put together from fragments, and for the end
    /// of a flow.
    pub frame_at: Option<u32>,
    /// Offsets into `bytes`.
    pub layers: Layers,
    /// How it came to be.
    pub source: Source,
    /// The tunnel it came out of.
    pub tunnel: Option<Tunnel>,
    /// A fragment that was not kept: why.
    pub refused: Option<Refusal>,
    /// What was odd about it.
    pub anomalies: Anomalies,
}

/// A packet apart from its bytes, to be sent to another thread beside a copy of them.
#[derive(Clone, Debug)]
pub struct Detached {
    id: u64,
    port: u16,
    time: Time,
    link: LinkType,
    frame_at: Option<u32>,
    layers: Layers,
    source: Source,
    tunnel: Option<Tunnel>,
    refused: Option<Refusal>,
    anomalies: Anomalies,
}

impl Detached {
    /// The packet with its bytes again.
    pub fn with<'a>(&self, bytes: &'a [u8]) -> Packet<'a> {
        let Self { id, port, time, link, frame_at, layers, source, tunnel, refused, ref anomalies } = *self;
        let anomalies = anomalies.clone();
        Packet { id, port, time, link, bytes, frame_at, layers, source, tunnel, refused, anomalies }
    }

    /// Number of the captured packet it came out of.
    pub const fn id(&self) -> u64 {
        self.id
    }
}

impl From<&Packet<'_>> for Detached {
    fn from(packet: &Packet<'_>) -> Self {
        let Packet { id, port, time, link, frame_at, layers, source, tunnel, refused, ref anomalies, .. } = *packet;
        Self { id, port, time, link, frame_at, layers, source, tunnel, refused, anomalies: anomalies.clone() }
    }
}

impl<'a> Packet<'a> {
    /// The bytes from `at` to `end`, as far as they exist.
    fn slice(&self, at: u32, end: u32) -> &'a [u8] {
        let end = (end as usize).min(self.bytes.len());
        self.bytes.get(at as usize..end).unwrap_or_default()
    }

    /// The network header with options or extension headers; empty if there is none.
    pub fn network_header(&self) -> &'a [u8] {
        let l = &self.layers;
        match l.network {
            Network::None => &[],
            _ => self.slice(l.network_at, l.network_at.saturating_add(l.network_len)),
        }
    }

    /// Network header and everything after it; empty if there is none.
    pub fn network_layer(&self) -> &'a [u8] {
        match self.layers.network {
            Network::None => &[],
            _ => self.slice(self.layers.network_at, self.layers.network_end),
        }
    }

    /// Everything after the network header, cut to the length the IP header claims.
    pub fn network_payload(&self) -> &'a [u8] {
        let l = &self.layers;
        match l.network {
            Network::Ipv4 | Network::Ipv6 => self.slice(l.network_at.saturating_add(l.network_len), l.network_end),
            _ => &[],
        }
    }

    /// The transport header with options; empty if there is none.
    pub fn transport_header(&self) -> &'a [u8] {
        let l = &self.layers;
        match l.transport {
            Transport::None => &[],
            _ => self.slice(l.transport_at, l.transport_at.saturating_add(l.transport_len)),
        }
    }

    /// The payload that rules inspect: what follows the transport header, or the network header where there
    /// is no decoded transport.
    pub fn payload(&self) -> &'a [u8] {
        let l = &self.layers;
        match l.transport {
            Transport::None => self.network_payload(),
            _ => self.slice(l.transport_at.saturating_add(l.transport_len), l.network_end),
        }
    }

    /// Source and destination address, if this is an IP packet.
    pub fn addresses(&self) -> Option<(IpAddr, IpAddr)> {
        let head = self.network_header();
        match self.layers.network {
            Network::Ipv4 => {
                let src: [u8; 4] = head.get(12..16)?.try_into().ok()?;
                let dst: [u8; 4] = head.get(16..20)?.try_into().ok()?;
                Some((Ipv4Addr::from(src).into(), Ipv4Addr::from(dst).into()))
            }
            Network::Ipv6 => {
                let src: [u8; 16] = head.get(8..24)?.try_into().ok()?;
                let dst: [u8; 16] = head.get(24..40)?.try_into().ok()?;
                Some((Ipv6Addr::from(src).into(), Ipv6Addr::from(dst).into()))
            }
            Network::None | Network::Arp => None,
        }
    }

    /// Source and destination port of TCP, UDP and SCTP; zeroes for everything else.
    pub fn ports(&self) -> (u16, u16) {
        match (self.layers.transport, self.transport_header()) {
            (Transport::Tcp | Transport::Udp | Transport::Sctp, [a, b, c, d, ..]) => {
                (u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d]))
            }
            _ => (0, 0),
        }
    }

    /// Source and destination MAC address and the type field of its Ethernet header, if it has one.
    pub fn ether(&self) -> Option<([u8; 6], [u8; 6], u16)> {
        let header = self.bytes.get(self.layers.ether? as usize..)?;
        let (dst, rest) = header.split_first_chunk::<6>()?;
        let (src, rest) = rest.split_first_chunk::<6>()?;
        let (kind, _) = rest.split_first_chunk::<2>()?;
        Some((*src, *dst, u16::from_be_bytes(*kind)))
    }

    /// The TCP header, if this is TCP.
    pub fn tcp(&self) -> Option<Tcp<'a>> {
        match self.layers.transport {
            Transport::Tcp => Tcp::parse(self.slice(self.layers.transport_at, self.layers.network_end)).ok(),
            _ => None,
        }
    }

    /// Type and code, if this is ICMP or ICMPv6.
    pub fn icmp(&self) -> Option<(u8, u8)> {
        match (self.layers.transport, self.transport_header()) {
            (Transport::Icmp4 | Transport::Icmp6, [kind, code, ..]) => Some((*kind, *code)),
            _ => None,
        }
    }

    /// TTL of IPv4 or hop limit of IPv6.
    pub fn ttl(&self) -> Option<u8> {
        match self.layers.network {
            Network::Ipv4 => self.network_header().get(8).copied(),
            Network::Ipv6 => self.network_header().get(7).copied(),
            Network::None | Network::Arp => None,
        }
    }

    /// VLAN ids, outermost first.
    pub fn vlans(&self) -> &[u16] {
        self.layers.vlan.get(..usize::from(self.layers.vlans)).unwrap_or(&self.layers.vlan)
    }

    /// The flow that this is about, if this is an ICMP or ICMPv6 error: that of the packet it quotes.
    pub fn icmp_embedded(&self) -> Option<Embedded> {
        let version = match self.layers.transport {
            Transport::Icmp4 => icmp::Version::V4,
            Transport::Icmp6 => icmp::Version::V6,
            _ => return None,
        };
        Icmp::parse(self.slice(self.layers.transport_at, self.layers.network_end), version).ok()?.embedded()
    }

    /// The ARP packet, if this is one that is well-formed.
    pub fn arp(&self) -> Option<Arp<'a>> {
        match self.layers.network {
            Network::Arp => Arp::parse(self.network_header()).ok(),
            _ => None,
        }
    }

    /// Destination and source address and type field of the Ethernet header, if there is one.
    pub fn ethernet(&self) -> Option<Ethernet<'a>> {
        Ethernet::parse(self.bytes.get(self.layers.ether? as usize..)?).ok()
    }

    /// Whether something kept this packet from being decoded to its end.
    pub fn is_malformed(&self) -> bool {
        self.anomalies.iter().any(|anomaly| anomaly.is_malformed())
    }

    /// Notes an oddity, as often as it was found; beyond the capacity of [`Anomalies`] it is dropped.
    pub fn note(&mut self, anomaly: Anomaly) {
        // A full list is fine: the packet is odd enough by then.
        let _ = self.anomalies.try_push(anomaly);
    }
}
