//! `byte_math:bytes n, offset n, oper +, rvalue n, result name[, …]`: computes with a number out of the data.

use super::byte_test::Operand;
use super::chain::View;
use super::numeric::{self, Named, OFFSETS, Read, Source};
use super::text::Part;
use super::vars::{Scope, Slot, VarNames};
use crate::rules::diagnostic::{Code, Diagnostic};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ByteMath {
    pub(super) source: Source,
    operator: Operator,
    pub(super) operand: Operand,
    pub(super) result: Slot,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    ShiftLeft,
    ShiftRight,
}

/// The parts that have no place of their own; each must be there once.
#[derive(Default)]
struct Required<'a> {
    bytes: Option<Part<'a>>,
    offset: Option<Part<'a>>,
    oper: Option<Part<'a>>,
    rvalue: Option<Part<'a>>,
    result: Option<Part<'a>>,
}

impl<'a> Required<'a> {
    fn place(&mut self, name: &str) -> Option<&mut Option<Part<'a>>> {
        match name {
            "bytes" => Some(&mut self.bytes),
            "offset" => Some(&mut self.offset),
            "oper" => Some(&mut self.oper),
            "rvalue" => Some(&mut self.rvalue),
            "result" => Some(&mut self.result),
            _ => None,
        }
    }
}

impl ByteMath {
    pub(super) fn parse(whole: Part<'_>, scope: &mut Scope, vars: &mut VarNames) -> Result<Self, Diagnostic> {
        let mut required = Required::default();
        let mut named = Named::default();
        for part in whole.split(',') {
            let (word, rest) = part.word();
            match required.place(word.text) {
                Some(place) if place.is_none() => *place = Some(rest),
                Some(_) => {
                    let message = format!("`{}` stands twice", word.text);
                    return Err(Diagnostic::error(Code::Repeated, word.span(), message));
                }
                None => named.take(word, rest, &["relative", "endian", "string", "bitmask"])?,
            }
        }
        let count = numeric::count(present(required.bytes, "bytes", whole)?, scope, vars)?;
        let offset = scope.number(present(required.offset, "offset", whole)?, OFFSETS, vars)?;
        let operator = operator(present(required.oper, "oper", whole)?)?;
        let operand = Operand::read(present(required.rvalue, "rvalue", whole)?, u32::MAX.into(), scope, vars)?;
        let source = named.source(whole, count, offset)?;
        if count.1.fixed() == Some(0) {
            return Err(count.0.bad("there must be at least one byte to compute with"));
        }
        let result = scope.define(present(required.result, "result", whole)?, vars)?;
        Ok(Self { source, operator, operand, result })
    }

    /// The result, and where the bytes it was computed from end. Results are numbers of 64 bits that wrap around;
    /// a division by 0 has none.
    pub(super) fn read(&self, view: &View<'_>, last: usize) -> Read {
        let (value, start, end) = match self.source.read(view, last) {
            Read::Value { value, start, end } => (value, start, end),
            other => return other,
        };
        let operand = self.operand.get(view.vars);
        let bits = u32::try_from(operand).unwrap_or(u32::MAX);
        let result = match self.operator {
            Operator::Add => Some(value.wrapping_add(operand)),
            Operator::Subtract => Some(value.wrapping_sub(operand)),
            Operator::Multiply => Some(value.wrapping_mul(operand)),
            Operator::Divide => value.checked_div(operand),
            Operator::ShiftLeft => Some(value.checked_shl(bits).unwrap_or_default()),
            Operator::ShiftRight => Some(value.checked_shr(bits).unwrap_or_default()),
        };
        result.map_or(Read::Never, |value| Read::Value { value, start, end })
    }
}

fn present<'a>(part: Option<Part<'a>>, name: &str, whole: Part<'_>) -> Result<Part<'a>, Diagnostic> {
    match part {
        Some(part) if !part.text.is_empty() => Ok(part),
        _ => Err(whole.bad(format!("`{name}` is missing"))),
    }
}

fn operator(part: Part<'_>) -> Result<Operator, Diagnostic> {
    Ok(match part.text {
        "+" => Operator::Add,
        "-" => Operator::Subtract,
        "*" => Operator::Multiply,
        "/" => Operator::Divide,
        "<<" => Operator::ShiftLeft,
        ">>" => Operator::ShiftRight,
        other => return Err(part.bad(format!("`{other}` is no operator")).help("+ - * / << >>")),
    })
}
