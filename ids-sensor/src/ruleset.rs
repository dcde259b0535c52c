//! Rule files, and the tables that go with them → a rule set.
//!
//! In: the configuration and paths.  Out: [`Loaded`]: the set, and everything that is wrong, with its place. One bad
//! rule or one missing file costs that alone. Without files the embedded signatures are used.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ids_core::app::registry;
use ids_core::detect::bytes;
use ids_core::detect::compile::Loader;
use ids_core::detect::header::{AddressSet, Reader, Vars};
use ids_core::detect::keywords::FILE_STORE;
use ids_core::detect::mpm::Algo;
use ids_core::detect::rule_set::RuleSet;
use ids_core::detect::settings::{ActionClass, BlockOn, Settings};
use ids_core::detect::tables::{Classes, References, Reputation, Thresholds};
use ids_core::rules::ast::Spanned;
use ids_core::rules::{self, Fault};

use crate::authoring::report::{Finding, Source};
use crate::config::Config;
use crate::magic;
use crate::rule_files::RuleFiles;

/// The signatures that come with the sensor.
const EMBEDDED: &[(&str, &str)] = &[
    ("signatures/dns.rules", include_str!("../../signatures/dns.rules")),
    ("signatures/malware.rules", include_str!("../../signatures/malware.rules")),
    ("signatures/scanners.rules", include_str!("../../signatures/scanners.rules")),
    ("signatures/web-attacks.rules", include_str!("../../signatures/web-attacks.rules")),
];
/// Classes and references where the configuration names no file.
const CLASSES: &str = include_str!("../../signatures/classification.config");
const REFERENCES: &str = include_str!("../../signatures/reference.config");

/// Where rules come from.
#[derive(Clone, Debug)]
pub enum From {
    /// The embedded signatures.
    Embedded,
    /// These files, in order; possibly none.
    Files(Vec<PathBuf>),
}

/// What loading came to.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The rules that are good.
    pub rules: RuleSet,
    /// The files as they were read; faults name them by position.
    pub sources: Vec<Source>,
    /// What is wrong with rules, in the order of files and lines.
    pub faults: Vec<(usize, Fault)>,
    /// What is wrong with anything else: files that cannot be read, lines of tables.
    pub problems: Vec<String>,
    /// Rule files that cannot be read.
    pub unread: Vec<PathBuf>,
    /// Rules that did not load.
    pub failed: u64,
    /// Rules whose `requires` does not hold.
    pub skipped: u64,
}

impl Loaded {
    /// The faults with their places.
    pub fn findings(&self) -> impl Iterator<Item = Finding<'_>> {
        self.faults.iter().filter_map(|(file, fault)| {
            let source = self.sources.get(*file)?;
            Some(Finding::new(source, &fault.origin, fault.text.len(), &fault.diagnostic))
        })
    }
}

/// Loads rules as the configuration says.
pub fn load(config: &Config, from: &From) -> Loaded {
    load_with(&mut Loader::default(), config, from)
}

/// The same with a loader that has loaded rules before: names keep their numbers, and what did not change is shared.
pub fn load_with(loader: &mut Loader, config: &Config, from: &From) -> Loaded {
    load_keeping(loader, config, from, true)
}

/// The same for those who show no excerpts of findings: the texts of the files are not kept.
pub fn load_without_texts(loader: &mut Loader, config: &Config, from: &From) -> Loaded {
    load_keeping(loader, config, from, false)
}

fn load_keeping(loader: &mut Loader, config: &Config, from: &From, texts: bool) -> Loaded {
    let mut loaded = Loaded::default();
    read_sources(from, &mut loaded);
    let folders = loaded.sources.iter().map(|source| source.path.parent().map(PathBuf::from).unwrap_or_default());
    let settings = settings(config, folders.collect(), &mut loaded.problems);
    let Loaded { sources, faults, .. } = &mut loaded;
    let mut read = 0;
    // Read as they are compiled: all trees at once would be most of what loading takes.
    let read_all = sources.iter_mut().enumerate().flat_map(|(file, source)| {
        let text = if texts { source.text.clone() } else { std::mem::take(&mut source.text) };
        rules::read(text).map(move |rule| (file, rule))
    });
    let whole = read_all.filter_map(|(file, rule)| match rule {
        Ok(rule) => {
            read += 1;
            Some((file, rule))
        }
        Err(fault) => {
            faults.push((file, *fault));
            None
        }
    });
    let compiled = loader.compile(whole, &settings);
    loaded.failed += loaded.faults.len() as u64;
    match compiled {
        Ok(compiled) => {
            loaded.skipped = compiled.skipped as u64;
            loaded.failed += read - loaded.skipped - compiled.rules.len() as u64;
            loaded.rules = compiled.rules;
            if loaded.rules.files().kind {
                magic::prepare();
            }
            loaded.faults.extend(compiled.faults);
            loaded.problems.extend(compiled.set_faults);
        }
        Err(error) => {
            loaded.failed += read;
            loaded.problems.push(format!("no rule could be loaded: {error}"));
        }
    }
    loaded.faults.sort_by_key(|(file, fault)| (*file, fault.origin.position(fault.diagnostic.span.start)));
    loaded
}

/// Takes the text of all rule files into memory.
fn read_sources(from: &From, loaded: &mut Loaded) {
    match from {
        From::Embedded => {
            let sources = EMBEDDED.iter().map(|(path, text)| Source { path: path.into(), text: (*text).to_owned() });
            loaded.sources.extend(sources);
        }
        From::Files(paths) => {
            for path in paths {
                match std::fs::read(path) {
                    Ok(bytes) => {
                        let text = String::from_utf8(bytes)
                            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
                        loaded.sources.push(Source { path: path.clone(), text });
                    }
                    Err(error) => {
                        loaded.problems.push(unread(path, &error));
                        loaded.unread.push(path.clone());
                    }
                }
            }
        }
    }
}

