//! The bytes of a frame → what can be decided on: VLANs, addresses, protocol, ports.
//!
//! Bounded work per frame: two VLAN tags, eight IPv6 extension headers. What is damaged, cut off or unknown is
//! said to be so and left to the engine. Sources: IEEE 802.1Q §9; RFC 791 §3.1; RFC 8200 §3, §4; RFC 4302 §2.2;
//! RFC 9293 §3.1; RFC 768; RFC 792; RFC 4443 §2.1; RFC 9260 §3.1.

use crate::flow::Addr;

/// Access to the bytes of a frame.
pub trait Bytes {
    /// `N` bytes from `offset`, if the frame has them.
    fn at<const N: usize>(&self, offset: usize) -> Option<[u8; N]>;
    /// Bytes of the whole frame, as far as `at` can reach.
    fn length(&self) -> usize;
}

impl Bytes for [u8] {
    fn at<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        self.get(offset..)?.first_chunk().copied()
    }

    fn length(&self) -> usize {
        self.len()
    }
}

/// How much of a frame was understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// An IP packet with its transport header.
    Whole,
    /// A fragment, also the first one.
    Fragment,
    /// Damaged or cut off.
    Malformed,
    /// Carries something this parser does not look into.
    Unknown,
    /// Carries no IP packet.
    NonIp,
}

/// What was found in a frame. Fields that its class does not have are 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Headers {
    /// How much was understood.
    pub class: Class,
    /// IP version of `src` and `dst`; 0 if the addresses are not known.
    pub version: u8,
    /// IP protocol number after all extension headers.
    pub proto: u8,
    /// TCP flags, from FIN (1) to CWR (128).
    pub tcp_flags: u8,
    /// Type of ICMP or ICMPv6.
    pub icmp_type: u8,
    /// VLAN ids, outermost first.
    pub vlan: [u16; 2],
    /// Source port of TCP, UDP and SCTP.
    pub src_port: u16,
    /// Destination port of TCP, UDP and SCTP.
    pub dst_port: u16,
    /// Sender.
    pub src: Addr,
    /// Receiver.
    pub dst: Addr,
}

const VLAN: u16 = 0x8100;
const VLAN_AD: u16 = 0x88a8;
const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;

/// Types that hold no IP packet: ARP, reverse ARP, slow protocols, EAP over LAN, PPPoE discovery, LLDP; values
/// below 0x600 are lengths (IEEE 802.3 §3.2.6). Anything else may hold one.
const fn holds_no_ip(kind: u16) -> bool {
    kind < 0x600 || matches!(kind, 0x0806 | 0x8035 | 0x8809 | 0x888e | 0x8863 | 0x88cc)
}

const ICMP4: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMP6: u8 = 58;
const SCTP: u8 = 132;

/// IPv6 extension headers walked before giving up.
const EXTENSIONS: usize = 8;

/// SYN of a TCP header's flags.
pub const SYN: u8 = 0x02;
/// ACK of a TCP header's flags.
pub const ACK: u8 = 0x10;

impl Headers {
    /// Nothing was found.
    pub const EMPTY: Self = Self {
        class: Class::Malformed,
        version: 0,
        proto: 0,
        tcp_flags: 0,
        icmp_type: 0,
        vlan: [0; 2],
        src_port: 0,
        dst_port: 0,
        src: Addr { high: 0, low: 0 },
        dst: Addr { high: 0, low: 0 },
    };

    /// Reads an Ethernet frame.
    #[inline(always)]
    pub fn parse(frame: &(impl Bytes + ?Sized)) -> Self {
        let mut found = Self::EMPTY;
        found.class = found.ethernet(frame).unwrap_or(Class::Malformed);
        found
    }

    /// Whether this opens a TCP connection.
    #[inline(always)]
    pub const fn opens(&self) -> bool {
        self.proto == TCP && self.tcp_flags & (SYN | ACK) == SYN
    }

    /// `None` is a frame cut off inside a header.
    #[inline(always)]
    fn ethernet(&mut self, frame: &(impl Bytes + ?Sized)) -> Option<Class> {
        let mut kind = u16::from_be_bytes(frame.at(12)?);
        let mut at = 14;
        for vlan in &mut self.vlan {
            if kind != VLAN && kind != VLAN_AD {
                break;
            }
            *vlan = u16::from_be_bytes(frame.at(at)?) & 0xfff;
            kind = u16::from_be_bytes(frame.at(at + 2)?);
            at += 4;
        }
        match kind {
            IPV4 => self.ipv4(frame, at),
            IPV6 => self.ipv6(frame, at),
            kind if holds_no_ip(kind) => Some(Class::NonIp),
            _ => Some(Class::Unknown),
        }
    }

