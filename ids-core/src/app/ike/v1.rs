//! What is proposed and chosen in version 1 (RFC 2408 §3.4 to §3.6, RFC 2409 appendix A).

use super::payload::part;
use crate::app::cursor::Cursor;

/// Transforms of one message that are read.
const MAX_TRANSFORMS: usize = 64;
/// Type of the payload of a transform.
const TRANSFORM: u8 = 3;
/// Type of the payload of a proposal.
const PROPOSAL: u8 = 2;
/// The meaning of numbers in IPsec (RFC 2407 §4.2), where a situation is four bytes.
const IPSEC: u32 = 1;

/// Attributes of a transform: their types and values, of each type the first.
pub(super) type Attributes = Vec<(u16, u32)>;

/// What an SA payload says.
#[derive(Debug, Default)]
pub(super) struct Offer {
    pub(super) doi: u32,
    pub(super) transforms: Vec<Attributes>,
    /// A type of attribute is not known.
    pub(super) unknown: bool,
}

/// Reads an SA payload. Out: `None` if it is malformed.
pub(super) fn read(data: &[u8]) -> Option<Offer> {
    let mut rest = Cursor::big(data);
    let mut offer = Offer { doi: rest.u32()?, ..Offer::default() };
    if offer.doi != IPSEC {
        return Some(offer);
    }
    rest.skip(4)?;
    let mut next = PROPOSAL;
    while next == PROPOSAL {
        let (following, proposal) = part(&mut rest)?;
        next = following;
        let mut inside = Cursor::big(proposal);
        inside.skip(2)?;
        let spi = inside.u8()?;
        inside.skip(1 + usize::from(spi))?;
        transforms(inside, &mut offer)?;
    }
    Some(offer)
}

fn transforms(mut rest: Cursor<'_>, offer: &mut Offer) -> Option<()> {
    let mut next = TRANSFORM;
    while next == TRANSFORM && !rest.is_empty() {
        let (following, transform) = part(&mut rest)?;
        next = following;
        let mut inside = Cursor::big(transform);
        inside.skip(4)?;
        let (attributes, unknown) = attributes(inside)?;
        offer.unknown |= unknown;
        if offer.transforms.len() < MAX_TRANSFORMS {
            offer.transforms.push(attributes);
        }
    }
    Some(())
}

/// Attributes, and whether there is one of a type that is not known. A value of more than four bytes is none.
fn attributes(mut rest: Cursor<'_>) -> Option<(Attributes, bool)> {
    let (mut attributes, mut unknown) = (Attributes::new(), false);
    while !rest.is_empty() {
        let head = rest.u16()?;
        let (kind, short) = (head & 0x7fff, head & 0x8000 != 0);
        let value = if short { Some(rest.u16()?.into()) } else { long(rest.vector16()?.rest()) };
        unknown |= !(1..=16).contains(&kind);
        if let Some(value) = value
            && attributes.iter().all(|row| row.0 != kind)
        {
            attributes.push((kind, value));
        }
    }
    Some((attributes, unknown))
}

fn long(bytes: &[u8]) -> Option<u32> {
    (bytes.len() <= 4).then(|| bytes.iter().fold(0, |value, byte| value << 8 | u32::from(*byte)))
}
