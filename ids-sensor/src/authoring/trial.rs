//! Signatures tried on exchanges written as text.
//!
//! In: a rule set, and cases.  Out: for each case whether it went as it says.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ids_core::app::App;
use ids_core::detect::rule_set::RuleSet;
use ids_core::detect::shared::Shared;
use ids_core::engine::{self, Command, Engine, Side, Sink};
use ids_core::event::Event;
use ids_core::packet::{LinkType, PacketIn};
use ids_core::time::Time;
use ids_core::verdict::Verdict;

use super::exchange::{Case, ExchangeError};

/// What a case came to.
#[derive(Debug)]
pub struct Outcome {
    /// Its name.
    pub case: String,
    /// Alerts by signature.
    pub fired: BTreeMap<u32, usize>,
    /// Signatures that should have fired and did not.
    pub missing: Vec<u32>,
    /// Signatures that should have stayed silent and did not.
    pub unwanted: Vec<u32>,
}

impl Outcome {
    /// Whether it went as the case says.
    pub fn passed(&self) -> bool {
        self.missing.is_empty() && self.unwanted.is_empty()
    }
}

/// What a file of cases looks like.
pub const FORM: &str = "a file of cases is a list of:
  - case: what it shows
    exchange: [{request: \"GET / HTTP/1.1\"}]   # or client, server, response, query, …
    fires: [1000001]
    silent: [1000002]";

/// Why a file of cases cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// It cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// It is no list of cases.
    #[error("{}: {reason}\n{FORM}", path.display())]
    Parse {
        /// Which.
        path: PathBuf,
        /// What is wrong, and where.
        reason: String,
    },
    /// A case cannot be turned into packets.
    #[error("{}: case `{case}`: {source}", path.display())]
    Exchange {
        /// Which file.
        path: PathBuf,
        /// Which case.
        case: String,
        /// Why.
        source: ExchangeError,
    },
}

/// Reads a file of cases, or all of a folder, sorted by name.
pub fn cases(path: &Path) -> Result<Vec<(PathBuf, Vec<Case>)>, TrialError> {
    let read = |source| TrialError::Read { path: path.to_owned(), source };
    let mut files = vec![path.to_owned()];
    if path.is_dir() {
        files.clear();
        for entry in std::fs::read_dir(path).map_err(read)? {
            let file = entry.map_err(read)?.path();
            if file.extension().is_some_and(|kind| kind == "yaml" || kind == "yml") {
                files.push(file);
            }
        }
        files.sort();
    }
    let parsed = files.into_iter().map(|file| {
        let text = std::fs::read_to_string(&file).map_err(|source| TrialError::Read { path: file.clone(), source })?;
        let list: Vec<Case> = serde_yaml::from_str(&text)
            .map_err(|error| TrialError::Parse { path: file.clone(), reason: error.to_string() })?;
        Ok((file, list))
    });
    parsed.collect()
}

/// Takes the packets of a case through a fresh engine.
pub fn run(
    rules: &RuleSet,
    settings: &Arc<engine::Config>,
    app: &Arc<App>,
    case: &Case,
) -> Result<Outcome, ExchangeError> {
    let mut engine = Engine::new(Arc::clone(settings), Arc::clone(app), Shared::default());
    let mut ear = Ear::default();
    let mut last = Time::ZERO;
    for (id, (time, mut frame)) in (1..).zip(case.frames()?) {
        last = time;
        let packet = PacketIn { id, port: 0, time, link: LinkType::Ethernet, bytes: &mut frame };
        engine.push(rules, packet, &mut ear);
    }
    engine.tick(rules, last, &mut ear);
    engine.finish(rules, &mut ear);
    let fired = ear.fired;
    let missing = case.fires.iter().copied().filter(|sid| !fired.contains_key(sid)).collect();
    let unwanted = case.silent.iter().copied().filter(|sid| fired.contains_key(sid)).collect();
    Ok(Outcome { case: case.case.clone(), fired, missing, unwanted })
}

/// Hears alerts, and nothing else.
#[derive(Default)]
struct Ear {
    fired: BTreeMap<u32, usize>,
}

impl Sink for Ear {
    fn verdict(&mut self, _: u64, _: Verdict) {}

    fn inject(&mut self, _: u16, _: Side, _: &[u8]) {}

    fn kernel(&mut self, _: Command) {}

    fn event(&mut self, event: Event<'_>) {
        if let Event::Alert(alert) = event {
            *self.fired.entry(alert.rule.sid).or_default() += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::config::{self, Config};
    use crate::ruleset::{self, From};

    #[test]
    fn every_embedded_signature_fires_and_stays_silent_as_its_cases_say() {
        let config = Config::from_tree(config::node::parse("").expect("an empty configuration"), false);
        let loaded = ruleset::load(&config, &From::Embedded);
        let settings = Arc::new(config::core::engine(&config, false));
        let app = Arc::new(App::new(settings.app.clone()));
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../signatures/tests");
        let (mut fires, mut silent, mut failed) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
        for (file, list) in cases(&folder).unwrap() {
            for case in list {
                let outcome = run(&loaded.rules, &settings, &app, &case).unwrap();
                if !outcome.passed() {
                    failed.push((file.clone(), outcome));
                }
                fires.extend(case.fires);
                silent.extend(case.silent);
            }
        }
        assert!(failed.is_empty(), "{failed:#?}");
        let all: BTreeSet<u32> = loaded.rules.headers().map(|row| row.0.sid).collect();
        let markers = [3_100_310, 3_100_314]; // They only set a flowbit, so there is nothing for them to fire.
        let unproven: Vec<_> = all.iter().filter(|sid| !markers.contains(sid) && !fires.contains(sid)).collect();
        assert!(unproven.is_empty(), "no case in which it fires: {unproven:?}");
        assert_eq!(all.difference(&silent).collect::<Vec<_>>(), Vec::<&u32>::new(), "no near miss");
    }
}
