//! `flowbits`, `xbits`, `hostbits`: one bit under a name, of a flow, of a host, of a pair of hosts.

use std::time::Duration;

use crate::detect::builder::{Last, RuleBuilder};
use crate::detect::bytes::text::Part;
use crate::detect::names::Space;
use crate::detect::rule_set::{Effect, End, StateTest, XbitKey};
use crate::detect::shared::Set;
use crate::rules::ast::Opt;
use crate::rules::diagnostic::{Code, Diagnostic};

const COMMANDS: &str = "`set`, `unset`, `toggle`, `isset`, `isnotset`, `noalert`";

/// What is done with a bit.
enum Command {
    Change(Set),
    Test(bool),
}

/// Reads the command; `None`: `noalert`.
fn command(word: Part<'_>) -> Result<Option<Command>, Diagnostic> {
    Ok(Some(match word.text {
        "set" => Command::Change(Set::On),
        "unset" => Command::Change(Set::Off),
        "toggle" => Command::Change(Set::Toggle),
        "isset" => Command::Test(true),
        "isnotset" => Command::Test(false),
        "noalert" => return Ok(None),
        _ => return Err(super::unknown(word, COMMANDS)),
    }))
}

/// A name without white space.
fn name(part: Part<'_>) -> Result<&str, Diagnostic> {
    if part.text.is_empty() {
        return Err(part.bad("a name is missing"));
    }
    if part.text.contains(char::is_whitespace) {
        return Err(part.bad(format!("`{}` has white space in it", part.text)));
    }
    Ok(part.text)
}

/// `noalert` stands alone.
fn noalert(rule: &mut RuleBuilder<'_, '_>, parts: &[Part<'_>]) -> Result<(), Diagnostic> {
    match parts {
        [_] => {
            rule.noalert = true;
            Ok(())
        }
        [_, name, ..] => Err(name.bad("`noalert` takes no name")),
        [] => Ok(()),
    }
}

/// `set|unset|toggle,name`, `isset|isnotset,name[|name…]`, `noalert`
pub(super) fn flowbits(rule: &mut RuleBuilder<'_, '_>, opt: &Opt) -> Result<(), Diagnostic> {
    let value = Part::value(opt)?;
    let parts: Vec<_> = value.split(',').collect();
    let Some(command) = command(parts.first().copied().unwrap_or(value))? else {
        return noalert(rule, &parts);
    };
    let [word, list] = *parts else {
        return Err(value.bad("expected a command and a name: `set,name`"));
    };
    let mut ids = smallvec::SmallVec::new();
    for part in list.split('|') {
        ids.push(rule.cx.names.intern(Space::Flowbit, name(part)?));
    }
    match command {
        Command::Test(set) => {
            rule.state.push(StateTest::Flowbit { any: ids, set });
            if set {
                rule.last = Last::Prefilter;
            }
        }
        Command::Change(_) if ids.len() > 1 => {
            return Err(list
                .bad(format!("`{}` takes one name", word.text))
                .help("lists are for `isset` and `isnotset`"));
        }
        Command::Change(set) => {
            rule.effects.extend(ids.into_iter().map(|name| Effect::Flowbit { name, set }));
        }
    }
    Ok(())
}

/// `command,name,track ip_src|ip_dst|ip_pair[,expire S]`
pub(super) fn xbits(rule: &mut RuleBuilder<'_, '_>, opt: &Opt) -> Result<(), Diagnostic> {
    let value = Part::value(opt)?;
    let parts: Vec<_> = value.split(',').collect();
    let Some(command) = command(parts.first().copied().unwrap_or(value))? else {
        return noalert(rule, &parts);
    };
    let (bit, track, rest) = match *parts {
        [_, bit, track] => (bit, track, None),
        [_, bit, track, rest] => (bit, track, Some(rest)),
        _ => return Err(value.bad("expected a command, a name and what it belongs to: `set,name,track ip_src`")),
    };
    let (keyword, by) = track.word();
    if keyword.text != "track" {
        return Err(super::unknown(keyword, "`track`"));
    }
    let by = match by.text {
        "ip_src" => XbitKey::Host(End::Source),
        "ip_dst" => XbitKey::Host(End::Destination),
        "ip_pair" => XbitKey::Pair,
        "tx" => {
            let message = "bits of a transaction are not supported yet";
            return Err(Diagnostic::error(Code::NotSupported, by.span(), message));
        }
        _ => return Err(super::unknown(by, "`ip_src`, `ip_dst`, `ip_pair`")),
    };
    let expire = match (rest.map(Part::word), &command) {
        (None, _) => 30,
        (Some((word, seconds)), Command::Change(_)) if word.text == "expire" => {
            seconds.integer_in(1, u32::MAX.into())?.unsigned_abs()
        }
        (Some((word, _)), Command::Test(_)) if word.text == "expire" => {
            let warning = Diagnostic::warning(Code::UnexpectedValue, word.span(), "a test sets no time");
            rule.warnings.push(warning.help("put `expire` where the bit is set"));
            0
        }
        (Some((word, _)), _) => return Err(super::unknown(word, "`expire`")),
    };
    let name = rule.cx.names.intern(Space::Xbit, name(bit)?);
    match command {
        Command::Test(set) => rule.state.push(StateTest::Xbit { name, by, set }),
        Command::Change(set) => {
            rule.effects.push(Effect::Xbit { name, by, set, expire: Duration::from_secs(expire) });
        }
    }
    Ok(())
}

/// `command,name[,src|dst]`
pub(super) fn hostbits(rule: &mut RuleBuilder<'_, '_>, opt: &Opt) -> Result<(), Diagnostic> {
    let value = Part::value(opt)?;
    let parts: Vec<_> = value.split(',').collect();
    let Some(command) = command(parts.first().copied().unwrap_or(value))? else {
        return noalert(rule, &parts);
    };
    let (bit, end) = match *parts {
        [_, bit] => (bit, End::Source),
        [_, bit, end] => (
            bit,
            match end.text {
                "src" => End::Source,
                "dst" => End::Destination,
                "both" => {
                    let message = "`both` is not supported";
                    return Err(Diagnostic::error(Code::NotSupported, end.span(), message).help("`src` or `dst`"));
                }
                _ => return Err(super::unknown(end, "`src`, `dst`")),
            },
        ),
        _ => return Err(value.bad("expected a command, a name and perhaps an end: `set,name,src`")),
    };
    let name = rule.cx.names.intern(Space::Hostbit, name(bit)?);
    match command {
        Command::Test(set) => rule.state.push(StateTest::Hostbit { name, end, set }),
        Command::Change(set) => rule.effects.push(Effect::Hostbit { name, end, set }),
    }
    Ok(())
}
