//! What can be odd about an exchange.

/// Names of the events; the position is the number.
pub(super) const NAMES: &[&str] =
    &["too_many_transactions", "invalid_data", "request_not_found", "too_many_responses", "incomplete_data"];

/// An event: a position in [`NAMES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Event {
    /// The oldest exchange had to go for this one.
    TooManyTransactions,
    /// This is no message, or one of the other side.
    InvalidData,
    /// A response to what nobody asked.
    RequestNotFound,
    /// More responses than are kept of one exchange, or of all that are open.
    TooManyResponses,
    /// A datagram ends within a message.
    IncompleteData,
}
