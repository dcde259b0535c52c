//! What follows an IP header: transport protocols and tunnels.

use super::{Decoder, Step, offset};
use crate::anomaly::Anomaly;
use crate::counters::Counter;
use crate::packet::{Network, Transport};
use crate::wire::esp::Esp;
use crate::wire::icmp::{self, Icmp};
use crate::wire::sctp::Sctp;
use crate::wire::tcp::Tcp;
use crate::wire::udp::Udp;
use crate::wire::{Malformed, ip_proto, tcp_options};

impl Decoder<'_, '_> {
    pub(super) fn transport(&mut self, proto: u8) -> Result<Step, Malformed> {
        match proto {
            ip_proto::TCP => self.tcp(),
            ip_proto::UDP => self.udp(),
            ip_proto::UDP_LITE => self.udp_lite(),
            ip_proto::ICMP => self.icmp(icmp::Version::V4),
            ip_proto::ICMPV6 => self.icmp(icmp::Version::V6),
            ip_proto::SCTP => self.sctp(),
            ip_proto::ESP => self.esp(),
            ip_proto::GRE => self.gre(),
            ip_proto::IPV4 | ip_proto::IPV6 => self.ip_in_ip(proto),
            _ if self.packet.layers.network == Network::Ipv6 && !names_upper_layer(proto) => {
                Err(Malformed(Anomaly::Ipv6UnknownNextHeader))
            }
            _ => Ok(Step::End),
        }
    }

    /// Writes down a transport layer that starts at `self.at`.
    fn found(&mut self, transport: Transport, header: usize) {
        let layers = &mut self.packet.layers;
        layers.transport = transport;
        layers.transport_at = offset(self.at);
        layers.transport_len = offset(header);
    }

    fn tcp(&mut self) -> Result<Step, Malformed> {
        self.counters.count(Counter::DecoderTcp);
        let tcp = Tcp::parse(self.rest())?;
        self.found(Transport::Tcp, tcp.header_len());
        tcp_options::check(tcp.options, &mut |anomaly| self.note(anomaly));
        Ok(Step::End)
    }

    fn udp(&mut self) -> Result<Step, Malformed> {
        self.counters.count(Counter::DecoderUdp);
        let udp = Udp::parse(self.rest())?;
        self.found(Transport::Udp, Udp::LEN);
        // What follows the length that UDP claims is padding to receivers.
        self.end = self.at + Udp::LEN + udp.payload.len();
        self.packet.layers.network_end = offset(self.end);
        self.in_udp(&udp);
        Ok(Step::End)
    }

    fn udp_lite(&mut self) -> Result<Step, Malformed> {
        self.counters.count(Counter::DecoderUdp);
        Udp::parse_lite(self.rest())?;
        self.found(Transport::Udp, Udp::LEN);
        Ok(Step::End)
    }

    fn icmp(&mut self, version: icmp::Version) -> Result<Step, Malformed> {
        let (counter, transport) = match version {
            icmp::Version::V4 => (Counter::DecoderIcmpv4, Transport::Icmp4),
            icmp::Version::V6 => (Counter::DecoderIcmpv6, Transport::Icmp6),
        };
        self.counters.count(counter);
        let icmp = Icmp::parse(self.rest(), version)?;
        self.found(transport, Icmp::LEN);
        let hop_limit = self.packet.ttl().unwrap_or_default();
        icmp.check(hop_limit, &mut |anomaly| self.note(anomaly));
        Ok(Step::End)
    }

    fn sctp(&mut self) -> Result<Step, Malformed> {
        self.counters.count(Counter::DecoderSctp);
        Sctp::parse(self.rest())?;
        self.found(Transport::Sctp, Sctp::LEN);
        Ok(Step::End)
    }

    fn esp(&mut self) -> Result<Step, Malformed> {
        self.counters.count(Counter::DecoderEsp);
        Esp::parse(self.rest())?;
        Ok(Step::End)
    }
}

/// Whether this is a protocol known to be carried by IPv6, though it is not decoded further.
const fn names_upper_layer(proto: u8) -> bool {
    // EIGRP, OSPF, IPIP, EtherIP, PIM, IPComp, VRRP, L2TP, mobility, MPLS, HIP, shim6, Ethernet (IANA).
    matches!(proto, 88 | 89 | 94 | 97 | 103 | 108 | 112 | 115 | 135 | 137 | 139 | 140 | 143)
}
