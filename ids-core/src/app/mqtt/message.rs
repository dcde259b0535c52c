//! A message: its head, and what is in its body (MQTT 5.0 §2 and §3).
//!
//! In: the bytes of one message.  Out: [`Content`] that borrows from them. The body is kept as it came and taken apart
//! whenever something of it is asked for, so that what is kept of a message is no larger than the message.

use super::events::Event;
use super::property::Properties;
use crate::app::cursor::Cursor;

/// Types of messages (MQTT 5.0 §2.1.2).
pub(super) mod kind {
    pub(in super::super) const UNASSIGNED: u8 = 0;
    pub(in super::super) const CONNECT: u8 = 1;
    pub(in super::super) const CONNACK: u8 = 2;
    pub(in super::super) const PUBLISH: u8 = 3;
    pub(in super::super) const PUBACK: u8 = 4;
    pub(in super::super) const PUBREC: u8 = 5;
    pub(in super::super) const PUBREL: u8 = 6;
    pub(in super::super) const PUBCOMP: u8 = 7;
    pub(in super::super) const SUBSCRIBE: u8 = 8;
    pub(in super::super) const SUBACK: u8 = 9;
    pub(in super::super) const UNSUBSCRIBE: u8 = 10;
    pub(in super::super) const UNSUBACK: u8 = 11;
    pub(in super::super) const DISCONNECT: u8 = 14;
    pub(in super::super) const AUTH: u8 = 15;

    /// Their names in rules, by number; records have them without capitals, too.
    pub(in super::super) const NAMES: &[(&str, u64)] = &[
        ("unassigned", 0),
        ("connect", 1),
        ("connack", 2),
        ("publish", 3),
        ("puback", 4),
        ("pubrec", 5),
        ("pubrel", 6),
        ("pubcomp", 7),
        ("subscribe", 8),
        ("suback", 9),
        ("unsubscribe", 10),
        ("unsuback", 11),
        ("pingreq", 12),
        ("pingresp", 13),
        ("disconnect", 14),
        ("auth", 15),
    ];
}

/// The version from which on messages have properties and reason codes.
pub(super) const VERSION_5: u8 = 5;
/// A message that succeeded need not say so (MQTT 5.0 §3.4.2.1).
const SUCCESS: u8 = 0;

/// One message.
#[derive(Debug)]
pub(super) struct Message {
    /// Type and flags.
    head: u8,
    /// The version that the connection has, as far as it is known.
    version: u8,
    body: Body,
}

#[derive(Debug)]
enum Body {
    Kept(Box<[u8]>),
    /// Too long, or lost in part: its length, with the head, is all that is known.
    Skipped(usize),
}

/// What is in a message.
#[derive(Clone, Copy, Debug)]
pub(super) enum Content<'a> {
    Connect(Connect<'a>),
    Connack {
        session_present: bool,
        code: u8,
        properties: Properties<'a>,
    },
    Publish {
        topic: &'a [u8],
        id: Option<u16>,
        properties: Properties<'a>,
        message: &'a [u8],
    },
    /// PUBACK, PUBREC, PUBREL, PUBCOMP. Up to version 3 they have no reason.
    Confirm {
        id: u16,
        reason: Option<u8>,
        properties: Properties<'a>,
    },
    /// SUBSCRIBE, UNSUBSCRIBE.
    Topics {
        id: u16,
        properties: Properties<'a>,
        topics: Topics<'a>,
    },
    /// SUBACK, UNSUBACK: one code for each topic.
    Codes {
        id: u16,
        properties: Properties<'a>,
        codes: &'a [u8],
    },
    /// DISCONNECT, AUTH.
    Reason {
        reason: Option<u8>,
        properties: Properties<'a>,
    },
    /// Messages that have no content, or none that is known.
    Nothing,
    /// Its length, with the head; it was not kept.
    Skipped(usize),
}

/// A client introduces itself (MQTT 5.0 §3.1).
#[derive(Clone, Copy, Debug)]
pub(super) struct Connect<'a> {
    pub(super) protocol: &'a [u8],
    pub(super) version: u8,
    pub(super) flags: u8,
    pub(super) properties: Properties<'a>,
    pub(super) client_id: &'a [u8],
    pub(super) will: Option<Will<'a>>,
    pub(super) username: Option<&'a [u8]>,
    pub(super) password: Option<&'a [u8]>,
}

