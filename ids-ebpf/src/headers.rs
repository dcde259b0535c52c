//! The bytes of a frame → what can be decided on: VLANs, addresses, protocol, ports.
//!
//! Bounded work per frame: two VLAN tags, eight IPv6 extension headers, two TCP options. [`Class::Whole`] and
//! [`Class::NonIp`] promise that the engine's decoder finds the same and nothing odd besides; everything else is left
//! to the engine. Sources: IEEE 802.1Q §9; RFC 826; RFC 791 §3.1; RFC 8200 §3, §4; RFC 4302 §2.2; RFC 9293 §3.1, §3.2;
//! RFC 768; RFC 3828 §3.1; RFC 792; RFC 4443 §2.1; RFC 9260 §3.1.

use crate::flow::{Addr, Dir, Released};
use crate::interest::Interest;
use crate::segment::Place;
use crate::shared::Shared;
use crate::sieve::{Look, Part};

/// Access to the bytes of a frame.
pub trait Bytes {
    /// `N` bytes from `offset`, if the frame has them.
    fn at<const N: usize>(&self, offset: usize) -> Option<[u8; N]>;
    /// Bytes of the whole frame, as far as `at` can reach.
    fn length(&self) -> usize;
    /// The sum of `N` bytes from `offset`, `N` a multiple of 4, as words of 16 bits in the machine's order: some of the
    /// carries may be added already.
    #[inline(always)]
    fn sum<const N: usize>(&self, offset: usize) -> Option<u64> {
        let bytes: [u8; N] = self.at(offset)?;
        let (words, _) = bytes.as_chunks::<4>();
        Some(words.iter().fold(0, |sum, word| sum + u64::from(u32::from_ne_bytes(*word))))
    }
    /// Whether the checksums of a segment fit ([`checksums_fit`](crate::segment::checksums_fit)). What takes many steps has
    /// a name here, so that the program can have it verified once.
    #[inline(always)]
    fn fits(&self, place: Place) -> bool {
        crate::segment::checksums_fit(self, place)
    }
    /// Whether data is to be inspected for its size and first bytes ([`sifts`](crate::segment::sifts)).
    #[inline(always)]
    fn sifts(&self, place: Place, classes: u64, interest: Option<&Interest>) -> bool {
        crate::segment::sifts(self, place, classes, interest)
    }
    /// Whether a packet has what rules look for somewhere in a part of its data ([`finds`](crate::segment::finds)).
    #[inline(always)]
    fn finds(&self, place: Place, look: (&Look, Part), interest: Option<&Interest>) -> bool {
        crate::segment::finds(self, place, look, interest)
    }
    /// Whether a segment of a released flow is to be inspected ([`odd`](crate::segment::odd)).
    #[inline(always)]
    fn odd(&self, place: Place, flow: &Shared<Released>, dir: Dir, interest: Option<&Interest>) -> bool {
        crate::segment::odd(self, place, flow, dir, interest)
    }
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
    /// An IP packet with its transport header, and nothing odd about it.
    Whole,
    /// An IP packet whose flow is known, with something in it that this parser does not look into: options, extension
    /// headers, a tunnel, an error that quotes another packet.
    Partly,
    /// A fragment, also the first one.
    Fragment,
    /// Damaged or cut off.
    Malformed,
    /// Carries something this parser does not look into, and its flow is not known.
    Unknown,
    /// Carries a well-formed ARP packet.
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
    /// There is something behind the header of TCP.
    pub tcp_data: bool,
    /// Where a segment of TCP or a datagram of UDP lies.
    pub place: Place,
    /// Type of ICMP or ICMPv6.
    pub icmp_type: u8,
    /// VLAN ids, outermost first.
    pub vlan: [u16; 2],
    /// Source port of TCP, UDP, UDP-Lite and SCTP; the type of ICMP and ICMPv6.
    pub src_port: u16,
    /// Destination port of TCP, UDP, UDP-Lite and SCTP; of ICMP and ICMPv6 the type that answers `icmp_type`.
    pub dst_port: u16,
    /// Sender.
    pub src: Addr,
    /// Receiver.
    pub dst: Addr,
}

const VLAN: u16 = 0x8100;
const VLAN_AD: u16 = 0x88a8;
/// Service tag before 802.1ad.
const VLAN_OLD: u16 = 0x9100;
const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const ARP: u16 = 0x0806;

const ICMP4: u8 = 1;
const IN_IPV4: u8 = 4;
const TCP: u8 = 6;
const UDP: u8 = 17;
const IN_IPV6: u8 = 41;
const GRE: u8 = 47;
const ESP: u8 = 50;
const AUTHENTICATION: u8 = 51;
const ICMP6: u8 = 58;
const SCTP: u8 = 132;
const UDP_LITE: u8 = 136;

