//! What rules and flows cost in a live run: measured on demand, shown by each worker once a second.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use ids_core::detect::cost::{Costs, Gauge};
use serde_json::{Value, json};

use crate::config::profiling::Profiling;
use crate::costs;
use crate::kernel::clock::wall;
use crate::live::Board;
use crate::live::rules::Force;

/// Switches measuring on and off, and reads what came of it.
pub(super) struct Meter {
    gauge: Option<Gauge>,
    boards: Vec<Board>,
    force: Arc<Force>,
    settings: Profiling,
}

impl Meter {
    /// In: how engines measure, where they show it, the rules, and what the configuration says.
    pub(super) fn new(gauge: Option<Gauge>, boards: Vec<Board>, force: Arc<Force>, settings: Profiling) -> Self {
        Self { gauge, boards, force, settings }
    }

    /// Measures from now on, or no longer. What was measured stays.
    pub(super) fn switch(&self, on: bool) -> Result<(), String> {
        let gauge = self.gauge.as_ref().ok_or("`profiling.rules` is not enabled in the configuration")?;
        gauge.running.store(on, Ordering::Relaxed);
        Ok(())
    }

    /// The dearest rules and flows; nothing if nothing was measured.
    pub(super) fn show(&self) -> Value {
        let running = self.gauge.as_ref().is_some_and(|gauge| gauge.running.load(Ordering::Relaxed));
        let mut shown =
            self.costs().map_or(Value::Null, |costs| costs::json(&costs, &self.force.current(), self.settings.limit));
        if let Some(shown) = shown.as_object_mut() {
            shown.insert("running".to_owned(), json!(running));
        }
        shown
    }

    /// Writes the report, if there is anything to tell. Out: what could not be written.
    pub(super) fn write(&self, log_dir: &Path) -> Option<String> {
        let written = costs::write(&self.costs()?, &self.force.current(), &self.settings, log_dir, wall());
        written.err().map(|(path, error)| format!("{}: {error}", path.display()))
    }

    /// What all workers have measured.
    fn costs(&self) -> Option<Costs> {
        let shown = self.boards.iter().filter_map(|board| board.lock().unwrap_or_else(PoisonError::into_inner).clone());
        shown.reduce(|mut sum, more| {
            sum.merge(&more);
            sum
        })
    }
}
