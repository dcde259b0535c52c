//! ARP for IPv4 over Ethernet (RFC 826).

use std::net::Ipv4Addr;

use super::{Malformed, split};
use crate::anomaly::Anomaly;

/// A view over bytes proven to hold an ARP packet for IPv4 over Ethernet.
#[derive(Clone, Copy, Debug)]
pub struct Arp<'a> {
    head: &'a [u8; 28],
}

impl<'a> Arp<'a> {
    /// Length in bytes.
    pub const LEN: usize = 28;

    /// In: bytes after the EtherType, padding allowed. Out: the packet, or what is wrong or not supported.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let (fixed, _) = split::<8>(bytes, Anomaly::ArpPktTooSmall)?;
        let [h0, h1, p0, p1, hardware_size, protocol_size, op0, op1] = *fixed;
        let wrong = match (u16::from_be_bytes([h0, h1]), u16::from_be_bytes([p0, p1])) {
            (hardware, _) if hardware != 1 => Some(Anomaly::ArpUnsupportedHardware),
            (_, protocol) if protocol != super::ether_type::IPV4 => Some(Anomaly::ArpUnsupportedProtocol),
            _ if hardware_size != 6 => Some(Anomaly::ArpInvalidHardwareSize),
            _ if protocol_size != 4 => Some(Anomaly::ArpInvalidProtocolSize),
            _ if operation(u16::from_be_bytes([op0, op1])).is_none() => Some(Anomaly::ArpUnsupportedOpcode),
            _ => None,
        };
        match wrong {
            Some(anomaly) => Err(Malformed(anomaly)),
            None => Ok(Self { head: split(bytes, Anomaly::ArpInvalidPkt)?.0 }),
        }
    }

    /// Operation: 1 request, 2 reply, 3 and 4 reverse, 8 and 9 inverse.
    pub const fn opcode(&self) -> u16 {
        u16::from_be_bytes([self.head[6], self.head[7]])
    }

    /// Name of the operation.
    pub fn operation(&self) -> &'static str {
        operation(self.opcode()).unwrap_or_default()
    }

    /// Hardware address of the sender.
    pub const fn source_mac(&self) -> [u8; 6] {
        let h = self.head;
        [h[8], h[9], h[10], h[11], h[12], h[13]]
    }

    /// Protocol address of the sender.
    pub const fn source(&self) -> Ipv4Addr {
        Ipv4Addr::new(self.head[14], self.head[15], self.head[16], self.head[17])
    }

    /// Hardware address of the target.
    pub const fn destination_mac(&self) -> [u8; 6] {
        let h = self.head;
        [h[18], h[19], h[20], h[21], h[22], h[23]]
    }

    /// Protocol address of the target.
    pub const fn destination(&self) -> Ipv4Addr {
        Ipv4Addr::new(self.head[24], self.head[25], self.head[26], self.head[27])
    }
}

/// The operations that are known: request, reply (RFC 826), reverse (RFC 903), inverse (RFC 2390).
const fn operation(opcode: u16) -> Option<&'static str> {
    Some(match opcode {
        1 => "request",
        2 => "reply",
        3 => "request_reverse",
        4 => "reply_reverse",
        8 => "inarp_request",
        9 => "inarp_reply",
        _ => return None,
    })
}
