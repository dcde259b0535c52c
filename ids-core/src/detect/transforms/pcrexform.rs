//! `pcrexform:"regex"`: the first group of the first match, or the match if there are no groups. Without a match
//! nothing is left.

use std::sync::Arc;

use super::Args;
use crate::detect::bytes::Limits;
use crate::detect::bytes::pcre::{Flags, Regex, translate};
use crate::detect::bytes::text::Part;
use crate::rules::ast::Opt;
use crate::rules::diagnostic::{Code, Diagnostic};

pub(super) fn parse(opt: &Opt) -> Result<Args, Diagnostic> {
    let text = Part::value(opt)?.quoted()?;
    let translated = translate(text, Flags::default())?;
    let regex = Regex::new(translated, true, Limits::default())
        .map_err(|error| Diagnostic::error(Code::BadRegex, text.span(), error))?;
    Ok(Args::Regex(Arc::new(regex)))
}

pub(super) fn apply(args: &Args, input: &[u8], out: &mut Vec<u8>) {
    let Args::Regex(regex) = args else { return };
    // An expression that gives up finds nothing.
    if let Ok(Some(range)) = regex.first_group(input) {
        out.extend_from_slice(input.get(range).unwrap_or_default());
    }
}
