//! Oddities that the parser tells of (`app-layer-event:http.<name>`).

use super::header::by;
use crate::app::http::Odd;
use crate::field::Dir;

/// Something odd about a transaction. The number is the position in [`NAMES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[allow(dead_code, reason = "the number of each is its position among all names that rules may use")]
pub(super) enum Event {
    /// Of a kind that has no name.
    UnknownError,
    /// A `Content-Encoding` could not be undone.
    DecompressionFailed,
    /// A request header line without a colon.
    RequestFieldMissingColon,
    /// A response header line without a colon.
    ResponseFieldMissingColon,
    /// A chunk of a request does not begin with a length.
    InvalidRequestChunkLen,
    /// A chunk of a response does not begin with a length.
    InvalidResponseChunkLen,
    /// A request's `Transfer-Encoding` is not `chunked`.
    InvalidTransferEncodingInRequest,
    /// A response's `Transfer-Encoding` is not `chunked`.
    InvalidTransferEncodingInResponse,
    /// A request's `Content-Length` is not a number.
    InvalidContentLengthInRequest,
    /// A response's `Content-Length` is not a number.
    InvalidContentLengthInResponse,
    /// A request has several `Content-Length`.
    DuplicateContentLengthInRequest,
    /// A response has several `Content-Length`.
    DuplicateContentLengthInResponse,
    /// A second interim response.
    ContinueAlreadySeen,
    /// A response that nobody asked for.
    UnableToMatchResponse,
    /// The port in `Host` is not a number.
    InvalidServerPort,
    /// The port in the target of `CONNECT` is not a number.
    InvalidAuthorityPort,
    /// A request header name with characters that are not allowed.
    RequestHeaderInvalid,
    /// A response header name with characters that are not allowed.
    ResponseHeaderInvalid,
    /// HTTP/1.1 without `Host`.
    MissingHostHeader,
    /// `Host` and the target name different hosts.
    HostHeaderAmbiguous,
    /// A folded request header that cannot be one.
    InvalidRequestFieldFolding,
    /// A folded response header that cannot be one.
    InvalidResponseFieldFolding,
    /// A request line or header longer than allowed.
    RequestFieldTooLong,
    /// A response line or header longer than allowed.
    ResponseFieldTooLong,
    /// `multipart/form-data` that does not follow its form.
    MultipartGenericError,
    /// A file of a form without content.
    MultipartNoFiledata,
    /// A part whose headers say nothing.
    MultipartInvalidHeader,
    /// The port in the request is not that of the connection.
    RequestServerPortMismatch,
    /// The host in the target is not a host name.
    RequestUriHostInvalid,
    /// The host in `Host` is not a host name.
    RequestHeaderHostInvalid,
    /// The target ends in white space that is not a space.
    UriDelimNonCompliant,
    /// The method ends in white space that is not a space.
    MethodDelimNonCompliant,
    /// White space before the method.
    RequestLineLeadingWhitespace,
    /// More layers of `Content-Encoding` than are undone.
    TooManyEncodingLayers,
    /// A `Content-Encoding` that nobody knows.
    AbnormalCeHeader,
    /// An unknown scheme in `Authorization`.
    RequestAuthUnrecognized,
    /// A repeated request header.
    RequestHeaderRepetition,
    /// A repeated response header.
    ResponseHeaderRepetition,
    /// A response in several ranges.
    ResponseMultipartByteranges,
    /// A response's `Transfer-Encoding` says more than `chunked`.
    ResponseAbnormalTransferEncoding,
    /// Chunks in a response older than HTTP/1.1.
    ResponseChunkedOldProto,
    /// A status line with an unknown protocol.
    ResponseInvalidProtocol,
    /// A status line without a status code.
    ResponseInvalidStatus,
    /// A request line that ends too early.
    RequestLineIncomplete,
    /// A target that was percent-encoded twice.
    DoubleEncodedUri,
    /// A request line that is none.
    RequestLineInvalid,
    /// Bytes after a request that are no request.
    RequestBodyUnexpected,
    /// LZMA wanted more memory than allowed.
    LzmaMemlimitReached,
    /// A body that grows beyond measure when decompressed.
    CompressionBomb,
    /// The same; decompression was given up.
    CompressionBombLimitReached,
    /// More events than are told.
    TooManyWarnings,
    /// `Content-Range` that is no range.
    RangeInvalid,
    /// A file name that was cut.
    FileNameTooLong,
    /// A change of protocol that led nowhere.
    FailedProtocolChange,
    /// A chunk of a request with an extension.
    RequestChunkExtension,
    /// A chunk of a response with an extension.
    ResponseChunkExtension,
    /// A request line without protocol, followed by headers.
    RequestLineMissingProtocol,
    /// More request headers than are kept.
    RequestTooManyHeaders,
    /// More response headers than are kept.
    ResponseTooManyHeaders,
    /// Bytes after a response that are no response.
    ResponseBodyUnexpected,
    /// Several layers of LZMA in a request.
    RequestTooManyLzmaLayers,
    /// Several layers of LZMA in a response.
    ResponseTooManyLzmaLayers,
    /// Something follows the protocol of a request line.
    ProtocolContainsExtraData,
    /// Something stands before the number in `Content-Length`.
    ContentLengthExtraDataStart,
    /// Something stands after the number in `Content-Length`.
    ContentLengthExtraDataEnd,
    /// A change of protocol with a body.
    SwitchingProtoWithContentLength,
    /// A line that ends in neither LF nor CRLF.
    DeformedEol,
    /// The parser came into a state that it should not.
    ParserStateError,
    /// A response has no transaction to go to.
    MissingOutboundTransaction,
    /// A request has no transaction to go to.
    MissingInboundTransaction,
    /// A chunk without bytes that is not the last.
    ZeroLengthDataChunks,
    /// An unknown method alone on its line.
    RequestLineUnknownMethod,
    /// An unknown method, and no protocol.
    RequestLineUnknownMethodNoProtocol,
    /// An unknown method and an unknown protocol.
    RequestLineUnknownMethodInvalidProtocol,
    /// A status line with a protocol that is not HTTP.
    ResponseLineInvalidProtocol,
    /// A status line with a code that is no number.
    ResponseLineInvalidStatus,
    /// A response body could not be processed.
    ResponseBodyInternalError,
    /// A request body could not be processed.
    RequestBodyCallbackError,
    /// A response header without a name.
    ResponseInvalidEmptyName,
    /// A request header without a name.
    RequestInvalidEmptyName,
    /// White space between name and colon in a response.
    ResponseInvalidLwsAfterName,
    /// A response header name that is not a token.
    ResponseHeaderNameNotToken,
    /// White space between name and colon in a request.
    RequestInvalidLwsAfterName,
    /// A body in LZMA, which is not undone.
    LzmaDecompressionDisabled,
    /// A transaction on a connection that was open before.
    ConnectionAlreadyOpen,
    /// LZMA within LZMA.
    CompressionBombDoubleLzma,
    /// A `Content-Encoding` that is not one.
    InvalidContentEncoding,
    /// Bytes are missing where they cannot be done without.
    InvalidGap,
}

