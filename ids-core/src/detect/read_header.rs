//! The words before the parentheses: action, scope, protocol, hook, endpoints.

use std::sync::Arc;

use super::builder::{Payload, RuleBuilder};
use super::header::{AddressSet, Carriers, Header, RangeSet};
use super::rule::Action;
use super::rule_set::{Check, Scope, StateOrder, StateTest};
use super::similar;
use crate::app::registry::{self, ProtoId, Support};
use crate::field::{Dir, Dirs};
use crate::rules::ast::{Rule, Spanned};
use crate::rules::diagnostic::{Code, Diagnostic};
use crate::verdict::RejectTo;

/// What the rule does.
pub(super) fn action(rule: &Rule) -> Result<Action, Diagnostic> {
    let word = &rule.action;
    Ok(match word.text.as_str() {
        "alert" => Action::Alert,
        "pass" => Action::Pass,
        "drop" => Action::Drop,
        "reject" | "rejectsrc" => Action::Reject(RejectTo::Source),
        "rejectdst" => Action::Reject(RejectTo::Destination),
        "rejectboth" => Action::Reject(RejectTo::Both),
        "config" => Action::Config,
        "accept" => {
            let message = format!("the action `{}` is not supported yet", word.text);
            return Err(Diagnostic::error(Code::NotSupported, word.span.clone(), message));
        }
        other => {
            let message = format!("`{other}` is not an action");
            return Err(Diagnostic::error(Code::UnknownAction, word.span.clone(), message)
                .help("`alert`, `pass`, `drop`, `reject`, `rejectsrc`, `rejectdst`, `rejectboth` or `config`"));
        }
    })
}

/// How much the action covers, if the rule says so.
pub(super) fn scope(rule: &Rule, action: Action) -> Result<Option<Scope>, Diagnostic> {
    let Some(word) = &rule.scope else { return Ok(None) };
    if action == Action::Alert {
        let message = "`alert` has no scope";
        return Err(Diagnostic::error(Code::UnexpectedValue, word.span.clone(), message).help("write `alert`"));
    }
    match word.text.as_str() {
        "packet" => Ok(Some(Scope::Packet)),
        "flow" if action != Action::Config => Ok(Some(Scope::Flow)),
        other => {
            let message = format!("`{other}` is no scope of `{}`", rule.action.text);
            Err(Diagnostic::error(Code::BadValue, word.span.clone(), message)
                .help("`packet`, or `flow` where packets are dropped or passed"))
        }
    }
}

/// A word for what is below application protocols.
struct Lower {
    name: &'static str,
    carriers: Carriers,
    /// What the payload of the rule is.
    payload: Payload,
    /// Takes the addresses of the other version of IP out of a set.
    narrow: Option<fn(&mut AddressSet)>,
}

const LOWER: &[Lower] = &[
    lower("tcp", Carriers::TCP),
    Lower { payload: Payload::Packets, ..lower("tcp-pkt", Carriers::TCP) },
    Lower { payload: Payload::Streams, ..lower("tcp-stream", Carriers::TCP) },
    lower("udp", Carriers::UDP),
    lower("icmp", Carriers::ICMP4.or(Carriers::ICMP6)),
    lower("icmpv4", Carriers::ICMP4),
    lower("icmpv6", Carriers::ICMP6),
    lower("sctp", Carriers::SCTP),
    lower("ip", Carriers::ANY.or(Carriers::NONE)),
    lower("pkthdr", Carriers::ANY.or(Carriers::NONE)),
    Lower { narrow: Some(only_v4), ..lower("ip4", Carriers::ANY) },
    Lower { narrow: Some(only_v4), ..lower("ipv4", Carriers::ANY) },
    Lower { narrow: Some(only_v6), ..lower("ip6", Carriers::ANY) },
    Lower { narrow: Some(only_v6), ..lower("ipv6", Carriers::ANY) },
];

const fn lower(name: &'static str, carriers: Carriers) -> Lower {
    Lower { name, carriers, payload: Payload::All, narrow: None }
}

fn only_v4(set: &mut AddressSet) {
    set.v6 = RangeSet::default();
}

fn only_v6(set: &mut AddressSet) {
    set.v4 = RangeSet::default();
}

/// What the rule is about: carriers and application protocols.
pub(super) fn protocol(builder: &mut RuleBuilder<'_, '_>, word: &Spanned) -> Result<(), Diagnostic> {
    builder.protocol.clone_from(&word.text);
    let Some(lower) = LOWER.iter().find(|lower| lower.name == word.text) else { return app(builder, word) };
    (builder.carriers, builder.payload) = (lower.carriers, lower.payload);
    lower.narrow.map_or(Ok(()), |narrow| version(builder, word, narrow))
}

