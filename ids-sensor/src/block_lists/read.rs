//! The file of a list → prefixes, and what is wrong with its lines.
//!
//! One address or prefix begins each line, IPv4 or IPv6; what follows a blank, `#` or `;` is a comment, as in the
//! lists that are handed around.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use crate::kernel::Prefix;

/// A longer file is no list of ours.
const MOST_BYTES: u64 = 256 << 20;

/// What stands in a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Contents {
    /// In order, each once.
    pub(super) prefixes: Vec<Prefix>,
    /// Lines that say nothing, by their numbers from 1, with the reason.
    pub(super) problems: Vec<(usize, String)>,
}

/// Reads a file.
pub(super) fn file(path: &Path) -> io::Result<Contents> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("larger than {} MiB", MOST_BYTES >> 20)));
    }
    Ok(contents(&bytes))
}

/// Reads the bytes of a file.
pub(super) fn contents(bytes: &[u8]) -> Contents {
    let mut found = Contents::default();
    for (at, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let end = line.iter().position(|byte| matches!(byte, b'#' | b';')).unwrap_or(line.len());
        let Some(word) = line[..end].split(u8::is_ascii_whitespace).find(|word| !word.is_empty()) else { continue };
        match String::from_utf8_lossy(word).parse() {
            Ok(prefix) => found.prefixes.push(prefix),
            Err(error) => found.problems.push((at + 1, format!("{error}"))),
        }
    }
    found.prefixes.sort_unstable();
    found.prefixes.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lines_say() {
        let text = b"# made by hand\n192.0.2.7\n\n  198.51.100.0/24 ; SBL1\r\n2001:db8::/32 # six\n192.0.2.7\n";
        let found = contents(text);
        let names: Vec<String> = found.prefixes.iter().map(ToString::to_string).collect();
        assert_eq!(names, ["192.0.2.7", "198.51.100.0/24", "2001:db8::/32"]);
        assert_eq!(found.problems, []);
    }

    #[test]
    fn what_is_wrong_is_named_by_line() {
        let found = contents(b"192.0.2.1\nexample.org\n192.0.2.0/40\n10.9.0.0/8 x\n\xff\xfe\n192.0.2.2");
        assert_eq!(found.prefixes.len(), 2);
        let lines: Vec<usize> = found.problems.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [2, 3, 4, 5]);
        assert_eq!(found.problems[0].1, "`example.org` is no IP address");
        assert!(found.problems[2].1.contains("10.0.0.0/8"), "{:?}", found.problems);
    }
}