impl Event {
    /// What something odd about the content of a direction is called here.
    pub(super) const fn of(odd: Odd, dir: Dir) -> Self {
        match odd {
            Odd::DecompressionFailed => Self::DecompressionFailed,
            Odd::UnusualCoding => Self::AbnormalCeHeader,
            Odd::TooManyLayers => Self::TooManyEncodingLayers,
            Odd::TooManyLzmaLayers => by(dir, Self::RequestTooManyLzmaLayers, Self::ResponseTooManyLzmaLayers),
            Odd::LzmaDisabled => Self::LzmaDecompressionDisabled,
            Odd::Bomb => Self::CompressionBombLimitReached,
            Odd::BrokenForm => Self::MultipartGenericError,
            Odd::EmptyUpload => Self::MultipartNoFiledata,
            Odd::UnknownPart => Self::MultipartInvalidHeader,
            Odd::LongFileName => Self::FileNameTooLong,
            Odd::InvalidRange => Self::RangeInvalid,
        }
    }
}

/// Names of the events; the position is the number.
pub(super) static NAMES: &[&str] = &[
    "unknown_error",
    "gzip_decompression_failed",
    "request_field_missing_colon",
    "response_field_missing_colon",
    "invalid_request_chunk_len",
    "invalid_response_chunk_len",
    "invalid_transfer_encoding_value_in_request",
    "invalid_transfer_encoding_value_in_response",
    "invalid_content_length_field_in_request",
    "invalid_content_length_field_in_response",
    "duplicate_content_length_field_in_request",
    "duplicate_content_length_field_in_response",
    "100_continue_already_seen",
    "unable_to_match_response_to_request",
    "invalid_server_port_in_request",
    "invalid_authority_port",
    "request_header_invalid",
    "response_header_invalid",
    "missing_host_header",
    "host_header_ambiguous",
    "invalid_request_field_folding",
    "invalid_response_field_folding",
    "request_field_too_long",
    "response_field_too_long",
    "multipart_generic_error",
    "multipart_no_filedata",
    "multipart_invalid_header",
    "request_server_port_tcp_port_mismatch",
    "request_uri_host_invalid",
    "request_header_host_invalid",
    "uri_delim_non_compliant",
    "method_delim_non_compliant",
    "request_line_leading_whitespace",
    "too_many_encoding_layers",
    "abnormal_ce_header",
    "request_auth_unrecognized",
    "request_header_repetition",
    "response_header_repetition",
    "response_multipart_byteranges",
    "response_abnormal_transfer_encoding",
    "response_chunked_old_proto",
    "response_invalid_protocol",
    "response_invalid_status",
    "request_line_incomplete",
    "double_encoded_uri",
    "request_line_invalid",
    "request_body_unexpected",
    "lzma_memlimit_reached",
    "compression_bomb",
    "compression_bomb_limit_reached",
    "too_many_warnings",
    "range_invalid",
    "file_name_too_long",
    "failed_protocol_change",
    "request_chunk_extension",
    "response_chunk_extension",
    "request_line_missing_protocol",
    "request_too_many_headers",
    "response_too_many_headers",
    "response_body_unexpected",
    "request_too_many_lzma_layers",
    "response_too_many_lzma_layers",
    "protocol_contains_extra_data",
    "content_length_extra_data_start",
    "content_length_extra_data_end",
    "switching_proto_with_content_length",
    "deformed_eol",
    "parser_state_error",
    "missing_outbound_transaction_data",
    "missing_inbound_transaction_data",
    "zero_length_data_chunks",
    "request_line_unknown_method",
    "request_line_unknown_method_no_protocol",
    "request_line_unknown_method_invalid_protocol",
    "response_line_invalid_protocol",
    "response_line_invalid_response_status",
    "response_body_internal_error",
    "request_body_data_callback_error",
    "response_invalid_empty_name",
    "request_invalid_empty_name",
    "response_invalid_lws_after_name",
    "response_header_name_not_token",
    "request_invalid_lws_after_name",
    "lzma_decompression_disabled",
    "connection_already_open",
    "compression_bomb_double_lzma",
    "invalid_content_encoding",
    "invalid_gap",
];