/// One version of IP: no address of the other.
fn version(builder: &mut RuleBuilder<'_, '_>, word: &Spanned, narrow: fn(&mut AddressSet)) -> Result<(), Diagnostic> {
    let Header { src, dst, .. } = &mut builder.header;
    for set in [src, dst] {
        narrow(Arc::make_mut(set));
        if set.v4.is_empty() && set.v6.is_empty() {
            let message = format!("an address of the rule is none of `{}`", word.text);
            return Err(Diagnostic::error(Code::BadAddress, word.span.clone(), message)
                .help("write `ip`, or addresses of that version"));
        }
    }
    Ok(())
}

fn app(builder: &mut RuleBuilder<'_, '_>, word: &Spanned) -> Result<(), Diagnostic> {
    let named: Vec<ProtoId> = registry::by_rule_name(current_name(&word.text)).collect();
    if named.is_empty() {
        let message = format!("the protocol `{}` is not known", word.text);
        let fault = Diagnostic::error(Code::UnknownProtocol, word.span.clone(), message).label("not a protocol");
        let lower = LOWER.iter().map(|lower| lower.name);
        return Err(match similar::nearest(&word.text, lower.chain(registry::rule_names())) {
            Some(nearest) => fault.help(format!("did you mean `{nearest}`?")),
            None => fault,
        });
    }
    let known: Vec<_> = named.into_iter().filter(|id| registry::support(*id) != Support::Named).collect();
    if known.is_empty() {
        let message = format!("the protocol `{}` is not supported yet", word.text);
        return Err(Diagnostic::error(Code::NotSupported, word.span.clone(), message));
    }
    builder.restrict_to(&known, &word.text, word.span.clone())
}

/// The name that an old name of a protocol stands for.
pub(super) fn current_name(name: &str) -> &str {
    match name {
        "ikev2" => "ike",
        name => name,
    }
}

/// What carries application protocols.
pub(super) fn carriers_of(apps: &[ProtoId]) -> Carriers {
    let rows = apps.iter().map(|id| id.protocol());
    let parts = rows.flat_map(|row| [(row.tcp, Carriers::TCP), (row.udp, Carriers::UDP)]);
    let used = parts.filter(|(used, _)| *used).map(|(_, carrier)| carrier);
    used.reduce(Carriers::or).unwrap_or(Carriers::TCP.or(Carriers::UDP))
}

/// Where the rule is evaluated (`http1:request_headers`).
pub(super) fn hook(builder: &mut RuleBuilder<'_, '_>, word: &Spanned) -> Result<(), Diagnostic> {
    let Some(apps) = builder.apps.clone() else { return packet_hook(builder, word) };
    for (dir, side) in [(Dir::ToServer, Dirs::ToServer), (Dir::ToClient, Dirs::ToClient)] {
        let place = |id: &ProtoId| {
            let [request, response] = id.protocol().states;
            let states = if dir == Dir::ToServer { request } else { response };
            let at = generic(&word.text, dir, states.len()).or_else(|| states.iter().position(|s| *s == word.text))?;
            Some((*id, u8::try_from(at).ok()?))
        };
        let places: smallvec::SmallVec<_> = apps.iter().filter_map(place).collect();
        if !places.is_empty() {
            builder.flow.dir = Some(dir);
            builder.check(Check::State(places, StateOrder::Reached), None, side, word.span.clone());
            return Ok(());
        }
    }
    builder.parsed(&word.span)?;
    let message = format!("`{}` has no hook `{}`", builder.protocol, word.text);
    Err(Diagnostic::error(Code::BadHook, word.span.clone(), message)
        .help("every protocol has `request_started`, `request_complete`, `response_started`, `response_complete`"))
}

/// The hooks that every protocol has: its first and its last state.
fn generic(name: &str, dir: Dir, states: usize) -> Option<usize> {
    match (name, dir) {
        ("request_started", Dir::ToServer) | ("response_started", Dir::ToClient) => Some(0),
        ("request_complete", Dir::ToServer) | ("response_complete", Dir::ToClient) => states.checked_sub(1),
        _ => None,
    }
}

fn packet_hook(builder: &mut RuleBuilder<'_, '_>, word: &Spanned) -> Result<(), Diagnostic> {
    match word.text.as_str() {
        "all" => Ok(()),
        "flow_start" => {
            builder.state.push(StateTest::FlowStart);
            Ok(())
        }
        "pre_flow" | "pre_stream" => {
            let message = format!("the hook `{}` is not supported yet", word.text);
            Err(Diagnostic::error(Code::NotSupported, word.span.clone(), message))
        }
        other => {
            let message = format!("`{other}` is no hook of packets");
            Err(Diagnostic::error(Code::BadHook, word.span.clone(), message)
                .help("`flow_start`, `pre_flow`, `pre_stream` or `all`"))
        }
    }
}
