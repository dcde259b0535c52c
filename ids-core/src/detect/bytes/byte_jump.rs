//! `byte_jump:bytes, offset[, …]`: moves on by a number out of the data.

use super::chain::View;
use super::content::position;
use super::numeric::{self, Named, OFFSETS, Read, Source};
use super::text::Part;
use super::vars::{Scope, VarNames};
use crate::rules::diagnostic::{Code, Diagnostic};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ByteJump {
    pub(super) source: Source,
    pub(super) origin: Origin,
    pub(super) multiplier: u64,
    pub(super) align: bool,
    pub(super) post_offset: i64,
}

/// Where the jump starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// After the bytes that were read.
    Here,
    Beginning,
    End,
}

/// Where a jump leads.
pub(super) enum Landing {
    At(usize),
    NotYet,
    Outside,
}

impl ByteJump {
    pub(super) fn parse(whole: Part<'_>, scope: &Scope, vars: &VarNames) -> Result<Self, Diagnostic> {
        let mut parts = whole.split(',');
        let count = numeric::count(numeric::next(&mut parts, whole, "the number of bytes")?, scope, vars)?;
        let offset = scope.number(numeric::next(&mut parts, whole, "the offset")?, OFFSETS, vars)?;
        let named = Named::read(
            parts,
            &[
                "relative",
                "multiplier",
                "endian",
                "string",
                "align",
                "from_beginning",
                "from_end",
                "post_offset",
                "bitmask",
            ],
        )?;
        let conflict = |message: &str| Err(Diagnostic::error(Code::Conflict, whole.span(), message));
        if named.string && named.bitmask.is_some() {
            return conflict("a mask does not go with numbers in text");
        }
        let origin = match (named.from_beginning, named.from_end) {
            (false, false) => Origin::Here,
            (true, false) => Origin::Beginning,
            (false, true) => Origin::End,
            (true, true) => return conflict("a jump starts at the beginning or at the end, not at both"),
        };
        Ok(Self {
            source: named.source(whole, count, offset)?,
            origin,
            multiplier: named.multiplier.unwrap_or(1),
            align: named.align.is_some(),
            post_offset: named.post_offset,
        })
    }

    /// A jump to before the start ends at the start, one past the end fails.
    pub(super) fn jump(&self, view: &View<'_>, last: usize) -> Landing {
        let (value, end) = match self.read(view, last) {
            Read::Value { value, end, .. } => (value, end),
            Read::NotYet => return Landing::NotYet,
            Read::Never => return Landing::Outside,
        };
        let value = value.saturating_mul(self.multiplier);
        let value = if self.align { value.saturating_add(3) & !3 } else { value };
        let origin = match self.origin {
            Origin::Here => position(end),
            Origin::Beginning => -i64::try_from(view.offset).unwrap_or(i64::MAX),
            Origin::End if view.complete => position(view.data.len()),
            Origin::End => return Landing::NotYet,
        };
        let to = origin.saturating_add(i64::try_from(value).unwrap_or(i64::MAX)).saturating_add(self.post_offset);
        let to = usize::try_from(to.max(0)).unwrap_or(usize::MAX);
        if to <= view.data.len() {
            Landing::At(to)
        } else if view.complete {
            Landing::Outside
        } else {
            Landing::NotYet
        }
    }

    /// Zero bytes are the number 0.
    fn read(&self, view: &View<'_>, last: usize) -> Read {
        if self.source.count.get(view.vars) != 0 {
            return self.source.read(view, last);
        }
        Source { base: None, ..self.source }.read(view, last)
    }
}
