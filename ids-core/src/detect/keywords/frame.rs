//! `frame`: the raw bytes of a unit of a protocol.

use crate::app::frames::{is_stream, short};
use crate::app::registry::{self, ProtoId};
use crate::detect::builder::{Place, RuleBuilder};
use crate::detect::bytes::text::Part;
use crate::detect::header::Carriers;
use crate::field::Info;
use crate::rules::ast::Opt;
use crate::rules::diagnostic::{Code, Diagnostic};

/// `[protocol.]name`; without the protocol that of the header is meant.
pub(super) fn frame(rule: &mut RuleBuilder<'_, '_>, opt: &Opt) -> Result<(), Diagnostic> {
    let value = Part::value(opt)?;
    let of_header = |id: &ProtoId| id.protocol().frames.iter().find(|info| short(info) == value.text);
    let known = rule.apps.iter().flatten().find_map(of_header);
    let name = known.map_or(value.text, |info| info.name);
    let Some(id) = rule.cx.catalog.frame_named(name) else { return Err(unknown(rule, value)) };
    if rule.cx.catalog.field(id).is_some_and(|known| is_stream(known.info)) {
        rule.restrict_carriers(Carriers::TCP, &opt.span)?;
    }
    rule.select(Place::Field(id), None, opt.span.clone())
}

/// Why there is no such frame: its protocol has none yet, or others.
fn unknown(rule: &RuleBuilder<'_, '_>, value: Part<'_>) -> Diagnostic {
    let named = value.text.split_once('.').map(|(proto, _)| registry::by_rule_name(proto).collect::<Vec<_>>());
    let protos = named.filter(|protos| !protos.is_empty()).or_else(|| rule.apps.clone()).unwrap_or_default();
    let frames: Vec<&Info> = protos.iter().flat_map(|id| id.protocol().frames).collect();
    match protos.first() {
        None => value
            .bad(format!("`{}` is no frame", value.text))
            .help("write the protocol before the name: `dns.pdu`; or in the header of the rule"),
        Some(proto) if frames.is_empty() => {
            let message = format!("frames of `{}` are not supported yet", proto.name());
            Diagnostic::error(Code::NotSupported, value.span(), message)
        }
        Some(_) => {
            let names: Vec<_> = frames.iter().map(|info| format!("`{}`", info.name)).collect();
            value.bad(format!("`{}` is no frame", value.text)).help(format!("one of {}", names.join(", ")))
        }
    }
}
