//! `byte_test:bytes, [!]operator, value, offset[, …]`: compares a number out of the data.

use super::chain::{Answer, View};
use super::numeric::{self, Named, OFFSETS, Read, Source};
use super::text::Part;
use super::vars::{Scope, Slot, VarNames, is_name};
use crate::rules::diagnostic::Diagnostic;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ByteTest {
    pub(super) source: Source,
    operator: Operator,
    negated: bool,
    pub(super) operand: Operand,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Less,
    LessOrEqual,
    Equal,
    GreaterOrEqual,
    Greater,
    And,
    Xor,
}

/// An unsigned number of full width: written in the rule, or a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operand {
    Fixed(u64),
    Var(Slot),
}

impl Operand {
    /// Reads a number up to `max`, or the name of a variable.
    pub(super) fn read(part: Part<'_>, max: u64, scope: &Scope, vars: &VarNames) -> Result<Self, Diagnostic> {
        if is_name(part.text) {
            return scope.find(part, vars).map(Self::Var);
        }
        match part.unsigned()? {
            value if value <= max => Ok(Self::Fixed(value)),
            value => Err(part.bad(format!("{value} is out of range")).help(format!("at most {max}"))),
        }
    }

    pub(super) fn get(self, vars: &[u64]) -> u64 {
        match self {
            Self::Fixed(value) => value,
            Self::Var(slot) => vars.get(usize::from(slot)).copied().unwrap_or_default(),
        }
    }

    pub(super) const fn slot(self) -> Option<Slot> {
        match self {
            Self::Fixed(_) => None,
            Self::Var(slot) => Some(slot),
        }
    }
}

impl ByteTest {
    pub(super) fn parse(whole: Part<'_>, scope: &Scope, vars: &VarNames) -> Result<Self, Diagnostic> {
        let mut parts = whole.split(',');
        let count = numeric::count(numeric::next(&mut parts, whole, "the number of bytes")?, scope, vars)?;
        let (negated, operator) = operator(numeric::next(&mut parts, whole, "the operator")?)?;
        let operand = numeric::next(&mut parts, whole, "the value")?;
        let operand = Operand::read(operand, u64::MAX, scope, vars)?;
        let offset = scope.number(numeric::next(&mut parts, whole, "the offset")?, OFFSETS, vars)?;
        let named = Named::read(parts, &["relative", "endian", "string", "bitmask"])?;
        let source = named.source(whole, count, offset)?;
        if source.base.is_none() && count.1.fixed() == Some(0) {
            return Err(count.0.bad("a binary number has at least one byte").help("0 goes with `string` only"));
        }
        Ok(Self { source, operator, negated, operand })
    }

    /// Where there is no number to compare, the test fails, negated or not.
    pub(super) fn test(&self, view: &View<'_>, last: usize) -> Answer {
        let value = match self.source.read(view, last) {
            Read::Value { value, .. } => value,
            Read::NotYet => return Answer::NotYet,
            Read::Never => return Answer::No,
        };
        let operand = self.operand.get(view.vars);
        let holds = match self.operator {
            Operator::Less => value < operand,
            Operator::LessOrEqual => value <= operand,
            Operator::Equal => value == operand,
            Operator::GreaterOrEqual => value >= operand,
            Operator::Greater => value > operand,
            Operator::And => value & operand != 0,
            Operator::Xor => value ^ operand != 0,
        };
        Answer::from(holds != self.negated)
    }
}

fn operator(part: Part<'_>) -> Result<(bool, Operator), Diagnostic> {
    let (negated, word) = part.negation();
    let operator = match word.text {
        "<" => Operator::Less,
        "<=" => Operator::LessOrEqual,
        "=" => Operator::Equal,
        ">=" => Operator::GreaterOrEqual,
        ">" => Operator::Greater,
        "&" => Operator::And,
        "^" => Operator::Xor,
        // `!` alone means `!=`.
        "" if negated => Operator::Equal,
        other => {
            return Err(part.bad(format!("`{other}` is no operator")).help("< <= = >= > & ^, each with or without !"));
        }
    };
    Ok((negated, operator))
}
