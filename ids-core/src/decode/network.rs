//! IPv4 and IPv6.

use super::{Decoder, Step, offset};
use crate::anomaly::Anomaly;
use crate::counters::Counter;
use crate::packet::{Fragment, Network};
use crate::wire::ipv4::Ipv4;
use crate::wire::ipv6::Ipv6;
use crate::wire::{Malformed, ip_proto, ipv4_options, ipv6_chain};

impl Decoder<'_, '_> {
    /// IP of the version that its first byte names.
    pub(super) fn ip(&mut self) -> Result<Step, Malformed> {
        match self.rest().first().map(|byte| byte >> 4) {
            Some(4) => self.ipv4(),
            Some(6) => self.ipv6(),
            _ => Err(Malformed(Anomaly::IprawInvalidIpVersion)),
        }
    }

    pub(super) fn ipv4(&mut self) -> Result<Step, Malformed> {
        self.counters.count(Counter::DecoderIpv4);
        let ip = Ipv4::parse(self.rest())?;
        ipv4_options::check(ip.options(), &mut |anomaly| self.note(anomaly));
        if self.malformed {
            // Receivers discard packets with malformed options.
            return Ok(Step::End);
        }
        let proto = ip.protocol();
        self.network(Network::Ipv4, ip.header_len(), ip.payload.len(), proto);
        if let Some((id, offset, more)) = ip.fragment() {
            self.packet.layers.fragment = Some(Fragment { id: id.into(), offset, more });
            return Ok(Step::End);
        }
        match proto {
            ip_proto::ICMPV6 => Err(Malformed(Anomaly::Ipv4Icmpv6)),
            _ => Ok(Step::Transport(proto)),
        }
    }

    pub(super) fn ipv6(&mut self) -> Result<Step, Malformed> {
        self.counters.count(Counter::DecoderIpv6);
        let ip = Ipv6::parse(self.rest())?;
        let start = self.at;
        self.network(Network::Ipv6, Ipv6::LEN, ip.payload.len(), ip.next_header());
        let chain = ipv6_chain::walk(ip.next_header(), ip.payload, &mut |anomaly| self.note(anomaly))?;
        self.at = start;
        self.network(Network::Ipv6, Ipv6::LEN + chain.len, ip.payload.len() - chain.len, chain.proto);
        if let Some(header) = chain.fragment {
            let fragment = Fragment { id: header.id, offset: header.offset, more: header.more };
            self.packet.layers.fragment = Some(fragment);
            return Ok(Step::End);
        }
        match chain.proto {
            ip_proto::ICMP => Err(Malformed(Anomaly::Ipv6Icmpv4)),
            ip_proto::NONE if self.rest().is_empty() => Ok(Step::End),
            ip_proto::NONE => Err(Malformed(Anomaly::Ipv6DataAfterNoneHeader)),
            proto => Ok(Step::Transport(proto)),
        }
    }

    /// Writes down a network layer that starts at `self.at`, and steps over its header.
    fn network(&mut self, network: Network, header: usize, payload: usize, proto: u8) {
        let layers = &mut self.packet.layers;
        layers.network = network;
        layers.network_at = offset(self.at);
        layers.network_len = offset(header);
        layers.network_end = offset(self.at + header + payload);
        layers.proto = proto;
        self.at += header;
        self.end = self.at + payload;
    }
}