/// What is to be published when the client is gone (MQTT 5.0 §3.1.2.5).
#[derive(Clone, Copy, Debug)]
pub(super) struct Will<'a> {
    pub(super) properties: Properties<'a>,
    pub(super) topic: &'a [u8],
    pub(super) message: &'a [u8],
}

/// Flags of [`Connect`] (MQTT 5.0 §3.1.2.2), with their names in rules and records.
pub(super) mod connect_flag {
    pub(in super::super) const USERNAME: u8 = 0x80;
    pub(in super::super) const PASSWORD: u8 = 0x40;
    pub(in super::super) const WILL: u8 = 0x04;
    pub(in super::super) const NAMES: &[(&str, u64)] =
        &[("username", 0x80), ("password", 0x40), ("will", 0x04), ("will_retain", 0x20), ("clean_session", 0x02)];
}

/// Flags in a head (MQTT 5.0 §2.1.3).
pub(super) mod head_flag {
    pub(in super::super) const DUP: u8 = 0x08;
    pub(in super::super) const RETAIN: u8 = 0x01;
    pub(in super::super) const NAMES: &[(&str, u64)] = &[("dup", 0x08), ("retain", 0x01)];
}

impl Message {
    /// Of a body of a connection of this version. Err: what is wrong with it.
    pub(super) fn read(head: u8, version: u8, body: &[u8]) -> Result<Self, Event> {
        let mut message = Self { head, version, body: Body::Kept(body.into()) };
        let content = message.parse(body)?;
        if let Content::Connect(connect) = &content {
            message.version = connect.version;
        }
        // What counts as read is sound to its end.
        match content {
            Content::Topics { topics, .. } if !topics.sound() => Err(Event::MalformedTraffic),
            _ if content.properties().any(|properties| !properties.sound()) => Err(Event::MalformedTraffic),
            _ => Ok(message),
        }
    }

    /// One that is not kept, of this length.
    pub(super) const fn skipped(head: u8, version: u8, length: usize) -> Self {
        Self { head, version, body: Body::Skipped(length) }
    }

    pub(super) const fn kind(&self) -> u8 {
        self.head >> 4
    }

    pub(super) const fn flags(&self) -> u8 {
        self.head & 0x0f
    }

    pub(super) const fn qos(&self) -> u8 {
        self.head >> 1 & 3
    }

    /// The version of its connection; 0 if it is not known.
    pub(super) const fn version(&self) -> u8 {
        self.version
    }

    pub(super) fn content(&self) -> Content<'_> {
        match &self.body {
            Body::Kept(body) => self.parse(body).unwrap_or(Content::Nothing),
            Body::Skipped(length) => Content::Skipped(*length),
        }
    }

    /// The number by which others refer to it.
    pub(super) fn id(&self) -> Option<u16> {
        match self.content() {
            Content::Publish { id, .. } => id,
            Content::Confirm { id, .. } | Content::Topics { id, .. } | Content::Codes { id, .. } => Some(id),
            _ => None,
        }
    }

    fn parse<'a>(&self, body: &'a [u8]) -> Result<Content<'a>, Event> {
        let mut body = Cursor::big(body);
        let numbered = matches!(self.kind(), kind::PUBACK..=kind::UNSUBACK);
        if numbered && body.rest().len() < 2 {
            return Err(Event::MissingMsgId);
        }
        self.take(&mut body).ok_or(Event::MalformedTraffic)
    }

    fn take<'a>(&self, body: &mut Cursor<'a>) -> Option<Content<'a>> {
        let new = self.version >= VERSION_5;
        Some(match self.kind() {
            kind::CONNECT => Content::Connect(Connect::take(body)?),
            kind::CONNACK => {
                let (session_present, code) = (body.u8()? & 1 == 1, body.u8()?);
                Content::Connack { session_present, code, properties: trailing(body, new)? }
            }
            kind::PUBLISH => {
                let topic = body.vector16()?.rest();
                let id = if self.qos() > 0 { Some(body.u16()?) } else { None };
                let properties = if new { Properties::take(body)? } else { Properties::default() };
                Content::Publish { topic, id, properties, message: body.rest() }
            }
            kind::PUBACK..=kind::PUBCOMP => {
                let id = body.u16()?;
                let (reason, properties) = reason(body, new)?;
                Content::Confirm { id, reason, properties }
            }
            kind::SUBSCRIBE | kind::UNSUBSCRIBE => {
                let id = body.u16()?;
                let properties = if new { Properties::take(body)? } else { Properties::default() };
                let topics = Topics { rest: *body, options: self.kind() == kind::SUBSCRIBE };
                Content::Topics { id, properties, topics }
            }
            kind::SUBACK | kind::UNSUBACK => {
                let id = body.u16()?;
                let properties = trailing(body, new)?;
                Content::Codes { id, properties, codes: body.rest() }
            }
            kind::DISCONNECT | kind::AUTH => {
                let (reason, properties) = reason(body, new)?;
                Content::Reason { reason, properties }
            }
            _ => Content::Nothing,
        })
    }
}

