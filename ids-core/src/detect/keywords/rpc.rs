//! `dcerpc.iface`: which interface a call is of.

use crate::detect::builder::{Last, RuleBuilder};
use crate::detect::bytes::text::Part;
use crate::rules::ast::{Opt, Spanned};
use crate::rules::diagnostic::{Code, Diagnostic};

/// The buffer it looks at: the UUID, then the version, then whether the first packet of the call was seen.
const INTERFACE: &str = "dcerpc.interface";
/// Where in it the version and that mark stand.
const VERSION: usize = 16;
const FIRST: usize = 18;

/// `uuid[,<|>|=|!version][,any_frag]`
pub(super) fn interface(rule: &mut RuleBuilder<'_, '_>, opt: &Opt) -> Result<(), Diagnostic> {
    let Some(field) = rule.cx.catalog.field_named(INTERFACE) else {
        let message = format!("`{}` is not supported yet", opt.name.text);
        return Err(Diagnostic::error(Code::NotSupported, opt.span.clone(), message));
    };
    let value = Part::value(opt)?;
    let mut parts = value.split(',').map(Part::trim);
    let mut tests = vec![("content", uuid(parts.next().unwrap_or(value))?), ("startswith", String::new())];
    let (mut version, mut any) = (None, false);
    for part in parts {
        if part.text == "any_frag" && !any {
            any = true;
        } else if version.is_none() {
            version = Some(compare(part)?);
        } else {
            return Err(part.bad(format!("`{}` stands twice", part.text)));
        }
    }
    tests.extend(version.map(|(sign, number)| ("byte_test", format!("2,{sign},{number},{VERSION}"))));
    tests.extend((!any).then(|| ("byte_test", format!("1,=,1,{FIRST}"))));
    let mut first = true;
    for (name, text) in tests {
        let name = Spanned { text: name.to_owned(), span: opt.name.span.clone() };
        let value = (!text.is_empty()).then(|| Spanned { text, span: value.span() });
        let test = Opt { name, value, span: opt.span.clone() };
        if std::mem::take(&mut first) { rule.test_elsewhere(field, &test)? } else { rule.modify(&test)? }
    }
    rule.last = Last::Other;
    Ok(())
}

/// A UUID as a content: its bytes in the order in which they are written.
fn uuid(part: Part<'_>) -> Result<String, Diagnostic> {
    const GROUPS: [usize; 5] = [8, 4, 4, 4, 12];
    let groups: Vec<&str> = part.text.split('-').collect();
    let form = groups.iter().map(|group| group.len()).eq(GROUPS);
    let digits = groups.concat();
    if !form || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let help = "write it as `12345678-1234-abcd-ef00-0123456789ab`";
        return Err(part.bad(format!("`{}` is no UUID", part.text)).help(help));
    }
    Ok(format!("\"|{digits}|\""))
}

/// A comparison with a version. Out: its sign in a test of bytes, and the version.
fn compare(part: Part<'_>) -> Result<(&'static str, u16), Diagnostic> {
    let signs = [("<", "<"), (">", ">"), ("=", "="), ("!", "!=")];
    let found = signs.into_iter().find_map(|(sign, test)| Some((test, part.strip(sign)?)));
    let (test, number) =
        found.ok_or_else(|| super::unknown(part, "`<`, `>`, `=`, `!` and a version, or `any_frag`"))?;
    let version = number.trim().text.parse().map_err(|_| number.bad(format!("`{}` is no version", number.text)))?;
    Ok((test, version))
}
