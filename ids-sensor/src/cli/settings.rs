//! From arguments to a configuration: what every command does that loads one.

use std::fs::File;
use std::path::{Path, PathBuf};

use ids_core::detect::compile::Loader;

use super::args::Common;
use super::{Failure, log, say};
use crate::authoring::report::Finding;
use crate::config::logging::Level;
use crate::config::{self, Config, LoadError, Source};
use crate::ruleset::{self, From, Loaded};

/// Loads the configuration with everything that the command line changes in it, and begins to log. Without a
/// `log_dir`, that of the configuration counts.
///
/// # Errors
/// It cannot be read (3) or is no configuration (1), or has a contradiction (1); with `--strict` also warnings.
pub fn load(common: &Common, more: &[String], inline: bool, log_dir: Option<&Path>) -> Result<Config, Failure> {
    let config = read(common, more, inline)?;
    // Testing a configuration leaves nothing behind.
    let file = if common.test_config || common.dump_config {
        None
    } else {
        log_file(&config, log_dir.unwrap_or(&config.log_dir))?
    };
    log::start(config.logging.console, file, common.verbose);
    checked(common, config)
}

/// Prints every setting, one a line (`--dump-config`).
///
/// # Errors
/// See [`say::text`].
pub fn dump(config: &Config) -> Result<(), Failure> {
    let mut text = String::new();
    config.tree.leaves("", &mut |path, value| text.extend([path, " = ", value, "\n"]));
    say::text(text)
}

fn read(common: &Common, more: &[String], inline: bool) -> Result<Config, Failure> {
    let data_dir = common.data_dir.as_ref().map(|folder| format!("default-data-dir={}", folder.display()));
    let set = common.set.iter().chain(more).cloned().chain(data_dir).collect();
    let source = Source { file: common.config.clone(), include: common.include.clone(), set, inline };
    config::load(&source).map_err(|error| match unloadable(error) {
        // What a test of the configuration finds is a refusal, whatever it is.
        Failure::Environment(line) if common.test_config => Failure::refusal(line),
        failure => failure,
    })
}

/// Why there is no configuration.
pub(super) fn unloadable(error: LoadError) -> Failure {
    match error {
        LoadError::Set(_) => Failure::Usage(error.to_string()),
        LoadError::Read { .. } => Failure::environment(error),
        error => Failure::refusal(error),
    }
}

/// Says what is wrong with a configuration; whether it may be used.
fn checked(common: &Common, config: Config) -> Result<Config, Failure> {
    for warning in &config.warnings {
        tracing::warn!("configuration: {warning}");
    }
    let mut problems: Vec<String> = config.refusals.iter().map(|refusal| format!("configuration: {refusal}")).collect();
    if common.strict {
        problems.extend(config.warnings.iter().map(|warning| format!("configuration: {warning}")));
    }
    if problems.is_empty() { Ok(config) } else { Err(Failure::Refusal(problems)) }
}

/// Opens the file that the configuration wants messages in.
fn log_file(config: &Config, log_dir: &Path) -> Result<Option<(File, Level)>, Failure> {
    let Some((name, level)) = &config.logging.file else { return Ok(None) };
    let path = log_dir.join(name);
    let opened = std::fs::create_dir_all(path.parent().unwrap_or(log_dir))
        .and_then(|()| File::options().create(true).append(true).open(&path));
    let file = opened.map_err(|error| Failure::Environment(format!("cannot write {}: {error}", path.display())))?;
    Ok(Some((file, *level)))
}

/// Loads the rules that count, and says what is wrong with them.
///
/// # Errors
/// With `--init-errors-fatal` or `-T`, a rule that does not load, or a file that cannot be read (1); with `--strict`
/// warnings, too.
pub fn rules(common: &Common, config: &Config) -> Result<Loaded, Failure> {
    rules_with(&mut Loader::default(), common, config)
}

/// Reads configuration and rules again, for a sensor that runs.
///
/// # Errors
/// What [`load`] and [`rules`] refuse, and what a start would let pass with a warning: a rule file that cannot be
/// read, and files in which no rule is good. The rules in force are better than none.
pub fn reload(loader: &mut Loader, common: &Common, inline: bool) -> Result<Loaded, Failure> {
    let config = checked(common, read(common, &[], inline)?)?;
    let loaded = rules_with(loader, common, &config)?;
    if !loaded.unread.is_empty() {
        return Err(Failure::Refusal(loaded.problems));
    }
    if loaded.rules.is_empty() && loaded.failed > 0 {
        let first = loaded.findings().find(Finding::is_error).map(|finding| finding.one_line());
        let mut lines = vec![format!("none of {} rules loads", loaded.failed)];
        lines.extend(first.into_iter().chain(loaded.problems));
        return Err(Failure::Refusal(lines));
    }
    Ok(loaded)
}

