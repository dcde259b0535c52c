//! What rules can see of a connection.

use super::certificate::Leaf;
use super::tx::{Exchanged, Tx, progress};
use super::version;
use crate::field::Dirs::{Both, ToClient, ToServer};
use crate::field::{BytesKind, Dir, Field, Get, Notation, Value, date};

type Row = Field<Tx>;

const HELLO: u8 = progress::HELLO;
const CERTIFICATE: u8 = progress::CERTIFICATE;

/// Lower case throughout.
const LOWER: BytesKind = BytesKind { lowercase: true, ..BytesKind::PLAIN };

/// Words of `ssl_state`.
const STATES: &[(&str, u64)] = &[
    ("client_hello", Exchanged::ClientHello as u64),
    ("server_hello", Exchanged::ServerHello as u64),
    ("client_keyx", Exchanged::ClientKey as u64),
    ("server_keyx", Exchanged::ServerKey as u64),
    ("unknown", Exchanged::Nothing as u64),
];

/// Words of `ssl_version`, one bit each.
const VERSIONS: &[(&str, u64)] = &[
    ("sslv2", version::bit(version::SSL2)),
    ("sslv3", version::bit(version::SSL3)),
    ("tls1.0", version::bit(version::TLS1_0)),
    ("tls1.1", version::bit(version::TLS1_1)),
    ("tls1.2", version::bit(version::TLS1_2)),
    ("tls1.3", version::bit(version::TLS1_3)),
];

