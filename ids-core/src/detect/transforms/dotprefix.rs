//! `dotprefix`: lets one content match a domain and what is below it, but not what only ends alike.

use super::Args;

pub(super) fn apply(_: &Args, input: &[u8], out: &mut Vec<u8>) {
    out.push(b'.');
    out.extend_from_slice(input);
}
