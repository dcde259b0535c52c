//! Typed reading of a map of the configuration, with warnings for what is wrong or unknown.
//!
//! In: a map of the tree.  Out: values of the types asked for, defaults where there are none, and warnings: a
//! value of the wrong type leaves the default in place, a key that nobody asked for is named together with
//! the nearest key that somebody did ask for.

use std::cell::RefCell;
use std::fmt;
use std::time::Duration;

use super::node::{Map, Node, Value};
use super::scalar;

/// Something in the configuration that has no effect, or not the one that was meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Line in the main file; 0 if it came from the command line or the defaults.
    pub line: usize,
    /// Where in the tree: `stream.reassembly.depth`.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// The next step; may be empty.
    pub help: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(out, "line {}: ", self.line)?;
        }
        write!(out, "{}: {}", self.path, self.message)?;
        if !self.help.is_empty() {
            write!(out, "; {}", self.help)?;
        }
        Ok(())
    }
}

/// Collects warnings while a configuration is read.
#[derive(Debug, Default)]
pub struct Warnings(RefCell<Vec<Warning>>);

impl Warnings {
    /// Adds one.
    pub fn add(&self, line: usize, path: &str, message: impl Into<String>, help: impl Into<String>) {
        let (message, help) = (message.into(), help.into());
        self.0.borrow_mut().push(Warning { line, path: path.to_owned(), message, help });
    }

    /// All of them, in the order they were found.
    pub fn into_vec(self) -> Vec<Warning> {
        self.0.into_inner()
    }
}

/// One map of the configuration while it is being read.
#[derive(Debug)]
pub struct Section<'a> {
    path: String,
    map: &'a [(String, Node)],
    known: RefCell<Vec<&'static str>>,
    warnings: &'a Warnings,
}

/// Reads the map `node` (or nothing, where there is none) with `read`, and warns of the keys it did not ask for.
pub fn read<'a, T>(
    node: Option<&'a Node>,
    path: &str,
    warnings: &'a Warnings,
    read: impl FnOnce(&Section<'a>) -> T,
) -> T {
    const NOTHING: &Map = &Map::new();
    let map = match node.map(|node| &node.value) {
        Some(Value::Map(map)) => map,
        None | Some(Value::Null) => NOTHING,
        Some(_) => {
            warnings.add(node.map_or(0, |node| node.line), path, "expected keys and values", "");
            NOTHING
        }
    };
    let section = Section { path: path.to_owned(), map, known: RefCell::default(), warnings };
    let value = read(&section);
    section.warn_of_unknown();
    value
}

impl<'a> Section<'a> {
    /// The value of a key, whatever it is; `None` also for a key without a value.
    pub fn node(&self, key: &'static str) -> Option<&'a Node> {
        self.known.borrow_mut().push(key);
        let node = self.map.iter().find(|(name, _)| name == key).map(|(_, node)| node)?;
        (node.value != Value::Null).then_some(node)
    }

    /// Whether the key stands there, with or without a value.
    pub fn has(&self, key: &'static str) -> bool {
        self.known.borrow_mut().push(key);
        self.map.iter().any(|(name, _)| name == key)
    }

    /// Keys of the established engine that mean nothing here: no warning for them.
    pub fn ignore(&self, keys: &[&'static str]) {
        self.known.borrow_mut().extend_from_slice(keys);
    }

    /// All keys and values, each of which counts as known.
    pub fn entries(&self) -> &'a [(String, Node)] {
        self.known.borrow_mut().push("*");
        self.map
    }

    /// Where this section stands, and the key below it.
    pub fn path(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// The collector of warnings.
    pub fn warnings(&self) -> &'a Warnings {
        self.warnings
    }

    /// Reads a map below this one.
    pub fn section<T>(&self, key: &'static str, with: impl FnOnce(&Section<'a>) -> T) -> T {
        read(self.node(key), &self.path(key), self.warnings, with)
    }

