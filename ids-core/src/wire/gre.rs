//! GRE version 0 (RFC 1701, RFC 2784, RFC 2890) and version 1 (PPTP, RFC 2637 §4.1).

use super::{Malformed, ether_type, split};
use crate::anomaly::Anomaly;

const CHECKSUM: u8 = 0x80;
const ROUTING: u8 = 0x40;
const KEY: u8 = 0x20;
const SEQUENCE: u8 = 0x10;
const STRICT_ROUTE: u8 = 0x08;
const RECURSION: u8 = 0x07;
/// In version 1: an acknowledgment number is there.
const ACK: u8 = 0x80;

/// What a GRE header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gre {
    /// EtherType of what follows.
    pub protocol: u16,
    /// Length with all optional fields, in bytes.
    pub len: usize,
    /// Whether a sequence number is there; tells ERSPAN type II from type I.
    pub sequence: bool,
}

impl Gre {
    /// In: bytes after the IP header, cut to the length it claims. Out: the header, or why not.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let (head, _) = split::<4>(bytes, Anomaly::GrePktTooSmall)?;
        match head[1] & 0x07 {
            0 => Self::version0(*head, bytes),
            1 => Self::version1(*head, bytes),
            _ => Err(Malformed(Anomaly::GreWrongVersion)),
        }
    }

    fn version0(head: [u8; 4], bytes: &[u8]) -> Result<Self, Malformed> {
        let [flags, more, p0, p1] = head;
        if flags & RECURSION != 0 {
            return Err(Malformed(Anomaly::GreVersion0Recur));
        }
        if more & 0xf8 != 0 {
            return Err(Malformed(Anomaly::GreVersion0Flags));
        }
        // Checksum and offset stand together, if either is there (RFC 1701).
        let fields = [flags & (CHECKSUM | ROUTING) != 0, flags & KEY != 0, flags & SEQUENCE != 0];
        let mut len = 4 + 4 * fields.iter().filter(|there| **there).count();
        if bytes.len() < len {
            return Err(Malformed(Anomaly::GreVersion0HdrTooBig));
        }
        if flags & ROUTING != 0 {
            len += source_route(bytes.get(len..).unwrap_or_default())?;
        }
        Ok(Self { protocol: u16::from_be_bytes([p0, p1]), len, sequence: flags & SEQUENCE != 0 })
    }

    fn version1(head: [u8; 4], bytes: &[u8]) -> Result<Self, Malformed> {
        let [flags, more, p0, p1] = head;
        let protocol = u16::from_be_bytes([p0, p1]);
        let checks = [
            (flags & CHECKSUM != 0, Anomaly::GreVersion1Chksum),
            (flags & ROUTING != 0, Anomaly::GreVersion1Route),
            (flags & STRICT_ROUTE != 0, Anomaly::GreVersion1Ssr),
            (flags & RECURSION != 0, Anomaly::GreVersion1Recur),
            (more & 0x78 != 0, Anomaly::GreVersion1Flags),
            (protocol != ether_type::PPP, Anomaly::GreVersion1WrongProtocol),
            (flags & KEY == 0, Anomaly::GreVersion1NoKey),
        ];
        if let Some((_, anomaly)) = checks.into_iter().find(|(wrong, _)| *wrong) {
            return Err(Malformed(anomaly));
        }
        let sequence = flags & SEQUENCE != 0;
        let len = 8 + 4 * usize::from(sequence) + 4 * usize::from(more & ACK != 0);
        if bytes.len() < len {
            return Err(Malformed(Anomaly::GreVersion1HdrTooBig));
        }
        Ok(Self { protocol, len, sequence })
    }
}

/// Length of the source route entries (RFC 1701): each has family (2), offset (1), length (1) and that many
/// bytes; an entry of family 0 and length 0 ends the list.
fn source_route(bytes: &[u8]) -> Result<usize, Malformed> {
    let mut len = 0;
    while let Some([family0, family1, _, length, ..]) = bytes.get(len..) {
        len += 4 + usize::from(*length);
        match (family0, family1, length) {
            (0, 0, 0) => return Ok(len),
            _ if len > bytes.len() => return Err(Malformed(Anomaly::GreVersion0HdrTooBig)),
            // Only the entry that ends the list is empty.
            (_, _, 0) => break,
            _ => {}
        }
    }
    Err(Malformed(Anomaly::GreVersion0MalformedSreHdr))
}
