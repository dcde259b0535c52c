//! Frames made for tests.

use super::link;

/// A frame with this control byte from station 3 to station 2.
pub(crate) fn frame(control: u8, user: &[u8]) -> Vec<u8> {
    let mut out = vec![5, 0x64, u8::try_from(user.len() + 5).unwrap(), control, 2, 0, 3, 0];
    out.extend(link::checksum(&out).to_le_bytes());
    for block in user.chunks(16) {
        out.extend(block);
        out.extend(link::checksum(block).to_le_bytes());
    }
    out
}

/// A fragment, in as many frames as it takes.
pub(crate) fn fragment(control: u8, bytes: &[u8]) -> Vec<u8> {
    let parts: Vec<_> = bytes.chunks(249).collect();
    let frames = parts.iter().enumerate().map(|(number, part)| {
        let first = if number == 0 { 0x40 } else { 0 };
        let last = if number + 1 == parts.len() { 0x80 } else { 0 };
        frame(control, &[&[first | last | (number & 0x3f) as u8], *part].concat())
    });
    frames.flatten().collect()
}

/// What a master asks.
pub(crate) fn request(function: u8, objects: &[u8]) -> Vec<u8> {
    fragment(0xc4, &[&[0xc1, function], objects].concat())
}

/// What an outstation answers, or tells of its own accord.
pub(crate) fn response(function: u8, indications: u16, objects: &[u8]) -> Vec<u8> {
    fragment(0x44, &[&[0xe1, function], &indications.to_le_bytes()[..], objects].concat())
}
