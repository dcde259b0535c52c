//! The frames that answer a rejected packet: a TCP reset, or an ICMP "unreachable" for everything else.
//!
//! In: the packet that matched.  Out: whole frames, with the packet's own link layer (addresses turned where the
//! answer goes back), VLAN tags included.  Source: RFC 9293 §3.10.7, RFC 792, RFC 4443 §3.1.

use std::net::IpAddr;

use etherparse::icmpv4::DestUnreachableHeader;
use etherparse::icmpv6::DestUnreachableCode;
use etherparse::{Icmpv4Header, Icmpv4Type, Icmpv6Header, Icmpv6Type, IpNumber, Ipv4Header, Ipv6Header, TcpHeader};

use crate::packet::{Packet, Transport};
use crate::wire::tcp::Flags;

/// Which end of a packet's way an answer goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Back to the sender, out of the port the packet came in on.
    Sender,
    /// On to the receiver, where the packet would have gone.
    Receiver,
}

/// Hop limit of the answers.
const TTL: u8 = 64;
/// How much of the packet an ICMP error quotes beyond its header, in bytes; enough for every transport header.
const QUOTE: usize = 64;

/// The frame that tells `side` that the packet was refused, written over `frame`. `None` where there is nothing
/// to answer: not IP, a reset, an ICMP error, or a tunnel's inner packet (its outer headers are another
/// host's business). `arrives`: whether the receiver gets the packet all the same.
pub fn frame<'f>(packet: &Packet<'_>, side: Side, arrives: bool, frame: &'f mut Vec<u8>) -> Option<&'f [u8]> {
    if packet.tunnel.is_some() {
        return None;
    }
    let (src, dst) = packet.addresses()?;
    let body = match packet.layers.transport {
        Transport::Tcp => reset(packet, side, arrives, src, dst)?,
        Transport::Icmp4 | Transport::Icmp6 if side == Side::Receiver => return None,
        _ if side == Side::Receiver => return None,
        _ => unreachable_message(packet, src, dst)?,
    };
    let (from, to) = match side {
        Side::Sender => (dst, src),
        Side::Receiver => (src, dst),
    };
    frame.clear();
    frame.extend_from_slice(packet.bytes.get(..packet.layers.network_at as usize)?);
    if let (Side::Sender, Some(at)) = (side, packet.layers.ether) {
        let at = at as usize;
        frame.get_mut(at..at + 12)?.rotate_left(6);
    }
    network(packet, from, to, &body, frame)?;
    Some(frame)
}

/// Writes the IP header and the body behind the link layer.
fn network(packet: &Packet<'_>, from: IpAddr, to: IpAddr, body: &[u8], frame: &mut Vec<u8>) -> Option<()> {
    let tcp = packet.layers.transport == Transport::Tcp;
    match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let proto = if tcp { IpNumber::TCP } else { IpNumber::ICMP };
            let length = u16::try_from(body.len()).ok()?;
            let header = Ipv4Header::new(length, TTL, proto, from.octets(), to.octets()).ok()?;
            header.write(frame).ok()?;
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            let header = Ipv6Header {
                payload_length: u16::try_from(body.len()).ok()?,
                next_header: if tcp { IpNumber::TCP } else { IpNumber::IPV6_ICMP },
                hop_limit: TTL,
                source: from.octets(),
                destination: to.octets(),
                ..Ipv6Header::default()
            };
            header.write(frame).ok()?;
        }
        _ => return None,
    }
    frame.extend_from_slice(body);
    Some(())
}

/// The reset: to the sender as if from the receiver, and the other way round. Its sequence number is the one
/// the addressee waits for: behind the packet, if that has arrived there.
fn reset(packet: &Packet<'_>, side: Side, arrives: bool, src: IpAddr, dst: IpAddr) -> Option<Vec<u8>> {
    let tcp = packet.tcp()?;
    let flags = tcp.flags();
    if flags.any(Flags::RST) {
        return None;
    }
    let length = u32::try_from(tcp.payload.len()).ok()?;
    let length = length + u32::from(flags.any(Flags::SYN)) + u32::from(flags.any(Flags::FIN));
    let behind = tcp.seq().wrapping_add(length);
    let mut header = match side {
        Side::Sender => {
            let mut header = TcpHeader::new(tcp.destination_port(), tcp.source_port(), 0, 0);
            header.sequence_number = if flags.any(Flags::ACK) { tcp.ack() } else { 0 };
            header.ack = true;
            header.acknowledgment_number = behind;
            header
        }
        Side::Receiver => {
            let seq = if arrives { behind } else { tcp.seq() };
            let mut header = TcpHeader::new(tcp.source_port(), tcp.destination_port(), seq, 0);
            header.ack = flags.any(Flags::ACK);
            header.acknowledgment_number = if header.ack { tcp.ack() } else { 0 };
            header
        }
    };
    header.rst = true;
    // Sum over both addresses: the same for either direction.
    header.checksum = match (src, dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => header.calc_checksum_ipv4_raw(src.octets(), dst.octets(), &[]).ok()?,
        (IpAddr::V6(src), IpAddr::V6(dst)) => header.calc_checksum_ipv6_raw(src.octets(), dst.octets(), &[]).ok()?,
        _ => return None,
    };
    let mut bytes = Vec::with_capacity(header.header_len());
    header.write(&mut bytes).ok()?;
    Some(bytes)
}

/// "Administratively prohibited", with the start of the packet.
fn unreachable_message(packet: &Packet<'_>, src: IpAddr, dst: IpAddr) -> Option<Vec<u8>> {
    let start = packet.layers.network_at as usize;
    let quote = packet.bytes.get(start..packet.layers.network_end as usize)?;
    let quote = quote.get(..packet.layers.network_len as usize + QUOTE).unwrap_or(quote);
    let mut bytes = Vec::with_capacity(8 + quote.len());
    match (src, dst) {
        (IpAddr::V4(_), IpAddr::V4(_)) => {
            // RFC 1122 §3.2.2: no error on account of an error.
            if matches!(packet.icmp(), Some((3 | 4 | 5 | 11 | 12, _))) {
                return None;
            }
            let kind = Icmpv4Type::DestinationUnreachable(DestUnreachableHeader::FilterProhibited);
            Icmpv4Header::with_checksum(kind, quote).write(&mut bytes).ok()?;
        }
        (IpAddr::V6(src), IpAddr::V6(dst)) => {
            if matches!(packet.icmp(), Some((0..128, _))) {
                return None;
            }
            let kind = Icmpv6Type::DestinationUnreachable(DestUnreachableCode::Prohibited);
            let header = Icmpv6Header::with_checksum(kind, dst.octets(), src.octets(), quote).ok()?;
            header.write(&mut bytes).ok()?;
        }
        _ => return None,
    }
    bytes.extend_from_slice(quote);
    Some(bytes)
}
