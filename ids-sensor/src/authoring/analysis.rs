//! What was made of the rules, as files: `--engine-analysis`.
//!
//! In: a rule set with what is wrong with it, and the log folder.  Out: `rules.json` (one object a rule),
//! `patterns.json`, `rule_group.json` (which rules look at which ports), and for people `rules_analysis.txt` and
//! `rules_fast_pattern.txt`. All say what the rule set says of itself; nothing is worked out here.

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use ids_core::detect::describe::Grouping;
use ids_core::detect::rule_set::RuleSet;
use ids_core::record::Writer;
use serde_json::Value;

use super::report::Finding;
use crate::output::eve::json::Json;
use crate::ruleset::Loaded;

/// Why a file could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}: {source}", path.display())]
pub struct WriteError {
    path: PathBuf,
    source: io::Error,
}

/// Writes all files.
///
/// # Errors
/// The folder cannot be made, or a file not be written.
pub fn write(loaded: &Loaded, grouping: &Grouping, folder: &Path) -> Result<(), WriteError> {
    std::fs::create_dir_all(folder).map_err(|source| WriteError { path: folder.to_owned(), source })?;
    let save = |name: &str, content: &[u8]| {
        let path = folder.join(name);
        std::fs::write(&path, content).map_err(|source| WriteError { path, source })
    };
    let lines = lines(&loaded.rules);
    let told = told(&lines);
    save("rules.json", &[lines.join(&b'\n'), b"\n".to_vec()].concat())?;
    save("patterns.json", &object(|json| loaded.rules.describe_patterns(json)))?;
    save("rule_group.json", &object(|json| loaded.rules.describe_groups(grouping, json)))?;
    let findings: Vec<_> = loaded.findings().collect();
    save("rules_analysis.txt", for_people(&told, &findings).as_bytes())?;
    save("rules_fast_pattern.txt", fast_patterns(&told).as_bytes())
}

fn lines(rules: &RuleSet) -> Vec<Vec<u8>> {
    let line = |id| {
        let mut out = Vec::new();
        let mut json = Json::begin(&mut out);
        rules.describe(id, &mut json);
        json.end();
        out
    };
    rules.ids().map(line).collect()
}

/// One object on one line.
fn object(describe: impl FnOnce(&mut dyn Writer)) -> Vec<u8> {
    let mut out = Vec::new();
    let mut json = Json::begin(&mut out);
    describe(&mut json);
    json.end();
    out.push(b'\n');
    out
}

/// Every rule with what it asks, then what is wrong with rules.
fn for_people(rules: &[Value], findings: &[Finding<'_>]) -> String {
    let mut out = String::new();
    rules.iter().for_each(|rule| one(rule, &mut out));
    for finding in findings {
        line(&mut out, format_args!("{}", finding.one_line()));
    }
    line(&mut out, format_args!("{} rules", rules.len()));
    out
}

/// What was made of the rules with these numbers, of all if there are none: for people, or one JSON object a line as in
/// `rules.json`.
pub fn explain(loaded: &Loaded, sids: &[u32], json: bool) -> String {
    let mut out = String::new();
    for rule in told(&lines(&loaded.rules)) {
        match sids.is_empty() || sids.iter().any(|sid| rule["id"] == *sid) {
            true if json => line(&mut out, format_args!("{rule}")),
            true => one(&rule, &mut out),
            false => {}
        }
    }
    out
}

fn told(lines: &[Vec<u8>]) -> Vec<Value> {
    lines.iter().map(|line| serde_json::from_slice(line).expect("what was written is JSON")).collect()
}

fn one(rule: &Value, out: &mut String) {
    line(out, format_args!("== Sid: {} ==\n{}", rule["id"], text(&rule["raw"])));
    line(out, format_args!("    Rule is of the type {}, about {}.", text(&rule["type"]), text(&rule["app_proto"])));
    for (key, what) in [("requirements", "It needs"), ("flags", "It is marked")] {
        let words = words(&rule[key]);
        if !words.is_empty() {
            line(out, format_args!("    {what}: {words}."));
        }
    }
    for engine in rule["engines"].as_array().into_iter().flatten() {
        let tests = names(&engine["matches"]);
        let (name, direction) = (text(&engine["name"]), text(&engine["direction"]));
        line(out, format_args!("    In the buffer {name} ({direction}): {tests}."));
    }
    for (name, list) in rule["lists"].as_object().into_iter().flatten() {
        line(out, format_args!("    In the list {name}: {}.", names(&list["matches"])));
    }
    match &rule["mpm"] {
        Value::Null => line(out, format_args!("    It has no fast pattern.")),
        mpm => line(out, format_args!("    {}", fast_pattern(mpm))),
    }
    for note in rule["notes"].as_array().into_iter().flatten() {
        line(out, format_args!("    Note: {}.", text(note)));
    }
    out.push('\n');
}

fn fast_patterns(rules: &[Value]) -> String {
    let mut out = String::new();
    for rule in rules {
        let found = match &rule["mpm"] {
            Value::Null => "no fast pattern".to_owned(),
            mpm => fast_pattern(mpm),
        };
        line(&mut out, format_args!("== Sid: {} ==\n{}\n    {found}\n", rule["id"], text(&rule["raw"])));
    }
    out
}

fn fast_pattern(mpm: &Value) -> String {
    format!("Fast pattern \"{}\" in the buffer {}.", text(&mpm["pattern"]), text(&mpm["buffer"]))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn words(list: &Value) -> String {
    let words: Vec<_> = list.as_array().into_iter().flatten().map(text).collect();
    words.join(", ")
}

fn names(list: &Value) -> String {
    let names: Vec<_> = list.as_array().into_iter().flatten().map(|test| text(&test["name"])).collect();
    names.join(", ")
}

fn line(out: &mut String, what: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{what}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, node};
    use crate::ruleset::{From, load};

    #[test]
    fn all_embedded_signatures_are_described() {
        let config = Config::from_tree(node::parse("").expect("an empty configuration"), false);
        let loaded = load(&config, &From::Embedded);
        let folder = tempfile::tempdir().expect("a folder");
        write(&loaded, &config.engine.detect.grouping, folder.path()).expect("writes");
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).expect(name);
        assert_eq!(read("rules.json").lines().count(), loaded.rules.len());
        assert_eq!(read("rules_fast_pattern.txt").matches("== Sid: ").count(), loaded.rules.len());
        assert!(read("rules_analysis.txt").ends_with(&format!("\n{} rules\n", loaded.rules.len())));
        let patterns: Value = serde_json::from_str(&read("patterns.json")).expect("JSON");
        assert!(patterns["buffers"].as_array().is_some_and(|buffers| !buffers.is_empty()));
        let groups: Value = serde_json::from_str(&read("rule_group.json")).expect("JSON");
        assert!(groups["tcp"]["toserver"].as_array().is_some_and(|groups| !groups.is_empty()));
    }
}
