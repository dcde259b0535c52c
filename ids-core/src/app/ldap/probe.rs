//! How LDAP is told from its first bytes.

use crate::app::ber::{self, Head};
use crate::app::parser::Probe;
use crate::field::Dir;

/// Bytes of a message number and of an operation without content.
const SHORTEST: usize = 5;
/// Tags of the operations of clients (RFC 4511 §4.2 to §4.12).
const REQUESTS: [u8; 10] = [0x60, 0x42, 0x63, 0x66, 0x68, 0x4a, 0x6c, 0x6e, 0x50, 0x77];
/// Tags of the operations of servers.
const RESPONSES: [u8; 11] = [0x61, 0x64, 0x65, 0x67, 0x69, 0x6b, 0x6d, 0x6f, 0x73, 0x78, 0x79];

/// A sequence with a message number and the tag of an operation, which tells who sent it.
pub(super) fn ldap(data: &[u8], _: Dir, udp: bool) -> Probe {
    match operation(data) {
        Ok(tag) if REQUESTS.contains(&tag) => Probe::Yes(Dir::ToServer),
        Ok(tag) if RESPONSES.contains(&tag) => Probe::Yes(Dir::ToClient),
        Err(Probe::Unsure) if !udp => Probe::Unsure,
        _ => Probe::No,
    }
}

/// The tag behind the message number, or why there is none.
fn operation(data: &[u8]) -> Result<u8, Probe> {
    let (tag, sequence, length) = open(data)?;
    if tag != ber::SEQUENCE || length < SHORTEST {
        return Err(Probe::No);
    }
    let (tag, number, size) = open(sequence)?;
    if tag != ber::INTEGER || !(1..=4).contains(&size) {
        return Err(Probe::No);
    }
    number.get(size).copied().ok_or(Probe::Unsure)
}

/// A value: its tag, what stands behind its head, and how much of that is its content.
fn open(data: &[u8]) -> Result<(u8, &[u8], usize), Probe> {
    match ber::head(data) {
        Head::Whole { tag, size, length } => Ok((tag, data.get(size..).unwrap_or_default(), length)),
        Head::Cut if data.first().is_some_and(|tag| ![ber::SEQUENCE, ber::INTEGER].contains(tag)) => Err(Probe::No),
        Head::Cut => Err(Probe::Unsure),
        Head::Bad => Err(Probe::No),
    }
}
