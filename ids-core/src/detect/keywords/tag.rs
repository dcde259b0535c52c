//! `tag`: packets that follow a match are shown.

use std::time::Duration;

use crate::detect::builder::RuleBuilder;
use crate::detect::bytes::text::Part;
use crate::detect::rule_set::{Effect, End};
use crate::detect::tags::{Extent, Tag};
use crate::rules::ast::Opt;
use crate::rules::diagnostic::Diagnostic;

/// How long a tag holds where nothing is said.
const USUAL: Extent = Extent::Packets(256);

/// `session[,N,packets|bytes|seconds]`, `host[,N,packets|bytes|seconds[,src|dst]]`
pub(super) fn tag(rule: &mut RuleBuilder<'_, '_>, opt: &Opt) -> Result<(), Diagnostic> {
    let value = Part::value(opt)?;
    let parts: Vec<_> = value.split(',').collect();
    let (what, rest) = parts.split_first().ok_or_else(|| value.bad("expected `session` or `host`"))?;
    let host = match what.text {
        "session" => false,
        "host" => true,
        _ => return Err(super::unknown(*what, "`session`, `host`")),
    };
    let (extent, end) = match *rest {
        [] => (USUAL, None),
        [number, unit] => (extent(number, unit)?, None),
        [number, unit, end] if host => (extent(number, unit)?, Some(end)),
        _ => {
            let form = if host { "host,N,packets,src" } else { "session,N,packets" };
            return Err(value.bad(format!("expected `{form}`")));
        }
    };
    let end = match end.map(|end| (end, end.text)) {
        None | Some((_, "dst")) => End::Destination,
        Some((_, "src")) => End::Source,
        Some((end, _)) => return Err(super::unknown(end, "`src`, `dst`")),
    };
    rule.effects.push(Effect::Tag(Tag { host: host.then_some(end), extent }));
    Ok(())
}

fn extent(number: Part<'_>, unit: Part<'_>) -> Result<Extent, Diagnostic> {
    let count = number.integer_in(1, u32::MAX.into())?;
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    match unit.text {
        "packets" => Ok(Extent::Packets(count)),
        "bytes" => Ok(Extent::Bytes(count)),
        "seconds" => Ok(Extent::Time(Duration::from_secs(count.into()))),
        _ => Err(super::unknown(unit, "`packets`, `bytes`, `seconds`")),
    }
}
