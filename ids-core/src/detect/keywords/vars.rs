//! `flowvar` and `pktvar`: tests of what a regular expression captured before.

use crate::detect::builder::RuleBuilder;
use crate::detect::bytes::text::Part;
use crate::detect::rule_set::StateTest;
use crate::rules::ast::Opt;
use crate::rules::diagnostic::Diagnostic;

pub(super) fn flowvar(rule: &mut RuleBuilder<'_, '_>, opt: &Opt) -> Result<(), Diagnostic> {
    test(rule, opt, true)
}

pub(super) fn pktvar(rule: &mut RuleBuilder<'_, '_>, opt: &Opt) -> Result<(), Diagnostic> {
    test(rule, opt, false)
}

/// `name,[!]"value"`
fn test(rule: &mut RuleBuilder<'_, '_>, opt: &Opt, flow: bool) -> Result<(), Diagnostic> {
    let value = Part::value(opt)?;
    let Some((name, _)) = value.text.split_once(',') else {
        return Err(value.bad("expected a name and a value: `name,\"value\"`"));
    };
    let (negated, text) = value.slice(name.len() + 1, value.text.len()).trim().negation();
    let bytes = super::unquoted(text)?.bytes()?;
    if name.trim().is_empty() || bytes.is_empty() {
        return Err(value.bad("expected a name and a value: `name,\"value\"`"));
    }
    rule.state.push(StateTest::Var { flow, name: name.trim().as_bytes().to_vec(), value: bytes, negated });
    Ok(())
}
