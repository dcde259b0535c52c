//! A message, and what it adds to what is known of the negotiation.

use std::fmt::Write as _;
use std::sync::Arc;

use super::events::Event;
use super::exchange::{Exchange, Side};
use super::fields::FIELDS;
use super::payload::{self, Header, kind};
use super::{PROTOCOL, record, v1, v2};
use crate::app::datagram;
use crate::app::events::Events;
use crate::app::parser::{Detail, Input, Protocol};
use crate::field::{Dir, Field};
use crate::record::Writer;

/// The port behind address translation, which ESP shares (RFC 3948 §2).
pub(super) const TRANSLATED: u16 = 4500;
/// What tells a message from ESP there (RFC 3948 §2.2).
pub(super) const MARKER: [u8; 4] = [0; 4];
/// Payloads of one message whose types are kept.
const MAX_PAYLOADS: usize = 64;
/// Numbers of notifications below this one tell of errors (RFC 7296 §3.10.1).
const STATUS: u16 = 16_384;

/// A message, as far as it could be read.
#[derive(Debug, Default)]
pub(super) struct Message {
    pub(super) header: Option<Header>,
    /// Types of its payloads.
    pub(super) payloads: Vec<u8>,
    /// What it says itself.
    pub(super) own: Side,
    /// Numbers of makers, in hexadecimal.
    pub(super) vendors: Vec<String>,
    /// Version 1: what it chooses.
    pub(super) chosen: v1::Attributes,
    /// Version 2: numbers of its notifications.
    pub(super) notifications: Vec<u16>,
    /// What is known of the negotiation with it.
    pub(super) known: Arc<Exchange>,
    events: Events,
}

impl datagram::Message for Message {
    type Flow = Arc<Exchange>;

    fn protocol() -> &'static Protocol {
        &PROTOCOL
    }

    fn fields() -> &'static [Field<Self>] {
        FIELDS
    }

    fn read(known: &mut Arc<Exchange>, input: &Input<'_>) -> Option<Self> {
        let translated = [input.ports.0, input.ports.1].contains(&TRANSLATED);
        let data = if translated { input.data.strip_prefix(&MARKER)? } else { input.data };
        let mut message = Self::default();
        match Header::read(data).filter(Header::is_known) {
            Some(header) => {
                if known.initiator != header.initiator {
                    *known = Arc::new(Exchange { initiator: header.initiator, ..Exchange::default() });
                }
                message.header = Some(header);
                message.content(&header, data, input.dir, known);
                message.known = Arc::clone(known);
            }
            None => message.note(Event::MalformedData),
        }
        Some(message)
    }

    fn events(&self) -> &[u8] {
        &self.events
    }

    fn recorded(&self) -> bool {
        self.header.is_some()
    }

    fn record(&self, _: &Detail<'_>, out: &mut dyn Writer) {
        if let Some(header) = &self.header {
            record::write(self, header, out);
        }
    }
}

impl Message {
    fn note(&mut self, event: Event) {
        self.events.note(event as u8);
    }

    /// Reads the payloads, unless they are encrypted.
    fn content(&mut self, header: &Header, data: &[u8], dir: Dir, known: &mut Arc<Exchange>) {
        if header.is_encrypted() {
            return;
        }
        let Some((payloads, left)) = payload::payloads(header, data) else { return self.note(Event::MalformedData) };
        if !left.is_empty() || data.len() > header.length {
            self.note(Event::PayloadExtraData);
        }
        self.payloads = payloads.iter().map(|(kind, _)| *kind).take(MAX_PAYLOADS).collect();
        for (kind, content) in payloads {
            self.payload((kind, content), header.major, dir, known);
        }
        self.tell(dir, known);
    }

    fn payload(&mut self, (kind, content): (u8, &[u8]), version: u8, dir: Dir, known: &mut Arc<Exchange>) {
        let is = |kinds: [u8; 2]| kinds.get(usize::from(version - 1)) == Some(&kind);
        if is(kind::SA) {
            let read = if version == 1 { self.offer(content, dir, known) } else { self.proposals(content, dir, known) };
            if read.is_none() {
                self.note(Event::MalformedData);
            }
        } else if is(kind::KEY_EXCHANGE) {
            // In version 2 the group stands before it (RFC 7296 §3.4).
            self.own.key = content.get(if version == 1 { 0 } else { 4 }..).map(<[u8]>::to_vec);
        } else if is(kind::NONCE) {
            self.own.nonce = Some(content.to_vec());
        } else if is(kind::VENDOR) && self.vendors.len() < MAX_PAYLOADS {
            self.vendors.push(hex(content));
        } else if version == 2 && kind == kind::NOTIFY && self.notifications.len() < MAX_PAYLOADS {
            match content {
                [_, _, high, low, ..] => self.notifications.push(u16::from_be_bytes([*high, *low])),
                _ => self.note(Event::MalformedData),
            }
        }
    }

    /// Version 1: what is proposed, or chosen.
    fn offer(&mut self, content: &[u8], dir: Dir, known: &mut Arc<Exchange>) -> Option<()> {
        let mut offer = v1::read(content)?;
        if offer.unknown {
            self.note(Event::UnknownProposal);
        }
        let known = Arc::make_mut(known);
        known.doi = Some(offer.doi);
        if dir == Dir::ToServer {
            known.proposals = offer.transforms;
            return Some(());
        }
        if offer.transforms.len() > 1 {
            self.note(Event::MultipleServerProposal);
        }
        if !offer.transforms.is_empty() {
            self.chosen = offer.transforms.swap_remove(0);
            known.chosen.clone_from(&self.chosen);
        }
        Some(())
    }

    /// The same of version 2.
    fn proposals(&mut self, content: &[u8], dir: Dir, known: &mut Arc<Exchange>) -> Option<()> {
        let mut proposals = v2::read(content)?;
        proposals.iter().for_each(|proposal| proposal.judge(|event| self.note(event)));
        if dir == Dir::ToServer {
            return Some(());
        }
        if proposals.len() > 1 {
            self.note(Event::MultipleServerProposal);
        }
        if !proposals.is_empty() {
            Arc::make_mut(known).transforms = proposals.swap_remove(0).transforms;
        }
        Some(())
    }

    /// Adds what it says to what is known.
    fn tell(&self, dir: Dir, known: &mut Arc<Exchange>) {
        if self.own.key.is_none() && self.own.nonce.is_none() && self.vendors.is_empty() {
            return;
        }
        let known = Arc::make_mut(known);
        self.vendors.iter().for_each(|vendor| known.vendor(vendor));
        let side = if dir == Dir::ToServer { &mut known.client } else { &mut known.server };
        for (old, new) in [(&mut side.key, &self.own.key), (&mut side.nonce, &self.own.nonce)] {
            if new.is_some() {
                old.clone_from(new);
            }
        }
    }

    /// How many errors it tells of.
    pub(super) fn errors(&self) -> usize {
        self.notifications.iter().filter(|number| **number < STATUS).count()
    }
}

/// Bytes in hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to memory cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
