//! PCRE syntax → the common syntax of regex-automata and fancy-regex, byte by byte.
//!
//! In: the text between the slashes and the flags.  Out: the same expression for the engines, or a [`Diagnostic`]
//! where PCRE would refuse it.
//! Reading and writing is one walk: literals and classes are written in one canonical way, so that nothing the
//! engines read differently can slip through. What stands behind a backslash is in `escape`. Source:
//! pcre2pattern(3), without UTF.

use super::super::text::Part;
use super::class::push_byte;
use super::escape::Escape;
use crate::rules::diagnostic::{Code, Diagnostic};

/// Settings that apply to the whole expression.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flags {
    /// `i`
    pub(crate) ignore_case: bool,
    /// `s`
    pub(crate) dot_all: bool,
    /// `m`
    pub(crate) multi_line: bool,
    /// `x`
    pub(crate) extended: bool,
    /// `A`
    pub(crate) anchored: bool,
    /// `E`
    pub(crate) dollar_end_only: bool,
    /// `G`
    pub(crate) ungreedy: bool,
}

/// An expression for the engines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Translated {
    /// The expression.
    pub(crate) text: String,
    /// It needs backtracking: look-around, back references, atomic groups or conditions.
    pub(crate) backtracks: bool,
    /// It can ask for the end of the data (`$`, `\z`, `\Z`).
    pub(crate) sees_end: bool,
    /// It asks for a capital letter by itself, not as one of a class.
    pub(crate) asks_for_capital: bool,
    /// Names of the groups, in order; `None` for those without.
    pub(crate) groups: Vec<Option<String>>,
}

/// Groups in groups beyond this are refused; the engines have a limit as well.
const MAX_DEPTH: usize = 60;
/// Most repetitions that can be asked for (pcre2pattern).
const MAX_REPEAT: u32 = 65_535;
/// Stands for `$` until it is known which engine is used.
const DOLLAR: char = '\u{E000}';

/// Translates an expression.
pub(crate) fn translate(regex: Part<'_>, flags: Flags) -> Result<Translated, Diagnostic> {
    let declared = declared(regex.text);
    let mut walk = Walk { regex, at: 0, out: String::new(), flags, declared, done: Translated::default() };
    walk.prefix();
    walk.alternatives(0)?;
    if walk.at < regex.text.len() {
        return Err(bad(walk.here(), "this parenthesis closes nothing"));
    }
    let Walk { out, mut done, .. } = walk;
    // At the end, or before a line feed that is the end: without look-ahead the line feed becomes part of the match.
    let dollar = if done.backtracks { r"(?=\n?\z)" } else { r"(?:\n?\z)" };
    let text = out.replace(DOLLAR, dollar);
    done.text = if flags.anchored { format!(r"\A(?:{text})") } else { text };
    Ok(done)
}

/// What `(?` began.
enum Special {
    /// A group, which is still open.
    Group,
    /// A back reference, complete.
    Reference,
    /// Flags for what follows, complete.
    Flags,
}

/// An error in an expression.
pub(super) fn bad(part: Part<'_>, message: impl Into<String>) -> Diagnostic {
    Diagnostic::error(Code::BadRegex, part.span(), message)
}

/// Something PCRE knows and the engines do not.
pub(super) fn unsupported(part: Part<'_>, what: &str) -> Diagnostic {
    Diagnostic::error(Code::NotSupported, part.span(), format!("{what} are not supported in regular expressions"))
}

pub(super) struct Walk<'a> {
    pub(super) regex: Part<'a>,
    /// Next byte to read.
    pub(super) at: usize,
    pub(super) out: String,
    /// As inline flags leave them.
    flags: Flags,
    /// Names of all groups of the expression, later ones included.
    pub(super) declared: Vec<Option<String>>,
    done: Translated,
}

impl<'a> Walk<'a> {
    fn prefix(&mut self) {
        let Flags { ignore_case, dot_all, multi_line, ungreedy, .. } = self.flags;
        let letters = [(ignore_case, 'i'), (dot_all, 's'), (multi_line, 'm'), (ungreedy, 'U')];
        let letters: String = letters.iter().filter(|row| row.0).map(|row| row.1).collect();
        if !letters.is_empty() {
            self.out.push_str(&format!("(?{letters})"));
        }
    }

    pub(super) fn rest(&self) -> &'a str {
        self.regex.text.get(self.at..).unwrap_or_default()
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    /// Skips `text`, if it comes next.
    pub(super) fn eat(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        if found {
            self.at += text.len();
        }
        found
    }

