//! `xor:"hexkey"`: the key is repeated as often as needed.

use super::Args;
use crate::detect::bytes::text::Part;
use crate::rules::ast::Opt;
use crate::rules::diagnostic::Diagnostic;

const MAX_KEY: usize = 255;

pub(super) fn parse(opt: &Opt) -> Result<Args, Diagnostic> {
    let text = Part::value(opt)?.quoted()?;
    let mut key = Vec::new();
    text.hex(&mut key)?;
    if key.is_empty() || key.len() > MAX_KEY {
        return Err(text.bad(format!("a key has 1 to {MAX_KEY} bytes")).help("write it in hex: `xor:\"0d0ac8ff\"`"));
    }
    Ok(Args::Key(key.into()))
}

pub(super) fn apply(args: &Args, input: &[u8], out: &mut Vec<u8>) {
    if let Args::Key(key) = args {
        out.extend(input.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    }
}
