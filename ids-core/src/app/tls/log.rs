//! The `tls` object of records.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

use super::certificate::{Chain, Leaf};
use super::fingerprint::Ja3;
use super::hello::Common;
use super::tx::Tx;
use super::version;
use crate::app::parser::Detail;
use crate::field::Dir;
use crate::record::{Shape, Writer};

/// Parts of the longer form; the rest has to be asked for by name.
const EXTENDED: &[&str] = &[
    "from-proto",
    "serial",
    "fingerprint",
    "sni",
    "version",
    "not-before",
    "not-after",
    "subjectaltname",
    "ja3",
    "ja3s",
    "ja4",
    "client",
    "client-alpns",
    "server-alpns",
];
/// Parts of every form.
const BASIC: &[&str] = &["subject", "issuer", "session-resumed"];

/// Whether a part is shown: those asked for by name, if any are.
fn wanted(detail: &Detail<'_>, part: &str) -> bool {
    match detail.custom {
        [] => BASIC.contains(&part) || detail.extended && EXTENDED.contains(&part),
        custom => custom.iter().any(|name| name == part),
    }
}

/// Writes the content.
pub(super) fn write(tx: &Tx, detail: &Detail<'_>, out: &mut dyn Writer) {
    let wants = |part: &str| wanted(detail, part);
    let chain = tx.chain(Dir::ToClient);
    let leaf = chain.and_then(|chain| chain.leaf.as_ref());
    if let Some(leaf) = leaf {
        certificate(leaf, &wants, out);
    } else if tx.resumed && wants("session-resumed") {
        out.flag("session_resumed", true);
    }
    if let Some(before) = tx.before.filter(|_| wants("from-proto")) {
        out.text("from_proto", before.as_bytes());
    }
    if let Some(name) = tx.client.as_ref().and_then(|hello| hello.sni.as_ref()).filter(|_| wants("sni")) {
        out.text("sni", name);
    }
    if let Some((number, extended)) =
        tx.version(Dir::ToClient).or(tx.version(Dir::ToServer)).filter(|_| wants("version"))
    {
        out.text("version", version::name(number, extended).as_bytes());
    }
    if let Some(leaf) = leaf {
        dates(leaf, &wants, out);
    }
    if let Some(chain) = chain {
        raw(chain, wants("certificate"), wants("chain"), out);
    }
    for (name, part, ja3) in [("ja3", "ja3", &tx.ja3), ("ja3s", "ja3s", &tx.ja3s)] {
        if let Some(ja3) = ja3.as_ref().filter(|_| wants(part)) {
            fingerprint(name, ja3, out);
        }
    }
    if let Some(ja4) = tx.ja4.as_ref().filter(|_| wants("ja4") && tx.shows_ja4(detail.ja4)) {
        out.text("ja4", ja4.as_bytes());
    }
    if let Some(leaf) = leaf.filter(|leaf| wants("subjectaltname") && !leaf.alt_names.is_empty()) {
        texts("subjectaltname", &leaf.alt_names, out);
    }
    if let Some(chain) = tx.chain(Dir::ToServer).filter(|chain| chain.len() > 0) {
        client(chain, &wants, out);
    }
    for (name, part, dir) in
        [("client_alpns", "client-alpns", Dir::ToServer), ("server_alpns", "server-alpns", Dir::ToClient)]
    {
        if let Some(hello) = tx.hello(dir).filter(|hello| wants(part) && !hello.alpn.is_empty()) {
            texts(name, &hello.alpn, out);
        }
    }
    handshakes(tx, &wants, out);
}

fn certificate(leaf: &Leaf, wants: &dyn Fn(&str) -> bool, out: &mut dyn Writer) {
    for (key, part, text) in [
        ("subject", "subject", leaf.subject.as_slice()),
        ("issuerdn", "issuer", leaf.issuer.as_slice()),
        ("serial", "serial", leaf.serial.as_bytes()),
        ("fingerprint", "fingerprint", leaf.fingerprint.as_bytes()),
    ] {
        if wants(part) {
            out.text(key, text);
        }
    }
}

fn dates(leaf: &Leaf, wants: &dyn Fn(&str) -> bool, out: &mut dyn Writer) {
    for (key, part, seconds) in
        [("notbefore", "not-before", leaf.not_before), ("notafter", "not-after", leaf.not_after)]
    {
        if let Ok(time) = Timestamp::from_second(seconds)
            && wants(part)
        {
            out.text(key, time.strftime("%Y-%m-%dT%H:%M:%S").to_string().as_bytes());
        }
    }
}

/// Certificates in base64: the first, all.
fn raw(chain: &Chain, first: bool, all: bool, out: &mut dyn Writer) {
    if let Some(der) = chain.get(0).filter(|_| first) {
        out.text("certificate", STANDARD.encode(der).as_bytes());
    }
    if all && chain.len() > 0 {
        out.open("chain", Shape::List);
        chain.iter().for_each(|der| out.text("", STANDARD.encode(der).as_bytes()));
        out.close();
    }
}

fn fingerprint(name: &str, ja3: &Ja3, out: &mut dyn Writer) {
    out.open(name, Shape::Object);
    out.text("hash", ja3.hash.as_bytes());
    out.text("string", ja3.string.as_bytes());
    out.close();
}

/// The client's certificate, if it is wanted in any form.
fn client(chain: &Chain, wants: &dyn Fn(&str) -> bool, out: &mut dyn Writer) {
    let leaf = chain.leaf.as_ref().filter(|_| wants("client"));
    let (first, all) = (wants("client-certificate"), wants("client-chain"));
    if leaf.is_none() && !first && !all {
        return;
    }
    out.open("client", Shape::Object);
    if let Some(leaf) = leaf {
        certificate(leaf, &|_| true, out);
        dates(leaf, &|_| true, out);
        if !leaf.alt_names.is_empty() {
            texts("subjectaltname", &leaf.alt_names, out);
        }
    }
    raw(chain, first, all, out);
    out.close();
}

/// What the hellos offer and choose.
fn handshakes(tx: &Tx, wants: &dyn Fn(&str) -> bool, out: &mut dyn Writer) {
    if let Some(hello) = tx.client.as_ref().filter(|_| wants("client-handshake")) {
        out.open("client_handshake", Shape::Object);
        opening(&hello.common, out);
        numbers("ciphers", &hello.ciphers, out);
        numbers("exts", &hello.common.extensions, out);
        numbers("sig_algs", &hello.signature_algorithms, out);
        out.close();
    }
    if let Some(hello) = tx.server.as_ref().filter(|_| wants("server-handshake")) {
        out.open("server_handshake", Shape::Object);
        opening(&hello.common, out);
        out.uint("cipher", hello.cipher.into());
        numbers("exts", &hello.common.extensions, out);
        out.close();
    }
}

fn opening(hello: &Common, out: &mut dyn Writer) {
    out.text("version", version::name(hello.version, false).as_bytes());
}

fn numbers(key: &str, values: &[u16], out: &mut dyn Writer) {
    if !values.is_empty() {
        out.open(key, Shape::List);
        values.iter().for_each(|value| out.uint("", (*value).into()));
        out.close();
    }
}

fn texts(key: &str, values: &[Vec<u8>], out: &mut dyn Writer) {
    out.open(key, Shape::List);
    values.iter().for_each(|value| out.text("", value));
    out.close();
}
