//! Exchanges the rules of a running sensor.
//!
//! In: a call, by signal or through the socket.  Out: another rule set in force, or why the old one stays.
//! The new set is compiled beside the packet path, and workers take it over between two batches: no packet, no flow
//! and nothing that rules remember of flows and hosts is lost ([`ids_core::detect::compile`]).

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Instant;

use ids_core::detect::compile::Loader;
use serde_json::{Value, json};

use crate::interest::{self, Others, Wanted};
use crate::kernel::clock::wall;
use crate::kernel::{self, Tables};
use crate::live::rules::Force;
use crate::output::sink::RulesLoaded;
use crate::ruleset::Loaded;

/// Reads configuration and rules again; what is wrong with them, if they must not be used.
pub type Read = Box<dyn Fn(&mut Loader) -> Result<Loaded, Vec<String>> + Send + Sync>;

/// What the kernel stage hands up, which follows the rules: while workers go from the old rules to the new ones, what
/// either of them wants.
pub(super) struct Stage {
    pub(super) tables: Arc<Mutex<Tables>>,
    /// What is wanted whatever the rules are.
    pub(super) others: Others,
}

impl Stage {
    fn widen(&self, wanted: &Wanted) -> Result<(), kernel::Error> {
        let mut tables = self.tables();
        match tables.interest().map(|before| interest::either(before, &wanted.interest)) {
            Some(both) => tables.set_interest(&both),
            None => Ok(()),
        }
    }

    fn narrow(&self, wanted: &Wanted) -> Result<(), kernel::Error> {
        self.tables().set_interest(&wanted.interest)
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What exchanges rules.
pub(super) struct Reloader {
    force: Arc<Force>,
    stage: Stage,
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
    pub(super) fn new(force: Arc<Force>, stage: Stage, read: Read, loader: Loader, rules: RulesLoaded) -> Self {
        let figures = Mutex::new(Figures { rules, refused: String::new() });
        Self { force, stage, read, loader: Mutex::new(loader), figures, count: AtomicU64::new(0) }
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
        let loaded = (self.read)(&mut loader).map_err(|problems| self.refuse(&problems.join("; ")))?;
        let Loaded { rules, failed, skipped, .. } = loaded;
        let wanted = Wanted::of(&rules, &self.stage.others);
        self.stage.widen(&wanted).map_err(|error| self.refuse(&error.to_string()))?;
        let figures = RulesLoaded { when: wall(), loaded: rules.len() as u64, failed, skipped };
        if !self.force.exchange(rules) {
            tracing::warn!("reload: a worker hangs; it takes the rules over when it goes on");
        } else if let Err(error) = self.stage.narrow(&wanted) {
            tracing::warn!("reload: the kernel stage hands up what the old rules wanted, too: {error}");
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

    /// Says that nothing changes, and why.
    fn refuse(&self, because: &str) -> String {
        let refused = format!("the old rules stay in force: {because}");
        tracing::error!("reload: {refused}");
        self.figures().refused.clone_from(&refused);
        refused
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

    fn figures(&self) -> MutexGuard<'_, Figures> {
        self.figures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
