//! IPv6 extension headers (RFC 8200 §4, RFC 4302, RFC 5095): the chain up to the upper layer or the fragment.

use std::net::Ipv6Addr;

use super::{Malformed, ip_proto, split};
use crate::anomaly::Anomaly;

/// How many extension headers are followed.
const LIMIT: usize = 16;

/// What a chain of extension headers comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Chain {
    /// Protocol number of what follows the chain.
    pub proto: u8,
    /// Length of all extension headers, in bytes. A fragment header ends the chain and is counted.
    pub len: usize,
    /// The fragment header, if this is a fragment.
    pub fragment: Option<FragmentHeader>,
    /// Where a routing header sends the packet in the end, if stops are left.
    pub destination: Option<Ipv6Addr>,
}

/// A fragment header (RFC 8200 §4.5) and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FragmentHeader {
    /// Bytes between the end of the IPv6 header and the fragment header.
    pub at: usize,
    /// Where the number of the fragment header stands: bytes from the end of the IPv6 header on; `None` if
    /// it stands in the IPv6 header.
    pub named_at: Option<usize>,
    /// Identification.
    pub id: u32,
    /// Where its data belongs, in bytes.
    pub offset: u32,
    /// Whether more fragments follow.
    pub more: bool,
}

/// Follows the chain that begins with a header of number `first`, noting what is odd. `bytes` is the payload
/// of the IPv6 header. Ends with `Err` where a header is cut short or too many follow each other.
pub fn walk(first: u8, bytes: &[u8], note: &mut impl FnMut(Anomaly)) -> Result<Chain, Malformed> {
    let mut chain = Chain { proto: first, ..Chain::default() };
    let mut named_at = None;
    let mut seen = Seen::default();
    for _ in 0..=LIMIT {
        let rest = bytes.get(chain.len..).unwrap_or_default();
        let Some(kind) = Kind::of(chain.proto) else {
            // Whatever follows a chain has at least two bytes, or the chain was cut.
            let cut = chain.len > 0 && rest.len() < 2 && chain.proto != ip_proto::NONE;
            return if cut { Err(Malformed(Anomaly::Ipv6TruncExthdr)) } else { Ok(chain) };
        };
        let (head, _) = split::<8>(rest, Anomaly::Ipv6TruncExthdr)?;
        let len = kind.len(head[1]);
        let header = rest.get(..len).ok_or(Malformed(Anomaly::Ipv6TruncExthdr))?;
        if seen.too_often(kind) {
            note(kind.duplicate());
        }
        match kind {
            Kind::HopByHop | Kind::Destination => options(kind, header, note),
            Kind::Routing => {
                if head[2] == 0 {
                    note(Anomaly::Ipv6RhType0);
                }
                chain.destination = last_stop(header).or(chain.destination);
            }
            Kind::Authentication => {
                if (head[2], head[3]) != (0, 0) {
                    note(Anomaly::Ipv6ExthdrAhResNotNull);
                }
            }
            Kind::Fragment => chain.fragment = fragment(head, chain.len, named_at, note),
        }
        named_at = Some(chain.len);
        chain.proto = head[0];
        chain.len += len;
        if chain.fragment.is_some() {
            return Ok(chain);
        }
    }
    Err(Malformed(Anomaly::TooManyLayers))
}

/// The extension headers that are followed. ESP is none of them: nothing behind it can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    HopByHop,
    Routing,
    Fragment,
    Authentication,
    Destination,
}

impl Kind {
    const fn of(proto: u8) -> Option<Self> {
        match proto {
            ip_proto::HOP_BY_HOP => Some(Self::HopByHop),
            ip_proto::ROUTING => Some(Self::Routing),
            ip_proto::FRAGMENT => Some(Self::Fragment),
            ip_proto::AH => Some(Self::Authentication),
            ip_proto::DESTINATION => Some(Self::Destination),
            _ => None,
        }
    }

    /// Length in bytes for a length field.
    fn len(self, field: u8) -> usize {
        match self {
            Self::Fragment => 8,
            Self::Authentication => (usize::from(field) + 2) * 4,
            _ => (usize::from(field) + 1) * 8,
        }
    }

    const fn duplicate(self) -> Anomaly {
        match self {
            Self::HopByHop => Anomaly::Ipv6ExthdrDuplHh,
            Self::Routing => Anomaly::Ipv6ExthdrDuplRh,
            Self::Fragment => Anomaly::Ipv6ExthdrDuplFh,
            Self::Authentication => Anomaly::Ipv6ExthdrDuplAh,
            Self::Destination => Anomaly::Ipv6ExthdrDuplDh,
        }
    }
}

