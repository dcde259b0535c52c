//! `app-layer-protocol` and `app-layer-state`.

use smallvec::SmallVec;

use crate::app::registry::{self, Support};
use crate::detect::builder::{Last, RuleBuilder};
use crate::detect::bytes::text::Part;
use crate::detect::rule_set::{Check, StateOrder, StateTest, Which, Whose};
use crate::detect::similar;
use crate::field::{Dir, Dirs};
use crate::rules::ast::Opt;
use crate::rules::diagnostic::{Code, Diagnostic};

const MODES: &str = "`direction`, `to_server`, `to_client`, `either`, `final`, `original`";

/// `[!]name|failed|unknown[,mode]`
pub(super) fn protocol(rule: &mut RuleBuilder<'_, '_>, opt: &Opt) -> Result<(), Diagnostic> {
    let value = Part::value(opt)?;
    let parts: Vec<_> = value.split(',').collect();
    let (name, mode) = match *parts {
        [name] => (name, None),
        [name, mode] => (name, Some(mode)),
        _ => return Err(value.bad("expected a protocol and perhaps a mode: `http,to_server`")),
    };
    let (negated, name) = name.negation();
    let which = match name.text.to_ascii_lowercase().as_str() {
        "failed" => Which::Failed,
        "unknown" if negated => {
            return Err(Diagnostic::error(Code::Conflict, name.span(), "`unknown` cannot be negated"));
        }
        "unknown" => Which::Unknown,
        known => Which::These(protocols(name, known)?),
    };
    if rule.apps.is_some() {
        let message = format!("the rule is about `{}` already", rule.protocol);
        return Err(Diagnostic::error(Code::Conflict, opt.span.clone(), message)
            .help("use a header such as `tcp`, without buffers of protocols"));
    }
    let of = match mode.map(|mode| (mode, mode.text)) {
        None | Some((_, "direction")) => Whose::Direction,
        Some((_, "to_server")) => Whose::Side(Dir::ToServer),
        Some((_, "to_client")) => Whose::Side(Dir::ToClient),
        Some((_, "either")) => Whose::Either,
        Some((_, "final")) => Whose::Final,
        Some((_, "original")) => Whose::Original,
        Some((mode, _)) => return Err(super::unknown(mode, MODES)),
    };
    for test in &rule.state {
        let StateTest::Protocol { which: other, of: theirs, negated: negates } = test else { continue };
        if *theirs == of && *other == which {
            return Err(Diagnostic::error(Code::Repeated, opt.span.clone(), "the same protocol is asked for twice"));
        }
        if *theirs == of && !negated && !negates {
            let message = "a flow has one protocol: not two at once";
            return Err(Diagnostic::error(Code::Impossible, opt.span.clone(), message));
        }
    }
    rule.state.push(StateTest::Protocol { which, of, negated });
    rule.last = Last::Prefilter;
    Ok(())
}

fn protocols(name: Part<'_>, lower: &str) -> Result<SmallVec<[registry::ProtoId; 2]>, Diagnostic> {
    let protos: SmallVec<_> = registry::by_rule_name(lower).collect();
    if protos.is_empty() {
        let message = format!("the protocol `{}` is not known", name.text);
        let fault = Diagnostic::error(Code::UnknownProtocol, name.span(), message);
        return Err(match similar::nearest(lower, registry::rule_names()) {
            Some(nearest) => fault.help(format!("did you mean `{nearest}`?")),
            None => fault.help("write an application protocol such as `http`, `dns` or `tls`"),
        });
    }
    if protos.iter().all(|id| registry::support(*id) == Support::Named) {
        let message = format!("the protocol `{}` is not recognised yet", name.text);
        return Err(Diagnostic::error(Code::NotSupported, name.span(), message));
    }
    Ok(protos)
}

/// `[<|>]state`
pub(super) fn state(rule: &mut RuleBuilder<'_, '_>, opt: &Opt) -> Result<(), Diagnostic> {
    let value = Part::value(opt)?;
    let (order, name) = if let Some(rest) = value.strip("<") {
        (StateOrder::Before, rest.trim())
    } else if let Some(rest) = value.strip(">") {
        (StateOrder::After, rest.trim())
    } else {
        (StateOrder::At, value)
    };
    let Some(apps) = rule.apps.clone() else {
        let message = "`app-layer-state` needs a protocol";
        return Err(Diagnostic::error(Code::WrongProtocol, opt.span.clone(), message)
            .help("name the protocol in the header: `alert http …`"));
    };
    let mut places = SmallVec::new();
    let mut dirs = None;
    for id in apps {
        for (dir, states) in Dir::BOTH.into_iter().zip(id.protocol().states) {
            let place = states.iter().position(|state| *state == name.text).and_then(|place| u8::try_from(place).ok());
            if let Some(place) = place {
                places.push((id, place));
                dirs = Some(if dir == Dir::ToServer { Dirs::ToServer } else { Dirs::ToClient });
            }
        }
    }
    let Some(dirs) = dirs else {
        rule.parsed(&name.span())?;
        let message = format!("`{}` has no state `{}`", rule.protocol, name.text);
        return Err(Diagnostic::error(Code::UnknownName, name.span(), message));
    };
    rule.check(Check::State(places, order), None, dirs, opt.span.clone());
    Ok(())
}
