//! `threshold.config`: thresholds, rate filters and suppressions for rules by gid and sid.

use std::collections::HashMap;
use std::time::Duration;

use super::{LineFault, lines};
use crate::detect::bytes::text::Part;
use crate::detect::header::{Reader, Vars};
use crate::detect::keywords::threshold::{Words, kind, track};
use crate::detect::rule::Action;
use crate::detect::threshold::{RateFilter, Suppress, SuppressBy, Threshold};
use crate::rules::ast::Spanned;
use crate::rules::diagnostic::{Code, Diagnostic};
use crate::verdict::RejectTo;

/// One line: what it says of rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// In place of the rule's own threshold.
    Threshold(Threshold),
    /// Another action where it fires too often.
    Rate(RateFilter),
    /// Not told.
    Suppress(Suppress),
}

/// The entries of a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Thresholds {
    /// By gid and sid; sid 0 is every rule of a gid, gid 0 every rule.
    entries: HashMap<(u32, u32), Vec<Entry>>,
}

impl Thresholds {
    /// Reads a file; addresses may use the variables.
    pub fn parse(text: &str, vars: &Vars) -> (Self, Vec<LineFault>) {
        let (mut thresholds, mut faults) = (Self::default(), Vec::new());
        for (number, line) in lines(text) {
            match entry(Part { text: &line, at: 0 }.trim(), vars) {
                Ok((key, entry)) => thresholds.entries.entry(key).or_default().push(entry),
                Err(fault) => faults.push((number, fault)),
            }
        }
        (thresholds, faults)
    }

    /// What is said of a rule; general entries first, so that later ones can replace them.
    pub fn of(&self, gid: u32, sid: u32) -> impl Iterator<Item = &Entry> {
        [(0, 0), (gid, 0), (gid, sid)].into_iter().filter_map(|key| self.entries.get(&key)).flatten()
    }
}

fn entry(line: Part<'_>, vars: &Vars) -> Result<((u32, u32), Entry), Diagnostic> {
    let (kind, rest) = line.word();
    match kind.text {
        "threshold" | "event_filter" => {
            let words = Words::read(rest, &["gen_id", "sig_id", "type", "track", "count", "seconds"])?;
            Ok((key(&words, false)?, Entry::Threshold(threshold(&words)?)))
        }
        "rate_filter" => {
            let names = ["gen_id", "sig_id", "track", "count", "seconds", "new_action", "timeout"];
            let words = Words::read(rest, &names)?;
            Ok((key(&words, false)?, Entry::Rate(rate(&words)?)))
        }
        "suppress" => {
            let words = Words::read(rest, &["gen_id", "sig_id", "track", "ip"])?;
            Ok((key(&words, true)?, Entry::Suppress(suppress(&words, vars)?)))
        }
        _ => Err(kind
            .bad(format!("`{}` is not known here", kind.text))
            .help("a line starts with `threshold`, `event_filter`, `rate_filter` or `suppress`")),
    }
}

fn key(words: &Words<'_>, general: bool) -> Result<(u32, u32), Diagnostic> {
    let (gid, sid) = (words.need("gen_id")?, words.need("sig_id")?);
    let number = |part: Part<'_>| part.integer_in(0, u32::MAX.into()).map(|n| u32::try_from(n).unwrap_or(u32::MAX));
    let key = (number(gid)?, number(sid)?);
    if !general && (key.0 == 0 || key.1 == 0) {
        return Err(sid.bad("only `suppress` can mean all rules").help("name a gen_id and a sig_id"));
    }
    if key.0 == 0 && key.1 != 0 {
        return Err(gid.bad("gen_id 0 means all rules: sig_id must be 0 too"));
    }
    Ok(key)
}

fn seconds(words: &Words<'_>, name: &str) -> Result<Duration, Diagnostic> {
    Ok(Duration::from_secs(words.count(name)?.into()))
}

fn threshold(words: &Words<'_>) -> Result<Threshold, Diagnostic> {
    Ok(Threshold {
        kind: kind(words.need("type")?)?,
        track: track(words.need("track")?)?,
        count: words.count("count")?,
        period: seconds(words, "seconds")?,
    })
}

