//! What is asked about: an address, a network, or a packet of a flow.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use ids_ebpf::headers::{Class, Headers};

use crate::kernel::{Prefix, decision};

/// What is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// All packets of a host or network.
    Network(Prefix),
    /// The packets of a flow that go this way.
    Flow {
        /// IP protocol number.
        proto: u8,
        /// Sender; port 0 where the protocol has none.
        src: SocketAddr,
        /// Receiver.
        dst: SocketAddr,
        /// VLAN ids, outermost first; 0 for none.
        vlan: [u16; 2],
    },
}

/// Names of protocols that flows may be asked about by; others go by number.
const PROTOCOLS: [(&str, u8); 6] = [("tcp", 6), ("udp", 17), ("icmp", 1), ("icmpv6", 58), ("sctp", 132), ("gre", 47)];

/// How a target is written.
const FORMS: &str = "write an address, a network as 192.0.2.0/24, or a flow as `tcp 192.0.2.1:4711 192.0.2.2:80`";

impl Target {
    /// The headers of a packet of the flow, past the opening of a connection; `None` for hosts and networks.
    pub fn headers(&self) -> Option<Headers> {
        let Self::Flow { proto, src, dst, vlan } = *self else { return None };
        Some(Headers {
            class: Class::Whole,
            version: if src.is_ipv4() { 4 } else { 6 },
            proto,
            // ACK alone, with data: neither begins a connection nor ends one, and says what most packets do.
            tcp_flags: if proto == 6 { 16 } else { 0 },
            tcp_data: true,
            vlan,
            src_port: src.port(),
            dst_port: dst.port(),
            src: decision::addr(src.ip()),
            dst: decision::addr(dst.ip()),
            ..Headers::EMPTY
        })
    }

    /// The hosts or the network that blocks may name, with what each is to the packet.
    pub fn ends(&self) -> Vec<(Prefix, Option<usize>)> {
        match *self {
            Self::Network(prefix) => vec![(prefix, None)],
            Self::Flow { src, dst, .. } => vec![(Prefix::host(src.ip()), Some(0)), (Prefix::host(dst.ip()), Some(1))],
        }
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let words: Vec<&str> = text.split_whitespace().filter(|word| *word != "->").collect();
        match *words {
            [prefix] => prefix.parse().map(Self::Network).map_err(|error| format!("{error}; {FORMS}")),
            [proto, src, dst] | [proto, src, dst, _] => {
                let named = PROTOCOLS.iter().find(|(name, _)| name.eq_ignore_ascii_case(proto)).map(|row| row.1);
                let proto =
                    named.or_else(|| proto.parse().ok()).ok_or_else(|| format!("`{proto}` is no protocol; {FORMS}"))?;
                let (src, dst) = (end(src)?, end(dst)?);
                if src.is_ipv4() != dst.is_ipv4() {
                    return Err(format!("{src} and {dst} are of different IP versions"));
                }
                Ok(Self::Flow { proto, src, dst, vlan: words.get(3).map_or(Ok([0; 2]), |word| vlans(word))? })
            }
            _ => Err(FORMS.to_owned()),
        }
    }
}

/// An address with or without a port.
fn end(text: &str) -> Result<SocketAddr, String> {
    let bare = || text.parse::<IpAddr>().ok().map(|addr| SocketAddr::new(addr, 0));
    text.parse().ok().or_else(bare).ok_or_else(|| format!("`{text}` is no end of a flow; {FORMS}"))
}

/// `vlan=5` or `vlan=5,7`.
fn vlans(text: &str) -> Result<[u16; 2], String> {
    let list = text.strip_prefix("vlan=").ok_or_else(|| format!("`{text}` is not understood; {FORMS}"))?;
    let ids: Result<Vec<u16>, _> = list.split(',').map(str::parse).collect();
    match ids.as_deref() {
        Ok([outer]) => Ok([*outer, 0]),
        Ok([outer, inner]) => Ok([*outer, *inner]),
        _ => Err(format!("`{text}`: expected one or two VLAN ids")),
    }
}

impl fmt::Display for Target {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(prefix) => prefix.fmt(out),
            Self::Flow { proto, src, dst, vlan } => {
                match PROTOCOLS.iter().find(|row| row.1 == *proto) {
                    Some((name, _)) => out.write_str(name)?,
                    None => write!(out, "protocol {proto}")?,
                }
                write!(out, " {src} -> {dst}")?;
                match vlan {
                    [0, _] => Ok(()),
                    [outer, 0] => write!(out, " in VLAN {outer}"),
                    [outer, inner] => write!(out, " in VLAN {outer}.{inner}"),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        for (text, want) in [
            ("192.0.2.1", Ok("192.0.2.1")),
            ("2001:db8::/32", Ok("2001:db8::/32")),
            ("tcp 192.0.2.1:4711 192.0.2.2:80", Ok("tcp 192.0.2.1:4711 -> 192.0.2.2:80")),
            ("TCP 192.0.2.1:4711 -> 192.0.2.2:80", Ok("tcp 192.0.2.1:4711 -> 192.0.2.2:80")),
            ("17 [::1]:53 [::2]:4000 vlan=5,7", Ok("udp [::1]:53 -> [::2]:4000 in VLAN 5.7")),
            ("icmp 192.0.2.1 192.0.2.2 vlan=5", Ok("icmp 192.0.2.1:0 -> 192.0.2.2:0 in VLAN 5")),
            ("89 192.0.2.1 192.0.2.2", Ok("protocol 89 192.0.2.1:0 -> 192.0.2.2:0")),
            ("192.0.2.1/24", Err("`192.0.2.1/24` is a host inside of 192.0.2.0/24")),
            ("tpc 192.0.2.1:1 192.0.2.2:2", Err("`tpc` is no protocol")),
            ("tcp 192.0.2.1:1 [::1]:2", Err("different IP versions")),
            ("tcp 192.0.2.1:1 192.0.2.2:x", Err("`192.0.2.2:x` is no end of a flow")),
            ("tcp 192.0.2.1:1 192.0.2.2:2 vlan=a", Err("one or two VLAN ids")),
            ("192.0.2.1 192.0.2.2", Err("write an address")),
        ] {
            match (text.parse::<Target>().map(|target| target.to_string()), want) {
                (Ok(found), Ok(want)) => assert_eq!(found, want),
                (Err(found), Err(part)) => assert!(found.contains(part), "{text}: {found}"),
                (found, _) => panic!("{text}: {found:?}"),
            }
        }
    }
}
