//! What can be odd about an SMB connection.

/// Names of the events; the position is the number.
pub(super) const NAMES: &[&str] = &[
    "internal_error",
    "record_overflow",
    "malformed_data",
    "malformed_ntlmssp_request",
    "malformed_ntlmssp_response",
    "duplicate_negotiate",
    "negotiate_malformed_dialects",
    "file_overlap",
    "request_to_client",
    "response_to_server",
    "negotiate_max_read_size_too_large",
    "negotiate_max_write_size_too_large",
    "read_request_too_large",
    "read_response_too_large",
    "read_queue_size_exceeded",
    "read_queue_cnt_exceeded",
    "write_request_too_large",
    "write_queue_size_exceeded",
    "write_queue_cnt_exceeded",
    "unusual_ntlmssp_order",
    "too_many_transactions",
];

/// An event: a position in [`NAMES`]. Of those that are not here none comes up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Event {
    MalformedData = 2,
    MalformedNtlmsspRequest,
    MalformedNtlmsspResponse,
    DuplicateNegotiate,
    NegotiateMalformedDialects,
    FileOverlap,
    RequestToClient,
    ResponseToServer,
    NegotiateMaxReadSizeTooLarge,
    NegotiateMaxWriteSizeTooLarge,
    ReadRequestTooLarge,
    ReadResponseTooLarge,
    ReadQueueSizeExceeded,
    ReadQueueCntExceeded,
    WriteRequestTooLarge,
    WriteQueueSizeExceeded,
    WriteQueueCntExceeded,
    UnusualNtlmsspOrder,
    TooManyTransactions,
}
