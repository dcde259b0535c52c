//! Whether the checksums of a packet are right (RFC 1071, RFC 8200 §8.1), on demand: only where somebody asks.
//!
//! In: a decoded [`Packet`].  Out: a [`Checksum`] per layer.

use etherparse::checksum::Sum16BitWords;

use crate::packet::{Network, Packet, Transport};
use crate::wire::ipv6::Ipv6;
use crate::wire::{ip_proto, ipv6_chain};

/// What a checksum says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// It fits.
    Valid,
    /// It does not.
    Invalid,
    /// There is none: no such layer, or its sender left it out.
    Absent,
}

impl Checksum {
    /// Bytes that contain their own checksum add up to zero.
    fn of(sum: Sum16BitWords) -> Self {
        if sum.ones_complement() == 0 { Self::Valid } else { Self::Invalid }
    }
}

/// The checksum of the IPv4 header.
pub fn network(packet: &Packet<'_>) -> Checksum {
    match packet.layers.network {
        Network::Ipv4 => Checksum::of(Sum16BitWords::new().add_slice(packet.network_header())),
        _ => Checksum::Absent,
    }
}

/// The checksum of TCP, UDP, UDP-Lite, ICMP or ICMPv6. SCTP's CRC is not verified.
pub fn transport(packet: &Packet<'_>) -> Checksum {
    let (header, payload) = (packet.transport_header(), packet.payload());
    let over = |sum: Sum16BitWords| Checksum::of(sum.add_slice(header).add_slice(payload));
    let length = header.len() + payload.len();
    match packet.layers.transport {
        Transport::Icmp4 => over(Sum16BitWords::new()),
        Transport::Udp if packet.layers.proto == ip_proto::UDP_LITE => udp_lite(packet, header, payload),
        // A UDP sender over IPv4 may leave the checksum out (RFC 768).
        Transport::Udp if packet.layers.network == Network::Ipv4 && header.get(6..8) == Some(&[0, 0]) => {
            Checksum::Absent
        }
        Transport::Tcp | Transport::Udp | Transport::Icmp6 => {
            pseudo_header(packet, length).map_or(Checksum::Absent, over)
        }
        Transport::Sctp | Transport::None => Checksum::Absent,
    }
}

/// The checksum of a segment in which `old` becomes `new`, both of one length, `at` bytes from its first: RFC 1624,
/// equation 3. One that was wrong stays wrong, and what covers segment and checksum from outside of it (the UDP of a
/// tunnel) stays right.
pub fn updated(checksum: u16, at: usize, old: &[u8], new: &[u8]) -> u16 {
    let mut sum = u64::from(!checksum);
    for (offset, (old, new)) in old.iter().zip(new).enumerate() {
        // The first byte of a word is its upper half.
        let shift = if (at + offset).is_multiple_of(2) { 8 } else { 0 };
        sum += u64::from(!(u16::from(*old) << shift)) + u64::from(u16::from(*new) << shift);
    }
    while let carry @ 1.. = sum >> 16 {
        sum = (sum & 0xffff) + carry;
    }
    !u16::try_from(sum).unwrap_or_default()
}

/// UDP-Lite covers as many bytes as it says, all of them if it says 0 (RFC 3828 §3.1).
fn udp_lite(packet: &Packet<'_>, header: &[u8], payload: &[u8]) -> Checksum {
    let coverage = match header {
        [_, _, _, _, a, b, ..] => usize::from(u16::from_be_bytes([*a, *b])),
        _ => return Checksum::Absent,
    };
    let length = header.len() + payload.len();
    let covered = if coverage == 0 { length } else { coverage };
    match (payload.get(..covered.saturating_sub(header.len())), pseudo_header(packet, length)) {
        (Some(part), Some(sum)) if covered >= header.len() => Checksum::of(sum.add_slice(header).add_slice(part)),
        _ => Checksum::Invalid,
    }
}

/// The sum over addresses, protocol and length of the upper layer; `None` without an IP header.
fn pseudo_header(packet: &Packet<'_>, length: usize) -> Option<Sum16BitWords> {
    let sum = match packet.layers.network {
        Network::Ipv4 => Sum16BitWords::new().add_slice(packet.network_header().get(12..20)?),
        Network::Ipv6 => {
            let ip = Ipv6::parse_quoted(packet.network_layer()).ok()?;
            // With a routing header the last stop counts (RFC 8200 §8.1).
            let chain = ipv6_chain::walk(ip.next_header(), ip.payload, &mut |_| {}).ok();
            let last = chain.and_then(|chain| chain.destination).unwrap_or_else(|| ip.destination());
            Sum16BitWords::new().add_slice(&ip.source().octets()).add_slice(&last.octets())
        }
        Network::None | Network::Arp => return None,
    };
    let length = u32::try_from(length).ok()?;
    Some(sum.add_slice(&length.to_be_bytes()).add_2bytes([0, packet.layers.proto]))
}

#[cfg(test)]
mod tests {
    use etherparse::PacketBuilder;

    use super::*;
    use crate::counters::Counters;
    use crate::decode::{self, Frame, Start};
    use crate::packet::LinkType;
    use crate::time::Time;

    /// Both checksums of an IP packet.
    fn checked(bytes: &[u8]) -> (Checksum, Checksum) {
        let (config, mut counters) = (decode::Config::default(), Counters::default());
        let frame = Frame { id: 1, port: 0, time: Time::ZERO, link: LinkType::Raw, bytes };
        let mut start = Start::captured(&frame, &config, &mut counters);
        decode::decode(&mut start, &config, &mut counters);
        (network(&start.packet), transport(&start.packet))
    }

