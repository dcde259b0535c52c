//! Mistakes in rules and configuration, as people need to see them: what, where, and what to do.
//!
//! Every code stands in the table below with its meaning; codes never change meaning.

use super::ast::Span;

/// How grave it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The rule loads.
    Warning,
    /// The rule does not load.
    Error,
}

impl Severity {
    /// The word in output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// One thing that is wrong with one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// What kind of mistake.
    pub code: Code,
    /// How grave.
    pub severity: Severity,
    /// Where in the rule's text; empty for the rule as a whole.
    pub span: Span,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// What is marked, in a few words; may be empty.
    pub label: String,
    /// The next step; may be empty.
    pub help: String,
}

impl Diagnostic {
    /// An error: the rule does not load.
    pub fn error(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            span,
            message: message.into(),
            label: String::new(),
            help: String::new(),
        }
    }

    /// A warning: the rule loads all the same.
    pub fn warning(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, span, message) }
    }

    /// With words at the mark.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// With the next step.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }
}

macro_rules! codes {
    ($($variant:ident = $text:literal, $doc:literal;)*) => {
        /// Kinds of mistakes.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $(#[doc = $doc] $variant,)* }

        /// Every code with its text and meaning.
        pub const CODES: &[(Code, &str, &str)] = &[$((Code::$variant, $text, $doc),)*];
    };
}

codes! {
    Syntax = "R001", "The text is not a rule: a part is missing or misplaced.";
    UnknownAction = "R002", "The action is not known.";
    UnknownProtocol = "R003", "The protocol is not known.";
    BadAddress = "R004", "An address expression cannot be read, or can match nothing.";
    BadPort = "R005", "A port expression cannot be read, or can match nothing.";
    UnknownVariable = "R006", "A variable is not defined in the configuration.";
    UnknownKeyword = "R007", "The keyword is not known.";
    NotSupported = "R008", "The keyword or value is known, but not supported yet.";
    BadValue = "R009", "The value of a keyword cannot be read.";
    MissingValue = "R010", "The keyword needs a value.";
    UnexpectedValue = "R011", "The keyword takes no value.";
    Repeated = "R012", "The keyword may stand only once.";
    MissingSid = "R013", "The rule has no sid.";
    NoContext = "R014", "A modifier has nothing before it to modify.";
    Conflict = "R015", "Two options contradict each other.";
    WrongDirection = "R016", "The options look at different directions.";
    WrongProtocol = "R017", "A keyword does not go with the protocol of the rule.";
    Impossible = "R018", "The rule can never match.";
    DuplicateSid = "R019", "Another rule has the same gid and sid.";
    UnknownName = "R020", "A class, reference type, event or the like is not defined.";
    TooLong = "R021", "A rule or a value is too long.";
    BadRegex = "R022", "A regular expression cannot be compiled.";
    BadHook = "R023", "The hook is not known, or a keyword does not go with it.";
    BadFile = "R024", "A file that the rule names cannot be used.";
    Noisy = "R025", "The rule has no usable fast pattern.";
    Obsolete = "R026", "The keyword has no effect any more.";
    NeverSet = "R027", "A flowbit is tested that no rule sets.";
    Protocol = "R028", "The protocol is disabled in the configuration.";
}

impl Code {
    /// The text of the code: `R014`.
    pub fn text(self) -> &'static str {
        CODES.get(self as usize).map_or("", |row| row.1)
    }

    /// What it means, for the documentation.
    pub fn meaning(self) -> &'static str {
        CODES.get(self as usize).map_or("", |row| row.2)
    }
}
