//! A configuration file as an ordered tree of texts, lists and maps.
//!
//! In: YAML text.  Out: [`Node`]s, with the line each came from.  Scalars stay as they were written (`010`,
//! `1.10`, `yes`): what they mean is decided where they are used. `--set` and `include` work on this tree.
//! Must not know any configuration key but `include`.

use std::collections::HashMap;

use serde_yaml::granit_parser::{Event, Parser};

/// Nodes a file may hold, aliases written out; more is an attack or a mistake.
const MAX_NODES: usize = 1_000_000;

/// A value with the place it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Line in its file, from 1; 0 for values that came from the command line.
    pub line: usize,
}

/// What a node holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Nothing: `key:` or `~`.
    Null,
    /// A scalar, as written and without its quotes.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// Keys and values, in order; keys are unique.
    Map(Map),
}

/// Keys and values in the order of the file.
pub type Map = Vec<(String, Node)>;

/// Why a file is no configuration.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ParseError {
    /// The text is not YAML.
    #[error("line {line}: {message}")]
    Syntax {
        /// Where.
        line: usize,
        /// What the parser says.
        message: String,
    },
    /// A key is a list or a map.
    #[error("line {line}: a key must be a plain text")]
    Key {
        /// Where.
        line: usize,
    },
    /// Aliases blow the file up.
    #[error("line {line}: more than {MAX_NODES} values")]
    TooLarge {
        /// Where it became too much.
        line: usize,
    },
}

impl Node {
    /// A scalar that came from the command line.
    pub fn text(text: &str) -> Self {
        Self { value: Value::Text(text.to_owned()), line: 0 }
    }

    /// An empty map.
    pub fn empty() -> Self {
        Self { value: Value::Map(Map::new()), line: 0 }
    }

    /// The value of `key`, if this is a map that has it.
    pub fn get(&self, key: &str) -> Option<&Self> {
        match &self.value {
            Value::Map(map) => map.iter().find(|(name, _)| name == key).map(|(_, node)| node),
            _ => None,
        }
    }

    /// What stands at a dotted path (`outputs.1.eve-log.enabled`); numbers are positions in lists.
    pub fn at(&self, path: &str) -> Option<&Self> {
        path.split('.').try_fold(self, |node, step| match &node.value {
            Value::List(items) => items.get(step.parse::<usize>().ok()?),
            _ => node.get(step),
        })
    }

    /// Puts `value` at a dotted path, making what is missing on the way. A number is a position where there
    /// is a list (or nothing yet); one past the end appends.
    pub fn set(&mut self, path: &str, value: Self) {
        let (step, rest) = path.split_once('.').map_or((path, None), |(step, rest)| (step, Some(rest)));
        let child = self.child(step);
        match rest {
            Some(rest) => child.set(rest, value),
            None => *child = value,
        }
    }

    /// The child named `step`, made if it is not there; whatever else stood here makes room.
    fn child(&mut self, step: &str) -> &mut Self {
        let position = step.parse::<usize>().ok();
        if let (Value::Null, Some(0)) = (&self.value, position) {
            self.value = Value::List(Vec::new());
        }
        if let Some(at) = position.filter(|&at| matches!(&self.value, Value::List(items) if at <= items.len())) {
            let Value::List(items) = &mut self.value else { unreachable!("just seen to be a list") };
            if at == items.len() {
                items.push(Self { value: Value::Null, line: 0 });
            }
            return &mut items[at];
        }
        if !matches!(self.value, Value::Map(_)) {
            self.value = Value::Map(Map::new());
        }
        let Value::Map(map) = &mut self.value else { unreachable!("just made a map") };
        let at = map.iter().position(|(name, _)| name == step).unwrap_or_else(|| {
            map.push((step.to_owned(), Self { value: Value::Null, line: 0 }));
            map.len() - 1
        });
        &mut map[at].1
    }

