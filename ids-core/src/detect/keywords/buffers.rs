//! Keywords that select a buffer or ask its length.

use smallvec::smallvec;

use crate::detect::builder::{Last, Place, RuleBuilder};
use crate::detect::bytes::text::Part;
use crate::detect::integer;
use crate::detect::integer::{Array, Index};
use crate::detect::rule_set::Check;
use crate::field::Dirs;
use crate::rules::ast::{Opt, Spanned};
use crate::rules::diagnostic::{Code, Diagnostic};

pub(super) fn pkt_data(rule: &mut RuleBuilder<'_, '_>, opt: &Opt) -> Result<(), Diagnostic> {
    rule.select(Place::Payload, None, opt.span.clone())
}

/// Marks the test before it; after a content it means `fast_pattern`.
pub(super) fn prefilter(rule: &mut RuleBuilder<'_, '_>, opt: &Opt) -> Result<(), Diagnostic> {
    match rule.last {
        Last::Content => {
            let name = Spanned { text: "fast_pattern".to_owned(), span: opt.name.span.clone() };
            rule.modify(&Opt { name, value: None, span: opt.span.clone() })
        }
        Last::Prefilter => Ok(()),
        Last::Other => {
            let message = "what stands before `prefilter` cannot be a first test";
            Err(Diagnostic::error(Code::NoContext, opt.span.clone(), message)
                .help("put it right after a `content`, or a test of the packet such as `ttl` or `tcp.flags`"))
        }
    }
}

/// Names of the buffers behind `uricontent` and `urilen`.
const URI: &str = "http.uri";
const RAW_URI: &str = "http.uri.raw";

pub(super) fn uricontent(rule: &mut RuleBuilder<'_, '_>, opt: &Opt) -> Result<(), Diagnostic> {
    let Some(field) = rule.cx.catalog.field_named(URI) else { return Err(missing(opt)) };
    let name = Spanned { text: "content".to_owned(), span: opt.name.span.clone() };
    rule.last = Last::Content;
    rule.test_elsewhere(field, &Opt { name, value: opt.value.clone(), span: opt.span.clone() })
}

/// `integer[,norm|raw]`
pub(super) fn urilen(rule: &mut RuleBuilder<'_, '_>, opt: &Opt) -> Result<(), Diagnostic> {
    let value = Part::value(opt)?;
    let (number, name) = match value.text.rsplit_once(',') {
        None => (value, URI),
        Some((number, form)) => {
            let from = number.len() + 1;
            let form = value.slice(from, from + form.len()).trim();
            let name = match form.text {
                "norm" => URI,
                "raw" => RAW_URI,
                _ => return Err(super::unknown(form, "`norm`, `raw`")),
            };
            (value.slice(0, number.len()).trim(), name)
        }
    };
    let test = integer::parse(number.text, 16, &[]).map_err(|problem| number.problem(problem))?;
    let Some(field) = rule.cx.catalog.field_named(name) else { return Err(missing(opt)) };
    rule.restrict(field, opt.span.clone())?;
    let check = Check::Number { buffer: 0, tests: smallvec![Array { test, index: Index::Any }], length: true };
    rule.check(check, Some(field), Dirs::ToServer, opt.span.clone());
    Ok(())
}

/// Names of the buffers behind the old tests of certificates.
const SUBJECT: &str = "tls.cert_subject";
const ISSUER: &str = "tls.cert_issuer";
const FINGERPRINT: &str = "tls.cert_fingerprint";

/// `[!]"text"`
pub(super) fn subject(rule: &mut RuleBuilder<'_, '_>, opt: &Opt) -> Result<(), Diagnostic> {
    contains(rule, opt, SUBJECT, str::to_owned)
}

/// `[!]"text"`
pub(super) fn issuer(rule: &mut RuleBuilder<'_, '_>, opt: &Opt) -> Result<(), Diagnostic> {
    contains(rule, opt, ISSUER, str::to_owned)
}

/// `[!]"text"`, in any case.
pub(super) fn fingerprint(rule: &mut RuleBuilder<'_, '_>, opt: &Opt) -> Result<(), Diagnostic> {
    contains(rule, opt, FINGERPRINT, str::to_ascii_lowercase)
}

/// Puts the text that an old keyword asks for into a test of its buffer.
fn contains(
    rule: &mut RuleBuilder<'_, '_>,
    opt: &Opt,
    buffer: &str,
    form: fn(&str) -> String,
) -> Result<(), Diagnostic> {
    let Some(field) = rule.cx.catalog.field_named(buffer) else { return Err(missing(opt)) };
    let (negated, text) = Part::value(opt)?.negation();
    // Nothing stands for anything else in it.
    let text = form(super::unquoted(text)?.text).replace('|', "|7c|");
    let value = format!("{}\"{text}\"", if negated { "!" } else { "" });
    let name = Spanned { text: "content".to_owned(), span: opt.name.span.clone() };
    let value = opt.value.as_ref().map(|old| Spanned { text: value, span: old.span.clone() });
    rule.last = Last::Content;
    rule.test_elsewhere(field, &Opt { name, value, span: opt.span.clone() })
}

fn missing(opt: &Opt) -> Diagnostic {
    let message = format!("`{}` is not supported yet: no protocol here has what it looks at", opt.name.text);
    Diagnostic::error(Code::NotSupported, opt.span.clone(), message)
}
