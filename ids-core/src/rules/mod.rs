//! The rule language: text → syntax tree, with diagnostics that point at what is wrong.
//!
//! In: the text of rule files.  Out: [`ast::Rule`]s and [`diagnostic::Diagnostic`]s.
//! Language only: it knows the shape of a rule, not what its keywords mean. Must not know packets,
//! protocols or detection. Source: the rule format chapter of the Suricata 8 user guide.

pub mod ast;
pub mod diagnostic;
mod lexer;
mod parser;

pub use parser::{Fault, Parsed, parse, parse_rule, read};
