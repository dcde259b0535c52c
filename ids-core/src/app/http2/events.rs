//! What can be odd about a connection (`app-layer-event:http2.<name>`).

use crate::app::http::Odd;

/// Names of the events; the position is the number.
pub(super) const NAMES: &[&str] = &[
    "invalid_frame_header",
    "invalid_client_magic",
    "invalid_frame_data",
    "invalid_header",
    "invalid_frame_length",
    "extra_header_data",
    "long_frame_data",
    "stream_id_reuse",
    "invalid_http1_settings",
    "failed_decompression",
    "invalid_range",
    "header_integer_overflow",
    "too_many_streams",
    "authority_host_mismatch",
    "userinfo_in_uri",
    "reassembly_limit_reached",
    "dns_request_too_long",
    "dns_response_too_long",
    "data_stream_zero",
    "too_many_frames",
    "compression_bomb",
];

/// An event: a position in [`NAMES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[allow(dead_code, reason = "the number of each is its position among all names that rules may use")]
pub(super) enum Event {
    /// A frame on a stream where its type cannot be, or between the parts of a header block.
    InvalidFrameHeader,
    /// A client does not begin as it must (RFC 9113 §3.4).
    InvalidClientMagic,
    /// A payload that cannot be taken apart.
    InvalidFrameData,
    /// A header block that cannot be decoded (RFC 7541).
    InvalidHeader,
    /// A frame that does not have the length of its type.
    InvalidFrameLength,
    /// A header block that ends in the middle of a field.
    ExtraHeaderData,
    /// A payload longer than the other side takes, or than is held.
    LongFrameData,
    /// A stream begins again, or ones before it do.
    StreamIdReuse,
    /// The settings in the request that upgrades from HTTP/1.1 cannot be read.
    InvalidHttp1Settings,
    /// A coding could not be undone.
    FailedDecompression,
    /// `Content-Range` is not of its form.
    InvalidRange,
    /// A number in a header block is too large.
    HeaderIntegerOverflow,
    /// More streams are open than may be.
    TooManyStreams,
    /// `:authority` and `host` name different hosts (RFC 9113 §8.3.1).
    AuthorityHostMismatch,
    /// The authority holds more than host and port (RFC 9113 §8.3.1).
    UserinfoInUri,
    /// More of a header block than is kept.
    ReassemblyLimitReached,
    /// A question of DNS that is longer than is kept.
    DnsRequestTooLong,
    /// An answer of DNS that is longer than is kept.
    DnsResponseTooLong,
    /// Content on stream 0.
    DataStreamZero,
    /// More frames of a stream than are kept.
    TooManyFrames,
    /// Content grew out of all proportion.
    CompressionBomb,
}

impl Event {
    /// What something odd about content is called here, if it has a name.
    pub(super) const fn of(odd: Odd) -> Option<Self> {
        match odd {
            Odd::DecompressionFailed => Some(Self::FailedDecompression),
            Odd::Bomb => Some(Self::CompressionBomb),
            Odd::InvalidRange => Some(Self::InvalidRange),
            Odd::UnusualCoding | Odd::TooManyLayers | Odd::TooManyLzmaLayers | Odd::LzmaDisabled => None,
            Odd::BrokenForm | Odd::EmptyUpload | Odd::UnknownPart | Odd::LongFileName => None,
        }
    }
}
