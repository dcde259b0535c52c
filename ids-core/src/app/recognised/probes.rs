//! Probes for protocols that fixed bytes do not give away.
//!
//! Each takes the first bytes of one direction, which, and whether they came over UDP. They are strict: fields
//! that say how long things are must agree with each other, since several are asked on every port.

use crate::app::parser::Probe;
use crate::app::probe::lines::command;
use crate::field::Dir::{self, ToServer};

/// Yes or no, for bytes that travel the way they should.
fn verdict(is: bool, dir: Dir) -> Probe {
    if is { Probe::Yes(dir) } else { Probe::No }
}

/// The bytes at `at`, if they are there.
fn bytes<const N: usize>(data: &[u8], at: usize) -> Option<[u8; N]> {
    data.get(at..)?.first_chunk().copied()
}

/// A big-endian number of two bytes.
fn number(data: &[u8], at: usize) -> Option<usize> {
    Some(usize::from(u16::from_be_bytes(bytes(data, at)?)))
}

/// What an optional verdict means: without it more bytes are needed, which a datagram does not get.
fn settle(is: Option<bool>, dir: Dir) -> Probe {
    is.map_or(Probe::Unsure, |is| verdict(is, dir))
}

/// A connection request or confirm of X.224 in TPKT, with what RDP puts into it. Other protocols over the
/// same layers (S7, MMS, H.323) put parameters there, or use other ports.
pub(super) fn rdp(data: &[u8], dir: Dir, _: bool) -> Probe {
    match data {
        [] | [3] => return Probe::Unsure,
        [3, 0, ..] => {}
        _ => return Probe::No,
    }
    let check = || {
        let length = number(data, 2)?;
        let [indicator, code] = bytes(data, 4)?;
        let expected = if dir == ToServer { 0xe0 } else { 0xd0 };
        if code & 0xf0 != expected || length < 11 || usize::from(indicator) != length - 5 {
            return Some(false);
        }
        let body = data.get(11..length)?;
        Some(match dir {
            ToServer => body.starts_with(b"Cookie: ") || matches!(body, [1, _, 8, 0, ..]),
            Dir::ToClient => matches!(body, [2 | 3, _, 8, 0, ..]),
        })
    };
    settle(check(), dir)
}

/// A client's first command: a tag and a word that is allowed before login.
pub(super) fn imap(data: &[u8], dir: Dir, _: bool) -> Probe {
    let mut words = data.splitn(2, |byte| *byte == b' ');
    let (tag, rest) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let tagged = !tag.is_empty() && tag.len() < 16 && tag.iter().all(u8::is_ascii_graphic);
    let known = ["CAPABILITY", "LOGIN", "AUTHENTICATE", "STARTTLS", "ID", "NOOP", "LOGOUT"];
    verdict(dir == ToServer && tagged && command(rest, &known), dir)
}

/// A long header of a known version with connection ids of allowed length; Google's own form before that.
pub(super) fn quic(data: &[u8], dir: Dir, _: bool) -> Probe {
    let check = || {
        let [first, version @ ..] = bytes::<5>(data, 0)?;
        if first & 0x80 == 0 {
            // Public header with a connection id of eight bytes, then the version.
            let version: [u8; 4] = bytes(data, 9)?;
            return Some(first & 0x09 == 0x09 && google(version));
        }
        let known = match u32::from_be_bytes(version) {
            0 => dir != ToServer,
            1 | 0x6b33_43cf | 0xff00_0017..=0xff00_0022 | 0xfaceb000..=0xfaceb00f => first & 0x40 != 0,
            _ => google(version),
        };
        let [destination] = bytes(data, 5)?;
        let [source] = bytes(data, 6 + usize::from(destination))?;
        Some(known && (google(version) || (destination <= 20 && source <= 20)))
    };
    verdict(check().unwrap_or(false), dir)
}

fn google(version: [u8; 4]) -> bool {
    matches!(version, [b'Q' | b'T', b'0', tens, ones] if tens.is_ascii_digit() && ones.is_ascii_digit())
}

/// A negotiation: IAC and WILL, WON'T, DO or DON'T.
pub(super) fn telnet(data: &[u8], dir: Dir, _: bool) -> Probe {
    match data {
        [0xff, 0xfb..=0xfe, ..] => Probe::Yes(dir),
        [] | [0xff] => Probe::Unsure,
        _ => Probe::No,
    }
}

/// A call of version 2 to program 100003, or a reply that was accepted or denied; over TCP in a record whose
/// length agrees.
pub(super) fn nfs(data: &[u8], dir: Dir, udp: bool) -> Probe {
    const NFS: u32 = 100_003;
    let start = if udp { 0 } else { 4 };
    let word = |at: usize| bytes(data, start + 4 * at).map(u32::from_be_bytes);
    let check = || {
        let fits = udp || u32::from_be_bytes(bytes(data, 0)?) & 0x7fff_ffff >= 24;
        match word(1)? {
            0 => Some((fits && word(2)? == 2 && word(3)? == NFS && (2..=4).contains(&word(4)?), ToServer)),
            1 => Some((fits && word(2)? <= 1, Dir::ToClient)),
            _ => Some((false, dir)),
        }
    };
    match check() {
        Some((is, way)) => verdict(is, way),
        None if udp => Probe::No,
        None => Probe::Unsure,
    }
}

/// Protocol number 0, and a length that a message can have.
pub(super) fn modbus(data: &[u8], dir: Dir, _: bool) -> Probe {
    let check = || Some(number(data, 2)? == 0 && (2..=254).contains(&number(data, 4)?));
    settle(check(), dir)
}

/// A known command, options 0, and a length that fits.
pub(super) fn enip(data: &[u8], dir: Dir, udp: bool) -> Probe {
    const COMMANDS: &[u16] = &[0x00, 0x01, 0x04, 0x63, 0x64, 0x65, 0x66, 0x6f, 0x70, 0x72, 0x73];
    let check = || {
        let little = |at| bytes(data, at).map(u16::from_le_bytes);
        let (command, length) = (little(0)?, usize::from(little(2)?));
        let options: [u8; 4] = bytes(data, 20)?;
        Some(COMMANDS.contains(&command) && options == [0; 4] && (!udp || data.len() >= 24 + length))
    };
    match check() {
        None if udp => Probe::No,
        is => settle(is, dir),
    }
}

/// A start-up message or request for encryption; a server's one-byte answer or an authentication request.
pub(super) fn pgsql(data: &[u8], dir: Dir, _: bool) -> Probe {
    let check = || {
        if dir != ToServer {
            let [first] = bytes(data, 0)?;
            return Some(matches!(first, b'S' | b'N') && data.len() == 1 || matches!(first, b'R' | b'E'));
        }
        let length = u32::from_be_bytes(bytes(data, 0)?);
        let code = u32::from_be_bytes(bytes(data, 4)?);
        // Version 3.x, CancelRequest, SSLRequest, GSSENCRequest.
        Some(length >= 8 && matches!(code, 0x0003_0000..=0x0003_ffff | 80_877_102..=80_877_104))
    };
    settle(check(), dir)
}