/// IPv6 extension headers walked before giving up.
const EXTENSIONS: usize = 8;

/// SYN of a TCP header's flags.
pub const SYN: u8 = 0x02;
/// ACK of a TCP header's flags.
pub const ACK: u8 = 0x10;
/// FIN, SYN, RST and URG of a TCP header's flags: what more than carries and acknowledges data.
pub const TURNS: u8 = 0x27;

impl Headers {
    /// Nothing was found.
    pub const EMPTY: Self = Self {
        class: Class::Malformed,
        version: 0,
        proto: 0,
        tcp_flags: 0,
        tcp_data: false,
        place: Place::NOWHERE,
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

    /// Whether this carries anything: it is no lone acknowledgment.
    #[inline(always)]
    pub const fn carries(&self) -> bool {
        self.proto != TCP || self.tcp_data
    }

    /// Whether this does more to a TCP connection than to carry and acknowledge data: it opens or ends one, or is odd.
    #[inline(always)]
    pub const fn turns(&self) -> bool {
        self.proto == TCP && self.tcp_flags & (TURNS | ACK) != ACK
    }

    /// `None` is a frame cut off inside a header.
    #[inline(always)]
    fn ethernet(&mut self, frame: &(impl Bytes + ?Sized)) -> Option<Class> {
        let mut kind = u16::from_be_bytes(frame.at(12)?);
        let mut at = 14;
        for vlan in &mut self.vlan {
            if !matches!(kind, VLAN | VLAN_AD | VLAN_OLD) {
                break;
            }
            *vlan = u16::from_be_bytes(frame.at(at)?) & 0xfff;
            kind = u16::from_be_bytes(frame.at(at + 2)?);
            at += 4;
        }
        // Behind two VLAN tags at most.
        self.place.ip = at as u16;
        match kind {
            IPV4 => self.ipv4(frame, at),
            IPV6 => self.ipv6(frame, at),
            ARP => arp(frame, at),
            // Also lengths: LLC may name a type in its turn (IEEE 802 §9).
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
        let class = self.transport(frame, at + header, length - header)?;
        Some(if header > 20 { class.at_most_partly() } else { class })
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
        let first = at;
        for _ in 0..EXTENSIONS {
            self.proto = next;
            match next {
                // Hop-by-hop options, routing, destination options: 8-byte units beyond the first. Authentication: 4-byte
                // units beyond the second.
                0 | 43 | 60 | AUTHENTICATION => {
                    let [after, units] = frame.at(at)?;
                    let fours = is_authentication(next);
                    next = after;
                    let size = (usize::from(units) + 1 + fours) << (3 - fours);
                    // The compiler is not to go on with something else than what is compared with the frame's end.
                    at = core::hint::black_box(at + size);
                }
                44 => {
                    let [_, _, offset, more] = frame.at(at)?;
                    // A whole packet in one fragment (RFC 6946) is for the engine to look into.
                    let one = u16::from_be_bytes([offset, more]) & 0xfff9 == 0;
                    return Some(if one { Class::Unknown } else { Class::Fragment });
                }
                _ if at > end => return Some(Class::Malformed),
                TCP | UDP | UDP_LITE | ICMP6 | SCTP => {
                    let class = self.transport(frame, at, end - at)?;
                    return Some(if at > first { class.at_most_partly() } else { class });
                }
                // Also mobility, HIP, Shim6, those for experiments, and "no next header" with something behind it.
                _ => return Some(Class::Partly),
            }
        }
        Some(Class::Unknown)
    }

    /// `left` is what the IP header leaves for the transport, in bytes.
    #[inline(always)]
    fn transport(&mut self, frame: &(impl Bytes + ?Sized), at: usize, left: usize) -> Option<Class> {
        let least = match self.proto {
            TCP => 20,
            UDP | UDP_LITE | ICMP4 | ICMP6 => 8,
            SCTP => 12,
            IN_IPV4 | IN_IPV6 | GRE | ESP => return Some(Class::Partly),
            _ => return Some(Class::Whole),
        };
        if left < least {
            return Some(Class::Malformed);
        }
        let [a, b, c, d] = frame.at(at)?;
        self.src_port = u16::from_be_bytes([a, b]);
        self.dst_port = u16::from_be_bytes([c, d]);
        match self.proto {
            TCP => {
                let [offset, flags] = frame.at(at + 12)?;
                self.tcp_flags = flags;
                let header = usize::from(offset >> 4) * 4;
                self.tcp_data = left > header;
                // Frames are far shorter than that.
                (self.place.at, self.place.header, self.place.length) = (at as u16, header as u16, left as u16);
                if header < 20 || header > left {
                    return Some(Class::Malformed);
                }
                Some(if usual_options(frame, at + 20, header - 20)? { Class::Whole } else { Class::Partly })
            }
            UDP => {
                let length = u16::from_be_bytes(frame.at(at + 4)?);
                // Frames are far shorter than what 16 bits tell.
                (self.place.at, self.place.header, self.place.length) = (at as u16, 8, length);
                Some(if length < 8 || usize::from(length) > left { Class::Malformed } else { Class::Whole })
            }
            ICMP4 | ICMP6 => Some(self.icmp(a, b)),
            _ => Some(Class::Whole),
        }
    }

    /// The types are as many flows: a request and what answers it are one.
    #[inline(always)]
    fn icmp(&mut self, kind: u8, code: u8) -> Class {
        self.icmp_type = kind;
        self.src_port = kind.into();
        self.dst_port = icmp_answer(self.version, kind).into();
        match (self.version, self.proto, kind, code) {
            // Echo; solicitations, advertisements and redirects.
            (4, ICMP4, 0 | 8, 0) | (6, ICMP6, 128 | 129 | 133..=137, 0) => Class::Whole,
            _ => Class::Partly,
        }
    }
}

impl Class {
    /// Something about the packet was not looked into.
    const fn at_most_partly(self) -> Self {
        match self {
            Self::Whole => Self::Partly,
            other => other,
        }
    }
}

/// ARP for IPv4 over Ethernet: requests, replies, reverse and inverse ones (RFC 826, RFC 903, RFC 2390).
#[inline(always)]
fn arp(frame: &(impl Bytes + ?Sized), at: usize) -> Option<Class> {
    let whole = at + 28 <= frame.length();
    Some(match frame.at(at)? {
        [0, 1, 8, 0, 6, 4, 0, 1..=4 | 8 | 9] if whole => Class::NonIp,
        _ => Class::Malformed,
    })
}

/// The ICMP type that answers this one, or that it answers (RFC 792, 950, 1256; RFC 4443, 2710, 4861, 4620); the type
/// itself if there is none.
#[inline(always)]
pub const fn icmp_answer(version: u8, kind: u8) -> u8 {
    match (version, kind) {
        (4, 8) => 0,
        (4, 0) => 8,
        (4, 9 | 13 | 15 | 17) | (6, 128 | 130 | 133 | 135 | 139) => kind + 1,
        (4, 10 | 14 | 16 | 18) | (6, 129 | 131 | 134 | 136 | 140) => kind - 1,
        _ => kind,
    }
}

/// How timestamps of TCP begin behind two fillers, and how long that is in bytes.
pub const TIMESTAMPS: (u32, usize) = (0x0101_080a, 12);

/// 1 for authentication headers. No branch: with two lengths that it tells apart, the kernel's verifier would go through twice as
/// many ways after every header.
#[inline(always)]
fn is_authentication(next: u8) -> usize {
    let behind = u32::from(next ^ AUTHENTICATION).wrapping_sub(1);
    (core::hint::black_box(behind) >> 31) as usize
}

/// Whether TCP options are laid out as nearly all segments but a SYN have them: timestamps, selective acknowledgments,
/// or both, each after two fillers (RFC 7323 appendix A, RFC 2018 §3). These are well-formed; whatever else is left to
/// the engine, since options in any order are more ways than the verifier follows.
#[inline(always)]
fn usual_options(frame: &(impl Bytes + ?Sized), at: usize, length: usize) -> Option<bool> {
    if length == 0 {
        return Some(true);
    }
    let first = u32::from_be_bytes(frame.at(at)?);
    if first != TIMESTAMPS.0 {
        return Some(is_selective(first, length));
    }
    if length <= TIMESTAMPS.1 {
        return Some(length == TIMESTAMPS.1);
    }
    let second = u32::from_be_bytes(frame.at(at + TIMESTAMPS.1)?);
    Some(is_selective(second, length - TIMESTAMPS.1))
}

/// Whether options of this length, which begin with this word, are one to four selective acknowledgments.
#[inline(always)]
const fn is_selective(word: u32, length: usize) -> bool {
    matches!((word, length), (0x0101_050a, 12) | (0x0101_0512, 20) | (0x0101_051a, 28) | (0x0101_0522, 36))
}

#[cfg(test)]
#[path = "headers_tests.rs"]
mod tests;
