//! Headers of rules: which packets and flows a rule is about at all.
//!
//! In: the expressions of a rule's header and the variables of the configuration.  Out: a [`Header`], which
//! says of two endpoints whether the rule applies. Equal expressions share one set.

mod address;
mod expression;
mod port;
mod ranges;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

pub use address::{AddressSet, number};
pub use port::PortSet;
pub use ranges::{Bound, RangeSet};

use crate::detect::bytes::text::Part;
use crate::flow::Endpoint;
use crate::packet::{Network, Packet, Transport};
use crate::rules::ast::{Direction, Rule, Spanned};
use crate::rules::diagnostic::Diagnostic;

/// Variables of the configuration: names without `$`, and their expressions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Vars {
    /// `vars.address-groups`.
    pub addresses: HashMap<String, String>,
    /// `vars.port-groups`.
    pub ports: HashMap<String, String>,
}

/// Which endpoints a rule is about.
#[derive(Clone, Debug)]
pub struct Header {
    /// Source addresses.
    pub src: Arc<AddressSet>,
    /// Destination addresses.
    pub dst: Arc<AddressSet>,
    /// Source ports.
    pub src_ports: Arc<PortSet>,
    /// Destination ports.
    pub dst_ports: Arc<PortSet>,
    /// Whether it also applies the other way round (`<>`).
    pub both: bool,
}

impl Header {
    /// Whether it applies to what goes from `src` to `dst`. `ported`: whether they have ports; without, only
    /// `any` matches.
    pub fn matches(&self, src: Endpoint, dst: Endpoint, ported: bool) -> bool {
        self.one_way(src, dst, ported) || self.both && self.one_way(dst, src, ported)
    }

    fn one_way(&self, src: Endpoint, dst: Endpoint, ported: bool) -> bool {
        let port = |set: &PortSet, port| set.is_all() || ported && set.contains(port);
        port(&self.dst_ports, dst.port)
            && port(&self.src_ports, src.port)
            && self.dst.contains(dst.addr)
            && self.src.contains(src.addr)
    }

    /// Whether it applies to every endpoint.
    pub fn is_any(&self) -> bool {
        self.src.is_any() && self.dst.is_any() && self.src_ports.is_all() && self.dst_ports.is_all()
    }
}

/// Reads headers; remembers what it has read, so that equal expressions share memory.
#[derive(Debug, Default)]
pub struct Reader {
    addresses: HashMap<String, Arc<AddressSet>>,
    ports: HashMap<String, Arc<PortSet>>,
}

impl Reader {
    /// The header of a rule.
    pub fn header(&mut self, rule: &Rule, vars: &Vars) -> Result<Header, Diagnostic> {
        Ok(Header {
            src: self.address(&rule.src, vars)?,
            src_ports: self.port(&rule.src_port, vars)?,
            dst: self.address(&rule.dst, vars)?,
            dst_ports: self.port(&rule.dst_port, vars)?,
            both: rule.direction == Direction::Both,
        })
    }

    /// An address expression.
    pub fn address(&mut self, text: &Spanned, vars: &Vars) -> Result<Arc<AddressSet>, Diagnostic> {
        if let Some(set) = self.addresses.get(&text.text) {
            return Ok(Arc::clone(set));
        }
        let set = Arc::new(expression::read(Part { text: &text.text, at: text.span.start }, &vars.addresses)?);
        self.addresses.insert(text.text.clone(), Arc::clone(&set));
        Ok(set)
    }

    fn port(&mut self, text: &Spanned, vars: &Vars) -> Result<Arc<PortSet>, Diagnostic> {
        if let Some(set) = self.ports.get(&text.text) {
            return Ok(Arc::clone(set));
        }
        let set = Arc::new(expression::read(Part { text: &text.text, at: text.span.start }, &vars.ports)?);
        self.ports.insert(text.text.clone(), Arc::clone(&set));
        Ok(set)
    }
}

/// Which transports and IP versions a rule is about, as bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Carriers(u16);

impl Carriers {
    /// TCP.
    pub const TCP: Self = Self(1);
    /// UDP.
    pub const UDP: Self = Self(2);
    /// ICMP for IPv4.
    pub const ICMP4: Self = Self(4);
    /// ICMP for IPv6.
    pub const ICMP6: Self = Self(8);
    /// SCTP.
    pub const SCTP: Self = Self(16);
    /// Any other protocol over IP.
    pub const OTHER: Self = Self(32);
    /// Everything over IP.
    pub const ANY: Self = Self(63);
    /// No IP packet at all: only rules on decoder events look at those.
    pub const NONE: Self = Self(64);
    /// How many there are, [`Carriers::NONE`] included.
    pub const COUNT: usize = 7;

    /// What a packet travels over, by the protocol number of its IP header; fragments too.
    pub fn of(packet: &Packet<'_>) -> Self {
        let layers = &packet.layers;
        match (layers.transport, layers.network) {
            (Transport::Tcp, _) => Self::TCP,
            (Transport::Udp, _) => Self::UDP,
            (Transport::Icmp4, _) => Self::ICMP4,
            (Transport::Icmp6, _) => Self::ICMP6,
            (Transport::Sctp, _) => Self::SCTP,
            (Transport::None, Network::Ipv4 | Network::Ipv6) => Self::of_number(layers.proto),
            (Transport::None, Network::None | Network::Arp) => Self::NONE,
        }
    }

    /// From an IP protocol number.
    pub const fn of_number(proto: u8) -> Self {
        match proto {
            1 => Self::ICMP4,
            6 => Self::TCP,
            17 => Self::UDP,
            58 => Self::ICMP6,
            132 => Self::SCTP,
            _ => Self::OTHER,
        }
    }

    /// What is in either.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether they have anything in common.
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether nothing is left.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The positions of its bits, for tables with one entry per carrier.
    pub fn indexes(self) -> impl Iterator<Item = usize> {
        (0..Self::COUNT).filter(move |bit| self.0 & (1 << bit) != 0)
    }

    /// Whether its packets have ports.
    pub const fn ported(self) -> bool {
        self.meets(Self::TCP.or(Self::UDP).or(Self::SCTP))
    }
}
