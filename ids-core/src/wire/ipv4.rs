//! IPv4 header (RFC 791 §3.1).

use std::net::Ipv4Addr;

use etherparse::{Ipv4HeaderSlice, err::ipv4};

use super::Malformed;
use crate::anomaly::Anomaly;

/// A view over bytes proven to hold an IPv4 header with its options and all of the payload that it claims.
#[derive(Clone, Copy, Debug)]
pub struct Ipv4<'a> {
    head: Ipv4HeaderSlice<'a>,
    /// What follows the header, cut to the length it claims.
    pub payload: &'a [u8],
}

impl<'a> Ipv4<'a> {
    /// Length of the header without options, in bytes.
    pub const LEN: usize = 20;

    /// In: bytes from the header on. Out: header and payload, or why not. What follows the length that the
    /// header claims is padding and is cut off.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let head = header(bytes)?;
        let (header, total) = (head.slice().len(), usize::from(head.total_len()));
        let length = total.checked_sub(header).ok_or(Malformed(Anomaly::Ipv4IplenSmallerThanHlen))?;
        let payload = bytes.get(header..).and_then(|rest| rest.get(..length));
        Ok(Self { head, payload: payload.ok_or(Malformed(Anomaly::Ipv4TruncPkt))? })
    }

    /// In: the packet that an ICMP error quotes, of which only the start is there. Out: the header and as
    /// much of the payload as is quoted.
    pub fn parse_quoted(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let head = header(bytes)?;
        Ok(Self { head, payload: bytes.get(head.slice().len()..).unwrap_or_default() })
    }

    /// Length of the header with options, in bytes.
    pub fn header_len(&self) -> usize {
        self.head.slice().len()
    }

    /// Source address.
    pub fn source(&self) -> Ipv4Addr {
        self.head.source_addr()
    }

    /// Destination address.
    pub fn destination(&self) -> Ipv4Addr {
        self.head.destination_addr()
    }

    /// Protocol number of what follows.
    pub fn protocol(&self) -> u8 {
        self.head.protocol().0
    }

    /// Identification, where its data belongs in bytes, and whether more fragments follow; `None` if this is
    /// not a fragment.
    pub fn fragment(&self) -> Option<(u16, u32, bool)> {
        let offset = u32::from(self.head.fragments_offset().byte_offset());
        let more = self.head.more_fragments();
        (more || offset != 0).then(|| (self.head.identification(), offset, more))
    }

    /// The options, not yet parsed.
    pub fn options(&self) -> &'a [u8] {
        self.head.options()
    }
}

fn header(bytes: &[u8]) -> Result<Ipv4HeaderSlice<'_>, Malformed> {
    // Before the version, which etherparse looks at first.
    if bytes.len() < Ipv4::LEN {
        return Err(Malformed(Anomaly::Ipv4PktTooSmall));
    }
    Ipv4HeaderSlice::from_slice(bytes).map_err(|error| {
        Malformed(match error {
            ipv4::HeaderSliceError::Len(_) => Anomaly::Ipv4TruncPkt,
            ipv4::HeaderSliceError::Content(ipv4::HeaderError::UnexpectedVersion { .. }) => Anomaly::Ipv4WrongIpVersion,
            ipv4::HeaderSliceError::Content(ipv4::HeaderError::HeaderLengthSmallerThanHeader { .. }) => {
                Anomaly::Ipv4HlenTooSmall
            }
        })
    })
}
