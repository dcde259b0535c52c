//! A file on its way through a protocol: HTTP bodies now, attachments and transfers later.
//!
//! In: the file's bytes in order, gaps, its end.  Out: what `fileinfo` records and `file.*` rules need: name,
//! size, state, the first bytes, and digests as far as they were asked for.
//! Holds the first [`HEAD`] bytes and the state of the digests; never the content.
//! Must not know which protocol carried it.

use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::config::Hashes;
use crate::field::Dir;

/// How many of the first bytes are kept for recognising the type.
pub const HEAD: usize = 512;

/// What became of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// Still on its way.
    #[default]
    Open,
    /// Came through whole.
    Closed,
    /// Ended early, or beyond what is kept.
    Truncated,
    /// The parser gave up.
    Error,
}

impl State {
    /// The text in `fileinfo.state`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "UNKNOWN",
            Self::Closed => "CLOSED",
            Self::Truncated => "TRUNCATED",
            Self::Error => "ERROR",
        }
    }
}

/// One file.
#[derive(Clone, Debug, Default)]
pub struct File {
    /// Name as the protocol gave it; may be empty.
    pub name: Vec<u8>,
    /// Bytes so far, lost ones included.
    pub size: u64,
    /// First and last byte of a partial transfer (HTTP ranges).
    pub range: Option<(u64, u64)>,
    /// Whether bytes are missing.
    pub gaps: bool,
    /// What became of it.
    pub state: State,
    /// Who sends it.
    pub dir: Option<Dir>,
    /// The first bytes, for recognising its type; at most [`HEAD`].
    pub head: Vec<u8>,
    /// MD5 of all bytes up to the end or the first gap, if asked for; set once that is reached.
    pub md5: Option<[u8; 16]>,
    /// SHA-1 of the same.
    pub sha1: Option<[u8; 20]>,
    /// SHA-256 of the same.
    pub sha256: Option<[u8; 32]>,
    /// Digests under way; `None` where none was asked for.
    running: Option<Box<Running>>,
}

impl File {
    /// A file that begins. In: its name, who sends it, and which digests are wanted.
    pub fn new(name: Vec<u8>, dir: Dir, hashes: Hashes) -> Self {
        Self { name, dir: Some(dir), running: Running::new(hashes), ..Self::default() }
    }

    /// Takes the next bytes. After the end they are ignored.
    pub fn append(&mut self, bytes: &[u8]) {
        if self.state != State::Open {
            return;
        }
        self.size = self.size.saturating_add(bytes.len() as u64);
        let room = HEAD.saturating_sub(self.head.len()).min(bytes.len());
        // A head with a hole in it would be taken for another type.
        if room > 0
            && !self.gaps
            && let Some(first) = bytes.get(..room)
        {
            self.head.extend_from_slice(first);
        }
        if let Some(running) = &mut self.running {
            running.update(bytes);
        }
    }

    /// So many of the next bytes were lost. Digests end here: those of what came before are set.
    pub fn gap(&mut self, bytes: u64) {
        if self.state == State::Open {
            self.size = self.size.saturating_add(bytes);
            self.gaps = true;
            self.digest();
        }
    }

    /// The file ends as it should; with bytes missing it counts as truncated.
    pub fn close(&mut self) {
        self.end(if self.gaps { State::Truncated } else { State::Closed });
    }

    /// The file ends early, or no more of it is looked at.
    pub fn truncate(&mut self) {
        self.end(State::Truncated);
    }

    /// What libmagic calls files that begin like this one, without the details it adds; `None` if the first
    /// bytes are not known.
    pub fn kind(&self) -> Option<&'static str> {
        let starts = |(bytes, _): &&(&[u8], &str)| self.head.starts_with(bytes);
        MAGIC.iter().find(starts).map(|(_, name)| *name)
    }

    fn end(&mut self, state: State) {
        if self.state == State::Open {
            self.state = state;
            if state == State::Closed {
                self.digest();
            }
            self.running = None;
        }
    }

    fn digest(&mut self) {
        if let Some(running) = self.running.take() {
            self.md5 = running.md5.map(|digest| digest.finalize().into());
            self.sha1 = running.sha1.map(|digest| digest.finalize().into());
            self.sha256 = running.sha256.map(|digest| digest.finalize().into());
        }
    }
}

/// Digests under way.
#[derive(Clone, Debug)]
struct Running {
    md5: Option<Md5>,
    sha1: Option<Sha1>,
    sha256: Option<Sha256>,
}

