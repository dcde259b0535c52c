//! The syntax tree of a rule: its words, and where they stand.

use std::fmt;
use std::ops::Range;

/// Byte positions in the text of a rule.
pub type Span = Range<usize>;

/// A piece of a rule's text with its position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spanned {
    /// The text, as written.
    pub text: String,
    /// Where it stands in [`Rule::text`].
    pub span: Span,
}

/// `action protocol src sport direction dst dport (options)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The whole rule as it is shown in alerts: continuation lines joined, outer white space gone.
    pub text: String,
    /// Where it stands in its file.
    pub origin: Origin,
    /// `alert`, `drop` …, lower case.
    pub action: Spanned,
    /// What stands after the colon of the action: `drop:flow`.
    pub scope: Option<Spanned>,
    /// `tcp`, `http` …, lower case.
    pub protocol: Spanned,
    /// What stands after the colon of the protocol: `http1:request_headers`.
    pub hook: Option<Spanned>,
    /// Source address expression, as written.
    pub src: Spanned,
    /// Source port expression.
    pub src_port: Spanned,
    /// Which way.
    pub direction: Direction,
    /// Destination address expression.
    pub dst: Spanned,
    /// Destination port expression.
    pub dst_port: Spanned,
    /// What stands in the parentheses, in order.
    pub options: Vec<Opt>,
}

/// Where the text of a rule stands in its file: rules may go over several lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The pieces that were joined, in order: where each begins in [`Rule::text`], its line, and the column
    /// of its first byte, both from 1.
    pub pieces: Vec<(usize, usize, usize)>,
}

impl Origin {
    /// Line and column, from 1, of a byte position in the rule's text.
    pub fn position(&self, at: usize) -> (usize, usize) {
        let piece = self.pieces.iter().rev().find(|piece| piece.0 <= at).or(self.pieces.first());
        piece.map_or((1, at + 1), |&(start, line, column)| (line, column + at.saturating_sub(start)))
    }

    /// The line it starts in, from 1.
    pub fn line(&self) -> usize {
        self.position(0).0
    }
}

/// In one line. Parsing that gives the same words, at places of their own.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let after_colon =
            |word: &Option<Spanned>| word.as_ref().map_or(String::new(), |word| format!(":{}", word.text));
        write!(f, "{}{} ", self.action.text, after_colon(&self.scope))?;
        write!(f, "{}{} ", self.protocol.text, after_colon(&self.hook))?;
        write!(f, "{} {} {} ", self.src.text, self.src_port.text, self.direction.text())?;
        write!(f, "{} {} (", self.dst.text, self.dst_port.text)?;
        for (at, option) in self.options.iter().enumerate() {
            let space = if at == 0 { "" } else { " " };
            let value = after_colon(&option.value);
            // Spaces around a value do not count; without one a last backslash would take the semicolon for its own.
            let end = if value.ends_with('\\') { " ;" } else { ";" };
            write!(f, "{space}{}{value}{end}", option.name.text)?;
        }
        f.write_str(")")
    }
}

/// The arrow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// `->`
    Forward,
    /// `<>`: the rule is used both ways.
    Both,
    /// `=>`: one transaction's request and response together.
    Transaction,
}

impl Direction {
    /// How it is written.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Forward => "->",
            Self::Both => "<>",
            Self::Transaction => "=>",
        }
    }
}

/// `name:value;`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opt {
    /// Name of the keyword, lower case.
    pub name: Spanned,
    /// The value as written: outer white space gone, quotes and escapes kept.
    pub value: Option<Spanned>,
    /// Name and value together.
    pub span: Span,
}
