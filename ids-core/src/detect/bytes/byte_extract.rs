//! `byte_extract:bytes, offset, name[, …]`: takes a number out of the data for later tests.

use super::chain::View;
use super::numeric::{self, Named, Read, Source};
use super::text::Part;
use super::vars::{Number, Scope, Slot, VarNames};
use crate::rules::diagnostic::{Code, Diagnostic};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ByteExtract {
    pub(super) source: Source,
    pub(super) result: Slot,
    multiplier: u64,
    align: Option<u64>,
}

impl ByteExtract {
    pub(super) fn parse(whole: Part<'_>, scope: &mut Scope, vars: &mut VarNames) -> Result<Self, Diagnostic> {
        let mut parts = whole.split(',');
        let bytes = numeric::next(&mut parts, whole, "the number of bytes")?;
        let count = (bytes, Number::Fixed(bytes.integer_in(1, 23)?));
        let offset = Number::Fixed(numeric::next(&mut parts, whole, "the offset")?.integer_in(-65_535, 65_535)?);
        let name = numeric::next(&mut parts, whole, "the name of the variable")?;
        let parts: Vec<_> = parts.collect();
        if let Some(part) = parts.iter().find(|part| part.word().0.text == "slice") {
            let message = "`slice` is not supported";
            return Err(Diagnostic::error(Code::NotSupported, part.span(), message));
        }
        let named = Named::read(parts.into_iter(), &["relative", "multiplier", "endian", "string", "align"])?;
        let source = named.source(whole, count, offset)?;
        let result = scope.define(name, vars)?;
        Ok(Self { source, result, multiplier: named.multiplier.unwrap_or(1), align: named.align })
    }

    /// The number for the variable, and where its bytes end.
    pub(super) fn read(&self, view: &View<'_>, last: usize) -> Read {
        match self.source.read(view, last) {
            Read::Value { value, start, end } => {
                let value = value.saturating_mul(self.multiplier);
                let value = self.align.map_or(value, |size| value.checked_next_multiple_of(size).unwrap_or(value));
                Read::Value { value, start, end }
            }
            other => other,
        }
    }
}
