//! `geoip`: which country the ends of a packet are in.

use crate::detect::builder::RuleBuilder;
use crate::detect::bytes::text::Part;
use crate::detect::rule_set::{CountryTest, Ends, StateTest};
use crate::rules::ast::Opt;
use crate::rules::diagnostic::Diagnostic;

const CODE: &str = "a country is two letters of ISO 3166-1: `geoip:src,CN,RU`";

/// `[any|src|dst|both,]CC[,CC…]`, or `!CC` for all of them.
pub(super) fn geoip(rule: &mut RuleBuilder<'_, '_>, opt: &Opt) -> Result<(), Diagnostic> {
    let value = Part::value(opt)?;
    let mut parts: Vec<_> = value.split(',').collect();
    let ends = match parts.first().map(|first| first.text) {
        Some("any") => Some(Ends::Either),
        Some("src") => Some(Ends::Source),
        Some("dst") => Some(Ends::Destination),
        Some("both") => Some(Ends::Both),
        _ => None,
    };
    if ends.is_some() {
        parts.remove(0);
    }
    if parts.is_empty() {
        return Err(value.bad("no country is named").help(CODE));
    }
    let negated = parts.iter().filter(|part| part.text.starts_with('!')).count();
    if negated != 0 && negated != parts.len() {
        return Err(value.bad("countries are wanted and excluded at once").help("write two `geoip` options"));
    }
    let codes: Result<Vec<_>, _> = parts.iter().map(|part| code(*part)).collect();
    let countries = rule.cx.settings.countries().map_err(|why| value.bad(why).help("set `geoip-database`"))?;
    let test =
        CountryTest { countries, ends: ends.unwrap_or(Ends::Either), codes: codes?.into(), negated: negated != 0 };
    rule.state.push(StateTest::Country(Box::new(test)));
    Ok(())
}

fn code(part: Part<'_>) -> Result<[u8; 2], Diagnostic> {
    let text = part.text.trim_start_matches('!');
    match *text.as_bytes() {
        [a, b] if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() => {
            Ok([a.to_ascii_uppercase(), b.to_ascii_uppercase()])
        }
        _ => Err(part.bad(format!("`{text}` is no country")).help(CODE)),
    }
}