/// Why a rule file is missing, and what to look at.
fn unread(path: &Path, error: &std::io::Error) -> String {
    let name = path.display();
    let is_pattern = path.file_name().is_some_and(|name| name.to_string_lossy().contains(['*', '?']));
    if is_pattern && error.kind() == std::io::ErrorKind::NotFound {
        return format!("no rule file fits {name}: look at the folder, and quote the pattern for the shell");
    }
    let step = match error.kind() {
        std::io::ErrorKind::NotFound => "look at its name and folder (`-S`, `-s`, `default-rule-path`)",
        std::io::ErrorKind::PermissionDenied => "let this user read it",
        std::io::ErrorKind::IsADirectory => "give the files of a folder as 'FOLDER/*.rules'",
        _ => "its rules are missing",
    };
    format!("cannot read rule file {name}: {error}; {step}")
}

/// HOME_NET, if the configuration has one that says something: not where it is everything.
pub fn home_net(config: &Config) -> Option<Arc<AddressSet>> {
    let text = "$HOME_NET".to_owned();
    let text = Spanned { span: 0..text.len(), text };
    // A mistake in it is told of where rules name it.
    Reader::default().address(&text, &vars(config)).ok().filter(|home| !home.is_any())
}

fn vars(config: &Config) -> Vars {
    Vars {
        addresses: config.vars.addresses.iter().cloned().collect(),
        ports: config.vars.ports.iter().cloned().collect(),
    }
}

fn settings(config: &Config, folders: Vec<PathBuf>, problems: &mut Vec<String>) -> Settings {
    let vars = vars(config);
    let (classes, faults) = Classes::parse(&table(config.rules.classification.as_deref(), CLASSES, problems));
    note(config.rules.classification.as_deref(), faults, problems);
    let (references, faults) = References::parse(&table(config.rules.references.as_deref(), REFERENCES, problems));
    note(config.rules.references.as_deref(), faults, problems);
    let (thresholds, faults) = Thresholds::parse(&table(config.rules.thresholds.as_deref(), "", problems), &vars);
    note(config.rules.thresholds.as_deref(), faults, problems);
    let off = |name: &str| config.engine.app.protocols.iter().any(|switch| switch.name == name && !switch.detect);
    let blocks = config.ips.blocks.iter().filter_map(|line| {
        let on = match (&line.classtype, line.sid, line.priority) {
            (Some(class), _, _) => BlockOn::Class(class.clone()),
            (None, Some(sid), _) => BlockOn::Sid(sid),
            (None, None, Some(priority)) => BlockOn::Priority(priority),
            (None, None, None) => return None,
        };
        Some((on, line.block))
    });
    let default = config.rules.folder.clone();
    let files =
        RuleFiles { folders, default, countries: config.rules.countries.clone(), datasets: config.datasets.clone() };
    Settings {
        vars,
        classes,
        references,
        thresholds,
        reputation: Arc::new(reputation(config, problems)),
        unmade: [config.engine.app.tls.unmade().as_slice(), config.engine.app.ssh.unmade()].concat(),
        disabled: registry::all().filter(|(_, row)| off(row.name)).map(|(id, _)| id).collect(),
        blocks: blocks.collect(),
        limits: bytes::Limits { regex_steps: config.engine.detect.pcre_steps, ..bytes::Limits::default() },
        algo: match config.engine.detect.mpm.as_str() {
            "off" => Algo::Off,
            name if name.starts_with("ac") => Algo::Ac,
            _ => Algo::Auto,
        },
        files: Box::new(files),
        datasets: config.datasets.settings.clone(),
        max_alerts: config.engine.detect.alerts_per_packet,
        features: config.outputs.file_store.iter().map(|_| FILE_STORE.to_owned()).collect(),
        action_order: config.rules.order.map(ActionClass::of),
        ..Settings::default()
    }
}

/// The categories and lists of the configuration; none where it names no categories.
fn reputation(config: &Config, problems: &mut Vec<String>) -> Reputation {
    let mut reputation = Reputation::default();
    let config = &config.reputation;
    let Some(categories) = config.categories.as_deref() else { return reputation };
    let faults = reputation.add_categories(&table(Some(categories), "", problems));
    note(Some(categories), faults, problems);
    for path in &config.lists {
        let faults = reputation.add_list(&table(Some(path), "", problems));
        note(Some(path), faults, problems);
    }
    reputation
}

/// The text of a table: of the file that the configuration names, else our own.
fn table(path: Option<&Path>, own: &str, problems: &mut Vec<String>) -> String {
    let Some(path) = path else { return own.to_owned() };
    match std::fs::read(path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => {
            problems.push(format!("{}: {error}", path.display()));
            own.to_owned()
        }
    }
}

fn note(path: Option<&Path>, faults: Vec<ids_core::detect::tables::LineFault>, problems: &mut Vec<String>) {
    let name = path.map_or_else(|| "embedded table".to_owned(), |path| path.display().to_string());
    problems.extend(faults.into_iter().map(|(line, fault)| format!("{name}:{line}: {}", fault.message)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_embedded_signatures_load_without_a_word() {
        let config = Config::from_tree(crate::config::node::parse("").expect("an empty configuration"), false);
        let loaded = load(&config, &From::Embedded);
        let findings: Vec<_> = loaded.findings().map(|finding| finding.one_line()).collect();
        assert_eq!(findings, Vec::<String>::new());
        assert_eq!(loaded.problems, Vec::<String>::new());
        assert!(loaded.rules.len() >= 60);
    }
}
