//! Capture files: one at a time, named by the time of their first packet, plain or compressed.

use std::collections::VecDeque;
use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use lz4_flex::frame::FrameEncoder;

use super::record::{self, FILE_HEADER, Record};
use crate::config::pcap_log::PcapLog as Settings;

/// Where records of packets go.
#[derive(Debug)]
pub struct CaptureFile {
    settings: Settings,
    /// The name without the time.
    path: PathBuf,
    current: Option<Current>,
    /// Files of this run that were closed, oldest first.
    earlier: VecDeque<PathBuf>,
}

/// The file that is being written.
#[derive(Debug)]
struct Current {
    path: PathBuf,
    link: u32,
    /// Bytes, before compression.
    size: u64,
    sink: Sink,
}

#[derive(Debug)]
enum Sink {
    Plain(BufWriter<fs::File>),
    Lz4(Box<FrameEncoder<BufWriter<fs::File>>>),
}

impl CaptureFile {
    /// Files in `folder`, the first of which is made when there is a packet for it.
    ///
    /// # Errors
    /// Their folder cannot be made.
    pub fn new(settings: &Settings, folder: &Path) -> io::Result<Self> {
        let path = folder.join(&settings.name);
        fs::create_dir_all(path.parent().unwrap_or(folder))?;
        Ok(Self { settings: settings.clone(), path, current: None, earlier: VecDeque::new() })
    }

    /// Where they are; the time is put behind it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends a packet, to a new file if this one is full or is for another kind of packet.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let record = record::read(bytes).ok_or(io::ErrorKind::InvalidData)?;
        let (length, limit) = (record.bytes.len() as u64, self.settings.limit);
        let fits = |file: &Current| {
            let full = limit != 0 && file.size > FILE_HEADER as u64 && file.size + length > limit;
            file.link == record.link && !full
        };
        let file = match &mut self.current {
            Some(file) if fits(file) => file,
            _ => {
                self.finish()?;
                let begun = self.begin(&record)?;
                self.current.insert(begun)
            }
        };
        file.size += length;
        file.sink.put(record.bytes)
    }

    /// Writes what is buffered.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn flush(&mut self) -> io::Result<()> {
        self.current.as_mut().map_or(Ok(()), |file| file.sink.flush())
    }

    /// Closes the file; the next packet begins a new one.
    ///
    /// # Errors
    /// What is buffered cannot be written.
    pub fn finish(&mut self) -> io::Result<()> {
        let Some(file) = self.current.take() else { return Ok(()) };
        self.earlier.push_back(file.path);
        file.sink.finish()
    }

    /// Makes a file, in place of the oldest if there are enough.
    fn begin(&mut self, record: &Record<'_>) -> io::Result<Current> {
        while self.settings.keep != 0 && self.earlier.len() >= self.settings.keep {
            let Some(oldest) = self.earlier.pop_front() else { break };
            // Whoever took it away meanwhile spares us the trouble.
            let _ = fs::remove_file(oldest);
        }
        let path = self.named(record.time);
        let file = BufWriter::new(fs::File::create(&path)?);
        let mut sink = if self.settings.lz4 { Sink::Lz4(Box::new(FrameEncoder::new(file))) } else { Sink::Plain(file) };
        sink.put(&record::file_header(record.link))?;
        Ok(Current { path, link: record.link, size: FILE_HEADER as u64, sink })
    }

    /// `log.pcap.1444144603`, with a number behind it if this run has made a file of that name.
    fn named(&self, (seconds, micros): (u32, u32)) -> PathBuf {
        let time = if self.settings.micros { format!("{seconds}.{micros:06}") } else { seconds.to_string() };
        let end = if self.settings.lz4 { ".lz4" } else { "" };
        let name = |number: String| {
            let mut path = self.path.clone().into_os_string();
            path.push(format!(".{time}{number}{end}"));
            PathBuf::from(path)
        };
        let numbers = std::iter::once(String::new()).chain((1u64..).map(|number| format!(".{number}")));
        let mut names = numbers.map(name).filter(|path| !self.earlier.contains(path));
        names.next().expect("there are more numbers than files")
    }
}

impl Sink {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(file) => file.write_all(bytes),
            Self::Lz4(file) => file.write_all(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(file) => file.flush(),
            Self::Lz4(file) => file.flush().and_then(|()| file.get_mut().flush()),
        }
    }

    fn finish(self) -> io::Result<()> {
        match self {
            Self::Plain(mut file) => file.flush(),
            Self::Lz4(file) => file.finish().map_err(io::Error::other)?.flush(),
        }
    }
}
