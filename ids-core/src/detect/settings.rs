//! What the configuration says to detection. Filled in by the sensor; defaults are Suricata's.

use super::bytes;
use super::header::Vars;
use super::mpm;
use super::rule::{Action, Block};
use super::tables::{Classes, References, Thresholds};
use crate::app::registry::ProtoId;
use crate::verdict::RejectTo;

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
    /// Protocols that the configuration turns off: rules on them do not load.
    pub disabled: Vec<ProtoId>,
    /// What the kernel is told when a rule drops; the first that applies counts.
    pub blocks: Vec<(BlockOn, Block)>,
    /// Bounds of what one match attempt may cost.
    pub limits: bytes::Limits,
    /// The multi-pattern matcher.
    pub algo: mpm::Algo,
    /// Reads files that rules name.
    pub files: Box<dyn Files>,
    /// Features that `requires: feature …` finds.
    pub features: Vec<String>,
    /// Most alerts of one packet (`packet-alert-max`).
    pub max_alerts: usize,
    /// Which action comes first when several rules match (`action-order`); who is told of a reject is of no account.
    pub order: [Action; 4],
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            vars: Vars::default(),
            classes: Classes::default(),
            references: References::default(),
            thresholds: Thresholds::default(),
            disabled: Vec::new(),
            blocks: Vec::new(),
            limits: bytes::Limits::default(),
            algo: mpm::Algo::default(),
            files: Box::new(NoFiles),
            features: Vec::new(),
            max_alerts: 15,
            order: [Action::Pass, Action::Drop, Action::Reject(RejectTo::Source), Action::Alert],
        }
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
}

/// No files at all.
struct NoFiles;

impl Files for NoFiles {
    fn read(&self, _: &str, _: usize) -> Result<Vec<u8>, String> {
        Err("rules cannot read files here".to_owned())
    }
}
