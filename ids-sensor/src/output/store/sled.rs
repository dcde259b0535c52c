//! The store on sled: a folder of periods, each a database of its own.
//!
//! A period ends with the day (UTC) of writing, at a number of alerts or at a size. Only the newest one is
//! written; older ones are opened when they are asked for. A period that cannot be opened is set aside as
//! `*.damaged` by the one who writes, and a new one begins; a reader passes it over.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::period::{Found, Period};
use super::{AlertId, AlertStore, Entry, Page, Query, Retention, Settings, StoreError, StoreStats, Stored};

/// A store in a folder.
#[derive(Debug)]
pub struct SledStore {
    folder: PathBuf,
    settings: Settings,
    /// Held as long as the store is open: one process at a time.
    _lock: File,
    current: Option<Writing>,
}

/// The period that is written.
#[derive(Debug)]
struct Writing {
    name: String,
    period: Period,
    run: u16,
    position: u64,
}

/// Folders of periods begin with this.
const PREFIX: &str = "period-";

impl SledStore {
    /// Opens or makes the store in `folder`.
    ///
    /// # Errors
    /// Another process has it open, or the folder cannot be used.
    pub fn open(folder: &Path, settings: &Settings) -> Result<Self, StoreError> {
        let io = |source| StoreError::Io { path: folder.to_owned(), source };
        let lock = folder.join("lock");
        if !settings.writes {
            // Nothing is left in folders that are something else.
            fs::metadata(&lock).map_err(|error| match error.kind() {
                ErrorKind::NotFound | ErrorKind::NotADirectory => StoreError::Missing(folder.to_owned()),
                _ => io(error),
            })?;
        }
        fs::create_dir_all(folder).map_err(io)?;
        let lock = File::create(lock).map_err(io)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Err(StoreError::InUse(folder.to_owned())),
            Err(fs::TryLockError::Error(error)) => return Err(io(error)),
        }
        let store = Self { folder: folder.to_owned(), settings: *settings, _lock: lock, current: None };
        store.keep_reserve();
        Ok(store)
    }

    /// Keeps some bytes of the disk back, to be given up when it is full. A disk too full for it is no reason
    /// not to start.
    fn keep_reserve(&self) {
        if self.settings.reserve == 0 {
            return;
        }
        let path = self.folder.join("reserve");
        let kept = File::create(&path).and_then(|file| {
            let flags = rustix::fs::FallocateFlags::empty();
            Ok(rustix::fs::fallocate(&file, flags, 0, self.settings.reserve)?)
        });
        if let Err(error) = kept {
            tracing::warn!(path = %path.display(), %error, "no space can be kept back");
            // Half a reserve is worse than none.
            let _ = fs::remove_file(&path);
        }
    }

    /// Names of the periods, oldest first.
    fn periods(&self) -> Result<Vec<String>, StoreError> {
        let io = |source| StoreError::Io { path: self.folder.clone(), source };
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(io)? {
            let name = entry.map_err(io)?.file_name().to_string_lossy().into_owned();
            if name.starts_with(PREFIX) && !name.ends_with(".damaged") {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    /// Opens a period; `None` if it is damaged.
    fn open_period(&self, name: &str) -> Result<Option<Period>, StoreError> {
        let path = self.folder.join(name);
        match Period::open(&path, self.settings.cache) {
            Ok(period) => Ok(Some(period)),
            Err(StoreError::Damaged(_)) if self.settings.writes => {
                let aside = self.folder.join(format!("{name}.damaged"));
                tracing::error!(path = %path.display(), aside = %aside.display(), "a damaged period is set aside");
                fs::rename(&path, &aside).map_err(|source| StoreError::Io { path, source })?;
                Ok(None)
            }
            Err(StoreError::Damaged(_)) => {
                tracing::warn!(path = %path.display(), "a damaged period is passed over");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The period to write to: the last one of today if it may go on, else a new one.
    fn writing(&mut self) -> Result<&mut Writing, StoreError> {
        let today = today();
        if let Some(writing) = &self.current {
            let full = writing.period.count() >= self.settings.period_alerts || self.is_large(&writing.name);
            if full || !writing.name.starts_with(&today) {
                self.end_period()?;
            }
        }
        if self.current.is_none() {
            let (name, mut period) = self.begin(&today)?;
            let run = period.new_run()?;
            self.current = Some(Writing { name, period, run, position: 0 });
        }
        Ok(self.current.as_mut().expect("just made"))
    }

    fn begin(&self, today: &str) -> Result<(String, Period), StoreError> {
        let last = self.periods()?.into_iter().rfind(|name| name.starts_with(today));
        if let Some(name) = &last
            && !self.is_large(name)
            && let Some(period) = self.open_period(name)?
            && period.may_continue()
            && period.count() < self.settings.period_alerts
        {
            return Ok((name.clone(), period));
        }
        let number = |name: &String| name.trim_end_matches(".damaged").rsplit('-').next()?.parse::<u32>().ok();
        for next in last.as_ref().and_then(number).unwrap_or(0) + 1.. {
            let name = format!("{today}-{next:04}");
            let path = self.folder.join(&name);
            if !path.exists() && !self.folder.join(format!("{name}.damaged")).exists() {
                return Ok((name, Period::open(&path, self.settings.cache)?));
            }
        }
        unreachable!("there are more numbers than folders")
    }

    fn is_large(&self, name: &str) -> bool {
        self.settings.period_bytes != 0 && size(&self.folder.join(name)) >= self.settings.period_bytes
    }

    fn end_period(&mut self) -> Result<(), StoreError> {
        self.current.take().map_or(Ok(()), |writing| writing.period.close())
    }

    /// Calls `each` with every period, the newest first. Out: how many are damaged.
    fn each_period(&self, mut each: impl FnMut(&str, &Period) -> Result<(), StoreError>) -> Result<u64, StoreError> {
        let mut damaged = 0;
        for name in self.periods()?.iter().rev() {
            match &self.current {
                Some(writing) if writing.name == *name => each(name, &writing.period)?,
                _ => match self.open_period(name)? {
                    Some(period) => each(name, &period)?,
                    None => damaged += 1,
                },
            }
        }
        Ok(damaged)
    }

    fn try_append(&mut self, alerts: &[Entry]) -> Result<(), StoreError> {
        let writing = self.writing()?;
        let (run, start) = (writing.run, writing.position);
        writing.position += alerts.len() as u64;
        writing.period.append((start..).zip(alerts).map(|(at, entry)| (AlertId::new(entry.key.time, run, at), entry)))
    }
}

impl AlertStore for SledStore {
    fn append(&mut self, alerts: &[Entry]) -> Result<(), StoreError> {
        match self.try_append(alerts) {
            Err(StoreError::Io { source, .. }) if source.kind() == ErrorKind::StorageFull => {
                // The database cannot be opened again on a full disk, so make room and begin anew.
                let _ = fs::remove_file(self.folder.join("reserve"));
                self.current = None;
                self.try_append(alerts)
            }
            result => result,
        }
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        self.current.as_ref().map_or(Ok(()), |writing| writing.period.flush())
    }

    fn scan(&self, query: &Query) -> Result<Page, StoreError> {
        let mut page = Page::default();
        // One more than asked for tells whether there is a next page.
        let more = Query { limit: query.limit.saturating_add(1), ..query.clone() };
        let aside = self.each_period(|_, period| {
            let Found { alerts, damaged } = period.scan(&more);
            page.alerts.extend(alerts);
            page.damaged += damaged;
            page.alerts.sort_by_key(|alert| alert.id);
            if query.newest_first {
                page.alerts.reverse();
            }
            page.alerts.truncate(more.limit);
            Ok(())
        })?;
        page.damaged += aside;
        if page.alerts.len() > query.limit {
            page.alerts.truncate(query.limit);
            page.next = page.alerts.last().map(|alert| alert.id);
        }
        Ok(page)
    }

    fn get(&self, id: AlertId) -> Result<Option<Stored>, StoreError> {
        let mut found = None;
        self.each_period(|name, period| {
            if found.is_none() {
                found = period.get(id)?;
                if matches!(found, Some(None)) {
                    return Err(StoreError::Damaged(self.folder.join(name)));
                }
            }
            Ok(())
        })?;
        Ok(found.flatten())
    }

    fn stats(&self) -> Result<StoreStats, StoreError> {
        let mut stats = StoreStats::default();
        let damaged = self.each_period(|name, period| {
            stats.alerts += period.count();
            stats.bytes += size(&self.folder.join(name));
            stats.periods += 1;
            Ok(())
        })?;
        let entries =
            fs::read_dir(&self.folder).map_err(|source| StoreError::Io { path: self.folder.clone(), source })?;
        // Where this call set some aside, they are among those that lie there.
        let passed_over = if self.settings.writes { 0 } else { usize::try_from(damaged).unwrap_or(usize::MAX) };
        let aside = entries.flatten().filter(|entry| entry.file_name().to_string_lossy().ends_with(".damaged"));
        stats.damaged = aside.count().saturating_add(passed_over);
        Ok(stats)
    }

    fn retain(&mut self, policy: Retention) -> Result<usize, StoreError> {
        let mut names = self.periods()?;
        // The newest one stays; it may be the one being written.
        names.pop();
        let paths: Vec<PathBuf> = names.iter().map(|name| self.folder.join(name)).collect();
        let mut total: u64 = self.periods()?.iter().map(|name| size(&self.folder.join(name))).sum();
        let mut removed = 0;
        for path in paths {
            let old = !policy.max_age.is_zero() && age(&path) > policy.max_age;
            let large = policy.max_size != 0 && total > policy.max_size;
            if old || large {
                total = total.saturating_sub(size(&path));
                fs::remove_dir_all(&path).map_err(|source| StoreError::Io { path, source })?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    fn close(mut self: Box<Self>) -> Result<(), StoreError> {
        self.end_period()
    }
}

/// `period-20260102`
fn today() -> String {
    let now = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC);
    format!("{PREFIX}{}", now.strftime("%Y%m%d"))
}

/// Bytes of all files below a folder, as far as they can be seen.
fn size(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(data) if data.is_dir() => size(&entry.path()),
            Ok(data) => data.len(),
            Err(_) => 0,
        })
        .sum()
}

/// How long ago something below a folder was last written; zero if that cannot be seen.
fn age(folder: &Path) -> Duration {
    let Ok(entries) = fs::read_dir(folder) else { return Duration::ZERO };
    let written = entries.flatten().filter_map(|entry| entry.metadata().ok()?.modified().ok()).max();
    written.and_then(|time| SystemTime::now().duration_since(time).ok()).unwrap_or_default()
}
