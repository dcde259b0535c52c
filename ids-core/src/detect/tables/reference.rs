//! `config reference: type prefix`

use std::collections::HashMap;

use super::{LineFault, config, lines};
use crate::detect::bytes::text::Part;
use crate::rules::diagnostic::Diagnostic;

/// Prefixes of references by type.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct References(HashMap<String, String>);

impl References {
    /// Reads a file; of a type that stands twice the first counts.
    pub fn parse(text: &str) -> (Self, Vec<LineFault>) {
        let (mut references, mut faults) = (Self::default(), Vec::new());
        for (number, line) in lines(text) {
            match reference(Part { text: &line, at: 0 }) {
                Ok((kind, prefix)) => drop(references.0.entry(kind).or_insert(prefix)),
                Err(fault) => faults.push((number, fault)),
            }
        }
        (references, faults)
    }

    /// The prefix of a type, in any case.
    pub fn get(&self, kind: &str) -> Option<&str> {
        self.0.get(&kind.to_ascii_lowercase()).map(String::as_str)
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn reference(line: Part<'_>) -> Result<(String, String), Diagnostic> {
    let rest = config(line, "reference")?;
    let (kind, prefix) = rest.word();
    if kind.text.is_empty() || prefix.text.is_empty() {
        return Err(rest.bad("expected a type and a prefix"));
    }
    Ok((kind.text.to_ascii_lowercase(), prefix.text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_read_and_bad_lines_named() {
        let text = "config reference: cve       https://cve.example/?id=\nconfig reference: url\nnonsense\n";
        let (references, faults) = References::parse(text);
        assert_eq!(references.get("CVE"), Some("https://cve.example/?id="));
        assert_eq!(references.get("url"), None);
        assert_eq!(faults.iter().map(|fault| fault.0).collect::<Vec<_>>(), [2, 3]);
    }
}
