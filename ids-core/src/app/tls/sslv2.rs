//! SSL 2.0 ("The SSL Protocol", Hickman 1995; RFC 6101 appendix E for hellos of later versions in this form).

use super::hello::{ClientHello, Common, ServerHello};
use super::version;
use crate::app::cursor::Cursor;

/// Types of messages.
pub(super) mod message {
    pub(in super::super) const ERROR: u8 = 0;
    pub(in super::super) const CLIENT_HELLO: u8 = 1;
    pub(in super::super) const CLIENT_MASTER_KEY: u8 = 2;
    pub(in super::super) const SERVER_HELLO: u8 = 4;
    pub(in super::super) const LAST: u8 = 8;
}

/// The header of a record: bytes it takes itself, and bytes that follow.
pub(super) fn header(data: &[u8]) -> Option<(usize, usize)> {
    let (head, _) = data.split_first_chunk::<2>()?;
    let number = usize::from(u16::from_be_bytes(*head));
    // Without the top bit a third byte says how much padding there is.
    Some(if number & 0x8000 != 0 { (2, number & 0x7fff) } else { (3, number & 0x3fff) })
}

/// Whether a client opens with this: length, type 1, version, and three lengths that add up to the first.
pub(super) fn is_client_hello(data: &[u8]) -> Option<bool> {
    if data.get(2).is_some_and(|kind| *kind != message::CLIENT_HELLO) {
        return Some(false);
    }
    let mut body = Cursor::big(data);
    let (length, _) = (usize::from(body.u16()?) & 0x7fff, body.u8()?);
    if !matches!(body.u16()?, version::SSL2 | version::SSL3..=version::TLS1_3) {
        return Some(false);
    }
    let (ciphers, session, challenge) = (body.u16()?, body.u16()?, body.u16()?);
    let sum = 9 + [ciphers, session, challenge].map(usize::from).iter().sum::<usize>();
    Some(ciphers % 3 == 0 && ciphers > 0 && length == sum)
}

/// Reads a client's hello, type included.
pub(super) fn client_hello(record: &[u8]) -> Option<ClientHello> {
    let mut body = Cursor::big(record);
    body.u8()?;
    let version = body.u16()?;
    let (ciphers, session, challenge) = (body.u16()?, body.u16()?, body.u16()?);
    let ciphers = body.take(ciphers.into())?;
    let session_id = body.take(session.into())?;
    let challenge = body.take(challenge.into())?;
    // The kinds of later versions are those that begin with zero.
    let ciphers = ciphers.as_chunks::<3>().0.iter().filter(|[first, ..]| *first == 0);
    Some(ClientHello {
        common: Common {
            version,
            random: right_aligned(challenge),
            session_id: session_id.into(),
            ..Common::default()
        },
        ciphers: ciphers.map(|[_, high, low]| u16::from_be_bytes([*high, *low])).collect(),
        ..ClientHello::default()
    })
}

/// Reads a server's hello, type included. Out: with the certificate.
pub(super) fn server_hello(record: &[u8]) -> Option<(ServerHello, &[u8])> {
    let mut body = Cursor::big(record);
    body.take(3)?;
    let version = body.u16()?;
    let (certificate, ciphers, connection) = (body.u16()?, body.u16()?, body.u16()?);
    let certificate = body.take(certificate.into())?;
    body.take(ciphers.into())?;
    let session_id = body.take(connection.into())?;
    let common = Common { version, session_id: session_id.into(), ..Common::default() };
    Some((ServerHello { common, ..ServerHello::default() }, certificate))
}

/// A challenge of 16 to 32 bytes as the random it stands for (RFC 5246 appendix E.2).
fn right_aligned(challenge: &[u8]) -> [u8; 32] {
    let mut random = [0; 32];
    for (to, from) in random.iter_mut().rev().zip(challenge.iter().rev()) {
        *to = *from;
    }
    random
}