/// How often each kind was there.
#[derive(Default)]
struct Seen([u8; 5]);

impl Seen {
    /// Each header occurs once at most, destination options twice (RFC 8200 §4.1).
    fn too_often(&mut self, kind: Kind) -> bool {
        let allowed = if kind == Kind::Destination { 2 } else { 1 };
        self.0.get_mut(kind as usize).is_some_and(|count| {
            *count += 1;
            *count > allowed
        })
    }
}

fn fragment(
    head: &[u8; 8],
    at: usize,
    named_at: Option<usize>,
    note: &mut impl FnMut(Anomaly),
) -> Option<FragmentHeader> {
    let field = u16::from_be_bytes([head[2], head[3]]);
    if head[1] != 0 || field & 0x0006 != 0 {
        note(Anomaly::Ipv6FhNonZeroReservedField);
    }
    let (offset, more) = (u32::from(field & 0xfff8), field & 1 != 0);
    if offset == 0 && !more {
        // The whole packet in one fragment (RFC 6946): nothing to put together.
        note(Anomaly::Ipv6ExthdrUselessFh);
        return None;
    }
    let id = u32::from_be_bytes([head[4], head[5], head[6], head[7]]);
    Some(FragmentHeader { at, named_at, id, offset, more })
}

/// The last address of a routing header with stops left: types 0 and 2 (RFC 6275 §6.4) list it last, type 4
/// (RFC 8754 §2) first.
fn last_stop(header: &[u8]) -> Option<Ipv6Addr> {
    let (&[_, _, kind, left, ..], addresses) = header.split_first_chunk::<8>()?;
    let address: Option<&[u8; 16]> = match kind {
        _ if left == 0 => None,
        0 | 2 => addresses.last_chunk(),
        4 => addresses.first_chunk(),
        _ => None,
    };
    address.map(|address| Ipv6Addr::from(*address))
}

/// Pad1 and PadN (RFC 8200 §4.2).
const PAD1: u8 = 0;
const PADN: u8 = 1;

/// Options and their lengths where these are fixed (IANA, Destination Options and Hop-by-Hop Options).
const OPTIONS: &[(u8, Option<usize>)] = &[
    (0x04, Some(1)),  // tunnel encapsulation limit (RFC 2473)
    (0x05, Some(2)),  // router alert (RFC 2711)
    (0x07, None),     // CALIPSO (RFC 5570)
    (0x0f, None),     // performance metrics (RFC 8250)
    (0x11, None),     // IOAM (RFC 9486)
    (0x23, None),     // RPL (RFC 9008)
    (0x26, Some(6)),  // quick start (RFC 4782)
    (0x30, Some(4)),  // minimum path MTU (RFC 9268)
    (0x31, None),     // IOAM (RFC 9486)
    (0x63, None),     // RPL (RFC 6553)
    (0x6d, None),     // MPL (RFC 7731)
    (0xc2, Some(4)),  // jumbo payload (RFC 2675)
    (0xc9, Some(16)), // home address (RFC 6275)
];

fn options(kind: Kind, header: &[u8], note: &mut impl FnMut(Anomaly)) {
    let (unknown, only_padding) = match kind {
        Kind::HopByHop => (Anomaly::Ipv6HopoptsUnknownOpt, Anomaly::Ipv6HopoptsOnlyPadding),
        _ => (Anomaly::Ipv6DstoptsUnknownOpt, Anomaly::Ipv6DstoptsOnlyPadding),
    };
    let mut rest = header.get(2..).unwrap_or_default();
    let mut padding = true;
    while let Some((&option, after)) = rest.split_first() {
        if option == PAD1 {
            rest = after;
            continue;
        }
        let Some((data, next)) = after.split_first().and_then(|(len, data)| data.split_at_checked((*len).into()))
        else {
            return note(Anomaly::Ipv6ExthdrInvalidOptlen);
        };
        rest = next;
        if option == PADN {
            if data.is_empty() {
                note(Anomaly::Ipv6ZeroLenPadn);
            }
            continue;
        }
        padding = false;
        match OPTIONS.iter().find(|row| row.0 == option) {
            None => note(unknown),
            Some((_, Some(len))) if *len != data.len() => note(Anomaly::Ipv6ExthdrInvalidOptlen),
            Some(_) => {}
        }
    }
    if padding {
        note(only_padding);
    }
}