/// A reason and properties, both of which may be left out (MQTT 5.0 §3.4.2).
fn reason<'a>(body: &mut Cursor<'a>, new: bool) -> Option<(Option<u8>, Properties<'a>)> {
    if !new {
        return Some((None, Properties::default()));
    }
    let reason = if body.is_empty() { SUCCESS } else { body.u8()? };
    Some((Some(reason), trailing(body, new)?))
}

/// Properties that may be left out.
fn trailing<'a>(body: &mut Cursor<'a>, new: bool) -> Option<Properties<'a>> {
    if new && !body.is_empty() { Properties::take(body) } else { Some(Properties::default()) }
}

impl<'a> Connect<'a> {
    fn take(body: &mut Cursor<'a>) -> Option<Self> {
        let protocol = body.vector16()?.rest();
        let (version, flags) = (body.u8()?, body.u8()?);
        body.u16()?;
        let properties = |body: &mut Cursor<'a>| {
            if version >= VERSION_5 { Properties::take(body) } else { Some(Properties::default()) }
        };
        let own = properties(body)?;
        let client_id = body.vector16()?.rest();
        let has = |flag: u8| flags & flag != 0;
        let will = if has(connect_flag::WILL) {
            Some(Will {
                properties: properties(body)?,
                topic: body.vector16()?.rest(),
                message: body.vector16()?.rest(),
            })
        } else {
            None
        };
        let username = if has(connect_flag::USERNAME) { Some(body.vector16()?.rest()) } else { None };
        let password = if has(connect_flag::PASSWORD) { Some(body.vector16()?.rest()) } else { None };
        Some(Self { protocol, version, flags, properties: own, client_id, will, username, password })
    }
}

impl<'a> Content<'a> {
    /// All properties that are in it.
    fn properties(self) -> impl Iterator<Item = Properties<'a>> {
        let (own, will) = match self {
            Self::Connect(connect) => (Some(connect.properties), connect.will.map(|will| will.properties)),
            Self::Connack { properties, .. }
            | Self::Publish { properties, .. }
            | Self::Confirm { properties, .. }
            | Self::Topics { properties, .. }
            | Self::Codes { properties, .. }
            | Self::Reason { properties, .. } => (Some(properties), None),
            Self::Nothing | Self::Skipped(_) => (None, None),
        };
        own.into_iter().chain(will)
    }

    /// The codes in it that say how something went, oldest first.
    pub(super) fn codes(self) -> impl Iterator<Item = u8> {
        let (one, many) = match self {
            Self::Connack { code, .. } => (Some(code), &[][..]),
            Self::Confirm { reason, .. } | Self::Reason { reason, .. } => (reason, &[][..]),
            Self::Codes { codes, .. } => (None, codes),
            _ => (None, &[][..]),
        };
        one.into_iter().chain(many.iter().copied())
    }
}

/// Topics, each with its options where it is subscribed to (MQTT 5.0 §3.8.3).
#[derive(Clone, Copy, Debug)]
pub(super) struct Topics<'a> {
    rest: Cursor<'a>,
    options: bool,
}

impl<'a> Topics<'a> {
    /// Whether all of it can be read.
    fn sound(mut self) -> bool {
        while self.next().is_some() {}
        self.rest.is_empty()
    }
}

impl<'a> Iterator for Topics<'a> {
    /// The topic, and the quality of service that is asked for.
    type Item = (&'a [u8], u8);

    fn next(&mut self) -> Option<Self::Item> {
        let mut rest = self.rest;
        let topic = rest.vector16()?.rest();
        let qos = if self.options { rest.u8()? & 3 } else { 0 };
        self.rest = rest;
        Some((topic, qos))
    }
}
