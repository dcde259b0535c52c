//! Lists of addresses, in files, that the kernel blocks for as long as they stand there.
//!
//! In: files, read again every so often.  Out: blocks in the kernel's maps, and how it went ([`State`]).
//! A file is compared with what was read of it before: what is new is blocked, and only then is what is gone let go, so
//! that nothing that stays is ever without its block. Blocks hold for longer than it takes to read the file again, and
//! are renewed when half of their time is over; without a sensor that does so they run out.
//! Holds: what each list has blocked. Must not know: rules, packets.

mod read;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::config::block_lists::BlockList;
use crate::kernel::clock::Monotonic;
use crate::kernel::{self, Prefix, Tables};
use crate::shield::Shield;

/// Entries that are written while others wait for the maps: a few milliseconds.
const CHUNK: usize = 1024;

/// Bad lines of a file that are named; the others are counted.
const NAMED: usize = 5;

/// How often it is looked whether a list is due, and whether this is to end.
const ROUND: Duration = Duration::from_millis(100);

/// All lists, while a sensor runs.
pub struct BlockLists {
    states: Arc<Mutex<Vec<State>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// How a list is doing.
#[derive(Clone, Debug, Default)]
pub struct State {
    file: String,
    reason: String,
    /// What it blocks, in order.
    blocked: Arc<Vec<Prefix>>,
    /// Lines that say nothing.
    bad_lines: usize,
    /// Entries that name somebody whom no block may name.
    allowed: usize,
    /// Entries for which there was no room.
    no_room: usize,
    /// How often it was read.
    read: u64,
    /// Why it could not be read or carried out the last time; empty if it could.
    error: String,
    /// How long that took.
    took: Duration,
}

/// One list, as its reader has it.
struct List {
    settings: BlockList,
    due: Instant,
    /// Until when its blocks hold.
    until: Monotonic,
}

impl BlockLists {
    /// Begins to read the lists, at once and again whenever they are due.
    ///
    /// # Errors
    /// A thread cannot be had.
    pub fn start(
        settings: &[BlockList],
        tables: Arc<Mutex<Tables>>,
        shield: Arc<Shield>,
    ) -> Result<Self, std::io::Error> {
        let state = |one: &BlockList| State {
            file: one.file.display().to_string(),
            reason: one.reason.clone(),
            ..State::default()
        };
        let states = Arc::new(Mutex::new(settings.iter().map(state).collect()));
        let stop: Arc<AtomicBool> = Arc::default();
        if settings.is_empty() {
            return Ok(Self { states, stop, thread: None });
        }
        let now = Instant::now();
        let list = |one: &BlockList| List { settings: one.clone(), due: now, until: Monotonic::default() };
        let mut reader = Reader {
            lists: settings.iter().map(list).collect(),
            states: Arc::clone(&states),
            tables,
            shield,
            stop: Arc::clone(&stop),
        };
        let thread = thread::Builder::new().name("block-lists".to_owned()).spawn(move || reader.run())?;
        Ok(Self { states, stop, thread: Some(thread) })
    }

    /// The reason of the first list that this very prefix stands on.
    pub fn reason(&self, prefix: Prefix) -> Option<String> {
        let states = lock(&self.states);
        states.iter().find(|state| state.blocked.binary_search(&prefix).is_ok()).map(|state| state.reason.clone())
    }

    /// How each list is doing.
    pub fn states(&self) -> Vec<State> {
        lock(&self.states).clone()
    }
}

impl Drop for BlockLists {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::warn!("the reader of block lists failed");
        }
    }
}

impl State {
    /// Its file.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Why it blocks.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// How many entries it blocks.
    pub fn blocked(&self) -> usize {
        self.blocked.len()
    }

    /// For `status`.
    pub fn to_json(&self) -> Value {
        json!({
            "file": self.file,
            "reason": self.reason,
            "blocked": self.blocked.len(),
            "bad_lines": self.bad_lines,
            "allowed": self.allowed,
            "no_room": self.no_room,
            "read": self.read,
            "error": self.error,
            "took_ms": u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX),
        })
    }
}

/// Reads files and writes maps, on a thread of its own.
struct Reader {
    lists: Vec<List>,
    states: Arc<Mutex<Vec<State>>>,
    tables: Arc<Mutex<Tables>>,
    shield: Arc<Shield>,
    stop: Arc<AtomicBool>,
}

