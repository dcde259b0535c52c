//! Capture filters: the part of the pcap-filter(7) language that looks at addresses, ports and protocols.
//!
//! In: an expression.  Out: a [`Filter`], which says of a frame whether it is wanted, from its headers alone.
//! Like BPF it looks neither behind VLAN tags nor into tunnels. Words that are not understood are an error.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ids_core::packet::LinkType;

/// A compiled filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter(Term);

/// What is wrong with an expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "capture filter: {message}, at word {word}; known are host, net, port, portrange with src or dst, \
         ip, ip6, arp, tcp, udp, icmp, icmp6, sctp, and, or, not and parentheses"
)]
pub struct FilterError {
    /// Which word, from 1.
    pub word: usize,
    /// What is wrong with it.
    pub message: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Term {
    Ip(u8),
    Arp,
    Proto(u8),
    Net { side: Side, addr: IpAddr, bits: u8 },
    Port { side: Side, low: u16, high: u16 },
    Not(Box<Term>),
    And(Box<Term>, Box<Term>),
    Or(Box<Term>, Box<Term>),
}

/// Which end a test looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Source,
    Destination,
    Either,
}

impl Filter {
    /// Reads an expression; `Ok(None)` if there are no words.
    ///
    /// # Errors
    /// A word is missing or not understood.
    pub fn parse(text: &str) -> Result<Option<Self>, FilterError> {
        let spaced = text.replace('(', " ( ").replace(')', " ) ").replace("&&", " and ").replace("||", " or ");
        let spaced = spaced.replace('!', " not ");
        let words: Vec<&str> = spaced.split_whitespace().collect();
        if words.is_empty() {
            return Ok(None);
        }
        let mut parser = Parser { words: &words, at: 0 };
        let term = parser.expression(0)?;
        if parser.at < words.len() {
            return Err(parser.error(format!("`{}` does not belong here", words[parser.at])));
        }
        Ok(Some(Self(term)))
    }

    /// Whether a frame is wanted.
    pub fn wants(&self, link: LinkType, frame: &[u8]) -> bool {
        self.0.holds(&Heads::of(link, frame))
    }
}

/// Nesting of parentheses.
const MAX_DEPTH: usize = 64;

struct Parser<'a> {
    words: &'a [&'a str],
    at: usize,
}

impl<'a> Parser<'a> {
    fn error(&self, message: impl Into<String>) -> FilterError {
        FilterError { word: self.at + 1, message: message.into() }
    }

