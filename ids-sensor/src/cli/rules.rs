//! `rules check`, `explain`, `test`, `keywords` and `interest`: what authors of rules ask.

use std::collections::{BTreeMap, HashSet};
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Subcommand};
use ids_core::app::App;
use ids_core::detect::compile::Loader;
use ids_core::detect::manual;
use ids_core::rules::diagnostic::Code;
use serde_json::{Value, json};

use super::args::Common;
use super::{Failure, log, say, settings};
use crate::authoring::analysis;
use crate::authoring::report::Finding;
use crate::authoring::trial::{self, TrialError};
use crate::config::logging::Level;
use crate::config::{self, Config};
use crate::interest::{ALWAYS, Others, Wanted};
use crate::layout::{self, count};
use crate::ruleset::{self, From, Loaded};

/// How wide excerpts of rules are that go to no terminal.
const UNKNOWN_WIDTH: usize = 100;
/// What later lines of a sentence begin with.
const INDENT: &str = "  ";
/// The same in the list of keywords, below what they do.
const KEYWORD_INDENT: &str = "                                 ";

/// Arguments of `rules`.
#[derive(Debug, Args)]
pub struct Rules {
    /// What to do with rules.
    #[command(subcommand)]
    pub what: RulesCommand,
}

/// What to do with rules.
#[derive(Debug, Subcommand)]
pub enum RulesCommand {
    /// Say everything that is wrong with rules, all files in one run
    ///
    /// Compiles all that replay compiles. Exit code 1 if a rule does not load.
    #[command(after_help = "Example:\n  ids-sensor rules check -S 'rules/*.rules'")]
    Check(Check),
    /// Say what was made of rules: when they are looked at, what finds them, what they test where
    #[command(after_help = "Example:\n  ids-sensor rules explain -S local.rules --sid 1000001")]
    Explain(Explain),
    /// Say what a keyword does and how it is written; without a name, list all
    #[command(after_help = "Example:\n  ids-sensor rules keywords byte_test")]
    Keywords(Keywords),
    /// Try signatures on exchanges written as text
    ///
    /// A case says who sends what, which signatures must fire, and which must stay silent; the packets are made
    /// here. Exit code 1 if a case does not go as it says.
    #[command(after_help = "Example:\n  ids-sensor rules test signatures/tests -S 'signatures/*.rules'")]
    Test(Test),
    /// Say what the kernel stage skips, and why it cannot skip the rest
    ///
    /// What rules, records and settings want together, by headers alone, as `run` puts it into force.
    #[command(after_help = "Example:\n  ids-sensor rules interest -S 'rules/*.rules'")]
    Interest(Interest),
}

/// Arguments of `rules interest`.
#[derive(Debug, Args)]
pub struct Interest {
    /// Configuration and rules.
    #[command(flatten)]
    pub common: Common,

    /// As for inline pairs, where settings drop packets without any rule
    #[arg(long)]
    pub inline: bool,

    /// Print one JSON object a line
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `rules check`.
#[derive(Debug, Args)]
pub struct Check {
    /// Configuration and rules.
    #[command(flatten)]
    pub common: Common,

    /// Print one JSON object a line
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `rules explain`.
#[derive(Debug, Args)]
pub struct Explain {
    /// Configuration and rules.
    #[command(flatten)]
    pub common: Common,

    /// Only rules with this number; may be repeated
    #[arg(long, value_name = "SID")]
    pub sid: Vec<u32>,

    /// Print one JSON object a line
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `rules keywords`.
#[derive(Debug, Args)]
pub struct Keywords {
    /// Name of a keyword, a buffer, a transform or an option of one
    #[arg(value_name = "NAME")]
    pub name: Option<String>,

    /// Print one JSON object a line
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `rules test`.
#[derive(Debug, Args)]
pub struct Test {
    /// File of cases (YAML), or a folder of them
    #[arg(value_name = "FILE|FOLDER")]
    pub cases: PathBuf,

    /// Configuration and rules.
    #[command(flatten)]
    pub common: Common,

