//! What the configuration says to detection. Filled in by the sensor; defaults are Suricata's.

use std::cell::OnceCell;
use std::sync::Arc;

use super::bytes;
use super::datasets;
use super::header::Vars;
use super::mpm;
use super::rule::{Action, Block};
use super::tables::{Classes, Countries, References, Reputation, Thresholds};
use crate::app::registry::ProtoId;

/// Settings for compiling rules.
pub struct Settings {
    /// `vars`.
    pub vars: Vars,
    /// `classification-file`.
    pub classes: Classes,
    /// `reference-config-file`.
    pub references: References,
    /// `threshold-file`.
    pub thresholds: Thresholds,
    /// `reputation-categories-file` and `reputation-files`.
    pub reputation: Arc<Reputation>,
    /// The database of countries, once a rule asked for it.
    pub countries: OnceCell<Result<Arc<Countries>, String>>,
    /// Protocols that the configuration turns off: rules on them do not load.
    pub disabled: Vec<ProtoId>,
    /// Fields that the configuration turns off, by name: rules on them do not load either.
    pub unmade: Vec<&'static str>,
    /// What the kernel is told when a rule drops; the first that applies counts.
    pub blocks: Vec<(BlockOn, Block)>,
    /// Bounds of what one match attempt may cost.
    pub limits: bytes::Limits,
    /// The multi-pattern matcher.
    pub algo: mpm::Algo,
    /// Reads files that rules name.
    pub files: Box<dyn Files>,
    /// `datasets`.
    pub datasets: datasets::Settings,
    /// Features that `requires: feature …` finds.
    pub features: Vec<String>,
    /// Most alerts of one packet (`packet-alert-max`); 0 means the default.
    pub max_alerts: usize,
    /// Which actions come first (`action-order`).
    pub action_order: [ActionClass; 4],
}

/// Most alerts of one packet where the configuration does not say.
pub const MAX_ALERTS: usize = 15;

/// A class of actions, for their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActionClass {
    /// `pass`.
    Pass,
    /// `drop`.
    Drop,
    /// `reject` and its variants.
    Reject,
    /// `alert`, and what only changes logging.
    Alert,
}

impl ActionClass {
    /// The order where the configuration does not say.
    pub const ORDER: [Self; 4] = [Self::Pass, Self::Drop, Self::Reject, Self::Alert];

    /// The class of an action.
    pub const fn of(action: Action) -> Self {
        match action {
            Action::Pass => Self::Pass,
            Action::Drop => Self::Drop,
            Action::Reject(_) => Self::Reject,
            Action::Alert | Action::Config => Self::Alert,
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            vars: Vars::default(),
            classes: Classes::default(),
            references: References::default(),
            thresholds: Thresholds::default(),
            reputation: Arc::default(),
            countries: OnceCell::new(),
            disabled: Vec::new(),
            unmade: Vec::new(),
            blocks: Vec::new(),
            limits: bytes::Limits::default(),
            algo: mpm::Algo::default(),
            files: Box::new(NoFiles),
            datasets: datasets::Settings::default(),
            features: Vec::new(),
            max_alerts: MAX_ALERTS,
            action_order: ActionClass::ORDER,
        }
    }
}

/// Everything of the settings that what one rule comes to depends on, files aside.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Basis {
    vars: Vars,
    classes: Classes,
    references: References,
    thresholds: Thresholds,
    disabled: Vec<ProtoId>,
    unmade: Vec<&'static str>,
    blocks: Vec<(BlockOn, Block)>,
    limits: bytes::Limits,
    features: Vec<String>,
}

impl Settings {
    /// Rules that were compiled under the same are the same. Left out is what the set as a whole depends on, and where
    /// what comes of it is not shared: reputation, countries, files.
    pub(super) fn basis(&self) -> Basis {
        Basis {
            vars: self.vars.clone(),
            classes: self.classes.clone(),
            references: self.references.clone(),
            thresholds: self.thresholds.clone(),
            disabled: self.disabled.clone(),
            unmade: self.unmade.clone(),
            blocks: self.blocks.clone(),
            limits: self.limits,
            features: self.features.clone(),
        }
    }

    /// The database of countries, read when the first rule asks for it. `Err`: why there is none.
    pub(super) fn countries(&self) -> Result<Arc<Countries>, String> {
        self.countries.get_or_init(|| Countries::read(self.files.countries()?).map(Arc::new)).clone()
    }
}

/// Which rules a block policy is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlockOn {
    /// Those of a class.
    Class(String),
    /// One.
    Sid(u32),
    /// Those at least as grave: the priority or a smaller number.
    Priority(u32),
}

/// Reads files that rules name: the only way out of this crate while loading.
pub trait Files {
    /// The content of a file. In: its name as the rule has it, and the index of the rule file that names it.
    /// `Err`: why it cannot be read.
    fn read(&self, name: &str, rule_file: usize) -> Result<Vec<u8>, String>;

    /// What a set begins with: the content of its file, nothing where that is only written to or is not there yet. In:
    /// the file's name, what it is for, and the index of the rule file that names it, if it is not the
    /// configuration. `Err`: why the file cannot be used so.
    fn set(&self, name: &str, purpose: datasets::Purpose, rule_file: Option<usize>) -> Result<Vec<u8>, String>;

    /// The content of `geoip-database`. `Err`: why it cannot be read.
    fn countries(&self) -> Result<Vec<u8>, String> {
        Err("there is no GeoIP database here".to_owned())
    }
}

/// No files at all.
struct NoFiles;

impl Files for NoFiles {
    fn read(&self, _: &str, _: usize) -> Result<Vec<u8>, String> {
        Err("rules cannot read files here".to_owned())
    }

    fn set(&self, _: &str, _: datasets::Purpose, _: Option<usize>) -> Result<Vec<u8>, String> {
        Err("sets have no files here".to_owned())
    }
}
