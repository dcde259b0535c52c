//! Tunnels: IP in IP, GRE with ERSPAN, and what travels over UDP (VXLAN, GENEVE, Teredo).

use super::link::ethertype;
use super::{Kind, Walk, Walked, be16};
use crate::anomaly::Anomaly;
use crate::counters::Counter;
use crate::packet::{Network, Source};

impl Walk<'_, '_> {
    /// IPv4 or IPv6 directly in IP (RFC 2003, RFC 2473, RFC 4213).
    pub(super) fn ip_in_ip(&mut self, proto: u8, at: u32) -> Walked {
        let outer6 = self.packet.layers.network == Network::Ipv6;
        let body = self.body(at);
        let (version, length) = (body.first().map_or(0, |first| first >> 4), body.len());
        let inner6 = proto == 41;
        if outer6 {
            let (small, wrong) = if inner6 {
                (Anomaly::Ipv6Ipv6InIpv6TooSmall, Anomaly::Ipv6Ipv6InIpv6WrongVersion)
            } else {
                (Anomaly::Ipv6Ipv4InIpv6TooSmall, Anomaly::Ipv6Ipv4InIpv6WrongVersion)
            };
            if length < if inner6 { 40 } else { 20 } {
                self.note(small);
                return None;
            }
            if version != if inner6 { 6 } else { 4 } {
                self.note(wrong);
                return None;
            }
        }
        self.counters.count(match (outer6, inner6) {
            (false, false) => Counter::DecoderIpv4InIpv4,
            (false, true) => Counter::DecoderIpv6InIpv4,
            (true, false) => Counter::DecoderIpv4InIpv6,
            (true, true) => Counter::DecoderIpv6InIpv6,
        });
        let source = if outer6 { Source::Ipv6Tunnel } else { Source::Ipv4Tunnel };
        self.tunnelled(source, if inner6 { ethertype::IPV6 } else { ethertype::IPV4 }, at)
    }

    /// RFC 2784 and RFC 2890 (version 0), RFC 2637 (version 1, PPTP).
    pub(super) fn gre(&mut self, at: u32) -> Walked {
        self.counters.count(Counter::DecoderGre);
        let Some(&[flags, version, kind_high, kind_low]) = self.body(at).first_chunk::<4>() else {
            return self.invalid(Anomaly::GrePktTooSmall);
        };
        let kind = be16([kind_high, kind_low]);
        let length = match version & 0x07 {
            0 => self.gre_v0(flags, version, at)?,
            1 => self.gre_v1(flags, version, kind, at)?,
            _ => return self.invalid(Anomaly::GreWrongVersion),
        };
        let inner = at + length;
        if self.body(inner).is_empty() {
            return Some(());
        }
        match kind {
            ethertype::ERSPAN => self.erspan(flags & 0x10 != 0, inner),
            ethertype::PPP => {
                let end = self.packet.layers.network_end;
                self.tunnel(Source::Gre, inner, end, Kind::Ppp);
                Some(())
            }
            ethertype::IPV4 | ethertype::IPV6 | ethertype::VLAN | ethertype::BRIDGE | ethertype::NSH => {
                self.tunnelled(Source::Gre, kind, inner)
            }
            _ => Some(()),
        }
    }

    /// Out: length of the header.
    fn gre_v0(&mut self, flags: u8, version: u8, at: u32) -> Option<u32> {
        if flags & 0x07 != 0 {
            self.invalid(Anomaly::GreVersion0Recur)?;
        }
        if version & 0xf8 != 0 {
            self.invalid(Anomaly::GreVersion0Flags)?;
        }
        let (checksum, routing) = (flags & 0x80 != 0, flags & 0x40 != 0);
        let words = u32::from(checksum || routing) + u32::from(flags & 0x20 != 0) + u32::from(flags & 0x10 != 0);
        let mut length = 4 + words * 4;
        if self.body(at).len() < length as usize {
            self.invalid(Anomaly::GreVersion0HdrTooBig)?;
        }
        while routing {
            // Source route entries (RFC 1701) up to one of length zero.
            let Some(&[_, _, _, size]) = self.body(at + length).first_chunk::<4>() else {
                self.invalid(Anomaly::GreVersion0MalformedSreHdr)?;
                return None;
            };
            length += 4 + u32::from(size);
            if size == 0 {
                break;
            }
        }
        Some(length)
    }

