//! The writer thread: takes lines from all workers, in order, and brings each to its destination.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};

use super::file::File;
use super::file_store::Folder;
use super::lines::{Kind, Lines};
use super::pcap_log::file::CaptureFile;
use super::store::Feeder;
use super::tls_store;

/// Batches of lines that may wait for the writer.
const WAITING: usize = 64;

/// How long a line may wait in memory before it is written to its file.
const FLUSH: Duration = Duration::from_secs(1);

/// Bytes of alerts that a worker keeps back while the queue is full.
const ALERT_RESERVE: usize = 1 << 20;

/// What happens when the writer is slower than the workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pressure {
    /// The worker waits (replay).
    Wait,
    /// Records are dropped, by kind and counted; alerts last (live).
    Drop,
}

/// What a file or a store is to the writer.
#[derive(Debug)]
pub enum Destination {
    /// A file or socket.
    File(Box<File>),
    /// Capture files.
    Capture(Box<CaptureFile>),
    /// Stored files.
    Files(Box<Folder>),
    /// Stored certificates.
    Certificates(Box<tls_store::Folder>),
    /// The alert store.
    Store(Feeder),
}

impl Destination {
    /// Appends a line to a file.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::File(file) => file.write(bytes),
            Self::Capture(file) => file.write(bytes),
            Self::Files(folder) => folder.write(bytes),
            Self::Certificates(folder) => folder.write(bytes),
            Self::Store(_) => Ok(()),
        }
    }

    /// Writes what a file has buffered.
    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::File(file) => file.flush(),
            Self::Capture(file) => file.flush(),
            Self::Files(_) | Self::Certificates(_) | Self::Store(_) => Ok(()),
        }
    }

    /// Begins a new file.
    fn rotate(&mut self) -> io::Result<()> {
        match self {
            Self::File(file) => file.rotate(),
            Self::Capture(file) => file.finish(),
            Self::Files(_) | Self::Certificates(_) | Self::Store(_) => Ok(()),
        }
    }

    /// Writes what a file has buffered, and what belongs at its end.
    fn end(&mut self) -> io::Result<()> {
        match self {
            Self::Capture(file) => file.finish(),
            Self::Files(folder) => {
                folder.finish();
                Ok(())
            }
            file => file.flush(),
        }
    }

    fn path(&self) -> &Path {
        match self {
            Self::File(file) => file.path(),
            Self::Capture(file) => file.path(),
            Self::Files(folder) => folder.path(),
            Self::Certificates(folder) => folder.path(),
            Self::Store(_) => Path::new(""),
        }
    }
}

/// What can be asked of the writer.
#[derive(Debug)]
enum Message {
    Lines(Lines),
    /// Begin new files.
    Rotate,
    /// Say when everything sent before is on disk.
    Flush(Sender<()>),
}

/// Records that were not written, by [`Kind`].
#[derive(Debug, Default)]
struct Lost([AtomicU64; Kind::ALL.len()]);

/// How writing went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Records lost because the queue was full, by [`Kind`].
    pub lost: [u64; Kind::ALL.len()],
    /// What could not be written, one line for each place and reason.
    pub errors: Vec<String>,
}

/// The writer, seen from outside.
#[derive(Debug)]
pub struct Writer {
    queue: Queue,
    thread: JoinHandle<Vec<String>>,
}

/// A way into the writer. Each worker has its own.
#[derive(Clone, Debug)]
pub struct Queue {
    send: Sender<Message>,
    empty: Receiver<Lines>,
    pressure: Pressure,
    lost: Arc<Lost>,
}

impl Writer {
    /// Starts the thread.
    pub fn start(destinations: Vec<Destination>, pressure: Pressure) -> Self {
        let (send, messages) = bounded(WAITING);
        let (give_back, empty) = bounded(WAITING);
        let thread = std::thread::Builder::new()
            .name("output".into())
            .spawn(move || Loop { messages, give_back, destinations, errors: Vec::new() }.run())
            .expect("a process that may start no thread cannot do anything here");
        let queue = Queue { send, empty, pressure, lost: Arc::default() };
        Self { queue, thread }
    }

    /// A way in.
    pub fn queue(&self) -> Queue {
        self.queue.clone()
    }

    /// Ends the thread once every queue is gone and everything is written.
    pub fn finish(self) -> Report {
        let Self { queue, thread } = self;
        let lost = Arc::clone(&queue.lost);
        drop(queue);
        let errors = thread.join().unwrap_or_else(|_| vec!["the writer thread failed".to_owned()]);
        Report { lost: std::array::from_fn(|kind| lost.0[kind].load(Ordering::Relaxed)), errors }
    }
}