impl Reader {
    fn run(&mut self) {
        while !self.stopped() {
            for at in 0..self.lists.len() {
                if Instant::now() >= self.lists[at].due {
                    self.refresh(at);
                    self.lists[at].due = Instant::now() + self.lists[at].settings.refresh;
                }
            }
            thread::sleep(ROUND);
        }
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Reads one list and carries it out. What it blocks stays blocked if it cannot be read.
    fn refresh(&mut self, at: usize) {
        let start = Instant::now();
        let settings = &self.lists[at].settings;
        let mut state = lock(&self.states)[at].clone();
        let outcome = match read::file(&settings.file) {
            Ok(found) => {
                tell_problems(&state, &found.problems);
                state.bad_lines = found.problems.len();
                let all = found.prefixes.len();
                let wanted = found.prefixes.into_iter().filter(|prefix| self.shield.cause(*prefix).is_none());
                let wanted: Vec<Prefix> = wanted.collect();
                state.allowed = all - wanted.len();
                state.read += 1;
                if self.shield.carry_out().is_ok() { self.carry_out(at, &mut state, wanted) } else { Ok(()) }
            }
            Err(error) => {
                let blocked = state.blocked.to_vec();
                // What is blocked must not run out meanwhile.
                self.carry_out(at, &mut state, blocked).and(Err(error.to_string()))
            }
        };
        let error = outcome.err().unwrap_or_default();
        if !error.is_empty() && error != state.error {
            tracing::warn!("block list {}: {error}", state.file);
        }
        state.error = error;
        state.took = start.elapsed();
        tracing::info!(file = state.file, blocked = state.blocked(), took = ?state.took, "block list");
        lock(&self.states)[at] = state;
    }

    /// Makes the blocks of a list those that are wanted.
    fn carry_out(&mut self, at: usize, state: &mut State, wanted: Vec<Prefix>) -> Result<(), String> {
        let ttl = self.lists[at].settings.ttl;
        let renew = self.lists[at].until.since(Monotonic::now()) < ttl / 2;
        if renew {
            self.lists[at].until = Monotonic::now().after(ttl);
        }
        let until = self.lists[at].until;
        let before = Arc::clone(&state.blocked);
        let to_write: Vec<Prefix> =
            wanted.iter().filter(|prefix| renew || before.binary_search(prefix).is_err()).copied().collect();
        let mut refused = Vec::new();
        self.in_chunks(&to_write, |tables, chunk| {
            refused.extend(tables.list(chunk, until)?);
            Ok(())
        })?;
        let gone: Vec<Prefix> = before.iter().filter(|prefix| wanted.binary_search(prefix).is_err()).copied().collect();
        let gone = self.only_here(at, gone);
        self.in_chunks(&gone, Tables::unlist)?;
        state.no_room = refused.len();
        if !refused.is_empty() {
            tracing::warn!("block list {}: no room for {} entries; see `ips.max-hosts`", state.file, refused.len());
        }
        refused.sort_unstable();
        state.blocked = Arc::new(wanted.into_iter().filter(|one| refused.binary_search(one).is_err()).collect());
        Ok(())
    }

    /// Of these, those that stand on no other list.
    fn only_here(&self, at: usize, mut prefixes: Vec<Prefix>) -> Vec<Prefix> {
        let states = lock(&self.states);
        let others: Vec<&State> = states.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, s)| s).collect();
        prefixes.retain(|prefix| others.iter().all(|state| state.blocked.binary_search(prefix).is_err()));
        prefixes
    }

    /// Works through many prefixes; the maps are free for others in between.
    fn in_chunks(
        &self,
        prefixes: &[Prefix],
        mut work: impl FnMut(&mut Tables, &[Prefix]) -> Result<(), kernel::Error>,
    ) -> Result<(), String> {
        for chunk in prefixes.chunks(CHUNK) {
            if self.stopped() {
                return Err("the sensor ends".to_owned());
            }
            work(&mut lock(&self.tables), chunk).map_err(|error| error.to_string())?;
        }
        Ok(())
    }
}

fn tell_problems(state: &State, problems: &[(usize, String)]) {
    if problems.len() == state.bad_lines {
        // As the last time.
        return;
    }
    for (line, problem) in problems.iter().take(NAMED) {
        tracing::warn!("{}:{line}: {problem}", state.file);
    }
    if problems.len() > NAMED {
        tracing::warn!("{}: {} more lines say nothing that can be blocked", state.file, problems.len() - NAMED);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
