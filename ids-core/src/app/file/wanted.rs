//! What is wanted of files, and the means to give it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::app::config::Hashes;

/// What is wanted of files: by the configuration of every one, by rules of those they may look at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Digests.
    pub hashes: Hashes,
    /// What kind of file it is.
    pub kind: bool,
    /// Its content, if a rule comes to want it stored.
    pub content: bool,
    /// All files are stored, whatever rules say.
    pub all: bool,
}

impl Wanted {
    /// What either wants.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let (a, b) = (self.hashes, other.hashes);
        Self {
            hashes: Hashes { md5: a.md5 || b.md5, sha1: a.sha1 || b.sha1, sha256: a.sha256 || b.sha256 },
            kind: self.kind || other.kind,
            content: self.content || other.content,
            all: self.all || other.all,
        }
    }
}

/// What is wanted of the files of a connection, and the means to give it.
#[derive(Clone, Debug, Default)]
pub struct Care {
    /// What is wanted.
    pub wanted: Wanted,
    /// Says what kind of file something is.
    pub kinds: Kinds,
    /// Memory for content.
    pub room: Room,
}

/// Says by its first bytes what kind of file something is, in the words of libmagic. The knowledge comes from outside.
#[derive(Clone)]
pub struct Kinds(Arc<Name>);

type Name = dyn Fn(&[u8]) -> Box<str> + Send + Sync;

impl Kinds {
    /// In: what names a file by its first bytes, at least one. It must be quick, and the same for the same bytes.
    pub fn new(name: impl Fn(&[u8]) -> Box<str> + Send + Sync + 'static) -> Self {
        Self(Arc::new(name))
    }

    pub(super) fn name(&self, head: &[u8]) -> Box<str> {
        (self.0)(head)
    }
}

impl Default for Kinds {
    /// Without knowledge everything is `data`, as libmagic says of what it does not know.
    fn default() -> Self {
        Self::new(|_| "data".into())
    }
}

impl std::fmt::Debug for Kinds {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Kinds")
    }
}

/// Memory for the content of files that may be stored; clones are the same one.
#[derive(Clone, Debug)]
pub struct Room(Arc<Budget>);

#[derive(Debug)]
struct Budget {
    size: usize,
    used: AtomicUsize,
    refused: AtomicU64,
}

impl Room {
    /// In: bytes that all files together may hold.
    pub fn new(size: usize) -> Self {
        Self(Arc::new(Budget { size, used: AtomicUsize::new(0), refused: AtomicU64::new(0) }))
    }

    /// How many files could not be stored because there was no room.
    pub fn refused(&self) -> u64 {
        self.0.refused.load(Ordering::Relaxed)
    }

    fn take(&self, bytes: usize) -> bool {
        let Budget { size, used, refused } = &*self.0;
        let fits = used.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes) <= *size;
        if !fits {
            used.fetch_sub(bytes, Ordering::Relaxed);
            refused.fetch_add(1, Ordering::Relaxed);
        }
        fits
    }

    fn give(&self, bytes: usize) {
        self.0.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Default for Room {
    fn default() -> Self {
        Self::new(64 << 20)
    }
}

/// Content that waits to be taken. What it held is given back when it goes.
#[derive(Debug)]
pub struct Held {
    bytes: Vec<u8>,
    room: Room,
}

impl Held {
    pub(super) fn new(room: &Room) -> Self {
        Self { bytes: Vec::new(), room: room.clone() }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Out: whether there was room for it.
    pub(super) fn push(&mut self, bytes: &[u8]) -> bool {
        let fits = self.room.take(bytes.len());
        if fits {
            self.bytes.extend_from_slice(bytes);
        }
        fits
    }

    pub(super) fn clear(&mut self) {
        self.room.give(self.bytes.len());
        self.bytes = Vec::new();
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.clear();
    }
}
