//! Link layers: Ethernet and what stands in its place, tags and labels, up to the network layer.

use super::{Kind, Walk, Walked, be16};
use crate::anomaly::Anomaly;
use crate::counters::Counter;
use crate::packet::{LinkType, Network, Source};

/// Type fields of Ethernet (IEEE 802 numbers).
pub(super) mod ethertype {
    pub(in crate::decode) const IPV4: u16 = 0x0800;
    pub(in crate::decode) const ARP: u16 = 0x0806;
    pub(in crate::decode) const BRIDGE: u16 = 0x6558;
    pub(in crate::decode) const VLAN: u16 = 0x8100;
    pub(in crate::decode) const QINQ: u16 = 0x88a8;
    pub(in crate::decode) const QINQ_OLD: u16 = 0x9100;
    pub(in crate::decode) const IPV6: u16 = 0x86dd;
    pub(in crate::decode) const PPP: u16 = 0x880b;
    pub(in crate::decode) const PPPOE_DISCOVERY: u16 = 0x8863;
    pub(in crate::decode) const PPPOE_SESSION: u16 = 0x8864;
    pub(in crate::decode) const MPLS: u16 = 0x8847;
    pub(in crate::decode) const MPLS_MULTICAST: u16 = 0x8848;
    pub(in crate::decode) const IEEE_8021AH: u16 = 0x88e7;
    pub(in crate::decode) const VNTAG: u16 = 0x8926;
    pub(in crate::decode) const ERSPAN: u16 = 0x88be;
    pub(in crate::decode) const NSH: u16 = 0x894f;
    /// Not a type but a length: IEEE 802.3 with LLC.
    pub(in crate::decode) const LENGTH_BELOW: u16 = 0x0600;
}

impl Walk<'_, '_> {
    /// Begins a captured packet.
    pub(super) fn link(&mut self) {
        let _ = match self.packet.link {
            LinkType::Ethernet => self.ethernet(0),
            LinkType::Raw => self.raw(),
            LinkType::Null => self.null(),
            LinkType::Ppp => self.ppp_frame(),
            LinkType::CiscoHdlc => self.hdlc(),
            LinkType::LinuxSll => self.sll(),
            LinkType::LinuxSll2 => self.sll2(),
            LinkType::Other(_) => {
                self.counters.count(Counter::DecoderInvalid);
                None
            }
        };
    }

    pub(super) fn ethernet(&mut self, at: u32) -> Walked {
        self.deeper()?;
        self.counters.count(Counter::DecoderEthernet);
        let head = self.take::<14>(at, Anomaly::EthernetPktTooSmall)?;
        self.packet.layers.ether = Some(at);
        self.ethertype(be16([head[12], head[13]]), at + 14)
    }

    /// What this type field says follows at `at`.
    pub(super) fn ethertype(&mut self, kind: u16, at: u32) -> Walked {
        self.deeper()?;
        match kind {
            ethertype::IPV4 => self.ipv4(at),
            ethertype::IPV6 => self.ipv6(at),
            ethertype::ARP => self.arp(at),
            ethertype::VLAN | ethertype::QINQ | ethertype::QINQ_OLD => self.vlan(at),
            ethertype::MPLS | ethertype::MPLS_MULTICAST => self.mpls(at),
            ethertype::PPPOE_SESSION => self.pppoe_session(at),
            ethertype::PPPOE_DISCOVERY => self.pppoe_discovery(at),
            ethertype::IEEE_8021AH => self.ieee8021ah(at),
            ethertype::VNTAG if self.config.vntag => self.vntag(at),
            ethertype::NSH => self.nsh(at),
            ethertype::BRIDGE => self.ethernet(at),
            _ => {
                self.counters.count(Counter::DecoderUnknownEthertype);
                if kind >= ethertype::LENGTH_BELOW {
                    self.note(Anomaly::EthernetUnknownEthertype);
                }
                None
            }
        }
    }

    /// IEEE 802.1Q and 802.1ad tags.
    fn vlan(&mut self, at: u32) -> Walked {
        let layers = &mut self.packet.layers;
        let Some(place) = layers.vlan.get_mut(usize::from(layers.vlans)) else {
            return self.invalid(Anomaly::VlanTooManyLayers);
        };
        let Some(tag) = self.packet.bytes.get(at as usize..).and_then(|bytes| bytes.first_chunk::<4>()) else {
            return self.invalid(Anomaly::VlanHeaderTooSmall);
        };
        *place = be16([tag[0], tag[1]]) & 0x0fff;
        layers.vlans += 1;
        self.counters.count(match layers.vlans {
            1 => Counter::DecoderVlan,
            2 => Counter::DecoderVlanQinq,
            _ => Counter::DecoderVlanQinqinq,
        });
        self.ethertype(be16([tag[2], tag[3]]), at + 4)
    }

