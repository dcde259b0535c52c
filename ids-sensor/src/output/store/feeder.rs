//! The way into the store: a bounded queue, and the one thread that writes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};

use super::{AlertId, AlertStore, Entry, Page, Query, Retention, StoreError, StoreStats, Stored};
use crate::config::outputs::Store;
use crate::output::lines::AlertKey;
use crate::output::writer::Pressure;

/// Alerts written together, at most.
const BATCH: usize = 512;

/// Batches that may wait.
const WAITING: usize = 64;

/// Alerts that are kept back while the queue is full, at most: batches are small where few alerts come at a time, and a
/// short stop of the disk must cost none.
const KEPT: usize = 32 * BATCH;

/// Different messages that are kept, at most.
const MESSAGES: usize = 100;

/// How often old periods are looked for.
const RETAIN: Duration = Duration::from_secs(600);

/// Brings alerts to the store's thread.
#[derive(Debug)]
pub struct Feeder {
    send: Sender<Message>,
    batch: Vec<Entry>,
    pressure: Pressure,
    lost: Arc<AtomicU64>,
    thread: JoinHandle<Vec<String>>,
}

#[derive(Debug)]
enum Message {
    Alerts(Vec<Entry>),
    Flush(Sender<()>),
    Ask(Question),
}

/// What can be asked, each with the way back.
#[derive(Debug)]
enum Question {
    Scan(Box<Query>, Sender<Result<Page, StoreError>>),
    Get(AlertId, Sender<Result<Option<Stored>, StoreError>>),
    Stats(Sender<Result<StoreStats, StoreError>>),
}

/// Asks the store while it is being written. The store's thread lasts as long as this does.
#[derive(Clone, Debug)]
pub struct Reader {
    send: Sender<Message>,
    lost: Arc<AtomicU64>,
}

impl Reader {
    /// See [`AlertStore::scan`]. `None`: the store's thread is gone.
    pub fn scan(&self, query: Query) -> Option<Result<Page, StoreError>> {
        self.ask(|back| Question::Scan(Box::new(query), back))
    }

    /// See [`AlertStore::get`].
    pub fn get(&self, id: AlertId) -> Option<Result<Option<Stored>, StoreError>> {
        self.ask(|back| Question::Get(id, back))
    }

    /// See [`AlertStore::stats`].
    pub fn stats(&self) -> Option<Result<StoreStats, StoreError>> {
        self.ask(Question::Stats)
    }

    /// Alerts that did not get into the store so far, because it was too slow.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    fn ask<T>(&self, question: impl FnOnce(Sender<T>) -> Question) -> Option<T> {
        let (back, answer) = bounded(1);
        self.send.send(Message::Ask(question(back))).ok()?;
        answer.recv().ok()
    }
}

impl Feeder {
    /// Starts the thread.
    pub fn start(store: Box<dyn AlertStore>, settings: &Store, pressure: Pressure) -> Self {
        let (send, messages) = bounded(WAITING);
        let retention = Retention { max_age: settings.max_age, max_size: settings.max_size };
        let flush = settings.flush.max(Duration::from_millis(10));
        let thread = std::thread::Builder::new()
            .name("store".into())
            .spawn(move || Loop { messages, store, retention, flush, errors: Vec::new() }.run())
            .expect("a process that may start no thread cannot do anything here");
        Self { send, batch: Vec::new(), pressure, lost: Arc::default(), thread }
    }

    /// A way to ask the store.
    pub fn reader(&self) -> Reader {
        Reader { send: self.send.clone(), lost: Arc::clone(&self.lost) }
    }

    /// Takes an alert.
    pub fn push(&mut self, key: AlertKey, json: &[u8]) {
        let json = json.strip_suffix(b"\n").unwrap_or(json).to_vec();
        self.batch.push(Entry { key, json });
        if self.batch.len() >= BATCH {
            self.pass_on();
        }
    }

    /// Hands over what was taken so far. Where records may be dropped and the queue is full, they are kept for the
    /// next time, up to [`KEPT`]; beyond that they lose their place in the store, and still are in the EVE file.
    pub fn pass_on(&mut self) {
        self.hand_over(self.pressure);
    }

    fn hand_over(&mut self, pressure: Pressure) {
        if self.batch.is_empty() {
            return;
        }
        let message = Message::Alerts(std::mem::take(&mut self.batch));
        match pressure {
            Pressure::Wait => {
                if let Err(error) = self.send.send(message) {
                    self.count_lost(&error.0);
                }
            }
            Pressure::Drop => match self.send.try_send(message) {
                Ok(()) => {}
                Err(TrySendError::Full(Message::Alerts(alerts))) if alerts.len() < KEPT => self.batch = alerts,
                Err(TrySendError::Full(message) | TrySendError::Disconnected(message)) => self.count_lost(&message),
            },
        }
    }

    fn count_lost(&self, message: &Message) {
        if let Message::Alerts(alerts) = message {
            self.lost.fetch_add(alerts.len() as u64, Ordering::Relaxed);
        }
    }

