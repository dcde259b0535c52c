//! The folder of stored files: `ab/ab12…` by SHA-256, `tmp/` while they come, `ab/ab12….SECONDS.NUMBER.json` beside.
//!
//! In: [`Record`]s.  Out: files. What is there already is kept, with a new time.
//! Keeps the folder below its largest size: the oldest files go, those beside them too.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use ids_core::app::file::Room;
use sha2::{Digest, Sha256};

use super::record::Record;
use crate::config::file_store::FileStore as Settings;

/// Files that come at the same time; beyond it the oldest is given up.
const MAX_COMING: usize = 1 << 16;

/// Of the largest size, what is left when files had to go.
const KEPT: (u64, u64) = (4, 5);

/// What happened, for the counters.
#[derive(Debug, Default)]
pub struct Tally {
    /// Files stored, or stored before and seen again.
    stored: AtomicU64,
    /// Files that came incomplete from the workers, or were given up.
    lost: AtomicU64,
    /// Files that went because the folder was full.
    removed: AtomicU64,
    /// Calls of the system that failed.
    fs_errors: AtomicU64,
    /// Files kept open now.
    open: AtomicU64,
    /// Files that were opened for every piece because enough were open.
    open_max_hit: AtomicU64,
    /// Memory for files that no rule has decided on.
    room: Room,
}

impl Tally {
    /// Counters with their names in the `stats` tree.
    pub fn counters(&self) -> [(&'static str, u64); 7] {
        let value = |cell: &AtomicU64| cell.load(Ordering::Relaxed);
        [
            ("file_store.fs_errors", value(&self.fs_errors)),
            ("file_store.lost", value(&self.lost)),
            ("file_store.memcap_drop", self.room.refused()),
            ("file_store.open_files", value(&self.open)),
            ("file_store.open_files_max_hit", value(&self.open_max_hit)),
            ("file_store.removed", value(&self.removed)),
            ("file_store.stored", value(&self.stored)),
        ]
    }
}

fn count(cell: &AtomicU64) {
    cell.fetch_add(1, Ordering::Relaxed);
}

/// Where files are stored.
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
    max_open: usize,
    max_size: u64,
    coming: BTreeMap<u64, Coming>,
    open: usize,
    /// Bytes of all files that are stored.
    size: u64,
    tally: Arc<Tally>,
}

/// A file that comes.
#[derive(Debug)]
struct Coming {
    path: PathBuf,
    /// Open, if it stays so.
    file: Option<fs::File>,
    digest: Sha256,
    size: u64,
    /// It could not be written.
    failed: bool,
}

