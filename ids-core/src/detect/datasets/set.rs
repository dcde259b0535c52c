//! The table behind a set.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ahash::RandomState;
use hashbrown::HashMap;

use super::Kind;

/// Parts with a lock of their own.
const PARTS: usize = 64;

/// What an entry takes beside its bytes: its place in the table, and what memory is given out with.
const ENTRY: u64 = 64;

/// What stands in a set with a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Nothing.
    Plain,
    /// A number (`datarep`).
    Score(u16),
    /// A JSON object that alerts show.
    Context(Arc<str>),
}

/// The file that a set is written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaveTo {
    /// As it was named.
    pub name: String,
    /// The configuration names it, not a rule.
    pub configured: bool,
}

/// A set. Workers share it.
pub struct Dataset {
    name: Box<str>,
    kind: Kind,
    save: Option<SaveTo>,
    memcap: u64,
    memuse: AtomicU64,
    changes: AtomicBool,
    hasher: RandomState,
    parts: Box<[Mutex<Part>]>,
}

type Part = HashMap<Box<[u8]>, Value, RandomState>;

/// What became of a value that was to be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// It is in the set now.
    New,
    /// It was there before.
    There,
    /// There is no room for it.
    Full,
}

impl std::fmt::Debug for Dataset {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Dataset").field("name", &self.name).field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl Dataset {
    /// An empty set. `memcap`: bytes it may take.
    pub fn new(name: &str, kind: Kind, memcap: u64, save: Option<SaveTo>) -> Self {
        let hasher = RandomState::new();
        let parts = (0..PARTS).map(|_| Mutex::new(HashMap::with_hasher(hasher.clone()))).collect();
        let (memuse, changes) = (AtomicU64::new(0), AtomicBool::new(false));
        Self { name: name.into(), kind, save, memcap, memuse, changes, hasher, parts }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What its values are.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Where it is written to at the end.
    pub fn save(&self) -> Option<&SaveTo> {
        self.save.as_ref()
    }

    /// Whether rules change it: then it matters who asks when.
    pub(in crate::detect) fn changes(&self) -> bool {
        self.changes.load(Ordering::Relaxed)
    }

    /// A rule changes it.
    pub(in crate::detect) fn set_changes(&self) {
        self.changes.store(true, Ordering::Relaxed);
    }

    /// What stands with a value; `None` if it is not in the set.
    pub fn get(&self, key: &[u8]) -> Option<Value> {
        self.part(key).get(key).cloned()
    }

    /// Adds a value.
    pub fn add(&self, key: &[u8], value: Value) -> Added {
        let mut part = self.part(key);
        if part.contains_key(key) {
            return Added::There;
        }
        let size = size(key, &value);
        let before = self.memuse.fetch_add(size, Ordering::Relaxed);
        if before.saturating_add(size) > self.memcap {
            self.memuse.fetch_sub(size, Ordering::Relaxed);
            return Added::Full;
        }
        part.insert(key.into(), value);
        Added::New
    }

    /// Takes a value out. Out: whether it was there.
    pub fn remove(&self, key: &[u8]) -> bool {
        let removed = self.part(key).remove(key);
        if let Some(value) = &removed {
            self.memuse.fetch_sub(size(key, value), Ordering::Relaxed);
        }
        removed.is_some()
    }

    /// Takes everything out.
    pub fn clear(&self) {
        for part in &self.parts {
            let mut part = lock(part);
            let freed = part.iter().map(|(key, value)| size(key, value)).sum();
            part.clear();
            self.memuse.fetch_sub(freed, Ordering::Relaxed);
        }
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.parts.iter().map(|part| lock(part).len()).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes it takes, as the cap counts them.
    pub fn memuse(&self) -> u64 {
        self.memuse.load(Ordering::Relaxed)
    }

    /// The content as its file has it: a line for each value, sorted by value; a number behind it where there is one.
    pub fn dump(&self) -> String {
        let mut rows: Vec<(Box<[u8]>, Value)> = Vec::new();
        for part in &self.parts {
            rows.extend(lock(part).iter().map(|(key, value)| (key.clone(), value.clone())));
        }
        rows.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        let mut out = String::new();
        for (key, value) in rows {
            let written = self.kind.write(&key, &mut out).and_then(|()| match value {
                Value::Score(score) => writeln!(out, ",{score}"),
                Value::Plain | Value::Context(_) => writeln!(out),
            });
            written.expect("a string can be written to");
        }
        out
    }

    fn part(&self, key: &[u8]) -> MutexGuard<'_, Part> {
        let at = usize::try_from(self.hasher.hash_one(key) % PARTS as u64).unwrap_or(0);
        lock(self.parts.get(at).expect("a remainder of the number of parts"))
    }
}

/// A worker that panicked leaves a whole map behind; the others go on.
fn lock(part: &Mutex<Part>) -> MutexGuard<'_, Part> {
    part.lock().unwrap_or_else(PoisonError::into_inner)
}

fn size(key: &[u8], value: &Value) -> u64 {
    let context = match value {
        Value::Plain | Value::Score(_) => 0,
        Value::Context(text) => text.len(),
    };
    ENTRY + (key.len() + context) as u64
}
