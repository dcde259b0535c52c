//! Messages made for tests.

use crate::app::ber::{self, value};

pub(crate) const BIND_DONE: u8 = 0x61;
pub(crate) const SEARCH_DONE: u8 = 0x65;
pub(crate) const ADD_DONE: u8 = 0x69;
pub(crate) const EXTENDED_DONE: u8 = 0x78;

/// Name of the request for TLS.
pub(crate) const TLS: &str = "1.3.6.1.4.1.1466.20037";

/// Attributes with their values.
pub(crate) type Attributes<'a> = &'a [(&'a str, &'a [&'a str])];

/// A message with this number, and its operation with its tag.
pub(crate) fn message(id: u8, tag: u8, content: &[u8]) -> Vec<u8> {
    sequence(&[value(ber::INTEGER, &[id]), value(tag, content)])
}

pub(crate) fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    value(ber::SEQUENCE, &parts.concat())
}

pub(crate) fn text(text: &str) -> Vec<u8> {
    value(4, text.as_bytes())
}

fn number(tag: u8, number: u8) -> Vec<u8> {
    value(tag, &[number])
}

/// A type and its values.
fn attribute((name, values): (&str, &[&str])) -> Vec<u8> {
    let values: Vec<_> = values.iter().map(|value| text(value)).collect();
    sequence(&[text(name), value(0x31, &values.concat())])
}

fn list(attributes: Attributes<'_>) -> Vec<u8> {
    sequence(&attributes.iter().copied().map(attribute).collect::<Vec<_>>())
}

/// A client gives its name and its password.
pub(crate) fn bind(id: u8, name: &str, password: &str) -> Vec<u8> {
    message(id, 0x60, &[number(2, 3), text(name), value(0x80, password.as_bytes())].concat())
}

/// A client looks for everything below a name.
pub(crate) fn search(id: u8, base: &str, attributes: &[&str]) -> Vec<u8> {
    let attributes: Vec<_> = attributes.iter().map(|name| text(name)).collect();
    let parts = [
        text(base),
        number(10, 2),
        number(10, 0),
        number(2, 100),
        number(2, 30),
        number(1, 0),
        value(0x87, b"objectClass"),
        sequence(&attributes),
    ];
    message(id, 0x63, &parts.concat())
}

/// An entry that was found.
pub(crate) fn entry(id: u8, name: &str, attributes: Attributes<'_>) -> Vec<u8> {
    message(id, 0x64, &[text(name), list(attributes)].concat())
}

/// A client adds an entry.
pub(crate) fn add(id: u8, name: &str, attributes: Attributes<'_>) -> Vec<u8> {
    message(id, 0x68, &[text(name), list(attributes)].concat())
}

/// A client changes an attribute.
pub(crate) fn modify(id: u8, name: &str, change: u8, attributes: (&str, &[&str])) -> Vec<u8> {
    let change = sequence(&[number(10, change), attribute(attributes)]);
    message(id, 0x66, &[text(name), sequence(&[change])].concat())
}

/// A client asks for something by its name.
pub(crate) fn extended(id: u8, name: &str) -> Vec<u8> {
    message(id, 0x77, &value(0x80, name.as_bytes()))
}

/// What became of an operation, whose tag is that of the response.
pub(crate) fn result(id: u8, tag: u8, code: u8, said: &str) -> Vec<u8> {
    message(id, tag, &[number(10, code), text(""), text(said)].concat())
}
