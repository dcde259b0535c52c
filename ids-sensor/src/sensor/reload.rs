//! Exchanges the rules of a running sensor.
//!
//! In: a call, by signal or through the socket.  Out: another rule set in force, or why the old one stays.
//! The new set is compiled beside the packet path, and workers take it over between two batches: no packet, no flow
//! and nothing that rules remember of flows and hosts is lost ([`ids_core::detect::compile`]).

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::time::Instant;

use ids_core::detect::compile::Loader;
use serde_json::{Value, json};

use crate::kernel::clock::wall;
use crate::live::rules::Force;
use crate::output::sink::RulesLoaded;
use crate::ruleset::Loaded;

/// Reads configuration and rules again; what is wrong with them, if they must not be used.
pub type Read = Box<dyn Fn(&mut Loader) -> Result<Loaded, Vec<String>> + Send + Sync>;

/// What exchanges rules.
pub(super) struct Reloader {
    force: Arc<Force>,
    read: Read,
    /// It knows all names that rules ever used. Locked by the reload that is under way.
    loader: Mutex<Loader>,
    figures: Mutex<Figures>,
    count: AtomicU64,
}

/// How it went last.
#[derive(Clone, Debug, Default)]
struct Figures {
    rules: RulesLoaded,
    /// Why the latest reload was refused; empty if it was not.
    refused: String,
}

/// What a reload is called while another one is under way.
const UNDER_WAY: &str = "a reload is under way";

impl Reloader {
    /// A reloader after the first loading of rules.
    pub(super) fn new(force: Arc<Force>, read: Read, loader: Loader, rules: RulesLoaded) -> Self {
        let figures = Mutex::new(Figures { rules, refused: String::new() });
        Self { force, read, loader: Mutex::new(loader), figures, count: AtomicU64::new(0) }
    }

    /// What loading came to that of the rules in force.
    pub(super) fn rules(&self) -> RulesLoaded {
        self.figures().rules
    }

    /// Loads the rules again, and puts them in force.
    ///
    /// # Errors
    /// Why the old ones stay.
    pub(super) fn reload(&self) -> Result<RulesLoaded, String> {
        let mut loader = match self.loader.try_lock() {
            Ok(loader) => loader,
            // A reload that panicked has put nothing in force.
            Err(TryLockError::Poisoned(loader)) => loader.into_inner(),
            Err(TryLockError::WouldBlock) => return Err(UNDER_WAY.to_owned()),
        };
        let start = Instant::now();
        let loaded = (self.read)(&mut loader).map_err(|problems| {
            let refused = format!("the old rules stay in force: {}", problems.join("; "));
            tracing::error!("reload: {refused}");
            self.figures().refused.clone_from(&refused);
            refused
        })?;
        let Loaded { rules, failed, skipped, .. } = loaded;
        let figures = RulesLoaded { when: wall(), loaded: rules.len() as u64, failed, skipped };
        if !self.force.exchange(rules) {
            tracing::warn!("reload: a worker hangs; it takes the rules over when it goes on");
        }
        *self.figures() = Figures { rules: figures, refused: String::new() };
        self.count.fetch_add(1, Ordering::Relaxed);
        let seconds = start.elapsed().as_secs_f64();
        tracing::info!(loaded = figures.loaded, failed, skipped, seconds, "rules are reloaded");
        Ok(figures)
    }

    /// The same on a thread of its own; the log says how it went.
    pub(super) fn reload_aside(self: &Arc<Self>) -> Result<(), String> {
        if matches!(self.loader.try_lock(), Err(TryLockError::WouldBlock)) {
            return Err(UNDER_WAY.to_owned());
        }
        let reloader = Arc::clone(self);
        let work = move || {
            if let Err(error) = reloader.reload() {
                tracing::warn!("reload: {error}");
            }
        };
        std::thread::Builder::new().name("reload".to_owned()).spawn(work).map(drop).map_err(|error| error.to_string())
    }

    /// For `status`.
    pub(super) fn status(&self) -> Value {
        let Figures { rules, refused } = self.figures().clone();
        json!({
            "loaded": rules.loaded,
            "failed": rules.failed,
            "skipped": rules.skipped,
            "since": rules.when.nanos() / 1_000_000_000,
            "reloads": self.count.load(Ordering::Relaxed),
            "refused": refused,
        })
    }

    fn figures(&self) -> std::sync::MutexGuard<'_, Figures> {
        self.figures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