    /// Waits until everything taken so far survives a crash.
    pub fn flush(&mut self) {
        self.hand_over(Pressure::Wait);
        let (done, wait) = bounded(1);
        if self.send.send(Message::Flush(done)).is_ok() {
            // An error means that the thread is gone, which `finish` reports.
            let _ = wait.recv();
        }
    }

    /// Writes what is left and closes the store. Out: what went wrong.
    pub fn finish(mut self) -> Vec<String> {
        self.hand_over(Pressure::Wait);
        drop(self.send);
        let mut errors = self.thread.join().unwrap_or_else(|_| vec!["the store's thread failed".to_owned()]);
        let lost = self.lost.load(Ordering::Relaxed);
        if lost > 0 {
            errors.push(format!("{lost} alerts did not get into the store because it was too slow"));
        }
        errors
    }
}

struct Loop {
    messages: Receiver<Message>,
    store: Box<dyn AlertStore>,
    retention: Retention,
    flush: Duration,
    errors: Vec<String>,
}

impl Loop {
    fn run(mut self) -> Vec<String> {
        self.attempt(|store, retention| store.retain(retention).map(drop));
        let (mut flushed, mut retained, mut dirty) = (Instant::now(), Instant::now(), false);
        loop {
            match self.messages.recv_timeout(self.flush.saturating_sub(flushed.elapsed())) {
                Ok(Message::Alerts(alerts)) => {
                    self.attempt(|store, _| store.append(&alerts));
                    dirty = true;
                }
                Ok(Message::Flush(done)) => {
                    self.attempt(|store, _| store.flush());
                    // Whoever asked may have gone.
                    let _ = done.send(());
                }
                Ok(Message::Ask(question)) => self.answer(question),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if flushed.elapsed() >= self.flush {
                if std::mem::take(&mut dirty) {
                    self.attempt(|store, _| store.flush());
                }
                flushed = Instant::now();
            }
            if retained.elapsed() >= RETAIN {
                self.attempt(|store, retention| store.retain(retention).map(drop));
                retained = Instant::now();
            }
        }
        if let Err(error) = self.store.close() {
            note(&mut self.errors, &error);
        }
        self.errors
    }

    fn answer(&self, question: Question) {
        // Whoever asked may have gone.
        match question {
            Question::Scan(query, back) => drop(back.send(self.store.scan(&query))),
            Question::Get(id, back) => drop(back.send(self.store.get(id))),
            Question::Stats(back) => drop(back.send(self.store.stats())),
        }
    }

    /// Does something and notes what goes wrong.
    fn attempt(&mut self, act: impl FnOnce(&mut dyn AlertStore, Retention) -> Result<(), StoreError>) {
        if let Err(error) = act(self.store.as_mut(), self.retention) {
            note(&mut self.errors, &error);
        }
    }
}

/// Says what went wrong and keeps it for the end, each message once.
fn note(errors: &mut Vec<String>, error: &StoreError) {
    let line = error.to_string();
    if !errors.contains(&line) && errors.len() < MESSAGES {
        tracing::error!("{line}");
        errors.push(line);
    }
}

#[cfg(test)]
mod tests {
    use ids_core::time::Time;

    use super::*;

    /// A feeder whose queue nobody reads until the test does.
    fn stuck(pressure: Pressure) -> (Feeder, Receiver<Message>) {
        let (send, messages) = bounded(1);
        let thread = std::thread::spawn(Vec::new);
        (Feeder { send, batch: Vec::new(), pressure, lost: Arc::default(), thread }, messages)
    }

    fn sizes(messages: &Receiver<Message>) -> Vec<usize> {
        let size = |message| if let Message::Alerts(alerts) = message { alerts.len() } else { 0 };
        messages.try_iter().map(size).collect()
    }

    fn push(feeder: &mut Feeder, count: usize) {
        let key = AlertKey { time: Time::from_nanos(1), sid: 1, addrs: [None; 2] };
        (0..count).for_each(|_| feeder.push(key, b"{}"));
    }

    #[test]
    fn a_full_queue_keeps_alerts_waiting_up_to_a_limit() {
        let (mut feeder, messages) = stuck(Pressure::Drop);
        push(&mut feeder, 1);
        feeder.pass_on();
        push(&mut feeder, BATCH + 7);
        feeder.pass_on();
        let reader = feeder.reader();
        assert_eq!((sizes(&messages), reader.lost()), (vec![1], 0), "the second batch waits");
        feeder.pass_on();
        push(&mut feeder, KEPT - 1);
        assert_eq!(reader.lost(), 0);
        push(&mut feeder, 1);
        assert_eq!((sizes(&messages), reader.lost()), (vec![BATCH + 7], KEPT as u64));
        push(&mut feeder, 3);
        let errors = feeder.finish();
        assert_eq!(sizes(&messages), [3], "what comes later has room again");
        assert_eq!(errors, [format!("{KEPT} alerts did not get into the store because it was too slow")]);
    }
}
