//! What can be odd about a message.

/// Names of the events; the position is the number.
pub(super) const NAMES: &[&str] = &[
    "malformed_data",
    "no_encryption",
    "weak_crypto_enc",
    "weak_crypto_prf",
    "weak_crypto_auth",
    "weak_crypto_dh",
    "weak_crypto_no_dh",
    "weak_crypto_no_auth",
    "invalid_proposal",
    "unknown_proposal",
    "multiple_server_proposal",
    "payload_extra_data",
];

/// An event: a position in [`NAMES`]. What is weak is so by RFC 8247 §2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Event {
    MalformedData,
    NoEncryption,
    WeakCryptoEnc,
    WeakCryptoPrf,
    WeakCryptoAuth,
    WeakCryptoDh,
    /// No secret is agreed upon.
    WeakCryptoNoDh,
    /// Nothing keeps messages from being changed.
    WeakCryptoNoAuth,
    /// A proposal that does not belong here (RFC 7296 §3.3.1).
    InvalidProposal,
    /// A part of a proposal is of a type that is not known.
    UnknownProposal,
    /// A server chooses more than once.
    MultipleServerProposal,
    /// Bytes behind the last payload.
    PayloadExtraData,
}
