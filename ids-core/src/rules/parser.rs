//! The text of one rule → its syntax tree.
//!
//! Follows the shape alone: `action protocol src sport direction dst dport (name:value; …)`. Whether a
//! keyword exists and what its value means is for whoever compiles the tree.

use super::ast::{Direction, Opt, Origin, Rule, Span, Spanned};
use super::diagnostic::{Code, Diagnostic};
use super::lexer;

/// Longest rule that is read, in bytes.
const LONGEST: usize = 8192;

/// What a rule file holds.
#[derive(Clone, Debug, Default)]
pub struct Parsed {
    /// The rules that have the shape of one, in order.
    pub rules: Vec<Rule>,
    /// The others.
    pub faults: Vec<Fault>,
}

/// A text that is no rule.
#[derive(Clone, Debug)]
pub struct Fault {
    /// The text that was meant to be one.
    pub text: String,
    /// Where it stands in its file.
    pub origin: Origin,
    /// What is wrong with it.
    pub diagnostic: Diagnostic,
}

/// Reads a rule file, one rule after the other: a tree takes many times the memory of its text. Every bad rule becomes a
/// [`Fault`]; the others are not affected. A text that is handed over goes with the last rule.
pub fn read(file: impl AsRef<str>) -> impl Iterator<Item = Result<Rule, Box<Fault>>> {
    lexer::lines(file).map(|line| match parse_rule(&line.text) {
        Ok(rule) => Ok(Rule { origin: line.origin, ..rule }),
        Err(diagnostic) => Err(Box::new(Fault { text: line.text, origin: line.origin, diagnostic })),
    })
}

/// Reads a whole rule file at once.
pub fn parse(file: &str) -> Parsed {
    let mut parsed = Parsed::default();
    for rule in read(file) {
        match rule {
            Ok(rule) => parsed.rules.push(rule),
            Err(fault) => parsed.faults.push(*fault),
        }
    }
    parsed
}

/// Reads one rule.
pub fn parse_rule(text: &str) -> Result<Rule, Diagnostic> {
    if text.len() > LONGEST {
        let message = format!("the rule has {} bytes, more than {LONGEST}", text.len());
        return Err(Diagnostic::error(Code::TooLong, 0..text.len(), message).help("split it into several rules"));
    }
    let mut cursor = Cursor { text, at: 0 };
    let (action, scope) = halves(cursor.word("an action such as `alert`")?);
    let (protocol, hook) = halves(cursor.word("a protocol such as `tcp`")?);
    let src = cursor.word("a source address such as `any`")?;
    let src_port = cursor.word("a source port such as `any`")?;
    let direction = direction(&cursor.word("a direction: `->`, `<>` or `=>`")?)?;
    let dst = cursor.word("a destination address such as `any`")?;
    let dst_port = cursor.word("a destination port such as `any`")?;
    let options = cursor.options()?;
    Ok(Rule {
        text: text.to_owned(),
        origin: Origin { pieces: vec![(0, 1, 1)] },
        action: lower(action),
        scope,
        protocol: lower(protocol),
        hook,
        src,
        src_port,
        direction,
        dst,
        dst_port,
        options,
    })
}

fn lower(word: Spanned) -> Spanned {
    Spanned { text: word.text.to_ascii_lowercase(), ..word }
}

/// `drop:flow` → `drop` and `flow`.
fn halves(word: Spanned) -> (Spanned, Option<Spanned>) {
    match word.text.split_once(':') {
        None => (word, None),
        Some((name, rest)) => {
            let middle = word.span.start + name.len();
            let rest = Spanned { text: rest.to_owned(), span: middle + 1..word.span.end };
            (Spanned { text: name.to_owned(), span: word.span.start..middle }, Some(rest))
        }
    }
}

fn direction(word: &Spanned) -> Result<Direction, Diagnostic> {
    match word.text.as_str() {
        "->" => Ok(Direction::Forward),
        "<>" => Ok(Direction::Both),
        "=>" => Ok(Direction::Transaction),
        other => {
            let help = match other {
                "<-" => "swap source and destination, and write `->`",
                _ => "write `->`, `<>` or `=>` between source and destination",
            };
            let message = format!("`{other}` is not a direction");
            Err(Diagnostic::error(Code::Syntax, word.span.clone(), message).label("not a direction").help(help))
        }
    }
}

