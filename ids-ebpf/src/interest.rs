//! What the loaded rules and loggers want to see, by headers alone.
//!
//! The rule is: a packet may only be kept from the worker if nothing that is loaded could ever say anything on
//! account of it. Userspace builds this from the rule set; without one, everything is of interest.

use crate::headers::Headers;
use crate::sieve::Sieve;

/// What a packet is, as far as interest goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Group {
    /// TCP.
    Tcp = 0,
    /// UDP.
    Udp = 1,
    /// SCTP.
    Sctp = 2,
    /// ICMP for IPv4.
    Icmp4 = 3,
    /// ICMP for IPv6.
    Icmp6 = 4,
    /// Any other IP protocol.
    OtherIp = 5,
    /// No IP packet.
    NonIp = 6,
}

impl Group {
    /// The group of an IP protocol number.
    #[inline(always)]
    pub const fn of(proto: u8) -> Self {
        match proto {
            6 => Self::Tcp,
            17 => Self::Udp,
            132 => Self::Sctp,
            1 => Self::Icmp4,
            58 => Self::Icmp6,
            _ => Self::OtherIp,
        }
    }
}

/// A set of 65,536 numbers.
type Ports = [u64; 1024];

/// The one value of an inner map of `INTEREST`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Interest {
    /// Groups that are wanted whole: bit by [`Group`].
    pub all: u64,
    /// IP protocols wanted of [`Group::OtherIp`].
    pub protos: [u64; 4],
    /// Types wanted of ICMP and ICMPv6.
    pub icmp: [[u64; 4]; 2],
    /// Ports wanted of TCP, UDP and SCTP, as source and as destination.
    pub ports: [[Ports; 2]; 3],
    /// Which data of released flows is.
    pub sieve: Sieve,
}

const _: () = assert!(size_of::<Interest>() == 8 + 32 + 64 + 6 * 8192 + size_of::<Sieve>());

impl Interest {
    /// Nothing is of interest.
    pub const NOTHING: Self =
        Self { all: 0, protos: [0; 4], icmp: [[0; 4]; 2], ports: [[[0; 1024]; 2]; 3], sieve: Sieve::NOTHING };

    /// Wants a whole group.
    pub const fn want_all(&mut self, group: Group) {
        self.all |= 1 << group as u8;
    }

    /// Wants packets from or to a port of TCP, UDP or SCTP; of other groups, nothing.
    pub const fn want_port(&mut self, group: Group, port: u16) {
        if matches!(group, Group::Tcp | Group::Udp | Group::Sctp) {
            insert(&mut self.ports[group as usize][0], port);
            insert(&mut self.ports[group as usize][1], port);
        }
    }

    /// Wants packets to a port alone, not what comes back from it: for rules on single packets.
    pub const fn want_to_port(&mut self, group: Group, port: u16) {
        if matches!(group, Group::Tcp | Group::Udp | Group::Sctp) {
            insert(&mut self.ports[group as usize][1], port);
        }
    }

    /// Wants a type of ICMP or ICMPv6; of other groups, nothing.
    pub const fn want_icmp(&mut self, group: Group, kind: u8) {
        match group {
            Group::Icmp4 => insert(&mut self.icmp[0], kind as u16),
            Group::Icmp6 => insert(&mut self.icmp[1], kind as u16),
            _ => {}
        }
    }

    /// Wants an IP protocol that has no group of its own.
    pub const fn want_proto(&mut self, proto: u8) {
        insert(&mut self.protos, proto as u16);
    }

    /// Whether frames without an IP packet are wanted.
    #[inline(always)]
    pub const fn wants_non_ip(&self) -> bool {
        self.all & (1 << Group::NonIp as u8) != 0
    }

    /// Whether a whole IP packet is wanted.
    #[inline(always)]
    pub const fn wants(&self, headers: &Headers) -> bool {
        let group = Group::of(headers.proto);
        if self.all & (1 << group as u8) != 0 {
            return true;
        }
        match group {
            Group::Tcp => self.wants_ports::<0>(headers),
            Group::Udp => self.wants_ports::<1>(headers),
            Group::Sctp => self.wants_ports::<2>(headers),
            Group::Icmp4 => contains(&self.icmp[0], headers.icmp_type as u16),
            Group::Icmp6 => contains(&self.icmp[1], headers.icmp_type as u16),
            Group::OtherIp => contains(&self.protos, headers.proto as u16),
            Group::NonIp => true,
        }
    }

    #[inline(always)]
    const fn wants_ports<const GROUP: usize>(&self, headers: &Headers) -> bool {
        contains(&self.ports[GROUP][0], headers.src_port) || contains(&self.ports[GROUP][1], headers.dst_port)
    }
}

#[inline(always)]
const fn insert<const N: usize>(set: &mut [u64; N], number: u16) {
    set[(number as usize >> 6) & (N - 1)] |= 1 << (number & 63);
}

/// The mask is no check but the bound the verifier asks for: sets are as large as their numbers.
#[inline(always)]
const fn contains<const N: usize>(set: &[u64; N], number: u16) -> bool {
    set[(number as usize >> 6) & (N - 1)] >> (number & 63) & 1 != 0
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::boxed::Box;

    use super::*;

    fn packet(proto: u8, src_port: u16, dst_port: u16, icmp_type: u8) -> Headers {
        Headers { proto, src_port, dst_port, icmp_type, ..Headers::EMPTY }
    }

    #[test]
    fn wants_what_was_asked_for() {
        let mut some = Box::new(Interest::NOTHING);
        some.want_port(Group::Tcp, 80);
        some.want_to_port(Group::Udp, 65535);
        some.want_icmp(Group::Icmp4, 8);
        some.want_icmp(Group::Icmp6, 255);
        some.want_proto(47);
        some.want_all(Group::Sctp);
        let cases = [
            ("tcp to 80", packet(6, 4000, 80, 0), true),
            ("tcp from 80", packet(6, 80, 4000, 0), true),
            ("tcp elsewhere", packet(6, 81, 79, 0), false),
            ("udp to 65535", packet(17, 1, 65535, 0), true),
            ("udp from 65535", packet(17, 65535, 1, 0), false),
            ("udp to 80", packet(17, 1, 80, 0), false),
            ("any sctp", packet(132, 1, 2, 0), true),
            ("echo", packet(1, 0, 0, 8), true),
            ("echo reply", packet(1, 0, 0, 0), false),
            ("icmpv6 255", packet(58, 0, 0, 255), true),
            ("icmpv6 8", packet(58, 0, 0, 8), false),
            ("gre", packet(47, 0, 0, 0), true),
            ("esp", packet(50, 0, 0, 0), false),
        ];
        for (name, headers, wanted) in cases {
            assert_eq!(some.wants(&headers), wanted, "{name}");
            assert!(!Interest::NOTHING.wants(&headers), "{name}");
        }
        assert!(!some.wants_non_ip());
        some.want_all(Group::NonIp);
        assert!(some.wants_non_ip());
    }
}
