//! What rules can see of an exchange.
//!
//! It is seen as a whole, whichever direction is looked at, so that one rule can ask for a message and for what
//! answered it.

use super::message::{Connect, Content, Message, Topics, Will, connect_flag, head_flag, kind};
use super::tx::Tx;
use crate::field::Dirs::{Both, ToClient, ToServer};
use crate::field::{Field, Get, Notation, Value};

type Row = Field<Tx>;

/// What the first message brings is there at once; others may bring more, see [`Info::exchange`](crate::field::Info::exchange).
const FIRST: u8 = 0;

/// Qualities of service, as rules write them.
const QOS: &[(&str, u64)] = &[("0", 0), ("1", 1), ("2", 2)];
/// Truth, as rules write it.
const TRUTH: &[(&str, u64)] = &[("yes", 1), ("no", 0), ("true", 1), ("false", 0), ("1", 1), ("0", 0)];

/// The fields; the position is the number.
pub(super) static FIELDS: &[Row] = &[
    Row::uint(
        "mqtt.type",
        8,
        Both,
        FIRST,
        |tx, _, n, _| number(tx.messages().get(n).map(Message::kind)),
        "Type of a message (MQTT 5.0 §2.1.2).",
    )
    .names(kind::NAMES)
    .multi()
    .exchange(),
    Row::uint(
        "mqtt.protocol_version",
        8,
        ToServer,
        FIRST,
        |tx, _, n, _| number(first(tx, n).map(Message::version).filter(|version| *version > 0)),
        "Version that the client named when it connected: 3 for 3.1, 4 for 3.1.1, 5 (MQTT 5.0 §3.1.2.2).",
    ),
    Row::uint(
        "mqtt.flags",
        8,
        ToServer,
        FIRST,
        |tx, _, n, _| number(tx.messages().get(n).map(Message::flags)),
        "Flags of a message (MQTT 5.0 §2.1.3).",
    )
    .names(head_flag::NAMES)
    .notation(Notation::Flags)
    .multi()
    .exchange(),
    Row::uint(
        "mqtt.qos",
        8,
        ToServer,
        FIRST,
        |tx, _, n, _| number(tx.messages().get(n).map(Message::qos)),
        "Quality of service of a message (MQTT 5.0 §3.3.1.2).",
    )
    .names(QOS)
    .notation(Notation::Name)
    .multi()
    .exchange(),
    Row::uint(
        "mqtt.reason_code",
        8,
        Both,
        FIRST,
        |tx, _, n, _| number(tx.messages().iter().flat_map(|message| message.content().codes()).nth(n)),
        "A code that says how something went (MQTT 5.0 §2.4).",
    )
    .multi()
    .exchange(),
    Row::uint(
        "mqtt.connack.session_present",
        8,
        ToClient,
        FIRST,
        |tx, _, n, _| {
            let mut flags = tx.messages().iter().filter_map(|message| match message.content() {
                Content::Connack { session_present, .. } => Some(session_present.into()),
                _ => None,
            });
            number(flags.nth(n))
        },
        "Whether the server remembers an earlier session of the client (MQTT 5.0 §3.2.2.1.1).",
    )
    .names(TRUTH)
    .notation(Notation::Name)
    .exchange(),
    Row::uint(
        "mqtt.connect.flags",
        8,
        ToServer,
        FIRST,
        |tx, _, n, _| number(connect(tx, n).map(|connect| connect.flags)),
        "What the client says of its connection (MQTT 5.0 §3.1.2.2).",
    )
    .names(connect_flag::NAMES)
    .notation(Notation::Flags),
    connecting(
        "mqtt.connect.protocol_string",
        |tx, _, n, _| bytes(connect(tx, n).map(|connect| connect.protocol)),
        "Name of the protocol: `MQTT`, in 3.1 `MQIsdp` (MQTT 5.0 §3.1.2.1).",
    ),
    connecting(
        "mqtt.connect.clientid",
        |tx, _, n, _| bytes(connect(tx, n).map(|connect| connect.client_id)),
        "Name of the client (MQTT 5.0 §3.1.3.1).",
    ),
    connecting(
        "mqtt.connect.username",
        |tx, _, n, _| bytes(connect(tx, n).and_then(|connect| connect.username)),
        "Name of the user (MQTT 5.0 §3.1.3.5).",
    ),
    connecting(
        "mqtt.connect.password",
        |tx, _, n, _| bytes(connect(tx, n).and_then(|connect| connect.password)),
        "Password of the user (MQTT 5.0 §3.1.3.6).",
    ),
    connecting(
        "mqtt.connect.willtopic",
        |tx, _, n, _| bytes(will(tx, n).map(|will| will.topic)),
        "Topic of what is published once the client is gone (MQTT 5.0 §3.1.3.3).",
    ),
    connecting(
        "mqtt.connect.willmessage",
        |tx, _, n, _| bytes(will(tx, n).map(|will| will.message)),
        "What is published once the client is gone (MQTT 5.0 §3.1.3.4).",
    ),
    Row::bytes(
        "mqtt.publish.topic",
        Both,
        FIRST,
        |tx, _, n, _| bytes(published(tx, n).map(|(topic, _)| topic)),
        "Topic of a message that is published (MQTT 5.0 §3.3.2.1).",
    )
    .exchange(),
    Row::bytes(
        "mqtt.publish.message",
        Both,
        FIRST,
        |tx, _, n, _| bytes(published(tx, n).map(|(_, message)| message)),
        "What is published (MQTT 5.0 §3.3.3).",
    )
    .exchange(),
    Row::bytes(
        "mqtt.subscribe.topic",
        ToServer,
        FIRST,
        |tx, _, n, _| topic(tx, kind::SUBSCRIBE, n),
        "A topic that is subscribed to (MQTT 5.0 §3.8.3).",
    )
    .multi(),
    Row::bytes(
        "mqtt.unsubscribe.topic",
        ToServer,
        FIRST,
        |tx, _, n, _| topic(tx, kind::UNSUBSCRIBE, n),
        "A topic that is given up (MQTT 5.0 §3.10.3).",
    )
    .multi(),
];

