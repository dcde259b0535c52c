//! A message: its bytes, and what rules look at (RFC 4511 §4.1.1).
//!
//! What is kept is the bytes as they came, and copies of the few texts that rules ask for: lists of values, which may be
//! many times larger once they are taken apart, are taken apart again for a record.

use ldap_parser::FromBer as _;
use ldap_parser::ldap::{LdapMessage, LdapResult, ProtocolOp, ResultCode};

/// Name of the request that what follows be TLS (RFC 4511 §4.14.1).
const START_TLS: &str = "1.3.6.1.4.1.1466.20037";

/// What was read of a message.
#[derive(Debug, Default)]
pub(super) struct Message {
    bytes: Box<[u8]>,
    /// The number by which responses name their request.
    pub(super) id: u32,
    /// Number of the operation's tag.
    pub(super) operation: u32,
    /// What it is about: an entry, or whom a client claims to be; in a result the part of the name that was found.
    pub(super) dn: Option<Box<str>>,
    /// Types of the attributes that it names.
    pub(super) attributes: Vec<Box<str>>,
    /// Code and text of a result.
    pub(super) result: Option<(u32, Box<str>)>,
    /// What the operation is to do, or does, where that is of consequence to the connection.
    pub(super) effect: Effect,
}

/// What a message does to the exchange or the connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Effect {
    /// A request to be answered.
    #[default]
    Asks,
    /// A request to be answered: go on under TLS.
    AsksForTls,
    /// A request that nobody answers.
    Tells,
    /// The same: no answer is wanted to the request of this number.
    Abandons(u32),
    /// A response, and more are to come.
    Goes,
    /// The last response.
    Ends,
}

impl Message {
    /// Of its bytes. Out: `None` if it cannot be read.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let (_, message) = LdapMessage::from_ber(bytes).ok()?;
        let operation = &message.protocol_op;
        let mut read = Self { bytes: bytes.into(), id: message.message_id.0, ..Self::default() };
        read.operation = operation.tag().0;
        read.effect = effect(operation);
        read.dn = dn(operation).map(Into::into);
        read.attributes = attributes(operation);
        read.result = operation.result().map(|result| (result.result_code.0, (*result.diagnostic_message.0).into()));
        Some(read)
    }

    /// Everything that it says.
    pub(super) fn content(&self) -> Option<LdapMessage<'_>> {
        LdapMessage::from_ber(&self.bytes).ok().map(|(_, message)| message)
    }

    /// How many bytes it has.
    pub(super) const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether clients send it.
    pub(super) const fn is_request(&self) -> bool {
        !matches!(self.effect, Effect::Goes | Effect::Ends)
    }

    /// Whether it says that what was asked was done.
    pub(super) fn is_success(&self) -> bool {
        self.result.as_ref().is_some_and(|(code, _)| *code == ResultCode::Success.0)
    }
}

fn effect(operation: &ProtocolOp<'_>) -> Effect {
    match operation {
        ProtocolOp::ExtendedRequest(request) if request.request_name.0 == START_TLS => Effect::AsksForTls,
        ProtocolOp::BindRequest(_)
        | ProtocolOp::SearchRequest(_)
        | ProtocolOp::ModifyRequest(_)
        | ProtocolOp::AddRequest(_)
        | ProtocolOp::DelRequest(_)
        | ProtocolOp::ModDnRequest(_)
        | ProtocolOp::CompareRequest(_)
        | ProtocolOp::ExtendedRequest(_) => Effect::Asks,
        ProtocolOp::UnbindRequest => Effect::Tells,
        ProtocolOp::AbandonRequest(id) => Effect::Abandons(id.0),
        ProtocolOp::SearchResultEntry(_)
        | ProtocolOp::SearchResultReference(_)
        | ProtocolOp::IntermediateResponse(_) => Effect::Goes,
        ProtocolOp::BindResponse(_)
        | ProtocolOp::SearchResultDone(_)
        | ProtocolOp::ModifyResponse(_)
        | ProtocolOp::AddResponse(_)
        | ProtocolOp::DelResponse(_)
        | ProtocolOp::ModDnResponse(_)
        | ProtocolOp::CompareResponse(_)
        | ProtocolOp::ExtendedResponse(_) => Effect::Ends,
    }
}

fn dn<'a>(operation: &'a ProtocolOp<'_>) -> Option<&'a str> {
    let name = match operation {
        ProtocolOp::BindRequest(request) => &request.name,
        ProtocolOp::SearchRequest(request) => &request.base_object,
        ProtocolOp::ModifyRequest(request) => &request.object,
        ProtocolOp::AddRequest(request) => &request.entry,
        ProtocolOp::DelRequest(entry) => entry,
        ProtocolOp::ModDnRequest(request) => &request.entry,
        ProtocolOp::CompareRequest(request) => &request.entry,
        ProtocolOp::SearchResultEntry(entry) => &entry.object_name,
        other => return other.result().map(|LdapResult { matched_dn, .. }| &*matched_dn.0),
    };
    Some(&name.0)
}

fn attributes(operation: &ProtocolOp<'_>) -> Vec<Box<str>> {
    let text = |name: &ldap_parser::ldap::LdapString<'_>| (*name.0).into();
    match operation {
        ProtocolOp::SearchRequest(request) => request.attributes.iter().map(text).collect(),
        ProtocolOp::ModifyRequest(request) => {
            request.changes.iter().map(|change| text(&change.modification.attr_type)).collect()
        }
        ProtocolOp::AddRequest(request) => {
            request.attributes.iter().map(|attribute| text(&attribute.attr_type)).collect()
        }
        ProtocolOp::CompareRequest(request) => vec![text(&request.ava.attribute_desc)],
        ProtocolOp::SearchResultEntry(entry) => {
            entry.attributes.iter().map(|attribute| text(&attribute.attr_type)).collect()
        }
        _ => Vec::new(),
    }
}
