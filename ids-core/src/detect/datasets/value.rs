//! Kinds of values: how they are written in files, and under which key they are kept.

use std::fmt::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What the values of a set are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any bytes.
    String,
    /// MD5 digests: 16 bytes.
    Md5,
    /// SHA-256 digests: 32 bytes.
    Sha256,
    /// IPv4 addresses: 4 bytes.
    Ipv4,
    /// Addresses: 16 bytes, IPv4 in its mapped form (RFC 4291 §2.5.5.2).
    Ip,
}

/// The names, as rules and the configuration have them.
const NAMES: [(&str, Kind); 6] = [
    ("string", Kind::String),
    ("md5", Kind::Md5),
    ("sha256", Kind::Sha256),
    ("ipv4", Kind::Ipv4),
    ("ip", Kind::Ip),
    ("ipv6", Kind::Ip),
];

impl Kind {
    /// For messages: the names that [`Kind::named`] knows.
    pub const WORDS: &'static str = "`string`, `md5`, `sha256`, `ipv4`, `ip`";

    /// The kind of this name.
    pub fn named(name: &str) -> Option<Self> {
        NAMES.iter().find(|row| row.0 == name).map(|row| row.1)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|row| row.1 == self).map_or("", |row| row.0)
    }

    /// The key of the bytes of a buffer; `None` if they are no such value. `room` is memory to work in.
    pub(super) fn key<'a>(self, data: &'a [u8], room: &'a mut [u8; 16]) -> Option<&'a [u8]> {
        match (self, data.len()) {
            (Self::Ip, 4) => {
                let (octets, _) = data.as_chunks::<4>();
                *room = Ipv4Addr::from(*octets.first()?).to_ipv6_mapped().octets();
                Some(room)
            }
            (Self::String, 1..) | (Self::Md5 | Self::Ip, 16) | (Self::Sha256, 32) | (Self::Ipv4, 4) => Some(data),
            _ => None,
        }
    }

    /// The key of a value that is written in Base64 where it is a string: that of `csv` files and commands.
    pub fn parse_encoded(self, text: &str) -> Result<Box<[u8]>, String> {
        match self {
            Self::String => match STANDARD.decode(text) {
                Ok(bytes) if !bytes.is_empty() => Ok(bytes.into()),
                Ok(_) => Err("a string of no bytes matches nothing".to_owned()),
                Err(error) => Err(format!("bad base64 encoding `{text}`: {error}")),
            },
            _ => self.parse(text),
        }
    }

    /// The key of a value that is written as it is.
    pub fn parse(self, text: &str) -> Result<Box<[u8]>, String> {
        let not = |what: &str| format!("`{text}` is no {what}");
        match self {
            Self::String if text.is_empty() => Err("a string of no bytes matches nothing".to_owned()),
            Self::String => Ok(text.as_bytes().into()),
            Self::Md5 => unhex(text, 16).ok_or_else(|| not("MD5 digest")),
            Self::Sha256 => unhex(text, 32).ok_or_else(|| not("SHA-256 digest")),
            Self::Ipv4 => match text.parse::<IpAddr>().map(|addr| addr.to_canonical()) {
                Ok(IpAddr::V4(addr)) => Ok(addr.octets().into()),
                _ => Err(not("IPv4 address")),
            },
            Self::Ip => match text.parse::<IpAddr>() {
                Ok(IpAddr::V4(addr)) => Ok(addr.to_ipv6_mapped().octets().into()),
                Ok(IpAddr::V6(addr)) => Ok(addr.octets().into()),
                Err(_) => Err(not("address")),
            },
        }
    }

    /// A key as files have it: what [`Kind::parse_encoded`] reads.
    pub(super) fn write(self, key: &[u8], out: &mut impl Write) -> fmt::Result {
        match self {
            Self::String => out.write_str(&STANDARD.encode(key)),
            Self::Md5 | Self::Sha256 => key.iter().try_for_each(|byte| write!(out, "{byte:02x}")),
            Self::Ipv4 => {
                let (octets, _) = key.as_chunks::<4>();
                octets.iter().try_for_each(|octets| write!(out, "{}", Ipv4Addr::from(*octets)))
            }
            Self::Ip => {
                let (octets, _) = key.as_chunks::<16>();
                octets.iter().try_for_each(|octets| write_addr(Ipv6Addr::from(*octets), out))
            }
        }
    }
}

/// IPv6 with all its digits, as the established engine writes it; IPv4 as itself.
fn write_addr(addr: Ipv6Addr, out: &mut impl Write) -> fmt::Result {
    if let Some(addr) = addr.to_ipv4_mapped() {
        return write!(out, "{addr}");
    }
    for (at, part) in addr.segments().into_iter().enumerate() {
        write!(out, "{}{part:04x}", if at == 0 { "" } else { ":" })?;
    }
    Ok(())
}

fn unhex(digits: &str, size: usize) -> Option<Box<[u8]>> {
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let bytes: Option<Box<[u8]>> = pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect();
    bytes.filter(|bytes| bytes.len() == size && rest.is_empty())
}
