//! The formats of files: `csv`, `json`, `ndjson`.
//!
//! In: the content of a file.  Out: its values, one after the other, to whoever keeps them. The first mistake ends it,
//! with its place: half a set would be worse than none.

use serde_json::Value as Json;

use super::{Kind, Value};

/// Longest JSON object that is kept with a value, in bytes.
pub const MAX_CONTEXT: usize = 1023;

/// How a file is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// A value on each line; behind it and a comma a number, in sets with numbers.
    #[default]
    Csv,
    /// One document with a list of objects.
    Json {
        /// Where the list stands; at the top if the path is empty.
        list: JsonPath,
        /// Where the value stands in each.
        value: JsonPath,
        /// The value is not kept in the object.
        remove: bool,
    },
    /// An object on each line.
    Ndjson {
        /// Where the value stands in each.
        value: JsonPath,
        /// The value is not kept in the object.
        remove: bool,
    },
}

impl Format {
    /// Whether objects stand with the values.
    pub fn has_context(&self) -> bool {
        !matches!(self, Self::Csv)
    }
}

/// Keys from the outermost object inwards: `a.b.c`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JsonPath(Vec<String>);

impl JsonPath {
    /// Reads `a.b.c`.
    pub fn parse(text: &str) -> Option<Self> {
        let keys: Vec<String> = text.split('.').map(str::to_owned).collect();
        keys.iter().all(|key| !key.is_empty()).then_some(Self(keys))
    }

    fn find<'j>(&self, json: &'j Json) -> Option<&'j Json> {
        self.0.iter().try_fold(json, |json, key| json.get(key))
    }

    fn remove(&self, json: &mut Json) {
        let Some((last, outer)) = self.0.split_last() else { return };
        let inner = outer.iter().try_fold(json, |json, key| json.get_mut(key));
        if let Some(object) = inner.and_then(Json::as_object_mut) {
            object.remove(last);
        }
    }
}

/// Takes a key and what stands with it, or says why it does not.
pub type Keep<'a> = dyn FnMut(&[u8], Value) -> Result<(), String> + 'a;

/// Reads a file: every value goes to `each`.
pub fn read(content: &[u8], kind: Kind, format: &Format, scored: bool, each: &mut Keep<'_>) -> Result<(), String> {
    match format {
        Format::Csv => lines(content, &mut |line| {
            let (key, value) = row(line, kind, scored)?;
            each(&key, value)
        }),
        Format::Ndjson { value, remove } => lines(content, &mut |line| {
            let json: Json = serde_json::from_str(line).map_err(|error| format!("no JSON: {error}"))?;
            object(json, kind, value, *remove, each)
        }),
        Format::Json { list, value, remove } => {
            let json: Json = serde_json::from_slice(content).map_err(|error| format!("no JSON: {error}"))?;
            let Some(Json::Array(items)) = list.find(&json) else {
                let place =
                    if list.0.is_empty() { "at the top".to_owned() } else { format!("at `{}`", list.0.join(".")) };
                return Err(format!("there is no list {place}"));
            };
            for (number, item) in items.iter().enumerate() {
                object(item.clone(), kind, value, *remove, each)
                    .map_err(|message| format!("item {}: {message}", number + 1))?;
            }
            Ok(())
        }
    }
}

/// Every line that holds something, and its number in front of what is wrong with it.
fn lines(content: &[u8], each: &mut dyn FnMut(&str) -> Result<(), String>) -> Result<(), String> {
    for (number, line) in content.split(|byte| *byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        let text = str::from_utf8(line).map_err(|error| error.to_string());
        text.and_then(&mut *each).map_err(|message| format!("line {}: {message}", number + 1))?;
    }
    Ok(())
}

/// `value`, or `value,number` in a set with numbers.
fn row(line: &str, kind: Kind, scored: bool) -> Result<(Box<[u8]>, Value), String> {
    let mixed = || "a set has numbers behind all its values (`datarep`) or behind none (`dataset`)".to_owned();
    match (line.split_once(','), scored) {
        (None, false) => Ok((kind.parse_encoded(line)?, Value::Plain)),
        (Some((text, score)), true) => {
            let score = score.trim().parse().map_err(|_| format!("`{score}` is no number from 0 to 65535"))?;
            Ok((kind.parse_encoded(text.trim())?, Value::Score(score)))
        }
        (None, true) | (Some(_), false) => Err(mixed()),
    }
}

/// An object with its value. One that has no value is passed over.
fn object(mut json: Json, kind: Kind, path: &JsonPath, remove: bool, each: &mut Keep<'_>) -> Result<(), String> {
    if !json.is_object() {
        return Err("not an object".to_owned());
    }
    let key = match path.find(&json) {
        None => return Ok(()),
        Some(Json::String(text)) => kind.parse(text)?,
        Some(other) => return Err(format!("the value `{other}` is not a string")),
    };
    if remove {
        path.remove(&mut json);
    }
    let text = json.to_string();
    if text.len() > MAX_CONTEXT {
        return Err(format!("the object has {} bytes, {MAX_CONTEXT} are the limit", text.len()));
    }
    each(&key, Value::Context(text.into()))
}
