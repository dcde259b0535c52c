//! `requires`: rules for engines that have something, passed over by others.

use crate::detect::builder::{Cx, RuleBuilder};
use crate::detect::bytes::text::Part;
use crate::detect::catalog::Meaning;
use crate::rules::ast::{Opt, Rule};
use crate::rules::diagnostic::Diagnostic;

/// The level of the rule language that is spoken here.
const VERSION: [u32; 3] = [8, 0, 6];

/// What a rule requires and is not there; looked at before anything else.
pub(in crate::detect) fn unmet(rule: &Rule, cx: &Cx<'_>) -> Result<Option<String>, Diagnostic> {
    for opt in rule.options.iter().filter(|opt| opt.name.text == "requires") {
        let mut version_seen = false;
        for requirement in Part::value(opt)?.split(',') {
            let (kind, rest) = requirement.word();
            let met = match kind.text {
                "feature" => cx.settings.features.iter().any(|feature| feature == rest.text),
                "keyword" => !matches!(cx.catalog.find(rest.text), None | Some(Meaning::NotYet)),
                "version" if version_seen => return Err(kind.bad("`version` stands twice")),
                "version" => {
                    version_seen = true;
                    version(rest)?
                }
                _ => false,
            };
            if !met {
                return Ok(Some(requirement.text.to_owned()));
            }
        }
    }
    Ok(None)
}

/// The keyword itself: [`unmet`] has looked at it.
pub(super) fn already_met(_: &mut RuleBuilder<'_, '_>, _: &Opt) -> Result<(), Diagnostic> {
    Ok(())
}

/// `>= 7.0.3 < 8 | >= 8.0.1`: alternatives, each of comparisons that all must hold.
fn version(part: Part<'_>) -> Result<bool, Diagnostic> {
    let mut any = false;
    for alternative in part.split('|') {
        let mut all = true;
        let mut rest = alternative;
        if rest.text.is_empty() {
            return Err(part.bad("a comparison is missing"));
        }
        while !rest.text.is_empty() {
            let (holds, after) = comparison(rest)?;
            all &= holds;
            rest = after;
        }
        any |= all;
    }
    Ok(any)
}

fn comparison(part: Part<'_>) -> Result<(bool, Part<'_>), Diagnostic> {
    let operator = [">=", "<=", ">", "<"].into_iter().find(|operator| part.text.starts_with(operator));
    let Some(operator) = operator else {
        return Err(part.bad("expected `>=`, `>`, `<=` or `<` and a version"));
    };
    let (number, rest) = part.slice(operator.len(), part.text.len()).trim().word();
    let mut wanted = [0; 3];
    let mut digits = number.text.split('.');
    for place in &mut wanted {
        let Some(text) = digits.next() else { break };
        *place = text.parse().map_err(|_| number.bad(format!("`{}` is no version", number.text)))?;
    }
    if digits.next().is_some() {
        return Err(number.bad(format!("`{}` is no version", number.text)));
    }
    let holds = match operator {
        ">=" => VERSION >= wanted,
        "<=" => VERSION <= wanted,
        ">" => VERSION > wanted,
        _ => VERSION < wanted,
    };
    Ok((holds, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        let cases = [
            (">= 8", true),
            (">= 7.0.3 < 8", false),
            (">=7.0.3 <9", true),
            ("< 7 | >= 8.0.1", true),
            ("> 8.0.6", false),
            ("<= 8.0.6", true),
        ];
        for (text, wanted) in cases {
            assert_eq!(version(Part { text, at: 0 }).unwrap(), wanted, "{text}");
        }
        for text in ["8", ">= x", "", ">= 8 |", ">= 1.2.3.4"] {
            assert!(version(Part { text, at: 0 }).is_err(), "{text}");
        }
    }
}
