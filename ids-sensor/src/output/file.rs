//! A file or Unix socket that lines are appended to: buffered, rotated by size, by time and on request.

use std::collections::VecDeque;
use std::fs::{self, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::config::outputs::{FileKind, LogFile};

/// Bytes buffered before they are written.
const BUFFER: usize = 256 * 1024;

/// How long to wait before a socket is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// A place for lines.
#[derive(Debug)]
pub struct File {
    settings: LogFile,
    path: PathBuf,
    folder: PathBuf,
    sink: Sink,
    /// Bytes in the file, what was there before included.
    size: u64,
    opened: Instant,
    /// Files that were closed, oldest first, where names hold the time.
    earlier: VecDeque<PathBuf>,
}

#[derive(Debug)]
enum Sink {
    Regular(BufWriter<fs::File>),
    Stream(BufWriter<UnixStream>),
    Datagram(UnixDatagram),
    /// A socket that nobody listens on: since when.
    Closed(Instant),
}

impl File {
    /// Opens the file, or connects to the socket; a socket that nobody listens on yet is tried again later.
    ///
    /// # Errors
    /// The file or its folder cannot be made.
    pub fn open(settings: &LogFile, folder: &Path) -> io::Result<Self> {
        let path = folder.join(named(&settings.name));
        let (sink, size) = open(settings, &path, settings.append)?;
        Ok(Self {
            settings: settings.clone(),
            path,
            folder: folder.to_owned(),
            sink,
            size,
            opened: Instant::now(),
            earlier: VecDeque::new(),
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends a line, which ends with a line feed.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&mut self, line: &[u8]) -> io::Result<()> {
        self.begin_anew_if_due(line.len() as u64)?;
        self.size += line.len() as u64;
        let result = match &mut self.sink {
            Sink::Regular(file) => return file.write_all(line),
            Sink::Stream(socket) => socket.write_all(line),
            Sink::Datagram(socket) => socket.send(line.strip_suffix(b"\n").unwrap_or(line)).map(drop),
            Sink::Closed(since) if since.elapsed() < RETRY => return Err(io::ErrorKind::NotConnected.into()),
            Sink::Closed(_) => {
                self.sink = open(&self.settings, &self.path, true)?.0;
                match &self.sink {
                    Sink::Closed(_) => return Err(io::ErrorKind::NotConnected.into()),
                    _ => return self.write(line),
                }
            }
        };
        if result.is_err() {
            self.sink = Sink::Closed(Instant::now());
        }
        result
    }

    /// Writes what is buffered.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn flush(&mut self) -> io::Result<()> {
        match &mut self.sink {
            Sink::Regular(file) => file.flush(),
            Sink::Stream(socket) => socket.flush(),
            Sink::Datagram(_) | Sink::Closed(_) => Ok(()),
        }
    }

    /// Closes the file and opens it by its name again, as after something else moved it away.
    ///
    /// # Errors
    /// The old one cannot be written, or the new one not be made.
    pub fn rotate(&mut self) -> io::Result<()> {
        self.flush()?;
        let path = self.folder.join(named(&self.settings.name));
        let (sink, size) = open(&self.settings, &path, true)?;
        (self.sink, self.size, self.opened) = (sink, size, Instant::now());
        if path != self.path {
            self.earlier.push_back(std::mem::replace(&mut self.path, path));
            self.forget_earlier();
        }
        Ok(())
    }

    /// Begins a new file if this one is old or would get too large.
    fn begin_anew_if_due(&mut self, more: u64) -> io::Result<()> {
        if !matches!(self.sink, Sink::Regular(_)) {
            return Ok(());
        }
        let limit = self.settings.rotate_size;
        let too_large = limit != 0 && self.size > 0 && self.size + more > limit;
        let too_old = self.settings.rotate_interval.is_some_and(|span| self.opened.elapsed() >= span);
        if too_large || too_old {
            self.flush()?;
            if named(&self.settings.name) == named_of(&self.path, &self.folder) {
                self.number_earlier()?;
            }
            self.rotate()?;
        }
        Ok(())
    }

    /// `eve.json` → `eve.json.1` → `eve.json.2` …; the last one goes.
    fn number_earlier(&self) -> io::Result<()> {
        let numbered = |number: u32| {
            let mut name = self.path.clone().into_os_string();
            name.push(format!(".{number}"));
            PathBuf::from(name)
        };
        let keep = self.settings.rotate_keep;
        if keep == 0 {
            return fs::remove_file(&self.path);
        }
        for number in (1..keep).rev() {
            if numbered(number).exists() {
                fs::rename(numbered(number), numbered(number + 1))?;
            }
        }
        fs::rename(&self.path, numbered(1))
    }

    /// Removes the oldest files whose names hold the time, beyond those to keep.
    fn forget_earlier(&mut self) {
        while self.earlier.len() > self.settings.rotate_keep as usize {
            let Some(oldest) = self.earlier.pop_front() else { return };
            if let Err(error) = fs::remove_file(&oldest) {
                tracing::warn!(path = %oldest.display(), %error, "an old file cannot be removed");
            }
        }
    }
}

/// The name with `strftime` codes written out for now; a name that is not understood stays as it is.
fn named(pattern: &str) -> String {
    if !pattern.contains('%') {
        return pattern.to_owned();
    }
    jiff::fmt::strtime::format(pattern, &jiff::Zoned::now()).unwrap_or_else(|_| pattern.to_owned())
}

fn named_of(path: &Path, folder: &Path) -> String {
    path.strip_prefix(folder).unwrap_or(path).to_string_lossy().into_owned()
}

fn open(settings: &LogFile, path: &Path, append: bool) -> io::Result<(Sink, u64)> {
    let closed = |_| Sink::Closed(Instant::now());
    match settings.kind {
        FileKind::Regular => {
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            let mut options = OpenOptions::new();
            options.create(true).append(append).write(true).truncate(!append);
            if let Some(mode) = settings.mode {
                options.mode(mode);
            }
            let file = options.open(path)?;
            let size = file.metadata()?.len();
            Ok((Sink::Regular(BufWriter::with_capacity(BUFFER, file)), size))
        }
        FileKind::UnixStream => {
            let socket = UnixStream::connect(path);
            Ok((socket.map_or_else(closed, |socket| Sink::Stream(BufWriter::new(socket))), 0))
        }
        FileKind::UnixDatagram => {
            let socket = UnixDatagram::unbound()?;
            Ok((socket.connect(path).map_or_else(closed, |()| Sink::Datagram(socket)), 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(name: &str) -> LogFile {
        LogFile {
            name: name.into(),
            kind: FileKind::Regular,
            append: true,
            mode: None,
            rotate_interval: None,
            rotate_size: 0,
            rotate_keep: 2,
        }
    }

    fn read(folder: &Path, name: &str) -> String {
        fs::read_to_string(folder.join(name)).unwrap_or_default()
    }

    #[test]
    fn appends_or_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        for (append, want) in [(true, "one\n"), (true, "one\ntwo\n"), (false, "three\n")] {
            let line = ["one\n", "two\n", "three\n"][want.lines().count().max(usize::from(!append) * 3) - 1];
            let mut file = File::open(&LogFile { append, ..settings("eve.json") }, folder.path()).unwrap();
            file.write(line.as_bytes()).unwrap();
            file.flush().unwrap();
            assert_eq!(read(folder.path(), "eve.json"), want);
        }
    }

    #[test]
    fn a_full_file_makes_room_and_the_oldest_goes() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = File::open(&LogFile { rotate_size: 8, ..settings("eve.json") }, folder.path()).unwrap();
        for line in ["aaaa\n", "bbbb\n", "cccc\n", "dddd\n"] {
            file.write(line.as_bytes()).unwrap();
        }
        file.flush().unwrap();
        let found = ["eve.json", "eve.json.1", "eve.json.2", "eve.json.3"].map(|name| read(folder.path(), name));
        assert_eq!(found, ["dddd\n", "cccc\n", "bbbb\n", ""]);
    }

    #[test]
    fn rotation_follows_a_file_that_was_moved() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = File::open(&settings("eve.json"), folder.path()).unwrap();
        file.write(b"old\n").unwrap();
        fs::rename(folder.path().join("eve.json"), folder.path().join("moved")).unwrap();
        file.rotate().unwrap();
        file.write(b"new\n").unwrap();
        file.flush().unwrap();
        assert_eq!([read(folder.path(), "moved"), read(folder.path(), "eve.json")], ["old\n", "new\n"]);
    }

    #[test]
    fn a_datagram_is_one_record_and_a_missing_listener_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let datagram = LogFile { kind: FileKind::UnixDatagram, ..settings("eve.sock") };
        let mut file = File::open(&datagram, folder.path()).unwrap();
        assert!(file.write(b"lost\n").is_err());
        let listener = UnixDatagram::bind(folder.path().join("eve.sock")).unwrap();
        let mut file = File::open(&datagram, folder.path()).unwrap();
        file.write(b"{}\n").unwrap();
        let mut buffer = [0; 16];
        let length = listener.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..length], b"{}");
    }
}