    /// Calls back with the dotted path and text of every scalar, in order.
    pub fn leaves(&self, path: &str, each: &mut impl FnMut(&str, &str)) {
        let below = |step: &str| if path.is_empty() { step.to_owned() } else { format!("{path}.{step}") };
        match &self.value {
            Value::Null => each(path, ""),
            Value::Text(text) => each(path, text),
            Value::List(items) => {
                for (at, item) in items.iter().enumerate() {
                    item.leaves(&below(&at.to_string()), each);
                }
            }
            Value::Map(map) => {
                for (key, node) in map {
                    node.leaves(&below(key), each);
                }
            }
        }
    }
}

/// Reads YAML: the first document of the text; an empty one gives an empty map.
///
/// # Errors
/// The text is not YAML, has keys that are not texts, or is too large once aliases are written out.
pub fn parse(text: &str) -> Result<Node, ParseError> {
    let mut reader = Reader { parser: Parser::new_from_str(text), anchors: HashMap::new(), nodes: 0 };
    while let Some((event, line)) = reader.next()? {
        match event {
            Event::StreamStart | Event::DocumentStart(..) => {}
            Event::StreamEnd | Event::DocumentEnd => break,
            event => return reader.node(event, line),
        }
    }
    Ok(Node::empty())
}

struct Reader<'a> {
    parser: Parser<'a, serde_yaml::granit_parser::StrInput<'a>>,
    anchors: HashMap<usize, (Node, usize)>,
    nodes: usize,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<Option<(Event<'a>, usize)>, ParseError> {
        loop {
            match self.parser.next_event() {
                None => return Ok(None),
                Some(Ok((Event::Comment(..), _))) => {}
                Some(Ok((event, span))) => return Ok(Some((event, span.start.line()))),
                Some(Err(error)) => {
                    return Err(ParseError::Syntax { line: error.marker().line(), message: error.info() });
                }
            }
        }
    }

    /// The node that begins with `event`.
    fn node(&mut self, event: Event<'a>, line: usize) -> Result<Node, ParseError> {
        let before = self.nodes;
        self.count(1, line)?;
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, _) => {
                let plain = matches!(style, serde_yaml::granit_parser::ScalarStyle::Plain);
                let null = plain && matches!(text.as_ref(), "" | "~" | "null");
                (if null { Value::Null } else { Value::Text(text.into_owned()) }, anchor)
            }
            Event::SequenceStart(_, anchor, _) => (Value::List(self.list()?), anchor),
            Event::MappingStart(_, anchor, _) => (Value::Map(self.map()?), anchor),
            Event::Alias(id) => {
                let Some((node, size)) = self.anchors.get(&id).cloned() else {
                    return Err(ParseError::Syntax { line, message: "an alias to itself".into() });
                };
                self.count(size, line)?;
                return Ok(Node { line, ..node });
            }
            _ => return Err(ParseError::Syntax { line, message: "a value is missing".into() }),
        };
        let node = Node { value, line };
        if anchor != 0 {
            self.anchors.insert(anchor, (node.clone(), self.nodes - before));
        }
        Ok(node)
    }

    fn count(&mut self, nodes: usize, line: usize) -> Result<(), ParseError> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > MAX_NODES { Err(ParseError::TooLarge { line }) } else { Ok(()) }
    }

    fn list(&mut self) -> Result<Vec<Node>, ParseError> {
        let mut items = Vec::new();
        while let Some((event, line)) = self.next()? {
            if matches!(event, Event::SequenceEnd) {
                break;
            }
            items.push(self.node(event, line)?);
        }
        Ok(items)
    }

    /// A key that comes again replaces what it meant before, as in the established engine.
    fn map(&mut self) -> Result<Map, ParseError> {
        let mut map = Map::new();
        while let Some((event, line)) = self.next()? {
            let key = match event {
                Event::MappingEnd => break,
                Event::Scalar(text, ..) => text.into_owned(),
                _ => return Err(ParseError::Key { line }),
            };
            let Some((event, line)) = self.next()? else { break };
            let node = self.node(event, line)?;
            put(&mut map, key, node);
        }
        Ok(map)
    }
}

/// Adds a key, or replaces its value where it stands.
pub(super) fn put(map: &mut Map, key: String, node: Node) {
    match map.iter_mut().find(|(name, _)| *name == key) {
        Some((_, old)) => *old = node,
        None => map.push((key, node)),
    }
}