    /// Print one JSON object a line
    #[arg(long)]
    pub json: bool,
}

/// Runs the command.
///
/// # Errors
/// See [`Failure`].
pub fn run(args: &Rules) -> Result<(), Failure> {
    log::start(Some(Level::Warn), None, 0);
    match &args.what {
        RulesCommand::Check(check) => self::check(check),
        RulesCommand::Explain(explain) => self::explain(explain),
        RulesCommand::Keywords(keywords) => self::keywords(keywords),
        RulesCommand::Test(test) => self::test(test),
        RulesCommand::Interest(interest) => self::interest(interest),
    }
}

/// The configuration and the rules that the arguments mean; what is wrong with rules is left to the caller.
fn load(common: &Common, inline: bool, mut loader: Loader) -> Result<(Config, Loaded), Failure> {
    let source = config::Source {
        file: common.config.clone(),
        include: common.include.clone(),
        set: common.set.clone(),
        inline,
    };
    let config = config::load(&source).map_err(settings::unloadable)?;
    let given = !common.rules_only.is_empty() || !common.rules_too.is_empty() || common.config.is_some();
    let from = if given { From::Files(settings::rule_files(common, &config)) } else { From::Embedded };
    let loaded = ruleset::load_with(&mut loader, &config, &from);
    Ok((config, loaded))
}

fn check(args: &Check) -> Result<(), Failure> {
    let (_, loaded) = load(&args.common, false, Loader::thorough())?;
    let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let width = layout::width().unwrap_or(UNKNOWN_WIDTH);
    let findings: Vec<_> = loaded.findings().collect();
    for finding in &findings {
        if args.json {
            say::line(finding.json())?;
        } else {
            say::line(format_args!("{}\n", finding.text(colour, width)))?;
        }
    }
    for problem in &loaded.problems {
        eprintln!("ids-sensor: {problem}");
    }
    let errors = findings.iter().filter(|finding| finding.is_error()).count();
    if !args.json {
        let warnings = findings.len() - errors;
        let (rules, warnings) = (count(loaded.rules.len() as u64, "rule"), count(warnings as u64, "warning"));
        say::line(format_args!("{rules} good, {} bad, {warnings}", loaded.failed))?;
        for (name, count) in not_yet(&loaded) {
            say::line(format_args!("  not supported yet: {name} ({count})"))?;
        }
    }
    if errors == 0 && loaded.problems.is_empty() {
        return Ok(());
    }
    // Named above, one by one.
    let wrong = [(errors as u64, "error"), (loaded.problems.len() as u64, "file problem")];
    let wrong: Vec<_> = wrong.into_iter().filter(|row| row.0 > 0).map(|(number, thing)| count(number, thing)).collect();
    Err(Failure::refusal(wrong.join(", ")))
}

/// Keywords and values that are not supported yet, with how many rules each costs, most first.
fn not_yet(loaded: &Loaded) -> Vec<(String, usize)> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for (_, fault) in &loaded.faults {
        if fault.diagnostic.code == Code::NotSupported {
            let word = fault.text.get(fault.diagnostic.span.clone()).unwrap_or_default();
            let name = word.split([':', ',', ' ']).next().unwrap_or_default();
            *counts.entry(name.to_owned()).or_default() += 1;
        }
    }
    let mut rows: Vec<_> = counts.into_iter().collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.1));
    rows
}

fn interest(args: &Interest) -> Result<(), Failure> {
    let (config, loaded) = load(&args.common, args.inline, Loader::default())?;
    for finding in loaded.findings().filter(|finding| finding.is_error()) {
        eprintln!("ids-sensor: {}", finding.one_line());
    }
    for problem in &loaded.problems {
        eprintln!("ids-sensor: {problem}");
    }
    let others = Others::of(&config, &config::core::engine(&config, args.inline));
    let width = layout::width();
    for report in Wanted::of(&loaded.rules, &others).reports() {
        if args.json {
            say::line(serde_json::to_string(&report).map_err(Failure::environment)?)?;
        } else {
            say::line(layout::wrap(&report.text(), INDENT, width))?;
        }
    }
    if args.json { Ok(()) } else { say::line(layout::wrap(ALWAYS, INDENT, width)) }
}

fn explain(args: &Explain) -> Result<(), Failure> {
    let (_, loaded) = load(&args.common, false, Loader::thorough())?;
    let told = analysis::explain(&loaded, &args.sid, args.json);
    say::text(&told)?;
    let failed = loaded.findings().filter(Finding::is_error).count();
    match told.is_empty() {
        true if failed == 0 => {
            Err(Failure::refusal("no rule has this sid: give its file with `-S`, or leave `--sid` out to see all"))
        }
        true => Err(Failure::refusal("no such rule loads: `ids-sensor rules check` says what is wrong")),
        false => Ok(()),
    }
}

fn keywords(args: &Keywords) -> Result<(), Failure> {
    let entries = manual::entries();
    let Some(name) = args.name.as_deref().map(str::to_ascii_lowercase) else {
        return entries.iter().try_for_each(|entry| {
            if args.json {
                return say::line(object(entry));
            }
            let doc = if entry.doc.is_empty() { entry.what } else { entry.doc };
            say::line(layout::wrap(&format!("{:<32} {doc}", entry.name), KEYWORD_INDENT, layout::width()))
        });
    };
    let Some(entry) = entries.iter().find(|entry| entry.is(&name)) else {
        return Err(Failure::refusal(format!("`{name}` is not a keyword: {}", meant(&name, &entries))));
    };
    if args.json {
        return say::line(object(entry));
    }
    say::line(format_args!("{}: {}", entry.name, entry.what))?;
    let also = entry.also.join(", ");
    let rows = [("", entry.doc), ("also:    ", &also), ("form:    ", &entry.form), ("example: ", &entry.example)];
    rows.iter().filter(|row| !row.1.is_empty()).try_for_each(|(label, text)| {
        let end = if label.is_empty() || *label == "also:    " { "" } else { ";" };
        let indent = " ".repeat(2 + label.len());
        say::line(layout::wrap(&format!("  {label}{text}{end}"), &indent, layout::width()))
    })
}

fn object(entry: &manual::Entry) -> Value {
    let manual::Entry { name, also, what, doc, form, example } = entry;
    json!({"name": name, "also": also, "what": what, "doc": doc, "form": form, "example": example})
}

/// What may have been meant by a name that is none.
fn meant(name: &str, entries: &[manual::Entry]) -> String {
    if let Some(nearest) = manual::nearest(name) {
        return format!("did you mean `{nearest}`?");
    }
    let with: Vec<_> = entries.iter().filter(|entry| entry.name.contains(name)).map(|entry| entry.name).collect();
    match with.as_slice() {
        [] => "`ids-sensor rules keywords` lists all".to_owned(),
        with => format!("in whose name it is: {}", with.join(", ")),
    }
}

fn test(args: &Test) -> Result<(), Failure> {
    let (config, loaded) = load(&args.common, false, Loader::default())?;
    for finding in loaded.findings().filter(|finding| finding.is_error()) {
        eprintln!("ids-sensor: {}", finding.one_line());
    }
    let files = trial::cases(&args.cases).map_err(|error| match error {
        TrialError::Read { .. } => {
            Failure::Environment(format!("{error}; give a file of cases (YAML), or a folder of them"))
        }
        TrialError::Parse { .. } | TrialError::Exchange { .. } => Failure::refusal(error),
    })?;
    if files.iter().all(|(_, cases)| cases.is_empty()) {
        let place = args.cases.display();
        return Err(Failure::refusal(format!("no case in {place}: cases stand in files *.yaml; {}", trial::FORM)));
    }
    let known: HashSet<u32> = loaded.rules.headers().map(|row| row.0.sid).collect();
    let engine = Arc::new(config::core::engine(&config, false));
    let app = Arc::new(App::new(engine.app.clone()));
    let (mut passed, mut failed) = (0, Vec::new());
    for (file, cases) in &files {
        for case in cases {
            let outcome = trial::run(&loaded.rules, &engine, &app, case).map_err(|source| {
                Failure::refusal(TrialError::Exchange { path: file.clone(), case: case.case.clone(), source })
            })?;
            if args.json {
                let (file, passed) = (file.display().to_string(), outcome.passed());
                let trial::Outcome { case, fired, missing, unwanted } = &outcome;
                say::line(json!({
                    "file": file, "case": case, "passed": passed,
                    "fired": fired, "missing": missing, "unwanted": unwanted,
                }))?;
            }
            if outcome.passed() {
                passed += 1;
                continue;
            }
            let words = |sids: &[u32], what: &str| match sids {
                [] => String::new(),
                sids => format!(" {what} {sids:?}"),
            };
            let (absent, silent): (Vec<u32>, Vec<u32>) = outcome.missing.iter().partition(|sid| !known.contains(sid));
            let absent = words(&absent, "not loaded (give its file with `-S`):");
            let (silent, fired) = (words(&silent, "did not fire:"), words(&outcome.unwanted, "fired:"));
            failed.push(format!("{}: `{}`:{absent}{silent}{fired}", file.display(), outcome.case));
        }
    }
    if !args.json {
        say::line(format_args!("{} passed, {} failed", count(passed, "case"), failed.len()))?;
    }
    if failed.is_empty() { Ok(()) } else { Err(Failure::Refusal(failed)) }
}
