//! How Kerberos is told from its first bytes.

use super::session::LONGEST;
use crate::app::ber::{self, Head};
use crate::app::cursor::Cursor;
use crate::app::parser::Probe;
use crate::field::Dir;

/// A message in its tag, a sequence in it, and over TCP a length before it that agrees. What the tag names is a request
/// or a reply: who sent it is known from the bytes.
pub(super) fn krb5(data: &[u8], _: Dir, udp: bool) -> Probe {
    let mut rest = Cursor::big(data);
    let framed = if udp { Some(data.len()) } else { rest.u32().and_then(|length| usize::try_from(length).ok()) };
    let Some(framed) = framed else { return Probe::Unsure };
    let Some(tag) = rest.rest().first().copied() else { return if udp { Probe::No } else { Probe::Unsure } };
    let dir = match tag {
        0x6a | 0x6c | 0x6e | 0x74..=0x76 => Dir::ToServer,
        0x6b | 0x6d | 0x6f | 0x7e => Dir::ToClient,
        _ => return Probe::No,
    };
    match agrees(rest.rest(), framed) {
        Some(true) => Probe::Yes(dir),
        Some(false) => Probe::No,
        None if udp => Probe::No,
        None => Probe::Unsure,
    }
}

/// Whether a tag, its length, and that of a sequence behind it (RFC 4120 §5.10) fit together; `None` if they are not all
/// there.
fn agrees(rest: &[u8], framed: usize) -> Option<bool> {
    match ber::head(rest) {
        Head::Whole { size, length, .. } => {
            Some(*rest.get(size)? == ber::SEQUENCE && size.saturating_add(length) <= framed && framed <= LONGEST)
        }
        Head::Cut => None,
        Head::Bad => Some(false),
    }
}
