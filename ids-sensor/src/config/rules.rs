//! Rules, and the files that go with them.

use std::path::{Path, PathBuf};

use ids_core::detect::rule::Action;
use ids_core::verdict::RejectTo;

use super::section::{Section, Warnings};

/// Names of actions.
const ACTIONS: &[(&str, Action)] =
    &[("pass", Action::Pass), ("drop", Action::Drop), ("reject", REJECT), ("alert", Action::Alert)];

/// Any reject: whom it is sent to makes no difference to the order.
const REJECT: Action = Action::Reject(RejectTo::Source);

/// The settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Rule files, as written; relative ones lie in `folder`, globs are allowed.
    pub files: Vec<String>,
    /// `default-rule-path`.
    pub folder: PathBuf,
    /// `classification-file`.
    pub classification: Option<PathBuf>,
    /// `reference-config-file`.
    pub references: Option<PathBuf>,
    /// `threshold-file`.
    pub thresholds: Option<PathBuf>,
    /// `geoip-database`.
    pub countries: PathBuf,
    /// Which action comes first when several rules match.
    pub order: [Action; 4],
}

impl Rules {
    pub(super) fn read(root: &Section<'_>, refusals: &Warnings) -> Self {
        let path = |key| root.text(key).map(PathBuf::from);
        Self {
            files: root.texts("rule-files").unwrap_or_default(),
            folder: root.text_or("default-rule-path", ".").into(),
            classification: path("classification-file"),
            references: path("reference-config-file"),
            thresholds: path("threshold-file"),
            countries: root.text_or("geoip-database", "/usr/share/GeoIP/GeoLite2-Country.mmdb").into(),
            order: order(root, refusals),
        }
    }

    /// The rule files with the folder before relative names.
    pub fn paths(&self) -> Vec<PathBuf> {
        self.files.iter().map(|name| self.folder.join(Path::new(name))).collect()
    }
}

/// `action-order` must name each action once, or it cannot be meant.
fn order(root: &Section<'_>, refusals: &Warnings) -> [Action; 4] {
    const USUAL: [Action; 4] = [Action::Pass, Action::Drop, REJECT, Action::Alert];
    let Some(words) = root.texts("action-order") else { return USUAL };
    let actions: Vec<Action> = words
        .iter()
        .filter_map(|word| ACTIONS.iter().find(|(name, _)| name == word).map(|(_, action)| *action))
        .collect();
    let each_once = ACTIONS.iter().all(|(_, action)| actions.contains(action));
    match <[Action; 4]>::try_from(actions) {
        Ok(order) if each_once && words.len() == 4 => order,
        _ => {
            let line = root.node("action-order").map_or(0, |node| node.line);
            let help = "list pass, drop, reject and alert, each once";
            refusals.add(line, "action-order", format!("`{}` is no order of actions", words.join(", ")), help);
            USUAL
        }
    }
}
