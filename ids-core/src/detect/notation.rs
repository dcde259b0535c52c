//! The ways in which rules write what a number of a transaction is compared with.
//!
//! In: the value of an option, and the field's [`Notation`].  Out: tests of the number, of which one must pass.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use smallvec::{SmallVec, smallvec};

use super::bytes::text::Part;
use super::integer::{Array, Index, Syntax, Test};
use crate::field::{Notation, date};
use crate::rules::ast::Opt;
use crate::rules::diagnostic::Diagnostic;

/// Reads the value of an option on a field of so many bits.
pub(super) fn parse(
    notation: Notation,
    bits: u8,
    names: &'static [(&'static str, u64)],
    opt: &Opt,
) -> Result<SmallVec<[Array; 1]>, Diagnostic> {
    let test = match notation {
        Notation::Ranges => {
            let value = unquoted(Part::value(opt)?)?;
            return value.split(',').map(|part| Ok(any(range(part.trim(), bits)?))).collect();
        }
        Notation::Indexed => {
            let value = unquoted(Part::value(opt)?)?;
            let syntax = Syntax { bits, names, flags: false, inclusive: false };
            return Ok(smallvec![Array::parse(value.text, &syntax).map_err(|problem| value.problem(problem))?]);
        }
        Notation::Attribute => attribute(unquoted(Part::value(opt)?)?, names)?,
        Notation::Flag => {
            Part::none(opt)?;
            Test::Within(1, 1)
        }
        Notation::Keyed => return keyed(unquoted(Part::value(opt)?)?, names),
        Notation::Integer | Notation::Flags => {
            let value = unquoted(Part::value(opt)?)?;
            let syntax = Syntax { bits, names, flags: notation == Notation::Flags, inclusive: false };
            syntax.parse(value.text).map_err(|problem| value.problem(problem))?
        }
        Notation::AnyOf => any_of(unquoted(Part::value(opt)?)?, names)?,
        Notation::Pair => pair(unquoted(Part::value(opt)?)?)?,
        Notation::Date => dates(unquoted(Part::value(opt)?)?)?,
        Notation::Name => {
            let value = named(&unquoted(Part::value(opt)?)?, names)?;
            Test::Within(value, value)
        }
    };
    Ok(smallvec![any(test)])
}

/// Passes if any element does.
const fn any(test: Test) -> Array {
    Array { test, index: Index::Any }
}

/// `n` or `n-m`
fn range(part: Part<'_>, bits: u8) -> Result<Test, Diagnostic> {
    let syntax = Syntax { bits, names: &[], flags: false, inclusive: true };
    let plain = part.text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b' '));
    let test = syntax.parse(part.text).map_err(|problem| part.problem(problem))?;
    if plain { Ok(test) } else { Err(part.bad("expected numbers and ranges, such as `1,5-9`")) }
}

/// `n,m`
fn pair(value: Part<'_>) -> Result<Test, Diagnostic> {
    let numbers: Option<Vec<u8>> = value.text.split(',').map(|part| part.trim().parse().ok()).collect();
    match numbers.as_deref() {
        Some([high, low]) => {
            let number = u16::from_be_bytes([*high, *low]).into();
            Ok(Test::Within(number, number))
        }
        _ => Err(value.bad("expected two numbers up to 255, such as `22,1`")),
    }
}

