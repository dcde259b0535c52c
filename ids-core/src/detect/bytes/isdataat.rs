//! `isdataat:[!]n[, relative]`: whether there is data at a place.

use super::chain::{Answer, View};
use super::content::position;
use super::numeric;
use super::text::Part;
use super::vars::{Number, Scope, VarNames};
use crate::rules::diagnostic::Diagnostic;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct IsDataAt {
    pub(super) at: Number,
    pub(super) relative: bool,
    pub(super) negated: bool,
}

impl IsDataAt {
    pub(super) fn parse(whole: Part<'_>, scope: &Scope, vars: &VarNames) -> Result<Self, Diagnostic> {
        let (negated, rest) = whole.negation();
        let mut parts = rest.split(',');
        let at = scope.number(numeric::next(&mut parts, rest, "the position")?, (0, 65_535), vars)?;
        let mut relative = false;
        for part in parts {
            match part.text.to_ascii_lowercase().as_str() {
                "relative" => relative = true,
                "rawbytes" => {}
                other => {
                    return Err(part.bad(format!("`{other}` is not known here")).help("known: relative, rawbytes"));
                }
            }
        }
        Ok(Self { at, relative, negated })
    }

    /// Absolute: more than `at` bytes. Relative: `at` bytes after the match before, one less than the absolute form
    /// would ask for.
    pub(super) fn test(&self, view: &View<'_>, last: usize) -> Answer {
        let at = self.at.get(view.vars);
        let here = position(view.data.len());
        let holds = if self.relative {
            position(last).saturating_add(at) <= here
        } else {
            at < here.saturating_add(i64::try_from(view.offset).unwrap_or(i64::MAX))
        };
        if !holds && !view.complete { Answer::NotYet } else { Answer::from(holds != self.negated) }
    }
}
