//! `flowint`: numbers of a flow.

use crate::detect::builder::RuleBuilder;
use crate::detect::bytes::text::Part;
use crate::detect::names::Space;
use crate::detect::rule_set::{Change, Compare, Effect, Operand, StateTest};
use crate::rules::ast::Opt;
use crate::rules::diagnostic::{Code, Diagnostic};

const OPERATORS: &str = "`+`, `-`, `=`, `<`, `<=`, `>`, `>=`, `==`, `!=`, `isset`, `isnotset`";

/// What is done with the number.
enum Command {
    Change(Change),
    Test(Compare),
    Set(bool),
}

/// `name, op, value|name` or `name, isset|notset|isnotset`
pub(super) fn flowint(rule: &mut RuleBuilder<'_, '_>, opt: &Opt) -> Result<(), Diagnostic> {
    let value = Part::value(opt)?;
    let parts: Vec<_> = value.split(',').collect();
    let (name, operator, operand) = match *parts {
        [name, operator] => (name, operator, None),
        [name, operator, operand] => (name, operator, Some(operand)),
        _ => return Err(value.bad("expected a name, an operator and a number: `name,+,1`")),
    };
    let name = rule.cx.names.intern(Space::Flowint, legal(name)?);
    let command = match operator.text {
        "+" => Command::Change(Change::Add),
        "-" => Command::Change(Change::Subtract),
        "=" => Command::Change(Change::Assign),
        "<" => Command::Test(Compare::Less),
        "<=" => Command::Test(Compare::LessOrEqual),
        ">" => Command::Test(Compare::Greater),
        ">=" => Command::Test(Compare::GreaterOrEqual),
        "==" => Command::Test(Compare::Equal),
        "!=" => Command::Test(Compare::Unequal),
        "isset" => Command::Set(true),
        "notset" | "isnotset" => Command::Set(false),
        _ => return Err(super::unknown(operator, OPERATORS)),
    };
    match (command, operand) {
        (Command::Set(set), None) => rule.state.push(StateTest::FlowintSet { name, set }),
        (Command::Set(set), Some(extra)) => {
            let message = format!("`{}` takes no number", operator.text);
            rule.warnings.push(Diagnostic::warning(Code::UnexpectedValue, extra.span(), message));
            rule.state.push(StateTest::FlowintSet { name, set });
        }
        (_, None) => return Err(operator.bad(format!("`{}` needs a number or a name", operator.text))),
        (Command::Change(change), Some(part)) => {
            let value = operand_of(rule, part)?;
            rule.effects.push(Effect::Flowint { name, change, value });
        }
        (Command::Test(test), Some(part)) => {
            let value = operand_of(rule, part)?;
            rule.state.push(StateTest::Flowint { name, test, value });
        }
    }
    Ok(())
}

fn operand_of(rule: &mut RuleBuilder<'_, '_>, part: Part<'_>) -> Result<Operand, Diagnostic> {
    if part.text.starts_with(|c: char| c.is_ascii_digit()) {
        let number = part.integer_in(0, u32::MAX.into())?;
        return Ok(Operand::Value(u32::try_from(number).unwrap_or(u32::MAX)));
    }
    Ok(Operand::Flowint(rule.cx.names.intern(Space::Flowint, legal(part)?)))
}

/// At least two characters, the first a letter.
fn legal(name: Part<'_>) -> Result<&str, Diagnostic> {
    let chars = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '/' | ':' | '@');
    let starts = name.text.starts_with(|c: char| c.is_ascii_alphabetic());
    if starts && name.text.len() >= 2 && name.text.chars().all(chars) {
        return Ok(name.text);
    }
    Err(name
        .bad(format!("`{}` is no name for a flowint", name.text))
        .help("at least two characters, the first a letter, no white space"))
}
