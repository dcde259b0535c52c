//! Options as text → chains, for the tests of this folder and of its neighbours.

mod chains;
mod numbers;
mod places;
mod search;

use super::*;
use crate::field::BytesKind;
use crate::rules::ast::{Opt, Spanned};
use crate::rules::diagnostic::Diagnostic;

/// The options of a piece of a rule: `name:value; name;`.
pub(super) fn options(text: &str) -> Vec<Opt> {
    let mut options = Vec::new();
    let (mut start, mut quoted, mut escaped) = (0, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            ';' if !quoted => {
                options.push(option(text, start, at));
                start = at + 1;
            }
            _ => {}
        }
    }
    assert!(text[start..].trim().is_empty(), "the last `;` is missing in {text}");
    options
}

fn option(text: &str, start: usize, end: usize) -> Opt {
    let spanned = |start: usize, end: usize| {
        let part = &text[start..end];
        let start = start + part.len() - part.trim_start().len();
        let text = part.trim().to_owned();
        Spanned { span: start..start + text.len(), text }
    };
    let whole = spanned(start, end);
    match text[start..end].find(':') {
        Some(colon) => {
            Opt { name: spanned(start, start + colon), value: Some(spanned(start + colon + 1, end)), span: whole.span }
        }
        None => Opt { name: whole.clone(), value: None, span: whole.span },
    }
}

/// The chain of these options, or what is wrong with them.
pub(super) fn chain_on(kind: BytesKind, text: &str) -> Result<Chain, Vec<Diagnostic>> {
    let (mut vars, mut warnings, limits) = (VarNames::default(), Vec::new(), Limits::default());
    let mut cx = ChainCx { vars: &mut vars, warnings: &mut warnings, limits: &limits };
    let mut builder = ChainBuilder::new(kind);
    let mut errors = Vec::new();
    for opt in options(text) {
        assert!(is_option(&opt.name.text) || opt.name.text == "unknown", "{}", opt.name.text);
        errors.extend(builder.option(&opt, &mut cx).err());
    }
    if errors.is_empty() { builder.build(&mut cx) } else { Err(errors) }
}

pub(super) fn chain(text: &str) -> Chain {
    chain_on(BytesKind::PLAIN, text).unwrap_or_else(|errors| panic!("{text}: {errors:?}"))
}

fn matches(text: &str, data: &[u8]) -> bool {
    chain(text).matches(data.into(), &mut Scratch::new()) == Outcome::Match
}

fn check(cases: &[(&str, &[u8], bool)]) {
    for (text, data, expected) in cases {
        assert_eq!(matches(text, data), *expected, "{text} on {}", data.escape_ascii());
    }
}
