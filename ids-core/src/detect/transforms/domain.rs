//! `domain`, `tld`: the parts of a host name, as the Public Suffix List divides it.
//!
//! The list is compiled in. A name whose suffix it does not know counts its last label as suffix, as the list's own
//! rule says ("If no rules match, the prevailing rule is `*`", publicsuffix.org/list).

use super::Args;

/// The name below which hosts are somebody's own: `bbc.co.uk` of `www.bbc.co.uk`; nothing where the name is a suffix.
pub(super) fn registrable(_: &Args, input: &[u8], out: &mut Vec<u8>) {
    tail(input, out, |name| psl::domain(name).map(|domain| domain.as_bytes().len()));
}

/// The suffix under which names are registered: `co.uk` of `www.bbc.co.uk`.
pub(super) fn suffix(_: &Args, input: &[u8], out: &mut Vec<u8>) {
    tail(input, out, |name| psl::suffix(name).map(|suffix| suffix.as_bytes().len()));
}

/// The end of the input, as long as `length` says for the name in lower case, which is how the list is written.
fn tail(input: &[u8], out: &mut Vec<u8>, length: impl FnOnce(&[u8]) -> Option<usize>) {
    out.extend(input.iter().map(u8::to_ascii_lowercase));
    let length = length(out).unwrap_or(0);
    out.clear();
    out.extend_from_slice(input.get(input.len().saturating_sub(length)..).unwrap_or_default());
}
