//! The alert store: alerts that can be asked for by time, rule and address.
//!
//! In: alerts as JSON with what they are found by.  Out: alerts, newest or oldest first.
//! The EVE file is the record of truth; the store is an index that can be made anew from it. What was flushed
//! survives a crash of the process. [`AlertStore`] is the boundary: no type of the database crosses it.

pub mod feeder;
pub mod period;
pub mod record;
pub mod sled;
pub mod value;

use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use ids_core::time::Time;

pub use self::sled::SledStore;
pub use feeder::{Feeder, Reader};

use super::lines::AlertKey;

/// Where alerts are kept.
pub trait AlertStore: Send {
    /// Adds alerts. They survive a crash once [`flush`](Self::flush) was called.
    ///
    /// # Errors
    /// They cannot be written; none or some of them may be there.
    fn append(&mut self, alerts: &[Entry]) -> Result<(), StoreError>;

    /// Makes everything appended so far survive a crash.
    ///
    /// # Errors
    /// It cannot be written.
    fn flush(&mut self) -> Result<(), StoreError>;

    /// Looks alerts up.
    ///
    /// # Errors
    /// The store cannot be read at all; damaged alerts are counted in the page instead.
    fn scan(&self, query: &Query) -> Result<Page, StoreError>;

    /// One alert.
    ///
    /// # Errors
    /// The store cannot be read.
    fn get(&self, id: AlertId) -> Result<Option<Stored>, StoreError>;

    /// What is there.
    ///
    /// # Errors
    /// The store cannot be read.
    fn stats(&self) -> Result<StoreStats, StoreError>;

    /// Removes what is older or more than the policy allows. Out: how many periods went.
    ///
    /// # Errors
    /// Something cannot be removed.
    fn retain(&mut self, policy: Retention) -> Result<usize, StoreError>;

    /// Flushes and closes.
    ///
    /// # Errors
    /// The last alerts cannot be written.
    fn close(self: Box<Self>) -> Result<(), StoreError>;
}

/// Why the store does not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has it open.
    #[error("the alert store {} is in use by another process; stop it or give another folder", .0.display())]
    InUse(PathBuf),
    /// There is none.
    #[error("there is no alert store in {}", .0.display())]
    Missing(PathBuf),
    /// The file system does not let us.
    #[error("alert store {}: {}{}", path.display(), words(source), next_step(source))]
    Io {
        /// Where.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Its files are not what was written.
    #[error("alert store {} is damaged; eve.json has all alerts", .0.display())]
    Damaged(PathBuf),
}

/// What the system says. Of an error that it met before, the database gives the kind and a dump: the dump is left out.
fn words(error: &io::Error) -> String {
    match (error.raw_os_error(), error.kind()) {
        (Some(_), _) | (None, io::ErrorKind::Other) => error.to_string(),
        (None, kind) => kind.to_string(),
    }
}

fn next_step(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull => "; make room there, or let the store have less (`max-size` of `store`)",
        io::ErrorKind::PermissionDenied => {
            "; ask as the user that the sensor runs as, or give another folder with `-l`"
        }
        _ => "",
    }
}

/// An alert on its way into the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it is found by.
    pub key: AlertKey,
    /// The EVE record.
    pub json: Vec<u8>,
}

/// The number of an alert: time, run and position, so that larger is later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AlertId(pub [u8; 16]);

impl AlertId {
    /// From the time of the alert, the number of the run that wrote it and its position in the run.
    pub fn new(time: Time, run: u16, position: u64) -> Self {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&time.nanos().to_be_bytes());
        bytes[8..10].copy_from_slice(&run.to_be_bytes());
        bytes[10..].copy_from_slice(&position.to_be_bytes()[2..]);
        Self(bytes)
    }

    /// The time of the alert.
    pub fn time(self) -> Time {
        let (nanos, _) = self.0.split_first_chunk().expect("sixteen bytes hold eight");
        Time::from_nanos(u64::from_be_bytes(*nanos))
    }
}

impl std::fmt::Display for AlertId {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

impl std::str::FromStr for AlertId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no alert id: 32 hex digits, as `alerts list` shows them");
        if text.len() != 32 || !text.is_ascii() {
            return Err(wrong());
        }
        let mut bytes = [0; 16];
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).map_err(|_| wrong())?;
        }
        Ok(Self(bytes))
    }
}

/// An alert out of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its number.
    pub id: AlertId,
    /// The EVE record.
    pub json: Vec<u8>,
}

/// Which alerts are wanted.
#[derive(Clone, Debug)]
pub struct Query {
    /// Not before.
    pub from: Time,
    /// Before.
    pub to: Time,
    /// Of this rule.
    pub sid: Option<u32>,
    /// From or to this address.
    pub addr: Option<IpAddr>,
    /// At most so many.
    pub limit: usize,
    /// Begin behind this one, where an earlier page ended.
    pub cursor: Option<AlertId>,
    /// Begin with the newest.
    pub newest_first: bool,
}

impl Default for Query {
    fn default() -> Self {
        let (from, to) = (Time::ZERO, Time::from_nanos(u64::MAX));
        Self { from, to, sid: None, addr: None, limit: 100, cursor: None, newest_first: true }
    }
}

/// Alerts, in the order asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The alerts.
    pub alerts: Vec<Stored>,
    /// Where to go on; `None` at the end.
    pub next: Option<AlertId>,
    /// Alerts that could not be read because their bytes are damaged.
    pub damaged: u64,
}

/// What is in the store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreStats {
    /// Alerts.
    pub alerts: u64,
    /// Bytes on disk.
    pub bytes: u64,
    /// Periods.
    pub periods: usize,
    /// Periods that cannot be opened: set aside by the one who writes.
    pub damaged: usize,
}

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// How long after they were written; zero: for good.
    pub max_age: Duration,
    /// Bytes on disk; zero: no limit. The newest period stays in any case.
    pub max_size: u64,
}

/// How a store is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Memory of the database, in bytes.
    pub cache: u64,
    /// Bytes kept back to be able to act when the disk is full; 0: none.
    pub reserve: u64,
    /// Alerts after which a new period begins.
    pub period_alerts: u64,
    /// Bytes after which a new period begins; 0: no limit.
    pub period_bytes: u64,
    /// Whether alerts will be written: then the folder is made if it is not there, and what is damaged is set aside.
    /// A reader leaves everything as it is.
    pub writes: bool,
}

impl Settings {
    /// For looking at a store that someone else wrote.
    pub const fn reading() -> Self {
        Self { cache: 32 << 20, reserve: 0, period_alerts: 1_000_000, period_bytes: 0, writes: false }
    }
}

impl From<&crate::config::outputs::Store> for Settings {
    /// Periods are at most a quarter of what may be kept, so that removing one leaves something.
    fn from(store: &crate::config::outputs::Store) -> Self {
        let (cache, reserve, period_bytes) = (store.cache, store.reserve, store.max_size / 4);
        Self { cache, reserve, period_bytes, writes: true, ..Self::reading() }
    }
}

#[cfg(test)]
mod tests;