    /// RFC 826. Nothing in it is inspected beyond its shape.
    fn arp(&mut self, at: u32) -> Walked {
        self.counters.count(Counter::DecoderArp);
        let head = self.take::<8>(at, Anomaly::ArpPktTooSmall)?;
        let [hardware, protocol] = [be16([head[0], head[1]]), be16([head[2], head[3]])];
        if hardware != 1 {
            return self.invalid(Anomaly::ArpUnsupportedHardware);
        }
        if protocol != ethertype::IPV4 {
            return self.invalid(Anomaly::ArpUnsupportedProtocol);
        }
        if head[4] != 6 {
            return self.invalid(Anomaly::ArpInvalidHardwareSize);
        }
        if head[5] != 4 {
            return self.invalid(Anomaly::ArpInvalidProtocolSize);
        }
        if !matches!(be16([head[6], head[7]]), 1..=4 | 8 | 9) {
            return self.invalid(Anomaly::ArpUnsupportedOpcode);
        }
        self.take::<28>(at, Anomaly::ArpInvalidPkt)?;
        let layers = &mut self.packet.layers;
        layers.network = Network::Arp;
        (layers.network_at, layers.network_len, layers.network_end) = (at, 28, at + 28);
        Some(())
    }

    /// RFC 3032: labels up to the bottom of the stack, then a guess by the first bits.
    fn mpls(&mut self, mut at: u32) -> Walked {
        self.counters.count(Counter::DecoderMpls);
        let label = loop {
            let entry = u32::from_be_bytes(*self.take::<4>(at, Anomaly::MplsHeaderTooSmall)?);
            at += 4;
            if entry & 0x100 != 0 {
                break entry >> 12;
            }
            self.deeper()?;
        };
        match label {
            0 => return self.ethertype(ethertype::IPV4, at),
            1 => self.note(Anomaly::MplsBadLabelRouterAlert),
            2 => return self.ethertype(ethertype::IPV6, at),
            3 => self.note(Anomaly::MplsBadLabelImplicitNull),
            4..=15 => self.note(Anomaly::MplsBadLabelReserved),
            _ => {}
        }
        let first = self.take::<4>(at, Anomaly::MplsPktTooSmall)?[0];
        match first >> 4 {
            4 => self.ethertype(ethertype::IPV4, at),
            6 => self.ethertype(ethertype::IPV6, at),
            // A pseudowire's control word (RFC 4448), then a frame.
            0 => self.ethernet(at + 4),
            _ => self.invalid(Anomaly::MplsUnknownPayloadType),
        }
    }

    /// RFC 2516 §4.
    fn pppoe_session(&mut self, at: u32) -> Walked {
        self.counters.count(Counter::DecoderPppoe);
        let head = self.take::<8>(at, Anomaly::PppoePktTooSmall)?;
        if head[1] != 0 {
            return self.invalid(Anomaly::PppoeWrongCode);
        }
        self.ppp(at + 6)
    }

    /// RFC 2516 §5: tags to the end of the packet.
    fn pppoe_discovery(&mut self, at: u32) -> Walked {
        self.counters.count(Counter::DecoderPppoe);
        let head = self.take::<6>(at, Anomaly::PppoePktTooSmall)?;
        if !matches!(head[1], 0x09 | 0x07 | 0x19 | 0x65 | 0xa7) {
            return self.invalid(Anomaly::PppoeWrongCode);
        }
        let length = usize::from(be16([head[4], head[5]]));
        let Some(mut tags) = self.from(at + 6).get(..length) else {
            return self.invalid(Anomaly::PppoeMalformedTags);
        };
        while let Some((tag, rest)) = tags.split_first_chunk::<4>() {
            let Some(rest) = rest.get(usize::from(be16([tag[2], tag[3]]))..) else {
                return self.invalid(Anomaly::PppoeMalformedTags);
            };
            tags = rest;
        }
        Some(())
    }

    /// PPP in HDLC-like framing: the address and control bytes may be left out (RFC 1662).
    fn ppp_frame(&mut self) -> Walked {
        let framed = self.from(0).starts_with(&[0xff, 0x03]);
        self.ppp(if framed { 2 } else { 0 })
    }