    /// What stands before the next `close`, which is skipped.
    pub(super) fn until(&mut self, close: char, from: usize) -> Result<Part<'a>, Diagnostic> {
        match self.rest().find(close) {
            Some(length) => {
                let part = self.regex.slice(self.at, self.at + length);
                self.at += length + close.len_utf8();
                Ok(part)
            }
            None => Err(bad(self.since(from), format!("`{close}` is missing"))),
        }
    }

    /// The next character.
    pub(super) fn here(&self) -> Part<'a> {
        self.regex.slice(self.at, self.at + self.peek().map_or(0, char::len_utf8))
    }

    /// What was read since `from`.
    pub(super) fn since(&self, from: usize) -> Part<'a> {
        self.regex.slice(from, self.at)
    }

    /// Everything up to the end of the group or of the expression.
    fn alternatives(&mut self, depth: usize) -> Result<(), Diagnostic> {
        if depth > MAX_DEPTH {
            return Err(bad(self.here(), "groups are nested too deeply"));
        }
        loop {
            self.skip_blanks()?;
            match self.peek() {
                None | Some(')') => return Ok(()),
                Some('|') => {
                    self.at += 1;
                    self.out.push('|');
                }
                Some(_) => {
                    let start = self.out.len();
                    if let Some(start) = self.atom(start, depth)? {
                        self.quantifiers(start)?;
                    }
                }
            }
        }
    }

    /// White space and comments that `x` makes meaningless.
    fn skip_blanks(&mut self) -> Result<(), Diagnostic> {
        loop {
            let from = self.at;
            if self.eat("(?#") {
                self.until(')', from)?;
            } else if self.flags.extended && self.eat("#") {
                self.at += self.rest().find('\n').unwrap_or(self.rest().len());
            } else if self.flags.extended && self.peek().is_some_and(|c| c.is_ascii_whitespace()) {
                self.at += 1;
            } else {
                return Ok(());
            }
        }
    }

    /// One thing that can be repeated. Out: where it starts in the output, or `None` for what cannot be.
    fn atom(&mut self, start: usize, depth: usize) -> Result<Option<usize>, Diagnostic> {
        let from = self.at;
        let Some(c) = self.bump() else { return Ok(None) };
        match c {
            '(' => return self.group(from, depth).map(|repeatable| repeatable.then_some(start)),
            '[' => self.class(from)?,
            '.' => self.out.push('.'),
            '^' => self.out.push('^'),
            '$' => self.dollar(),
            '\\' => {
                let escape = self.escape(from, false)?;
                return self.escaped(escape, from, start);
            }
            '*' | '+' | '?' => return Err(bad(self.since(from), "there is nothing to repeat")),
            other => return Ok(Some(self.literal(other))),
        }
        Ok(Some(start))
    }

    /// A character that stands for itself: its bytes. Out: where the last of them starts.
    fn literal(&mut self, c: char) -> usize {
        self.done.asks_for_capital |= c.is_ascii_uppercase() && !self.flags.ignore_case;
        let mut start = self.out.len();
        for byte in c.encode_utf8(&mut [0; 4]).bytes() {
            start = self.out.len();
            push_byte(byte, &mut self.out);
        }
        start
    }

    fn dollar(&mut self) {
        self.done.sees_end = true;
        match (self.flags.multi_line, self.flags.dollar_end_only) {
            (true, _) => self.out.push('$'),
            (false, true) => self.out.push_str(r"\z"),
            (false, false) => self.out.push(DOLLAR),
        }
    }

    fn escaped(&mut self, escape: Escape, from: usize, start: usize) -> Result<Option<usize>, Diagnostic> {
        match escape {
            Escape::Byte(byte) => {
                self.done.asks_for_capital |= byte.is_ascii_uppercase() && !self.flags.ignore_case;
                push_byte(byte, &mut self.out);
            }
            Escape::Class(class) => class.write(false, &mut self.out),
            Escape::Text(text) => self.out.push_str(text),
            Escape::End => {
                self.done.sees_end = true;
                self.out.push_str(r"\z");
            }
            Escape::EndOrLineFeed => {
                self.done.sees_end = true;
                self.out.push(DOLLAR);
            }
            Escape::Group(number) => self.reference(number, from)?,
            Escape::Quote => return self.quote(start),
            Escape::Nothing => return Ok(None),
        }
        Ok(Some(start))
    }

    /// `\Q…\E`
    fn quote(&mut self, start: usize) -> Result<Option<usize>, Diagnostic> {
        let mut last = None;
        while !self.eat(r"\E") {
            let Some(c) = self.bump() else { break };
            last = Some(self.literal(c));
        }
        Ok(last.map(|last| last.max(start)))
    }

    fn reference(&mut self, number: usize, from: usize) -> Result<(), Diagnostic> {
        if number == 0 || number > self.declared.len() {
            return Err(bad(self.since(from), format!("there is no group {number}")));
        }
        self.done.backtracks = true;
        self.out.push_str(&format!(r"(?:\{number})"));
        Ok(())
    }

    /// `*`, `+`, `?`, `{n,m}`, each with `?` or `+` behind it.
    fn quantifiers(&mut self, start: usize) -> Result<(), Diagnostic> {
        let mut first = true;
        loop {
            self.skip_blanks()?;
            let Some(bounds) = self.quantifier()? else { return Ok(()) };
            if !first {
                self.out.insert_str(start, "(?:");
                self.out.push(')');
            }
            self.out.push_str(&bounds);
            if self.eat("?") {
                self.out.push('?');
            } else if self.eat("+") {
                self.done.backtracks = true;
                self.out.insert_str(start, "(?>");
                self.out.push(')');
            }
            first = false;
        }
    }

    fn quantifier(&mut self) -> Result<Option<String>, Diagnostic> {
        let from = self.at;
        match self.peek() {
            Some(c @ ('*' | '+' | '?')) => {
                self.at += 1;
                return Ok(Some(c.to_string()));
            }
            Some('{') => {}
            _ => return Ok(None),
        }
        let Some(bounds) = bounds(self.rest()) else { return Ok(None) };
        self.at += bounds.length;
        let too_large = |count: u32| count > MAX_REPEAT;
        if too_large(bounds.low) || bounds.high.is_some_and(too_large) {
            return Err(bad(self.since(from), format!("at most {MAX_REPEAT} repetitions")));
        }
        if bounds.high.is_some_and(|high| high < bounds.low) {
            return Err(bad(self.since(from), "the bounds are out of order"));
        }
        Ok(Some(match bounds.high {
            Some(high) if high == bounds.low => format!("{{{high}}}"),
            Some(high) => format!("{{{},{high}}}", bounds.low),
            None => format!("{{{},}}", bounds.low),
        }))
    }

    /// What follows `(`. Out: whether it can be repeated.
    fn group(&mut self, from: usize, depth: usize) -> Result<bool, Diagnostic> {
        let outer = self.flags;
        if self.rest().starts_with('*') && self.rest().chars().nth(1).is_some_and(|c| c.is_ascii_alphabetic()) {
            self.until(')', from)?;
            return Err(unsupported(self.since(from), "verbs"));
        }
        if self.eat("?") {
            match self.special(from)? {
                Special::Group => {}
                Special::Reference => return Ok(true),
                Special::Flags => return Ok(false),
            }
        } else {
            self.open_capture(None);
        }
        self.alternatives(depth + 1)?;
        self.flags = outer;
        if !self.eat(")") {
            return Err(bad(self.regex.slice(from, from + 1), "this parenthesis is never closed"));
        }
        self.out.push(')');
        Ok(true)
    }

    fn open_capture(&mut self, name: Option<String>) {
        self.out.push('(');
        self.done.groups.push(name);
    }

    /// What follows `(?`.
    fn special(&mut self, from: usize) -> Result<Special, Diagnostic> {
        for opening in [":", "=", "!", "<=", "<!", ">"] {
            if self.eat(opening) {
                self.done.backtracks |= opening != ":";
                self.out.push_str("(?");
                self.out.push_str(opening);
                return Ok(Special::Group);
            }
        }
        for (opening, close) in [("P<", '>'), ("<", '>'), ("'", '\'')] {
            if self.eat(opening) {
                let name = self.until(close, from)?;
                self.open_named(name)?;
                return Ok(Special::Group);
            }
        }
        if self.eat("P=") {
            let name = self.until(')', from)?;
            let number = self.number_of(name)?;
            self.reference(number, from)?;
            return Ok(Special::Reference);
        }
        if self.eat("(") {
            let number = self.condition(from)?;
            self.done.backtracks = true;
            self.out.push_str(&format!("(?({number})"));
            return Ok(Special::Group);
        }
        match self.peek() {
            Some('|') => Err(unsupported(self.regex.slice(from, self.at + 1), "branch resets")),
            Some('R' | '&' | 'P' | 'C' | '+' | '0'..='9') => {
                Err(unsupported(self.regex.slice(from, self.at + 1), "recursion and callouts"))
            }
            _ => self.inline_flags(from),
        }
    }

    fn open_named(&mut self, name: Part<'_>) -> Result<(), Diagnostic> {
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.text.is_empty() || !name.text.chars().all(legal) || name.text.starts_with(|c: char| c.is_ascii_digit())
        {
            return Err(bad(name, "this is no name for a group"));
        }
        if self.done.groups.iter().flatten().any(|known| known == name.text) {
            return Err(bad(name, format!("two groups are named `{}`", name.text)));
        }
        self.open_capture(Some(name.text.to_owned()));
        Ok(())
    }

    /// How many groups were opened so far.
    pub(super) fn opened(&self) -> usize {
        self.done.groups.len()
    }

    /// The number of the group with this name.
    pub(super) fn number_of(&self, name: Part<'_>) -> Result<usize, Diagnostic> {
        let known = self.declared.iter().position(|known| known.as_deref() == Some(name.text));
        known.map(|index| index + 1).ok_or_else(|| bad(name, format!("no group is named `{}`", name.text)))
    }

    /// The group a condition asks for.
    fn condition(&mut self, from: usize) -> Result<usize, Diagnostic> {
        if self.peek().is_some_and(|c| c == '?' || c == '*') {
            return Err(unsupported(self.since(from), "conditions on look-around"));
        }
        let part = self.until(')', from)?;
        let name = part.text.trim_matches(['<', '>', '\'']);
        let number = match name.parse::<usize>() {
            Ok(number) => number,
            Err(_) => self.number_of(Part { text: name, at: part.at })?,
        };
        if number == 0 || number > self.declared.len() {
            return Err(bad(part, format!("there is no group {number}")));
        }
        Ok(number)
    }

    /// `(?i)` for the rest of the group, `(?i:…)` for a group of its own.
    fn inline_flags(&mut self, from: usize) -> Result<Special, Diagnostic> {
        let outer = self.flags;
        let (mut on, mut set, mut clear) = (true, String::new(), String::new());
        loop {
            let c = self.bump();
            let field = match c {
                Some('i') => &mut self.flags.ignore_case,
                Some('s') => &mut self.flags.dot_all,
                Some('m') => &mut self.flags.multi_line,
                Some('U') => &mut self.flags.ungreedy,
                Some('x') => &mut self.flags.extended,
                Some('-') if on => {
                    on = false;
                    continue;
                }
                Some(')') => break,
                Some(':') => {
                    self.open_with_flags(&set, &clear, ":");
                    return Ok(Special::Group);
                }
                _ => {
                    self.flags = outer;
                    return Err(bad(self.since(from), "this is not known after `(?`"));
                }
            };
            *field = on;
            // `x` is dealt with here; the engines need not know.
            if let Some(letter) = c.filter(|c| *c != 'x') {
                if on { &mut set } else { &mut clear }.push(letter);
            }
        }
        if !(set.is_empty() && clear.is_empty()) {
            self.open_with_flags(&set, &clear, ")");
        }
        // It holds to the end of the group around it, which puts the flags back.
        Ok(Special::Flags)
    }

    fn open_with_flags(&mut self, set: &str, clear: &str, end: &str) {
        let minus = if clear.is_empty() { "" } else { "-" };
        self.out.push_str(&format!("(?{set}{minus}{clear}{end}"));
    }
}