    /// Out: length of the header.
    fn gre_v1(&mut self, flags: u8, version: u8, kind: u16, at: u32) -> Option<u32> {
        let wrong = [
            (flags & 0x80 != 0, Anomaly::GreVersion1Chksum),
            (flags & 0x40 != 0, Anomaly::GreVersion1Route),
            (flags & 0x08 != 0, Anomaly::GreVersion1Ssr),
            (flags & 0x07 != 0, Anomaly::GreVersion1Recur),
            (version & 0x78 != 0, Anomaly::GreVersion1Flags),
            (kind != ethertype::PPP, Anomaly::GreVersion1WrongProtocol),
            (flags & 0x20 == 0, Anomaly::GreVersion1NoKey),
        ];
        if let Some((_, anomaly)) = wrong.into_iter().find(|(wrong, _)| *wrong) {
            self.invalid(anomaly)?;
        }
        let length = 8 + 4 * (u32::from(flags & 0x10 != 0) + u32::from(version & 0x80 != 0));
        if self.body(at).len() < length as usize {
            self.invalid(Anomaly::GreVersion1HdrTooBig)?;
        }
        Some(length)
    }

    /// ERSPAN type II has a header of its own; type I (no sequence number in GRE) has none.
    fn erspan(&mut self, sequenced: bool, at: u32) -> Walked {
        let end = self.packet.layers.network_end;
        if !sequenced {
            return Some(());
        }
        let Some(head) = self.body(at).first_chunk::<8>().copied() else {
            return self.invalid(Anomaly::ErspanHeaderTooSmall);
        };
        self.counters.count(Counter::DecoderErspan);
        if head[0] >> 4 != 1 {
            return self.invalid(Anomaly::ErspanUnsupportedVersion);
        }
        self.tunnel(Source::Gre, at + 8, end, Kind::Ethernet);
        Some(())
    }

    /// Tunnels over UDP, by destination port; Teredo by its content, too.
    pub(super) fn over_udp(&mut self, source: u16, destination: u16, at: u32) -> Walked {
        let on = |ports: &Option<Vec<u16>>| ports.as_ref().is_some_and(|ports| ports.contains(&destination));
        if on(&self.config.vxlan) {
            self.vxlan(at);
        } else if on(&self.config.geneve) {
            self.geneve(at);
        } else if let Some(ports) = &self.config.teredo
            && (ports.is_empty() || ports.contains(&source) || ports.contains(&destination))
        {
            self.teredo(at);
        }
        Some(())
    }

    /// RFC 7348.
    fn vxlan(&mut self, at: u32) {
        let end = self.packet.layers.network_end;
        let Some(head) = self.body(at).first_chunk::<8>().copied() else { return };
        if head[0] & 0x08 == 0 {
            return;
        }
        self.counters.count(Counter::DecoderVxlan);
        if self.plausible_frame(at + 8) {
            self.tunnel(Source::Vxlan, at + 8, end, Kind::Ethernet);
        } else {
            self.note(Anomaly::VxlanUnknownPayloadType);
        }
    }

    /// RFC 8926.
    fn geneve(&mut self, at: u32) {
        let end = self.packet.layers.network_end;
        let Some(head) = self.body(at).first_chunk::<8>().copied() else { return };
        let options = u32::from(head[0] & 0x3f) * 4;
        if head[0] >> 6 != 0 || self.body(at).len() < (8 + options) as usize {
            return;
        }
        self.counters.count(Counter::DecoderGeneve);
        let inner = at + 8 + options;
        match be16([head[2], head[3]]) {
            ethertype::BRIDGE => self.tunnel(Source::Geneve, inner, end, Kind::Ethernet),
            kind @ (ethertype::IPV4 | ethertype::IPV6 | ethertype::ARP | ethertype::VLAN) => {
                self.tunnel(Source::Geneve, inner, end, Kind::Type(kind));
            }
            _ => self.note(Anomaly::GeneveUnknownPayloadType),
        }
    }

    /// RFC 4380 §5.1.1: authentication and origin headers may stand before the IPv6 packet. Only what is one, to the
    /// byte, counts: the ports are often used for something else.
    fn teredo(&mut self, mut at: u32) {
        let end = self.packet.layers.network_end;
        if let Some(&[0, 1, id, auth]) = self.body(at).first_chunk::<4>() {
            at += 13 + u32::from(id) + u32::from(auth);
        }
        if self.body(at).starts_with(&[0, 0]) {
            at += 8;
        }
        let Some(head) = self.body(at).first_chunk::<40>() else { return };
        let payload = be16([head[4], head[5]]);
        if head[0] >> 4 == 6 && usize::from(payload) + 40 == self.body(at).len() {
            self.counters.count(Counter::DecoderTeredo);
            self.tunnel(Source::Teredo, at, end, Kind::Type(ethertype::IPV6));
        }
    }

    /// Whether the type field of an Ethernet header at `at` is one that is decoded.
    fn plausible_frame(&self, at: u32) -> bool {
        let kind = self.body(at).get(12..14).and_then(|kind| kind.try_into().ok()).map(be16);
        matches!(
            kind,
            Some(
                ethertype::IPV4
                    | ethertype::IPV6
                    | ethertype::ARP
                    | ethertype::VLAN
                    | ethertype::QINQ
                    | ethertype::IEEE_8021AH
            )
        )
    }
}
