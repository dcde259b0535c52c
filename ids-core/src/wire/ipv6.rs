//! IPv6 header (RFC 8200 §3). Extension headers: `ipv6_chain.rs`.

use std::net::Ipv6Addr;

use etherparse::{Ipv6HeaderSlice, err::ipv6};

use super::Malformed;
use crate::anomaly::Anomaly;

/// A view over bytes proven to hold an IPv6 header and all of the payload that it claims.
#[derive(Clone, Copy, Debug)]
pub struct Ipv6<'a> {
    head: Ipv6HeaderSlice<'a>,
    /// What follows the header, extension headers included, cut to the length it claims.
    pub payload: &'a [u8],
}

impl<'a> Ipv6<'a> {
    /// Length of the header in bytes.
    pub const LEN: usize = 40;

    /// In: bytes from the header on. Out: header and payload, or why not. What follows the length that the
    /// header claims is padding and is cut off.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let quoted = Self::parse_quoted(bytes)?;
        let length = usize::from(quoted.head.payload_length());
        Ok(Self { payload: quoted.payload.get(..length).ok_or(Malformed(Anomaly::Ipv6TruncPkt))?, ..quoted })
    }

    /// In: the packet that an ICMPv6 error quotes, of which only the start is there. Out: the header and as
    /// much of the payload as is quoted.
    pub fn parse_quoted(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let head = Ipv6HeaderSlice::from_slice(bytes).map_err(|error| {
            Malformed(match error {
                ipv6::HeaderSliceError::Len(_) => Anomaly::Ipv6PktTooSmall,
                ipv6::HeaderSliceError::Content(_) => Anomaly::Ipv6WrongIpVersion,
            })
        })?;
        Ok(Self { head, payload: bytes.get(Self::LEN..).unwrap_or_default() })
    }

    /// Source address.
    pub fn source(&self) -> Ipv6Addr {
        self.head.source_addr()
    }

    /// Destination address; the next stop, where there is a routing header.
    pub fn destination(&self) -> Ipv6Addr {
        self.head.destination_addr()
    }

    /// Number of the header that follows.
    pub fn next_header(&self) -> u8 {
        self.head.next_header().0
    }

    /// Hop limit.
    pub fn hop_limit(&self) -> u8 {
        self.head.hop_limit()
    }
}