struct Bounds {
    low: u32,
    high: Option<u32>,
    length: usize,
}

/// `{n}`, `{n,}`, `{n,m}`; anything else is a brace that stands for itself.
fn bounds(text: &str) -> Option<Bounds> {
    let inner = text.strip_prefix('{')?.split_once('}')?.0;
    let number = |digits: &str| {
        let legal = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        legal.then(|| digits.parse().unwrap_or(u32::MAX))
    };
    let (low, high) = match inner.split_once(',') {
        None => (number(inner)?, Some(number(inner)?)),
        Some((low, "")) => (number(low)?, None),
        Some((low, high)) => (number(low)?, Some(number(high)?)),
    };
    Some(Bounds { low, high, length: inner.len() + 2 })
}

/// The groups that capture, in order, with their names.
fn declared(text: &str) -> Vec<Option<String>> {
    let mut groups = Vec::new();
    let mut rest = text;
    let mut in_class = false;
    while let Some(c) = rest.chars().next() {
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
        match c {
            '\\' if rest.starts_with('Q') => {
                rest = rest.split_once(r"\E").map_or("", |parts| parts.1);
            }
            '\\' => rest = rest.get(rest.chars().next().map_or(0, char::len_utf8)..).unwrap_or_default(),
            '[' if !in_class => {
                in_class = true;
                let start = rest.strip_prefix('^').unwrap_or(rest);
                rest = start.strip_prefix(']').unwrap_or(start);
            }
            ']' => in_class = false,
            '(' if !in_class => groups.extend(opened(rest)),
            _ => {}
        }
    }
    groups
}

/// The capturing group that starts before `rest`, if it is one.
fn opened(rest: &str) -> Option<Option<String>> {
    let Some(special) = rest.strip_prefix('?') else { return (!rest.starts_with('*')).then_some(None) };
    let special = special.strip_prefix('P').unwrap_or(special);
    let name = special.strip_prefix(['<', '\''])?;
    if name.starts_with(['=', '!']) {
        return None;
    }
    name.split_once(['>', '\'']).map(|parts| Some(parts.0.to_owned()))
}
