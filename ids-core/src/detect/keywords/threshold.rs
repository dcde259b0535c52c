//! `threshold` and `detection_filter`, and the words they share with the global threshold file.

use std::time::Duration;

use crate::detect::builder::RuleBuilder;
use crate::detect::bytes::text::Part;
use crate::detect::threshold::{Kind, Threshold, Track};
use crate::rules::ast::Opt;
use crate::rules::diagnostic::{Code, Diagnostic};

/// `name value` pairs with commas between them, in any order, each once.
pub(in crate::detect) struct Words<'a> {
    whole: Part<'a>,
    pairs: Vec<(Part<'a>, Part<'a>)>,
}

impl<'a> Words<'a> {
    /// Reads pairs with these names. A list in brackets may have commas.
    pub(in crate::detect) fn read(whole: Part<'a>, names: &[&str]) -> Result<Self, Diagnostic> {
        let mut pairs: Vec<(Part<'a>, Part<'a>)> = Vec::new();
        let mut rest = Some(whole);
        while let Some(list) = rest {
            let mut depth = 0usize;
            let comma = list.text.find(|c| {
                match c {
                    '[' => depth += 1,
                    ']' => depth = depth.saturating_sub(1),
                    _ => {}
                }
                c == ',' && depth == 0
            });
            let (name, value) = list.slice(0, comma.unwrap_or(list.text.len())).trim().word();
            rest = comma.map(|at| list.slice(at + 1, list.text.len()));
            if !names.contains(&name.text) {
                let known: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
                return Err(super::unknown(name, &known.join(", ")));
            }
            if pairs.iter().any(|pair| pair.0.text == name.text) {
                return Err(Diagnostic::error(Code::Repeated, name.span(), format!("`{}` stands twice", name.text)));
            }
            pairs.push((name, value));
        }
        Ok(Self { whole, pairs })
    }

    /// The value of a name, if it is there.
    pub(in crate::detect) fn get(&self, name: &str) -> Option<Part<'a>> {
        self.pairs.iter().find(|pair| pair.0.text == name).map(|pair| pair.1)
    }

    /// The value of a name that must be there.
    pub(in crate::detect) fn need(&self, name: &str) -> Result<Part<'a>, Diagnostic> {
        self.get(name).ok_or_else(|| self.whole.bad(format!("`{name}` is missing")))
    }

    /// A number from 1 on.
    pub(in crate::detect) fn count(&self, name: &str) -> Result<u32, Diagnostic> {
        let number = self.need(name)?.integer_in(1, u32::MAX.into())?;
        Ok(u32::try_from(number).unwrap_or(u32::MAX))
    }
}

/// `limit`, `threshold`, `both`.
pub(in crate::detect) fn kind(part: Part<'_>) -> Result<Kind, Diagnostic> {
    match part.text {
        "limit" => Ok(Kind::Limit),
        "threshold" => Ok(Kind::Threshold),
        "both" => Ok(Kind::Both),
        _ => Err(super::unknown(part, "`limit`, `threshold`, `both`, `backoff`")),
    }
}

/// `by_src` and its like.
pub(in crate::detect) fn track(part: Part<'_>) -> Result<Track, Diagnostic> {
    match part.text {
        "by_src" => Ok(Track::Source),
        "by_dst" => Ok(Track::Destination),
        "by_both" => Ok(Track::Both),
        "by_rule" => Ok(Track::Rule),
        "by_flow" => Ok(Track::Flow),
        _ => Err(super::unknown(part, "`by_src`, `by_dst`, `by_both`, `by_rule`, `by_flow`")),
    }
}

/// `type T, track T, count N, seconds S` or `type backoff, track by_flow, count N, multiplier M`
pub(super) fn threshold(rule: &mut RuleBuilder<'_, '_>, opt: &Opt) -> Result<(), Diagnostic> {
    let words = Words::read(Part::value(opt)?, &["type", "track", "count", "seconds", "multiplier"])?;
    let wanted = words.need("type")?;
    let track = track(words.need("track")?)?;
    let (kind, period) = if wanted.text == "backoff" {
        if let Some(seconds) = words.get("seconds") {
            return Err(seconds.bad("`backoff` takes a multiplier and no seconds"));
        }
        if track != Track::Flow {
            return Err(words.need("track")?.bad("`backoff` counts by flow").help("write `track by_flow`"));
        }
        words.need("count")?.integer_in(1, u16::MAX.into())?;
        (Kind::Backoff { multiplier: words.count("multiplier")? }, Duration::ZERO)
    } else {
        if let Some(multiplier) = words.get("multiplier") {
            return Err(multiplier.bad("`multiplier` goes with `type backoff` alone"));
        }
        (kind(wanted)?, Duration::from_secs(words.count("seconds")?.into()))
    };
    set(rule, opt, Threshold { kind, track, count: words.count("count")?, period })
}

/// `track by_src|by_dst|by_flow, count N, seconds S`
pub(super) fn detection_filter(rule: &mut RuleBuilder<'_, '_>, opt: &Opt) -> Result<(), Diagnostic> {
    let words = Words::read(Part::value(opt)?, &["track", "count", "seconds"])?;
    let by = words.need("track")?;
    let threshold = Threshold {
        kind: Kind::DetectionFilter,
        track: track(by)?,
        count: words.count("count")?,
        period: Duration::from_secs(words.count("seconds")?.into()),
    };
    set(rule, opt, threshold)
}

fn set(rule: &mut RuleBuilder<'_, '_>, opt: &Opt, threshold: Threshold) -> Result<(), Diagnostic> {
    let filters = |one: &Threshold| one.kind == Kind::DetectionFilter;
    match rule.threshold.replace(threshold) {
        Some(before) if filters(&before) != filters(&threshold) => {
            let message = "`threshold` and `detection_filter` do not go together";
            return Err(Diagnostic::error(Code::Conflict, opt.span.clone(), message));
        }
        Some(_) => rule.warnings.push(super::repeated(opt)),
        None => {}
    }
    Ok(())
}
