//! `from_base64:[bytes n][, offset n][, mode rfc4648|rfc2045|strict]`

use super::Args;
use crate::detect::bytes::base64::{self, Mode, Region};
use crate::detect::bytes::text::Part;
use crate::rules::ast::Opt;
use crate::rules::diagnostic::Diagnostic;

pub(super) fn parse(opt: &Opt) -> Result<Args, Diagnostic> {
    let value = if opt.value.is_some() { Some(Part::value(opt)?) } else { None };
    let mut mode = Mode::Stop;
    let region = Region::parse(value, |word, rest| {
        if word.text != "mode" {
            let error = word.bad(format!("`{}` is not known here", word.text));
            return Err(error.help("known: bytes n, offset n, mode m"));
        }
        mode = match rest.text.to_ascii_lowercase().as_str() {
            "rfc4648" => Mode::Stop,
            "rfc2045" => Mode::Skip,
            "strict" => Mode::Strict,
            other => return Err(rest.bad(format!("`{other}` is no mode")).help("rfc4648, rfc2045 or strict")),
        };
        Ok(())
    })?;
    Ok(Args::Base64(region, mode))
}

pub(super) fn apply(args: &Args, input: &[u8], out: &mut Vec<u8>) {
    if let Args::Base64(region, mode) = args {
        base64::decode(region.of(input), *mode, out);
    }
}
