//! Keywords that say something of the rule and test nothing.

use crate::detect::builder::RuleBuilder;
use crate::detect::bytes::text::Part;
use crate::detect::rule::Target;
use crate::rules::ast::Opt;
use crate::rules::diagnostic::{Code, Diagnostic};

pub(super) fn msg(rule: &mut RuleBuilder<'_, '_>, opt: &Opt) -> Result<(), Diagnostic> {
    rule.meta.msg = Some(unescaped(super::unquoted(Part::value(opt)?)?.text));
    Ok(())
}

/// Without the backslashes before `;`, `"`, `:` and `\`.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('\\', Some(';' | '"' | ':' | '\\')) => out.extend(chars.next()),
            _ => out.push(c),
        }
    }
    out
}

/// A number; the old sets put it in quotes now and then.
fn number(opt: &Opt, low: i64) -> Result<u32, Diagnostic> {
    let value = super::unquoted(Part::value(opt)?)?.integer_in(low, u32::MAX.into())?;
    Ok(u32::try_from(value).unwrap_or(u32::MAX))
}

pub(super) fn sid(rule: &mut RuleBuilder<'_, '_>, opt: &Opt) -> Result<(), Diagnostic> {
    rule.meta.sid = Some(number(opt, 1)?);
    Ok(())
}

pub(super) fn gid(rule: &mut RuleBuilder<'_, '_>, opt: &Opt) -> Result<(), Diagnostic> {
    rule.meta.gid = Some(number(opt, 0)?);
    Ok(())
}

pub(super) fn rev(rule: &mut RuleBuilder<'_, '_>, opt: &Opt) -> Result<(), Diagnostic> {
    rule.meta.rev = Some(number(opt, 0)?);
    Ok(())
}

pub(super) fn priority(rule: &mut RuleBuilder<'_, '_>, opt: &Opt) -> Result<(), Diagnostic> {
    rule.meta.priority = Some(number(opt, 0)?);
    Ok(())
}

pub(super) fn classtype(rule: &mut RuleBuilder<'_, '_>, opt: &Opt) -> Result<(), Diagnostic> {
    let name = super::unquoted(Part::value(opt)?)?;
    if rule.cx.settings.classes.get(name.text).is_none() {
        let message = format!("the class `{}` is not defined", name.text);
        let help = "define it in classification.config, or the default priority is used";
        rule.warnings.push(Diagnostic::warning(Code::UnknownName, name.span(), message).help(help));
    }
    rule.meta.classtype = Some((name.text.to_owned(), name.span()));
    Ok(())
}

/// `type,value`
pub(super) fn reference(rule: &mut RuleBuilder<'_, '_>, opt: &Opt) -> Result<(), Diagnostic> {
    let value = Part::value(opt)?;
    let Some((kind, rest)) = value.text.split_once(',') else {
        return Err(value.bad("expected a type and a value: `cve,2021-44228`"));
    };
    let kind = value.slice(0, kind.len()).trim();
    let rest = unescaped(rest.trim());
    if kind.text.is_empty() || rest.is_empty() {
        return Err(value.bad("expected a type and a value: `cve,2021-44228`"));
    }
    let url = match rule.cx.settings.references.get(kind.text) {
        Some(prefix) => format!("{prefix}{rest}"),
        None => {
            let message = format!("the reference type `{}` is not defined", kind.text);
            let help = "define it in reference.config";
            rule.warnings.push(Diagnostic::warning(Code::UnknownName, kind.span(), message).help(help));
            format!("{},{rest}", kind.text)
        }
    };
    rule.meta.references.push(url);
    Ok(())
}

/// `key value[, key value]…`
pub(super) fn metadata(rule: &mut RuleBuilder<'_, '_>, opt: &Opt) -> Result<(), Diagnostic> {
    for pair in Part::value(opt)?.split(',') {
        let (key, value) = pair.word();
        // Sets have pairs without a value, and stray commas; there is nothing to show of those.
        if !value.text.is_empty() {
            rule.meta.metadata.push((key.text.to_owned(), value.text.to_owned()));
        }
    }
    Ok(())
}

pub(super) fn target(rule: &mut RuleBuilder<'_, '_>, opt: &Opt) -> Result<(), Diagnostic> {
    let value = Part::value(opt)?;
    let target = match value.text {
        "src_ip" => Target::Source,
        "dest_ip" => Target::Destination,
        _ => return Err(super::unknown(value, "`src_ip`, `dest_ip`")),
    };
    if rule.meta.target.replace(target).is_some() {
        rule.warnings.push(super::repeated(opt));
    }
    Ok(())
}

pub(super) fn noalert(rule: &mut RuleBuilder<'_, '_>, _: &Opt) -> Result<(), Diagnostic> {
    rule.noalert = true;
    Ok(())
}

pub(super) fn alert(rule: &mut RuleBuilder<'_, '_>, opt: &Opt) -> Result<(), Diagnostic> {
    rule.alert = true;
    if rule.noalert {
        return Err(Diagnostic::error(Code::Conflict, opt.span.clone(), "`alert` and `noalert` contradict each other"));
    }
    rule.alert = true;
    Ok(())
}
