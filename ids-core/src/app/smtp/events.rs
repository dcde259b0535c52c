//! What can be odd about SMTP and the mail in it.

use crate::app::mime::Oddity;

/// Names of the events; the position is the number.
///
/// `failed_protocol_change`, `mime_parse_failed` and `unparsable_content` are names of the rule language for failures
/// that this parser does not have.
pub(super) const NAMES: &[&str] = &[
    "invalid_reply",
    "unable_to_match_reply_with_request",
    "max_command_line_len_exceeded",
    "max_reply_line_len_exceeded",
    "invalid_pipelined_sequence",
    "bdat_chunk_len_exceeded",
    "no_server_welcome_message",
    "tls_rejected",
    "data_command_rejected",
    "duplicate_fields",
    "truncated_line",
    "mime_malformed_msg",
    "mime_invalid_base64",
    "mime_invalid_qp",
    "mime_long_line",
    "mime_long_enc_line",
    "mime_long_header_name",
    "mime_long_header_value",
    "mime_long_boundary",
    "mime_long_filename",
    "failed_protocol_change",
    "mime_parse_failed",
    "unparsable_content",
];

/// An event: a position in [`NAMES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Event {
    InvalidReply,
    UnmatchedReply,
    LongCommandLine,
    LongReplyLine,
    InvalidPipelining,
    LongBdatChunk,
    NoWelcome,
    TlsRejected,
    DataRejected,
    DuplicateFields,
    TruncatedLine,
    MalformedMessage,
    InvalidBase64,
    InvalidQuotedPrintable,
    LongLine,
    LongEncodedLine,
    LongHeaderName,
    LongHeaderValue,
    LongBoundary,
    LongFilename,
}

impl From<Oddity> for Event {
    fn from(oddity: Oddity) -> Self {
        match oddity {
            Oddity::Malformed => Self::MalformedMessage,
            Oddity::InvalidBase64 => Self::InvalidBase64,
            Oddity::InvalidQuotedPrintable => Self::InvalidQuotedPrintable,
            Oddity::LongLine => Self::LongLine,
            Oddity::LongEncodedLine => Self::LongEncodedLine,
            Oddity::LongHeaderName => Self::LongHeaderName,
            Oddity::LongHeaderValue => Self::LongHeaderValue,
            Oddity::LongBoundary => Self::LongBoundary,
            Oddity::LongFilename => Self::LongFilename,
        }
    }
}
