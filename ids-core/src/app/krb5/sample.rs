//! Messages made for tests.

use crate::app::ber::value as der;

/// A value in the context tag of this number.
fn at(number: u8, value: &[u8]) -> Vec<u8> {
    der(0xa0 | number, value)
}

fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    der(0x30, &parts.concat())
}

fn int(value: u8) -> Vec<u8> {
    der(2, &[value])
}

fn text(text: &str) -> Vec<u8> {
    der(0x1b, text.as_bytes())
}

fn name(name: &str) -> Vec<u8> {
    let parts: Vec<_> = name.split('/').map(text).collect();
    sequence(&[at(0, &int(1)), at(1, &sequence(&parts))])
}

fn encrypted(kind: u8) -> Vec<u8> {
    sequence(&[at(0, &int(kind)), at(2, &der(4, b"secret"))])
}

fn time() -> Vec<u8> {
    der(0x18, b"20370913024805Z")
}

/// AS-REQ (10) or TGS-REQ (12): a client asks for a ticket for a server.
pub(crate) fn request(kind: u8, client: &str, server: &str) -> Vec<u8> {
    let body = [
        at(0, &der(3, &[0, 0x40, 0, 0, 0])),
        at(1, &name(client)),
        at(2, &text("REALM")),
        at(3, &name(server)),
        at(5, &time()),
        at(7, &int(42)),
        at(8, &sequence(&[int(18), int(23)])),
    ];
    der(0x60 | kind, &sequence(&[at(1, &int(5)), at(2, &int(kind)), at(4, &sequence(&body))]))
}

/// AS-REP (11) or TGS-REP (13): the ticket, and how it and the rest are encrypted.
pub(crate) fn reply(kind: u8, client: &str, server: &str, [rest, ticket]: [u8; 2]) -> Vec<u8> {
    let parts = [at(0, &int(5)), at(1, &text("REALM")), at(2, &name(server)), at(3, &encrypted(ticket))];
    let ticket = der(0x61, &sequence(&parts));
    let parts = [
        at(0, &int(5)),
        at(1, &int(kind)),
        at(3, &text("REALM")),
        at(4, &name(client)),
        at(5, &ticket),
        at(6, &encrypted(rest)),
    ];
    der(0x60 | kind, &sequence(&parts))
}

/// KRB-ERROR.
pub(crate) fn error(code: u8, server: &str) -> Vec<u8> {
    let parts = [
        at(0, &int(5)),
        at(1, &int(30)),
        at(4, &time()),
        at(5, &int(1)),
        at(6, &int(code)),
        at(9, &text("REALM")),
        at(10, &name(server)),
    ];
    der(0x7e, &sequence(&parts))
}

/// As it is sent over TCP.
pub(crate) fn framed(message: &[u8]) -> Vec<u8> {
    [&u32::try_from(message.len()).unwrap().to_be_bytes()[..], message].concat()
}
