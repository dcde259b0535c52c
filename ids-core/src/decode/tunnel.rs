//! Where a packet carries another one: GRE, ERSPAN, IP in IP, and tunnels over UDP.

use super::{Decoder, Start, Step, by_ether_type};
use crate::anomaly::Anomaly;
use crate::counters::Counter;
use crate::packet::{Anomalies, Layers, LinkType, Network, Packet, Source, Tunnel};
use crate::wire::erspan::Erspan;
use crate::wire::geneve::Geneve;
use crate::wire::gre::Gre;
use crate::wire::udp::Udp;
use crate::wire::vxlan::Vxlan;
use crate::wire::{Malformed, ether_type, ip_proto, teredo};

impl Decoder<'_, '_> {
    pub(super) fn gre(&mut self) -> Result<Step, Malformed> {
        self.counters.count(Counter::DecoderGre);
        let gre = Gre::parse(self.rest())?;
        let step = match gre.protocol {
            ether_type::PPP => Some(Step::Ppp),
            ether_type::BRIDGE => Some(Step::Ethernet),
            ether_type::ERSPAN if gre.sequence => Some(Step::Erspan),
            // Type I is the frame alone.
            ether_type::ERSPAN if self.config.erspan_type1 => {
                self.counters.count(Counter::DecoderErspan);
                Some(Step::Ethernet)
            }
            protocol => by_ether_type(protocol, self.config),
        };
        if let Some(step) = step {
            self.carry(gre.len, step, Source::Gre, None);
        }
        Ok(Step::End)
    }

    pub(super) fn erspan(&mut self) -> Result<Step, Malformed> {
        self.counters.count(Counter::DecoderErspan);
        let erspan = Erspan::parse(self.rest())?;
        if erspan.vlan() != 0 {
            self.push_vlan(erspan.vlan(), Anomaly::ErspanTooManyVlanLayers)?;
        }
        self.at += Erspan::LEN;
        Ok(Step::Ethernet)
    }

    /// IPv4 or IPv6 in either of them.
    pub(super) fn ip_in_ip(&mut self, proto: u8) -> Result<Step, Malformed> {
        let (counter, source, step) = match (self.packet.layers.network, proto) {
            (Network::Ipv6, ip_proto::IPV4) => {
                self.check_in_ipv6(4, 20, Anomaly::Ipv6Ipv4InIpv6TooSmall, Anomaly::Ipv6Ipv4InIpv6WrongVersion)?;
                (Counter::DecoderIpv4InIpv6, Source::Ipv6Tunnel, Step::Ipv4)
            }
            (Network::Ipv6, _) => {
                self.check_in_ipv6(6, 40, Anomaly::Ipv6Ipv6InIpv6TooSmall, Anomaly::Ipv6Ipv6InIpv6WrongVersion)?;
                (Counter::DecoderIpv6InIpv6, Source::Ipv6Tunnel, Step::Ipv6)
            }
            (_, ip_proto::IPV4) => (Counter::DecoderIpv4InIpv4, Source::Ipv4Tunnel, Step::Ipv4),
            (_, _) => (Counter::DecoderIpv6InIpv4, Source::Ipv4Tunnel, Step::Ipv6),
        };
        self.counters.count(counter);
        self.carry(0, step, source, None);
        Ok(Step::End)
    }

    /// What IPv6 carries must be long enough and of the version that the next header names.
    fn check_in_ipv6(&self, version: u8, len: usize, short: Anomaly, wrong: Anomaly) -> Result<(), Malformed> {
        match self.rest() {
            rest if rest.len() < len => Err(Malformed(short)),
            [first, ..] if first >> 4 == version => Ok(()),
            _ => Err(Malformed(wrong)),
        }
    }

    /// Tunnels over UDP, told by port and content.
    pub(super) fn in_udp(&mut self, udp: &Udp<'_>) {
        let ports = (udp.source_port(), udp.destination_port());
        if self.config.vxlan.has(ports.1)
            && let Some(vxlan) = Vxlan::parse(udp.payload)
        {
            self.counters.count(Counter::DecoderVxlan);
            match vxlan.frame.content().and_then(|(number, _)| by_ether_type(number, self.config)) {
                Some(_) => self.carry(Udp::LEN + Vxlan::LEN, Step::Ethernet, Source::Vxlan, Some(ports)),
                None => self.note(Anomaly::VxlanUnknownPayloadType),
            }
        } else if self.config.geneve.has(ports.1)
            && let Some(geneve) = Geneve::parse(udp.payload)
        {
            self.counters.count(Counter::DecoderGeneve);
            let step = match geneve.ether_type {
                ether_type::BRIDGE => Some(Step::Ethernet),
                number => by_ether_type(number, self.config),
            };
            match step {
                Some(step) => self.carry(Udp::LEN + geneve.len, step, Source::Geneve, Some(ports)),
                None => self.note(Anomaly::GeneveUnknownPayloadType),
            }
        } else if (self.config.teredo.has(ports.0) || self.config.teredo.has(ports.1))
            && let Some(at) = teredo::ipv6_at(udp.payload)
        {
            self.counters.count(Counter::DecoderTeredo);
            self.carry(Udp::LEN + at, Step::Ipv6, Source::Teredo, Some(ports));
        }
    }

    /// Leaves what starts `skip` bytes after `self.at`, if anything does, to be decoded as a packet of its own.
    fn carry(&mut self, skip: usize, step: Step, source: Source, ports: Option<(u16, u16)>) {
        let outer = &*self.packet;
        let (Some((src, dst)), Some(bytes @ [_, ..])) = (outer.addresses(), self.rest().get(skip..)) else { return };
        let depth = outer.tunnel.map_or(0, |tunnel| tunnel.depth).saturating_add(1);
        let inside = u32::try_from(self.at + skip).ok();
        let packet = Packet {
            id: outer.id,
            port: outer.port,
            time: outer.time,
            link: LinkType::Raw,
            bytes,
            frame_at: outer.frame_at.zip(inside).and_then(|(outer, inside)| outer.checked_add(inside)),
            layers: Layers::default(),
            source,
            tunnel: Some(Tunnel { src, dst, ports, proto: outer.layers.proto, depth, source: outer.source }),
            refused: None,
            anomalies: Anomalies::new(),
        };
        self.inner = Some(Start { packet, at: 0, step, layers_left: *self.layers_left });
    }
}
