//! Hellos, certificates and records made for tests.

/// A TLV of DER.
pub(crate) fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = u16::try_from(content.len()).unwrap();
    let mut out = vec![tag];
    match length {
        0..0x80 => out.push(u8::try_from(length).unwrap()),
        _ => {
            out.push(0x82);
            out.extend(length.to_be_bytes());
        }
    }
    out.extend(content);
    out
}

/// What a certificate says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Certificate<'a> {
    pub(crate) name: &'a str,
    pub(crate) serial: &'a [u8],
    /// First and last day, `YYYYMMDDhhmmssZ`.
    pub(crate) days: [&'a str; 2],
}

impl Certificate<'_> {
    /// A certificate with a name that is no signature, DER.
    pub(crate) fn der(&self) -> Vec<u8> {
        let attribute = |oid: &[u8], tag, text: &str| {
            let pair = der(0x30, &[&der(0x06, &[oid]), &der(tag, &[text.as_bytes()])]);
            der(0x31, &[&pair])
        };
        let name = |host: &str| {
            der(
                0x30,
                &[
                    &attribute(b"\x55\x04\x06", 0x13, "XX"),
                    &attribute(b"\x55\x04\x0a", 0x0c, "Example, Inc."),
                    &attribute(b"\x55\x04\x03", 0x0c, host),
                    &attribute(b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01", 0x16, "a@example.org"),
                ],
            )
        };
        let time = |text: &str| der(0x18, &[text.as_bytes()]);
        let algorithm = der(0x30, &[&der(0x06, &[b"\x2a\x86\x48\xce\x3d\x04\x03\x02"])]);
        let key = der(0x30, &[&der(0x30, &[&der(0x06, &[b"\x2b\x65\x70"])]), &der(0x03, &[&[0; 33]])]);
        let host = format!("www.{}", self.name);
        let names = der(0x30, &[&der(0x82, &[host.as_bytes()]), &der(0x87, &[&[192, 0, 2, 1]])]);
        let extension = der(0x30, &[&der(0x06, &[b"\x55\x1d\x11"]), &der(0x04, &[&names])]);
        let [from, to] = self.days;
        let tbs = der(
            0x30,
            &[
                &der(0xa0, &[&der(0x02, &[&[2]])]),
                &der(0x02, &[self.serial]),
                &algorithm,
                &name(&format!("CA of {}", self.name)),
                &der(0x30, &[&time(from), &time(to)]),
                &name(self.name),
                &key,
                &der(0xa3, &[&der(0x30, &[&extension])]),
            ],
        );
        der(0x30, &[&tbs, &algorithm, &der(0x03, &[&[0; 9]])])
    }
}

/// One that was valid in 1970.
pub(crate) const ONE: Certificate<'_> =
    Certificate { name: "one.example", serial: b"\x12\xab", days: ["19691231000000Z", "22000101000000Z"] };
/// One that was not.
pub(crate) const TWO: Certificate<'_> =
    Certificate { name: "two.example", serial: b"\x77", days: ["19600101000000Z", "19610101000000Z"] };

/// A vector behind a length of two bytes.
fn vector(bytes: &[u8]) -> Vec<u8> {
    [&u16::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
}

fn numbers(values: &[u16]) -> Vec<u8> {
    vector(&values.iter().flat_map(|value| value.to_be_bytes()).collect::<Vec<_>>())
}

/// An extension.
pub(crate) fn extension(kind: u16, data: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &vector(data)].concat()
}

/// The extension that names the server.
pub(crate) fn server_name(name: &str) -> Vec<u8> {
    extension(0, &vector(&[&[0][..], &vector(name.as_bytes())].concat()))
}

/// The extension with application protocols.
pub(crate) fn alpn(name: &str) -> Vec<u8> {
    extension(16, &vector(&[&[u8::try_from(name.len()).unwrap()], name.as_bytes()].concat()))
}

/// The other extensions that clients usually send: groups, point formats, signature algorithms; one of them GREASE.
pub(crate) fn usual() -> Vec<u8> {
    [
        extension(0x0a0a, &[]),
        extension(10, &numbers(&[0x2a2a, 29, 23])),
        extension(11, &[1, 0]),
        extension(13, &numbers(&[0x0403, 0x0804])),
    ]
    .concat()
}

/// A handshake message.
pub(crate) fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind][..], &u32::try_from(body.len()).unwrap().to_be_bytes()[1..], body].concat()
}

/// A record.
pub(crate) fn record(kind: u8, version: u16, content: &[u8]) -> Vec<u8> {
    [&[kind][..], &version.to_be_bytes(), &vector(content)].concat()
}

/// A ClientHello, without a record around it.
pub(crate) fn client_hello(version: u16, random: u8, extensions: &[u8]) -> Vec<u8> {
    let head = [&version.to_be_bytes()[..], &[random; 32], &[2, 7, 7], &numbers(&[0x1a1a, 0xc02b, 0x002f]), &[1, 0]];
    message(1, &[&head.concat()[..], &vector(extensions)].concat())
}

/// A ServerHello, without a record around it.
pub(crate) fn server_hello(version: u16, random: u8, extensions: &[u8]) -> Vec<u8> {
    let head = [&version.to_be_bytes()[..], &[random; 32], &[0], &[0xc0, 0x2b, 0]];
    message(2, &[&head.concat()[..], &vector(extensions)].concat())
}

/// A Certificate message.
pub(crate) fn certificates(chain: &[Vec<u8>]) -> Vec<u8> {
    let entry = |der: &Vec<u8>| [&u32::try_from(der.len()).unwrap().to_be_bytes()[1..], der].concat();
    let list: Vec<u8> = chain.iter().flat_map(entry).collect();
    message(11, &[&u32::try_from(list.len()).unwrap().to_be_bytes()[1..], &list].concat())
}

/// What a server answers with up to its ServerHelloDone, in one record.
pub(crate) fn server_flight(version: u16, random: u8, protocol: &str, chain: &[Vec<u8>]) -> Vec<u8> {
    let parts = [server_hello(version, random, &alpn(protocol)), certificates(chain), message(14, &[])];
    record(22, version, &parts.concat())
}
