//! `logging`: what the program says about itself, and how loudly.

use super::node::Value;
use super::section::{self, Section};

/// How much is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Only what stops working.
    Error,
    /// Also what the operator should act on.
    Warn,
    /// Also start, stop, reload.
    Info,
    /// Also what helps to find mistakes.
    Debug,
}

/// Names of levels; those of the established engine included.
const LEVELS: &[(&str, Level)] = &[
    ("error", Level::Error),
    ("emergency", Level::Error),
    ("alert", Level::Error),
    ("critical", Level::Error),
    ("warning", Level::Warn),
    ("notice", Level::Warn),
    ("info", Level::Info),
    ("perf", Level::Info),
    ("config", Level::Debug),
    ("debug", Level::Debug),
];

/// The settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logging {
    /// What is said on standard error.
    pub console: Option<Level>,
    /// File in the log folder, and what is said there.
    pub file: Option<(String, Level)>,
}

impl Logging {
    pub(super) fn read(root: &Section<'_>) -> Self {
        root.section("logging", |logging| {
            logging.ignore(&["default-log-format", "default-output-filter", "stacktrace-on-signal"]);
            let level = logging.word("default-log-level", LEVELS).unwrap_or(Level::Warn);
            let mut settings = Self { console: Some(level), file: None };
            let Some(node) = logging.node("outputs") else { return settings };
            let Value::List(items) = &node.value else { return settings };
            for item in items {
                section::read(Some(item), &logging.path("outputs"), logging.warnings(), |output| {
                    output.ignore(&["syslog"]);
                    output.section("console", |console| {
                        console.ignore(&["type", "format"]);
                        let own = console.word("level", LEVELS).unwrap_or(level);
                        if !console.flag("enabled", true) {
                            settings.console = None;
                        } else if output.has("console") {
                            settings.console = Some(own);
                        }
                    });
                    output.section("file", |file| {
                        file.ignore(&["type", "format", "append"]);
                        let own = file.word("level", LEVELS).unwrap_or(level);
                        let name = file.text_or("filename", "ids-sensor.log");
                        if output.has("file") && file.flag("enabled", false) {
                            settings.file = Some((name, own));
                        }
                    });
                });
            }
            settings
        })
    }
}
