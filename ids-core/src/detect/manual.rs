//! The rule language as its authors look it up: every name, what it does, how it is written, and an example.
//!
//! In: the tables that rules are read with.  Out: [`Entry`]s. Says what those tables say, so that nothing is
//! documented that is not there.

use super::bytes;
use super::catalog::Catalog;
use super::keywords::{EXAMPLES, KEYWORDS, NOT_YET, Takes};
use super::notation;
use super::packet_fields::{PACKET_FIELDS, PacketField, Syntax};
use super::transforms;
use crate::app::registry;
use crate::field::{Info, Kind};

/// What is known of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The name.
    pub name: &'static str,
    /// Other names for the same.
    pub also: Vec<&'static str>,
    /// What kind of thing it is.
    pub what: &'static str,
    /// One sentence on what it does; empty where it is not evaluated yet.
    pub doc: &'static str,
    /// How it is written, without the semicolon; what stands in brackets may be left out.
    pub form: String,
    /// Options of a rule that has it, without the last semicolon; may be empty.
    pub example: String,
}

impl Entry {
    /// Whether this is what `name` means.
    pub fn is(&self, name: &str) -> bool {
        self.name == name || self.also.contains(&name)
    }
}

/// All names, sorted; fields that several protocols have stand once.
pub fn entries() -> Vec<Entry> {
    let mut all: Vec<Entry> = own().chain(byte_options()).chain(changes()).collect();
    all.extend(PACKET_FIELDS.iter().map(packet));
    for info in registry::all().flat_map(|(_, row)| (row.fields)()) {
        if !all.iter().any(|entry| entry.name == info.name) {
            all.push(field(info));
        }
    }
    let missing = NOT_YET.iter().chain(transforms::NOT_YET);
    all.extend(missing.map(|name| entry(name, "not supported yet", "", String::new(), String::new())));
    all.sort_by_key(|entry| entry.name);
    all
}

/// The name that is most like this one, which is none.
pub fn nearest(name: &str) -> Option<&'static str> {
    Catalog::new().nearest(name)
}

fn entry(name: &'static str, what: &'static str, doc: &'static str, form: String, example: String) -> Entry {
    Entry { name, also: Vec::new(), what, doc, form, example }
}

fn own() -> impl Iterator<Item = Entry> {
    KEYWORDS.iter().map(|row| {
        let form = match row.value {
            Takes::Value => format!("{}:VALUE", row.name),
            Takes::Optional => format!("{}[:VALUE]", row.name),
            Takes::Nothing => row.name.to_owned(),
        };
        let example = EXAMPLES.iter().find(|other| other.0 == row.name).map_or("", |other| other.1);
        Entry { also: row.aliases.to_vec(), ..entry(row.name, "keyword", row.doc, form, example.to_owned()) }
    })
}

fn byte_options() -> impl Iterator<Item = Entry> {
    bytes::OPTIONS
        .iter()
        .map(|row| entry(row.name, "test of bytes", row.doc, row.form.to_owned(), row.example.to_owned()))
}

fn changes() -> impl Iterator<Item = Entry> {
    transforms::TRANSFORMS.iter().map(|row| {
        let example = format!("http.uri; {}; content:{}", row.example, row.finds);
        entry(row.name, "transform of the buffer before it", row.doc, row.form.to_owned(), example)
    })
}

fn packet(field: &'static PacketField) -> Entry {
    let (form, example) = field.syntax.words();
    let name = field.name;
    let with = |value: &str| if value.is_empty() { name.to_owned() } else { format!("{name}:{value}") };
    let (what, example) = match field.syntax {
        Syntax::Buffer => ("sticky buffer of packets", format!("{name}; content:\"|01|\"")),
        _ => ("test of packets", with(&example)),
    };
    Entry { also: field.aliases.to_vec(), ..entry(name, what, field.doc, with(&form), example) }
}

fn field(info: &'static Info) -> Entry {
    let name = info.name;
    let (what, form, example) = match info.kind {
        Kind::Bytes(_) => ("sticky buffer", name.to_owned(), format!("{name}; content:\"abc\"")),
        Kind::Uint { names, notation, .. } => {
            let (form, value) = notation::words(notation, names);
            let example = if value.is_empty() { name.to_owned() } else { format!("{name}:{value}") };
            ("test of a number", format!("{name}{form}"), example)
        }
    };
    let also = info.aliases.iter().copied().chain(info.modifier).collect();
    Entry { also, ..entry(name, what, info.doc, form, example) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::tests::bench::{load, settings};
    use crate::rules::diagnostic::Severity;

    #[test]
    fn every_example_loads_and_has_what_it_is_an_example_of() {
        let mut wrong = Vec::new();
        for entry in entries().into_iter().filter(|entry| !entry.example.is_empty()) {
            let loaded = load(&format!("alert ip any any -> any any ({}; sid:1;)", entry.example), &settings());
            let mut faults = loaded.faults.iter().map(|row| &row.1.diagnostic);
            wrong.extend(
                faults.find(|fault| fault.severity == Severity::Error).map(|fault| (entry.name, fault.clone())),
            );
            let parts: Vec<_> = entry.example.split("; ").collect();
            let has = parts.iter().any(|part| entry.is(part.split(':').next().unwrap_or_default()));
            assert!(has, "{}: {}", entry.name, entry.example);
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    #[test]
    fn names_stand_once_and_in_order() {
        let entries = entries();
        assert!(entries.windows(2).all(|pair| pair[0].name < pair[1].name));
        assert!(entries.iter().any(|entry| entry.is("http_uri")));
        assert!(EXAMPLES.iter().all(|row| KEYWORDS.iter().any(|keyword| keyword.name == row.0)));
    }
}
