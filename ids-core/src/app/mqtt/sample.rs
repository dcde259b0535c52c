//! Messages made for tests.

use super::message::kind;

/// A message with this head.
pub(crate) fn message(head: u8, body: &[u8]) -> Vec<u8> {
    let (low, high) = (body.len() & 0x7f, body.len() >> 7);
    let length = if high == 0 { vec![low as u8] } else { vec![low as u8 | 0x80, u8::try_from(high).unwrap()] };
    [&[head], &length[..], body].concat()
}

/// A text behind its length.
pub(crate) fn text(text: &[u8]) -> Vec<u8> {
    [&u16::try_from(text.len()).unwrap().to_be_bytes()[..], text].concat()
}

/// A client connects, in version 5, with a will, all of whose texts are made from `name`.
pub(crate) fn connect(flags: u8, name: &str) -> Vec<u8> {
    let own = |what: &str| text(format!("{name}-{what}").as_bytes());
    let parts = [
        text(b"MQTT"),
        vec![5, flags | 0x04, 0, 60, 3, 0x21, 0, 20],
        own("id"),
        vec![2, 1, 1],
        own("topic"),
        own("gone"),
        if flags & 0x80 == 0 { Vec::new() } else { own("user") },
        if flags & 0x40 == 0 { Vec::new() } else { own("password") },
    ];
    message(kind::CONNECT << 4, &parts.concat())
}

/// The connection is accepted or refused.
pub(crate) fn connack(session_present: u8, code: u8) -> Vec<u8> {
    message(kind::CONNACK << 4, &[session_present, code, 3, 0x22, 0, 10])
}

/// Something is published, in version 5; with a number if its quality is not 0.
pub(crate) fn publish(flags: u8, id: u16, topic: &str, content: &str) -> Vec<u8> {
    let number = if flags & 0x06 == 0 { Vec::new() } else { id.to_be_bytes().to_vec() };
    let parts = [text(topic.as_bytes()), number, vec![0], content.as_bytes().to_vec()];
    message(kind::PUBLISH << 4 | flags, &parts.concat())
}

/// Topics are subscribed to or given up, in version 5.
pub(crate) fn topics(kind: u8, id: u16, topics: &[&str]) -> Vec<u8> {
    let mut body = [&id.to_be_bytes()[..], &[0]].concat();
    for topic in topics {
        body.extend(text(topic.as_bytes()));
        body.extend((kind == kind::SUBSCRIBE).then_some(1));
    }
    message(kind << 4 | 2, &body)
}

/// An answer to the message of this number, in version 5.
pub(crate) fn answer(kind: u8, id: u16, codes: &[u8]) -> Vec<u8> {
    let listed = matches!(kind, kind::SUBACK | kind::UNSUBACK);
    let properties: &[u8] = if listed { &[0] } else { &[] };
    let head = kind << 4 | if kind == kind::PUBREL { 2 } else { 0 };
    message(head, &[&id.to_be_bytes()[..], properties, codes].concat())
}
