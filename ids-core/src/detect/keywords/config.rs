//! `config`: switches something off for what a rule matches on.
//!
//! Source: the chapter on config rules of the Suricata 8 user guide.

use crate::detect::builder::RuleBuilder;
use crate::detect::bytes::text::Part;
use crate::detect::rule_set::{Effect, Extent};
use crate::rules::ast::Opt;
use crate::rules::diagnostic::{Code, Diagnostic};

/// `logging disable, type tx, scope tx|flow`; `tracking disable, type flow, scope packet|flow` is known, no more.
pub(super) fn config(rule: &mut RuleBuilder<'_, '_>, opt: &Opt) -> Result<(), Diagnostic> {
    let value = Part::value(opt)?;
    let parts: Vec<_> = value.split(',').collect();
    let [what, kind, scope] = *parts else {
        return Err(value.bad("expected `logging disable, type tx, scope tx` or `… scope flow`"));
    };
    let ((what, act), kind, scope) = (what.word(), labelled(kind, "type")?, labelled(scope, "scope")?);
    if act.text != "disable" {
        return Err(super::unknown(act, "`disable`"));
    }
    let extent = match (what.text, kind.text, scope.text) {
        ("logging", "tx", "tx") => Extent::Transaction,
        ("logging", "tx", "flow") => Extent::Flow,
        ("logging", "tx", _) => return Err(super::unknown(scope, "`tx`, `flow`")),
        ("logging", _, _) => return Err(super::unknown(kind, "`tx`")),
        ("tracking", "flow", "packet" | "flow") => {
            let message = "`tracking` is not supported yet";
            return Err(Diagnostic::error(Code::NotSupported, what.span(), message));
        }
        ("tracking", "flow", _) => return Err(super::unknown(scope, "`packet`, `flow`")),
        ("tracking", _, _) => return Err(super::unknown(kind, "`flow`")),
        _ => return Err(super::unknown(what, "`logging`, `tracking`")),
    };
    rule.effects.push(Effect::Unrecorded(extent));
    Ok(())
}

/// What stands after a label.
fn labelled<'a>(part: Part<'a>, label: &str) -> Result<Part<'a>, Diagnostic> {
    let (word, rest) = part.word();
    if word.text == label { Ok(rest.trim()) } else { Err(part.bad(format!("expected `{label}` and a word"))) }
}
