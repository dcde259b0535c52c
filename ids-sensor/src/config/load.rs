//! From a file name to a tree: reading, `include`, `--set`.

use std::path::{Path, PathBuf};

use super::node::{self, Map, Node, ParseError, Value, put};
use super::{Config, DEFAULT};

/// How deep files may include files.
const MAX_DEPTH: usize = 16;

/// Where the configuration comes from.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// The file (`-c`); the embedded default without one.
    pub file: Option<PathBuf>,
    /// Further files whose keys replace those of the main one (`--include`).
    pub include: Vec<PathBuf>,
    /// `key.path=value`, in order (`--set`).
    pub set: Vec<String>,
    /// Whether verdicts are carried out.
    pub inline: bool,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("cannot read configuration {}: {source}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is not YAML.
    #[error("configuration {}: {source}", path.display())]
    Parse {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        source: ParseError,
    },
    /// The file is not made of keys and values.
    #[error("configuration {} is not made of keys and values", path.display())]
    NoMap {
        /// Which file.
        path: PathBuf,
    },
    /// Files include each other.
    #[error("configuration {}: more than {MAX_DEPTH} files include each other", path.display())]
    TooDeep {
        /// The file that went too far.
        path: PathBuf,
    },
    /// A `--set` has no value.
    #[error("--set {0}: expected key=value")]
    Set(String),
}

/// Reads the configuration.
///
/// # Errors
/// A file cannot be read or is no YAML; a `--set` cannot be understood. Everything else that is wrong is found
/// in the warnings and refusals of the result.
pub fn load(source: &Source) -> Result<Config, LoadError> {
    let mut tree = match &source.file {
        Some(path) => file(path, 0)?,
        None => included(parse(DEFAULT, Path::new("(built in)"))?, Path::new("."), 0)?,
    };
    for path in &source.include {
        merge(&mut tree, file(path, 1)?);
    }
    for assignment in &source.set {
        let (path, value) = assignment.split_once('=').ok_or_else(|| LoadError::Set(assignment.clone()))?;
        if path.trim().is_empty() {
            return Err(LoadError::Set(assignment.clone()));
        }
        tree.set(path.trim(), Node::text(value.trim()));
    }
    Ok(Config::from_tree(tree, source.inline))
}

fn file(path: &Path, depth: usize) -> Result<Node, LoadError> {
    if depth > MAX_DEPTH {
        return Err(LoadError::TooDeep { path: path.to_owned() });
    }
    let text = std::fs::read_to_string(path).map_err(|source| LoadError::Read { path: path.to_owned(), source })?;
    let folder = path.parent().unwrap_or(Path::new("."));
    included(parse(&text, path)?, folder, depth)
}

fn parse(text: &str, path: &Path) -> Result<Node, LoadError> {
    let node = node::parse(text).map_err(|source| LoadError::Parse { path: path.to_owned(), source })?;
    match node.value {
        Value::Map(_) => Ok(node),
        // A file of comments.
        Value::Null => Ok(Node::empty()),
        _ => Err(LoadError::NoMap { path: path.to_owned() }),
    }
}

/// Replaces every `include: file` (or list of files) of a map by the keys of those files, at its place: what
/// stands later wins. Names are relative to the including file.
fn included(node: Node, folder: &Path, depth: usize) -> Result<Node, LoadError> {
    let value = match node.value {
        Value::Map(map) => {
            let mut whole = Node { value: Value::Map(Map::new()), line: node.line };
            for (key, child) in map {
                if key == "include" {
                    for name in names(&child) {
                        merge(&mut whole, file(&folder.join(name), depth + 1)?);
                    }
                } else if let Value::Map(map) = &mut whole.value {
                    put(map, key, included(child, folder, depth)?);
                }
            }
            return Ok(whole);
        }
        Value::List(items) => {
            Value::List(items.into_iter().map(|item| included(item, folder, depth)).collect::<Result<_, _>>()?)
        }
        scalar => scalar,
    };
    Ok(Node { value, line: node.line })
}

fn names(node: &Node) -> Vec<&str> {
    match &node.value {
        Value::Text(name) => vec![name],
        Value::List(items) => items.iter().flat_map(names).collect(),
        Value::Null | Value::Map(_) => Vec::new(),
    }
}

/// Takes over the keys of an included file. A key with dots names one place in the tree; any other key replaces
/// what it meant before.
fn merge(into: &mut Node, from: Node) {
    let Value::Map(keys) = from.value else { return };
    for (key, node) in keys {
        into.set(&key, node);
    }
}
