//! `to_lowercase`, `to_uppercase`

use super::Args;

pub(super) fn lower(_: &Args, input: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(input);
    out.make_ascii_lowercase();
}

pub(super) fn upper(_: &Args, input: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(input);
    out.make_ascii_uppercase();
}

pub(super) fn is_lower(bytes: &[u8], nocase: bool) -> bool {
    nocase || !bytes.iter().any(u8::is_ascii_uppercase)
}

pub(super) fn is_upper(bytes: &[u8], nocase: bool) -> bool {
    nocase || !bytes.iter().any(u8::is_ascii_lowercase)
}