/// A position in the text of a rule.
struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn skip_space(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    /// The next word of the header: up to white space outside of brackets.
    fn word(&mut self, expected: &str) -> Result<Spanned, Diagnostic> {
        self.skip_space();
        let start = self.at;
        let mut depth = 0usize;
        let end = self.rest().char_indices().find_map(|(at, char)| {
            match char {
                '[' => depth += 1,
                ']' => depth = depth.saturating_sub(1),
                '(' => return Some(at),
                _ if char.is_whitespace() && depth == 0 => return Some(at),
                _ => {}
            }
            None
        });
        self.at = end.map_or(self.text.len(), |end| start + end);
        // Only where a bracket was left open white space can come last.
        let word = self.text.get(start..self.at).unwrap_or_default().trim_end();
        match word {
            word if !word.is_empty() => Ok(Spanned { text: word.to_owned(), span: start..start + word.len() }),
            _ => Err(Diagnostic::error(Code::Syntax, mark(self.text, start), format!("expected {expected}"))
                .help("a rule reads: action protocol source port -> destination port (options)")),
        }
    }

    /// Everything in the parentheses, which end the rule.
    fn options(&mut self) -> Result<Vec<Opt>, Diagnostic> {
        self.skip_space();
        if !self.rest().starts_with('(') {
            let message = "expected `(` and the options";
            return Err(Diagnostic::error(Code::Syntax, mark(self.text, self.at), message)
                .help("write the options in parentheses: `(msg:\"…\"; sid:1;)`"));
        }
        self.at += 1;
        let end = self.text.len();
        if !self.text.ends_with(')') || end <= self.at {
            let message = match self.rest().rfind(')') {
                Some(_) => "text after the closing `)`",
                None => "the closing `)` is missing",
            };
            return Err(Diagnostic::error(Code::Syntax, mark(self.text, end.saturating_sub(1)), message)
                .help("end the rule with `;)`"));
        }
        let mut options = Vec::new();
        loop {
            self.skip_space();
            if self.at + 1 >= end {
                return Ok(options);
            }
            options.push(self.option(end - 1)?);
        }
    }

    /// One option, up to its `;`. `end` is where the closing parenthesis stands.
    fn option(&mut self, end: usize) -> Result<Opt, Diagnostic> {
        let start = self.at;
        let body = self.text.get(start..end).unwrap_or_default();
        let Some(length) = unescaped(body, ';') else {
            let help = match unescaped(body, '"') {
                Some(_) => "write `;` after the value; a `\"` inside of it is written `\\\"`",
                None => "every option ends in `;`, the last one too",
            };
            return Err(Diagnostic::error(Code::Syntax, start..end, "the option does not end in `;`")
                .label("no `;` after this")
                .help(help));
        };
        self.at = start + length + 1;
        let text = body.get(..length).unwrap_or_default();
        let (name, value) = match text.split_once(':') {
            Some((name, value)) => (name, Some(trimmed(value, start + name.len() + 1))),
            None => (text, None),
        };
        let name = trimmed(name, start);
        if name.text.is_empty() || name.text.contains(|char: char| char.is_whitespace() || matches!(char, '"' | '\\')) {
            return Err(bad_name(&name, start..self.at));
        }
        let name = lower(name);
        let span = name.span.start..value.as_ref().map_or(name.span.end, |value| value.span.end);
        Ok(Opt { name, value: value.filter(|value| !value.text.is_empty()), span })
    }
}

fn bad_name(name: &Spanned, span: Span) -> Diagnostic {
    if name.text.is_empty() {
        return Diagnostic::error(Code::Syntax, span, "an option without a name").help("remove the extra `;`");
    }
    Diagnostic::error(Code::Syntax, name.span.clone(), "this is not the name of a keyword")
        .label("not a keyword")
        .help("a `;` inside a value is written `\\;`, and a missing `;` joins two options")
}

/// `text` without outer white space; `at` is where it stands in the rule.
fn trimmed(text: &str, at: usize) -> Spanned {
    let start = at + text.len() - text.trim_start().len();
    let text = text.trim();
    Spanned { text: text.to_owned(), span: start..start + text.len() }
}

/// Position of the first `wanted` that no backslash precedes.
fn unescaped(text: &str, wanted: char) -> Option<usize> {
    let mut escaped = false;
    text.char_indices().find_map(|(at, char)| {
        let found = char == wanted && !escaped;
        escaped = char == '\\' && !escaped;
        found.then_some(at)
    })
}

/// A mark for a place where something is missing: the character there, or the end of the text.
fn mark(text: &str, at: usize) -> Span {
    let at = text.floor_char_boundary(at);
    let length = text.get(at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
    at..at + length
}

#[cfg(test)]
mod tests;
