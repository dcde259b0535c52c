//! Flows as the kernel stage knows them: keys and values of `BLOCKED_FLOWS` and `RELEASED_FLOWS`.

use crate::config::PortConfig;
use crate::headers::Headers;
use crate::sieve::Look;
use crate::track::Side;

/// An address as a number: IPv6 in network order, IPv4 mapped into it (RFC 4291 §2.5.5.2). Compares as the
/// bytes on the wire do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(C)]
pub struct Addr {
    /// The first eight bytes.
    pub high: u64,
    /// The last eight bytes.
    pub low: u64,
}

impl Addr {
    /// From the four bytes of an IPv4 address.
    #[inline(always)]
    pub const fn v4(bytes: [u8; 4]) -> Self {
        Self { high: 0, low: 0xffff_0000_0000 | u32::from_be_bytes(bytes) as u64 }
    }

    /// From the sixteen bytes of an IPv6 address.
    #[inline(always)]
    pub const fn v6(high: [u8; 8], low: [u8; 8]) -> Self {
        Self { high: u64::from_be_bytes(high), low: u64::from_be_bytes(low) }
    }

    /// The bytes of an IPv4 address that was mapped.
    #[inline(always)]
    pub const fn v4_bytes(self) -> [u8; 4] {
        (self.low as u32).to_be_bytes()
    }

    /// All sixteen bytes.
    #[inline(always)]
    pub const fn bytes(self) -> [u8; 16] {
        (((self.high as u128) << 64) | self.low as u128).to_be_bytes()
    }
}

/// Travels from the smaller endpoint to the larger, or back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Dir {
    /// From `low` to `high`.
    Up = 0,
    /// From `high` to `low`.
    Down = 1,
}

/// The key of a flow; both directions give the same one. No padding: the kernel compares bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct FlowKey {
    /// Address of the smaller endpoint (by address, then port).
    pub low: Addr,
    /// Address of the larger endpoint.
    pub high: Addr,
    /// Port of the smaller endpoint; a type of ICMP or ICMPv6; 0 where the protocol has none.
    pub low_port: u16,
    /// Port of the larger endpoint.
    pub high_port: u16,
    /// VLAN ids, outermost first; 0 where there is none or they do not matter.
    pub vlan: [u16; 2],
    /// Pair of ports; 0 if it does not matter.
    pub pair: u16,
    /// IP protocol number.
    pub proto: u8,
    /// Always 0. Two integers and no array, which the compiler would clear byte by byte in a call.
    pub reserved: u8,
    /// Always 0.
    pub unused: u32,
}

const _: () = assert!(size_of::<FlowKey>() == 48);

impl FlowKey {
    /// The key of packets between two endpoints, and which way the first of them sends.
    #[inline(always)]
    pub const fn new(src: (Addr, u16), dst: (Addr, u16), proto: u8, vlan: [u16; 2], pair: u16) -> (Self, Dir) {
        let up = if src.0.high != dst.0.high {
            src.0.high < dst.0.high
        } else if src.0.low != dst.0.low {
            src.0.low < dst.0.low
        } else {
            src.1 <= dst.1
        };
        let ((low, low_port), (high, high_port)) = if up { (src, dst) } else { (dst, src) };
        let key = Self { low, high, low_port, high_port, vlan, pair, proto, reserved: 0, unused: 0 };
        (key, if up { Dir::Up } else { Dir::Down })
    }

    /// The key of a packet that came in on a port.
    #[inline(always)]
    pub const fn of(headers: &Headers, config: &PortConfig) -> (Self, Dir) {
        let vlan = if config.tracks_vlan() { headers.vlan } else { [0; 2] };
        let (src, dst) = ((headers.src, headers.src_port), (headers.dst, headers.dst_port));
        Self::new(src, dst, headers.proto, vlan, config.pair)
    }
}

/// A flow all packets of which are dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct FlowBlock {
    /// Until when, CLOCK_MONOTONIC in nanoseconds.
    pub until: u64,
    /// Packets dropped.
    pub hits: u64,
    /// The rule on whose account; 0 if none.
    pub sid: u32,
    /// Always 0.
    pub reserved: u32,
}

const _: () = assert!(size_of::<FlowBlock>() == 24);

/// What a released flow carried in one direction since its release.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Carried {
    /// Packets.
    pub packets: u64,
    /// Bytes, link layer included.
    pub bytes: u64,
    /// Time of the latest, CLOCK_MONOTONIC in nanoseconds; 0 if there was none.
    pub last: u64,
    /// All TCP flags seen.
    pub tcp_flags: u64,
}

/// A flow nothing can match on any more, but in what opens or ends a connection, and in what it says of itself.
/// Its counters belong to the flow's record, so entries are taken out by userspace alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Released {
    /// By [`Dir`].
    pub carried: [Carried; 2],
    /// When it was released, CLOCK_MONOTONIC in nanoseconds.
    pub since: u64,
    /// Silence after which the flow is over, in nanoseconds: what comes then is another one's. 0 for none.
    pub idle: u64,
    /// Not 0 once a packet came that is to be inspected: nothing passes on this entry's account any more.
    pub reopened: u64,
    /// What is to be inspected: [`Released::watch`] and what follows it.
    pub watched: u64,
    /// Which data of TCP and UDP is to be inspected, by the [`Dir`] that it goes.
    pub looks: [Look; 2],
    /// How far a connection has come, by the [`Dir`] in which the side sends.
    pub sides: [Side; 2],
}

const _: () = assert!(size_of::<Released>() == 184);

impl Released {
    /// Segments of TCP that do not continue the connection as they should are inspected, and what `looks` say.
    pub const TRACKED: u64 = 4;
    /// Segments of TCP with a wrong checksum are.
    pub const CHECKED: u64 = 8;
    /// Of what is tracked, segments that send again what was sent before are.
    pub const AGAIN: u64 = 16;

    /// Which bit of `watched` says that all but lone acknowledgments of TCP is inspected that goes this way.
    #[inline(always)]
    pub const fn watch(dir: Dir) -> u64 {
        1 << dir as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v4(last: u8) -> Addr {
        Addr::v4([10, 0, 0, last])
    }

    #[test]
    fn both_directions_give_one_key() {
        let cases = [
            ((v4(1), 1000), (v4(2), 80)),
            ((v4(1), 80), (v4(1), 81)),
            ((v4(1), 80), (v4(1), 80)),
            ((Addr::v6([0x20; 8], [1; 8]), 5), (Addr::v6([0x20; 8], [2; 8]), 4)),
            ((Addr::v6([0x20; 8], [9; 8]), 5), (Addr::v6([0x21; 8], [0; 8]), 4)),
        ];
        for (low, high) in cases {
            let (up, there) = FlowKey::new(low, high, 6, [7, 0], 1);
            let (down, back) = FlowKey::new(high, low, 6, [7, 0], 1);
            assert_eq!(up, down);
            assert_eq!((up.low, up.low_port), low);
            assert_eq!(there, Dir::Up);
            assert_eq!(back, if low == high { Dir::Up } else { Dir::Down });
        }
    }

    #[test]
    fn bytes_come_back() {
        assert_eq!(v4(9).v4_bytes(), [10, 0, 0, 9]);
        assert_eq!(v4(9).bytes()[10..], [255, 255, 10, 0, 0, 9]);
        let addr = Addr::v6([1, 2, 3, 4, 5, 6, 7, 8], [9, 10, 11, 12, 13, 14, 15, 16]);
        assert_eq!(addr.bytes(), core::array::from_fn::<u8, 16, _>(|at| at as u8 + 1));
    }
}
