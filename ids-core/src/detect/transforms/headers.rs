//! `header_lowercase`, `strip_pseudo_headers`: buffers that hold headers or their names, a line each.

use super::Args;

/// Names end at the first colon that does not start the line: HTTP/2 pseudo headers begin with one (RFC 9113 §8.3).
pub(super) fn lowercase_names(_: &Args, input: &[u8], out: &mut Vec<u8>) {
    for line in input.split_inclusive(|byte| *byte == b'\n') {
        let name = line.iter().skip(1).position(|byte| *byte == b':').map_or(0, |at| at + 1);
        let start = out.len();
        out.extend_from_slice(line);
        if let Some(name) = out.get_mut(start..start + name) {
            name.make_ascii_lowercase();
        }
    }
}

pub(super) fn strip_pseudo(_: &Args, input: &[u8], out: &mut Vec<u8>) {
    let lines = input.split_inclusive(|byte| *byte == b'\n');
    lines.filter(|line| !line.starts_with(b":")).for_each(|line| out.extend_from_slice(line));
}
