//! What the record shows: the message, and what is known of the negotiation with it.

use super::exchange::{Exchange, Side};
use super::message::{Message, hex};
use super::names::{
    ENCRYPTION_2, EXCHANGES, GROUP_2, INTEGRITY_2, NOTIFICATIONS, Names, PAYLOADS, SHOWN, UNKNOWN, name_of,
};
use super::payload::Header;
use super::v1::Attributes;
use super::v2::kind;
use crate::record::{Shape, Writer};

/// Transforms of version 2 that are shown.
const TRANSFORMS: &[(u8, &str, Names)] = &[
    (kind::ENCRYPTION, "alg_enc", ENCRYPTION_2),
    (kind::INTEGRITY, "alg_auth", INTEGRITY_2),
    (kind::DH, "alg_dh", GROUP_2),
];

/// Writes the content of the `ike` object.
pub(super) fn write(message: &Message, header: &Header, out: &mut dyn Writer) {
    out.uint("version_major", header.major.into());
    out.uint("version_minor", header.minor.into());
    out.text("init_spi", hex(&header.initiator).as_bytes());
    out.text("resp_spi", hex(&header.responder).as_bytes());
    out.uint("message_id", header.id.into());
    out.uint("exchange_type", header.exchange.into());
    if let Some(name) = name_of(EXCHANGES, header.exchange.into()) {
        out.text("exchange_type_verbose", name.as_bytes());
    }
    let payloads = message.payloads.iter().map(|kind| (*kind).into());
    if header.major == 1 {
        attributes(&message.known.chosen, out);
        names("payload", PAYLOADS, payloads, out);
        version_1(&message.known, header, out);
    } else {
        out.text("role", if header.is_from_initiator() { b"initiator" } else { b"responder" });
        for (kind, key, known) in TRANSFORMS {
            if let Some((_, number)) = message.known.transforms.iter().find(|row| row.0 == *kind) {
                out.text(key, name_of(known, (*number).into()).unwrap_or(UNKNOWN).as_bytes());
            }
        }
        names("payload", PAYLOADS, payloads, out);
        out.open("ikev2", Shape::Object);
        out.uint("errors", message.errors() as u64);
        names("notify", NOTIFICATIONS, message.notifications.iter().map(|number| (*number).into()), out);
        out.close();
    }
}

fn version_1(known: &Exchange, header: &Header, out: &mut dyn Writer) {
    out.open("ikev1", Shape::Object);
    if let Some(doi) = known.doi {
        out.uint("doi", doi.into());
    }
    out.flag("encrypted_payloads", header.is_encrypted());
    out.open("client", Shape::Object);
    side(&known.client, out);
    if !known.proposals.is_empty() {
        out.open("proposals", Shape::List);
        for proposal in &known.proposals {
            out.open("", Shape::Object);
            attributes(proposal, out);
            out.close();
        }
        out.close();
    }
    out.close();
    out.open("server", Shape::Object);
    side(&known.server, out);
    out.close();
    if !known.vendors.is_empty() {
        out.open("vendor_ids", Shape::List);
        known.vendors.iter().for_each(|vendor| out.text("", vendor.as_bytes()));
        out.close();
    }
    out.close();
}

fn side(side: &Side, out: &mut dyn Writer) {
    let payloads = [
        ("key_exchange_payload", "key_exchange_payload_length", &side.key),
        ("nonce_payload", "nonce_payload_length", &side.nonce),
    ];
    for (key, length, payload) in payloads {
        if let Some(payload) = payload {
            out.text(key, hex(payload).as_bytes());
            out.uint(length, payload.len() as u64);
        }
    }
}

fn attributes(attributes: &Attributes, out: &mut dyn Writer) {
    for (kind, key, raw, known) in SHOWN {
        if let Some((_, value)) = attributes.iter().find(|row| row.0 == *kind) {
            out.text(key, name_of(known, *value).unwrap_or(UNKNOWN).as_bytes());
            out.uint(raw, (*value).into());
        }
    }
}

/// A list of names, if there are any; numbers without a name as they are.
fn names(key: &str, known: Names, numbers: impl ExactSizeIterator<Item = u32>, out: &mut dyn Writer) {
    if numbers.len() == 0 {
        return;
    }
    out.open(key, Shape::List);
    for number in numbers {
        match name_of(known, number) {
            Some(name) => out.text("", name.as_bytes()),
            None => out.text("", number.to_string().as_bytes()),
        }
    }
    out.close();
}
