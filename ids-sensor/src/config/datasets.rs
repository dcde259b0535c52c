//! `datasets`: sets of values, their bounds, and what rules may do with files.

use std::path::PathBuf;

use ids_core::detect::datasets::{Kind, Settings, Spec};

use super::node::{Node, Value};
use super::section::{self, Section};

/// The settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datasets {
    /// Sets and bounds.
    pub settings: Settings,
    /// Where files lie that sets are written to (`default-data-dir`, `--data-dir`).
    pub folder: PathBuf,
    /// Rules may name files with absolute paths, and with `..` in them.
    pub absolute: bool,
    /// Rules may name files that are written to.
    pub write: bool,
}

/// Maps of the section that are no sets.
const OTHERS: [&str; 3] = ["defaults", "limits", "rules"];

impl Datasets {
    pub(super) fn read(root: &Section<'_>) -> Self {
        let folder = root.text_or("default-data-dir", "/var/lib/ids-sensor").into();
        root.section("datasets", |datasets| {
            let usual = Settings::default();
            let enabled = datasets.flag("enabled", true);
            let (memcap, hashsize) = datasets.section("defaults", |defaults| {
                (defaults.bytes("memcap", usual.memcap), defaults.number("hashsize", usual.hashsize))
            });
            let (single_hashsize, total_hashsizes) = datasets.section("limits", |limits| {
                let single = limits.number("single-hashsize", usual.single_hashsize);
                (single, limits.number("total-hashsizes", usual.total_hashsizes))
            });
            let (absolute, write) = datasets.section("rules", |rules| {
                (rules.flag("allow-absolute-filenames", false), rules.flag("allow-write", true))
            });
            let mut sets = sets(datasets);
            if !enabled {
                sets.clear();
            }
            let settings = Settings { sets, memcap, hashsize, single_hashsize, total_hashsizes };
            Self { settings, folder, absolute, write }
        })
    }
}

/// Every other map declares a set.
fn sets(datasets: &Section<'_>) -> Vec<Spec> {
    let is_set = |name: &str, node: &Node| matches!(node.value, Value::Map(_)) && !OTHERS.contains(&name);
    let entries = datasets.entries().iter().filter(|(name, node)| is_set(name, node));
    let read = |set: &Section<'_>, name: &str| Spec {
        name: name.to_owned(),
        kind: set.parsed("type", "string, md5, sha256, ipv4 or ip", Kind::named),
        load: set.text("load").map(str::to_owned),
        save: set.text("save").map(str::to_owned),
        state: set.text("state").map(str::to_owned),
        memcap: set.bytes_opt("memcap"),
        hashsize: set.number_opt("hashsize"),
        ..Spec::default()
    };
    entries
        .map(|(name, node)| section::read(Some(node), &datasets.path(name), datasets.warnings(), |set| read(set, name)))
        .collect()
}