impl Running {
    fn new(hashes: Hashes) -> Option<Box<Self>> {
        (hashes != Hashes::default()).then(|| {
            Box::new(Self {
                md5: hashes.md5.then(Md5::new),
                sha1: hashes.sha1.then(Sha1::new),
                sha256: hashes.sha256.then(Sha256::new),
            })
        })
    }

    fn update(&mut self, bytes: &[u8]) {
        if let Some(digest) = &mut self.md5 {
            digest.update(bytes);
        }
        if let Some(digest) = &mut self.sha1 {
            digest.update(bytes);
        }
        if let Some(digest) = &mut self.sha256 {
            digest.update(bytes);
        }
    }
}

/// First bytes of common file types and what libmagic calls them; longer ones stand before shorter ones that
/// they begin with.
static MAGIC: &[(&[u8], &str)] = &[
    (b"%PDF-", "PDF document"),
    (b"\x7fELF", "ELF"),
    (b"MZ", "PE32 executable"),
    (b"\x89PNG\r\n\x1a\n", "PNG image data"),
    (b"\xff\xd8\xff", "JPEG image data"),
    (b"GIF8", "GIF image data"),
    (b"PK\x03\x04", "Zip archive data"),
    (b"Rar!\x1a\x07", "RAR archive data"),
    (b"7z\xbc\xaf\x27\x1c", "7-zip archive data"),
    (b"\x1f\x8b", "gzip compressed data"),
    (b"BZh", "bzip2 compressed data"),
    (b"\xfd7zXZ\x00", "XZ compressed data"),
    (b"MSCF\0\0\0\0", "Microsoft Cabinet archive data"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "Composite Document File V2 Document"),
    (b"{\\rtf", "Rich Text Format data"),
    (b"FWS", "Macromedia Flash data"),
    (b"CWS", "Macromedia Flash data (compressed)"),
    (b"ZWS", "Macromedia Flash data (compressed)"),
    (b"\xca\xfe\xba\xbe", "compiled Java class data"),
    (b"<?xml", "XML document text"),
    (b"<!DOCTYPE html", "HTML document text"),
    (b"<!doctype html", "HTML document text"),
    (b"<html", "HTML document text"),
    (b"<HTML", "HTML document text"),
    (b"#!", "script text executable"),
];

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Hashes = Hashes { md5: true, sha1: true, sha256: true };

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn digests_of_a_whole_file() {
        let mut file = File::new(b"a".to_vec(), Dir::ToClient, ALL);
        file.append(b"ab");
        file.append(b"c");
        assert_eq!(file.md5, None, "not before the end");
        file.close();
        assert_eq!(file.state, State::Closed);
        assert_eq!(hex(&file.md5.expect("asked for")), "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(hex(&file.sha1.expect("asked for")), "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert!(hex(&file.sha256.expect("asked for")).starts_with("ba7816bf8f01cfea"));
    }

    #[test]
    fn digests_end_at_a_gap() {
        let mut file = File::new(Vec::new(), Dir::ToClient, ALL);
        file.gap(733);
        file.append(b"never hashed");
        file.close();
        assert_eq!((file.size, file.state, file.gaps), (745, State::Truncated, true));
        assert!(hex(&file.sha256.expect("asked for")).starts_with("e3b0c44298fc1c14"), "of nothing");
        assert!(file.head.is_empty());
    }

    #[test]
    fn truncation_gives_no_digest_and_ends_it() {
        let mut file = File::new(Vec::new(), Dir::ToServer, ALL);
        file.append(b"abc");
        file.truncate();
        file.append(b"def");
        file.close();
        assert_eq!((file.size, file.state, file.md5), (3, State::Truncated, None));
    }

    #[test]
    fn no_digest_unless_asked_for() {
        let mut file = File::new(Vec::new(), Dir::ToServer, Hashes::default());
        assert!(file.running.is_none());
        file.append(&[b'x'; 3 * HEAD]);
        file.close();
        assert_eq!((file.head.len(), file.md5, file.sha1, file.sha256), (HEAD, None, None, None));
    }

    #[test]
    fn kinds() {
        for (bytes, kind) in
            [(&b"%PDF-1.5"[..], Some("PDF document")), (b"MZ\x90", Some("PE32 executable")), (b"x", None)]
        {
            let mut file = File::new(Vec::new(), Dir::ToClient, Hashes::default());
            file.append(bytes);
            assert_eq!(file.kind(), kind);
        }
    }
}
