//! What is known of a negotiation.

use super::v1::Attributes;

/// Vendors' numbers that are kept.
const MAX_VENDORS: usize = 64;

/// What one side has said.
#[derive(Clone, Debug, Default)]
pub(super) struct Side {
    pub(super) key: Option<Vec<u8>>,
    pub(super) nonce: Option<Vec<u8>>,
}

/// What is known of a negotiation.
#[derive(Clone, Debug, Default)]
pub(super) struct Exchange {
    /// The number that the initiator gave it.
    pub(super) initiator: [u8; 8],
    pub(super) client: Side,
    pub(super) server: Side,
    /// Version 1: what the numbers mean (RFC 2408 §3.4).
    pub(super) doi: Option<u32>,
    /// Version 1: what the client has proposed.
    pub(super) proposals: Vec<Attributes>,
    /// Version 1: what the server has chosen.
    pub(super) chosen: Attributes,
    /// Version 2: what the server has chosen, with the type of each.
    pub(super) transforms: Vec<(u8, u16)>,
    /// Numbers of the makers of both sides, in hexadecimal.
    pub(super) vendors: Vec<String>,
}

impl Exchange {
    /// A maker names itself; each is kept once.
    pub(super) fn vendor(&mut self, vendor: &str) {
        if self.vendors.len() < MAX_VENDORS && !self.vendors.iter().any(|known| known == vendor) {
            self.vendors.push(vendor.to_owned());
        }
    }
}
