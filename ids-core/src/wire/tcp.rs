//! TCP header (RFC 9293 §3.1).

use super::Malformed;
use crate::anomaly::Anomaly;

/// A view over bytes proven to hold a TCP header with its options.
#[derive(Clone, Copy, Debug)]
pub struct Tcp<'a> {
    head: &'a [u8; 20],
    /// The options, not yet parsed.
    pub options: &'a [u8],
    /// What follows the header.
    pub payload: &'a [u8],
}

impl<'a> Tcp<'a> {
    /// In: bytes after the IP header, cut to the length it claims. Out: header and payload, or why not.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let (head, rest) = bytes.split_first_chunk::<20>().ok_or(Malformed(Anomaly::TcpPktTooSmall))?;
        let length = usize::from(head[12] >> 4) * 4;
        let options = length.checked_sub(20).ok_or(Malformed(Anomaly::TcpInvalidOptlen))?;
        let (options, payload) = rest.split_at_checked(options).ok_or(Malformed(Anomaly::TcpHlenTooSmall))?;
        Ok(Self { head, options, payload })
    }

    /// Source port.
    pub const fn source_port(&self) -> u16 {
        u16::from_be_bytes([self.head[0], self.head[1]])
    }

    /// Destination port.
    pub const fn destination_port(&self) -> u16 {
        u16::from_be_bytes([self.head[2], self.head[3]])
    }

    /// Sequence number of the first byte of payload (of the SYN, if set).
    pub const fn seq(&self) -> u32 {
        u32::from_be_bytes([self.head[4], self.head[5], self.head[6], self.head[7]])
    }

    /// Acknowledgment number; means something only with [`Flags::ACK`].
    pub const fn ack(&self) -> u32 {
        u32::from_be_bytes([self.head[8], self.head[9], self.head[10], self.head[11]])
    }

    /// Length of header and options in bytes.
    pub const fn header_len(&self) -> usize {
        20 + self.options.len()
    }

    /// The flag bits.
    pub const fn flags(&self) -> Flags {
        Flags(self.head[13])
    }

    /// The four reserved bits between data offset and flags.
    pub const fn reserved(&self) -> u8 {
        self.head[12] & 0x0f
    }

    /// Window, unscaled.
    pub const fn window(&self) -> u16 {
        u16::from_be_bytes([self.head[14], self.head[15]])
    }

    /// Checksum as sent.
    pub const fn checksum(&self) -> u16 {
        u16::from_be_bytes([self.head[16], self.head[17]])
    }

    /// Urgent pointer; means something only with [`Flags::URG`].
    pub const fn urgent(&self) -> u16 {
        u16::from_be_bytes([self.head[18], self.head[19]])
    }

    /// The options one by one, as (kind, data); ends at the first malformed one.
    pub fn options(&self) -> impl Iterator<Item = (u8, &'a [u8])> + use<'a> {
        let mut rest = self.options;
        std::iter::from_fn(move || {
            loop {
                let (&kind, after) = rest.split_first()?;
                match kind {
                    0 => return None,
                    1 => rest = after,
                    _ => {
                        let (&length, data) = after.split_first()?;
                        let (data, after) = data.split_at_checked(usize::from(length).checked_sub(2)?)?;
                        rest = after;
                        return Some((kind, data));
                    }
                }
            }
        })
    }

    /// Timestamp value and echo (RFC 7323), if the option is there.
    pub fn timestamps(&self) -> Option<(u32, u32)> {
        self.options().find_map(|(kind, data)| {
            let (value, echo) = data.split_first_chunk::<4>()?;
            let echo: [u8; 4] = echo.try_into().ok()?;
            (kind == 8).then(|| (u32::from_be_bytes(*value), u32::from_be_bytes(echo)))
        })
    }

    /// Window shift (RFC 7323), if the option is there; at most 14.
    pub fn window_scale(&self) -> Option<u8> {
        self.options().find_map(|(kind, data)| match (kind, data) {
            (3, [shift]) => Some((*shift).min(14)),
            _ => None,
        })
    }

    /// Maximum segment size, if the option is there.
    pub fn mss(&self) -> Option<u16> {
        self.options().find_map(|(kind, data)| match (kind, data) {
            (2, [a, b]) => Some(u16::from_be_bytes([*a, *b])),
            _ => None,
        })
    }

    /// Whether selective acknowledgment is offered.
    pub fn sack_permitted(&self) -> bool {
        self.options().any(|(kind, data)| kind == 4 && data.is_empty())
    }
}

/// TCP flag bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(pub u8);

impl Flags {
    /// No more data from the sender.
    pub const FIN: u8 = 0x01;
    /// Synchronise sequence numbers.
    pub const SYN: u8 = 0x02;
    /// Reset.
    pub const RST: u8 = 0x04;
    /// Push.
    pub const PSH: u8 = 0x08;
    /// The acknowledgment number is valid.
    pub const ACK: u8 = 0x10;
    /// The urgent pointer is valid.
    pub const URG: u8 = 0x20;
    /// ECN echo.
    pub const ECE: u8 = 0x40;
    /// Congestion window reduced.
    pub const CWR: u8 = 0x80;

    /// Whether all of these bits are set.
    pub const fn has(self, bits: u8) -> bool {
        self.0 & bits == bits
    }

    /// Whether a segment with these does no more than to carry and acknowledge data: it neither opens nor ends a
    /// connection, and has nothing urgent.
    pub const fn only_carry(self) -> bool {
        self.has(Self::ACK) && !self.any(Self::FIN | Self::SYN | Self::RST | Self::URG)
    }

    /// Whether any of these bits is set.
    pub const fn any(self, bits: u8) -> bool {
        self.0 & bits != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(offset: u8, extra: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0u8; 20];
        bytes[12] = offset << 4;
        bytes.extend_from_slice(extra);
        bytes
    }

    #[test]
    fn every_short_length_is_refused() {
        let bytes = header(8, &[0; 12]);
        for cut in 0..bytes.len() {
            assert!(Tcp::parse(&bytes[..cut]).is_err(), "{cut}");
        }
        assert!(Tcp::parse(&bytes).is_ok());
        assert_eq!(Tcp::parse(&header(4, &[])).err(), Some(Malformed(Anomaly::TcpInvalidOptlen)));
    }

    #[test]
    fn options_are_read_and_bad_ones_end_the_walk() {
        let bytes = header(8, &[1, 3, 3, 7, 2, 4, 5, 0xb4, 9, 0, 0, 0]);
        let tcp = Tcp::parse(&bytes).unwrap();
        assert_eq!(tcp.window_scale(), Some(7));
        assert_eq!(tcp.mss(), Some(1460));
        assert_eq!(tcp.options().count(), 2);
    }
}