    /// Packets whose checksums another library computed, with a payload of odd length.
    fn packets() -> Vec<(&'static str, Vec<u8>)> {
        let mut out = Vec::new();
        for v6 in [false, true] {
            let ip = || match v6 {
                false => PacketBuilder::ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64),
                true => PacketBuilder::ipv6([0xfd; 16], [0xfe; 16], 64),
            };
            let payload = b"seventeen bytes..";
            let mut add = |name, write: &dyn Fn(&mut Vec<u8>)| {
                let mut bytes = Vec::new();
                write(&mut bytes);
                out.push((name, bytes));
            };
            add("tcp", &|bytes| ip().tcp(1, 2, 3, 4).write(bytes, payload).unwrap());
            add("udp", &|bytes| ip().udp(1, 2).write(bytes, payload).unwrap());
            if v6 {
                add("icmpv6", &|bytes| ip().icmpv6_echo_request(1, 2).write(bytes, payload).unwrap());
            } else {
                add("icmp", &|bytes| ip().icmpv4_echo_request(1, 2).write(bytes, payload).unwrap());
            }
        }
        out
    }

    #[test]
    fn right_ones_are_valid_and_every_flipped_bit_is_seen() {
        for (name, bytes) in packets() {
            let ip = if bytes[0] >> 4 == 4 { Checksum::Valid } else { Checksum::Absent };
            assert_eq!(checked(&bytes), (ip, Checksum::Valid), "{name}");
            for at in bytes.len() - 17..bytes.len() {
                let mut odd = bytes.clone();
                odd[at] ^= 0x10;
                assert_eq!(checked(&odd), (ip, Checksum::Invalid), "{name}, byte {at}");
            }
        }
        let mut odd = packets().remove(0).1;
        odd[8] ^= 1;
        assert_eq!(checked(&odd).0, Checksum::Invalid);
    }

    #[test]
    fn an_updated_checksum_is_as_right_as_it_was() {
        for (name, bytes) in packets().into_iter().filter(|row| row.0 == "tcp") {
            let start = bytes.len() - 17 - 20;
            for (at, new) in
                [(0, &b"S"[..]), (1, b"E"), (3, b"enteen"), (4, b"\0\0\0"), (16, b"\xff"), (0, b"seventeen bytes..")]
            {
                for wrong in [0u8, 1] {
                    let mut changed = bytes.clone();
                    changed[start + 17] ^= wrong;
                    let place = start + 20 + at..start + 20 + at + new.len();
                    let before = u16::from_be_bytes([changed[start + 16], changed[start + 17]]);
                    let after = updated(before, 20 + at, &changed[place.clone()], new);
                    changed[place].copy_from_slice(new);
                    changed[start + 16..start + 18].copy_from_slice(&after.to_be_bytes());
                    let want = if wrong == 0 { Checksum::Valid } else { Checksum::Invalid };
                    assert_eq!(checked(&changed).1, want, "{name} at {at}: {new:?}");
                }
            }
        }
    }

    #[test]
    fn udp_may_leave_it_out_over_ipv4_only() {
        for (name, mut bytes) in packets().into_iter().filter(|row| row.0 == "udp") {
            let v4 = bytes[0] >> 4 == 4;
            let at = if v4 { 26 } else { 46 };
            bytes[at..at + 2].fill(0);
            assert_eq!(checked(&bytes).1, if v4 { Checksum::Absent } else { Checksum::Invalid }, "{name}");
        }
    }

    #[test]
    fn udp_lite_covers_what_it_says() {
        let mut bytes = packets().remove(1).1;
        bytes[9] = ip_proto::UDP_LITE;
        // The header alone is covered; the sum over pseudo header and header was worked out by hand.
        bytes[24..26].copy_from_slice(&8u16.to_be_bytes());
        bytes[26..28].fill(0);
        let words = [0x0a00, 0x0001, 0x0a00, 0x0002, 0x0088, 0x0019, 0x0001, 0x0002, 0x0008];
        let sum: u16 = !words.iter().fold(0u16, |sum, word| sum.checked_add(*word).expect("no carry"));
        bytes[26..28].copy_from_slice(&sum.to_be_bytes());
        assert_eq!(checked(&bytes).1, Checksum::Valid);
        *bytes.last_mut().unwrap() ^= 1;
        assert_eq!(checked(&bytes).1, Checksum::Valid, "not covered");
        bytes[21] ^= 1;
        assert_eq!(checked(&bytes).1, Checksum::Invalid, "covered");
    }

    #[test]
    fn routing_headers_name_the_destination_that_counts() {
        let (_, plain) = packets().into_iter().find(|row| row.0 == "icmpv6").unwrap();
        let routing = [&[58, 2, 0, 1, 0, 0, 0, 0][..], &[0xfe; 16]].concat();
        let mut bytes = [&plain[..40], &routing, &plain[40..]].concat();
        let length = u16::try_from(bytes.len() - 40).unwrap();
        bytes[4..6].copy_from_slice(&length.to_be_bytes());
        bytes[6] = ip_proto::ROUTING;
        // The header names the next stop.
        bytes[24..40].fill(0xaa);
        assert_eq!(checked(&bytes).1, Checksum::Valid);
        // With no stops left the header's destination counts.
        bytes[43] = 0;
        assert_eq!(checked(&bytes).1, Checksum::Invalid);
    }
}
