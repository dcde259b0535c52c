//! Fingerprints of hellos: JA3 and JA3S (Salesforce, 2017), JA4 (FoxIO, "JA4: TLS Client Fingerprint").

use std::fmt::{Display, Write};

use data_encoding::HEXLOWER;
use md5::Md5;
use sha2::{Digest, Sha256};

use super::hello::{ClientHello, ServerHello, is_grease};
use super::version;

/// A fingerprint with what it was made of.
#[derive(Debug, Default)]
pub(super) struct Ja3 {
    /// Numbers, in decimal.
    pub(super) string: String,
    /// MD5 of it, hexadecimal.
    pub(super) hash: String,
}

impl Ja3 {
    fn new(string: String) -> Self {
        let hash = HEXLOWER.encode(&Md5::digest(&string));
        Self { string, hash }
    }

    /// `version,ciphers,extensions,groups,formats`
    pub(super) fn client(hello: &ClientHello) -> Self {
        let plain = |list: &[u16]| joined(list.iter().copied().filter(|value| !is_grease(*value)), '-');
        Self::new(format!(
            "{},{},{},{},{}",
            hello.common.version,
            plain(&hello.ciphers),
            plain(&hello.common.extensions),
            plain(&hello.groups),
            joined(&hello.formats, '-')
        ))
    }

    /// `version,cipher,extensions`
    pub(super) fn server(hello: &ServerHello) -> Self {
        let common = &hello.common;
        Self::new(format!("{},{},{}", common.version, hello.cipher, joined(&common.extensions, '-')))
    }
}

/// `t13d1516h2_8daaf6152771_e5627efa2ab1`
pub(super) fn ja4(hello: &ClientHello) -> String {
    /// Extensions that vary with the server: they are counted, not hashed.
    const BY_SERVER: [u16; 2] = [0, 16];
    let plain = |list: &[u16]| -> Vec<u16> { list.iter().copied().filter(|value| !is_grease(*value)).collect() };
    let (mut ciphers, mut extensions) = (plain(&hello.ciphers), plain(&hello.common.extensions));
    let mut text = format!(
        "t{}{}{:02}{:02}{}_",
        match hello.version() {
            version if version::settled(version) == version::TLS1_3 => "13",
            version::TLS1_2 => "12",
            version::TLS1_1 => "11",
            version::TLS1_0 => "10",
            version::SSL3 => "s3",
            version::SSL2 => "s2",
            _ => "00",
        },
        if extensions.contains(&0) { 'd' } else { 'i' },
        ciphers.len().min(99),
        extensions.len().min(99),
        ends(hello.common.alpn.first().map_or(&[], Vec::as_slice)),
    );
    ciphers.sort_unstable();
    extensions.retain(|kind| !BY_SERVER.contains(kind));
    extensions.sort_unstable();
    let hexadecimal = |list: &[u16]| joined(list.iter().map(|value| format!("{value:04x}")), ',');
    text.push_str(&short(&hexadecimal(&ciphers)));
    text.push('_');
    let mut rest = hexadecimal(&extensions);
    let algorithms = plain(&hello.signature_algorithms);
    if !algorithms.is_empty() && !rest.is_empty() {
        rest.push('_');
        rest.push_str(&hexadecimal(&algorithms));
    }
    text.push_str(&short(&rest));
    text
}

/// The first and the last character of a protocol's name; of its hexadecimal form where those are no letters or digits.
fn ends(name: &[u8]) -> String {
    let (Some(first), Some(last)) = (name.first(), name.last()) else { return "00".to_owned() };
    if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
        return [*first, *last].map(char::from).iter().collect();
    }
    format!("{:x}{:x}", first >> 4, last & 0xf)
}

/// The first twelve digits of SHA-256; zeros for nothing.
fn short(text: &str) -> String {
    if text.is_empty() {
        return "0".repeat(12);
    }
    let digest = Sha256::digest(text);
    HEXLOWER.encode(digest.get(..6).unwrap_or_default())
}

fn joined<T: Display>(values: impl IntoIterator<Item = T>, separator: char) -> String {
    let mut text = String::new();
    for value in values {
        if !text.is_empty() {
            text.push(separator);
        }
        // Writing to a string does not fail.
        let _ = write!(text, "{value}");
    }
    text
}
