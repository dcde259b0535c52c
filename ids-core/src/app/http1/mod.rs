//! HTTP/1 (RFC 9112), as real servers and attackers speak it.

/// Settings (`app-layer.protocols.http.libhtp.default-config`).
#[derive(Clone, Debug)]
pub struct Config {
    /// Bytes of a request body that are kept for inspection; 0 means all.
    pub request_body_limit: u64,
    /// Bytes of a response body that are kept for inspection; 0 means all.
    pub response_body_limit: u64,
    /// How many layers of `Content-Encoding` are undone.
    pub decompress_layers: u8,
}

impl Default for Config {
    fn default() -> Self {
        Self { request_body_limit: 100 * 1024, response_body_limit: 100 * 1024, decompress_layers: 2 }
    }
}
