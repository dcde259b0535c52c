//! Files that rules name, and the files of datasets: where they lie, which are allowed, and the writing of sets.
//!
//! In: names as rules and the configuration have them.  Out: content, or why not. Files that are only read lie beside
//! the rule file that names them; files that are written lie in the data folder, and rules may not leave it unless
//! the configuration lets them. Source: the datasets chapter of the Suricata 8 user guide.

use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use ids_core::detect::datasets::{Dataset, Purpose};
use ids_core::detect::rule_set::RuleSet;
use ids_core::detect::settings::Files;

use crate::config::Config;
use crate::config::datasets::Datasets;

/// Where the files of one set of rules are.
#[derive(Debug)]
pub struct RuleFiles {
    /// Folders of the rule files, by their index.
    pub folders: Vec<PathBuf>,
    /// Where else what rules name is looked for: `default-rule-path`.
    pub default: PathBuf,
    /// `geoip-database`.
    pub countries: PathBuf,
    /// What rules may do.
    pub datasets: Datasets,
}

impl Files for RuleFiles {
    fn read(&self, name: &str, rule_file: usize) -> Result<Vec<u8>, String> {
        let beside = self.folders.get(rule_file).cloned().unwrap_or_default().join(name);
        let path = if beside.exists() { beside } else { self.default.join(name) };
        std::fs::read(path).map_err(|error| error.to_string())
    }

    fn set(&self, name: &str, purpose: Purpose, rule_file: Option<usize>) -> Result<Vec<u8>, String> {
        match (purpose, rule_file) {
            (Purpose::Load, Some(file)) => return self.read(name, file),
            (Purpose::Load, None) => {}
            (Purpose::State | Purpose::Save, _) => may_write(name, rule_file.is_none(), &self.datasets)?,
        }
        if purpose == Purpose::Save {
            return Ok(Vec::new());
        }
        match std::fs::read(self.datasets.folder.join(name)) {
            Err(error) if error.kind() == ErrorKind::NotFound && purpose == Purpose::State => Ok(Vec::new()),
            read => read.map_err(|error| error.to_string()),
        }
    }

    fn countries(&self) -> Result<Vec<u8>, String> {
        let path = &self.countries;
        std::fs::read(path).map_err(|error| format!("there is no GeoIP database {}: {error}", path.display()))
    }
}

/// Refuses files that rules may not write to.
fn may_write(name: &str, configured: bool, datasets: &Datasets) -> Result<(), String> {
    if configured {
        return Ok(());
    }
    if !datasets.write {
        return Err("rules may not write files (`datasets.rules.allow-write`)".to_owned());
    }
    let path = Path::new(name);
    let key = "`datasets.rules.allow-absolute-filenames`";
    if path.is_absolute() && !datasets.absolute {
        return Err(format!("absolute paths are not allowed ({key})"));
    }
    if path.components().any(|part| part == Component::ParentDir) && !datasets.absolute {
        return Err(format!("directory traversals are not allowed ({key})"));
    }
    Ok(())
}

/// Writes the sets that have a file. Out: what could not be written.
pub fn save(config: &Config, rules: &RuleSet) -> Vec<String> {
    let write = |set: &Dataset| {
        let save = set.save()?;
        let path = config.datasets.folder.join(&save.name);
        let error = replace(&path, set.dump().as_bytes()).err()?;
        Some(format!("dataset {}: cannot write {}: {error}", set.name(), path.display()))
    };
    rules.datasets().iter().filter_map(|set| write(set)).collect()
}

/// Puts a whole file in the place of the one before, so that a failure leaves that one.
fn replace(path: &Path, content: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    std::fs::write(&new, content)?;
    std::fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(folder: &Path, yaml: &str) -> (Config, RuleFiles) {
        let config = Config::from_tree(crate::config::node::parse(yaml).unwrap(), false);
        let mut datasets = config.datasets.clone();
        datasets.folder = folder.join("data");
        let files = RuleFiles {
            folders: vec![folder.join("rules")],
            default: folder.join("default"),
            countries: PathBuf::new(),
            datasets,
        };
        (config, files)
    }

    #[test]
    fn files_are_found_where_they_belong() {
        let folder = tempfile::tempdir().unwrap();
        let (_, files) = files(folder.path(), "");
        for (place, name) in [("rules", "a"), ("default", "a"), ("default", "b"), ("data", "c"), ("data", "a")] {
            replace(&folder.path().join(place).join(name), format!("{place}/{name}").as_bytes()).unwrap();
        }
        let absolute = folder.path().join("data/c").display().to_string();
        for (name, purpose, by, wanted) in [
            ("a", Purpose::Load, Some(0), Ok("rules/a")),
            ("b", Purpose::Load, Some(0), Ok("default/b")),
            ("c", Purpose::Load, Some(0), Err(())),
            (&*absolute, Purpose::Load, Some(0), Ok("data/c")),
            ("a", Purpose::Load, None, Ok("data/a")),
            ("a", Purpose::State, Some(0), Ok("data/a")),
            ("none", Purpose::State, Some(0), Ok("")),
            ("none", Purpose::Load, None, Err(())),
            ("a", Purpose::Save, Some(0), Ok("")),
            (&*absolute, Purpose::State, None, Ok("data/c")),
        ] {
            let found = files.set(name, purpose, by).map_err(drop);
            assert_eq!(found, wanted.map(|text| text.as_bytes().to_vec()), "{name} {purpose:?} {by:?}");
        }
    }

    #[test]
    fn rules_write_only_where_they_may() {
        let folder = tempfile::tempdir().unwrap();
        let free = "datasets:\n  rules:\n    allow-absolute-filenames: yes\n";
        let tied = "datasets:\n  rules:\n    allow-write: no\n";
        for (yaml, name, allowed) in [
            ("", "a/b", true),
            ("", "/a", false),
            ("", "../a", false),
            ("", "a/../b", false),
            (free, "/a", true),
            (free, "a/../b", true),
            (tied, "a", false),
        ] {
            let (_, files) = files(folder.path(), yaml);
            for purpose in [Purpose::State, Purpose::Save] {
                assert_eq!(files.set(name, purpose, Some(0)).is_ok(), allowed, "{yaml} {name} {purpose:?}");
            }
            assert!(files.set("a", Purpose::State, None).is_ok(), "the configuration may");
        }
    }
}