    fn peek(&self) -> Option<&'a str> {
        self.words.get(self.at).copied()
    }

    fn take(&mut self, wanted: &str) -> Result<&'a str, FilterError> {
        let word = self.peek().ok_or_else(|| self.error(format!("{wanted} is missing")))?;
        self.at += 1;
        Ok(word)
    }

    /// `and` and `or` bind equally and to the left.
    fn expression(&mut self, depth: usize) -> Result<Term, FilterError> {
        let mut left = self.factor(depth)?;
        loop {
            let join: fn(Box<Term>, Box<Term>) -> Term = match self.peek() {
                Some("and") => Term::And,
                Some("or") => Term::Or,
                _ => return Ok(left),
            };
            self.at += 1;
            left = join(Box::new(left), Box::new(self.factor(depth)?));
        }
    }

    fn factor(&mut self, depth: usize) -> Result<Term, FilterError> {
        if depth > MAX_DEPTH {
            return Err(self.error("too many parentheses"));
        }
        match self.peek() {
            Some("not") => {
                self.at += 1;
                Ok(Term::Not(Box::new(self.factor(depth + 1)?)))
            }
            Some("(") => {
                self.at += 1;
                let inner = self.expression(depth + 1)?;
                match self.take("`)`")? {
                    ")" => Ok(inner),
                    _ => {
                        self.at -= 1;
                        Err(self.error("`)` is missing"))
                    }
                }
            }
            _ => self.test(),
        }
    }

    /// `[proto] [src|dst] host|net|port|portrange VALUE`, or a protocol alone.
    fn test(&mut self) -> Result<Term, FilterError> {
        let proto = match self.peek() {
            Some("ip") => Some(Term::Ip(4)),
            Some("ip6") => Some(Term::Ip(6)),
            Some("arp") => Some(Term::Arp),
            Some("icmp") => Some(Term::Proto(1)),
            Some("tcp") => Some(Term::Proto(6)),
            Some("udp") => Some(Term::Proto(17)),
            Some("icmp6") => Some(Term::Proto(58)),
            Some("sctp") => Some(Term::Proto(132)),
            _ => None,
        };
        if proto.is_some() {
            self.at += 1;
        }
        let more = matches!(self.peek(), Some("src" | "dst" | "host" | "net" | "port" | "portrange"));
        match proto {
            Some(proto) if !more => Ok(proto),
            Some(proto) => Ok(Term::And(Box::new(proto), Box::new(self.primitive()?))),
            None => self.primitive(),
        }
    }

    fn primitive(&mut self) -> Result<Term, FilterError> {
        let side = match self.peek() {
            Some("src") => Side::Source,
            Some("dst") => Side::Destination,
            _ => Side::Either,
        };
        self.at += usize::from(side != Side::Either);
        let kind = self.take("a test")?;
        match kind {
            "host" => self.net(side, true),
            "net" => self.net(side, false),
            "port" | "portrange" => self.ports(side, kind == "portrange"),
            // `src 10.0.0.1` is short for `src host 10.0.0.1`.
            _ if side != Side::Either && kind.parse::<IpAddr>().is_ok() => {
                self.at -= 1;
                self.net(side, true)
            }
            _ => {
                self.at -= 1;
                Err(self.error(format!("`{kind}` is not understood")))
            }
        }
    }

    fn net(&mut self, side: Side, host: bool) -> Result<Term, FilterError> {
        let word = self.take("an address")?;
        let (text, bits) = word.split_once('/').map_or((word, None), |(text, bits)| (text, Some(bits)));
        let parsed = text.parse::<IpAddr>().ok().and_then(|addr| {
            let whole = if addr.is_ipv4() { 32 } else { 128 };
            let bits = bits.map_or(Some(whole), |bits| bits.parse().ok().filter(|&bits| bits <= whole))?;
            (!host || bits == whole).then_some(Term::Net { side, addr, bits })
        });
        parsed.ok_or_else(|| {
            self.at -= 1;
            self.error(format!("`{word}` is no {}", if host { "address" } else { "network" }))
        })
    }

    fn ports(&mut self, side: Side, range: bool) -> Result<Term, FilterError> {
        let word = self.take("a port")?;
        let (low, high) = if range { word.split_once('-').unwrap_or((word, word)) } else { (word, word) };
        match (low.parse(), high.parse()) {
            (Ok(low), Ok(high)) => Ok(Term::Port { side, low, high }),
            _ => {
                self.at -= 1;
                Err(self.error(format!("`{word}` is no port number")))
            }
        }
    }
}

impl Term {
    fn holds(&self, heads: &Heads) -> bool {
        match self {
            Self::Ip(version) => heads.version == *version,
            Self::Arp => heads.arp,
            Self::Proto(proto) => heads.version != 0 && heads.proto == *proto,
            Self::Net { side, addr, bits } => side.any(heads.addrs, |found| within(found, *addr, *bits)),
            Self::Port { side, low, high } => side.any(heads.ports, |port| (*low..=*high).contains(&port)),
            Self::Not(inner) => !inner.holds(heads),
            Self::And(left, right) => left.holds(heads) && right.holds(heads),
            Self::Or(left, right) => left.holds(heads) || right.holds(heads),
        }
    }
}

impl Side {
    fn any<T: Copy>(self, ends: Option<(T, T)>, test: impl Fn(T) -> bool) -> bool {
        let Some((source, destination)) = ends else { return false };
        match self {
            Self::Source => test(source),
            Self::Destination => test(destination),
            Self::Either => test(source) || test(destination),
        }
    }
}

fn within(found: IpAddr, net: IpAddr, bits: u8) -> bool {
    let (found, net, width) = match (found, net) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (u128::from(a.to_bits()), u128::from(b.to_bits()), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits(), b.to_bits(), 128),
        _ => return false,
    };
    let shift = width - u32::from(bits);
    found.checked_shr(shift).unwrap_or(0) == net.checked_shr(shift).unwrap_or(0)
}

/// What a filter sees of a frame.
#[derive(Debug, Default)]
struct Heads {
    /// 4, 6, or 0 if it is no IP packet.
    version: u8,
    arp: bool,
    proto: u8,
    addrs: Option<(IpAddr, IpAddr)>,
    ports: Option<(u16, u16)>,
}

