//! `dataset`, `datarep`: the selected buffer, and a set of values.

use std::sync::Arc;

use crate::detect::builder::RuleBuilder;
use crate::detect::bytes::text::Part;
use crate::detect::datasets::{Ask, Format, JsonPath, Kind, MAX_NAME, SetTest, Spec};
use crate::detect::integer;
use crate::detect::rule_set::Compare;
use crate::rules::ast::Opt;
use crate::rules::diagnostic::{Code, Diagnostic};

/// Longest key of a context, in bytes.
const MAX_KEY: usize = 31;

/// `isset|isnotset|set|unset,name[,option…]`
pub(super) fn dataset(rule: &mut RuleBuilder<'_, '_>, opt: &Opt) -> Result<(), Diagnostic> {
    let value = Part::value(opt)?;
    let mut parts = value.split(',');
    let (Some(command), Some(name)) = (parts.next(), parts.next()) else {
        return Err(value.bad("expected a command and a set: `isset,name`"));
    };
    let ask = match command.text {
        "isset" => Ask::IsSet,
        "isnotset" => Ask::IsNotSet,
        "set" => Ask::Set,
        "unset" => Ask::Unset,
        _ => return Err(super::unknown(command, "`isset`, `isnotset`, `set`, `unset`")),
    };
    let options = Options::read(name, parts)?;
    let context = options.context.map(|key| Arc::from(key.text));
    let spec = options.spec(value)?;
    if spec.format.has_context() && matches!(ask, Ask::Set | Ask::Unset) {
        return Err(command.bad("a set with context cannot be changed by rules"));
    }
    add(rule, opt, name, spec, ask, context)
}

/// `name,op,number[,option…]`
pub(super) fn datarep(rule: &mut RuleBuilder<'_, '_>, opt: &Opt) -> Result<(), Diagnostic> {
    let value = Part::value(opt)?;
    let mut parts = value.split(',');
    let (Some(name), Some(operator), Some(number)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(value.bad("expected a set, an operator and a number: `name,>,100`"));
    };
    let compare = match operator.text {
        "<" => Compare::Less,
        ">" => Compare::Greater,
        "=" | "==" => Compare::Equal,
        _ => return Err(super::unknown(operator, "`<`, `>`, `=`")),
    };
    let number = u16::try_from(number.integer_in(0, u16::MAX.into())?).unwrap_or(u16::MAX);
    let options = Options::read(name, parts)?;
    if let Some(format) = options.format.filter(|format| format.text != "csv") {
        return Err(format.bad("a set with numbers has the format `csv`"));
    }
    let spec = Spec { scored: true, ..options.spec(value)? };
    add(rule, opt, name, spec, Ask::Score(compare, number), None)
}

fn add(
    rule: &mut RuleBuilder<'_, '_>,
    opt: &Opt,
    name: Part<'_>,
    spec: Spec,
    ask: Ask,
    context: Option<Arc<str>>,
) -> Result<(), Diagnostic> {
    let settings = rule.cx.settings;
    let declared = rule.cx.datasets.declare(spec, Some(rule.file), &settings.datasets, settings.files.as_ref());
    let set = declared.map_err(|message| Diagnostic::error(Code::BadFile, name.span(), message))?;
    if matches!(ask, Ask::Set | Ask::Unset) {
        set.set_changes();
    }
    rule.test_set(SetTest { set, ask, context }, opt)
}

/// What may stand behind the name, as it was written.
#[derive(Default)]
struct Options<'a> {
    name: &'a str,
    kind: Option<Part<'a>>,
    load: Option<Part<'a>>,
    save: Option<Part<'a>>,
    state: Option<Part<'a>>,
    memcap: Option<Part<'a>>,
    hashsize: Option<Part<'a>>,
    format: Option<Part<'a>>,
    context: Option<Part<'a>>,
    value_key: Option<Part<'a>>,
    array_key: Option<Part<'a>>,
    remove_key: Option<Part<'a>>,
}

