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
    /// The next step.
    pub help: String,
}

impl Diagnostic {
    /// An error: the rule does not load. Its next step is that of its kind, until [`help`](Self::help) knows better.
    pub fn error(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            span,
            message: message.into(),
            label: String::new(),
            help: code.help().to_owned(),
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
    ($($variant:ident = $text:literal, $doc:literal, $help:literal;)*) => {
        /// Kinds of mistakes.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $(#[doc = $doc] $variant,)* }

        /// Every code with its text, its meaning, and what to do where nothing better is known.
        pub const CODES: &[(Code, &str, &str, &str)] = &[$((Code::$variant, $text, $doc, $help),)*];
    };
}

codes! {
    Syntax = "R001", "The text is not a rule: a part is missing or misplaced.",
        "a rule is `action protocol source port -> destination port (options; sid:N;)`";
    UnknownAction = "R002", "The action is not known.",
        "write `alert`, `pass`, `drop` or `reject`";
    UnknownProtocol = "R003", "The protocol is not known.",
        "write `ip`, `tcp`, `udp`, `icmp`, or an application protocol such as `http`";
    BadAddress = "R004", "An address expression cannot be read, or can match nothing.",
        "write an address, a network as 192.0.2.0/24, a list as [A,!B], a variable, or `any`";
    BadPort = "R005", "A port expression cannot be read, or can match nothing.",
        "write a port, a range as 1024:2047, a list as [80,443], a variable, or `any`";
    UnknownVariable = "R006", "A variable is not defined in the configuration.",
        "define it under `vars` in the configuration";
    UnknownKeyword = "R007", "The keyword is not known.",
        "`rules keywords` lists all that there are";
    NotSupported = "R008", "The keyword or value is known, but not supported yet.",
        "leave the rule out, or write it with what `rules keywords` shows as supported";
    BadValue = "R009", "The value of a keyword cannot be read.",
        "`rules keywords NAME` shows how the keyword is written";
    MissingValue = "R010", "The keyword needs a value.",
        "write `keyword:value;`: `rules keywords NAME` shows how";
    UnexpectedValue = "R011", "The keyword takes no value.",
        "take the value away";
    Repeated = "R012", "The keyword may stand only once.",
        "keep one of them";
    MissingSid = "R013", "The rule has no sid.",
        "give it a number of its own: `sid:1000001;`";
    NoContext = "R014", "A modifier has nothing before it to modify.",
        "put what it modifies before it";
    Conflict = "R015", "Two options contradict each other.",
        "keep one of the two, or make two rules";
    WrongDirection = "R016", "The options look at different directions.",
        "make a rule for each direction, or one with `=>` in place of `->`";
    WrongProtocol = "R017", "A keyword does not go with the protocol of the rule.",
        "name a protocol in the header that has it, or leave the keyword out";
    Impossible = "R018", "The rule can never match.",
        "take one of the tests away, or make two rules";
    DuplicateSid = "R019", "Another rule has the same gid and sid.",
        "give one of them a sid of its own";
    UnknownName = "R020", "A class, reference type, event or the like is not defined.",
        "look for a slip in its spelling, or define it first";
    TooLong = "R021", "A rule or a value is too long.",
        "make several rules of it";
    BadRegex = "R022", "A regular expression cannot be compiled.",
        "try the expression alone: what PCRE allows is written as `/EXPRESSION/FLAGS`";
    BadHook = "R023", "The hook is not known, or a keyword does not go with it.",
        "take the hook away, or one that the protocol has";
    BadFile = "R024", "A file that the rule names cannot be used.",
        "look at its path, which counts from the folder of the rule file, and at its content";
    Noisy = "R025", "The rule has no usable fast pattern.",
        "add a `content`, not negated, of three bytes or more that must be there anyway";
    Obsolete = "R026", "The keyword has no effect any more.",
        "take it away";
    NeverSet = "R027", "A flowbit is tested that no rule sets.",
        "the rule cannot match until another rule sets it";
    Protocol = "R028", "The protocol is disabled in the configuration.",
        "enable it under `app-layer.protocols` in the configuration";
    NoEffect = "R029", "The keyword has no effect with this configuration.",
        "turn on what it needs in the configuration, or leave it out";
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

    /// What to do about any mistake of this kind.
    pub fn help(self) -> &'static str {
        CODES.get(self as usize).map_or("", |row| row.3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_mistake_says_what_it_means_and_what_to_do() {
        for (at, (code, text, meaning, help)) in CODES.iter().enumerate() {
            assert_eq!((*code as usize, *text), (at, &*format!("R{:03}", at + 1)));
            assert!(meaning.ends_with('.'), "{text}: {meaning}");
            // A next step, not the mistake in other words.
            assert!(help.len() > 10 && help.len() < 90 && !help.ends_with('.'), "{text}: {help}");
            assert_eq!(Diagnostic::error(*code, 0..1, "odd").help, *help);
            assert_eq!(Diagnostic::warning(*code, 0..1, "odd").help("better").help, "better");
        }
    }
}
