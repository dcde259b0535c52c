//! `strip_whitespace`, `compress_whitespace`: tab, line feed, vertical tab, form feed, carriage return and space.

use super::Args;

fn is_white(byte: &u8) -> bool {
    matches!(byte, b'\t'..=b'\r' | b' ')
}

pub(super) fn strip(_: &Args, input: &[u8], out: &mut Vec<u8>) {
    out.extend(input.iter().filter(|byte| !is_white(byte)));
}

pub(super) fn compress(_: &Args, input: &[u8], out: &mut Vec<u8>) {
    let mut before = false;
    for byte in input {
        let white = is_white(byte);
        if !white {
            out.push(*byte);
        } else if !before {
            out.push(b' ');
        }
        before = white;
    }
}

pub(super) fn is_stripped(bytes: &[u8], _: bool) -> bool {
    !bytes.iter().any(is_white)
}

pub(super) fn is_compressed(bytes: &[u8], _: bool) -> bool {
    !bytes.windows(2).any(|pair| pair.iter().all(is_white))
}