impl Folder {
    /// Makes the folder in `log_dir`, if need be. `room` is where content waits before it comes here.
    ///
    /// # Errors
    /// It cannot be made or read.
    pub fn open(settings: &Settings, log_dir: &Path, room: Room) -> io::Result<Self> {
        let root = log_dir.join(&settings.folder);
        fs::create_dir_all(root.join("tmp"))?;
        let size = stored(&root)?.iter().map(|file| file.size).sum();
        let (max_open, max_size) = (settings.max_open, settings.max_size);
        let tally = Arc::new(Tally { room, ..Tally::default() });
        Ok(Self { root, max_open, max_size, coming: BTreeMap::new(), open: 0, size, tally })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// What has happened.
    pub fn tally(&self) -> Arc<Tally> {
        Arc::clone(&self.tally)
    }

    /// Takes a record.
    ///
    /// # Errors
    /// The file cannot be written; it is given up.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let result = match Record::read(bytes).ok_or(io::ErrorKind::InvalidData)? {
            Record::Content { number, bytes } => self.append(number, bytes),
            Record::End { number, sha256, seconds, info } => self.end(number, &sha256, seconds, info),
        };
        if result.is_err() {
            count(&self.tally.fs_errors);
        }
        self.tally.open.store(self.open as u64, Ordering::Relaxed);
        result
    }

    /// Gives up what has not ended.
    pub fn finish(&mut self) {
        while let Some((_, coming)) = self.coming.pop_first() {
            self.give_up(coming);
        }
    }

    fn append(&mut self, number: u64, bytes: &[u8]) -> io::Result<()> {
        if !self.coming.contains_key(&number) {
            self.begin(number)?;
        }
        let Some(coming) = self.coming.get_mut(&number).filter(|coming| !coming.failed) else { return Ok(()) };
        coming.digest.update(bytes);
        coming.size += bytes.len() as u64;
        let result = match &mut coming.file {
            Some(file) => file.write_all(bytes),
            None => {
                if self.max_open > 0 {
                    count(&self.tally.open_max_hit);
                }
                OpenOptions::new().append(true).open(&coming.path).and_then(|mut file| file.write_all(bytes))
            }
        };
        coming.failed = result.is_err();
        result
    }

    fn begin(&mut self, number: u64) -> io::Result<()> {
        if self.coming.len() >= MAX_COMING
            && let Some((_, oldest)) = self.coming.pop_first()
        {
            self.give_up(oldest);
        }
        // Another process may use the same folder.
        let path = self.root.join("tmp").join(format!("{}.{number}", std::process::id()));
        let made = new_file(&path);
        let failed = made.is_err();
        let kept = self.open < self.max_open && !failed;
        self.open += usize::from(kept);
        let (file, error) = match made {
            Ok(file) => (Some(file).filter(|_| kept), None),
            Err(error) => (None, Some(error)),
        };
        self.coming.insert(number, Coming { path, file, digest: Sha256::new(), size: 0, failed });
        error.map_or(Ok(()), Err)
    }

    fn end(&mut self, number: u64, sha256: &[u8; 32], seconds: u64, info: &[u8]) -> io::Result<()> {
        // Nothing came of it: there is nothing to store.
        let Some(mut coming) = self.coming.remove(&number) else { return Ok(()) };
        self.open -= usize::from(coming.file.take().is_some());
        let whole = coming.digest.clone().finalize()[..] == sha256[..];
        if coming.failed || !whole {
            self.give_up(coming);
            return Ok(());
        }
        let name: String = sha256.iter().map(|byte| format!("{byte:02x}")).collect();
        let folder = self.root.join(&name[..2]);
        let stored = self.put(&coming, &folder, &name);
        if stored.is_err() {
            self.give_up(coming);
            return stored;
        }
        count(&self.tally.stored);
        if !info.is_empty() {
            new_file(&folder.join(format!("{name}.{seconds}.{number}.json")))?.write_all(info)?;
            self.size += info.len() as u64;
        }
        if self.max_size > 0 && self.size > self.max_size { self.make_room() } else { Ok(()) }
    }

    /// Moves a file to its place; if it is there already, that one gets a new time.
    fn put(&mut self, coming: &Coming, folder: &Path, name: &str) -> io::Result<()> {
        fs::create_dir_all(folder)?;
        let path = folder.join(name);
        if path.exists() {
            OpenOptions::new().append(true).open(&path)?.set_modified(SystemTime::now())?;
            return fs::remove_file(&coming.path);
        }
        fs::rename(&coming.path, &path)?;
        self.size += coming.size;
        Ok(())
    }

    /// What cannot be stored leaves nothing behind.
    fn give_up(&mut self, mut coming: Coming) {
        self.open -= usize::from(coming.file.take().is_some());
        count(&self.tally.lost);
        // Where it was never made there is none.
        if fs::remove_file(&coming.path).is_err_and(|error| error.kind() != io::ErrorKind::NotFound) {
            count(&self.tally.fs_errors);
        }
    }

    /// Removes the oldest files until the folder is well below its largest size.
    fn make_room(&mut self) -> io::Result<()> {
        let mut files = stored(&self.root)?;
        files.sort_by(|a, b| (a.modified, &a.path).cmp(&(b.modified, &b.path)));
        self.size = files.iter().map(|file| file.size).sum();
        let (part, whole) = KEPT;
        let target = self.max_size / whole * part;
        for file in files {
            if self.size <= target {
                break;
            }
            fs::remove_file(&file.path)?;
            count(&self.tally.removed);
            self.size = self.size.saturating_sub(file.size);
        }
        Ok(())
    }
}

/// A file that was not there before, for its owner and group alone: it may be anything.
fn new_file(path: &Path) -> io::Result<fs::File> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o640).open(path)
}

/// A file in the folder.
struct Stored {
    path: PathBuf,
    size: u64,
    modified: SystemTime,
}

/// All files that are stored, and those beside them.
fn stored(root: &Path) -> io::Result<Vec<Stored>> {
    let mut files = Vec::new();
    for folder in fs::read_dir(root)? {
        let folder = folder?;
        if folder.file_name() == "tmp" || !folder.file_type()?.is_dir() {
            continue;
        }
        for file in fs::read_dir(folder.path())? {
            let file = file?;
            let about = file.metadata()?;
            files.push(Stored { path: file.path(), size: about.len(), modified: about.modified()? });
        }
    }
    Ok(files)
}
