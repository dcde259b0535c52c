//! `pcre:[!]"/regex/flags[, captures]"`: regular expressions.
//!
//! In: the value of the option.  Out: a [`Pcre`] that finds matches, and pushes what it captures into
//! [`Scratch`].
//! `translate` (with `escape` and `class`) turns PCRE syntax into that of the engines and finds what PCRE would
//! refuse, `regex` compiles and searches. Source: pcre2pattern(3); flags: the pcre section of the
//! Suricata 8 user guide.

mod class;
mod escape;
mod regex;
mod translate;

use super::Limits;
use super::scratch::{CaptureKind, Scratch};
use super::text::Part;
use crate::rules::diagnostic::{Code, Diagnostic};

pub(super) use regex::Caches;
pub(crate) use regex::Regex;
pub(crate) use translate::{Flags, Translated, translate};

/// Most captures that are kept.
const MAX_CAPTURES: usize = 8;

/// A regular expression as a test of a buffer.
#[derive(Debug)]
pub(super) struct Pcre {
    pub(super) regex: Regex,
    pub(super) negated: bool,
    /// It looks at what follows the match before it.
    pub(super) relative: bool,
    pub(super) nocase: bool,
    captures: Box<[Target]>,
}

/// A match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// Where a group goes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Target {
    kind: CaptureKind,
    name: Name,
    /// Number of the group whose bytes are the value.
    group: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Name {
    Fixed(Box<str>),
    /// The bytes of this group.
    Group(usize),
}

/// The buffer that a flag of the value selects: the name of its field. `None`: the one at hand.
///
/// In: the value of the option as written. A value that cannot be read selects nothing; [`super::ChainBuilder`]
/// says what is wrong with it.
pub fn buffer(value: &str) -> Option<&'static str> {
    let (_, value) = Part { text: value, at: 0 }.trim().negation();
    let parts = Parts::split(value).ok()?;
    parts.flags.text.chars().find_map(buffer_of)
}

fn buffer_of(flag: char) -> Option<&'static str> {
    Some(match flag {
        'U' => "http.uri",
        'I' => "http.uri.raw",
        'P' => "http.request_body",
        'Q' => "http.response_body",
        'H' => "http.header",
        'D' => "http.header.raw",
        'M' => "http.method",
        'C' => "http.cookie",
        'S' => "http.stat_code",
        'Y' => "http.stat_msg",
        'V' => "http.user_agent",
        'W' => "http.host",
        'Z' => "http.host.raw",
        _ => return None,
    })
}

/// The three parts of a value.
struct Parts<'a> {
    regex: Part<'a>,
    flags: Part<'a>,
    captures: Option<Part<'a>>,
}

impl<'a> Parts<'a> {
    fn split(value: Part<'a>) -> Result<Self, Diagnostic> {
        // Quotes inside need no backslash here: only the last one closes.
        let text = value.strip("\"").and_then(|rest| rest.strip_end("\"")).unwrap_or(value).trim();
        let Some(rest) = text.strip("/") else {
            return Err(text.bad("a regular expression stands between slashes").help("write `pcre:\"/…/\"`"));
        };
        let close = rest.text.rmatch_indices('/').map(|(at, _)| at).find(|at| !is_escaped(rest.text, *at));
        let Some(close) = close else {
            return Err(text.bad("the second slash is missing").help("write `pcre:\"/…/\"`"));
        };
        let after = rest.slice(close + 1, rest.text.len());
        let (flags, captures) = match after.text.find(',') {
            Some(comma) => (after.slice(0, comma).trim(), Some(after.slice(comma + 1, after.text.len()))),
            None => (after.trim(), None),
        };
        Ok(Self { regex: rest.slice(0, close), flags, captures })
    }
}

/// Whether an odd number of backslashes stands before `at`.
fn is_escaped(text: &str, at: usize) -> bool {
    let before = text.as_bytes().get(..at).unwrap_or_default();
    before.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
}

/// What the flags say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Settings {
    syntax: Flags,
    relative: bool,
    unlimited: bool,
    raw: bool,
    buffer: Option<char>,
}

impl Settings {
    fn parse(flags: Part<'_>) -> Result<Self, Diagnostic> {
        let mut settings = Self::default();
        for (at, flag) in flags.text.char_indices() {
            let here = flags.slice(at, at + flag.len_utf8());
            match flag {
                'i' => settings.syntax.ignore_case = true,
                's' => settings.syntax.dot_all = true,
                'm' => settings.syntax.multi_line = true,
                'x' => settings.syntax.extended = true,
                'A' => settings.syntax.anchored = true,
                'E' => settings.syntax.dollar_end_only = true,
                'G' => settings.syntax.ungreedy = true,
                'R' => settings.relative = true,
                'O' => settings.unlimited = true,
                'B' => settings.raw = true,
                other if buffer_of(other).is_some() => match settings.buffer.replace(other) {
                    Some(before) if before != other => {
                        let message = format!("`{before}` and `{other}` select different buffers");
                        return Err(Diagnostic::error(Code::Conflict, here.span(), message));
                    }
                    _ => {}
                },
                other => {
                    return Err(here
                        .bad(format!("`{other}` is no flag"))
                        .help("flags: i s m x A E G R B O, or one of U I P Q H D M C S Y V W Z for a buffer"));
                }
            }
        }
        if settings.raw && settings.buffer.is_some() {
            let message = "`B` means the packet as it is, not a buffer";
            return Err(Diagnostic::error(Code::Conflict, flags.span(), message));
        }
        Ok(settings)
    }
}