    /// A text.
    pub fn text(&self, key: &'static str) -> Option<&'a str> {
        self.parsed(key, "a text", Some)
    }

    /// A text, or the default.
    pub fn text_or(&self, key: &'static str, default: &str) -> String {
        self.text(key).unwrap_or(default).to_owned()
    }

    /// A truth value, or the default.
    pub fn flag(&self, key: &'static str, default: bool) -> bool {
        self.parsed(key, "yes or no", scalar::boolean).unwrap_or(default)
    }

    /// A truth value, if there is one.
    pub fn flag_opt(&self, key: &'static str) -> Option<bool> {
        self.parsed(key, "yes or no", scalar::boolean)
    }

    /// A number, or the default.
    pub fn number<T: std::str::FromStr>(&self, key: &'static str, default: T) -> T {
        self.number_opt(key).unwrap_or(default)
    }

    /// A number, if there is one.
    pub fn number_opt<T: std::str::FromStr>(&self, key: &'static str) -> Option<T> {
        self.parsed(key, "a number", |text| text.parse().ok())
    }

    /// A size in bytes, or the default.
    pub fn bytes(&self, key: &'static str, default: u64) -> u64 {
        self.bytes_opt(key).unwrap_or(default)
    }

    /// A size in bytes, if there is one.
    pub fn bytes_opt(&self, key: &'static str) -> Option<u64> {
        self.parsed(key, "a size such as 64mb", scalar::bytes)
    }

    /// A span of time, or the default; a bare number is seconds.
    pub fn duration(&self, key: &'static str, default: Duration) -> Duration {
        self.duration_opt(key).unwrap_or(default)
    }

    /// A span of time, if there is one.
    pub fn duration_opt(&self, key: &'static str) -> Option<Duration> {
        self.parsed(key, "a span of time such as 30s", scalar::duration)
    }

    /// One of some words, each with its meaning; anything else leaves `None`, with a warning.
    pub fn word<T: Copy>(&self, key: &'static str, words: &[(&str, T)]) -> Option<T> {
        let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        self.parsed(key, &format!("one of {}", names.join(", ")), |text| {
            words.iter().find(|(word, _)| word.eq_ignore_ascii_case(text)).map(|(_, value)| *value)
        })
    }

    /// A list of texts. A lone text is a list of one.
    pub fn texts(&self, key: &'static str) -> Option<Vec<String>> {
        let node = self.node(key)?;
        match &node.value {
            Value::Text(text) => Some(vec![text.clone()]),
            Value::List(items) => Some(items.iter().filter_map(|item| self.item(key, item)).collect()),
            Value::Null | Value::Map(_) => {
                self.wrong(key, node, "a list");
                None
            }
        }
    }

    fn item(&self, key: &str, item: &Node) -> Option<String> {
        match &item.value {
            Value::Text(text) => Some(text.clone()),
            _ => {
                self.wrong(key, item, "a list of texts");
                None
            }
        }
    }

    /// A scalar read with `parse`.
    pub fn parsed<T>(&self, key: &'static str, want: &str, parse: impl FnOnce(&'a str) -> Option<T>) -> Option<T> {
        let node = self.node(key)?;
        let value = match &node.value {
            Value::Text(text) => parse(text.trim()),
            _ => None,
        };
        if value.is_none() {
            self.wrong(key, node, want);
        }
        value
    }

    fn wrong(&self, key: &str, node: &Node, want: &str) {
        let found = match &node.value {
            Value::Text(text) => format!("`{text}` is not {want}"),
            Value::Null => format!("expected {want}"),
            Value::List(_) => format!("expected {want}, found a list"),
            Value::Map(_) => format!("expected {want}, found keys and values"),
        };
        self.warnings.add(node.line, &self.path(key), found, "the default is used");
    }

    fn warn_of_unknown(&self) {
        let known = self.known.borrow();
        if known.contains(&"*") {
            return;
        }
        for (key, node) in self.map.iter().filter(|(key, _)| !known.contains(&key.as_str())) {
            let help = nearest(key, &known).map_or(String::new(), |near| format!("did you mean `{near}`?"));
            self.warnings.add(node.line, &self.path(key), "unknown key", help);
        }
    }
}

/// The word among `words` that is close enough to `word` to be what was meant.
pub fn nearest<'w>(word: &str, words: &[&'w str]) -> Option<&'w str> {
    let limit = (word.len() / 3).max(1);
    words
        .iter()
        .map(|&candidate| (distance(word, candidate), candidate))
        .filter(|&(distance, _)| distance <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

/// How many single letters must be changed, added, taken away or swapped with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let change = usize::from(a[i - 1] != b[j - 1]);
                let mut best = (rows[i - 1][j] + 1).min(rows[i][j - 1] + 1).min(rows[i - 1][j - 1] + change);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    best = best.min(rows[i - 2][j - 2] + 1);
                }
                best
            };
        }
    }
    rows[a.len()][b.len()]
}