/// The fields; the position is the number.
pub(super) static FIELDS: &[Row] = &[
    Row::bytes(
        "tls.sni",
        ToServer,
        HELLO,
        |tx, _, _, _| found(tx.client.as_ref().and_then(|hello| hello.sni.as_deref())),
        "Server that the client asks for (RFC 6066 §3).",
    )
    .aliases(&["tls_sni"]),
    Row::bytes(
        "tls.alpn",
        Both,
        HELLO,
        |tx, dir, n, _| found(tx.hello(dir).and_then(|hello| hello.alpn.get(n)).map(Vec::as_slice)),
        "An application protocol that the client offers or the server has chosen (RFC 7301 §3.1).",
    )
    .multi(),
    certificate(
        "tls.cert_subject",
        |tx, dir, _, _| shown(tx, dir, |leaf| &leaf.subject),
        "Subject of the first certificate (RFC 5280 §4.1.2.6).",
    )
    .aliases(&["tls_cert_subject"]),
    certificate(
        "tls.cert_issuer",
        |tx, dir, _, _| shown(tx, dir, |leaf| &leaf.issuer),
        "Issuer of the first certificate (RFC 5280 §4.1.2.4).",
    )
    .aliases(&["tls_cert_issuer"]),
    certificate(
        "tls.cert_serial",
        |tx, dir, _, _| shown(tx, dir, |leaf| leaf.serial.as_bytes()),
        "Serial number of the first certificate, as `5C:19:…` (RFC 5280 §4.1.2.2).",
    )
    .aliases(&["tls_cert_serial"]),
    certificate(
        "tls.cert_fingerprint",
        |tx, dir, _, _| shown(tx, dir, |leaf| leaf.fingerprint.as_bytes()),
        "SHA-1 of the first certificate, as `4a:a3:…`.",
    )
    .aliases(&["tls_cert_fingerprint"]),
    Row::bytes(
        "tls.subjectaltname",
        ToClient,
        CERTIFICATE,
        |tx, dir, n, _| found(leaf(tx, dir).and_then(|leaf| leaf.alt_names.get(n)).map(Vec::as_slice)),
        "A further name that the server's certificate is for (RFC 5280 §4.2.1.6).",
    )
    .multi(),
    Row::bytes(
        "tls.certs",
        Both,
        CERTIFICATE,
        |tx, dir, n, _| found(tx.chain(dir).and_then(|chain| chain.get(n))),
        "A certificate of the chain, DER (RFC 5246 §7.4.2).",
    )
    .multi(),
    Row::uint(
        "tls.cert_chain_len",
        32,
        Both,
        CERTIFICATE,
        |tx, dir, _, _| number(tx.chain(dir).map(|chain| chain.len() as u64)),
        "How many certificates the chain has (RFC 5246 §7.4.2).",
    ),
    Row::bytes(
        "tls.random",
        Both,
        HELLO,
        |tx, dir, _, _| random(tx, dir, 0, 32),
        "Random of the hello, 32 bytes (RFC 8446 §4.1.2).",
    ),
    Row::bytes(
        "tls.random_time",
        Both,
        HELLO,
        |tx, dir, _, _| random(tx, dir, 0, 4),
        "First four bytes of the random, once a time (RFC 5246 §7.4.1.2).",
    ),
    Row::bytes(
        "tls.random_bytes",
        Both,
        HELLO,
        |tx, dir, _, _| random(tx, dir, 4, 32),
        "Bytes of the random after the time (RFC 5246 §7.4.1.2).",
    ),
    Row::uint(
        "tls.version",
        16,
        Both,
        HELLO,
        |tx, dir, _, _| number(tx.version(dir).map(|(version, _)| version::settled(version).into())),
        "Version that the client offers at most or the server has chosen; drafts count as 1.3 (RFC 8446 §4.2.1).",
    )
    .names(version::TLS_NAMES),
    Row::uint(
        "ssl_version",
        64,
        Both,
        HELLO,
        |tx, dir, _, _| number(tx.version(dir).map(|(version, _)| version::bit(version::settled(version)))),
        "Version that the client offers at most or the server has chosen, one of a list (RFC 8446 §4.2.1).",
    )
    .names(VERSIONS)
    .notation(Notation::AnyOf),
    Row::uint(
        "ssl_state",
        8,
        Both,
        0,
        |tx, _, _, _| number(Some(tx.state().into())),
        "Handshake messages that were seen, one of a list (RFC 5246 §7.3).",
    )
    .names(STATES)
    .notation(Notation::AnyOf),
    Row::uint(
        "tls_cert_notbefore",
        64,
        Both,
        CERTIFICATE,
        |tx, dir, _, _| number(leaf(tx, dir).map(|leaf| date(leaf.not_before))),
        "When the first certificate begins to be valid (RFC 5280 §4.1.2.5).",
    )
    .notation(Notation::Date),
    Row::uint(
        "tls_cert_notafter",
        64,
        Both,
        CERTIFICATE,
        |tx, dir, _, _| number(leaf(tx, dir).map(|leaf| date(leaf.not_after))),
        "When the first certificate ceases to be valid (RFC 5280 §4.1.2.5).",
    )
    .notation(Notation::Date),
    Row::uint(
        "tls_cert_expired",
        8,
        Both,
        CERTIFICATE,
        |tx, dir, _, _| number(valid(tx, dir).map(|[_, after]| after.into())),
        "The first certificate was past its date when it came (RFC 5280 §4.1.2.5).",
    )
    .notation(Notation::Flag),
    Row::uint(
        "tls_cert_valid",
        8,
        Both,
        CERTIFICATE,
        |tx, dir, _, _| number(valid(tx, dir).map(|[before, after]| (!before && !after).into())),
        "The first certificate was within its dates when it came (RFC 5280 §4.1.2.5).",
    )
    .notation(Notation::Flag),
    Row::bytes(
        "ja3.hash",
        ToServer,
        HELLO,
        |tx, _, _, _| found(tx.ja3.as_ref().map(|ja3| ja3.hash.as_bytes())),
        "JA3 of the client's hello: MD5 of its string.",
    )
    .aliases(&["ja3_hash"])
    .kind(LOWER),
    Row::bytes(
        "ja3.string",
        ToServer,
        HELLO,
        |tx, _, _, _| found(tx.ja3.as_ref().map(|ja3| ja3.string.as_bytes())),
        "What JA3 of the client's hello is made of.",
    )
    .aliases(&["ja3_string"]),
    Row::bytes(
        "ja3s.hash",
        ToClient,
        HELLO,
        |tx, _, _, _| found(tx.ja3s.as_ref().map(|ja3| ja3.hash.as_bytes())),
        "JA3S of the server's hello: MD5 of its string.",
    )
    .kind(LOWER),
    Row::bytes(
        "ja3s.string",
        ToClient,
        HELLO,
        |tx, _, _, _| found(tx.ja3s.as_ref().map(|ja3| ja3.string.as_bytes())),
        "What JA3S of the server's hello is made of.",
    ),
    Row::bytes(
        "ja4.hash",
        ToServer,
        HELLO,
        |tx, _, _, _| found(tx.ja4.as_deref().map(str::as_bytes)),
        "JA4 of the client's hello.",
    )
    .aliases(&["ja4_hash"])
    .kind(LOWER),
];

/// Something of the first certificate of a side.
const fn certificate(name: &'static str, get: Get<Tx>, doc: &'static str) -> Row {
    Row::bytes(name, Both, CERTIFICATE, get, doc)
}

fn leaf(tx: &Tx, dir: Dir) -> Option<&Leaf> {
    tx.chain(dir)?.leaf.as_ref()
}

fn shown(tx: &Tx, dir: Dir, part: fn(&Leaf) -> &[u8]) -> Value<'_> {
    found(leaf(tx, dir).map(part))
}

fn random(tx: &Tx, dir: Dir, from: usize, to: usize) -> Value<'_> {
    found(tx.hello(dir).and_then(|hello| hello.random.get(from..to)))
}

/// Whether the first certificate came before its time; after it.
fn valid(tx: &Tx, dir: Dir) -> Option<[bool; 2]> {
    let chain = tx.chain(dir)?;
    let (leaf, now) = (chain.leaf.as_ref()?, i64::try_from(chain.time.seconds()).ok()?);
    Some([now < leaf.not_before, now > leaf.not_after])
}

fn found(bytes: Option<&[u8]>) -> Value<'_> {
    bytes.map_or(Value::Absent, Value::Bytes)
}

fn number(value: Option<u64>) -> Value<'static> {
    value.map_or(Value::Absent, Value::Uint)
}