impl Pcre {
    pub(super) fn parse(value: Part<'_>, lowercase: bool, limits: &Limits) -> Result<Self, Diagnostic> {
        let (negated, value) = value.negation();
        let parts = Parts::split(value)?;
        let settings = Settings::parse(parts.flags)?;
        let translated = translate(parts.regex, settings.syntax)?;
        if lowercase && !settings.syntax.ignore_case && translated.asks_for_capital {
            return Err(Diagnostic::error(Code::Impossible, parts.regex.span(), "this buffer holds lower case only")
                .help("write the expression in lower case"));
        }
        let captures = targets(&translated, parts.captures)?;
        if negated && !captures.is_empty() {
            let message = "what must not be there captures nothing";
            return Err(Diagnostic::error(Code::Conflict, value.span(), message));
        }
        let limits = if settings.unlimited { Limits { regex_steps: usize::MAX, ..*limits } } else { *limits };
        let regex = Regex::new(translated, !captures.is_empty(), limits)
            .map_err(|error| Diagnostic::error(Code::BadRegex, parts.regex.span(), error))?;
        let nocase = settings.syntax.ignore_case;
        Ok(Self { regex, negated, relative: settings.relative, nocase, captures: captures.into_boxed_slice() })
    }

    /// The first match that starts at or after `from`. What it captured is in `scratch`.
    pub(super) fn find(&self, data: &[u8], from: usize, scratch: &mut Scratch) -> Option<Found> {
        let Scratch { regexes, counts, effects, .. } = scratch;
        let found = match self.regex.find(data, from, regexes) {
            Ok(found) => found?,
            Err(regex::GaveUp) => {
                counts.regex_limit += 1;
                return None;
            }
        };
        let group = |number: usize| data.get(regexes.group(number)?);
        for target in &self.captures {
            let name = match &target.name {
                Name::Fixed(name) => Some(name.as_bytes()),
                Name::Group(number) => group(*number),
            };
            if let (Some(name), Some(value)) = (name, group(target.group)) {
                effects.capture(target.kind, name, value);
            }
        }
        Some(found)
    }
}

/// The captures that are named in the expression (`(?P<flow_x>…)`) and behind it (`, flow:x`, by order of groups).
fn targets(translated: &Translated, listed: Option<Part<'_>>) -> Result<Vec<Target>, Diagnostic> {
    let mut targets = Vec::new();
    for (group, name) in translated.groups.iter().enumerate() {
        let Some((kind, name)) = name.as_deref().and_then(|name| name.split_once('_')) else { continue };
        if let Some(kind) = kind_of(kind) {
            targets.push(Target { kind, name: Name::Fixed(name.into()), group: group + 1 });
        }
    }
    let listed: Vec<_> = listed.iter().flat_map(|listed| listed.split(',')).collect();
    let mut group = 0;
    let mut rest = listed.as_slice();
    while let [part, more @ ..] = rest {
        rest = more;
        group += 1;
        let (kind, name) = target(*part)?;
        if group > translated.groups.len() {
            return Err(part.bad("the expression has fewer groups").help("put what is captured in parentheses"));
        }
        // The first names the second: `pkt:key, pkt:value`. For flows these are two variables.
        match more {
            [second, more @ ..]
                if (kind, name) == (CaptureKind::Packet, "key") && target(*second)? == (kind, "value") =>
            {
                rest = more;
                targets.push(Target { kind, name: Name::Group(group), group: group + 1 });
                group += 1;
            }
            _ => targets.push(Target { kind, name: Name::Fixed(name.into()), group }),
        }
    }
    if targets.len() > MAX_CAPTURES {
        let part = listed.last().copied();
        let error = |part: Part<'_>| part.bad(format!("at most {MAX_CAPTURES} captures"));
        return Err(part.map_or_else(
            || Diagnostic::error(Code::BadValue, 0..0, format!("at most {MAX_CAPTURES} captures")),
            error,
        ));
    }
    Ok(targets)
}

fn target<'a>(part: Part<'a>) -> Result<(CaptureKind, &'a str), Diagnostic> {
    let help = "write `flow:name`, `pkt:name` or `alert:name`";
    let Some((kind, name)) = part.text.split_once(':') else {
        return Err(part.bad(format!("`{}` is no capture", part.text)).help(help));
    };
    match kind_of(kind.trim()) {
        Some(kind) if !name.trim().is_empty() => Ok((kind, name.trim())),
        _ => Err(part.bad(format!("`{}` is no capture", part.text)).help(help)),
    }
}

fn kind_of(word: &str) -> Option<CaptureKind> {
    match word {
        "flow" => Some(CaptureKind::Flow),
        "pkt" => Some(CaptureKind::Packet),
        "alert" => Some(CaptureKind::Alert),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
