//! Lists, negation and variables: the grammar that address and port expressions share.
//!
//! `any`, `item`, `!x`, `[x,y,!z]` nested, `$NAME`. A list is what its plain members hold, or everything if it
//! has none, less what its negated members hold.

use std::collections::HashMap;

use crate::detect::bytes::text::Part;
use crate::rules::diagnostic::{Code, Diagnostic};

/// How deep lists and variables may nest.
const DEPTH: usize = 16;

/// A set that expressions describe.
pub(super) trait Set: Clone {
    /// Code of mistakes in its expressions.
    const CODE: Code;
    /// What it is, in messages.
    const WHAT: &'static str;

    fn all() -> Self;
    fn union(sets: &[Self]) -> Self;
    fn minus(&self, other: &Self) -> Self;
    fn is_empty(&self) -> bool;
    /// One item: no list, no variable, no negation. `Err` is what is wrong with it.
    fn item(text: &str) -> Result<Self, String>;
}

/// Reads an expression. A set that could match nothing is an error.
pub(super) fn read<S: Set>(part: Part<'_>, vars: &HashMap<String, String>) -> Result<S, Diagnostic> {
    let reader = Reader { vars };
    // Brackets may be missing around the outermost list.
    let set: S = if members(part).nth(1).is_some() { reader.list(part, 0)? } else { reader.term(part, 0)? };
    if set.is_empty() {
        let message = format!("`{}` can match no {}", part.text, S::WHAT);
        return Err(Diagnostic::error(S::CODE, part.span(), message).label("nothing is left"));
    }
    Ok(set)
}

struct Reader<'a> {
    vars: &'a HashMap<String, String>,
}

impl Reader<'_> {
    fn term<S: Set>(&self, part: Part<'_>, depth: usize) -> Result<S, Diagnostic> {
        if depth > DEPTH {
            return Err(Diagnostic::error(S::CODE, part.span(), "lists and variables nest too deep")
                .help("a variable may not name itself"));
        }
        let part = part.trim();
        if let Some(rest) = part.strip("!") {
            return Ok(S::all().minus(&self.term(rest, depth + 1)?));
        }
        if let Some(rest) = part.strip("$") {
            return self.variable(part, rest.text, depth);
        }
        if let Some(rest) = part.strip("[") {
            let Some(inner) = rest.text.strip_suffix(']') else {
                return Err(
                    Diagnostic::error(S::CODE, part.span(), "the list is never closed").help("close it with `]`")
                );
            };
            return self.list(rest.slice(0, inner.len()), depth);
        }
        if part.text.eq_ignore_ascii_case("any") {
            return Ok(S::all());
        }
        S::item(part.text).map_err(|message| Diagnostic::error(S::CODE, part.span(), message))
    }

    fn list<S: Set>(&self, part: Part<'_>, depth: usize) -> Result<S, Diagnostic> {
        let (mut held, mut less) = (Vec::new(), Vec::new());
        for member in members(part) {
            match member.strip("!") {
                Some(rest) => less.push(self.term(rest, depth + 1)?),
                None => held.push(self.term(member, depth + 1)?),
            }
        }
        let held = if held.is_empty() { S::all() } else { S::union(&held) };
        Ok(held.minus(&S::union(&less)))
    }

    fn variable<S: Set>(&self, part: Part<'_>, name: &str, depth: usize) -> Result<S, Diagnostic> {
        let Some(text) = self.vars.get(name) else {
            return Err(Diagnostic::error(Code::UnknownVariable, part.span(), format!("`${name}` is not defined"))
                .help(format!("define `{name}` under `vars` in the configuration")));
        };
        // Positions inside the variable mean nothing in the rule: what is wrong there is shown at its name.
        let inner = Part { text, at: 0 };
        let read = if inner.trim().text.starts_with(['[', '!', '$']) {
            self.term(inner, depth + 1)
        } else {
            self.list(inner, depth + 1)
        };
        read.map_err(|diagnostic| Diagnostic {
            span: part.span(),
            message: format!("in `${name}`: {}", diagnostic.message),
            ..diagnostic
        })
    }
}

/// The members of a list: commas outside of brackets separate them.
fn members(part: Part<'_>) -> impl Iterator<Item = Part<'_>> {
    let mut rest = Some(part);
    std::iter::from_fn(move || {
        let list = rest?;
        let mut depth = 0usize;
        let comma = list.text.find(|c| {
            match c {
                '[' => depth += 1,
                ']' => depth = depth.saturating_sub(1),
                _ => {}
            }
            c == ',' && depth == 0
        });
        let end = comma.unwrap_or(list.text.len());
        rest = comma.map(|at| list.slice(at + 1, list.text.len()));
        Some(list.slice(0, end).trim())
    })
}
