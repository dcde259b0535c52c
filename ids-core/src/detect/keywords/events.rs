//! `decode-event`, `stream-event`, `engine-event`, `app-layer-event`.

use smallvec::SmallVec;

use crate::anomaly::{Anomaly, Layer};
use crate::app::probe::DetectionEvent;
use crate::app::registry::{self, Support};
use crate::detect::builder::{Last, RuleBuilder};
use crate::detect::bytes::text::Part;
use crate::detect::header::Carriers;
use crate::detect::read_header::current_name;
use crate::detect::rule_set::{Check, EventTest};
use crate::field::Dirs;
use crate::rules::ast::Opt;
use crate::rules::diagnostic::{Code, Diagnostic};

pub(super) fn decoder(rule: &mut RuleBuilder<'_, '_>, opt: &Opt) -> Result<(), Diagnostic> {
    anomaly(rule, Layer::Decoder, Part::value(opt)?)
}

pub(super) fn stream(rule: &mut RuleBuilder<'_, '_>, opt: &Opt) -> Result<(), Diagnostic> {
    anomaly(rule, Layer::Stream, Part::value(opt)?)
}

/// The full name, with `decoder.` or `stream.` in front.
pub(super) fn engine(rule: &mut RuleBuilder<'_, '_>, opt: &Opt) -> Result<(), Diagnostic> {
    let value = Part::value(opt)?;
    for layer in [Layer::Decoder, Layer::Stream] {
        if let Some(rest) = value.strip(layer.prefix()).and_then(|rest| rest.strip(".")) {
            return anomaly(rule, layer, rest);
        }
    }
    Err(unknown(value).help("write `decoder.…` or `stream.…`"))
}

fn anomaly(rule: &mut RuleBuilder<'_, '_>, layer: Layer, name: Part<'_>) -> Result<(), Diagnostic> {
    let anomaly = Anomaly::find(layer, &name.text.to_ascii_lowercase()).ok_or_else(|| unknown(name))?;
    if anomaly == Anomaly::UdpHlenInvalid {
        let message = "this event is never raised any more";
        rule.warnings.push(Diagnostic::warning(Code::Obsolete, name.span(), message).help("use `udp.len_invalid`"));
    }
    if layer == Layer::Stream {
        rule.restrict_carriers(Carriers::TCP, &name.span())?;
    }
    rule.events.push(EventTest::Packet(anomaly));
    rule.last = Last::Prefilter;
    Ok(())
}

fn unknown(name: Part<'_>) -> Diagnostic {
    Diagnostic::error(Code::UnknownName, name.span(), format!("there is no event `{}`", name.text))
}

/// `protocol.event`, or an event of finding out the protocol.
pub(super) fn app_layer(rule: &mut RuleBuilder<'_, '_>, opt: &Opt) -> Result<(), Diagnostic> {
    let value = Part::value(opt)?;
    if let Some(event) = DetectionEvent::ALL.into_iter().find(|event| event.name() == value.text) {
        rule.events.push(EventTest::Detection(event));
        return Ok(());
    }
    let Some((name, event)) = value.text.split_once('.') else {
        return Err(unknown(value).help("write `protocol.event`"));
    };
    let protos: Vec<_> = registry::by_rule_name(current_name(&name.to_ascii_lowercase())).collect();
    if protos.is_empty() {
        return Err(unknown(value.slice(0, name.len())).help("the protocol is not known"));
    }
    if protos.iter().all(|id| registry::support(*id) != Support::Parsed) {
        let message = format!("`{name}` is not parsed yet, so it has no events");
        return Err(Diagnostic::error(Code::NotSupported, value.span(), message));
    }
    let mut events = SmallVec::new();
    for id in &protos {
        let place = id.protocol().events.iter().position(|known| *known == event);
        events.extend(place.and_then(|place| u8::try_from(place).ok()).map(|number| (*id, number)));
    }
    if events.is_empty() {
        let message = format!("`{name}` has no event `{event}`: the rule cannot match");
        rule.warnings.push(Diagnostic::warning(Code::UnknownName, value.span(), message));
    }
    rule.restrict_to(&protos, name, opt.span.clone())?;
    rule.check(Check::Event(events), None, Dirs::Both, opt.span.clone());
    Ok(())
}