/// How it is written, and an example of a value; for the documentation.
pub(super) fn words(notation: Notation, names: &[(&'static str, u64)]) -> (&'static str, &'static str) {
    let first = names.first().map_or("1", |row| row.0);
    match notation {
        Notation::Integer => (":[<|>|<=|>=|!]N or A-B", first),
        Notation::Indexed => (":[<|>|<=|>=|!]N or A-B, and [,INDEX|any|all]", first),
        Notation::Ranges => (":N[-M][,N[-M]]…", "1,5-9"),
        Notation::AnyOf => (":[!]NAME[,NAME]…", first),
        Notation::Date => (":[<|>]DATE or DATE<>DATE", ">2026-01-31"),
        Notation::Attribute => (":NAME=N", "alg_enc=7"),
        Notation::Flag => ("", ""),
        Notation::Keyed => (":NAME[[=|<|>|<=|>=|!]N or A-B]", first),
        Notation::Flags => (":[!]NAME[,[!]NAME]… or a number", first),
        Notation::Name => (":NAME", first),
        Notation::Pair => (":N,M", "22,1"),
    }
}

fn unquoted(part: Part<'_>) -> Result<Part<'_>, Diagnostic> {
    if part.text.starts_with('"') { part.quoted() } else { Ok(part) }
}

/// `name` or `name` and a comparison of 32 bits.
fn keyed(value: Part<'_>, names: &'static [(&'static str, u64)]) -> Result<SmallVec<[Array; 1]>, Diagnostic> {
    const LOW: u64 = u32::MAX as u64;
    let end = value.text.find(|char: char| !char.is_ascii_alphanumeric() && char != '_').unwrap_or(value.text.len());
    let key = named(&value.slice(0, end), names)? << 32;
    let rest = value.slice(end, value.text.len()).trim();
    if rest.text.is_empty() {
        return Ok(smallvec![any(Test::Within(key, key | LOW))]);
    }
    let syntax = Syntax { bits: 32, names: &[], flags: false, inclusive: false };
    Ok(match syntax.parse(rest.text).map_err(|problem| rest.problem(problem))? {
        Test::Within(low, high) => smallvec![any(Test::Within(key | low.min(LOW), key | high.min(LOW)))],
        Test::Outside(low, high) => {
            let below = low.checked_sub(1).map(|below| Test::Within(key, key | below));
            let above = (high < LOW).then(|| Test::Within(key | (high + 1), key | LOW));
            below.into_iter().chain(above).map(any).collect()
        }
        Test::Masked { mask, value, equal: true } => {
            smallvec![any(Test::Masked { mask: LOW << 32 | mask, value: key | value, equal: true })]
        }
        // It differs if any of the bits does.
        Test::Masked { mask, value, equal: false } => (0..32)
            .map(|bit| 1_u64 << bit)
            .filter(|bit| mask & bit != 0)
            .map(|bit| any(Test::Masked { mask: LOW << 32 | bit, value: key | !value & bit, equal: true }))
            .collect(),
    })
}

/// `[!]a,b`, `[!]a|b` or `[!]a b`
fn any_of(value: Part<'_>, names: &'static [(&'static str, u64)]) -> Result<Test, Diagnostic> {
    let (negated, list) = value.negation();
    let separator = ['|', ','].into_iter().find(|char| list.text.contains(*char)).unwrap_or(' ');
    let mut mask = 0;
    for word in list.split(separator) {
        mask |= named(&word, names)?;
    }
    Ok(Test::Masked { mask, value: 0, equal: negated })
}

/// `name=number`
fn attribute(value: Part<'_>, names: &'static [(&'static str, u64)]) -> Result<Test, Diagnostic> {
    let Some(at) = value.text.find('=') else {
        return Err(value.bad("expected a name and a number, as in `alg_enc=7`"));
    };
    let name = named(&value.slice(0, at).trim(), names)?;
    let number = value.slice(at + 1, value.text.len()).trim();
    let plain = !number.text.is_empty() && number.text.bytes().all(|byte| byte.is_ascii_digit());
    let number = number.text.parse::<u32>().ok().filter(|_| plain).ok_or_else(|| number.bad("expected a number"))?;
    let value = name << 32 | u64::from(number);
    Ok(Test::Within(value, value))
}

/// What a name stands for.
fn named(word: &Part<'_>, names: &'static [(&'static str, u64)]) -> Result<u64, Diagnostic> {
    let row = names.iter().find(|row| row.0.eq_ignore_ascii_case(word.text));
    row.map(|row| row.1).ok_or_else(|| {
        let known: Vec<_> = names.iter().map(|row| format!("`{}`", row.0)).collect();
        word.bad(format!("`{}` is not known here", word.text)).help(format!("one of {}", known.join(", ")))
    })
}

/// `[<|>]date` or `date<>date`; none of these includes the dates it names.
fn dates(value: Part<'_>) -> Result<Test, Diagnostic> {
    let impossible = || value.bad("no date is in this range");
    if let Some(at) = value.text.find("<>") {
        let low = instant(value.slice(0, at).trim())?;
        let high = instant(value.slice(at + 2, value.text.len()).trim())?;
        return if high > low + 1 { Ok(Test::Within(low + 1, high - 1)) } else { Err(impossible()) };
    }
    if let Some(rest) = value.strip("<") {
        return instant(rest.trim()).map(|time| Test::Within(0, time - 1));
    }
    if let Some(rest) = value.strip(">") {
        return instant(rest.trim()).map(|time| Test::Within(time + 1, u64::MAX));
    }
    instant(value).map(|time| Test::Within(time, time))
}

/// `YYYY[-MM[-DD[ HH[:MM[:SS]]]]]`, UTC. Out: the time as a field has it, which is neither the first nor the last
/// number that there is.
fn instant(part: Part<'_>) -> Result<u64, Diagnostic> {
    let bad = || part.bad(format!("`{}` is no date", part.text)).help("write `2026-01-31 23:59:59`, or a part of that");
    let numbers: Option<Vec<i16>> = part.text.split(['-', ' ', 'T', ':']).map(|word| word.parse().ok()).collect();
    let numbers = numbers.filter(|numbers| numbers.len() <= 6).ok_or_else(bad)?;
    let get = |at: usize, usual: i16| numbers.get(at).copied().unwrap_or(usual);
    let small = |number: i16| i8::try_from(number).map_err(|_| bad());
    let time = DateTime::new(
        get(0, 0),
        small(get(1, 1))?,
        small(get(2, 1))?,
        small(get(3, 0))?,
        small(get(4, 0))?,
        small(get(5, 0))?,
        0,
    );
    let time = time.and_then(|time| time.to_zoned(TimeZone::UTC)).map_err(|_| bad())?;
    Ok(date(time.timestamp().as_second()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::ast::Spanned;

    fn read(notation: Notation, names: &'static [(&'static str, u64)], value: &str) -> Option<Test> {
        let spanned = |text: &str| Spanned { text: text.to_owned(), span: 0..text.len() };
        let opt = Opt { name: spanned("key"), value: Some(spanned(value)), span: 0..value.len() };
        parse(notation, 64, names, &opt).ok().and_then(|tests| tests.first().map(|array| array.test))
    }

    #[test]
    fn dates_are_read_to_the_second() {
        let at = |seconds: i64| date(seconds);
        for (text, wanted) in [
            ("1970", Some(Test::Within(at(0), at(0)))),
            ("1970-01-02", Some(Test::Within(at(86_400), at(86_400)))),
            ("1970-01-01 00:00:01", Some(Test::Within(at(1), at(1)))),
            ("1970-01-01T01", Some(Test::Within(at(3600), at(3600)))),
            ("1969-12-31 23:59:59", Some(Test::Within(at(-1), at(-1)))),
            (">1970", Some(Test::Within(at(1), u64::MAX))),
            ("<1970", Some(Test::Within(0, at(-1)))),
            ("1970<>1971", Some(Test::Within(at(1), at(31_535_999)))),
            ("1971<>1970", None),
            ("1970-13", None),
            ("1970-02-30", None),
            ("yesterday", None),
            ("", None),
        ] {
            assert_eq!(read(Notation::Date, &[], text), wanted, "{text}");
        }
    }

    #[test]
    fn bits_that_are_set_or_clear() {
        const NAMES: &[(&str, u64)] = &[("a", 1), ("b", 2), ("c", 4)];
        for (text, hits) in [("a,!c", [true, false]), ("!a", [false, true]), ("c", [false, true]), ("3", [true, false])]
        {
            let test = read(Notation::Flags, NAMES, text).unwrap();
            assert_eq!([3, 6].map(|value| test.matches(value)), hits, "{text}");
        }
        assert_eq!(read(Notation::Flags, NAMES, "a,d"), None);
    }

    #[test]
    fn one_of_several_and_which() {
        const NAMES: &[(&str, u64)] = &[("done", 5), ("entry", 4)];
        let parsed = |value: &str| {
            let spanned = |text: &str| Spanned { text: text.to_owned(), span: 0..text.len() };
            let opt = Opt { name: spanned("key"), value: Some(spanned(value)), span: 0..value.len() };
            parse(Notation::Indexed, 8, NAMES, &opt).ok()
        };
        for (text, hits) in [
            ("done", [true, true, false]),
            ("done,any", [true, true, false]),
            ("5, all", [false, true, false]),
            ("done,0", [false, true, false]),
            ("done,-1", [true, true, false]),
            (">4,1", [true, true, false]),
            ("!done,all", [false, false, true]),
        ] {
            let tests = parsed(text).unwrap();
            let passes = |values: &[u64]| tests.iter().any(|test| test.matches(values));
            assert_eq!([passes(&[4, 5]), passes(&[5, 5]), passes(&[4, 4])], hits, "{text}");
        }
        for wrong in ["", ",", "done,", "done,x", "256,0", "other"] {
            assert!(parsed(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_name_and_what_it_is() {
        const NAMES: &[(&str, u64)] = &[("alg_enc", 1), ("alg_hash", 2)];
        for (text, wanted) in [
            ("alg_enc=7", Some(1 << 32 | 7)),
            ("alg_hash = 0", Some(2 << 32)),
            ("alg_enc", None),
            ("alg_enc=", None),
            ("alg_enc=+7", None),
            ("alg_enc=4294967296", None),
            ("alg_prf=1", None),
        ] {
            let wanted = wanted.map(|value| Test::Within(value, value));
            assert_eq!(read(Notation::Attribute, NAMES, text), wanted, "{text}");
        }
    }

    #[test]
    fn one_word_and_no_other() {
        const NAMES: &[(&str, u64)] = &[("yes", 1), ("1", 1), ("no", 0)];
        for (text, wanted) in [("yes", Some(1)), ("1", Some(1)), ("NO", Some(0)), ("2", None), (">0", None), ("", None)]
        {
            assert_eq!(read(Notation::Name, NAMES, text), wanted.map(|value| Test::Within(value, value)), "{text}");
        }
    }

    #[test]
    fn two_numbers_make_one() {
        for (text, wanted) in [
            ("22,1", Some(0x1601)),
            ("0, 255", Some(255)),
            ("256,1", None),
            ("1", None),
            ("1,2,3", None),
            ("a,b", None),
        ] {
            assert_eq!(read(Notation::Pair, &[], text), wanted.map(|value| Test::Within(value, value)), "{text}");
        }
    }

    #[test]
    fn one_of_several_ranges() {
        let tests = |value: &str| {
            let spanned = |text: &str| Spanned { text: text.to_owned(), span: 0..text.len() };
            let opt = Opt { name: spanned("key"), value: Some(spanned(value)), span: 0..value.len() };
            let tests = parse(Notation::Ranges, 16, &[], &opt).ok()?;
            Some(tests.iter().map(|array| array.test).collect::<Vec<_>>())
        };
        assert_eq!(tests("5"), Some(vec![Test::Within(5, 5)]));
        assert_eq!(tests("1, 5-9,7"), Some(vec![Test::Within(1, 1), Test::Within(5, 9), Test::Within(7, 7)]));
        for wrong in ["", "a", ">3", "9-5", "1,,2", "65536", "!1"] {
            assert_eq!(tests(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn numbers_behind_their_names() {
        const NAMES: &[(&str, u64)] = &[("size", 1), ("push", 2)];
        let passes = |text: &str, value: u64| {
            let spanned = |text: &str| Spanned { text: text.to_owned(), span: 0..text.len() };
            let opt = Opt { name: spanned("key"), value: Some(spanned(text)), span: 0..text.len() };
            let tests = parse(Notation::Keyed, 64, NAMES, &opt).ok()?;
            Some(tests.iter().any(|test| test.matches(&[value])))
        };
        let size = |value: u64| 1 << 32 | value;
        for (text, hits, misses) in [
            ("size", vec![size(0), size(0xffff_ffff)], vec![2 << 32, 0]),
            ("SIZE=5", vec![size(5)], vec![size(6), 5, 2 << 32 | 5]),
            ("size >4096", vec![size(4097), size(0xffff_ffff)], vec![size(4096), 2 << 32]),
            ("size<5", vec![size(4), size(0)], vec![size(5), 4]),
            ("size!5", vec![size(4), size(6)], vec![size(5), 2 << 32]),
            ("size 2-9", vec![size(3), size(8)], vec![size(2), size(9)]),
            ("size&0x6=2", vec![size(2), size(11)], vec![size(6), 2 << 32 | 2]),
            ("size&0x6!=2", vec![size(6), size(0)], vec![size(2), size(11), 2 << 32]),
        ] {
            let all = |values: &[u64], passed| values.iter().all(|value| passes(text, *value) == Some(passed));
            assert!(all(&hits, true) && all(&misses, false), "{text}");
        }
        for wrong in ["", "other", "=5", "size=4294967296", "size=x"] {
            assert_eq!(passes(wrong, 0), None, "{wrong}");
        }
    }

    #[test]
    fn one_of_a_list_or_none_of_it() {
        const NAMES: &[(&str, u64)] = &[("a", 1), ("b", 2), ("c", 4)];
        for (text, hits) in [
            ("a", [true, false]),
            ("b,c", [false, true]),
            ("!a|b", [false, true]),
            ("!c", [true, false]),
            ("b c", [false, true]),
        ] {
            let test = read(Notation::AnyOf, NAMES, text).unwrap();
            assert_eq!([1, 4].map(|value| test.matches(value)), hits, "{text}");
        }
        assert_eq!(read(Notation::AnyOf, NAMES, "d"), None);
        assert_eq!(read(Notation::AnyOf, NAMES, ""), None);
    }
}
