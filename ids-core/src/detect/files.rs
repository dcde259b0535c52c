//! Files in rules: what is asked of one, what rules want of all of them, and which they want stored.
//!
//! In: the files of a transaction.  Out: whether one passes, and which.
//! Must not know where files are stored, nor when.

use smallvec::SmallVec;

use super::integer;
use super::rule_set::{Check, Compiled, Effect};
use crate::app::config::Hashes;
use crate::app::file::{File, State, Wanted};
use crate::field::{Dir, Dirs};

/// Rules that are remembered to have stored files of one direction; more are only not shown.
const MAX_STORES: usize = 16;

/// All files, those to come included.
pub(super) const ALL: u64 = u64::MAX;

/// What is asked of a file.
#[derive(Debug)]
pub(super) enum FileTest {
    /// The name contains this, without regard to case.
    Name { text: Vec<u8>, negated: bool },
    /// The name ends in a dot and this.
    Extension { text: Vec<u8>, negated: bool },
    /// What libmagic calls it contains this, without regard to case.
    Kind { text: Vec<u8>, negated: bool },
    /// Its size.
    Size(integer::Test),
    /// Its digest is in a list, sorted.
    Digest { which: Digest, list: Box<[Box<[u8]>]>, negated: bool },
}

/// A digest of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Digest {
    Md5,
    Sha1,
    Sha256,
}

/// Which files are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    /// Those that the rule matched on.
    Matched,
    /// All of the transaction.
    Transaction,
    /// All that the flow has from now on.
    Flow,
}

/// What a rule stores: of these directions, else of that of the match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Store {
    pub(super) dirs: Option<Dirs>,
    pub(super) which: Which,
}

impl Store {
    /// Whether files of `dir` are meant by a match in direction `matched`.
    pub(super) fn covers(&self, dir: Dir, matched: Dir) -> bool {
        self.dirs.map_or(dir == matched, |dirs| dirs.contains(dir))
    }
}

/// Which files of a direction rules want stored: bits by the file's place in the transaction, and rules by number.
#[derive(Clone, Debug, Default)]
pub(super) struct Stores(SmallVec<[(u64, u32); 1]>);

impl Stores {
    pub(super) fn add(&mut self, files: u64, sid: u32) {
        // Of many rules the last are not shown, but what they want is done.
        let place = self.0.iter().position(|row| row.1 == sid).unwrap_or(self.0.len().min(MAX_STORES - 1));
        match self.0.get_mut(place) {
            Some(row) => row.0 |= files,
            None => self.0.push((files, sid)),
        }
    }

    /// The rules that want the file at this place stored.
    pub(super) fn of(&self, place: usize) -> impl Iterator<Item = u32> {
        let bit = bit(place);
        self.0.iter().filter(move |row| row.0 & bit != 0).map(|row| row.1)
    }
}

/// The bit of a file; those beyond the last have that one together.
fn bit(place: usize) -> u64 {
    1 << place.min(63)
}

/// The bit of a file that a rule matched on.
pub(super) fn one(place: usize) -> u64 {
    bit(place)
}

/// Which of the files pass all tests, as bits; without a test it is all, if there is one. `ended`: nothing more comes.
pub(super) fn passing(tests: &[FileTest], files: &[File], ended: bool) -> u64 {
    if tests.is_empty() {
        return if files.is_empty() { 0 } else { ALL };
    }
    let passes = |file: &File| tests.iter().all(|test| test.passes(file, ended));
    let places = files.iter().enumerate().filter(|(_, file)| passes(file));
    places.fold(0, |bits, (place, _)| bits | bit(place))
}

/// What a rule wants of files. `buffer` names the field behind a buffer.
pub(super) fn wanted(rule: &Compiled, buffer: impl Fn(u16) -> &'static str) -> Wanted {
    let content = rule.effects.iter().any(|effect| matches!(effect, Effect::Store(_)));
    let mut wanted = Wanted { content, ..Wanted::default() };
    for inspection in &rule.inspections {
        match &inspection.check {
            Check::File(tests) => tests.iter().for_each(|test| wanted = wanted.or(test.wanted())),
            Check::Bytes { buffer: number, .. } | Check::Number { buffer: number, .. } => {
                wanted.kind |= buffer(*number) == "file.magic";
            }
            Check::Event(_) | Check::Payload(_) | Check::State(..) => {}
        }
    }
    wanted
}

impl FileTest {
    fn wanted(&self) -> Wanted {
        let hashes = match self {
            Self::Digest { which, .. } => {
                Hashes { md5: *which == Digest::Md5, sha1: *which == Digest::Sha1, sha256: *which == Digest::Sha256 }
            }
            _ => Hashes::default(),
        };
        Wanted { hashes, kind: matches!(self, Self::Kind { .. }), ..Wanted::default() }
    }

    /// Whether a file passes; `ended`: nothing more comes of it.
    fn passes(&self, file: &File, ended: bool) -> bool {
        match self {
            Self::Name { text, negated } => {
                !file.name.is_empty() && contains(&file.name.to_ascii_lowercase(), text) != *negated
            }
            Self::Extension { text, negated } => {
                let name = file.name.to_ascii_lowercase();
                let ends = name.strip_suffix(text.as_slice()).is_some_and(|rest| rest.ends_with(b"."));
                !name.is_empty() && ends != *negated
            }
            Self::Kind { text, negated } => {
                let kind = file.kind.as_deref().map(str::to_ascii_lowercase);
                kind.is_some_and(|kind| contains(kind.as_bytes(), text) != *negated)
            }
            Self::Size(test) => {
                let (low, high) = test.bounds();
                let growing = file.state == State::Open && !ended || file.state == State::Truncated;
                // What is still growing passes only tests that growth cannot undo.
                if growing {
                    low <= file.size && high == u64::MAX && test.matches(u64::MAX)
                } else {
                    test.matches(file.size)
                }
            }
            Self::Digest { which, list, negated } => {
                let digest: Option<&[u8]> = match which {
                    Digest::Md5 => file.md5.as_ref().map(<[u8; 16]>::as_slice),
                    Digest::Sha1 => file.sha1.as_ref().map(<[u8; 20]>::as_slice),
                    Digest::Sha256 => file.sha256.as_ref().map(<[u8; 32]>::as_slice),
                };
                digest.is_some_and(|digest| list.binary_search_by(|known| (**known).cmp(digest)).is_ok() != *negated)
            }
        }
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(text, part).is_some()
}