/// A field of what a client says when it connects.
const fn connecting(name: &'static str, get: Get<Tx>, doc: &'static str) -> Row {
    Row::bytes(name, ToServer, FIRST, get, doc)
}

/// The message that began it, of which there is one.
fn first(tx: &Tx, instance: usize) -> Option<&Message> {
    tx.messages().first().filter(|_| instance == 0)
}

fn connect(tx: &Tx, instance: usize) -> Option<Connect<'_>> {
    match first(tx, instance)?.content() {
        Content::Connect(connect) => Some(connect),
        _ => None,
    }
}

fn will(tx: &Tx, instance: usize) -> Option<Will<'_>> {
    connect(tx, instance)?.will
}

/// Topic and message.
fn published(tx: &Tx, instance: usize) -> Option<(&[u8], &[u8])> {
    match first(tx, instance)?.content() {
        Content::Publish { topic, message, .. } => Some((topic, message)),
        _ => None,
    }
}

/// A topic of a message of this type, as far as rules look.
fn topic(tx: &Tx, kind: u8, instance: usize) -> Value<'_> {
    let [subscribed, given_up] = tx.topics;
    let limit = if kind == kind::SUBSCRIBE { subscribed } else { given_up };
    let message = first(tx, 0).filter(|message| message.kind() == kind && instance < limit);
    let topics = message.and_then(|message| match message.content() {
        Content::Topics { topics, .. } => Some(topics),
        _ => None,
    });
    bytes(topics.and_then(|mut topics: Topics<'_>| topics.nth(instance)).map(|(topic, _)| topic))
}

fn number(value: Option<u8>) -> Value<'static> {
    value.map_or(Value::Absent, |value| Value::Uint(value.into()))
}

fn bytes(value: Option<&[u8]>) -> Value<'_> {
    value.map_or(Value::Absent, Value::Bytes)
}
