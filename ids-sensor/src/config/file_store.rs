//! `file-store`: files from the traffic, stored by the names of their digests.

use ids_core::app::config::Hashes;

use super::eve::Files;
use super::section::{Section, Warnings};

/// Where files are stored, and which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileStore {
    /// Its folder, relative to the log folder.
    pub folder: String,
    /// Whether all files are stored, whatever rules say.
    pub force: bool,
    /// Whether a record stands beside each file, and what it shows.
    pub fileinfo: Option<Files>,
    /// Digests that files get besides SHA-256, which names them.
    pub hashes: Hashes,
    /// Whether every file is said to be of a kind.
    pub magic: bool,
    /// Bytes of a stream that are looked at where it carries a file that is stored; 0: all; `None`: as otherwise.
    pub depth: Option<u64>,
    /// How many files are kept open while they come; 0: none, each is opened for every piece.
    pub max_open: usize,
    /// Bytes on disk beyond which the oldest files go; 0: no limit.
    pub max_size: u64,
    /// Bytes in memory of files that no rule has decided on yet.
    pub memory: usize,
}

impl FileStore {
    /// `None`, and a refusal, where it is of the form that no longer exists.
    pub(super) fn read(s: &Section<'_>, refusals: &Warnings) -> Option<Self> {
        s.ignore(&["enabled", "threads"]);
        if s.number("version", 1) != 2 {
            let line = s.node("enabled").map_or(0, |node| node.line);
            let help = "write `version: 2`; see `dir`, `write-fileinfo` and `force-hash` for what has changed";
            refusals.add(line, &s.path("version"), "only version 2 of file-store exists", help);
            return None;
        }
        let usual = Self::default();
        let files = Files::read(s, None);
        let depth = if s.text("stream-depth") == Some("no") { None } else { s.bytes_opt("stream-depth") };
        Some(Self {
            folder: s.text_or("dir", &usual.folder),
            force: s.flag("force-filestore", false),
            hashes: files.hashes,
            magic: files.magic,
            fileinfo: s.flag("write-fileinfo", false).then_some(files),
            depth,
            max_open: s.number("max-open-files", usual.max_open),
            max_size: s.bytes("max-size", usual.max_size),
            memory: usize::try_from(s.bytes("memcap", usual.memory as u64)).unwrap_or(usize::MAX),
        })
    }

    /// The depth that streams with stored files get where all others have `usual`; `None`: the same. Says where the
    /// setting has no effect.
    pub(super) fn depth(&self, usual: u64, warnings: &Warnings) -> Option<u64> {
        let depth = self.depth?;
        if depth != 0 && depth < usual {
            let message = format!(
                "file-store.stream-depth value {depth} has no effect since it's less than stream.reassembly.depth value"
            );
            warnings.add(0, "outputs.file-store.stream-depth", message, "");
            return None;
        }
        Some(depth)
    }
}

impl Default for FileStore {
    fn default() -> Self {
        Self {
            folder: "filestore".into(),
            force: false,
            fileinfo: None,
            hashes: Hashes::default(),
            magic: false,
            depth: None,
            max_open: 0,
            max_size: 2 << 30,
            memory: 64 << 20,
        }
    }
}
