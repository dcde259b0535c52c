//! What kind of file something is, in the words of libmagic: its rules as `pure-magic` reads them, without C code.
//!
//! In: the first bytes of a file.  Out: a text such as `PDF document, version 1.5`.
//! Holds the database, built in and unpacked once.

use std::panic::{self, AssertUnwindSafe};
use std::sync::OnceLock;

use pure_magic::{DataReader, MagicDb};

/// What libmagic says of what it does not know.
const UNKNOWN: &str = "data";
/// What it says of a single byte.
const SHORT: &str = "very short file (no magic)";

/// Unpacks the database, unless that was done: it takes tens of milliseconds, which no packet should wait for.
pub fn prepare() {
    database();
}

/// Names a file by its first bytes.
pub fn name(head: &[u8]) -> Box<str> {
    if head.len() <= 1 {
        return SHORT.into();
    }
    let Some(database) = database() else { return UNKNOWN.into() };
    // Its bytes are chosen by strangers, its rules by others: an accident must not take the worker with it.
    let found = panic::catch_unwind(AssertUnwindSafe(|| {
        let magic = database.first_magic(&mut DataReader::from_slice(head), None).ok()?;
        Some(magic.message().into())
    }));
    found.ok().flatten().unwrap_or_else(|| UNKNOWN.into())
}

fn database() -> Option<&'static MagicDb> {
    static DATABASE: OnceLock<Option<MagicDb>> = OnceLock::new();
    let load = || magic_db::load().inspect_err(|error| tracing::error!(%error, "kinds of files cannot be told")).ok();
    DATABASE.get_or_init(load).as_ref()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_rules_look_for() {
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89";
        let jpeg = b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\x01\0H\0H\0\0\xff\xdb\0C\0";
        let gif = b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff!";
        let mut exe = [0; 512];
        exe[..2].copy_from_slice(b"MZ");
        exe[0x18] = 0x40;
        exe[0x3c] = 0x80;
        exe[0x80..0x88].copy_from_slice(b"PE\0\0\x4c\x01\x03\0");
        exe[0x94] = 0xe0;
        exe[0x96..0x9a].copy_from_slice(&[0x0f, 0x01, 0x0b, 0x01]);
        exe[0xdc] = 2;
        for (bytes, expected) in [
            (&b"%PDF-1.5\n%abcd\n1 0 obj"[..], "PDF document, version 1.5"),
            (png, "PNG image data, 1 x 1, 8-bit/color RGBA"),
            (jpeg, "JPEG image data, JFIF standard 1.01"),
            (gif, "GIF image data, version 89a, 1 x 1"),
            (&exe, "PE32 executable"),
            (&exe, "for MS Windows"),
            (b"PK\x03\x04\x14\0\0\0\x08\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", "Zip archive data"),
            (b"x", "very short file (no magic)"),
            (b"\x01\x02\x03\xf0\xf1\xf2", "data"),
        ] {
            let name = name(bytes);
            assert!(name.contains(expected), "`{name}` has no `{expected}`");
        }
    }
}
