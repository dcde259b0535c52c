//! Base64 as rules see it: lenient about how data ends, by mode strict or not about what is in between.
//!
//! Source: RFC 4648 (the alphabet, §4; what to do with other characters, §3.3), RFC 2045 §6.8 (ignore them).

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD};

use super::chain::View;
use super::text::Part;
use crate::rules::diagnostic::{Code, Diagnostic};

/// Most bytes that are decoded.
pub(crate) const MAX: usize = 65_535;

/// Takes a last group of two or three characters as it is, padded or not.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What is made of characters that are not in the alphabet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// The data ends there (RFC 4648).
    Stop,
    /// They are skipped (RFC 2045).
    Skip,
    /// There is no data at all.
    Strict,
}

/// Appends what `input` decodes to.
pub(crate) fn decode(input: &[u8], mode: Mode, out: &mut Vec<u8>) {
    let wanted = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    match mode {
        Mode::Strict => {
            let before = out.len();
            if STANDARD.decode_vec(input, out).is_err() {
                out.truncate(before);
            }
        }
        Mode::Stop => {
            let length = input.iter().take_while(wanted).count();
            decode_groups(input.get(..length).unwrap_or_default(), out);
        }
        Mode::Skip => {
            let mut chars = input.iter().take_while(|byte| **byte != b'=').filter(wanted).copied();
            // A whole number of groups, so that blocks can be decoded one by one.
            let mut block = [0; 1024];
            loop {
                let filled = block.iter_mut().zip(&mut chars).map(|(place, byte)| *place = byte).count();
                decode_groups(block.get(..filled).unwrap_or_default(), out);
                if filled < block.len() {
                    return;
                }
            }
        }
    }
}

/// Decodes characters of the alphabet alone; a single one at the end stands for nothing.
fn decode_groups(chars: &[u8], out: &mut Vec<u8>) {
    let whole = if chars.len() % 4 == 1 { chars.len() - 1 } else { chars.len() };
    let before = out.len();
    if LENIENT.decode_vec(chars.get(..whole).unwrap_or_default(), out).is_err() {
        out.truncate(before);
    }
}

/// `[bytes n][, offset n]`, with what else a keyword takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Region {
    /// How many bytes are decoded at most.
    pub(crate) bytes: usize,
    /// How many are skipped before.
    pub(crate) offset: usize,
}

impl Region {
    /// Reads the parts of a value; what is neither `bytes` nor `offset` is given to `other`.
    pub(crate) fn parse<'a>(
        value: Option<Part<'a>>,
        mut other: impl FnMut(Part<'a>, Part<'a>) -> Result<(), Diagnostic>,
    ) -> Result<Self, Diagnostic> {
        let (mut bytes, mut offset) = (None, None);
        for part in value.iter().flat_map(|value| value.split(',')) {
            let (word, rest) = part.word();
            let (place, low) = match word.text {
                "bytes" => (&mut bytes, 1),
                "offset" => (&mut offset, 0),
                _ => {
                    other(word, rest)?;
                    continue;
                }
            };
            if place.replace(rest.integer_in(low, MAX as i64)?.unsigned_abs() as usize).is_some() {
                return Err(Diagnostic::error(Code::Repeated, word.span(), format!("`{}` stands twice", word.text)));
            }
        }
        Ok(Self { bytes: bytes.unwrap_or(MAX), offset: offset.unwrap_or(0) })
    }

    /// The part of `data` that is decoded.
    pub(crate) fn of<'a>(&self, data: &'a [u8]) -> &'a [u8] {
        let rest = data.get(self.offset..).unwrap_or_default();
        rest.get(..self.bytes).unwrap_or(rest)
    }
}

/// `base64_decode:[bytes n][, offset n][, relative]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Base64Decode {
    region: Region,
    pub(super) relative: bool,
}

impl Base64Decode {
    pub(super) fn parse(value: Option<Part<'_>>) -> Result<Self, Diagnostic> {
        let mut relative = false;
        let region = Region::parse(value, |word, rest| {
            if word.text != "relative" || !rest.text.is_empty() {
                let error = word.bad(format!("`{}` is not known here", word.text));
                return Err(error.help("known: bytes n, offset n, relative"));
            }
            relative = true;
            Ok(())
        })?;
        Ok(Self { region, relative })
    }

    /// Decodes into `out`. Out: whether more data could change the result.
    pub(super) fn decode(&self, view: &View<'_>, last: usize, out: &mut Vec<u8>) -> bool {
        out.clear();
        let rest = view.data.get(if self.relative { last } else { 0 }..).unwrap_or_default();
        let input = self.region.of(rest);
        decode(input, Mode::Stop, out);
        !view.complete && self.region.offset.saturating_add(self.region.bytes) > rest.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Input, and what each mode makes of it: stop, skip, strict.
    type Case<'a> = (&'a [u8], &'a [u8], &'a [u8], &'a [u8]);

    #[test]
    fn modes() {
        let cases: &[Case<'_>] = &[
            (b"dGVzdA==", b"test", b"test", b"test"),
            (b"dGVzdA", b"test", b"test", b""),
            (b"dGVz dA==", b"tes", b"test", b""),
            (b"Zm 9v Ym Fy", b"f", b"foobar", b""),
            (b"dGhpc2", b"this", b"this", b""),
            (b"dGhpc", b"thi", b"thi", b""),
            (b"d", b"", b"", b""),
            (b"", b"", b"", b""),
            (b"=", b"", b"", b""),
            (b"nn", b"\x9e", b"\x9e", b""),
        ];
        for (input, stop, skip, strict) in cases {
            for (mode, wanted) in [(Mode::Stop, stop), (Mode::Skip, skip), (Mode::Strict, strict)] {
                let mut out = b"x".to_vec();
                decode(input, mode, &mut out);
                assert_eq!(out.get(1..), Some(*wanted), "{mode:?} {}", input.escape_ascii());
            }
        }
    }

    #[test]
    fn skipping_works_across_blocks() {
        let data: Vec<u8> = (0..5000).map(|n: u32| n.to_le_bytes()[0]).collect();
        let spread: Vec<u8> = STANDARD.encode(&data).bytes().flat_map(|byte| [byte, b'\n']).collect();
        let mut out = Vec::new();
        decode(&spread, Mode::Skip, &mut out);
        assert_eq!(out, data);
    }
}
