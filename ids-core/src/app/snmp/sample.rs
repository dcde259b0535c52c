//! Messages made for tests.

use crate::app::ber::{self, value};

fn number(number: u8) -> Vec<u8> {
    value(ber::INTEGER, &[number])
}

fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    value(ber::SEQUENCE, &parts.concat())
}

/// 1.3.6.1.2 and one more number, with no value.
fn variables(last: u8) -> Vec<u8> {
    sequence(&[sequence(&[value(6, &[0x2b, 6, 1, 2, last]), value(5, &[])])])
}

/// A message of this type about one variable.
pub(crate) fn content(kind: u8, variable: u8) -> Vec<u8> {
    value(0xa0 | kind, &[number(7), number(0), number(0), variables(variable)].concat())
}

/// A message of version 1 (0) or 2c (1).
pub(crate) fn message(version: u8, community: &str, content: &[u8]) -> Vec<u8> {
    sequence(&[number(version), value(4, community.as_bytes()), content.to_vec()])
}

/// A trap of version 1.
pub(crate) fn trap(kind: u8) -> Vec<u8> {
    let parts = [
        value(6, &[0x2b, 6, 1, 4]),
        value(0x40, &[10, 0, 0, 1]),
        number(kind),
        number(0),
        value(0x43, &[9]),
        variables(3),
    ];
    value(0xa4, &parts.concat())
}

/// A message of version 3 of a user; encrypted if it has no content.
pub(crate) fn secured(model: u8, user: &str, content: Option<&[u8]>) -> Vec<u8> {
    let flags = if content.is_some() { 4 } else { 7 };
    let head = sequence(&[number(1), value(ber::INTEGER, &[5, 220]), value(4, &[flags]), number(model)]);
    let empty = || value(4, &[]);
    let usm = sequence(&[value(4, b"engine"), number(1), number(2), value(4, user.as_bytes()), empty(), empty()]);
    let data = match content {
        Some(content) => sequence(&[value(4, b"engine"), empty(), content.to_vec()]),
        None => value(4, b"secret"),
    };
    sequence(&[number(3), head, value(4, &usm), data])
}
