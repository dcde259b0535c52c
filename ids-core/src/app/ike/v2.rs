//! What is proposed and chosen in version 2 (RFC 7296 §3.3).

use super::events::Event;
use super::payload::part;
use crate::app::cursor::Cursor;

/// Protocols that a proposal can be for (RFC 7296 §3.3.1).
const AH: u8 = 2;

/// Types of transforms (RFC 7296 §3.3.2).
pub(super) mod kind {
    pub(in crate::app::ike) const ENCRYPTION: u8 = 1;
    pub(in crate::app::ike) const PRF: u8 = 2;
    pub(in crate::app::ike) const INTEGRITY: u8 = 3;
    pub(in crate::app::ike) const DH: u8 = 4;
    pub(in crate::app::ike) const SEQUENCE: u8 = 5;
}

/// One proposal.
#[derive(Debug)]
pub(super) struct Proposal {
    protocol: u8,
    /// Types and numbers.
    pub(super) transforms: Vec<(u8, u16)>,
}

/// Reads an SA payload. Out: `None` if it is malformed.
pub(super) fn read(data: &[u8]) -> Option<Vec<Proposal>> {
    let mut rest = Cursor::big(data);
    let mut proposals = Vec::new();
    while !rest.is_empty() {
        let (_, content) = part(&mut rest)?;
        let mut inside = Cursor::big(content);
        inside.skip(1)?;
        let (protocol, spi, count) = (inside.u8()?, inside.u8()?, inside.u8()?);
        inside.skip(spi.into())?;
        let mut transforms = Vec::new();
        for _ in 0..count {
            let (_, transform) = part(&mut inside)?;
            let mut transform = Cursor::big(transform);
            let kind = transform.u8()?;
            transform.skip(1)?;
            transforms.push((kind, transform.u16()?));
        }
        proposals.push(Proposal { protocol, transforms });
    }
    Some(proposals)
}

impl Proposal {
    /// What is weak about it, or odd.
    pub(super) fn judge(&self, mut tell: impl FnMut(Event)) {
        if self.protocol == AH {
            tell(Event::InvalidProposal);
        }
        self.transforms.iter().filter_map(|transform| judge(*transform)).for_each(&mut tell);
        let has = |wanted: u8| self.transforms.iter().any(|(kind, number)| *kind == wanted && *number != 0);
        if !has(kind::DH) {
            tell(Event::WeakCryptoNoDh);
        }
        let sealed = |(kind, number): &(u8, u16)| *kind == kind::ENCRYPTION && is_sealed(*number);
        if !has(kind::INTEGRITY) && !self.transforms.iter().any(sealed) {
            tell(Event::WeakCryptoNoAuth);
        }
    }
}

/// What is weak about one transform (RFC 8247 §2.1 to §2.4).
const fn judge((kind, number): (u8, u16)) -> Option<Event> {
    match (kind, number) {
        (kind::ENCRYPTION, 11) => Some(Event::NoEncryption),
        (kind::ENCRYPTION, 1..=9) => Some(Event::WeakCryptoEnc),
        (kind::PRF, 1..=3) => Some(Event::WeakCryptoPrf),
        (kind::INTEGRITY, 1..=4 | 6 | 7) => Some(Event::WeakCryptoAuth),
        (kind::DH, 1 | 2 | 5 | 22..=24) => Some(Event::WeakCryptoDh),
        (kind::ENCRYPTION | kind::PRF | kind::INTEGRITY | kind::DH | kind::SEQUENCE, _) => None,
        _ => Some(Event::UnknownProposal),
    }
}

/// Whether a way of encryption keeps messages from being changed as well (RFC 5282, RFC 7634).
const fn is_sealed(number: u16) -> bool {
    matches!(number, 14..=16 | 18..=20 | 25..=28)
}