impl Heads {
    fn of(link: LinkType, frame: &[u8]) -> Self {
        let (kind, start) = match link {
            LinkType::Ethernet => (be16(frame, 12), 14),
            LinkType::LinuxSll => (be16(frame, 14), 16),
            LinkType::LinuxSll2 => (be16(frame, 0), 20),
            LinkType::Null => (None, 4),
            LinkType::Raw | LinkType::Ipv4 | LinkType::Ipv6 => (None, 0),
            LinkType::Ppp | LinkType::CiscoHdlc | LinkType::Other(_) => return Self::default(),
        };
        let by_link = matches!(link, LinkType::Null | LinkType::Raw | LinkType::Ipv4 | LinkType::Ipv6);
        let Some(packet) = frame.get(start..) else { return Self::default() };
        match (kind, packet.first().map(|byte| byte >> 4)) {
            (Some(0x0806), _) => Self { arp: true, ..Self::default() },
            (kind, Some(4)) if by_link || kind == Some(0x0800) => Self::ipv4(packet).unwrap_or_default(),
            (kind, Some(6)) if by_link || kind == Some(0x86dd) => Self::ipv6(packet).unwrap_or_default(),
            _ => Self::default(),
        }
    }

    /// RFC 791 §3.1. Later fragments have no ports.
    fn ipv4(packet: &[u8]) -> Option<Self> {
        let head: &[u8; 20] = packet.first_chunk()?;
        let addr = |at: usize| Some(IpAddr::from(Ipv4Addr::from(<[u8; 4]>::try_from(head.get(at..at + 4)?).ok()?)));
        let first = u16::from_be_bytes([head[6], head[7]]) & 0x1fff == 0;
        let mut heads = Self { version: 4, proto: head[9], addrs: Some((addr(12)?, addr(16)?)), ..Self::default() };
        if first {
            heads.set_ports(packet, usize::from(head[0] & 0x0f) * 4);
        }
        Some(heads)
    }

    /// RFC 8200 §3. Like BPF it does not walk extension headers.
    fn ipv6(packet: &[u8]) -> Option<Self> {
        let head: &[u8; 40] = packet.first_chunk()?;
        let addr = |at: usize| Some(IpAddr::from(Ipv6Addr::from(<[u8; 16]>::try_from(head.get(at..at + 16)?).ok()?)));
        let mut heads = Self { version: 6, proto: head[6], addrs: Some((addr(8)?, addr(24)?)), ..Self::default() };
        heads.set_ports(packet, 40);
        Some(heads)
    }

    fn set_ports(&mut self, packet: &[u8], at: usize) {
        if matches!(self.proto, 6 | 17 | 132) {
            self.ports = be16(packet, at).zip(be16(packet, at + 2));
        }
    }
}

fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An Ethernet frame with an IPv4 packet 10.0.0.5 → 192.0.2.7.
    fn frame(proto: u8, src: u16, dst: u16) -> Vec<u8> {
        let mut frame = vec![0; 12];
        frame.extend([0x08, 0, 0x45, 0, 0, 24, 0, 0, 0, 0, 64, proto, 0, 0, 10, 0, 0, 5, 192, 0, 2, 7]);
        frame.extend(src.to_be_bytes());
        frame.extend(dst.to_be_bytes());
        frame
    }

    #[test]
    fn expressions() {
        let frame = frame(6, 40_000, 22);
        for (text, want) in [
            ("port 22", true),
            ("port 23", false),
            ("tcp port 22", true),
            ("udp port 22", false),
            ("src port 22", false),
            ("dst port 22", true),
            ("portrange 20-25", true),
            ("host 10.0.0.5", true),
            ("dst host 10.0.0.5", false),
            ("src 10.0.0.5", true),
            ("net 192.0.2.0/24", true),
            ("src net 192.0.2.0/24", false),
            ("net 0.0.0.0/0", true),
            ("net 2001:db8::/32", false),
            ("not port 22", false),
            ("tcp and not (port 80 or port 443)", true),
            ("port 80 or port 22 and udp", false),
            ("port 80||tcp&&!udp", true),
            ("ip", true),
            ("ip6 or arp", false),
        ] {
            let filter = Filter::parse(text).expect(text).expect(text);
            assert_eq!(filter.wants(LinkType::Ethernet, &frame), want, "{text}");
        }
    }

    #[test]
    fn short_frames_match_nothing() {
        let whole = frame(6, 1, 2);
        let filter = Filter::parse("tcp or host 10.0.0.5 or port 1").expect("parses").expect("not empty");
        for cut in 0..34 {
            assert!(!filter.wants(LinkType::Ethernet, &whole[..cut]), "{cut}");
        }
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        for (text, word) in [
            ("port ssh", 2),
            ("vlan 3", 1),
            ("host", 2),
            ("host example.org", 2),
            ("net 10.0.0.0/33", 2),
            ("(tcp", 3),
            ("tcp udp", 2),
            ("tcp and", 3),
            ("less 64", 1),
        ] {
            assert_eq!(Filter::parse(text).expect_err(text).word, word, "{text}");
        }
        assert_eq!(Filter::parse("  "), Ok(None));
    }
}
