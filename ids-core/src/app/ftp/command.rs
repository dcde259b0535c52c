//! Lines of both sides (RFC 959): commands, replies, and the addresses in them.

use std::net::{IpAddr, Ipv4Addr};

/// A command line without its end: the command, and what follows it.
pub(super) fn split(line: &[u8]) -> (&[u8], &[u8]) {
    let line = line.trim_ascii_start();
    let end = line.iter().position(u8::is_ascii_whitespace).unwrap_or(line.len());
    let (command, rest) = line.split_at(end);
    (command, rest.trim_ascii())
}

/// Commands that bring about a data connection (RFC 959 §4.1.3, RFC 3659 §7), and whether they name a file.
const TRANSFERS: &[(&str, bool)] = &[
    ("STOR", true),
    ("APPE", true),
    ("STOU", false),
    ("RETR", true),
    ("NLST", false),
    ("LIST", false),
    ("MLSD", false),
];

/// The command that brings about a data connection, in capital letters, and whether it names a file.
pub(super) fn transfer(command: &[u8]) -> Option<(&'static str, bool)> {
    TRANSFERS.iter().copied().find(|(name, _)| command.eq_ignore_ascii_case(name.as_bytes()))
}

/// Address and port of `h1,h2,h3,h4,p1,p2` (RFC 959 §4.1.2).
pub(super) fn host_port(text: &[u8]) -> Option<(IpAddr, u16)> {
    let mut numbers = [0_u8; 6];
    let mut parts = text.split(|byte| *byte == b',');
    for number in &mut numbers {
        *number = std::str::from_utf8(parts.next()?.trim_ascii()).ok()?.parse().ok()?;
    }
    let [a, b, c, d, high, low] = numbers;
    parts.next().is_none().then_some((Ipv4Addr::new(a, b, c, d).into(), u16::from_be_bytes([high, low])))
}

/// Address and port of `|protocol|address|port|`, where any character may stand for the bar (RFC 2428 §2).
pub(super) fn extended(text: &[u8]) -> Option<(Option<IpAddr>, u16)> {
    let mut parts = text.get(1..)?.split(|byte| Some(byte) == text.first());
    let (_, address, port) = (parts.next()?, parts.next()?, parts.next()?);
    let address = std::str::from_utf8(address).ok()?;
    let port = std::str::from_utf8(port).ok()?.parse().ok()?;
    Some((if address.is_empty() { None } else { Some(address.parse().ok()?) }, port))
}

/// The port in the reply to PASV: six numbers, wherever they stand (RFC 1123 §4.1.2.6).
pub(super) fn passive_port(text: &[u8]) -> Option<u16> {
    let is_part = |byte: &u8| byte.is_ascii_digit() || *byte == b',';
    text.split(|byte| !is_part(byte)).find_map(host_port).map(|(_, port)| port)
}

/// The port in the reply to EPSV: between brackets (RFC 2428 §3).
pub(super) fn extended_passive_port(text: &[u8]) -> Option<u16> {
    let open = memchr::memchr(b'(', text)?;
    extended(text.get(open + 1..)?).map(|(_, port)| port)
}

/// A line of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reply<'a> {
    /// The code, if the line begins with one.
    pub(super) code: Option<&'a [u8]>,
    /// More lines of the same reply follow.
    pub(super) more: bool,
    pub(super) text: &'a [u8],
}

impl<'a> Reply<'a> {
    /// Reads a line without its end: a code of three digits and a space or a hyphen, or a line in the middle of a reply
    /// (RFC 959 §4.2).
    pub(super) fn read(line: &'a [u8]) -> Self {
        let code = line.get(..3).filter(|code| code.iter().all(u8::is_ascii_digit));
        match (code, line.get(3..)) {
            (Some(code), Some([])) => Self { code: Some(code), more: false, text: &[] },
            (Some(code), Some([b' ', text @ ..])) => Self { code: Some(code), more: false, text },
            (Some(code), Some([b'-', text @ ..])) => Self { code: Some(code), more: true, text },
            _ => Self { code: None, more: true, text: line },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands() {
        for (line, expected) in [
            ("USER bob", ("USER", "bob")),
            (" retr  a b.txt ", ("retr", "a b.txt")),
            ("QUIT", ("QUIT", "")),
            ("", ("", "")),
        ] {
            let (command, data) = split(line.as_bytes());
            assert_eq!((command, data), (expected.0.as_bytes(), expected.1.as_bytes()), "{line}");
        }
        assert_eq!(transfer(b"retr"), Some(("RETR", true)));
        assert_eq!(transfer(b"RETRY"), None);
    }

    #[test]
    fn addresses() {
        for (text, port) in [
            ("Entering Passive Mode (192,0,2,1,82,11).", Some(21003)),
            ("=192,0,2,1,0,20", Some(20)),
            ("mode 2 (1,2,3)", None),
            ("(192,0,2,1,256,11)", None),
            ("(192,0,2,1,2,11,7)", None),
        ] {
            assert_eq!(passive_port(text.as_bytes()), port, "{text}");
        }
        assert_eq!(extended_passive_port(b"Entering (|||6446|)"), Some(6446));
        assert_eq!(extended_passive_port(b"Entering |||6446|"), None);
        assert_eq!(host_port(b"192,0,2,1,1,2"), Some((Ipv4Addr::new(192, 0, 2, 1).into(), 258)));
        assert_eq!(extended(b"|1|192.0.2.1|258|"), Some((Some(Ipv4Addr::new(192, 0, 2, 1).into()), 258)));
        assert_eq!(extended(b"!2!2001:db8::1!99999!"), None);
        assert_eq!(extended(b"|1|host|258|"), None);
    }

    #[test]
    fn replies() {
        for (line, code, more, text) in [
            ("220 hi", Some("220"), false, "hi"),
            ("220-hi", Some("220"), true, "hi"),
            ("220", Some("220"), false, ""),
            (" MDTM", None, true, " MDTM"),
            ("2200 x", None, true, "2200 x"),
        ] {
            let expected = Reply { code: code.map(str::as_bytes), more, text: text.as_bytes() };
            assert_eq!(Reply::read(line.as_bytes()), expected, "{line}");
        }
    }
}
