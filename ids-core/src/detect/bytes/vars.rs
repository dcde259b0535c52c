//! Byte variables: numbers that a rule takes from the data and uses in later tests.
//!
//! The results of `byte_extract` and `byte_math` are known in all later tests of the rule, other buffers included,
//! as rules in use have it; those of the packet's payload stay there, because payload and transactions are not
//! looked at together. Names exist while a rule is read; matching knows slots only.

use super::text::Part;
use crate::rules::diagnostic::{Code, Diagnostic};

/// Place of a variable in [`super::Scratch`].
pub(super) type Slot = u16;

/// Names of the variables of one rule, shared by all its buffers.
#[derive(Clone, Debug, Default)]
pub struct VarNames {
    shared: Vec<(String, Slot)>,
    slots: Slot,
}

impl VarNames {
    /// How many variables the rule has.
    pub fn count(&self) -> usize {
        self.slots.into()
    }
}

/// The variables one buffer of a rule knows.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope {
    /// Variables of this buffer are not known in others.
    pub(super) isolated: bool,
    local: Vec<(String, Slot)>,
}

impl Scope {
    /// A new variable. A name that is taken again means the new value from here on.
    pub(super) fn define(&mut self, name: Part<'_>, vars: &mut VarNames) -> Result<Slot, Diagnostic> {
        check(name)?;
        let slot = vars.slots;
        vars.slots = slot.checked_add(1).ok_or_else(|| name.bad("the rule has too many variables"))?;
        let known = if self.isolated { &mut self.local } else { &mut vars.shared };
        known.push((name.text.to_owned(), slot));
        Ok(slot)
    }

    /// The variable of this name.
    pub(super) fn find(&self, name: Part<'_>, vars: &VarNames) -> Result<Slot, Diagnostic> {
        let known = || self.local.iter().rev().chain(vars.shared.iter().rev());
        match known().find(|row| row.0 == name.text) {
            Some(row) => Ok(row.1),
            None => Err(Diagnostic::error(
                Code::UnknownName,
                name.span(),
                format!("`{}` is neither a number nor a byte variable that is known here", name.text),
            )
            .help("take it with `byte_extract` or `byte_math` earlier in the rule")),
        }
    }

    /// A number within bounds, or the name of a variable.
    pub(super) fn number(&self, part: Part<'_>, bounds: (i64, i64), vars: &VarNames) -> Result<Number, Diagnostic> {
        if is_name(part.text) {
            return self.find(part, vars).map(Number::Var);
        }
        part.integer_in(bounds.0, bounds.1).map(Number::Fixed)
    }
}

/// A number in a rule: written there, or taken from the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Number {
    /// Written.
    Fixed(i64),
    /// The value of a variable.
    Var(Slot),
}

impl Number {
    /// Its value; a variable that nothing was read into yet is 0.
    pub(super) fn get(self, vars: &[u64]) -> i64 {
        match self {
            Self::Fixed(value) => value,
            Self::Var(slot) => {
                i64::try_from(vars.get(usize::from(slot)).copied().unwrap_or_default()).unwrap_or(i64::MAX)
            }
        }
    }

    /// The number, if it is written in the rule.
    pub(super) const fn fixed(self) -> Option<i64> {
        match self {
            Self::Fixed(value) => Some(value),
            Self::Var(_) => None,
        }
    }

    /// The variable, if it is one.
    pub(super) const fn slot(self) -> Option<Slot> {
        match self {
            Self::Fixed(_) => None,
            Self::Var(slot) => Some(slot),
        }
    }
}

/// Whether a word can only be a name.
pub(super) fn is_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}

fn check(name: Part<'_>) -> Result<(), Diagnostic> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    if is_name(name.text) && name.text.chars().all(legal) {
        return Ok(());
    }
    Err(name
        .bad(format!("`{}` is no name for a variable", name.text))
        .help("a letter, then letters, digits, `_`, `.` or `-`"))
}
