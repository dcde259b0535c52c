//! The data of resource records: where its parts are in the message, by record type.

use super::message::Name;
use super::tables::rrtype;

/// Where the parts of a record's data are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Data {
    /// An IPv4 address (A).
    V4([u8; 4]),
    /// An IPv6 address (AAAA).
    V6([u8; 16]),
    /// A host name (CNAME, NS, PTR, MX).
    Host(Name),
    /// Start of authority; the numbers stand at `numbers` (RFC 1035 §3.3.13).
    Soa { mname: Name, rname: Name, numbers: u16 },
    /// A service; priority, weight and port stand at `numbers` (RFC 2782).
    Srv { target: Name, numbers: u16 },
    /// A key's fingerprint: algorithm, type, digest (RFC 4255 §3.1).
    Sshfp(Span),
    /// Character strings with their lengths (TXT).
    Strings(Span),
    /// EDNS options (RFC 6891 §6.1.2).
    Options(Span),
    /// Bytes without a form (NULL).
    Bytes(Span),
    /// Anything else, or not what the type should have.
    Other,
}

/// A piece of the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    at: u16,
    length: u16,
}

impl Span {
    /// Its bytes.
    pub(super) fn of(self, message: &[u8]) -> &[u8] {
        let at = usize::from(self.at);
        message.get(at..at + usize::from(self.length)).unwrap_or_default()
    }
}

impl Data {
    /// Data without names in it: `length` bytes at `at`, known to be there.
    pub(super) fn plain(kind: u16, at: usize, length: usize, message: &[u8]) -> Self {
        let bytes = message.get(at..at + length).unwrap_or_default();
        let (Ok(at), Ok(length)) = (u16::try_from(at), u16::try_from(length)) else { return Self::Other };
        let span = Span { at, length };
        match kind {
            rrtype::A => bytes.try_into().map_or(Self::Other, Self::V4),
            rrtype::AAAA => bytes.try_into().map_or(Self::Other, Self::V6),
            rrtype::TXT => Self::Strings(span),
            rrtype::NULL => Self::Bytes(span),
            rrtype::SSHFP if bytes.len() > 2 => Self::Sshfp(span),
            rrtype::OPT => Self::Options(span),
            _ => Self::Other,
        }
    }

    /// Start of authority, its numbers known to be at `numbers`.
    pub(super) fn soa(mname: Name, rname: Name, numbers: usize) -> Self {
        u16::try_from(numbers).map_or(Self::Other, |numbers| Self::Soa { mname, rname, numbers })
    }

    /// A service whose data is at `at`.
    pub(super) fn srv(target: Name, at: usize) -> Self {
        u16::try_from(at).map_or(Self::Other, |numbers| Self::Srv { target, numbers })
    }
}

/// The character strings of a TXT record (RFC 1035 §3.3.14); a last one that is cut short counts as far as
/// it goes.
pub(super) fn strings(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = data;
    std::iter::from_fn(move || {
        let (&length, after) = rest.split_first()?;
        let (string, after) = after.split_at(usize::from(length).min(after.len()));
        rest = after;
        Some(string)
    })
}

/// The options of an OPT record as (code, data); ends at one that is cut short.
pub(super) fn options(data: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = data;
    std::iter::from_fn(move || {
        let ([a, b, c, d], after) = rest.split_first_chunk::<4>()?;
        let (data, after) = after.split_at_checked(usize::from(u16::from_be_bytes([*c, *d])))?;
        rest = after;
        Some((u16::from_be_bytes([*a, *b]), data))
    })
}

/// The five numbers of a SOA record: serial, refresh, retry, expire, minimum.
pub(super) fn soa_numbers(message: &[u8], at: u16) -> [u32; 5] {
    let mut numbers = [0; 5];
    let bytes = message.get(usize::from(at)..).unwrap_or_default();
    for (number, bytes) in numbers.iter_mut().zip(bytes.as_chunks::<4>().0) {
        *number = u32::from_be_bytes(*bytes);
    }
    numbers
}

/// Priority, weight and port of a SRV record.
pub(super) fn srv_numbers(message: &[u8], at: u16) -> [u16; 3] {
    let mut numbers = [0; 3];
    let bytes = message.get(usize::from(at)..).unwrap_or_default();
    for (number, bytes) in numbers.iter_mut().zip(bytes.as_chunks::<2>().0) {
        *number = u16::from_be_bytes(*bytes);
    }
    numbers
}
