//! The folder of stored certificates.
//!
//! In: [`Record`]s.  Out: two files each. Beyond the largest number of chains none is written, and it is said once.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::record::Record;
use crate::config::outputs::TlsStore as Settings;

/// Where certificates are stored.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// Chains that may be written in all.
    most: u64,
    /// Those that came.
    count: u64,
}

impl Folder {
    /// Makes the folder in `log_dir`, if need be.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn open(settings: &Settings, log_dir: &Path) -> io::Result<Self> {
        let path = log_dir.join(&settings.folder);
        fs::create_dir_all(&path)?;
        Ok(Self { path, most: settings.most, count: 0 })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes a record.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let record = Record::read(bytes).ok_or(io::ErrorKind::InvalidData)?;
        self.count += 1;
        if self.count > self.most {
            if self.count == self.most + 1 {
                tracing::warn!(chains = self.most, "no more certificates are stored: see `tls-store.max-chains`");
            }
            return Ok(());
        }
        let Record { client, seconds, micros, meta, pem } = record;
        let side = if client { "client-" } else { "" };
        let name = format!("{side}{seconds}.{micros:06}-{}", self.count);
        fs::write(self.path.join(format!("{name}.pem")), pem)?;
        fs::write(self.path.join(format!("{name}.meta")), meta)
    }
}
