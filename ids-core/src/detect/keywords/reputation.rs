//! `iprep`: what the reputation lists say of the ends of a packet.

use std::sync::Arc;

use crate::detect::builder::RuleBuilder;
use crate::detect::bytes::text::Part;
use crate::detect::rule_set::{Compare, Ends, Listed, ReputationTest, StateTest};
use crate::detect::tables::MAX_SCORE;
use crate::rules::ast::Opt;
use crate::rules::diagnostic::Diagnostic;

const ASKS: &str = "`<`, `<=`, `>`, `>=`, `=`, `!=`, `isset`, `isnotset`";

/// `any|src|dst|both,category,op,score` or `any|src|dst|both,category,isset|isnotset`
pub(super) fn iprep(rule: &mut RuleBuilder<'_, '_>, opt: &Opt) -> Result<(), Diagnostic> {
    let value = Part::value(opt)?;
    let parts: Vec<_> = value.split(',').collect();
    let (ends, name, ask, score) = match *parts {
        [ends, name, ask] => (ends, name, ask, None),
        [ends, name, ask, score] => (ends, name, ask, Some(score)),
        _ => return Err(value.bad("expected an end, a category, an operator and a score: `src,bad,>,10`")),
    };
    let ends = match ends.text {
        "any" => Ends::Either,
        "src" => Ends::Source,
        "dst" => Ends::Destination,
        "both" => Ends::Both,
        _ => return Err(super::unknown(ends, "`any`, `src`, `dst`, `both`")),
    };
    let listed = listed(ask, score)?;
    let lists = Arc::clone(&rule.cx.settings.reputation);
    let Some(category) = lists.category(name.text) else {
        return Err(name
            .bad(format!("there is no category `{}`", name.text))
            .help("name it in the file of `reputation-categories-file`"));
    };
    rule.state.push(StateTest::Reputation(Box::new(ReputationTest { lists, ends, category, listed })));
    Ok(())
}

fn listed(ask: Part<'_>, score: Option<Part<'_>>) -> Result<Listed, Diagnostic> {
    let compare = match ask.text {
        "<" => Compare::Less,
        "<=" => Compare::LessOrEqual,
        ">" => Compare::Greater,
        ">=" => Compare::GreaterOrEqual,
        "=" => Compare::Equal,
        "!=" => Compare::Unequal,
        "isset" | "isnotset" => {
            return match score {
                Some(score) => Err(score.bad(format!("`{}` takes no score", ask.text))),
                None if ask.text == "isset" => Ok(Listed::Is),
                None => Ok(Listed::IsNot),
            };
        }
        _ => return Err(super::unknown(ask, ASKS)),
    };
    let Some(score) = score else { return Err(ask.bad(format!("`{}` needs a score", ask.text))) };
    let number = score.integer_in(0, MAX_SCORE.into())?;
    Ok(Listed::Score(compare, u8::try_from(number).unwrap_or(MAX_SCORE)))
}
