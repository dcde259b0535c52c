//! What is in the clear of a message (RFC 4120 §5.4 and §5.9).

use kerberos_parser::krb5::{ErrorCode, KdcRep, KdcReq, KrbError, MessageType, PrincipalName, Realm};
use kerberos_parser::krb5_parser::{parse_as_rep, parse_as_req, parse_tgs_rep, parse_tgs_req};
use x509_parser::prelude::FromDer;

/// Names of the events; the position is the number.
pub(super) const EVENTS: &[&str] = &["malformed_data", "weak_encryption"];

/// An event: a position in [`EVENTS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Event {
    MalformedData,
    /// A reply is encrypted in a way that is not safe.
    WeakEncryption,
}

/// Tags of the messages that are read (RFC 4120 §5.10).
mod tag {
    pub(super) const AS_REQ: u8 = 0x6a;
    pub(super) const AS_REP: u8 = 0x6b;
    pub(super) const TGS_REQ: u8 = 0x6c;
    pub(super) const TGS_REP: u8 = 0x6d;
    pub(super) const ERROR: u8 = 0x7e;
    /// Others of the protocol.
    pub(super) const OTHERS: [u8; 5] = [0x6e, 0x6f, 0x74, 0x75, 0x76];
}

/// What was read of a message.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) kind: MessageType,
    /// Components of the names.
    pub(super) client: Option<Vec<String>>,
    pub(super) server: Option<Vec<String>>,
    pub(super) realm: Option<String>,
    /// How a reply is encrypted, and the ticket in it.
    pub(super) encryption: Option<i32>,
    pub(super) ticket: Option<i32>,
    pub(super) error: Option<ErrorCode>,
}

impl Message {
    /// Of its bytes. Out: `None` if it is not one that is read. Err: it is malformed.
    pub(super) fn read(bytes: &[u8]) -> Result<Option<Self>, Event> {
        let malformed = |_| Event::MalformedData;
        let message = match *bytes.first().ok_or(Event::MalformedData)? {
            tag::AS_REQ => Self::request(parse_as_req(bytes).map_err(malformed)?.1),
            tag::TGS_REQ => Self::request(parse_tgs_req(bytes).map_err(malformed)?.1),
            tag::AS_REP => Self::reply(parse_as_rep(bytes).map_err(malformed)?.1),
            tag::TGS_REP => Self::reply(parse_tgs_rep(bytes).map_err(malformed)?.1),
            tag::ERROR => {
                let error = KrbError::from_der(bytes).map_err(|_| Event::MalformedData)?.1;
                Self {
                    kind: error.msg_type,
                    client: error.cname.map(components),
                    server: Some(components(error.sname)),
                    realm: Some(error.realm.0),
                    encryption: None,
                    ticket: None,
                    error: Some(error.error_code),
                }
            }
            other if tag::OTHERS.contains(&other) => return Ok(None),
            _ => return Err(Event::MalformedData),
        };
        Ok(Some(message))
    }

    fn request(request: KdcReq<'_>) -> Self {
        let (Realm(realm), body) = (request.req_body.realm, (request.req_body.cname, request.req_body.sname));
        Self {
            kind: request.msg_type,
            client: body.0.map(components),
            server: body.1.map(components),
            realm: Some(realm),
            encryption: None,
            ticket: None,
            error: None,
        }
    }

    fn reply(reply: KdcRep<'_>) -> Self {
        Self {
            kind: reply.msg_type,
            client: Some(components(reply.cname)),
            server: Some(components(reply.ticket.sname)),
            realm: Some(reply.crealm.0),
            encryption: Some(reply.enc_part.etype.0),
            ticket: Some(reply.ticket.enc_part.etype.0),
            error: None,
        }
    }

    /// Whether it asks for something.
    pub(super) fn is_request(&self) -> bool {
        matches!(self.kind, MessageType::KRB_AS_REQ | MessageType::KRB_TGS_REQ)
    }
}

fn components(name: PrincipalName) -> Vec<String> {
    name.name_string
}
