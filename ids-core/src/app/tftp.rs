//! TFTP (RFC 1350): requests to read or to write a file.
//!
//! In: datagrams.  Out: one transaction per request. What is transferred goes between other ports, and is no part of it.

use super::datagram::{self, Session};
use super::parser::{Detail, Input, Probe, Probing, Protocol};
use crate::field::{Dir, Field};
use crate::record::Writer;

/// TFTP.
pub static PROTOCOL: Protocol = Protocol {
    name: "tftp",
    rule_names: &["tftp"],
    udp: true,
    probe: Some(Probing { ports: &[69], probe }),
    record: Some("tftp"),
    session: Some(|_, _| Box::new(Session::<Request>::default())),
    ..Protocol::BARE
};

/// How a file can be transferred, in any case (RFC 1350 §5).
const MODES: [&str; 3] = ["netascii", "octet", "mail"];

fn probe(data: &[u8], dir: Dir, _: bool) -> Probe {
    if Request::of(data).is_some() { Probe::Yes(dir) } else { Probe::No }
}

/// A request.
#[derive(Debug, PartialEq, Eq)]
struct Request {
    writes: bool,
    file: Vec<u8>,
    mode: Vec<u8>,
}

impl Request {
    /// A name and a mode, both ended by zero; options may follow (RFC 2347).
    fn of(data: &[u8]) -> Option<Self> {
        let (writes, text) = match data {
            [0, 1, text @ ..] => (false, text),
            [0, 2, text @ ..] => (true, text),
            _ => return None,
        };
        let mut parts = text.split(|byte| *byte == 0);
        let (file, mode) = (parts.next()?, parts.next()?);
        let known = MODES.iter().any(|known| mode.eq_ignore_ascii_case(known.as_bytes()));
        let whole = !file.is_empty() && known && parts.next().is_some();
        whole.then(|| Self { writes, file: file.to_vec(), mode: mode.to_vec() })
    }
}

impl datagram::Message for Request {
    type Flow = ();

    fn protocol() -> &'static Protocol {
        &PROTOCOL
    }

    fn fields() -> &'static [Field<Self>] {
        &[]
    }

    fn read((): &mut (), input: &Input<'_>) -> Option<Self> {
        Self::of(input.data)
    }

    fn events(&self) -> &[u8] {
        &[]
    }

    fn record(&self, _: &Detail<'_>, out: &mut dyn Writer) {
        out.text("packet", if self.writes { b"write" } else { b"read" });
        out.text("file", &self.file);
        out.text("mode", &self.mode);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::datagram::tests::seen;
    use crate::field::Dir::{ToClient, ToServer};

    #[test]
    fn requests_are_shown_and_nothing_else() {
        let datagrams: [(Dir, &[u8]); 8] = [
            (ToServer, b"\0\x01boot.img\0octet\0"),
            (ToServer, b"\0\x02up\0NetASCII\0blksize\x001428\0"),
            (ToClient, b"\0\x03\0\x01data"),
            (ToClient, b"\0\x05\0\x01gone\0"),
            (ToServer, b"\0\x01boot.img\0octet"),
            (ToServer, b"\0\x01\0octet\0"),
            (ToServer, b"\0\x01boot.img\0other\0"),
            (ToServer, b""),
        ];
        let seen = seen::<Request>(&datagrams.map(|(dir, bytes)| (dir, bytes.to_vec())));
        assert_eq!(
            seen.records,
            ["packet:'read',file:'boot.img',mode:'octet'", "packet:'write',file:'up',mode:'NetASCII'"]
        );
    }
}
