//! What is read of a message.

use snmp_parser::asn1_rs::FromBer as _;
use snmp_parser::{
    NetworkAddress, ScopedPduData, SecurityModel, SecurityParameters, SnmpGenericMessage, SnmpMessage, SnmpPdu,
    SnmpV3Message,
};

use super::PROTOCOL;
use super::fields::FIELDS;
use super::record;
use crate::app::datagram;
use crate::app::events::Events;
use crate::app::parser::{Detail, Input, Protocol};
use crate::field::Field;
use crate::record::Writer;

/// Names of the events; the position is the number.
pub(super) const EVENTS: &[&str] = &["malformed_data", "unknown_security_model", "version_mismatch"];

/// An event: a position in [`EVENTS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Event {
    MalformedData,
    /// How the message is secured is not known (RFC 3411 §5).
    UnknownSecurityModel,
    /// Another version than that of the flow's first message.
    VersionMismatch,
}

/// A message, as far as it could be read.
#[derive(Debug, Default)]
pub(super) struct Message {
    /// 1, 2 for 2c, or 3; 0 if it could not be read.
    pub(super) version: u32,
    pub(super) community: Option<String>,
    /// Name of the user, where that is in the message (RFC 3414 §2.4).
    pub(super) user: Option<String>,
    /// What it asks or tells; `None` if that is encrypted.
    pub(super) kind: Option<u32>,
    /// Names of the variables.
    pub(super) variables: Vec<String>,
    pub(super) trap: Option<Trap>,
    events: Events,
}

/// A trap of version 1 (RFC 1157 §4.1.6).
#[derive(Debug)]
pub(super) struct Trap {
    pub(super) kind: u32,
    /// What sent it.
    pub(super) enterprise: String,
    pub(super) address: String,
}

impl datagram::Message for Message {
    /// The version of the first message.
    type Flow = Option<u32>;

    fn protocol() -> &'static Protocol {
        &PROTOCOL
    }

    fn fields() -> &'static [Field<Self>] {
        FIELDS
    }

    fn read(first: &mut Option<u32>, input: &Input<'_>) -> Option<Self> {
        let mut message = match SnmpGenericMessage::from_ber(input.data) {
            Ok((_, SnmpGenericMessage::V1(message) | SnmpGenericMessage::V2(message))) => Self::community(message),
            Ok((_, SnmpGenericMessage::V3(message))) => Self::secured(message),
            Err(_) => {
                let mut message = Self::default();
                message.events.note(Event::MalformedData as u8);
                return Some(message);
            }
        };
        if *first.get_or_insert(message.version) != message.version {
            message.events.note(Event::VersionMismatch as u8);
        }
        Some(message)
    }

    fn events(&self) -> &[u8] {
        &self.events
    }

    fn recorded(&self) -> bool {
        self.version > 0
    }

    fn record(&self, _: &Detail<'_>, out: &mut dyn Writer) {
        record::write(self, out);
    }
}

impl Message {
    /// Versions 1 and 2c, which are numbered from 0.
    fn community(message: SnmpMessage<'_>) -> Self {
        let mut read = Self { version: message.version + 1, ..Self::default() };
        read.content(&message.pdu);
        Self { community: Some(message.community), ..read }
    }

    fn secured(message: SnmpV3Message<'_>) -> Self {
        let mut read = Self { version: 3, ..Self::default() };
        if message.header_data.msg_security_model != SecurityModel::USM {
            read.events.note(Event::UnknownSecurityModel as u8);
        }
        if let SecurityParameters::USM(user) = message.security_params {
            read.user = Some(user.msg_user_name);
        }
        if let ScopedPduData::Plaintext(scoped) = &message.data {
            read.content(&scoped.data);
        }
        read
    }

    fn content(&mut self, content: &SnmpPdu<'_>) {
        self.kind = Some(content.pdu_type().0);
        self.variables = content.vars_iter().map(|variable| variable.oid.to_string()).collect();
        if let SnmpPdu::TrapV1(trap) = content {
            let NetworkAddress::IPv4(address) = trap.agent_addr;
            self.trap = Some(Trap {
                kind: trap.generic_trap.0.into(),
                enterprise: trap.enterprise.to_string(),
                address: address.to_string(),
            });
        }
    }
}
