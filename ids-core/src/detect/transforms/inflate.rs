//! `gunzip` (RFC 1952), `zlib_deflate` (RFC 1950): `[max-size n]`
//!
//! Longer output is cut at the size. Of damaged data remains what comes before the damage.

use std::io::Read;

use flate2::bufread::{GzDecoder, ZlibDecoder};

use super::Args;
use crate::detect::bytes::text::Part;
use crate::rules::ast::Opt;
use crate::rules::diagnostic::Diagnostic;

const DEFAULT_SIZE: usize = 1024;
const MAX_SIZE: i64 = 16 << 20;

pub(super) fn parse(opt: &Opt) -> Result<Args, Diagnostic> {
    if opt.value.is_none() {
        return Ok(Args::MaxSize(DEFAULT_SIZE));
    }
    let (word, rest) = Part::value(opt)?.word();
    if word.text != "max-size" {
        return Err(word.bad(format!("`{}` is not known here", word.text)).help("known: max-size n"));
    }
    Ok(Args::MaxSize(rest.integer_in(1, MAX_SIZE)?.unsigned_abs() as usize))
}

pub(super) fn gunzip(args: &Args, input: &[u8], out: &mut Vec<u8>) {
    read(args, GzDecoder::new(input), out);
}

pub(super) fn zlib(args: &Args, input: &[u8], out: &mut Vec<u8>) {
    read(args, ZlibDecoder::new(input), out);
}

fn read(args: &Args, decoder: impl Read, out: &mut Vec<u8>) {
    let Args::MaxSize(size) = args else { return };
    // What was unpacked before an error stays in `out`, and that is all there is to know of damaged data.
    let _ = decoder.take(*size as u64).read_to_end(out);
}