impl Queue {
    /// A queue whose other end is held by the caller, for tests of what happens when it is full.
    #[cfg(test)]
    pub(super) fn that_nobody_reads(pressure: Pressure) -> (Self, impl Sized) {
        let (send, messages) = bounded(WAITING);
        let (give_back, empty) = bounded::<Lines>(WAITING);
        (Self { send, empty, pressure, lost: Arc::default() }, (messages, give_back))
    }

    /// Hands lines over and leaves an empty buffer, or, where records may be dropped and the queue is full,
    /// what is kept for the next time.
    pub fn send(&self, lines: &mut Lines) {
        let fresh = self.empty.try_recv().unwrap_or_default();
        let full = std::mem::replace(lines, fresh);
        match self.pressure {
            // The writer ends only when all queues are gone, so there always is someone to receive.
            Pressure::Wait => drop(self.send.send(Message::Lines(full))),
            Pressure::Drop => {
                if let Err(TrySendError::Full(Message::Lines(kept))) = self.send.try_send(Message::Lines(full)) {
                    *lines = kept;
                    self.drop_some(lines);
                }
            }
        }
    }

    /// Keeps alerts as far as there is room reserved for them.
    fn drop_some(&self, lines: &mut Lines) {
        let mut room = ALERT_RESERVE;
        let sizes: Vec<usize> = lines.iter().map(|(_, bytes)| bytes.len()).collect();
        let mut sizes = sizes.into_iter();
        lines.retain(|mark| {
            let size = sizes.next().unwrap_or_default();
            let kept = mark.kind == Kind::Alert && size <= room;
            if kept {
                room -= size;
            } else {
                self.lost.0[mark.kind as usize].fetch_add(1, Ordering::Relaxed);
            }
            kept
        });
    }

    /// Begins new files.
    pub fn rotate(&self) {
        drop(self.send.send(Message::Rotate));
    }

    /// Waits until everything sent before is written.
    pub fn flush(&self) {
        let (done, wait) = bounded(1);
        if self.send.send(Message::Flush(done)).is_ok() {
            // An error means that the writer is gone, and everything with it.
            let _ = wait.recv();
        }
    }

    /// Records lost so far, by [`Kind`].
    pub fn lost(&self) -> [u64; Kind::ALL.len()] {
        std::array::from_fn(|kind| self.lost.0[kind].load(Ordering::Relaxed))
    }
}

/// The thread.
struct Loop {
    messages: Receiver<Message>,
    give_back: Sender<Lines>,
    destinations: Vec<Destination>,
    errors: Vec<String>,
}

impl Loop {
    fn run(mut self) -> Vec<String> {
        let mut flushed = Instant::now();
        loop {
            match self.messages.recv_timeout(FLUSH.saturating_sub(flushed.elapsed())) {
                Ok(Message::Lines(lines)) => self.write(lines),
                Ok(Message::Rotate) => self.each(Destination::rotate),
                Ok(Message::Flush(done)) => {
                    self.flush();
                    // Whoever asked may have gone.
                    let _ = done.send(());
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if flushed.elapsed() >= FLUSH {
                self.each(Destination::flush);
                flushed = Instant::now();
            }
        }
        self.close()
    }

    fn write(&mut self, mut lines: Lines) {
        for (mark, bytes) in lines.iter() {
            match self.destinations.get_mut(usize::from(mark.destination)) {
                Some(Destination::Store(store)) => {
                    if let Some(key) = mark.alert {
                        store.push(key, bytes);
                    }
                }
                Some(file) => {
                    if let Err(error) = file.write(bytes) {
                        note(&mut self.errors, file.path(), &error);
                    }
                }
                None => {}
            }
        }
        for destination in &mut self.destinations {
            if let Destination::Store(store) = destination {
                store.pass_on();
            }
        }
        lines.clear();
        // Nobody needing an empty buffer is fine.
        let _ = self.give_back.try_send(lines);
    }

    fn each(&mut self, act: fn(&mut Destination) -> io::Result<()>) {
        for destination in &mut self.destinations {
            if let Err(error) = act(destination) {
                note(&mut self.errors, destination.path(), &error);
            }
        }
    }

    fn flush(&mut self) {
        self.each(Destination::flush);
        for destination in &mut self.destinations {
            if let Destination::Store(store) = destination {
                store.flush();
            }
        }
    }

    fn close(mut self) -> Vec<String> {
        self.each(Destination::end);
        for destination in self.destinations {
            if let Destination::Store(store) = destination {
                self.errors.extend(store.finish());
            }
        }
        self.errors
    }
}

/// Errors told apart; more are not worth their memory.
const MAX_ERRORS: usize = 100;

/// Notes an error once: a full disk fails for every record.
fn note(errors: &mut Vec<String>, path: &Path, error: &io::Error) {
    let line = format!("cannot write {}: {error}", path.display());
    if errors.len() < MAX_ERRORS && !errors.contains(&line) {
        tracing::error!(path = %path.display(), %error, "records are lost");
        errors.push(line);
    }
}