    #[inline(always)]
    fn ipv4(&mut self, frame: &(impl Bytes + ?Sized), at: usize) -> Option<Class> {
        let [first, _, length_high, length_low] = frame.at(at)?;
        let [flags_high, flags_low, _, proto] = frame.at(at + 6)?;
        self.src = Addr::v4(frame.at(at + 12)?);
        self.dst = Addr::v4(frame.at(at + 16)?);
        self.version = 4;
        self.proto = proto;
        let header = usize::from(first & 0xf) * 4;
        let length = usize::from(u16::from_be_bytes([length_high, length_low]));
        if first >> 4 != 4 || header < 20 || length < header || at + length > frame.length() {
            return Some(Class::Malformed);
        }
        // More fragments, or an offset; the reserved bit and "don't fragment" do not matter.
        if u16::from_be_bytes([flags_high, flags_low]) & 0x3fff != 0 {
            return Some(Class::Fragment);
        }
        self.transport(frame, at + header, length - header)
    }

    #[inline(always)]
    fn ipv6(&mut self, frame: &(impl Bytes + ?Sized), at: usize) -> Option<Class> {
        let [first] = frame.at(at)?;
        let length = usize::from(u16::from_be_bytes(frame.at(at + 4)?));
        let [mut next] = frame.at(at + 6)?;
        self.src = Addr::v6(frame.at(at + 8)?, frame.at(at + 16)?);
        self.dst = Addr::v6(frame.at(at + 24)?, frame.at(at + 32)?);
        self.version = 6;
        self.proto = next;
        let mut at = at + 40;
        let end = at + length;
        if first >> 4 != 6 || end > frame.length() {
            return Some(Class::Malformed);
        }
        for _ in 0..EXTENSIONS {
            self.proto = next;
            let size = match next {
                // Hop-by-hop options, routing, destination options: 8-byte units beyond the first.
                0 | 43 | 60 => {
                    let [after, units] = frame.at(at)?;
                    next = after;
                    (usize::from(units) + 1) * 8
                }
                // Authentication: 4-byte units beyond the second.
                51 => {
                    let [after, units] = frame.at(at)?;
                    next = after;
                    (usize::from(units) + 2) * 4
                }
                44 => return Some(Class::Fragment),
                // Mobility, HIP, Shim6 and the two for experiments.
                135 | 139 | 140 | 253 | 254 => return Some(Class::Unknown),
                _ if at > end => return Some(Class::Malformed),
                _ => return self.transport(frame, at, end - at),
            };
            at += size;
        }
        Some(Class::Unknown)
    }

    /// `left` is what the IP header leaves for the transport, in bytes.
    #[inline(always)]
    fn transport(&mut self, frame: &(impl Bytes + ?Sized), at: usize, left: usize) -> Option<Class> {
        let least = match self.proto {
            TCP => 20,
            UDP => 8,
            ICMP4 | ICMP6 => 4,
            SCTP => 12,
            _ => return Some(Class::Whole),
        };
        if left < least {
            return Some(Class::Malformed);
        }
        let [a, b, c, d] = frame.at(at)?;
        if matches!(self.proto, ICMP4 | ICMP6) {
            self.icmp_type = a;
            return Some(Class::Whole);
        }
        self.src_port = u16::from_be_bytes([a, b]);
        self.dst_port = u16::from_be_bytes([c, d]);
        match self.proto {
            TCP => {
                let [offset, flags] = frame.at(at + 12)?;
                self.tcp_flags = flags;
                let header = usize::from(offset >> 4) * 4;
                if header < 20 || header > left {
                    return Some(Class::Malformed);
                }
            }
            UDP => {
                let length = usize::from(u16::from_be_bytes(frame.at(at + 4)?));
                if length < 8 || length > left {
                    return Some(Class::Malformed);
                }
            }
            _ => {}
        }
        Some(Class::Whole)
    }
}

#[cfg(test)]
#[path = "headers_tests.rs"]
mod tests;