fn rate(words: &Words<'_>) -> Result<RateFilter, Diagnostic> {
    let action = words.need("new_action")?;
    let new = match action.text {
        "alert" => Action::Alert,
        "drop" => Action::Drop,
        "pass" => Action::Pass,
        "reject" => Action::Reject(RejectTo::Source),
        "log" | "sdrop" => {
            let message = format!("the action `{}` has no effect", action.text);
            return Err(
                Diagnostic::error(Code::Obsolete, action.span(), message).help("use `alert`, `drop` or `reject`")
            );
        }
        other => return Err(action.bad(format!("`{other}` is no action")).help("`alert`, `drop`, `pass` or `reject`")),
    };
    Ok(RateFilter {
        track: track(words.need("track")?)?,
        count: words.count("count")?,
        period: seconds(words, "seconds")?,
        action: new,
        timeout: seconds(words, "timeout")?,
    })
}

fn suppress(words: &Words<'_>, vars: &Vars) -> Result<Suppress, Diagnostic> {
    let (Some(by), Some(ip)) = (words.get("track"), words.get("ip")) else {
        return match words.get("track").or(words.get("ip")) {
            None => Ok(Suppress::All),
            Some(alone) => Err(alone.bad("`track` and `ip` go together")),
        };
    };
    let by = match by.text {
        "by_src" => SuppressBy::Source,
        "by_dst" => SuppressBy::Destination,
        "by_either" => SuppressBy::Either,
        other => return Err(by.bad(format!("`{other}` is not known")).help("`by_src`, `by_dst` or `by_either`")),
    };
    let text = Spanned { text: ip.text.to_owned(), span: ip.span() };
    let set = Reader::default().address(&text, vars)?;
    Ok(Suppress::By(by, (*set).clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::threshold::{Kind, Track};

    #[test]
    fn entries_are_read() {
        let text = "suppress gen_id 1, sig_id 10\n\
            suppress gen_id 1, sig_id 11, track by_src, ip [10.0.0.0/8,!10.1.0.0/16]\n\
            suppress gen_id 0, sig_id 0, track by_either, ip $HOME\n\
            threshold gen_id 1, sig_id 12, type limit, \\\n  track by_dst, count 5, seconds 60\n\
            rate_filter gen_id 1, sig_id 13, track by_rule, count 2, seconds 3, new_action drop, timeout 4\n";
        let mut vars = Vars::default();
        vars.addresses.insert("HOME".to_owned(), "192.0.2.0/24".to_owned());
        let (thresholds, faults) = Thresholds::parse(text, &vars);
        assert_eq!(faults, []);
        let of = |sid| thresholds.of(1, sid).cloned().collect::<Vec<_>>();
        assert!(matches!(of(10)[..], [_, Entry::Suppress(Suppress::All)]));
        let Entry::Suppress(suppress) = &of(11)[1] else { panic!("{:?}", of(11)) };
        assert!(suppress.covers(Some([10, 2, 0, 1].into()), None));
        assert!(!suppress.covers(Some([10, 1, 0, 1].into()), Some([10, 2, 0, 1].into())));
        let Entry::Suppress(everywhere) = &of(999)[0] else { panic!("{:?}", of(999)) };
        assert!(everywhere.covers(None, Some([192, 0, 2, 9].into())));
        let limit =
            Threshold { kind: Kind::Limit, track: Track::Destination, count: 5, period: Duration::from_secs(60) };
        assert_eq!(of(12)[1], Entry::Threshold(limit));
        assert!(matches!(of(13)[1], Entry::Rate(RateFilter { action: Action::Drop, count: 2, .. })));
    }

    #[test]
    fn mistakes_are_named_by_line() {
        let text = "suppress gen_id 1\n\
            threshold gen_id 1, sig_id 0, type limit, track by_dst, count 5, seconds 60\n\
            threshold gen_id 1, sig_id 1, type never, track by_dst, count 5, seconds 60\n\
            suppress gen_id 1, sig_id 1, track by_src\n\
            suppress gen_id 1, sig_id 1, track by_src, ip 1.2.3\n\
            rate_filter gen_id 1, sig_id 1, track by_src, count 1, seconds 1, new_action sdrop, timeout 1\n\
            other gen_id 1\n";
        let (_, faults) = Thresholds::parse(text, &Vars::default());
        assert_eq!(faults.iter().map(|fault| fault.0).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6, 7]);
    }
}
