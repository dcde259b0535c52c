//! Puts the checksum in that a network card would have: what this machine sends is seen before that.

use etherparse::{NetSlice, SlicedPacket, TransportSlice};

/// Completes the checksum of TCP or UDP in an Ethernet frame; frames of other kinds stay as they are.
pub(super) fn complete(frame: &mut [u8]) {
    if let Some((at, checksum)) = wanted(frame)
        && let Some(place) = frame.get_mut(at..at + 2)
    {
        place.copy_from_slice(&checksum.to_be_bytes());
    }
}

/// Where the checksum stands, and what it is to be.
fn wanted(frame: &[u8]) -> Option<(usize, u16)> {
    let packet = SlicedPacket::from_ethernet(frame).ok()?;
    // Both slices are of the same memory.
    let place = |slice: &[u8]| slice.as_ptr().addr() - frame.as_ptr().addr();
    let checksum = match (packet.net?, packet.transport?) {
        (NetSlice::Ipv4(ip), TransportSlice::Tcp(tcp)) => {
            let (src, dst) = (ip.header().source(), ip.header().destination());
            (place(tcp.slice()) + 16, tcp.to_header().calc_checksum_ipv4_raw(src, dst, tcp.payload()).ok()?)
        }
        (NetSlice::Ipv6(ip), TransportSlice::Tcp(tcp)) => {
            let (src, dst) = (ip.header().source(), ip.header().destination());
            (place(tcp.slice()) + 16, tcp.to_header().calc_checksum_ipv6_raw(src, dst, tcp.payload()).ok()?)
        }
        (NetSlice::Ipv4(ip), TransportSlice::Udp(udp)) => {
            let (src, dst) = (ip.header().source(), ip.header().destination());
            (place(udp.slice()) + 6, udp.to_header().calc_checksum_ipv4_raw(src, dst, udp.payload()).ok()?)
        }
        (NetSlice::Ipv6(ip), TransportSlice::Udp(udp)) => {
            let (src, dst) = (ip.header().source(), ip.header().destination());
            (place(udp.slice()) + 6, udp.to_header().calc_checksum_ipv6_raw(src, dst, udp.payload()).ok()?)
        }
        _ => return None,
    };
    Some(checksum)
}

#[cfg(test)]
mod tests {
    use etherparse::PacketBuilder;

    use super::*;

    #[test]
    fn checksums_are_completed_where_there_are_any() {
        let built = |finish: &dyn Fn(&mut Vec<u8>)| {
            let mut frame = Vec::new();
            finish(&mut frame);
            frame
        };
        let four = || {
            PacketBuilder::ethernet2([1; 6], [2; 6]).single_vlan(0x21.try_into().unwrap()).ipv4(
                [10, 0, 0, 1],
                [10, 0, 0, 2],
                9,
            )
        };
        let six = || PacketBuilder::ethernet2([1; 6], [2; 6]).ipv6([1; 16], [2; 16], 9);
        let frames = [
            ("tcp", built(&|out| four().tcp(1, 2, 3, 4).write(out, b"odd").unwrap()), Some(18 + 20 + 16)),
            ("tcp6", built(&|out| six().tcp(1, 2, 3, 4).write(out, b"odd").unwrap()), Some(14 + 40 + 16)),
            ("udp", built(&|out| four().udp(1, 2).write(out, b"even").unwrap()), Some(18 + 20 + 6)),
            ("udp6", built(&|out| six().udp(1, 2).write(out, b"even").unwrap()), Some(14 + 40 + 6)),
            ("icmp", built(&|out| four().icmpv4_echo_request(1, 2).write(out, b"x").unwrap()), None),
            ("nothing", vec![0; 5], None),
        ];
        for (name, whole, at) in frames {
            let mut partial = whole.clone();
            if let Some(at) = at {
                // As the kernel leaves it: something that is not the checksum.
                partial[at..at + 2].copy_from_slice(&[0x12, 0x34]);
            }
            complete(&mut partial);
            assert_eq!(partial, whole, "{name}");
        }
    }
}
