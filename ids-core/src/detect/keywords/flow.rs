//! `flow` and `stream_size`.

use crate::detect::builder::{Last, RuleBuilder};
use crate::detect::bytes::text::Part;
use crate::detect::header::Carriers;
use crate::detect::integer;
use crate::detect::rule_set::{Effect, Side, StateTest};
use crate::field::Dir;
use crate::rules::ast::Opt;
use crate::rules::diagnostic::{Code, Diagnostic};

const WORDS: &str = "`to_server`, `to_client`, `from_server`, `from_client`, `established`, `not_established`, \
    `stateless`, `only_stream`, `no_stream`, `only_frag`, `no_frag`";

/// Options separated by commas; at most one of each kind.
pub(super) fn flow(rule: &mut RuleBuilder<'_, '_>, opt: &Opt) -> Result<(), Diagnostic> {
    let mut state = false;
    for word in Part::value(opt)?.split(',') {
        let taken = match word.text.to_ascii_lowercase().as_str() {
            "to_server" | "from_client" => rule.flow.dir.replace(Dir::ToServer).is_some(),
            "to_client" | "from_server" => rule.flow.dir.replace(Dir::ToClient).is_some(),
            "established" => set_state(rule, &mut state, Some(true)),
            "not_established" => set_state(rule, &mut state, Some(false)),
            "stateless" => set_state(rule, &mut state, None),
            "only_stream" => rule.flow.stream.replace(true).is_some(),
            "no_stream" => rule.flow.stream.replace(false).is_some(),
            "only_frag" => rule.flow.defragmented.replace(true).is_some(),
            "no_frag" => rule.flow.defragmented.replace(false).is_some(),
            _ => return Err(super::unknown(word, WORDS)),
        };
        if taken {
            let message = format!("`{}` contradicts or repeats another word of `flow`", word.text);
            return Err(Diagnostic::error(Code::Conflict, word.span(), message));
        }
    }
    rule.flow_span = Some(opt.span.clone());
    Ok(())
}

fn set_state(rule: &mut RuleBuilder<'_, '_>, taken: &mut bool, established: Option<bool>) -> bool {
    rule.flow.established = established;
    std::mem::replace(taken, true)
}

pub(super) fn bypass(rule: &mut RuleBuilder<'_, '_>, _: &Opt) -> Result<(), Diagnostic> {
    rule.effects.push(Effect::Bypass);
    Ok(())
}

/// `server|client|both|either, op, n`
pub(super) fn stream_size(rule: &mut RuleBuilder<'_, '_>, opt: &Opt) -> Result<(), Diagnostic> {
    let value = Part::value(opt)?;
    let parts: Vec<_> = value.split(',').collect();
    let [side, operator, number] = *parts else {
        return Err(value.bad("expected a side, an operator and a number: `client,>,1000`"));
    };
    let side = match side.text {
        "server" => Side::Server,
        "client" => Side::Client,
        "both" => Side::Both,
        "either" => Side::Either,
        _ => return Err(super::unknown(side, "`server`, `client`, `both`, `either`")),
    };
    if !matches!(operator.text, ">" | "<" | "=" | "!=" | "<=" | ">=") {
        return Err(super::unknown(operator, "`>`, `<`, `=`, `!=`, `<=`, `>=`"));
    }
    number.unsigned()?;
    let text = format!("{}{}", operator.text, number.text);
    let test = integer::parse(&text, 64, &[])
        .map_err(|problem| Diagnostic::error(Code::Impossible, number.span(), problem.message))?;
    rule.restrict_carriers(Carriers::TCP, &opt.span)?;
    rule.state.push(StateTest::StreamSize { side, test });
    rule.last = Last::Prefilter;
    Ok(())
}
