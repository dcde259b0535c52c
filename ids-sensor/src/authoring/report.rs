//! Diagnostics of rules as people and programs read them.
//!
//! In: a diagnostic, the rule it is about, and the file the rule stands in.  Out: a marked excerpt in the manner of
//! compilers, or one JSON object a line.

use std::ops::Range;
use std::path::{Path, PathBuf};

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use ids_core::rules::ast::Origin;
use ids_core::rules::diagnostic::{Diagnostic, Severity};
use serde::Serialize;

/// A rule file as it was read.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its path as the user gave it.
    pub path: PathBuf,
    /// Its text; bytes that are not UTF-8 are replaced.
    pub text: String,
}

/// A diagnostic with its place in a file.
#[derive(Clone, Debug)]
pub struct Finding<'a> {
    source: &'a Source,
    /// Line and column of the first marked byte, and of the one past the last; all from 1.
    start: (usize, usize),
    end: (usize, usize),
    diagnostic: &'a Diagnostic,
}

/// The form of `--json`.
#[derive(Serialize)]
struct Line<'a> {
    file: &'a Path,
    line: usize,
    column: usize,
    end_column: usize,
    severity: &'static str,
    code: &'static str,
    message: &'a str,
    help: &'a str,
}

impl<'a> Finding<'a> {
    /// Finds the place of a diagnostic of the rule at `origin`, whose joined text has `length` bytes.
    pub fn new(source: &'a Source, origin: &Origin, length: usize, diagnostic: &'a Diagnostic) -> Self {
        let Range { start, end } = match diagnostic.span.clone() {
            span if span.is_empty() && span.start == 0 => 0..length,
            span => span,
        };
        let start_at = origin.position(start);
        let end_at = if end > start { origin.position(end - 1) } else { origin.position(end) };
        let end_at = if end > start { (end_at.0, end_at.1 + 1) } else { end_at };
        Self { source, start: start_at, end: end_at, diagnostic }
    }

    /// Whether the rule does not load on account of it.
    pub fn is_error(&self) -> bool {
        self.diagnostic.severity == Severity::Error
    }

    /// One JSON object, without a line end. A mark over several lines ends at the end of its first.
    pub fn json(&self) -> String {
        let end_column = if self.end.0 == self.start.0 { self.end.1 } else { self.line_length(self.start.0) + 1 };
        let line = Line {
            file: &self.source.path,
            line: self.start.0,
            column: self.start.1,
            end_column,
            severity: self.diagnostic.severity.name(),
            code: self.diagnostic.code.text(),
            message: &self.diagnostic.message,
            help: &self.diagnostic.help,
        };
        serde_json::to_string(&line).expect("texts and numbers always serialise")
    }

    /// One line for logs: `file:line:column: error[R014]: message; help`.
    pub fn one_line(&self) -> String {
        let Diagnostic { code, severity, message, help, .. } = self.diagnostic;
        let place = format!("{}:{}:{}", self.source.path.display(), self.start.0, self.start.1);
        let next = if help.is_empty() { String::new() } else { format!(" ({help})") };
        format!("{place}: {}[{}]: {message}{next}", severity.name(), code.text())
    }

    /// A marked excerpt, with colours if `colour`.
    pub fn text(&self, colour: bool, width: usize) -> String {
        let rows: Vec<&str> = self.source.text.split_inclusive('\n').collect();
        let excerpt: String = rows.iter().skip(self.start.0 - 1).take(self.end.0 + 1 - self.start.0).copied().collect();
        let before_end: usize =
            rows.iter().skip(self.start.0 - 1).take(self.end.0 - self.start.0).map(|row| row.len()).sum();
        let clamp = |at: usize| floor(&excerpt, at);
        let span = clamp(self.start.1 - 1)..clamp(before_end + self.end.1 - 1);
        let level = match self.diagnostic.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let mut mark = AnnotationKind::Primary.span(span);
        if !self.diagnostic.label.is_empty() {
            mark = mark.label(self.diagnostic.label.as_str());
        }
        let path = self.source.path.display().to_string();
        let snippet = Snippet::source(excerpt.trim_end_matches(['\r', '\n'])).line_start(self.start.0).path(path);
        let title = level.primary_title(self.diagnostic.message.as_str()).id(self.diagnostic.code.text());
        let mut group: Group<'_> = title.element(snippet.annotation(mark));
        if !self.diagnostic.help.is_empty() {
            group = group.element(Level::HELP.message(self.diagnostic.help.as_str()));
        }
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        renderer.term_width(width).render(&[group])
    }

    fn line_length(&self, line: usize) -> usize {
        self.source.text.lines().nth(line - 1).map_or(0, str::len)
    }
}

/// The last character boundary at or before `at`.
fn floor(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ids_core::rules::diagnostic::Code;

    #[test]
    fn the_mark_stands_under_the_token_also_in_continued_rules() {
        let text = "# rules\n  alert tcp any any -> any any \\\n    (within:10; sid:7;)\n".to_owned();
        let source = Source { path: "local.rules".into(), text };
        let rule = ids_core::rules::parse(&source.text).rules.remove(0);
        let diagnostic = Diagnostic::error(
            Code::NoContext,
            rule.options[0].span.clone(),
            "`within` needs a match before it in the same buffer",
        )
        .label("nothing to be within")
        .help("put `content:\"…\";` before `within`");
        let finding = Finding::new(&source, &rule.origin, rule.text.len(), &diagnostic);
        assert_eq!((finding.start, finding.end), ((3, 6), (3, 15)));
        let shown = finding.text(false, 80);
        assert!(shown.contains("error[R014]: `within` needs a match before it in the same buffer"), "{shown}");
        assert!(shown.contains("--> local.rules:3:6"), "{shown}");
        assert!(shown.contains("^^^^^^^^^ nothing to be within"), "{shown}");
        assert!(shown.contains("= help: put"), "{shown}");
        let json: serde_json::Value = serde_json::from_str(&finding.json()).unwrap();
        assert_eq!((json["column"].as_u64(), json["end_column"].as_u64()), (Some(6), Some(15)));
    }
}
