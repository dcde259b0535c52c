//! A file on its way through a protocol: HTTP bodies, what is attached to mail, what FTP transfers.
//!
//! In: the file's bytes in order, gaps, its end.  Out: what `fileinfo` records and `file.*` rules need: name,
//! size, state, what kind of file it is, digests; and its content, as far as each was asked for.
//! Holds the first [`HEAD`] bytes, the state of the digests, and content until the engine takes it or says that
//! nobody wants it; all files together as much as [`Room`] allows.
//! Must not know which protocol carried it, nor where content goes.

mod wanted;

use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256};

pub use wanted::{Care, Held, Kinds, Room, Wanted};

use super::config::Hashes;
use crate::field::Dir;

/// How many of the first bytes say what kind of file it is.
pub const HEAD: usize = 4096;

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

/// What becomes of a file's content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fate {
    /// A rule may still want it stored.
    #[default]
    Undecided,
    /// It is stored, under this number.
    Store(u64),
    /// Nobody wants it, or there was no room to hold it.
    Skip,
}

/// One file.
#[derive(Debug, Default)]
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
    /// What libmagic would call it; set once [`HEAD`] bytes have come, or it ended, if that was asked for.
    pub kind: Option<Box<str>>,
    /// MD5 of all bytes up to the end or the first gap, if asked for; set once that is reached.
    pub md5: Option<[u8; 16]>,
    /// SHA-1 of the same.
    pub sha1: Option<[u8; 20]>,
    /// SHA-256 of the same.
    pub sha256: Option<[u8; 32]>,
    /// SHA-256 of what is stored, where it is: of all bytes up to the end, early or not, or to the first gap.
    pub stored_sha256: Option<[u8; 32]>,
    /// What becomes of its content.
    fate: Fate,
    /// The first bytes, until they have said what it is.
    head: Vec<u8>,
    kinds: Option<Kinds>,
    /// Content that was not taken yet.
    held: Option<Held>,
    /// Digests under way; `None` where none was asked for.
    running: Option<Box<Running>>,
}

impl File {
    /// A file that begins. In: its name, who sends it, and what is wanted of it.
    pub fn new(name: Vec<u8>, dir: Dir, care: &Care) -> Self {
        let Care { wanted, kinds, room } = care;
        Self {
            name,
            dir: Some(dir),
            running: Running::new(wanted.hashes),
            kinds: wanted.kind.then(|| kinds.clone()),
            held: wanted.content.then(|| Held::new(room)),
            ..Self::default()
        }
    }

    /// Takes the next bytes. After the end they are ignored.
    pub fn append(&mut self, bytes: &[u8]) {
        if self.state != State::Open {
            return;
        }
        self.size = self.size.saturating_add(bytes.len() as u64);
        // What comes behind a hole says nothing of what the file is, and belongs to no digest.
        if !self.gaps {
            self.look(bytes);
            self.hold(bytes);
        }
        if let Some(running) = &mut self.running {
            running.update(bytes);
        }
    }

    /// So many of the next bytes were lost. Digests end here: those of what came before are set; so does what is stored.
    pub fn gap(&mut self, bytes: u64) {
        if self.state == State::Open {
            self.size = self.size.saturating_add(bytes);
            self.gaps = true;
            self.recognise();
            self.digest(true);
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

    /// What becomes of its content.
    pub fn fate(&self) -> Fate {
        self.fate
    }

    /// Whether its content is or may be wanted.
    pub fn is_held(&self) -> bool {
        self.held.is_some() && self.fate != Fate::Skip
    }

    /// Whether all of it is wanted, beyond what rules look at.
    pub fn is_stored(&self) -> bool {
        matches!(self.fate, Fate::Store(_))
    }

    /// Whether content waits to be taken.
    pub fn has_content(&self) -> bool {
        self.held.as_ref().is_some_and(|held| !held.bytes().is_empty())
    }

    /// Decides what becomes of its content, once.
    pub fn decide(&mut self, fate: Fate) {
        if self.fate == Fate::Undecided {
            self.fate = fate;
            if fate == Fate::Skip {
                self.held = None;
            }
        }
    }

    /// Hands the content over that was not handed over yet, and forgets it.
    pub fn take(&mut self, mut each: impl FnMut(&[u8])) {
        if let Some(held) = &mut self.held
            && !held.bytes().is_empty()
        {
            each(held.bytes());
            held.clear();
        }
    }

    /// Keeps first bytes until there are enough.
    fn look(&mut self, bytes: &[u8]) {
        if self.kinds.is_none() {
            return;
        }
        let room = HEAD.saturating_sub(self.head.len()).min(bytes.len());
        self.head.extend_from_slice(bytes.get(..room).unwrap_or_default());
        if self.head.len() >= HEAD {
            self.recognise();
        }
    }

    /// Says what it is, once; nothing of a file of which nothing came.
    fn recognise(&mut self) {
        if let Some(kinds) = self.kinds.take()
            && !self.head.is_empty()
        {
            self.kind = Some(kinds.name(&self.head));
        }
        self.head = Vec::new();
    }

    /// Keeps content until it is taken. Without room for all of it there is none.
    fn hold(&mut self, bytes: &[u8]) {
        if let Some(held) = &mut self.held
            && !held.push(bytes)
        {
            self.decide(Fate::Skip);
        }
    }

    fn end(&mut self, state: State) {
        if self.state == State::Open {
            self.state = state;
            self.recognise();
            self.digest(state == State::Closed);
        }
    }

    /// Ends the digests. `tell`: they are those of the file, not only of what is stored of it.
    fn digest(&mut self, tell: bool) {
        let Some(running) = self.running.take() else { return };
        let sha256 = running.sha256.map(|digest| digest.finalize().into());
        self.stored_sha256 = sha256;
        if tell {
            self.md5 = running.md5.map(|digest| digest.finalize().into());
            self.sha1 = running.sha1.map(|digest| digest.finalize().into());
            self.sha256 = sha256;
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

#[cfg(test)]
mod tests;
