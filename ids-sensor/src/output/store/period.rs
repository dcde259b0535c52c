//! One period of the store: a database of its own, so that old alerts go by removing a folder.
//!
//! Trees: alerts by id; ids by rule; ids by address; facts about the period. The last three are written after
//! the alerts and not in one piece with them: a period that was not closed is searched alert by alert.

use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ids_core::time::Time;
use serde::Deserialize;

use super::{AlertId, Entry, Query, StoreError, Stored, value};

/// An open period.
#[derive(Debug)]
pub struct Period {
    path: PathBuf,
    db: sled::Db,
    alerts: sled::Tree,
    by_sid: sled::Tree,
    by_addr: sled::Tree,
    facts: sled::Tree,
    /// Whether the indexes are known to be whole.
    indexed: bool,
    count: u64,
    times: (Time, Time),
}

/// Alerts of one period that fit a query.
#[derive(Debug, Default)]
pub struct Found {
    /// In the order of the query.
    pub alerts: Vec<Stored>,
    /// Could not be read.
    pub damaged: u64,
}

impl Period {
    /// Opens or makes the database in `path`.
    ///
    /// # Errors
    /// It is damaged (also where the database would panic), or cannot be read.
    pub fn open(path: &Path, cache: u64) -> Result<Self, StoreError> {
        let mut result = Self::open_once(path, cache);
        for _ in 0..LOCK_TRIES {
            match &result {
                Err(StoreError::Io { source, .. }) if is_locked(source) => std::thread::sleep(LOCK_WAIT),
                _ => break,
            }
            result = Self::open_once(path, cache);
        }
        result
    }

    fn open_once(path: &Path, cache: u64) -> Result<Self, StoreError> {
        let folder = path.to_owned();
        // A damaged file makes the database panic; in a thread of its own so that nothing of it stays behind.
        let opened =
            std::thread::spawn(move || catch_unwind(AssertUnwindSafe(|| Self::open_here(&folder, cache)))).join();
        match opened {
            Ok(Ok(result)) => result,
            Ok(Err(_)) | Err(_) => Err(StoreError::Damaged(path.to_owned())),
        }
    }

    fn open_here(path: &Path, cache: u64) -> Result<Self, StoreError> {
        let open = || -> sled::Result<Self> {
            let config = sled::Config::new().path(path).cache_capacity(cache).flush_every_ms(Some(500));
            let db = config.open()?;
            let tree = |name: &str| db.open_tree(name);
            let (alerts, by_sid, by_addr, facts) = (tree("alerts")?, tree("sid")?, tree("addr")?, tree("facts")?);
            let fact = |name: &str| {
                facts
                    .get(name)
                    .map(|value| value.and_then(|bytes| Some(u64::from_be_bytes(bytes.as_ref().try_into().ok()?))))
            };
            let closed = fact("closed")?.is_some();
            let times = |from: Option<(sled::IVec, sled::IVec)>| from.and_then(|(key, _)| Some(id(&key)?.time()));
            let times = (times(alerts.first()?), times(alerts.last()?));
            Ok(Self {
                path: path.to_owned(),
                indexed: closed || alerts.is_empty(),
                count: if closed { fact("count")?.unwrap_or_default() } else { alerts.len() as u64 },
                times: (times.0.unwrap_or(Time::from_nanos(u64::MAX)), times.1.unwrap_or(Time::ZERO)),
                db,
                alerts,
                by_sid,
                by_addr,
                facts,
            })
        };
        open().map_err(|error| failed(path, error))
    }

    /// How many alerts there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Whether it may be written on: only what was closed in order, so that its indexes are whole.
    pub fn may_continue(&self) -> bool {
        self.indexed
    }

