//! DNS (RFC 1035) over UDP and TCP.

/// Settings (`app-layer.protocols.dns`).
#[derive(Clone, Debug, Default)]
pub struct Config {}
