//! What can be odd about an SSH connection.

/// Names of the events; the position is the number.
pub(super) const NAMES: &[&str] = &["invalid_banner", "long_banner", "invalid_record", "long_kex_record"];

/// An event: a position in [`NAMES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Event {
    InvalidBanner,
    LongBanner,
    InvalidRecord,
    LongKexRecord,
}