/// [`rules`] with a loader that may have loaded rules before.
///
/// # Errors
/// As there.
pub fn rules_with(loader: &mut Loader, common: &Common, config: &Config) -> Result<Loaded, Failure> {
    let ours = common.config.is_none() && common.rules_only.is_empty() && common.rules_too.is_empty();
    let from = if ours && !common.disable_detection { From::Embedded } else { From::Files(rule_files(common, config)) };
    let loaded = ruleset::load_without_texts(loader, config, &from);
    let findings: Vec<_> = loaded.findings().collect();
    let fatal = common.init_errors_fatal || common.test_config || common.strict;
    let mut refused: Vec<String> = Vec::new();
    for finding in &findings {
        if fatal && finding.is_error() || common.strict {
            refused.push(finding.one_line());
        } else {
            tracing::warn!("{}", finding.one_line());
        }
    }
    for problem in &loaded.problems {
        if fatal { refused.push(problem.clone()) } else { tracing::warn!("{problem}") }
    }
    if !refused.is_empty() {
        return Err(Failure::Refusal(refused));
    }
    tracing::info!(loaded = loaded.rules.len(), failed = loaded.failed, skipped = loaded.skipped, "rules");
    drop(findings);
    Ok(loaded)
}

/// What to tell of a configuration with which nothing can be found, or nothing be told of it.
pub fn idle(common: &Common, config: &Config, loaded: &Loaded) -> Option<String> {
    let file = common.config.as_ref()?.display();
    // What was asked for, or was told already, needs no hint.
    let told = common.disable_detection || loaded.failed > 0 || !loaded.unread.is_empty();
    let missing = match (loaded.rules.is_empty() && !told, config.outputs.is_empty()) {
        (true, true) => "neither rules nor outputs: add `rule-files` and `outputs`, or leave `-c` out",
        (true, false) => "no rules: add `rule-files`, or give `-S FILE`",
        (false, true) => "no outputs: add `outputs`, lest records go nowhere",
        (false, false) => return None,
    };
    Some(format!("{file} names {missing}"))
}

/// The rule files that count: those of `-S` alone, or those of the configuration and of `-s`. Globs are written
/// out, sorted by name; a glob that matches nothing stays as it is, to be named as missing.
pub fn rule_files(common: &Common, config: &Config) -> Vec<PathBuf> {
    if common.disable_detection {
        return Vec::new();
    }
    let patterns: Vec<PathBuf> = if common.rules_only.is_empty() {
        config.rules.paths().into_iter().chain(common.rules_too.iter().map(PathBuf::from)).collect()
    } else {
        common.rules_only.iter().map(PathBuf::from).collect()
    };
    patterns.into_iter().flat_map(expand).collect()
}

/// The files of a folder whose names fit a pattern with `*` and `?` in its last part.
fn expand(pattern: PathBuf) -> Vec<PathBuf> {
    let name = pattern.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if !name.contains(['*', '?']) {
        return vec![pattern];
    }
    let folder =
        pattern.parent().filter(|folder| !folder.as_os_str().is_empty()).map_or(PathBuf::from("."), PathBuf::from);
    let Ok(entries) = std::fs::read_dir(&folder) else { return vec![pattern] };
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut files: Vec<PathBuf> =
        names.filter(|file| fits(name.as_bytes(), file.as_bytes())).map(|file| folder.join(file)).collect();
    files.sort();
    if files.is_empty() { vec![pattern] } else { files }
}

fn fits(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern.split_first(), name.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => (0..=name.len()).any(|skip| fits(rest, &name[skip..])),
        (Some((b'?', rest)), Some((_, name))) => fits(rest, name),
        (Some((wanted, rest)), Some((found, name))) => wanted == found && fits(rest, name),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs() {
        for (pattern, name, want) in [
            ("*.rules", "local.rules", true),
            ("*.rules", "local.rules.bak", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b*", "xxbxxaxx", false),
        ] {
            assert_eq!(fits(pattern.as_bytes(), name.as_bytes()), want, "{pattern} {name}");
        }
    }

    #[test]
    fn rules_of_the_command_line_replace_or_follow_those_of_the_configuration() {
        let config =
            Config::from_tree(config::node::parse("default-rule-path: r\nrule-files: [a.rules]").unwrap(), false);
        let common = |only: &[&str], too: &[&str]| Common {
            rules_only: only.iter().map(|name| (*name).to_owned()).collect(),
            rules_too: too.iter().map(|name| (*name).to_owned()).collect(),
            ..Common::default()
        };
        let files = |common: Common| rule_files(&common, &config);
        assert_eq!(files(common(&[], &[])), [PathBuf::from("r/a.rules")]);
        assert_eq!(files(common(&[], &["b"])), [PathBuf::from("r/a.rules"), "b".into()]);
        assert_eq!(files(common(&["c", "d"], &["b"])), [PathBuf::from("c"), "d".into()]);
        assert!(files(Common { disable_detection: true, ..common(&["c"], &[]) }).is_empty());
    }
}
