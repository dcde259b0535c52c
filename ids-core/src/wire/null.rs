//! BSD loopback (LINKTYPE_NULL, LINKTYPE_LOOP): four bytes of address family, in either byte order.

use super::{Malformed, split};
use crate::anomaly::Anomaly;

/// The address families that are decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
}

/// Length of the header in bytes.
pub const LEN: usize = 4;

/// The family of what follows, or why it is unknown. AF_INET is 2 everywhere; AF_INET6 is 10 on Linux, 24 on
/// NetBSD and OpenBSD, 28 on FreeBSD, 30 on Darwin.
pub fn parse(bytes: &[u8]) -> Result<Family, Malformed> {
    let (head, _) = split::<LEN>(bytes, Anomaly::LtnullPktTooSmall)?;
    let family = u32::from_be_bytes(*head);
    // LINKTYPE_NULL is in the byte order of whoever captured; a family fits into one byte.
    match if family > 0xffff { family.swap_bytes() } else { family } {
        2 => Ok(Family::Ipv4),
        10 | 24 | 28 | 30 => Ok(Family::Ipv6),
        _ => Err(Malformed(Anomaly::LtnullUnsupportedType)),
    }
}