    /// RFC 1661: the protocol field, one or two bytes.
    pub(super) fn ppp(&mut self, at: u32) -> Walked {
        self.deeper()?;
        self.counters.count(Counter::DecoderPpp);
        let head = self.take::<2>(at, Anomaly::PppPktTooSmall)?;
        let (protocol, at) = if head[0] & 1 == 1 { (u16::from(head[0]), at + 1) } else { (be16(*head), at + 2) };
        match protocol {
            0x0021 if self.from(at).len() < 20 => self.invalid(Anomaly::PppIp4PktTooSmall),
            0x0021 => self.ipv4(at),
            0x0057 if self.from(at).len() < 40 => self.invalid(Anomaly::PppIp6PktTooSmall),
            0x0057 => self.ipv6(at),
            // Van Jacobson: uncompressed TCP carries a whole header with a changed protocol field.
            0x002f if self.from(at).len() < 20 => self.invalid(Anomaly::PppVjuPktTooSmall),
            0x002f => self.ipv4(at),
            0x8021 | 0x8023..=0xc481 | 0x0023..=0x00cf | 0x0201..=0x02ff => {
                self.note(Anomaly::PppUnsupProto);
                None
            }
            _ => self.invalid(Anomaly::PppWrongType),
        }
    }

    fn hdlc(&mut self) -> Walked {
        self.counters.count(Counter::DecoderChdlc);
        let head = self.take::<4>(0, Anomaly::ChdlcPktTooSmall)?;
        self.ethertype(be16([head[2], head[3]]), 4)
    }

    /// Linux cooked capture v1.
    fn sll(&mut self) -> Walked {
        self.counters.count(Counter::DecoderSll);
        let head = self.take::<16>(0, Anomaly::SllPktTooSmall)?;
        self.ethertype(be16([head[14], head[15]]), 16)
    }

    /// Linux cooked capture v2.
    fn sll2(&mut self) -> Walked {
        self.counters.count(Counter::DecoderSll2);
        let head = self.take::<20>(0, Anomaly::Sll2PktTooSmall)?;
        self.ethertype(be16([head[0], head[1]]), 20)
    }

    fn raw(&mut self) -> Walked {
        self.counters.count(Counter::DecoderRaw);
        match self.from(0).first().map(|first| first >> 4) {
            Some(4) => self.ipv4(0),
            Some(6) => self.ipv6(0),
            None => self.invalid(Anomaly::Ipv4PktTooSmall),
            Some(_) => self.invalid(Anomaly::IprawInvalidIpVersion),
        }
    }

    /// BSD loopback: the address family in the byte order of the machine that captured it.
    fn null(&mut self) -> Walked {
        self.counters.count(Counter::DecoderNull);
        let head = self.take::<4>(0, Anomaly::LtnullPktTooSmall)?;
        let family = u32::from_le_bytes(*head).min(u32::from_be_bytes(*head));
        match family {
            2 => self.ipv4(4),
            10 | 24 | 28 | 30 => self.ipv6(4),
            _ => self.invalid(Anomaly::LtnullUnsupportedType),
        }
    }

    /// IEEE 802.1ah: a service tag, then a whole frame.
    fn ieee8021ah(&mut self, at: u32) -> Walked {
        self.counters.count(Counter::DecoderIeee8021ah);
        let head = self.take::<18>(at, Anomaly::Ieee8021ahHeaderTooSmall)?;
        self.ethertype(be16([head[16], head[17]]), at + 18)
    }

    fn vntag(&mut self, at: u32) -> Walked {
        self.counters.count(Counter::DecoderVntag);
        let head = self.take::<6>(at, Anomaly::VntagHeaderTooSmall)?;
        self.ethertype(be16([head[4], head[5]]), at + 6)
    }

    /// RFC 8300.
    fn nsh(&mut self, at: u32) -> Walked {
        self.counters.count(Counter::DecoderNsh);
        let head = self.take::<8>(at, Anomaly::NshHeaderTooSmall)?;
        if head[0] >> 6 != 0 {
            return self.invalid(Anomaly::NshUnsupportedVersion);
        }
        let length = u32::from(head[1] & 0x3f) * 4;
        if length < 8 || self.from(at).len() < length as usize {
            return self.invalid(Anomaly::NshBadHeaderLength);
        }
        match head[2] & 0x0f {
            0 | 0x0f => return self.invalid(Anomaly::NshReservedType),
            1 | 2 => {}
            _ => return self.invalid(Anomaly::NshUnsupportedType),
        }
        match head[3] {
            1 => self.ethertype(ethertype::IPV4, at + length),
            2 => self.ethertype(ethertype::IPV6, at + length),
            3 => self.ethernet(at + length),
            _ => self.invalid(Anomaly::NshUnknownPayload),
        }
    }

    /// The content of a tunnel that carries what a type field of Ethernet names.
    pub(super) fn tunnelled(&mut self, source: Source, kind: u16, at: u32) -> Walked {
        let end = self.packet.layers.network_end;
        self.tunnel(source, at, end, Kind::Type(kind));
        Some(())
    }
}
