//! Keywords on files that protocols carry: names, sizes, digests.

use crate::detect::builder::RuleBuilder;
use crate::detect::bytes::text::Part;
use crate::detect::files::{Digest, FileTest, Store, Which};
use crate::detect::integer;
use crate::detect::rule_set::{Check, Effect};
use crate::field::Dirs;
use crate::rules::ast::Opt;
use crate::rules::diagnostic::{Code, Diagnostic};

/// Protocols that carry files have this field.
const FILE_DATA: &str = "file.data";

/// What the configuration must have for files to be stored, by its name for `requires`.
pub const FILE_STORE: &str = "output::file-store";

/// Adds a test of files to the rule.
fn add(rule: &mut RuleBuilder<'_, '_>, opt: &Opt, test: FileTest, dirs: Dirs) -> Result<(), Diagnostic> {
    on_files(rule, opt)?;
    rule.check(Check::File(vec![test]), None, dirs, opt.span.clone());
    Ok(())
}

/// The rule is about protocols that carry files.
fn on_files(rule: &mut RuleBuilder<'_, '_>, opt: &Opt) -> Result<(), Diagnostic> {
    super::about(rule, opt, FILE_DATA, "carries files")
}

/// `[!]"text"`
fn text(opt: &Opt) -> Result<(bool, Vec<u8>), Diagnostic> {
    let (negated, text) = Part::value(opt)?.negation();
    let bytes = super::unquoted(text)?.bytes()?;
    if bytes.is_empty() { Err(text.bad("the text is empty")) } else { Ok((negated, bytes.to_ascii_lowercase())) }
}

pub(super) fn name(rule: &mut RuleBuilder<'_, '_>, opt: &Opt) -> Result<(), Diagnostic> {
    let (negated, text) = text(opt)?;
    add(rule, opt, FileTest::Name { text, negated }, Dirs::Both)
}

pub(super) fn extension(rule: &mut RuleBuilder<'_, '_>, opt: &Opt) -> Result<(), Diagnostic> {
    let (negated, text) = text(opt)?;
    add(rule, opt, FileTest::Extension { text, negated }, Dirs::Both)
}

pub(super) fn kind(rule: &mut RuleBuilder<'_, '_>, opt: &Opt) -> Result<(), Diagnostic> {
    let (negated, text) = text(opt)?;
    add(rule, opt, FileTest::Kind { text, negated }, Dirs::Both)
}

/// `[direction[,scope]]`: without a direction, files that the rule matches on.
pub(super) fn store(rule: &mut RuleBuilder<'_, '_>, opt: &Opt) -> Result<(), Diagnostic> {
    const DIRS: &[(&str, Dirs)] = &[
        ("request", Dirs::ToServer),
        ("to_server", Dirs::ToServer),
        ("response", Dirs::ToClient),
        ("to_client", Dirs::ToClient),
        ("both", Dirs::Both),
    ];
    const SCOPES: &[(&str, Which)] =
        &[("file", Which::Matched), ("tx", Which::Transaction), ("ssn", Which::Flow), ("flow", Which::Flow)];
    let mut store = Store { dirs: None, which: Which::Matched };
    if opt.value.as_ref().is_some_and(|value| !value.text.is_empty()) {
        let value = Part::value(opt)?;
        let parts: Vec<_> = value.split(',').collect();
        let (dir, scope) = match *parts {
            [dir] => (dir, None),
            [dir, scope] => (dir, Some(scope)),
            _ => return Err(value.bad("expected a direction and a scope, such as `to_client,file`")),
        };
        store.dirs = Some(named(dir, DIRS, "`request`, `to_server`, `response`, `to_client`, `both`")?);
        if let Some(scope) = scope {
            store.which = named(scope, SCOPES, "`file`, `tx`, `ssn`, `flow`")?;
        }
    }
    on_files(rule, opt)?;
    if !rule.cx.settings.features.iter().any(|feature| feature == FILE_STORE) {
        let message = "files are not stored: the output `file-store` is not enabled";
        let warning = Diagnostic::warning(Code::NoEffect, opt.span.clone(), message);
        rule.warnings.push(warning.help("enable it under `outputs` in the configuration"));
    }
    if store.dirs.is_none() {
        rule.check(Check::File(Vec::new()), None, Dirs::Both, opt.span.clone());
    }
    rule.effects.push(Effect::Store(store));
    Ok(())
}

fn named<T: Copy>(word: Part<'_>, words: &[(&str, T)], all: &str) -> Result<T, Diagnostic> {
    let word = word.trim();
    let known = words.iter().find(|row| row.0 == word.text).map(|row| row.1);
    known.ok_or_else(|| super::unknown(word, all))
}

/// `[to_server,|to_client,]integer`
pub(super) fn size(rule: &mut RuleBuilder<'_, '_>, opt: &Opt) -> Result<(), Diagnostic> {
    let value = Part::value(opt)?;
    let sides = [("to_server", Dirs::ToServer), ("to_client", Dirs::ToClient)];
    let side = sides.into_iter().find_map(|(name, dirs)| Some((value.strip(name)?.trim().strip(",")?.trim(), dirs)));
    let (number, dirs) = side.unwrap_or((value, Dirs::Both));
    let test = integer::parse(number.text, 64, &[]).map_err(|problem| number.problem(problem))?;
    add(rule, opt, FileTest::Size(test), dirs)
}

pub(super) fn md5(rule: &mut RuleBuilder<'_, '_>, opt: &Opt) -> Result<(), Diagnostic> {
    digest(rule, opt, Digest::Md5, 16)
}

pub(super) fn sha1(rule: &mut RuleBuilder<'_, '_>, opt: &Opt) -> Result<(), Diagnostic> {
    digest(rule, opt, Digest::Sha1, 20)
}

pub(super) fn sha256(rule: &mut RuleBuilder<'_, '_>, opt: &Opt) -> Result<(), Diagnostic> {
    digest(rule, opt, Digest::Sha256, 32)
}

/// `[!]file`, with one digest at the start of each line.
fn digest(rule: &mut RuleBuilder<'_, '_>, opt: &Opt, which: Digest, size: usize) -> Result<(), Diagnostic> {
    let (negated, path) = Part::value(opt)?.negation();
    let path = super::unquoted(path)?;
    let bad = |message: String| Diagnostic::error(Code::BadFile, path.span(), message);
    let content = rule.cx.settings.files.read(path.text, rule.file).map_err(bad)?;
    let mut list: Vec<Box<[u8]>> = Vec::new();
    for (number, line) in content.split(|byte| *byte == b'\n').enumerate() {
        let digits = line.trim_ascii_start();
        if digits.is_empty() || digits.starts_with(b"#") {
            continue;
        }
        let bytes = digits.get(..2 * size).and_then(unhex);
        let bytes = bytes.ok_or_else(|| bad(format!("line {} has no digest of {size} bytes", number + 1)))?;
        list.push(bytes.into());
    }
    list.sort_unstable();
    list.dedup();
    add(rule, opt, FileTest::Digest { which, list: list.into(), negated }, Dirs::Both)
}

fn unhex(digits: &[u8]) -> Option<Vec<u8>> {
    let (pairs, _) = digits.as_chunks::<2>();
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|value| u8::try_from(value).ok());
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}