impl<'a> Options<'a> {
    fn read(name: Part<'a>, parts: impl Iterator<Item = Part<'a>>) -> Result<Self, Diagnostic> {
        if name.text.is_empty() || name.text.len() > MAX_NAME || name.text.contains(char::is_whitespace) {
            return Err(name
                .bad(format!("`{}` is no name for a set", name.text))
                .help(format!("take 1 to {MAX_NAME} characters without white space")));
        }
        let mut options = Self { name: name.text, ..Self::default() };
        for part in parts {
            let (word, value) = part.word();
            let place = match word.text {
                "type" => &mut options.kind,
                "load" => &mut options.load,
                "save" => &mut options.save,
                "state" => &mut options.state,
                "memcap" => &mut options.memcap,
                "hashsize" => &mut options.hashsize,
                "format" => &mut options.format,
                "context_key" => &mut options.context,
                "value_key" => &mut options.value_key,
                "array_key" => &mut options.array_key,
                "remove_key" => &mut options.remove_key,
                _ => {
                    return Err(super::unknown(
                        word,
                        "`type`, `load`, `save`, `state`, `memcap`, `hashsize`, `format`, `context_key`, \
                         `value_key`, `array_key`, `remove_key`",
                    ));
                }
            };
            if value.text.is_empty() != (word.text == "remove_key") {
                let what = if value.text.is_empty() { "needs a value" } else { "takes no value" };
                return Err(part.bad(format!("`{}` {what}", word.text)));
            }
            if place.replace(value).is_some() {
                let message = format!("`{}` stands twice", word.text);
                return Err(Diagnostic::error(Code::Repeated, word.span(), message));
            }
        }
        Ok(options)
    }

    /// What it says of the set. `whole`: where to point if something is missing.
    fn spec(&self, whole: Part<'a>) -> Result<Spec, Diagnostic> {
        if let Some(state) = self.state
            && (self.load.is_some() || self.save.is_some())
        {
            let message = "`state` is `load` and `save` in one, and does not go with either";
            return Err(Diagnostic::error(Code::Conflict, state.span(), message));
        }
        let kind = |part: Part<'_>| Kind::named(part.text).ok_or_else(|| super::unknown(part, Kind::WORDS));
        let own = |part: Option<Part<'_>>| part.map(|part| part.text.to_owned());
        Ok(Spec {
            name: self.name.to_owned(),
            kind: self.kind.map(kind).transpose()?,
            format: self.format(whole)?,
            scored: false,
            load: own(self.load),
            save: own(self.save),
            state: own(self.state),
            memcap: self.memcap.map(size).transpose()?,
            hashsize: self.hashsize.map(size).transpose()?.map(|size| u32::try_from(size).unwrap_or(u32::MAX)),
        })
    }

    fn format(&self, whole: Part<'a>) -> Result<Format, Diagnostic> {
        let format = self.format.map_or("csv", |format| format.text);
        let json = match (self.format, format) {
            (_, "csv") => false,
            (_, "json" | "ndjson") => true,
            (part, _) => return Err(super::unknown(part.unwrap_or(whole), "`csv`, `json`, `ndjson`")),
        };
        let misplaced = [self.context, self.value_key, self.remove_key].into_iter().flatten().next().filter(|_| !json);
        let misplaced = misplaced.or(self.array_key.filter(|_| format != "json"));
        if let Some(part) = misplaced {
            return Err(part
                .bad("this does not go with the format of the file")
                .help("say `format json` or `format ndjson`"));
        }
        if !json {
            return Ok(Format::Csv);
        }
        let missing = |what| whole.bad(format!("`{what}` is missing")).help(format!("the format `{format}` needs it"));
        let context = self.context.ok_or_else(|| missing("context_key"))?;
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if context.text.len() > MAX_KEY || !context.text.chars().all(legal) {
            return Err(context
                .bad(format!("`{}` is no key", context.text))
                .help(format!("take up to {MAX_KEY} letters, digits and `_`")));
        }
        let value = path(self.value_key.ok_or_else(|| missing("value_key"))?)?;
        let remove = self.remove_key.is_some();
        Ok(match format {
            "ndjson" => Format::Ndjson { value, remove },
            _ => Format::Json { list: self.array_key.map(path).transpose()?.unwrap_or_default(), value, remove },
        })
    }
}

fn path(part: Part<'_>) -> Result<JsonPath, Diagnostic> {
    JsonPath::parse(part.text).ok_or_else(|| part.bad("expected keys with dots between them: `a.b`"))
}

/// A number with or without a unit.
fn size(part: Part<'_>) -> Result<u64, Diagnostic> {
    let test = integer::parse(part.text, 64, &[]).map_err(|problem| part.problem(problem))?;
    match test.bounds() {
        (low, high) if low == high => Ok(low),
        _ => Err(part.bad("expected a single number")),
    }
}
