//! Connections that change to another protocol on their way: `Upgrade` of HTTP (RFC 9110 §7.8).
//!
//! In: what the session of the old protocol [tells](super::parser::Session::upgrade).  Out: the same, for the session of the
//! new one, if it is of the protocol that was expected. Neither knows the other.

/// The exchange by which a connection has changed to another protocol.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Upgrade {
    /// Method of the request.
    pub method: Vec<u8>,
    /// Target of the request, as it was sent.
    pub target: Vec<u8>,
    /// Host that was asked, as it was sent.
    pub host: Vec<u8>,
    /// What the new protocol is told, as it was sent: settings of HTTP/2 (RFC 7540 §3.2.1), extensions of WebSocket
    /// (RFC 6455 §9.1).
    pub parameters: Vec<u8>,
}