    /// The number of a new run, different from that of every earlier run of this period.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn new_run(&mut self) -> Result<u16, StoreError> {
        let add = || -> sled::Result<u16> {
            let before = self
                .facts
                .get("runs")?
                .map_or(0, |bytes| bytes.first_chunk().map_or(0, |bytes| u16::from_be_bytes(*bytes)));
            let run = before.wrapping_add(1);
            self.facts.insert("runs", &run.to_be_bytes())?;
            self.facts.remove("closed")?;
            self.db.flush()?;
            Ok(run)
        };
        add().map_err(|error| failed(&self.path, error))
    }

    /// Adds alerts under these ids.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn append<'e>(&mut self, alerts: impl Iterator<Item = (AlertId, &'e Entry)>) -> Result<(), StoreError> {
        let (mut rows, mut sids, mut addrs) = (sled::Batch::default(), sled::Batch::default(), sled::Batch::default());
        let mut count = 0;
        for (id, entry) in alerts {
            rows.insert(&id.0, value::pack(&entry.json));
            sids.insert(index(&entry.key.sid.to_be_bytes(), id), &[]);
            for addr in entry.key.addrs.into_iter().flatten() {
                addrs.insert(index(&octets(addr), id), &[]);
            }
            self.times = (self.times.0.min(entry.key.time), self.times.1.max(entry.key.time));
            count += 1;
        }
        let write = || {
            self.alerts.apply_batch(rows)?;
            self.by_sid.apply_batch(sids)?;
            self.by_addr.apply_batch(addrs)
        };
        self.guard(write)?;
        self.count += count;
        Ok(())
    }

    /// Makes everything survive a crash.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn flush(&self) -> Result<(), StoreError> {
        self.guard(|| self.db.flush().map(drop))
    }

    /// Flushes, and notes that the indexes are whole.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn close(self) -> Result<(), StoreError> {
        if self.indexed {
            self.guard(|| {
                self.facts.insert("count", &self.count.to_be_bytes())?;
                self.db.flush()?;
                self.facts.insert("closed", &1_u64.to_be_bytes())?;
                self.db.flush().map(drop)
            })?;
        }
        Ok(())
    }

    /// One alert; `Some(None)` if it is there but damaged.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn get(&self, id: AlertId) -> Result<Option<Option<Stored>>, StoreError> {
        let value = self.guard(|| self.alerts.get(id.0))?;
        Ok(value.map(|value| value::unpack(&value).map(|json| Stored { id, json })))
    }

    /// The first `limit` alerts that fit, in the order of the query. The database panics where it meets
    /// damage; what was found before stays.
    pub fn scan(&self, query: &Query) -> Found {
        let mut found = Found::default();
        if self.times.1 < query.from || self.times.0 >= query.to {
            return found;
        }
        let whole = catch_unwind(AssertUnwindSafe(|| self.scan_into(query, &mut found)));
        if !matches!(whole, Ok(Ok(()))) {
            found.damaged += 1;
        }
        found
    }

    fn scan_into(&self, query: &Query, found: &mut Found) -> sled::Result<()> {
        let (tree, prefix) = match (self.indexed, query.sid, query.addr) {
            (true, Some(sid), _) => (&self.by_sid, sid.to_be_bytes().to_vec()),
            (true, None, Some(addr)) => (&self.by_addr, octets(addr).to_vec()),
            _ => (&self.alerts, Vec::new()),
        };
        let bounds = bounds(query);
        let key = |id: AlertId| index(&prefix, id);
        let mut rows = tree.range(key(bounds.0)..=key(bounds.1));
        loop {
            let next = if query.newest_first { rows.next_back() } else { rows.next() };
            let Some(row) = next else { return Ok(()) };
            let Some(id) = id(&row?.0[prefix.len()..]) else { continue };
            if query.cursor == Some(id) {
                continue;
            }
            match self.alerts.get(id.0)?.map(|value| value::unpack(&value)) {
                Some(Some(json)) if fits(&json, query) => found.alerts.push(Stored { id, json }),
                Some(None) => found.damaged += 1,
                // Not what is asked for, or an index entry of an alert that was never written.
                Some(Some(_)) | None => {}
            }
            if found.alerts.len() >= query.limit {
                return Ok(());
            }
        }
    }

    /// Calls into the database, which may panic where its files are damaged.
    fn guard<T>(&self, call: impl FnOnce() -> sled::Result<T>) -> Result<T, StoreError> {
        match catch_unwind(AssertUnwindSafe(call)) {
            Ok(result) => result.map_err(|error| failed(&self.path, error)),
            Err(_) => Err(StoreError::Damaged(self.path.clone())),
        }
    }
}

/// A database that was just closed in this process is given up by its own threads a little later; the store's
/// folder is ours alone, so nobody else can hold it.
const LOCK_TRIES: u32 = 500;
const LOCK_WAIT: Duration = Duration::from_millis(10);

/// Whether the file is still locked: the database has only words for it.
fn is_locked(error: &std::io::Error) -> bool {
    error.to_string().contains("could not acquire lock")
}

/// What the system says is passed on as such, so that a full disk can be recognised; in everything else the database
/// speaks of files that are not as it left them, in words that help nobody but its authors.
fn failed(path: &Path, error: sled::Error) -> StoreError {
    match error {
        sled::Error::Io(source) => StoreError::Io { path: path.to_owned(), source },
        error => {
            tracing::debug!(path = %path.display(), %error, "the database");
            StoreError::Damaged(path.to_owned())
        }
    }
}

/// First and last id that may fit.
fn bounds(query: &Query) -> (AlertId, AlertId) {
    let last = query.to.nanos().checked_sub(1).map_or(AlertId([0; 16]), |nanos| {
        let mut bytes = [0xff; 16];
        bytes[..8].copy_from_slice(&nanos.to_be_bytes());
        AlertId(bytes)
    });
    let first = AlertId::new(query.from, 0, 0);
    match query.cursor {
        Some(cursor) if query.newest_first => (first, last.min(cursor)),
        Some(cursor) => (first.max(cursor), last),
        None => (first, last),
    }
}

fn index(prefix: &[u8], id: AlertId) -> Vec<u8> {
    [prefix, &id.0].concat()
}

fn id(key: &[u8]) -> Option<AlertId> {
    key.try_into().ok().map(AlertId)
}

/// IPv4 as mapped IPv6 (RFC 4291 §2.5.5.2), so that all keys are of one length.
fn octets(addr: IpAddr) -> [u8; 16] {
    match addr {
        IpAddr::V4(addr) => addr.to_ipv6_mapped().octets(),
        IpAddr::V6(addr) => addr.octets(),
    }
}

/// Whether a record is what a query asks for, apart from its time.
fn fits(json: &[u8], query: &Query) -> bool {
    #[derive(Deserialize)]
    struct Record {
        src_ip: Option<IpAddr>,
        dest_ip: Option<IpAddr>,
        alert: Option<Signature>,
    }
    #[derive(Deserialize)]
    struct Signature {
        signature_id: Option<u32>,
    }
    if query.sid.is_none() && query.addr.is_none() {
        return true;
    }
    let Ok(record) = serde_json::from_slice::<Record>(json) else { return false };
    let sid = record.alert.and_then(|alert| alert.signature_id);
    query.sid.is_none_or(|wanted| sid == Some(wanted))
        && query.addr.is_none_or(|wanted| [record.src_ip, record.dest_ip].contains(&Some(wanted)))
}
