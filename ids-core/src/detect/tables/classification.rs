//! `config classification: short,description,priority`

use std::collections::HashMap;

use super::{LineFault, config, lines};
use crate::detect::bytes::text::Part;
use crate::rules::diagnostic::Diagnostic;

/// A class of rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Class {
    /// What `alert.category` shows.
    pub description: String,
    /// Priority of its rules, unless they have their own.
    pub priority: u32,
}

/// Classes by short name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Classes(HashMap<String, Class>);

impl Classes {
    /// Reads a file; of a name that stands twice the first counts.
    pub fn parse(text: &str) -> (Self, Vec<LineFault>) {
        let (mut classes, mut faults) = (Self::default(), Vec::new());
        for (number, line) in lines(text) {
            match class(Part { text: &line, at: 0 }) {
                Ok((name, class)) => drop(classes.0.entry(name).or_insert(class)),
                Err(fault) => faults.push((number, fault)),
            }
        }
        (classes, faults)
    }

    /// The class of this name, in any case.
    pub fn get(&self, name: &str) -> Option<&Class> {
        self.0.get(&name.to_ascii_lowercase())
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn class(line: Part<'_>) -> Result<(String, Class), Diagnostic> {
    let rest = config(line, "classification")?;
    let parts: Vec<_> = rest.split(',').collect();
    let [name, description, priority] = *parts else {
        return Err(rest.bad("expected a short name, a description and a priority, with commas between them"));
    };
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if name.text.is_empty() || !name.text.chars().all(legal) {
        return Err(name.bad(format!("`{}` is no short name", name.text)).help("use letters, digits, `-` and `_`"));
    }
    let priority = u32::try_from(priority.integer_in(0, u32::MAX.into())?).unwrap_or(u32::MAX);
    Ok((name.text.to_ascii_lowercase(), Class { description: description.text.to_owned(), priority }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_read_and_bad_lines_named() {
        let text = "# comment\nconfig classification: trojan-activity,A Network Trojan, 1\n\
            config classification: bad name,x,1\nconfig classification: a,b\nconfig  classification:B,c,3";
        let (classes, faults) = Classes::parse(text);
        let class = classes.get("Trojan-Activity").unwrap();
        assert_eq!((class.description.as_str(), class.priority), ("A Network Trojan", 1));
        assert_eq!(classes.get("b").unwrap().priority, 3);
        assert_eq!(faults.iter().map(|fault| fault.0).collect::<Vec<_>>(), [3, 4]);
    }
}
