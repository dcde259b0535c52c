//! `check-map`: whether the parts of `ids-core` know only what ARCHITECTURE.md lets them know.
//!
//! In: the table there, and the paths in the sources.  Out: every path that the table does not allow, and every part or
//! row that the other does not have. Tests may know more; what stands inside of macro calls is not seen.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use syn::visit::Visit;
use syn::{Attribute, ItemMod, UseTree};

use crate::process::workspace;

/// The heading above the table.
const HEADING: &str = "## Who may know whom";

/// In the table: everything.
const ALL: &str = "all";

/// A file that holds the field table of a protocol makes its folder one (`app/NAME/fields.rs`).
const PROTOCOL: &str = "fields.rs";

/// Compares them.
pub(crate) fn check_map() -> Result<()> {
    let text = fs::read_to_string(workspace().join("ARCHITECTURE.md")).context("reading ARCHITECTURE.md")?;
    let allowed = table(&text)?;
    let source = workspace().join("ids-core/src");
    let mut paths = BTreeSet::new();
    module(&source.join("lib.rs"), &[], &mut paths)?;
    let protocols = protocols(&source.join("app"))?;

    let parts: BTreeSet<&str> = paths.iter().map(|path| path.from[0].as_str()).collect();
    let mut wrong: Vec<String> = Vec::new();
    wrong.extend(
        parts
            .iter()
            .filter(|part| !allowed.contains_key(**part))
            .map(|part| format!("`{part}` is not in the table: say in ARCHITECTURE.md what it may know")),
    );
    let exists = |part: &str| source.join(part).is_dir() || source.join(format!("{part}.rs")).is_file();
    wrong.extend(
        allowed.keys().filter(|part| !exists(part)).map(|part| format!("the table has `{part}`, which is gone")),
    );
    for Mention { file, from, to } in &paths {
        let (part, other) = (&from[0], &to[0]);
        let known = allowed.get(part).is_none_or(|known| known.contains(other) || known.contains(ALL));
        if part != other && exists(other) && !known {
            wrong.push(format!("{}: `{part}` may not know `{other}`", file.display()));
        }
        let protocol =
            |path: &[String]| path.get(1).filter(|name| path[0] == "app" && protocols.contains(*name)).cloned();
        let (own, named) = (protocol(from), protocol(to));
        if named.is_some() && named != own && (own.is_some() || part == "detect") {
            wrong.push(format!("{}: a protocol is named: `{}`", file.display(), to.join("::")));
        }
    }
    for line in &wrong {
        eprintln!("{line}");
    }
    ensure!(wrong.is_empty(), "{} places are not as ARCHITECTURE.md has them", wrong.len());
    println!("{} parts know only what they may", allowed.len());
    Ok(())
}

/// Rows of the table: a part, and what it may know.
fn table(text: &str) -> Result<BTreeMap<String, BTreeSet<String>>> {
    let (_, behind) = text.split_once(HEADING).with_context(|| format!("ARCHITECTURE.md has no `{HEADING}`"))?;
    let section = behind.split("\n## ").next().unwrap_or(behind);
    let mut rows = BTreeMap::new();
    for row in section.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').collect();
        let names = |cell: usize| cells.get(cell).map(|cell| cell.split('`').skip(1).step_by(2).map(str::to_owned));
        let (parts, known) = names(0).zip(names(1)).with_context(|| format!("a row of two cells: {row}"))?;
        let known: BTreeSet<String> = known.collect();
        rows.extend(parts.map(|part| (part, known.clone())));
    }
    ensure!(!rows.is_empty(), "the table below `{HEADING}` is empty");
    Ok(rows)
}

fn protocols(app: &Path) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(app).with_context(|| format!("reading {}", app.display()))? {
        let entry = entry?;
        if entry.path().join(PROTOCOL).is_file() {
            found.insert(entry.file_name().to_string_lossy().into_owned());
        }
    }
    Ok(found)
}

/// A path in a source file, from the root of the crate.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Mention {
    file: PathBuf,
    from: Vec<String>,
    to: Vec<String>,
}

/// Reads a module and those below it, tests left out.
fn module(file: &Path, name: &[String], out: &mut BTreeSet<Mention>) -> Result<()> {
    let text = fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    let tree = syn::parse_file(&text).with_context(|| format!("parsing {}", file.display()))?;
    let mut reader = Reader { name: name.to_vec(), paths: BTreeSet::new(), below: Vec::new() };
    reader.visit_file(&tree);
    let shown = file.strip_prefix(workspace()).unwrap_or(file);
    out.extend(
        reader.paths.into_iter().filter(|path| !path.1.is_empty() && !path.0.is_empty()).map(|(from, to)| Mention {
            file: shown.to_owned(),
            from,
            to,
        }),
    );
    // `a.rs` and `a/mod.rs` both have their modules in `a/`.
    let stem = file.file_stem().unwrap_or_default();
    let folder = file.parent().unwrap_or(file);
    let folder = if stem == "mod" || stem == "lib" { folder.to_owned() } else { folder.join(stem) };
    for below in reader.below {
        let last = below.last().context("a module has a name")?;
        let beside = folder.join(format!("{last}.rs"));
        let file = if beside.is_file() { beside } else { folder.join(last).join("mod.rs") };
        module(&file, &below, out)?;
    }
    Ok(())
}

/// Collects the paths of one file.
struct Reader {
    /// The module that is being read.
    name: Vec<String>,
    paths: BTreeSet<(Vec<String>, Vec<String>)>,
    /// Modules in files of their own.
    below: Vec<Vec<String>>,
}

impl Reader {
    fn add(&mut self, path: &[String]) {
        let mut name = self.name.clone();
        let mut rest = path;
        match rest.first().map(String::as_str) {
            Some("crate") => name.clear(),
            Some("self" | "super") => {}
            _ => return,
        }
        while let Some((first, behind)) = rest.split_first() {
            match first.as_str() {
                "super" => drop(name.pop()),
                "self" | "crate" => {}
                _ => break,
            }
            rest = behind;
        }
        name.extend_from_slice(rest);
        self.paths.insert((self.name.clone(), name));
    }

    fn add_use(&mut self, before: &[String], tree: &UseTree) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        match tree {
            UseTree::Path(path) => self.add_use(&with(&path.ident), &path.tree),
            UseTree::Name(name) => self.add(&with(&name.ident)),
            UseTree::Rename(name) => self.add(&with(&name.ident)),
            UseTree::Glob(_) => self.add(before),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.add_use(before, tree)),
        }
    }
}

impl<'tree> Visit<'tree> for Reader {
    fn visit_item_mod(&mut self, item: &'tree ItemMod) {
        if item.attrs.iter().any(is_test) {
            return;
        }
        self.name.push(item.ident.to_string());
        if item.content.is_some() {
            syn::visit::visit_item_mod(self, item);
        } else {
            self.below.push(self.name.clone());
        }
        self.name.pop();
    }

    fn visit_item_fn(&mut self, item: &'tree syn::ItemFn) {
        if !item.attrs.iter().any(is_test) {
            syn::visit::visit_item_fn(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'tree syn::ItemUse) {
        if !item.attrs.iter().any(is_test) {
            self.add_use(&[], &item.tree);
        }
    }

    fn visit_path(&mut self, path: &'tree syn::Path) {
        let names: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.add(&names);
        syn::visit::visit_path(self, path);
    }
}

/// Whether this is there only for tests and for measuring.
fn is_test(attribute: &Attribute) -> bool {
    attribute.path().is_ident("cfg")
        && attribute.meta.require_list().is_ok_and(|list| list.tokens.to_string().contains("test"))
}
