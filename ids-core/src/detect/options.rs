//! The options of a rule, one after the other → what its builder holds.
//!
//! Finds out what each name means and hands the option to whoever knows it. What depends on the options
//! around it is here: an old modifier such as `http_uri` stands after the content whose buffer it names.

use super::builder::{Last, Place, RuleBuilder};
use super::bytes::pcre;
use super::bytes::text::Part;
use super::catalog::{FieldId, Meaning};
use super::notation;
use super::packet_fields::{PacketField, PacketTest, Read};
use super::rule_set::Check;
use super::transforms;
use crate::field::{Dir, Dirs, Info, Kind, Notation};
use crate::rules::ast::Opt;
use crate::rules::diagnostic::{Code, Diagnostic};

/// Tests of bytes that modify the one before them.
const MODIFIERS: [&str; 10] = [
    "depth",
    "distance",
    "endswith",
    "fast_pattern",
    "nocase",
    "offset",
    "rawbytes",
    "replace",
    "startswith",
    "within",
];

/// Reads all options. `Err`: everything that is wrong with any of them.
pub(super) fn read(rule: &mut RuleBuilder<'_, '_>, options: &[Opt]) -> Result<(), Vec<Diagnostic>> {
    let mut faults = Vec::new();
    for (at, opt) in options.iter().enumerate() {
        let before = options.get(..at).unwrap_or_default();
        let after = options.get(at + 1..).unwrap_or_default();
        if let Err(fault) = option(rule, opt, before, after) {
            faults.push(fault);
        }
    }
    faults.extend(rule.check_selection_used().err());
    // What lacks a buffer because the buffer is not known needs no word of its own.
    if faults.iter().any(|fault| matches!(fault.code, Code::NotSupported | Code::UnknownKeyword)) {
        faults.retain(|fault| fault.code != Code::NoContext);
    }
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

fn option(rule: &mut RuleBuilder<'_, '_>, opt: &Opt, before: &[Opt], after: &[Opt]) -> Result<(), Diagnostic> {
    let name = opt.name.text.as_str();
    let meaning = rule.cx.catalog.find(name);
    match meaning {
        Some(Meaning::Keyword(keyword)) => {
            keyword.check_value(opt)?;
            if keyword.once {
                once(opt, before)?;
            }
            (keyword.apply)(rule, opt)
        }
        Some(Meaning::Test) => test(rule, opt, after),
        Some(Meaning::Transform) => rule.transform(transforms::parse(opt)?, opt),
        Some(Meaning::Packet(field)) => packet(rule, field, opt),
        Some(Meaning::Field(id)) => field(rule, id, opt, before),
        Some(Meaning::Modifier(id)) => modifier(rule, id, opt),
        Some(Meaning::NotYet) => {
            let message = format!("`{name}` is not supported yet");
            Err(Diagnostic::error(Code::NotSupported, opt.name.span.clone(), message))
        }
        None => Err(unknown(rule, opt)),
    }
}

/// Refuses an option that stands a second time.
fn once(opt: &Opt, before: &[Opt]) -> Result<(), Diagnostic> {
    match before.iter().any(|other| other.name.text == opt.name.text) {
        true => Err(Diagnostic::error(Code::Repeated, opt.span.clone(), format!("`{}` stands twice", opt.name.text))),
        false => Ok(()),
    }
}

fn unknown(rule: &RuleBuilder<'_, '_>, opt: &Opt) -> Diagnostic {
    let message = format!("`{}` is not a keyword", opt.name.text);
    let fault = Diagnostic::error(Code::UnknownKeyword, opt.name.span.clone(), message).label("not known");
    match rule.cx.catalog.nearest(&opt.name.text) {
        Some(nearest) => fault.help(format!("did you mean `{nearest}`?")),
        None => fault,
    }
}

/// A test of bytes: of the selected buffer, or of the one that a modifier after it or a flag of it names.
fn test(rule: &mut RuleBuilder<'_, '_>, opt: &Opt, after: &[Opt]) -> Result<(), Diagnostic> {
    let name = opt.name.text.as_str();
    if MODIFIERS.contains(&name) {
        rule.last = Last::Content;
        return rule.modify(opt);
    }
    rule.last = if name == "content" { Last::Content } else { Last::Other };
    let elsewhere = match name {
        "content" => modifier_after(rule, after),
        "pcre" => flagged_buffer(rule, opt)?,
        "base64_data" => return rule.select_decoded(opt),
        _ => None,
    };
    match elsewhere {
        None if is_relative(opt) => rule.test_relative(opt),
        Some(field) if rule.is_selected(field) => rule.test(opt),
        // What goes on from a match in the selected buffer cannot be elsewhere.
        Some(_) if rule.is_sticky() && is_relative(opt) => {
            let message = "the flag names another buffer than the selected one, which counts";
            rule.warnings.push(Diagnostic::warning(Code::Conflict, opt.span.clone(), message));
            rule.test(opt)
        }
        Some(_) if rule.is_sticky() => {
            let message = "a sticky buffer is selected already";
            Err(Diagnostic::error(Code::Conflict, opt.span.clone(), message)
                .help("put `pkt_data;` before it, or use the sticky form of the buffer"))
        }
        Some(field) => rule.test_elsewhere(field, opt),
        None => rule.test(opt),
    }
}

/// Whether a test other than a content goes on from the match before it.
fn is_relative(opt: &Opt) -> bool {
    let Some(value) = opt.value.as_ref().map(|value| value.text.as_str()) else { return false };
    match opt.name.text.as_str() {
        "byte_test" | "byte_jump" | "byte_extract" | "byte_math" | "isdataat" | "base64_decode" => {
            value.split(',').any(|word| word.trim() == "relative")
        }
        "pcre" => value.rsplit_once('/').is_some_and(|(_, flags)| flags.contains('R')),
        _ => false,
    }
}

/// The buffer that a modifier names, among the options that still belong to a content.
fn modifier_after(rule: &RuleBuilder<'_, '_>, after: &[Opt]) -> Option<FieldId> {
    for opt in after {
        match rule.cx.catalog.find(&opt.name.text) {
            Some(Meaning::Modifier(id)) => return Some(id),
            Some(Meaning::Test) if MODIFIERS.contains(&opt.name.text.as_str()) => {}
            // What is said of the rule as a whole may stand in between.
            Some(Meaning::Keyword(keyword)) if !matches!(keyword.name, "pkt_data" | "uricontent") => {}
            _ => return None,
        }
    }
    None
}

/// The buffer that the flags of a regular expression name.
fn flagged_buffer(rule: &RuleBuilder<'_, '_>, opt: &Opt) -> Result<Option<FieldId>, Diagnostic> {
    let Some(name) = opt.value.as_ref().and_then(|value| pcre::buffer(&value.text)) else { return Ok(None) };
    match rule.cx.catalog.field_named(name) {
        Some(field) => Ok(Some(field)),
        None => {
            let message = format!("the buffer `{name}`, which a flag names, is not supported yet");
            Err(Diagnostic::error(Code::NotSupported, opt.span.clone(), message))
        }
    }
}

/// An old modifier: its content was put into the buffer when it was read.
fn modifier(rule: &mut RuleBuilder<'_, '_>, id: FieldId, opt: &Opt) -> Result<(), Diagnostic> {
    Part::none(opt)?;
    rule.last = Last::Content;
    let name = &opt.name.text;
    match rule.current_place() {
        Some(Place::Field(current)) if current == id => Ok(()),
        None => Err(Diagnostic::error(Code::NoContext, opt.span.clone(), format!("`{name}` has no content before it"))
            .help(format!("put a `content` before `{name}`, or use the sticky form before the content"))),
        Some(_) => {
            let message = format!("the content before `{name}` is already about another buffer");
            Err(Diagnostic::error(Code::Conflict, opt.span.clone(), message))
        }
    }
}

/// Something of the packet: a test, or a sticky buffer.
fn packet(rule: &mut RuleBuilder<'_, '_>, field: &'static PacketField, opt: &Opt) -> Result<(), Diagnostic> {
    if let Read::Bytes(_) = field.read {
        Part::none(opt)?;
        rule.restrict_carriers(field.carriers, &opt.span)?;
        rule.last = Last::Other;
        return rule.select(Place::Header(field), None, opt.span.clone());
    }
    let value = match field.syntax {
        super::packet_fields::Syntax::Flag => {
            Part::none(opt)?;
            Part { text: "", at: opt.span.end }
        }
        _ => Part::value(opt)?,
    };
    let (predicate, row) = field.syntax.parse(value)?;
    rule.restrict_carriers(field.carriers, &opt.span)?;
    rule.last = Last::Prefilter;
    rule.packet.push(PacketTest { field: row.unwrap_or(field), predicate });
    Ok(())
}

/// A field of transactions: a sticky buffer, or a test of a number.
fn field(rule: &mut RuleBuilder<'_, '_>, id: FieldId, opt: &Opt, before: &[Opt]) -> Result<(), Diagnostic> {
    let Some(info) = rule.cx.catalog.field(id).map(|known| known.info) else { return Ok(()) };
    match info.kind {
        Kind::Bytes(_) => {
            let dir = side(info, opt)?;
            rule.last = Last::Other;
            rule.select(Place::Field(id), dir, opt.span.clone())
        }
        Kind::Uint { bits, names, notation } => {
            if notation == Notation::Name {
                once(opt, before)?;
            }
            let tests = notation::parse(notation, bits, names, opt)?;
            rule.restrict(id, opt.span.clone())?;
            let check = Check::Number { buffer: 0, tests, length: false };
            rule.check(check, Some(id), info.dirs, opt.span.clone());
            rule.last = Last::Prefilter;
            Ok(())
        }
    }
}

/// `:to_server` or `:to_client` on a buffer that both sides have.
fn side(info: &'static Info, opt: &Opt) -> Result<Option<Dir>, Diagnostic> {
    let Some(value) = opt.value.as_ref().filter(|value| !value.text.is_empty()) else { return Ok(None) };
    let dir = match value.text.as_str() {
        "to_server" => Dir::ToServer,
        "to_client" => Dir::ToClient,
        _ => {
            let message = format!("`{}` takes no value but a side", info.name);
            return Err(Diagnostic::error(Code::UnexpectedValue, value.span.clone(), message)
                .help("`to_server` or `to_client`, where both sides have it"));
        }
    };
    if info.dirs == Dirs::Both {
        return Ok(Some(dir));
    }
    let message = format!("`{}` exists on one side alone", info.name);
    Err(Diagnostic::error(Code::UnexpectedValue, value.span.clone(), message))
}
