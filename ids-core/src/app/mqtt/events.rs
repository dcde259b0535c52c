//! What can be odd about an exchange.

/// Names of the events; the position is the number.
pub(super) const NAMES: &[&str] = &[
    "missing_connect",
    "missing_publish",
    "missing_subscribe",
    "missing_unsubscribe",
    "double_connect",
    "unintroduced_message",
    "invalid_qos_level",
    "missing_msg_id",
    "unassigned_msg_type",
    "too_many_transactions",
    "malformed_traffic",
    "too_many_messages",
];

/// An event: a position in [`NAMES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Event {
    /// A connection is acknowledged that nobody asked for.
    MissingConnect,
    /// A message is confirmed that nobody published.
    MissingPublish,
    MissingSubscribe,
    MissingUnsubscribe,
    /// A client connects again (MQTT 5.0 §3.1).
    DoubleConnect,
    /// A message before the connection is there (MQTT 5.0 §3.1).
    UnintroducedMessage,
    /// 3 (MQTT 5.0 §3.3.1.2).
    InvalidQosLevel,
    /// 0, or none where there must be one (MQTT 5.0 §2.2.1).
    MissingMsgId,
    /// 0 (MQTT 5.0 §2.1.2).
    UnassignedMsgType,
    TooManyTransactions,
    MalformedTraffic,
    /// More messages than an exchange can have.
    TooManyMessages,
}
